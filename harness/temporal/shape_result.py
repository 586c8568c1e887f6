"""What became of a shape check: verdict, expected and actual with units, margin, and when."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import ExpectationFailed, Inconclusive
from harness.units import Duration, time_text


@dataclass(frozen=True, slots=True)
class ShapeResult:
    """The judgement of one shape check.

    passed: None where the data do not suffice to tell. check: the claim in a line, ``Speed is constant``.
    expected, actual, tolerance: texts with units. margin: smallest distance to the limit in ``unit``, negative where it
    is exceeded; None where nothing was measured. time_margin: smallest rest of a time limit, ns; None without one.
    measured: what was measured, a duration or a number in ``unit``. at: the first instant (ns) that breaks the claim.
    window: what was looked at, ns, both included. doubt: why it cannot be told, "" when it can.
    signals: paths ``channel.Message.Signal``. limits: lines for a plot, (path, value).

    It is true when passed; asking for the truth of what cannot be told raises
    :class:`~harness.errors.Inconclusive`.

    >>> bool(ShapeResult(True, "Speed is constant", "50 km/h", "50 km/h", window=(0, 1_000)))
    True
    """

    passed: bool | None
    check: str
    expected: str
    actual: str
    window: tuple[int, int]
    tolerance: str = ""
    margin: float | None = None
    unit: str = ""
    time_margin: int | None = None
    measured: float | Duration | None = None
    at: int | None = None
    doubt: str = ""
    signals: tuple[str, ...] = ()
    limits: tuple[tuple[str, float], ...] = ()

    def __bool__(self) -> bool:
        if self.passed is None:
            raise Inconclusive(str(self))
        return self.passed

    def require(self) -> ShapeResult:
        """Itself when passed. Raises :class:`~harness.errors.ExpectationFailed`, or
        :class:`~harness.errors.Inconclusive` when it cannot be told."""
        if not self:
            raise ExpectationFailed(str(self), self)
        return self

    def __str__(self) -> str:
        if self.passed is None:
            return f"{self.check}: {self.doubt}, so it cannot be told"
        if self.passed:
            return f"{self.check}: {self.actual}"
        broken = "" if self.at is None else f"; first at {time_text(self.at)}"
        begin, end = map(time_text, self.window)
        tolerance = f" ({self.tolerance})" if self.tolerance else ""
        return (
            f"{self.check}: not so\n"
            f"  expected: {self.expected}{tolerance}\n"
            f"  actual:   {self.actual}{broken}\n"
            f"  looked at {begin} to {end}"
        )
