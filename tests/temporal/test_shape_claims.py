"""Shape checks in a test: what goes into the journal, and what they raise."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import Bench, ExpectationFailed, Inconclusive, bar, ms, percent, s
from harness.evidence.verdicts import Verdict

VIRTUAL = Path(__file__).parents[2] / "benches" / "virtual.toml"


@pytest.fixture(scope="module")
def braked() -> Bench:
    """A car whose brake was pressed two seconds ago."""
    bench = Bench.open(VIRTUAL)
    bench.wait(200 * ms)
    bench.set("BrakePedal", 50 * percent)
    bench.wait(2 * s)
    return bench


def test_a_claim_that_holds_is_in_the_journal_with_its_margin(braked: Bench) -> None:
    result = braked.signal("BrakePressure").shape().settles(80 * bar, within=100 * ms, tolerance=1 * bar)
    event = braked.journal[-1]
    assert event.verdict is Verdict.PASSED and event.title.startswith("BrakePressure settles at 80 bar within 100 ms")
    assert event.claim is not None
    assert event.claim.window == (braked.latest.delivered, braked.now)  # type: ignore[union-attr]
    assert event.claim.signals == ("powertrain.BrakeStatus.BrakePressure",)
    assert event.claim.tolerance == "± 1 bar" and event.claim.margin == f"{100 * ms - result.measured}"
    assert {limit.signal for limit in event.claim.limits} == {"powertrain.BrakeStatus.BrakePressure"}


def test_a_claim_that_does_not_hold_raises_and_is_in_the_journal(braked: Bench) -> None:
    with pytest.raises(ExpectationFailed, match="expected: 0 bar"):
        braked.signal("BrakePressure").shape().is_constant(0 * bar)
    event = braked.journal[-1]
    assert event.verdict is Verdict.FAILED and event.details[0][0] == "first at"
    assert event.claim is not None and event.claim.expected == "0 bar" and event.claim.margin.startswith("-")


def test_what_cannot_be_told_is_inconclusive(braked: Bench) -> None:
    shape = braked.signal("BrakePressure").shape(after=braked.now)
    with pytest.raises(Inconclusive, match="only one sample"):
        shape.is_monotonic()
    assert braked.journal[-1].verdict is Verdict.INCONCLUSIVE
    with pytest.raises(Inconclusive):
        shape.settles(80 * bar, within=1 * s, hold=1 * s)


def test_without_stimulus_all_that_is_remembered_counts() -> None:
    bench = Bench.open(VIRTUAL)
    bench.wait(300 * ms)
    assert bench.signal("BrakePressure").shape(after=100 * ms).is_constant(0)
    with pytest.raises(Inconclusive, match="no data from 0 s"):
        bench.signal("BrakePressure").shape().is_constant(0)
