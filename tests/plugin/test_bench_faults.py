"""Whether the bench explains what a test ended with: by the channels that it used, at the time when it mattered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.adapter.diagnosis import Diagnosis
from harness.adapter.items import Error, Heard, Overrun, Trouble
from harness.bench.accounting import Accounting
from harness.bench.left_out import LeftOut
from harness.errors import AdapterLost, Blocked, ExpectationFailed, Inconclusive, IntegrityError
from harness.evidence.events import Claim, Event
from harness.evidence.verdicts import Verdict
from harness.frames import Frame
from harness.pytest_support.bench_faults import explained, nobody_there
from harness.pytest_support.open_world import OpenWorld, Share
from harness.pytest_support.worlds import Worlds

S, MS = 1_000_000_000, 1_000_000


class Bench:
    """As much of a bench on two channels as is looked at; its world is at 10 s."""

    def __init__(self, *used: str) -> None:
        self.body, self.chassis = (Diagnosis(name, {}, own={}, begin=0) for name in ("body", "chassis"))
        self.accounting = Accounting({"body": 50_000, "chassis": 50_000})
        self.journal: list[Event] = []
        self.instrument = ""
        self.incidents: Any = SimpleNamespace(raised=[], doubts=[], collected=[])
        self.now = 10 * S
        loop = SimpleNamespace(now=10 * S, failure=None, interrupted=None, held=nullcontext)
        blueprint = SimpleNamespace(file=SimpleNamespace(late_limit=8 * MS))
        self.world = SimpleNamespace(
            live=self, stopped=None, accounting=self.accounting, used=set(used), loop=loop, blueprint=blueprint
        )  # fmt: skip
        self.loop = loop

    def diagnoses(self, channels: Collection[str]) -> Sequence[Diagnosis]:
        return [each for each in (self.body, self.chassis) if not channels or each.channel in channels]

    def instrument_fault(self) -> str | None:
        return self.instrument or None

    def attach_own(self) -> None:
        """Nothing is watched."""

    def attach(self, *watched: object, whole_run: bool) -> None:
        """Nothing is watched."""

    @property
    def shares(self) -> list[Share]:
        return [Share(OpenWorld(cast(Any, self)))]


def unplug(diagnosis: Diagnosis) -> None:
    diagnosis.take(Trouble(S, "the adapter is gone", fatal=True))


WRONG = AssertionError("the lamp is off")


def test_a_fault_of_a_channel_that_was_used_is_the_reason() -> None:
    bench = Bench("body")
    unplug(bench.body)
    red = explained(bench.shares, WRONG)
    assert isinstance(red, Blocked) and red.__cause__ is WRONG
    assert str(red) == "body: the adapter is gone.\nThe test ended with: the lamp is off"


def test_one_of_another_channel_is_only_noted() -> None:
    bench, failure = Bench("body"), AssertionError("the lamp is off")
    unplug(bench.chassis)
    assert explained(bench.shares, failure) is explained(bench.shares, failure) is failure
    assert failure.__notes__ == [
        "something is wrong with a channel that this test does not use: chassis: the adapter is gone"
    ]


def test_where_no_channel_was_named_all_count() -> None:
    bench = Bench()
    unplug(bench.chassis)
    assert isinstance(explained(bench.shares, WRONG), Blocked)


def test_an_unplugged_adapter_makes_no_checksum_wrong_but_lost_frames_make_a_counter() -> None:
    bench, failure = Bench("body"), IntegrityError("Lamps has a wrong checksum")
    unplug(bench.body)
    bench.instrument = "the supply does not answer"
    assert explained(bench.shares, failure, [AdapterLost("the adapter is gone")]) is failure
    bench.body.take(Overrun(S, 1))
    assert isinstance(explained(bench.shares, failure), Blocked)


def missing(channel: str, *, punctual: bool) -> IntegrityError:
    error = IntegrityError("Lamps is missing", timed=True, channel=channel)
    error.punctual = punctual
    return error


def test_an_unplugged_adapter_is_why_a_frame_is_missing_on_its_channel_whatever_the_test_used() -> None:
    bench = Bench("body")
    unplug(bench.chassis)
    assert isinstance(explained(bench.shares, missing("chassis", punctual=True)), Blocked)
    failure = missing("body", punctual=True)
    assert explained(bench.shares, failure) is failure


def test_a_bench_that_was_on_time_does_not_explain_a_missing_frame_by_lateness() -> None:
    bench, failure = Bench("body"), missing("body", punctual=True)
    late(bench, 9 * S)
    assert explained(bench.shares, failure) is failure
    assert isinstance(explained(bench.shares, missing("body", punctual=False)), Inconclusive)


def test_a_broken_rest_bus_explains_what_the_device_did_but_no_checksum() -> None:
    bench, doubt = Bench("body"), LeftOut()
    doubt.cycles["body.Pedals"] = 3
    red = explained(bench.shares, WRONG, doubts=[doubt])
    assert isinstance(red, Inconclusive) and "3 of body.Pedals" in str(red) and "the lamp is off" in str(red)
    failure = IntegrityError("Lamps has a wrong checksum")
    assert explained(bench.shares, failure, doubts=[doubt]) is failure
    assert explained(bench.shares, WRONG, doubts=[Inconclusive("a cycle cannot be told")]) is WRONG


def test_an_incident_that_nothing_explains_outweighs_a_failure_that_something_does() -> None:
    bench, wrong = Bench("body"), IntegrityError("Lamps has a wrong checksum")
    late(bench, 9 * S)
    bench.incidents.raised.append(wrong)
    worlds = Worlds(Path("bench.toml"), 0)
    worlds.shares = bench.shares
    worlds._alive = [bench.shares[0].world]
    assert worlds.judge(AssertionError("the lamp is off")) is wrong


def test_what_only_stands_open_blocks_no_test_that_does_not_touch_it() -> None:
    bench = Bench()
    bench.body.complete(3 * S)
    (share,) = bench.shares
    other = Share(share.world, since=2 * S)
    assert nobody_there([other]) is None
    bench.journal.append(acted(9 * S))
    assert isinstance(nobody_there([other]), Blocked)


def test_a_test_inherits_neither_channels_nor_doubts() -> None:
    bench = Bench("body")
    bench.incidents.doubts.append(LeftOut())
    worlds = Worlds(Path("bench.toml"), 0)
    worlds._alive = [bench.shares[0].world]
    worlds.begin()
    assert not bench.world.used and not bench.incidents.doubts
    assert [each.title[:22] for each in bench.journal] == ["before this test began"]
    assert worlds.judge(None) is None


def test_instruments_and_what_stopped_the_world_count_on_every_channel() -> None:
    bench = Bench("body")
    assert isinstance(explained(bench.shares, WRONG, [AdapterLost("the adapter is gone")]), Blocked)
    bench.instrument = "the supply does not answer"
    assert str(explained(bench.shares, WRONG)).startswith("the supply does not answer")


@pytest.mark.parametrize("red", [Blocked("no adapter"), pytest.skip.Exception("not here")])
def test_what_is_no_failure_is_left_as_it_is(red: BaseException) -> None:
    bench = Bench("body")
    unplug(bench.body)
    assert explained(bench.shares, red) is red


def judged(start: int) -> Event:
    return Event(10 * S, "expectation", "expect", Verdict.FAILED, claim=Claim("On", "Off", window=(start, 10 * S)))


def acted(time: int) -> Event:
    return Event(time, "stimulus", "set BrakePedal = 40 %")


def late(bench: Bench, at: int) -> None:
    bench.accounting.channels["body"].note(at - MS, 0)
    bench.accounting.channels["body"].note(at, 20 * MS)
    bench.accounting.channels["body"].note(10 * S, 0)


@pytest.mark.parametrize(
    ("events", "claimed", "at", "doubtful"),
    [
        pytest.param([judged(9 * S)], True, 8500 * MS, True, id="shortly before what was judged"),
        pytest.param([judged(9 * S)], True, 7500 * MS, False, id="long before what was judged"),
        pytest.param([judged(9 * S), acted(10 * S)], True, 8500 * MS, True, id="a clean-up changes nothing"),
        pytest.param([judged(5 * S), acted(9 * S)], False, 8500 * MS, True, id="shortly before what the test did last"),
        pytest.param([judged(5 * S), acted(9 * S)], False, 7500 * MS, False, id="long before what the test did last"),
        pytest.param([], False, 1 * S, True, id="nothing is known"),
    ],
)  # fmt: skip
def test_lateness_counts_when_it_matters(events: list[Event], claimed: bool, at: int, doubtful: bool) -> None:
    bench, failure = Bench("body"), (ExpectationFailed if claimed else AssertionError)("BrakeLamp is Off")
    bench.journal += events
    late(bench, at)
    red = explained(bench.shares, failure)
    if doubtful:
        assert isinstance(red, Inconclusive) and red.__cause__ is failure
        assert "late by more than 8 ms" in str(red) and "It failed with: BrakeLamp is Off" in str(red)
    else:
        assert red is failure
        assert "late by more than 8 ms earlier in this test, before 8 s" in failure.__notes__[0]


def test_a_bench_that_was_not_late_explains_nothing() -> None:
    assert explained(Bench("body").shares, WRONG) is WRONG


def test_lateness_makes_no_checksum_wrong() -> None:
    bench, failure = Bench("body"), IntegrityError("Lamps has a wrong checksum")
    late(bench, 9 * S)
    assert explained(bench.shares, failure) is failure
    assert isinstance(explained(bench.shares, IntegrityError("late", timed=True)), Inconclusive)


def test_whoever_finds_nothing_wrong_where_nobody_was_has_shown_nothing() -> None:
    bench = Bench("body")
    bench.body.complete(3 * S)
    red = nobody_there(bench.shares)
    assert isinstance(red, Blocked) and "nothing was received for 3 s" in str(red)
    bench.body.take(Heard(3 * S, Frame(0x100)))
    assert nobody_there(bench.shares) is None
    for _ in range(20):
        bench.body.take(Error(4 * S, "crc"))
    assert bench.body.reason() is not None and nobody_there(bench.shares) is None, "somebody was there before"
    bench.chassis.complete(9 * S)
    assert nobody_there(bench.shares) is None, "the test did not use it"
