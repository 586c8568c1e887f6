"""What goes wrong between two tests is a red result of its own, and no fault of the next one."""

from __future__ import annotations

from pathlib import Path

import killers
import pytest
from killers import Killer
from live_car import Car, Outcome

pytest.importorskip("msgpack", reason="python-can's udp_multicast needs msgpack")

UNKNOWN = """
def later():
    with intruder_bus() as bus:
        bus.send(can.Message(arbitration_id=0x555, data=[1], is_extended_id=False))

LATER.append(later)
"""

KILLED = """
pid = bench.world.live.rig.lines["can"].adapter.pid
LATER.append(lambda: os.kill(pid, signal.SIGKILL))
"""

WISH = """
tester = bench.world.tx("Wishes")
LATER.append(lambda: tester.set({"Wish": "BreakLamp"}))
"""

KILLERS = [
    Killer("an_unknown_frame", UNKNOWN, "passed", "", between="identifier 0x555 is in no database of channel 'can'"),
    Killer("the_vehicle_breaks", WISH, "passed", "", between="the served vehicle broke"),
    Killer("the_channel_process_killed", KILLED, "passed", "", between=r"signal 9 \(SIGKILL\)"),
]


@pytest.fixture(scope="module")
def outcome(car: Car) -> Outcome:
    strict: Path = car.udp("strict", '[policy]\nunknown_frame = "fail"')
    with car.serve_udp():
        return killers.run(car, strict, KILLERS)


@pytest.mark.parametrize("killer", KILLERS, ids=str)
def test_it_is_a_result_of_its_own(outcome: Outcome, killer: Killer) -> None:
    killers.check(outcome, KILLERS, killer)
