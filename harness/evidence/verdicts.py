"""The five verdicts of a test, and which exception means which.

=============  ==========================================================  ========  =======
verdict        when                                                        Allure    JUnit
=============  ==========================================================  ========  =======
passed         every expectation held                                      passed
failed         an expectation was violated                                 failed    failure
blocked        the bench cannot run the test                               broken    error
inconclusive   the measurement is weaker than the claim                    broken    error
error          the harness or the test itself broke                        broken    error
=============  ==========================================================  ========  =======
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from harness.errors import Blocked, Inconclusive


class Verdict(StrEnum):
    """The outcome of one expectation or of one test. Only *passed* and *failed* say something about the product."""

    PASSED = "passed"
    FAILED = "failed"
    BLOCKED = "blocked"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


_SEVERITY = (Verdict.PASSED, Verdict.INCONCLUSIVE, Verdict.BLOCKED, Verdict.ERROR, Verdict.FAILED)


def verdict_of(error: BaseException | None) -> Verdict:
    """The verdict that an exception means; ``None`` is *passed*.

    An ``AssertionError`` (an expectation, or a bare ``assert``) is *failed*; anything unforeseen is *error*; a group
    is as bad as the worst in it.

    >>> verdict_of(AssertionError("lamp is off")), verdict_of(Blocked("no adapter")), verdict_of(KeyError("x"))
    (<Verdict.FAILED: 'failed'>, <Verdict.BLOCKED: 'blocked'>, <Verdict.ERROR: 'error'>)
    """
    if error is None:
        return Verdict.PASSED
    if isinstance(error, Blocked):
        return Verdict.BLOCKED
    if isinstance(error, Inconclusive):
        return Verdict.INCONCLUSIVE
    if isinstance(error, BaseExceptionGroup):
        return worst(verdict_of(each) for each in error.exceptions) or Verdict.ERROR
    return Verdict.FAILED if isinstance(error, AssertionError) else Verdict.ERROR


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """The verdict that stands for several, ``None`` for none at all.

    A violation outweighs everything: it was seen, whatever else could not be measured.

    >>> worst([Verdict.PASSED, Verdict.BLOCKED, Verdict.FAILED])
    <Verdict.FAILED: 'failed'>
    """
    return max(verdicts, key=_SEVERITY.index, default=None)
