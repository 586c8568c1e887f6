"""What the test does to the nodes of a served vehicle explains what the bus contract sees of it, and nothing else."""

from __future__ import annotations

import pytest
from live_car import Car, Outcome

pytest.importorskip("msgpack", reason="python-can's udp_multicast needs msgpack")

SUITE = """
def ready(bench):
    bench.wait_until(bench.signal("BrakeLamp") == "Off", timeout=1500 * ms)
    bench.wait(50 * ms)

def test_reset(bench):
    for _ in range(4):
        ready(bench)
        bench.node("LAMP").reset()
    ready(bench)

def test_reset_of_an_absent_one(bench):
    ready(bench)
    for phase in range(40):
        bench.node("PEDAL").reset()
        bench.wait(50 * ms + phase * 250 * us)

def test_power(bench):
    ready(bench)
    bench.node("LAMP").power_off()
    bench.silent("Lamps", during=600 * ms)
    bench.node("LAMP").power_on()
    ready(bench)

def test_another_one_that_falls_silent(bench):
    ready(bench)
    bench.node("HORN").power_off()
    bench.node("HORN").power_on()
    bench.wait(100 * ms)
    bench.world.live.served.ask(Operation.POWER_OFF, "LAMP")
    bench.wait(1 * s)
"""
HEAD = "from harness.adapter.stimulation import Operation\n"


@pytest.fixture(scope="module")
def outcome(car: Car) -> Outcome:
    with car.serve_udp():
        # The lamp boots in 100 ms; and this machine may be busy.
        lenient = '[monitors]\ncontract = true\nabsolute = "250 ms"\nfirst = 12.0'
        return car.run(car.udp("switched", lenient), HEAD + SUITE)


@pytest.mark.parametrize("name", ["test_reset", "test_reset_of_an_absent_one", "test_power"])
def test_what_the_test_has_switched_is_explained(outcome: Outcome, name: str) -> None:
    assert outcome.verdicts[name] == "passed", outcome.message(name)


def test_what_it_has_not_is_not(outcome: Outcome) -> None:
    assert outcome.verdicts["test_another_one_that_falls_silent"] == "failed"
    assert "LAMP is heard on can" in outcome.message("test_another_one_that_falls_silent")
