"""Which exception means which verdict."""

from __future__ import annotations

import pytest

from harness import errors
from harness.evidence.verdicts import Verdict, verdict_of, worst

EXPECTED = {
    errors.ExpectationFailed: Verdict.FAILED,
    errors.IntegrityError: Verdict.FAILED,
    AssertionError: Verdict.FAILED,
    errors.Blocked: Verdict.BLOCKED,
    errors.Inconclusive: Verdict.INCONCLUSIVE,
    errors.SimulationError: Verdict.ERROR,
    errors.ConfigError: Verdict.ERROR,
    errors.UnknownSignalError: Verdict.ERROR,
    KeyError: Verdict.ERROR,
}


@pytest.mark.parametrize(("kind", "verdict"), EXPECTED.items(), ids=lambda each: getattr(each, "__name__", str(each)))
def test_of_one_exception(kind: type[Exception], verdict: Verdict) -> None:
    assert verdict_of(kind("x")) is verdict


def test_of_a_group_the_worst_counts() -> None:
    group = ExceptionGroup("several", [errors.Blocked("x"), ExceptionGroup("inner", [AssertionError("y")])])
    assert verdict_of(group) is Verdict.FAILED
    assert verdict_of(ExceptionGroup("one", [errors.Blocked("x")])) is Verdict.BLOCKED


def test_a_violation_outweighs_everything() -> None:
    assert worst(Verdict) is Verdict.FAILED
    assert worst([Verdict.PASSED, Verdict.INCONCLUSIVE]) is Verdict.INCONCLUSIVE
    assert worst([]) is None
