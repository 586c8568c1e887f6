"""A served vehicle, talked to through python-can's own drivers. Waits are wide: only what hangs exceeds them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import can
import pytest

from harness.adapter.messages import frame_of
from harness.adapter.stimulation import ANSWER_ID, Answer, Operation, Request, Status, subject_of
from harness.bench import Blueprint
from harness.errors import ConfigError
from harness.serve.server import Server

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "benches" / "virtual.toml"
WAIT_S = 10.0

pytest.importorskip("serial", reason="python-can's slcan driver needs pyserial")
slcan = pytest.importorskip("harness.serve.slcan", reason="pseudo-terminals exist on POSIX only")


@pytest.fixture(scope="module")
def blueprint() -> Blueprint:
    return Blueprint.load(BENCH)


@pytest.fixture
def served(blueprint: Blueprint) -> Iterator[Server]:
    server = Server(blueprint, {name: slcan.SlcanLine() for name in ("powertrain", "body")})
    yield server
    server.close()


@pytest.fixture
def adapter(served: Server) -> Iterator[can.BusABC]:
    with plugged(served.lines["body"].name) as bus:
        yield bus


def plugged(port: str, **options: object) -> can.BusABC:
    return can.Bus(interface="slcan", channel=port, bitrate=500_000, sleep_after_open=0.0, **options)  # type: ignore[arg-type]


def until(bus: can.BusABC, wanted: Callable[[can.Message], bool], attempts: int = 3000) -> can.Message:
    for _ in range(attempts):
        seen = bus.recv(WAIT_S)
        assert seen is not None, "nothing came"
        if wanted(seen):
            return seen
    raise AssertionError("it did not come")


def ask(bus: can.BusABC, operation: int, name: str = "", value: float = 0.0, number: int = 7) -> Answer:
    frame = Request(operation, number, subject_of(name) if name else 0, value).frame()
    bus.send(can.Message(arbitration_id=frame.id, data=frame.data))
    seen = until(bus, lambda each: each.arbitration_id == ANSWER_ID)
    answer = Answer.of(frame_of(seen, fd=True))
    assert answer is not None and answer.number == number and answer.operation == operation
    return answer


def test_the_simulated_nodes_are_heard(adapter: can.BusABC) -> None:
    seen = {until(adapter, lambda _: True).arbitration_id for _ in range(200)}
    assert len(seen) > 10


def test_absent_nodes_are_silent(blueprint: Blueprint, adapter: can.BusABC) -> None:
    played = {plan.message.id for node in ("STALK", "DOORS", "KEY") for plan in blueprint.channels[1].plans[node]}
    assert played and played.isdisjoint({until(adapter, lambda _: True).arbitration_id for _ in range(200)})


def test_the_tester_is_heard(served: Server, adapter: can.BusABC) -> None:
    seen: list[int] = []
    served.vehicle.world.channel("body").bus.observe(lambda rx: seen.append(rx.frame.id), {0x7EF})
    adapter.send(can.Message(arbitration_id=0x7EF, data=[1], is_extended_id=False))
    served.vehicle.loop.run_until(served.vehicle.loop.elapsed + round(WAIT_S * 1e9), lambda: bool(seen))
    assert seen == [0x7EF]


def test_plant_and_nodes_follow_stimulation_frames(served: Server, adapter: can.BusABC) -> None:
    assert ask(adapter, Operation.HELLO).value == 2.0
    assert ask(adapter, Operation.PLANT, "cell_temperature", 61.0).status is Status.DONE
    assert served.vehicle.world.plant["cell_temperature"] == pytest.approx(61.0, abs=1.0)
    assert ask(adapter, Operation.PLANT, "no such role").status is Status.UNKNOWN_SUBJECT
    assert ask(adapter, Operation.PLANT, "cell_temperature", float("nan")).status is Status.VALUE_REFUSED
    assert ask(adapter, Operation.POWER_OFF, "BCM").status is Status.DONE
    assert not served.vehicle.world.nodes["BCM"].controllers["body"].powered
    assert ask(adapter, Operation.POWER_ON, "BCM").status is Status.DONE
    assert served.vehicle.world.nodes["BCM"].controllers["body"].powered
    assert ask(adapter, Operation.RESET, "BCM").status is Status.DONE
    assert ask(adapter, Operation.RESET, "STALK").status is Status.UNKNOWN_SUBJECT
    assert ask(adapter, 99).status is Status.UNKNOWN_OPERATION
    assert ask(adapter, Operation.LATENESS).value > 0


def test_a_new_vehicle_has_forgotten_everything(served: Server, adapter: can.BusABC) -> None:
    assert ask(adapter, Operation.PLANT, "cell_temperature", 61.0).status is Status.DONE
    first = served.vehicle
    assert ask(adapter, Operation.NEW_VEHICLE).status is Status.DONE
    assert served.vehicle is not first and served.vehicles == 2
    assert served.vehicle.world.plant["cell_temperature"] < 50
    until(adapter, lambda each: each.arbitration_id != ANSWER_ID)


def test_can_fd_goes_through_the_adapter(adapter: can.BusABC, blueprint: Blueprint) -> None:
    wide = {plan.message.id for plan in blueprint.channels[1].messages.values() if plan.message.fd}
    assert wide
    seen = until(adapter, lambda each: each.arbitration_id in wide)
    assert seen.is_fd


def test_what_the_adapter_does_not_understand_is_counted(served: Server, adapter: can.BusABC) -> None:
    line = served.lines["body"]
    adapter._write("t12")  # type: ignore[attr-defined]
    adapter._write("?" * 500)  # type: ignore[attr-defined]
    assert ask(adapter, Operation.HELLO).status is Status.DONE
    assert line.counts.refused >= 2 and line.counts.trouble


def test_a_listener_sends_nothing(served: Server) -> None:
    with plugged(served.lines["body"].name, listen_only=True) as bus:
        bus.send(can.Message(arbitration_id=0x7EF, data=[1], is_extended_id=False))
        until(bus, lambda each: each.arbitration_id != 0x7EF)
    assert served.lines["body"].counts.received == 0


def test_only_what_the_bench_has_is_served(blueprint: Blueprint) -> None:
    with pytest.raises(ConfigError, match="has no channel 'bodi'; it has powertrain, body"):
        Server(blueprint, {"bodi": slcan.SlcanLine()})


# -- the command -------------------------------------------------------------------------------------------------------


class Command:
    """``harness simulate`` as a process of its own."""

    def __init__(self, *options: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "harness.cli", "simulate", str(BENCH), *options],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.channels: dict[str, str] = {}
        for line in self.process.stdout:
            if line.strip() == "serving":
                return
            name, _, where = line.strip().partition(" ")
            self.channels[name] = where
        raise AssertionError(self.process.communicate())

    def end(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(how)
        out, errors = self.process.communicate(timeout=WAIT_S)
        assert not errors or how is signal.SIGKILL, errors
        return self.process.returncode, out


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_another_process_and_ends_with_its_report(how: signal.Signals) -> None:
    served = Command("--slcan", "--channel", "body")
    assert list(served.channels) == ["body"]
    with plugged(served.channels["body"]) as bus:
        until(bus, lambda _: True)
    code, out = served.end(how)
    assert code == 0 and "body: " in out and "lateness: " in out


def test_over_udp_nobody_hears_himself() -> None:
    served = Command("--interface", "udp_multicast", "--channel", "body=239.74.163.2?port=43991")
    try:
        with can.Bus(interface="udp_multicast", channel="239.74.163.2", port=43991, fd=True) as bus:
            assert len({until(bus, lambda _: True).arbitration_id for _ in range(200)}) > 10
    finally:
        code, out = served.end()
    assert code == 0 and ", 0 received, 0 lost, 0 refused" in out


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--slcan", "--channel", "bodi"], "has no channel 'bodi'"),
        (["--interface", "no_such_interface"], "interface 'no_such_interface' cannot open"),
        (["--interface", "virtual", "--option", "fd"], "--option takes KEY=VALUE"),
    ],
)
def test_what_cannot_be_served(options: list[str], why: str) -> None:
    command = [sys.executable, "-m", "harness.cli", "simulate", str(BENCH), *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert why in done.stderr and "Traceback" not in done.stderr


def test_the_stick_is_pulled(blueprint: Blueprint) -> None:
    server = Server(blueprint, {"body": slcan.SlcanLine()})
    bus = plugged(server.lines["body"].name)
    until(bus, lambda _: True)
    server.close()
    with pytest.raises((can.CanError, OSError)):
        for _ in range(1000):
            bus.recv(0.01)
            bus.send(can.Message(arbitration_id=1, data=[1], is_extended_id=False))
    bus.serialPortOrig.close()  # type: ignore[attr-defined]
    bus._is_shutdown = True  # else it wants to close the channel of an adapter that is gone
