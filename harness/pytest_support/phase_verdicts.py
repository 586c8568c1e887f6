"""The verdict of one phase of a test: set-up, call, tear-down."""

from __future__ import annotations

import pytest

from harness.errors import IntegrityError
from harness.evidence.verdicts import Verdict, verdict_of


def verdict_of_phase(report: pytest.TestReport, error: BaseException | None) -> Verdict | None:
    """The verdict of one phase; ``None`` where it has none: set-up and tear-down that went well, skipped, xfailed."""
    if report.passed:
        return Verdict.PASSED if report.when == "call" and not hasattr(report, "wasxfail") else None
    if report.skipped:
        return None
    return Verdict.FAILED if error is None else failure_verdict(error)


def failure_verdict(error: BaseException) -> Verdict:
    """What a test ends with that raised this."""
    return Verdict.FAILED if isinstance(error, pytest.fail.Exception) else verdict_of(error)


def names_incidents(mark: pytest.Mark) -> bool:
    """Whether an xfail names :class:`IntegrityError`; ``AssertionError``, which it is too, is not enough."""
    raises = mark.kwargs.get("raises", ())
    kinds = raises if isinstance(raises, tuple) else (raises,)
    return any(isinstance(each, type) and issubclass(each, IntegrityError) for each in kinds)
