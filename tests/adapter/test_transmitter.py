"""A transmitter whose schedule is elsewhere sends what one in the same process sends, whatever is done to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.adapter.commands import Command, Send, Switch, Tell
from harness.adapter.items import Missed, Report, Sent, Trouble
from harness.adapter.outbox import Outbox
from harness.adapter.remote_world import RemoteWorld
from harness.adapter.session import Session
from harness.adapter.transmitter import RemoteMessage, RemoteTransmitter
from harness.frames import Frame
from harness.loop import Loop, Owner
from harness.restbus import Alteration, Change, Transmitter
from harness.restbus.alterations import FlippedBit, OtherLength, Suppression
from harness.units import kmh
from tests.restbus.scripted_port import MS, PLANS, ScriptedPort

NAMES = ("Speed", "Door", "Lamp", "Crash", "Horn", "Mixed", "Cells", "Torque")
CHOSEN = tuple(replace(PLANS[name], start_delay_ns=PLANS[name].start_delay_ns // MS * MS) for name in NAMES)
NODE = "BODY"


@dataclass
class Elsewhere:
    """The channel process' part, without process: commands take effect when they are given. It stands for both ends."""

    clock: int = 0
    sent: list[tuple[int, Frame]] = field(default_factory=list)
    reported: list[Report] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.outbox = Outbox(lambda: self.clock)
        self.world = RemoteWorld(
            "test", {NODE: CHOSEN}, {}, 0, self, self.outbox, lambda: self.clock, echo=False
        )  # fmt: skip
        self.loop = Loop()
        self.session = Session(self.send, count(1))
        self.transmitter = RemoteTransmitter(self.session, "test", self.loop, CHOSEN, Owner(NODE))

    def send(self, given: Any) -> bool:
        """As a connection: obey a command. As a driver: take a frame."""
        if isinstance(given, Frame):
            self.sent.append((self.clock, given))
        else:
            command: Command = given
            assert isinstance(command, (Switch, Tell, Send))
            self.world.obey(command)
            self.report()
        return True

    def until(self, time: int) -> None:
        while True:
            due = min(time, max(self.world.due_ns, self.clock))
            self.clock = due
            self.world.advance()
            self.loop.run_until(due)
            self.report()
            if due == time:
                return

    def report(self) -> None:
        while self.outbox._items:
            item = self.outbox._items.popleft()
            self.reported.append(item)
            self.session.apply(item, self.loop.now)


class Here:
    """The same in this process."""

    def __init__(self) -> None:
        self.loop = Loop()
        self.port = ScriptedPort(self.loop)
        self.transmitter = Transmitter(self.loop, self.port, CHOSEN, Owner(NODE))

    @property
    def sent(self) -> list[tuple[int, Frame]]:
        return self.port.posted

    def until(self, time: int) -> None:
        self.loop.run_until(time)


Step = Callable[[Transmitter], Change | None]


def values_of(name: str) -> st.SearchStrategy[dict[str, object]]:
    plan = PLANS[name]
    own = {plan.protection.counter, plan.protection.crc} if plan.protection else set()
    signals = [signal for signal in plan.message.signals if signal.name not in own]
    chosen = st.sampled_from(signals)
    return chosen.flatmap(lambda signal: st.sampled_from(signal.physical_range).map(lambda value: {signal.name: value}))


def on_message(action: Callable[[Any, Any], Any], argument: Callable[[str], st.SearchStrategy[Any]]) -> Any:
    return st.sampled_from(NAMES).flatmap(
        lambda name: argument(name).map(lambda given: lambda transmitter: action(transmitter.message(name), given))
    )


def nothing(name: str) -> st.SearchStrategy[None]:
    return st.none()


def payloads(name: str) -> st.SearchStrategy[bytes]:
    return st.sampled_from([bytes(64), b"\x01" * 64])


STEPS: st.SearchStrategy[Step] = st.one_of(
    on_message(lambda message, values: message.set(values), values_of),
    on_message(lambda message, values: message.set(values), values_of),
    on_message(lambda message, values: message.update(values), values_of),
    on_message(lambda message, _: message.send_now(), nothing),
    on_message(lambda message, data: message.forward(data), payloads),
    on_message(lambda message, _: message.stop(), nothing),
    on_message(lambda message, _: message.start(), nothing),
    on_message(lambda message, number: setattr(message, "counter", number), lambda name: st.integers(0, 14)),
    st.sampled_from([
        lambda transmitter: transmitter.start(), lambda transmitter: transmitter.stop(),
        lambda transmitter: transmitter.reset(), lambda transmitter: transmitter.reset(keep_values=True),
    ]),
)  # fmt: skip


@given(st.lists(st.tuples(st.integers(0, 40), STEPS), max_size=30))
@settings(deadline=None, max_examples=100)
def test_it_sends_the_same_frames_at_the_same_instants(steps: list[tuple[int, Step]]) -> None:
    here, elsewhere = Here(), Elsewhere()
    changes: list[tuple[Change, Change]] = []
    now = 0
    for side in (here, elsewhere):
        side.transmitter.start()
    for wait, step in steps:
        now += wait * MS
        made = []
        for side in (here, elsewhere):
            side.until(now)
            made.append(step(side.transmitter))
        elsewhere.report()
        if isinstance(made[0], Change) and isinstance(made[1], Change):
            changes.append((made[0], made[1]))
            expected = [change.due or change.delivered is not None for change in made if change is not None]
            assert expected[0] <= expected[1], "what is to come there is known to come here"
        for mine, theirs in zip(here.transmitter.messages, elsewhere.transmitter.messages, strict=True):
            assert (mine.values, mine.active) == (theirs.values, theirs.active)
        assert here.transmitter.running == elsewhere.transmitter.running
    for side in (here, elsewhere):
        side.until(now + 500 * MS)
    assert here.sent == elsewhere.sent
    assert here.transmitter.resets == elsewhere.transmitter.resets
    assert [mine.delivered for mine, _ in changes] == [theirs.delivered for _, theirs in changes]


@pytest.fixture
def elsewhere() -> Elsewhere:
    made = Elsewhere()
    made.transmitter.start()
    return made


class Whole(int):
    """A number of another package's type."""


class Fraction(float):
    """The same."""


def test_values_go_there_without_types_of_other_packages(elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Tell] = []
    monkeypatch.setattr(elsewhere.session, "tell", told.append)
    speed = elsewhere.transmitter.message("Speed")
    for value in (Whole(30), Fraction(31.5), 32 * kmh, 33, True):
        speed.set({"VehicleSpeed": value})
    given = [command.argument[0]["VehicleSpeed"] for command in told]
    assert [type(each).__name__ for each in given] == ["int", "float", "Quantity", "int", "bool"]
    assert speed.values["VehicleSpeed"] == 1.0


def test_frames_of_others_and_raw_ones_mean_nothing_to_its_messages(elsewhere: Elsewhere) -> None:
    elsewhere.session.apply(Sent(5, NODE, Frame(0x7AB)), 5)
    elsewhere.session.apply(Sent(5, "nobody", Frame(PLANS["Speed"].message.key)), 5)
    assert elsewhere.transmitter.message("Speed").counter == 0


@pytest.mark.parametrize("name", ["Speed", "Torque"])
def test_the_next_counter_is_known_as_far_as_frames_were_reported(elsewhere: Elsewhere, name: str) -> None:
    message = elsewhere.transmitter.message(name)
    elsewhere.until(205 * MS)
    frames = [frame for _, frame in elsewhere.sent if frame.key == message.key]
    assert message.counter == len(frames) % message.modulo != 0
    assert elsewhere.transmitter.message("Door").counter == 0


@pytest.mark.parametrize("alteration", [OtherLength(3, 2), FlippedBit(3, 9), Suppression(3)])
def test_disturbances_do_the_same_there(alteration: Alteration) -> None:
    here, elsewhere = Here(), Elsewhere()
    sides: tuple[Here | Elsewhere, ...] = here, elsewhere
    told: list[list[bytes | None]] = [[], []]
    for side, own in zip(sides, told, strict=True):
        message = side.transmitter.message("Speed")
        message.on_tampered = own.append
        message.tamper = replace(alteration)
        side.transmitter.start()
        side.until(100 * MS)
    assert here.sent == elsewhere.sent
    assert told[0] == told[1] and len(told[0]) == 3


@pytest.mark.parametrize(("stood_still", "left_out"), [(20, 0), (31, 0), (32, 1), (1000, 97)])
def test_what_stood_still_loses_nothing_within_two_cycles(
    elsewhere: Elsewhere, stood_still: int, left_out: int
) -> None:
    elsewhere.until(100 * MS)
    elsewhere.clock += stood_still * MS
    elsewhere.world.advance()
    elsewhere.until(elsewhere.clock + 100 * MS)
    missed = {each.message: each.cycles for each in elsewhere.reported if isinstance(each, Missed)}
    assert missed.get("Speed", 0) == left_out
    troubles = [each for each in elsewhere.reported if isinstance(each, Trouble)]
    assert [each.fatal for each in troubles] == [False] * bool(left_out)
    speed = elsewhere.transmitter.message("Speed")
    frames = [frame for _, frame in elsewhere.sent if frame.key == speed.key]
    assert speed.protector is not None
    assert [speed.protector.check(frame.data).counter for frame in frames] == [n % 15 for n in range(len(frames))]
    assert len(frames) == (198 + stood_still) // 10 + 1 - left_out, "it begins after 2 ms"


def test_reports_belong_to_the_disturbance_that_was_set_when_it_began(elsewhere: Elsewhere) -> None:
    told: list[bytes | None] = []
    speed = elsewhere.transmitter.message("Speed")
    speed.on_tampered = told.append
    speed.tamper = OtherLength(1, 2)
    elsewhere.clock = 10 * MS
    elsewhere.world.advance()  # altered, and not reported yet
    speed.on_tampered = lambda data: pytest.fail("of the next one")
    speed.tamper = FlippedBit(1, 0)
    assert [len(data or b"") for data in told] == [2]


def test_what_is_being_repeated_is_due_when_it_is_set_again() -> None:
    for side in (Here(), Elsewhere()):
        crash = side.transmitter.message("Crash")
        side.transmitter.start()
        signal = next(iter(crash.values))
        crash.set({signal: 1})
        side.until(5 * MS)
        assert crash.set({signal: 1}).due
        side.until(500 * MS)
        assert not crash.set({signal: 1}).due


def test_a_remote_node_has_power_until_somebody_says_otherwise(elsewhere: Elsewhere) -> None:
    assert elsewhere.transmitter.powered
    elsewhere.transmitter.powered = False
    assert not elsewhere.transmitter.powered
    assert isinstance(elsewhere.transmitter.message("Speed"), RemoteMessage)
