"""A bench under examination: what each check finds, that it never sends unasked, and that it ends in bounded time."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from doctor_rig import Adapters, FakeChannel, Talker, examine, frames_of, hearing, one

from harness.adapter.items import Error, Heard, Item, Overrun
from harness.adapter.opening import arguments
from harness.adapter.spec import AdapterSpec
from harness.adapter.traits import traits_of
from harness.bench.blueprint import Blueprint
from harness.doctor import listening
from harness.doctor.examination import Examination
from harness.doctor.finding import Finding, Mark, can_run
from harness.errors import AdapterError, MissingExtra
from harness.frames import Frame
from harness.lease import take
from harness.wall import clock_ns

MakeBench = Callable[..., Blueprint]
Plug = Callable[[list[Frame]], Talker]
REAL = ("BMS", "ESP")


def marks(findings: list[Finding]) -> dict[str, Mark]:
    return {finding.check: finding.mark for finding in findings}


# -- a bench that is as it should be -----------------------------------------------------------------------------------


def test_a_bench_that_can_run(bench: MakeBench) -> None:
    blueprint = bench()
    findings = examine(blueprint, hearing(frames_of(blueprint, *REAL)))
    assert marks(findings) == {
        "lease": Mark.OK, "adapter": Mark.OK, "traffic": Mark.OK, "bit rate": Mark.OK, "database": Mark.OK,
        "senders": Mark.OK, "nodes": Mark.OK, "timestamps": Mark.OK, "echo": Mark.OK, "CAN FD": Mark.SKIP,
        "ACK": Mark.SKIP,
    }  # fmt: skip
    assert can_run(findings)
    traffic = one(findings, "traffic")
    assert traffic.facts["identifiers"] == len(frames_of(blueprint, *REAL))
    assert traffic.facts["frames_per_s"] == pytest.approx(traffic.facts["frames"] * 1e9 / traffic.facts["span_ns"])
    assert 0 < traffic.facts["load"] < 1


def test_a_simulated_bench_needs_no_hardware(bench: MakeBench) -> None:
    path = Path(__file__).parents[2] / "benches" / "virtual.toml"
    findings = Examination(Blueprint.load(path)).findings()
    assert [finding.mark for finding in findings] == [Mark.OK]


# -- never sends unasked -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("interface", ["slcan", "pcan", "vector", "kvaser", "seeedstudio", "cantact"])
def test_a_channel_is_opened_silently(bench: MakeBench, interface: str) -> None:
    """Whatever the bench file's options say; and the fake's ``send`` raises."""
    talking = {
        "listen_only": False,
        "state": "ACTIVE",
        "driver_mode": True,
        "operation_mode": "normal",
        "monitor": False,
    }
    blueprint = bench(interface, "1")
    channel = blueprint.file.channels[0]
    assert channel.adapter is not None
    loud = replace(channel, adapter=replace(channel.adapter, options={**talking, "rtscts": True}))
    blueprint = replace(blueprint, file=replace(blueprint.file, channels=(loud,)))
    adapters = hearing(frames_of(blueprint, *REAL))
    findings = examine(blueprint, adapters)
    assert can_run(findings)
    (opened,) = adapters.opened
    assert opened.spec.listen_only and opened.closed
    given = arguments(opened.spec, traits_of(interface))
    assert {key: given[key] for key in traits_of(interface).listen_only or {}} == traits_of(interface).listen_only
    assert given["rtscts"] is True


@pytest.mark.parametrize("interface", ["socketcan", "udp_multicast"])
def test_a_channel_that_opening_does_not_disturb(bench: MakeBench, interface: str) -> None:
    blueprint = bench(interface, "can0")
    adapters = hearing(frames_of(blueprint, *REAL), listen_only=False)
    findings = examine(blueprint, adapters)
    assert can_run(findings)
    assert one(findings, "adapter").mark is Mark.OK


def test_an_interface_that_cannot_just_listen_is_left_alone(bench: MakeBench) -> None:
    adapters = hearing()
    found = one(examine(bench("gs_usb", "0"), adapters), "adapter")
    assert found.mark is Mark.FAIL
    assert "cannot just listen" in found.text
    assert "--active" in found.todo
    assert not adapters.opened


def test_with_leave_it_is_opened(bench: MakeBench) -> None:
    blueprint = bench("gs_usb", "0")
    findings = examine(blueprint, hearing(frames_of(blueprint, *REAL)), active=True)
    assert one(findings, "traffic").mark is Mark.OK
    assert one(findings, "ACK").mark is Mark.SKIP  # the bench file declares nothing harmless


def test_the_adapter_gets_L_and_not_one_frame(bench: MakeBench, talker: Plug) -> None:
    """Through python-can's own driver, on the other side of a serial line."""
    frames = frames_of(bench(), *REAL)
    adapter = talker(frames)
    findings = Examination(bench("slcan", adapter.port), seconds=0.5).findings()
    assert one(findings, "traffic").mark is Mark.OK
    assert one(findings, "adapter").text.endswith("listen only")
    assert can_run(findings)
    end = time.monotonic() + 10  # whatever was written before the channel was closed has been read by then
    while adapter.line.opened and time.monotonic() < end:
        time.sleep(0.01)
    assert adapter.listened_only
    assert adapter.line.listen_only
    assert (adapter.line.counts.received, adapter.line.counts.refused) == (0, 0)


# -- who else talks ----------------------------------------------------------------------------------------------------


def test_another_database(bench: MakeBench) -> None:
    frames = frames_of(bench(), *REAL)
    found = one(
        examine(bench(database="body", real=("BCM",), more="data_bitrate = 2000000"), hearing(frames)), "database"
    )
    assert found.mark is Mark.FAIL
    assert "identifiers are unknown" in found.text
    assert "is it this bus" in found.todo


def test_one_stranger_among_many_is_a_warning(bench: MakeBench) -> None:
    blueprint = bench()
    found = one(examine(blueprint, hearing([*frames_of(blueprint, *REAL), Frame(0x7E8, bytes(8))])), "database")
    assert found.mark is Mark.WARN
    assert "(0x7E8)" in found.text
    assert found.facts["unknown"] == ["0x7E8"]


def test_frames_that_are_too_short(bench: MakeBench) -> None:
    blueprint = bench()
    frames = [frame._replace(data=frame.data[:-1]) for frame in frames_of(blueprint, *REAL)]
    found = one(examine(blueprint, hearing(frames)), "database")
    assert found.mark is Mark.FAIL
    assert f"{len(frames)} are too short" in found.text


def test_somebody_else_plays_the_sensors_as_well(bench: MakeBench) -> None:
    blueprint = bench()
    pedals = frames_of(blueprint, "PEDAL")
    findings = examine(blueprint, hearing([*frames_of(blueprint, *REAL), *pedals]))
    found = one(findings, "senders")
    assert found.mark is Mark.FAIL
    assert "sent by somebody else, and by this bench for PEDAL" in found.text
    assert "state = 'real'" in found.todo
    assert not can_run(findings)


def test_a_node_that_is_not_heard(bench: MakeBench) -> None:
    blueprint = bench()
    found = one(examine(blueprint, hearing(frames_of(blueprint, "BMS"))), "nodes")
    assert (found.mark, found.facts["missing"]) == (Mark.WARN, ["ESP"])


# -- bit rate, errors, silence -----------------------------------------------------------------------------------------


def test_only_error_frames(bench: MakeBench) -> None:
    errors: list[Item] = [Error(clock_ns(), kind) for kind in [*30 * ["stuff"], "form", "form"]]
    found = one(examine(bench(), hearing([], errors)), "bit rate")
    assert found.mark is Mark.FAIL
    assert "500 kbit/s is wrong? 32 error frames (stuff 30, form 2), not one good frame" in found.text


def test_some_error_frames(bench: MakeBench) -> None:
    blueprint = bench()
    found = one(examine(blueprint, hearing(frames_of(blueprint, *REAL), [Error(clock_ns(), "crc")])), "bit rate")
    assert found.mark is Mark.WARN
    assert "1 error frames (crc 1) among" in found.text


def test_a_silent_bus(bench: MakeBench) -> None:
    findings = examine(bench(), hearing())
    found = one(findings, "traffic")
    assert found.mark is Mark.FAIL
    assert "from BMS, ESP" in found.text
    assert "check the device's supply" in found.todo
    assert one(findings, "database").mark is one(findings, "senders").mark is one(findings, "nodes").mark is Mark.SKIP


def test_silence_of_a_network_that_sleeps_is_not_excused_unheard(bench: MakeBench) -> None:
    found = one(examine(bench(more='[restbus]\nsleep_after = "500 ms"'), hearing()), "traffic")
    assert found.mark is Mark.FAIL
    assert "asleep" in found.todo
    assert "--active" in found.todo


def test_silence_where_nobody_real_sends(bench: MakeBench) -> None:
    findings = examine(bench(real=()), hearing())
    assert one(findings, "traffic").mark is Mark.SKIP
    assert can_run(findings)


def test_the_right_bit_rate_is_found_by_listening(bench: MakeBench) -> None:
    blueprint = bench()
    frames = frames_of(blueprint, *REAL)
    adapters = Adapters(lambda spec: FakeChannel(spec, frames if spec.bitrate == 250_000 else []))
    found = one(examine(blueprint, adapters), "bit rate")
    assert found.mark is Mark.FAIL
    assert found.text == "nothing at 500 kbit/s, but frames at 250 kbit/s"
    assert found.todo == "bitrate = '250 kbit/s' in the bench file"
    assert all(channel.spec.listen_only and channel.closed for channel in adapters.opened)


def test_a_bit_rate_that_the_adapter_does_not_have_is_passed_over(bench: MakeBench) -> None:
    def make(spec: AdapterSpec) -> FakeChannel:
        if spec.bitrate == 250_000:
            raise AdapterError("no such bit rate; take another")
        return FakeChannel(spec, frames_of(bench(), *REAL) if spec.bitrate == 125_000 else [])

    assert "125 kbit/s" in one(examine(bench(), Adapters(make)), "bit rate").text


def test_lost_frames(bench: MakeBench) -> None:
    blueprint = bench()
    found = one(examine(blueprint, hearing(frames_of(blueprint, *REAL), [Overrun(clock_ns(), 5)])), "traffic")
    assert found.mark is Mark.WARN
    assert "lost in 1 overruns" in found.text


# -- what the adapter can do -------------------------------------------------------------------------------------------


def test_stamps_that_run_backwards(bench: MakeBench) -> None:
    blueprint = bench()
    frame = frames_of(blueprint, *REAL)[0]
    now = clock_ns()
    items = [Heard(now + step, frame) for step in (0, 10_000_000, 5_000_000)]
    found = one(examine(blueprint, hearing([], items)), "timestamps")
    assert found.mark is Mark.WARN
    assert "1 of 2 run backwards, by 5 ms at most" in found.text


def test_no_echo_is_a_warning(bench: MakeBench) -> None:
    found = one(examine(bench(), hearing(echo=False)), "echo")
    assert found.mark is Mark.WARN


def test_an_adapter_that_does_not_confirm_its_silence(bench: MakeBench) -> None:
    found = one(examine(bench(), hearing(listen_only=False)), "adapter")
    assert found.mark is Mark.WARN
    assert "did not confirm" in found.text


def test_fd_frames_on_a_classic_channel(bench: MakeBench) -> None:
    blueprint = bench()
    frames = [frame._replace(fd=True) for frame in frames_of(blueprint, *REAL)]
    found = one(examine(blueprint, hearing(frames)), "CAN FD")
    assert (found.mark, found.todo) == (Mark.FAIL, "give it a data_bitrate")


def test_a_check_that_breaks_is_a_finding(bench: MakeBench) -> None:
    blueprint = bench()
    findings = examine(blueprint, hearing(frames_of(blueprint, *REAL), stamps=None))
    found = one(findings, "timestamps")
    assert found.mark is Mark.OK or "broke" in found.text
    bad = hearing(frames_of(blueprint, *REAL), stamp_uncertainty_ns="a lot")
    found = one(examine(blueprint, bad), "timestamps")
    assert found.mark is Mark.FAIL
    assert "this check broke: TypeError" in found.text
    assert one(examine(blueprint, bad), "CAN FD").mark is Mark.SKIP  # the others go on


# -- what does not open, or hangs --------------------------------------------------------------------------------------


def failing(error: Exception) -> Callable[[AdapterSpec], FakeChannel]:
    def open_channel(spec: AdapterSpec) -> FakeChannel:
        raise error

    return open_channel


@pytest.mark.parametrize(
    "error",
    [
        AdapterError(
            "channel 'powertrain': slcan:x cannot be opened with no options: nothing there; is it plugged in?"
        ),
        MissingExtra("the interface 'slcan' (pyserial)", "bench"),
        RuntimeError("a vendor's library raises what it likes"),
        ZeroDivisionError(),
    ],
)
def test_what_cannot_be_opened_is_one_finding(bench: MakeBench, error: Exception) -> None:
    findings = examine(bench("slcan", "COM3"), failing(error))
    found = one(findings, "adapter")
    assert found.mark is Mark.FAIL
    assert (str(error).removeprefix("channel 'powertrain': ").partition(";")[0] or "ZeroDivisionError") in found.text
    assert [each.check for each in findings] == ["lease", "adapter"]


def test_a_device_that_is_not_there(bench: MakeBench) -> None:
    found = one(Examination(bench("slcan", "/dev/ttyNobody0")).findings(), "adapter")
    assert found.mark is Mark.FAIL
    assert found.text == "slcan:/dev/ttyNobody0: there is no /dev/ttyNobody0"
    assert "serial ports here" in found.todo


def test_a_link_that_leads_nowhere(bench: MakeBench, tmp_path: Path) -> None:
    link = tmp_path / "adapter"
    link.symlink_to("/dev/pts/gone")
    more = '[served]\nchannel = "powertrain"\n'
    found = one(Examination(bench("slcan", str(link), more=more)).findings(), "adapter")
    assert f"{link} leads to /dev/pts/gone, which is gone" in found.text
    assert "harness simulate" in found.todo


def test_a_file_that_is_no_serial_port(bench: MakeBench, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("no port")
    found = one(Examination(bench("slcan", str(file))).findings(), "adapter")
    assert found.mark is Mark.FAIL
    assert str(file) in found.text


def test_garbage_on_the_serial_port(bench: MakeBench) -> None:
    """Another device with another baud rate: noise, no end of line, half a line."""
    pty = pytest.importorskip("pty", reason="pseudo-terminals exist on POSIX only")
    import tty

    master, slave = pty.openpty()
    tty.setraw(slave)
    end = threading.Event()

    def babble() -> None:
        os.set_blocking(master, False)
        while not end.wait(0.01):
            try:
                os.write(master, b"\xff\x00\xfe\x93\x80\r\nt12\rT0000000z\r" + os.urandom(64))
            except BlockingIOError:
                continue

    thread = threading.Thread(target=babble)
    thread.start()
    try:
        findings = Examination(bench("slcan", os.ttyname(slave)), seconds=0.5).findings()
    finally:
        end.set()
        thread.join()
        os.close(master)
        os.close(slave)
    assert not can_run(findings)
    assert not [each for each in findings if "broke" in each.text]


def test_an_adapter_that_goes_away_while_listening(bench: MakeBench, talker: Plug) -> None:
    adapter = talker(frames_of(bench(), *REAL))
    blueprint = bench("slcan", adapter.port)

    def pull() -> None:
        while not adapter.listened_only:
            time.sleep(0.005)
        adapter.close()

    thread = threading.Thread(target=pull)
    thread.start()
    findings = Examination(blueprint, seconds=20).findings()
    thread.join()
    assert one(findings, "adapter").mark is Mark.FAIL
    assert not can_run(findings)


class Hanging(FakeChannel):
    """Hangs where it is told to, until the test ends."""

    where = "opening"
    released: threading.Event

    def hang(self, where: str) -> None:
        if where == type(self).where:
            type(self).released.wait()

    def __init__(self, spec: AdapterSpec) -> None:
        self.hang("opening")
        super().__init__(spec)

    def receive(self, timeout_s: float) -> Item | None:
        self.hang("listening")
        return super().receive(timeout_s)

    def close(self) -> None:
        self.hang("closing")
        super().close()


@pytest.mark.parametrize("where", ["opening", "listening", "closing"])
def test_an_adapter_that_hangs_is_given_up(bench: MakeBench, monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    monkeypatch.setattr(listening, "OPEN_LIMIT_S", 0.2)
    monkeypatch.setattr(listening, "CLOSE_LIMIT_S", 0.2)
    monkeypatch.setattr(Hanging, "where", where)
    monkeypatch.setattr(Hanging, "released", threading.Event(), raising=False)
    adapters = Adapters(Hanging)
    before = set(threading.enumerate())
    try:
        findings = examine(bench(), adapters)
        found = one(findings, "adapter")
        assert found.mark is Mark.FAIL
        assert f"hangs while {where}" in found.text
        assert [each.check for each in findings] == ["lease", "adapter"]
    finally:
        Hanging.released.set()
        for thread in set(threading.enumerate()) - before:
            thread.join(10)
    assert adapters.opened[0].closed  # as soon as it came back
    assert not set(threading.enumerate()) - before


def test_ctrl_c_closes_the_channel(bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    adapters = hearing()

    def interrupt(listener: listening.Listener) -> listening.Listened:
        while not adapters.opened:
            time.sleep(0.001)
        raise KeyboardInterrupt

    monkeypatch.setattr(listening.Listener, "result", interrupt)
    with pytest.raises(KeyboardInterrupt):
        examine(bench(), adapters, seconds=600)
    assert adapters.opened[0].closed


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root may open everything")
def test_a_port_that_may_not_be_opened(bench: MakeBench, talker: Plug) -> None:
    adapter = talker([])
    os.chmod(adapter.port, 0)
    found = one(Examination(bench("slcan", adapter.port)).findings(), "adapter")
    assert found.mark is Mark.FAIL
    assert "Permission denied" in found.text
    assert "dialout" in found.todo


def test_the_whole_takes_a_bounded_time() -> None:
    """Two channels that hang in their worst way, one after the other in none of it: below 15 s."""
    listen_s = 2.0
    worst = listening.OPEN_LIMIT_S + listen_s + 2 * listening.CLOSE_LIMIT_S
    assert worst + len(listening.OTHER_RATES) * listening.OTHER_S < 15


# -- the lease ---------------------------------------------------------------------------------------------------------


def test_a_bench_that_is_in_use_is_left_alone(bench: MakeBench) -> None:
    blueprint = bench("slcan", "COM3")
    adapters = hearing(frames_of(blueprint, *REAL))
    with take(["slcan:COM3"], "rig", "pytest suites"):
        findings = examine(blueprint, adapters)
    assert one(findings, "lease", "bench").mark is Mark.FAIL
    assert "bench 'rig' is in use" in one(findings, "lease", "bench").text
    assert one(findings, "adapter").mark is Mark.SKIP
    assert not adapters.opened
    assert one(examine(blueprint, adapters), "lease", "bench").mark is Mark.OK  # and given back
