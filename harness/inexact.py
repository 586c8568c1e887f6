"""A number that was made from what was measured, and knows how far it may be off."""

from __future__ import annotations

from math import inf

from harness.errors import Inconclusive


def error_of(number: object) -> float:
    """How far a number may be off: of a measured span in ns, as the span itself; 0 of any other."""
    if isinstance(number, Inexact):
        return number.error
    return float(getattr(number, "uncertainty_ns", 0))


class Inexact(float):
    """A ``float`` that is right within ``error``, in its own unit.

    Sums and differences add their errors; products and quotients bound them. Comparing it with a number that is nearer
    than its error raises :class:`~harness.errors.Inconclusive`; two inexact numbers are put in order as they are.
    ``float()`` makes it a plain number, and so does Python itself of ``1e9 / span``: write ``1 * s / span``.

    >>> Inexact(10.2, 0.3) / 2 < 6
    True
    >>> Inexact(10.2, 0.3) < 10.4
    Traceback (most recent call last):
    harness.errors.Inconclusive: 10.2 < 10.4 cannot be told: it is known to within 0.3 only
    """

    error: float

    def __new__(cls, value: float, error: float = 0.0) -> Inexact:
        made = super().__new__(cls, value)
        made.error = error
        return made

    # -- arithmetic ------------------------------------------------------------------------------------------------

    def __add__(self, other: float) -> Inexact:
        return Inexact(float(self) + float(other), self.error + error_of(other))

    __radd__ = __add__

    def __sub__(self, other: float) -> Inexact:
        return Inexact(float(self) - float(other), self.error + error_of(other))

    def __rsub__(self, other: float) -> Inexact:
        return Inexact(float(other) - float(self), self.error + error_of(other))

    def __mul__(self, other: float) -> Inexact:
        mine, its = self.error, error_of(other)
        return Inexact(float(self) * float(other), abs(float(self)) * its + abs(float(other)) * mine + mine * its)

    __rmul__ = __mul__

    def __truediv__(self, other: float) -> Inexact:
        return Inexact(float(self) / float(other), quotient_error(self, other))

    def __rtruediv__(self, other: float) -> Inexact:
        return Inexact(float(other) / float(self), quotient_error(other, self))

    def __neg__(self) -> Inexact:
        return Inexact(-float(self), self.error)

    def __abs__(self) -> Inexact:
        return Inexact(abs(float(self)), self.error)

    # -- order -----------------------------------------------------------------------------------------------------

    def __lt__(self, other: float) -> bool:
        return super().__lt__(self._comparable("<", other))

    def __le__(self, other: float) -> bool:
        return super().__le__(self._comparable("<=", other))

    def __gt__(self, other: float) -> bool:
        return super().__gt__(self._comparable(">", other))

    def __ge__(self, other: float) -> bool:
        return super().__ge__(self._comparable(">=", other))

    def _comparable(self, operator: str, other: float) -> float:
        plain = isinstance(other, (int, float)) and not error_of(other)
        if plain and abs(float(self) - float(other)) < self.error:
            raise Inconclusive(
                f"{float(self):.6g} {operator} {float(other):.6g} cannot be told: it is known to within "
                f"{self.error:.3g} only"
            )
        return other


def quotient_error(dividend: float, divisor: float) -> float:
    """How far a quotient may be off; ``inf`` where the divisor may be 0.

    >>> quotient_error(Inexact(10.0, 1.0), 2), quotient_error(12, Inexact(3.0, 1.0)), quotient_error(1, Inexact(1.0, 1))
    (0.5, 2.0, inf)
    """
    above, below = error_of(dividend), error_of(divisor)
    size = abs(float(divisor))
    if not size > below:
        return inf if size or below else 0.0
    return (above + abs(float(dividend)) * below / size) / (size - below)
