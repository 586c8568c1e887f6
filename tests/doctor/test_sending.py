"""``--active``: acknowledgement, the served vehicle's answer, the jitter; and what is refused even then."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Thread

import pytest
from doctor_rig import Adapters, FakeChannel, Talker, examine, frames_of, hearing, one

from harness.adapter.client import Adapter
from harness.adapter.items import Error, Heard, Item
from harness.adapter.spec import Capabilities
from harness.adapter.stimulation import PROTOCOL, Answer, Operation, Request, Status
from harness.bench.blueprint import Blueprint
from harness.doctor import active
from harness.doctor.bounded import Attempt
from harness.doctor.examination import Examination
from harness.doctor.finding import Finding, Mark, can_run
from harness.errors import AdapterError
from harness.frames import Frame
from harness.wall import clock_ns

MakeBench = Callable[..., Blueprint]
REAL = ("BMS", "ESP")
PROBE = "[doctor]\nprobe = 0x7FE\n"
JITTER = active._jitter
SERVED = '[served]\nchannel = "powertrain"\n'


@pytest.fixture(autouse=True)
def no_jitter(monkeypatch: pytest.MonkeyPatch) -> None:
    """The jitter needs a real channel process; one test has it."""
    monkeypatch.setattr(active, "_jitter", lambda subject: Finding(subject.name, "jitter", Mark.SKIP, "not here"))
    monkeypatch.setattr(active, "ANSWER_NS", 200_000_000)


Reply = Callable[[Frame], list[Item]]


@dataclass
class Sending(FakeChannel):
    """Takes frames, and answers to each as ``reply`` says. taken: False: its send buffer is full."""

    reply: Reply = lambda frame: []
    taken: bool = True
    sent: list[Frame] = field(default_factory=list)

    def send(self, frame: Frame) -> bool:
        assert not self.spec.listen_only
        self.sent.append(frame)
        if self.taken:
            self.items += self.reply(frame)
        return self.taken


def sending(reply: Reply, *, frames: list[Frame] | None = None, taken: bool = True, **able: object) -> Adapters:
    capabilities: Capabilities = hearing(**able).make(None).capabilities  # type: ignore[arg-type]
    return Adapters(lambda spec: Sending(spec, frames or [], deque(), capabilities, reply=reply, taken=taken))


def echo(frame: Frame) -> list[Item]:
    return [Heard(clock_ns(), frame, own=True)]


def sent_by(adapters: Adapters) -> list[Frame]:
    return [frame for channel in adapters.opened if isinstance(channel, Sending) for frame in channel.sent]


# -- acknowledgement ---------------------------------------------------------------------------------------------------


def test_an_acknowledged_frame(bench: MakeBench) -> None:
    adapters = sending(echo)
    found = one(examine(bench(more=PROBE), adapters, active=True), "ACK")
    assert found.mark is Mark.OK
    assert found.text.startswith("0x7FE was on the bus, acknowledged, after ")
    assert sent_by(adapters) == [Frame(0x7FE)]
    assert all(channel.closed for channel in adapters.opened)


def test_an_identifier_above_11_bits_has_29(bench: MakeBench) -> None:
    adapters = sending(echo)
    examine(bench(more="[doctor]\nprobe = 0x800\n"), adapters, active=True)
    assert sent_by(adapters) == [Frame(0x800, extended=True)]


def test_an_echo_without_a_bus_proves_nothing(bench: MakeBench) -> None:
    found = one(examine(bench("udp_multicast", "239.0.0.1", more=PROBE), sending(echo), active=True), "ACK")
    assert "no bus" in found.text


@pytest.mark.parametrize(
    ("reply", "taken", "text"),
    [
        (lambda frame: [Error(clock_ns(), "ack")] * 3, True, "was not acknowledged: 3 error frames within 200 ms"),
        (lambda frame: [], True, "was not on the bus within 200 ms"),
        (lambda frame: [Heard(clock_ns(), frame)], True, "was not on the bus within 200 ms"),  # somebody else's
        (lambda frame: [], False, "the send buffer stays full"),
    ],
)
def test_a_frame_that_nobody_acknowledges(bench: MakeBench, reply: Reply, taken: bool, text: str) -> None:
    blueprint = bench(more=PROBE)
    findings = examine(blueprint, sending(reply, taken=taken, frames=frames_of(blueprint, *REAL)), active=True)
    found = one(findings, "ACK")
    assert found.mark is Mark.FAIL
    assert text in found.text
    assert "is anybody on the bus?" in found.todo
    assert not can_run(findings)


def test_an_adapter_that_does_not_tell(bench: MakeBench) -> None:
    found = one(examine(bench(more=PROBE), sending(lambda frame: [], echo=False), active=True), "ACK")
    assert found.mark is Mark.SKIP
    assert "does not tell" in found.text


def test_acknowledgement_excuses_the_silence_of_a_network_that_sleeps(bench: MakeBench) -> None:
    asleep = '[restbus]\nsleep_after = "500 ms"\n'
    findings = examine(bench(more=PROBE + asleep), sending(echo), active=True)
    assert one(findings, "traffic").mark is Mark.WARN
    assert can_run(findings)
    assert one(examine(bench(more=PROBE), sending(echo), active=True), "traffic").mark is Mark.FAIL  # it never sleeps


# -- what is refused ---------------------------------------------------------------------------------------------------


def test_nothing_is_sent_that_is_not_declared(bench: MakeBench) -> None:
    adapters = hearing()  # whose send raises
    found = one(examine(bench(), adapters, active=True), "ACK")
    assert found.mark is Mark.SKIP
    assert "declares no frame as harmless" in found.text
    assert "[doctor] probe" in found.todo


def test_a_message_of_the_vehicle_is_not_harmless(bench: MakeBench) -> None:
    blueprint = bench()
    pedals = frames_of(blueprint, "PEDAL")[0]
    found = one(examine(bench(more=f"[doctor]\nprobe = {pedals.id}\n"), hearing(), active=True), "ACK")
    assert found.mark is Mark.SKIP
    assert f"the probe 0x{pedals.id:03X} is " in found.text


def test_nothing_is_sent_at_a_wrong_bit_rate(bench: MakeBench) -> None:
    blueprint = bench(more=PROBE + SERVED)
    frames = frames_of(blueprint, *REAL)
    adapters = Adapters(lambda spec: FakeChannel(spec, frames if spec.bitrate == 250_000 else []))
    found = one(examine(blueprint, adapters, active=True), "ACK")
    assert (found.mark, found.text) == (Mark.SKIP, "nothing was sent, as the bit rate is wrong")
    assert all(channel.spec.listen_only for channel in adapters.opened)


def test_an_adapter_that_takes_part_tries_no_other_bit_rates(bench: MakeBench) -> None:
    adapters = hearing()
    examine(bench("gs_usb", "0"), adapters, active=True)
    assert [channel.spec.bitrate for channel in adapters.opened] == [500_000]


# -- the served vehicle ------------------------------------------------------------------------------------------------


def hello(version: float = PROTOCOL, operation: Operation = Operation.HELLO) -> Reply:
    return lambda frame: [Heard(clock_ns(), Answer(operation, 0, Status.DONE, version).frame())]


def test_a_served_vehicle_is_not_asked_unasked(bench: MakeBench) -> None:
    found = one(examine(bench(more=SERVED), hearing()), "served")
    assert (found.mark, found.todo) == (Mark.SKIP, "--active asks it")


def test_a_served_vehicle_answers(bench: MakeBench) -> None:
    adapters = sending(hello())
    findings = examine(bench(more=SERVED), adapters, active=True)
    assert one(findings, "served").mark is Mark.OK
    assert sent_by(adapters) == [Request(Operation.HELLO).frame()]


def test_stimulation_frames_are_not_unknown(bench: MakeBench) -> None:
    blueprint = bench(more=SERVED)
    frames = [*frames_of(blueprint, *REAL), Answer(Operation.LATENESS, 1, Status.DONE).frame()]
    assert one(examine(blueprint, hearing(frames)), "database").mark is Mark.OK


@pytest.mark.parametrize("reply", [lambda frame: [], hello(operation=Operation.LATENESS)])
def test_no_served_vehicle(bench: MakeBench, reply: Reply) -> None:
    found = one(examine(bench(more=SERVED), sending(reply), active=True), "served")
    assert found.mark is Mark.FAIL
    assert "harness simulate" in found.todo


def test_a_served_vehicle_of_another_version(bench: MakeBench) -> None:
    found = one(examine(bench(more=SERVED), sending(hello(99)), active=True), "served")
    assert found.mark is Mark.FAIL
    assert f"speaks version 99 of the stimulation protocol, not {PROTOCOL}" in found.text


# -- jitter ------------------------------------------------------------------------------------------------------------


def test_the_jitter_of_a_real_channel_process(
    bench: MakeBench, talker: Callable[[list[Frame]], Talker], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(active, "_jitter", JITTER)
    adapter = talker([])
    findings = Examination(bench("slcan", adapter.port, more=PROBE), active=True, seconds=0.2).findings()
    found = one(findings, "jitter")
    assert found.mark in (Mark.OK, Mark.WARN), found  # how punctual this machine is, is its affair
    assert found.facts["frames"] >= active.PERIODS
    assert 0 <= found.facts["p50_ns"] <= found.facts["p99_ns"] <= found.facts["max_ns"]
    # The adapter's own thread may still be reading the last of it: the close comes after all frames.
    end = time.monotonic() + 10
    while adapter.line.opened and time.monotonic() < end:
        time.sleep(0.01)
    assert not adapter.line.opened
    assert adapter.line.counts.received >= active.PERIODS


def test_a_channel_process_that_sends_nothing(bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(active, "_jitter", JITTER)
    monkeypatch.setattr(Adapter, "open", _refuse)
    found = one(examine(bench(more=PROBE), sending(echo), active=True), "jitter")
    assert found.mark is Mark.FAIL
    assert (found.text, found.todo) == ("no process", "start one")


def test_a_channel_process_that_starts_slowly_is_no_hanging_adapter(
    bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(active, "_jitter", JITTER)
    monkeypatch.setattr(active, "LIMIT_S", 0.05)

    def start_slowly(adapter: Adapter) -> None:
        Event().wait(0.5)
        _refuse(adapter)

    monkeypatch.setattr(Adapter, "open", start_slowly)
    found = one(examine(bench(more=PROBE), sending(echo), active=True), "jitter")
    assert (found.text, found.todo) == ("no process", "start one")


def _refuse(adapter: Adapter) -> None:
    raise AdapterError("no process; start one")


def test_ctrl_c_while_sending_waits_until_the_channel_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    begun, go = Event(), Event()

    def work() -> None:
        begun.set()
        go.wait(10)
        done.append("closed")

    attempt = Attempt(work, "sending")
    real = Thread.join
    interrupted: list[bool] = []

    def join(thread: Thread, timeout: float | None = None) -> None:
        if not interrupted:
            interrupted.append(True)
            begun.wait(10)
            go.set()
            raise KeyboardInterrupt
        real(thread, timeout)

    monkeypatch.setattr(Thread, "join", join)
    with pytest.raises(KeyboardInterrupt):
        attempt.result(10)
    assert done == ["closed"]
