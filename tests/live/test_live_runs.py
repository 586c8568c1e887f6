"""One bench, one run; and however a run ends, the bus is silent, the supply off, and the bench free."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import can
import pytest
from live_car import GROUP, WAIT_S, Car, Running, until

pytest.importorskip("serial", reason="instruments need pyserial")
pytest.importorskip("msgpack", reason="python-can's udp_multicast needs msgpack")

from harness.instruments.emulators import SupplyEmulator

PEDALS, PEDALS_COUNTER = 160, 15

SUPPLY = """
[instruments.supply]
driver = "scpi-supply"
port = "$SUPPLY"
max_voltage = "15 V"
max_current = "2 A"
"""

HOLD = """
def test_hold(bench):
    bench.instruments.supply().set_voltage(12)
    bench.instruments.supply().switch_on()
    open("holds", "w").close()
    while not os.path.exists("go"):
        bench.wait(20 * ms)
"""

QUICK = """
def test_quick(bench):
    bench.set("BrakePedal", 40 * percent)
    bench.expect(bench.signal("BrakeLamp") == "On", within=1500 * ms)
"""


class Listener:
    """Somebody else on the bus, who hears the cyclic frames of a run."""

    def __init__(self, car: Car) -> None:
        self._bus = can.Bus(interface="udp_multicast", channel=GROUP, port=car.port, fd=False)

    def close(self) -> None:
        self._bus.shutdown()

    def heard(self, seconds: float) -> list[can.Message]:
        """All that comes within so many s."""
        seen = []
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            message = self._bus.recv(left)
            if message is not None and message.arbitration_id == PEDALS:
                seen.append(message)
        return seen


@pytest.fixture
def listener(car: Car) -> Iterator[Listener]:
    listener = Listener(car)
    yield listener
    listener.close()


@pytest.fixture(scope="module")
def supply() -> Iterator[SupplyEmulator]:
    with SupplyEmulator(load_ohm=10.0) as supply:
        yield supply


@pytest.fixture(scope="module")
def bench(car: Car, supply: SupplyEmulator) -> Iterator[Path]:
    car.environment["SUPPLY"] = supply.port
    with car.serve_udp():
        yield car.udp("held", SUPPLY)


@pytest.fixture
def holding(car: Car, bench: Path) -> Iterator[Running]:
    """A run that has the bench, until the file ``go`` lies there."""
    for name in ("holds", "go"):
        (car.folder / name).unlink(missing_ok=True)
    with car.start(bench, HOLD, name="hold") as running:
        running.says("holds")
        yield running


def go(car: Car) -> None:
    (car.folder / "go").touch()


def test_two_runs_on_one_bench(car: Car, bench: Path, holding: Running) -> None:
    second = car.run(bench, QUICK, name="second")
    assert second.verdicts == {"test_quick": "blocked"}
    assert f"process {holding.pid}" in second.message("test_quick"), second.message("test_quick")
    go(car)
    assert holding.wait().verdicts == {"test_hold": "passed"}
    assert car.run(bench, QUICK, name="third").verdicts == {"test_quick": "passed"}


def test_whoever_waits_for_the_bench_gets_it(car: Car, bench: Path, holding: Running) -> None:
    with car.start(bench, QUICK, "--wait-for-bench", "60s", name="waiting") as waiting:
        until(lambda: "waiting for" in waiting.out, "it does not say that it waits")
        go(car)
        assert holding.wait().verdicts == {"test_hold": "passed"}
        outcome = waiting.wait()
    assert outcome.verdicts == {"test_quick": "passed"}
    assert f"process {holding.pid}" in outcome.out


def test_more_than_one_worker_is_refused(car: Car, bench: Path) -> None:
    outcome = car.run(bench, QUICK, "-n", "2", name="workers")
    assert outcome.code == 4
    assert "has real hardware, which runs one test at a time: use -n 0, not 2 workers" in outcome.flat


@pytest.mark.parametrize(
    ("how", "code"), [(signal.SIGINT, 2), (signal.SIGTERM, 128 + signal.SIGTERM), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_however_it_ends_the_bench_is_safe_and_free(
    car: Car, bench: Path, holding: Running, supply: SupplyEmulator, listener: Listener, how: signal.Signals, code: int
) -> None:
    assert supply.output.on and listener.heard(0.5)
    ended = time.time()
    os.kill(holding.pid, how)
    last = max(message.timestamp for message in [*listener.heard(2.0), can.Message(timestamp=ended)])
    assert last - ended < 1.0  # what the page for the bench promises
    supply.wait_for(lambda: not supply.output.on, WAIT_S)
    outcome = holding.wait()
    assert outcome.code == code
    following = car.run(bench, QUICK, name="following")
    assert following.verdicts == {"test_quick": "passed"}
    if how is signal.SIGKILL:
        assert f"the run with process id {holding.pid} ended without reaching the safe state" in following.flat
        assert "its watchdog: safe state confirmed: supply off" in following.flat
    else:
        assert "held: safe state confirmed: can silent, supply off" in outcome.flat
        assert "watchdog" not in following.flat


def test_frames_go_on_while_the_test_process_is_stopped(
    car: Car, bench: Path, holding: Running, listener: Listener
) -> None:
    listener.heard(0.2)
    os.kill(holding.pid, signal.SIGSTOP)
    seen = listener.heard(3.5)
    os.kill(holding.pid, signal.SIGCONT)
    assert len(seen) > 300
    counters = [message.data[1] % 16 for message in seen]
    assert [after for before, after in pairwise(counters) if after != (before + 1) % PEDALS_COUNTER] == []
    go(car)
    outcome = holding.wait()
    assert outcome.verdicts == {"test_hold": "passed"}, outcome.out
