"""A bench on which nobody is: whoever finds nothing wrong there has shown nothing, until somebody was heard once."""

from __future__ import annotations

import pytest
from live_car import Car, Outcome

pytest.importorskip("msgpack", reason="python-can's udp_multicast needs msgpack")

SUITE = """
def test_silence_without_anybody(bench):
    bench.silent("Lamps", during=2.1 * s)

def test_failure_without_anybody(bench):
    bench.signal("BrakeLamp")
    bench.wait(2.1 * s)
    assert False, "as nothing came"

def test_somebody_is_there(bench, intruder):
    intruder(0x555, [1])
    bench.wait(100 * ms)

def test_silence_of_somebody(bench):
    bench.silent("Lamps", during=2.1 * s)

@pytest.fixture
def awake(bench):
    bench.signal("BrakeLamp")
    bench.wait(2.1 * s)
    assert False, "it does not wake"

def test_somebody_does_not_wake(awake):
    pass
"""


@pytest.fixture(scope="module")
def outcome(car: Car) -> Outcome:
    return car.run(car.udp("unserved", served=False), SUITE)


@pytest.mark.parametrize(
    "name, verdict, why",
    [
        ("test_silence_without_anybody", "blocked", "can: nothing was received for 2"),
        ("test_failure_without_anybody", "blocked", "The test ended with: as nothing came"),
        ("test_somebody_is_there", "passed", ""),
        ("test_silence_of_somebody", "passed", ""),
        ("test_somebody_does_not_wake", "failed", "it does not wake"),
    ],
)
def test_nobody_there(outcome: Outcome, name: str, verdict: str, why: str) -> None:
    assert outcome.verdicts[name] == verdict, outcome.out
    assert why in outcome.message(name)
