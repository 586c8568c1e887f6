"""Instruments that answer nonsense, or nothing, and a disk that is full: blocked, or red, in the running test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import killers
import pytest
from killers import Killer
from live_car import Car, Outcome

pytest.importorskip("serial", reason="instruments need pyserial")
pytest.importorskip("harness.instruments.emulators", reason="emulated instruments need pseudo-terminals")

HEAD = """
import ctypes
import threading

from harness.instruments.emulators import ConsoleEmulator, Fault, SupplyEmulator

SUPPLY, CONSOLE = SupplyEmulator(load_ohm=10.0).__enter__(), ConsoleEmulator().__enter__()
AT_END += [lambda: SUPPLY.__exit__(None, None, None), lambda: CONSOLE.__exit__(None, None, None)]
os.environ |= {"SUPPLY": SUPPLY.port, "CONSOLE": CONSOLE.port}


@pytest.fixture
def faulty():
    def faulty(fault):
        SUPPLY.fault = fault

    yield faulty
    SUPPLY.fault = None


@pytest.fixture
def unplugged():
    yield lambda emulator: emulator.unplug()
    SUPPLY.plug()
    CONSOLE.plug()


@pytest.fixture
def room():
    # The disk is full: no file may grow any more.
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    yield lambda size: resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def shot(name):
    (thread,) = [each for each in threading.enumerate() if each.name == name]
    assert ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident), ctypes.py_object(SystemExit)) == 1
    CONSOLE.print("what wakes it\\n")
    thread.join(10)
"""

INSTRUMENTS = """
[instruments.supply]
driver = "scpi-supply"
port = "$SUPPLY"
max_voltage = "15 V"
max_current = "2 A"
timeout = "300 ms"
[instruments.ecu]
driver = "console"
port = "$CONSOLE"
"""

VOLTAGE = "bench.instruments.supply().voltage()"

KILLERS = [
    Killer("a_full_disk_while_recording", "room(1_000)\nbench.wait(20 * s)", "error",
           "recording .* cannot be written: File too large", takes="room"),
    Killer("a_supply_that_answers_garbage", f"faulty(Fault.GARBAGE)\n{VOLTAGE}", "blocked",
           r"supply on .*: 'MEAS:VOLT\?': .*expected .* got", takes="faulty"),
    Killer("a_supply_that_answers_nothing", f"faulty(Fault.SILENCE)\n{VOLTAGE}", "blocked",
           "supply on .*no answer within 300 ms", takes="faulty"),
    Killer("a_supply_that_does_not_follow",
           "faulty(Fault.STUCK)\nbench.instruments.supply().set_voltage(12 * V)", "blocked", "supply on ",
           takes="faulty"),
    Killer("a_reaction_fails_for_want_of_a_supply", "faulty(Fault.SILENCE)\nassert 1 == 2", "blocked",
           "supply on .*no answer within 300 ms", takes="faulty"),
    Killer("a_supply_that_is_unplugged", f"unplugged(SUPPLY)\n{VOLTAGE}", "blocked", "supply on .* port is gone",
           takes="unplugged"),
    Killer("the_reader_of_a_console_ended", 'shot("harness console ecu")\nbench.wait(100 * ms)', "blocked",
           "ecu on .*SystemExit"),
]  # fmt: skip

UNPLUGGED = [
    Killer("a_console_that_is_unplugged", "unplugged(CONSOLE)\nbench.wait(5 * s)", "blocked",
           "ecu on .*its port is gone", takes="unplugged"),
]  # fmt: skip


@pytest.fixture(scope="module")
def served(car: Car) -> Iterator[Path]:
    with car.serve_slcan():
        yield car.slcan("instruments", INSTRUMENTS)


@pytest.fixture(scope="module")
def outcome(car: Car, served: Path) -> Outcome:
    return killers.run(car, served, KILLERS, "--record", "all", "--record-format", "log", head=HEAD)


@pytest.fixture(scope="module")
def unplugged(car: Car, served: Path) -> Outcome:
    return killers.run(car, served, UNPLUGGED, head=HEAD)


@pytest.mark.parametrize("killer", KILLERS, ids=str)
def test_it_ends_the_test_in_which_it_happens(outcome: Outcome, killer: Killer) -> None:
    killers.check(outcome, KILLERS, killer)


@pytest.mark.parametrize("killer", UNPLUGGED, ids=str)
def test_a_console_that_was_unplugged_is_found_again(unplugged: Outcome, killer: Killer) -> None:
    killers.check(unplugged, UNPLUGGED, killer)
