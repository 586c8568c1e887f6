"""Brake lamps.

One test per way to end. Copied into a project of its own and run there.
"""

import allure
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness import Frame, Inconclusive, ms, percent, s

pytestmark = pytest.mark.requirement("LMP-1")


def test_passes(bench):
    """The lamp follows the pedal."""
    bench.set("BrakePedal", 40 * percent)
    bench.expect(bench.signal("BrakeLamp") == "On", within=80 * ms)


def test_fails(bench):
    bench.wait(1 * s)
    with allure.step("press the pedal"):
        bench.set("BrakePedal", 40 * percent)
    bench.expect(bench.signal("BrakeLamp") == "On", within=20 * ms)


def test_blocked(bench):
    bench.plant["pressure"] = 3


def test_inconclusive(bench):
    raise Inconclusive("jitter 3 ms is more than the 1 ms claimed")


def test_error(bench):
    {}["x"]


def test_model_breaks(bench):
    bench.set("HazardSwitch", "On")
    bench.wait(1 * s)


def test_swallowed(bench):
    try:
        bench.send("can", Frame(0x7AB))
        bench.wait(1 * s)
    except Exception:  # noqa: BLE001, S110  # what must not help
        pass


def test_skipped(bench):
    pytest.skip("not today")


@pytest.fixture
def broken_bench(bench):
    bench.plant["pressure"] = 3


def test_blocked_in_setup(broken_bench):
    pass


@pytest.mark.requirement("LMP-3")
@pytest.mark.slow
def test_slow(bench):
    pass


@settings(max_examples=50)
@given(pedal=st.integers(0, 100))
def test_property_fails(open_bench, pedal):
    with open_bench() as bench:
        bench.set("BrakePedal", pedal)
        bench.wait(100 * ms)
        with allure.step("look"):
            allure.attach(f"pedal {pedal}", "note", allure.attachment_type.TEXT)
            bench.stays(bench.signal("Level") <= 42, during=80 * ms)


@settings(max_examples=50)
@given(pedal=st.integers(0, 100))
def test_property_passes(open_bench, pedal):
    with open_bench() as bench:
        bench.set("BrakePedal", pedal)
        with allure.step("look"):
            allure.attach(f"pedal {pedal}", "note", allure.attachment_type.TEXT)
            bench.wait(100 * ms)


RUNS = []


@settings(max_examples=50)
@given(pedal=st.integers(0, 100))
def test_property_blocked(open_bench, pedal):
    RUNS.append(pedal)
    with open_bench() as bench:
        if len(RUNS) == 3:
            bench.plant["pressure"] = 3
    assert len(RUNS) <= 3, "tried again"
