"""Temporal formulas as data: a small kernel that an evaluator can handle whole.

An evaluator handles these nodes and no others; everything that a user can write is made of them:

==============  =====================================================================================================
Compare         atom: a term (:mod:`harness.signals.term`) within two limits, or outside of them; :meth:`Compare.rho`
Shown           atom: a signal shows a label, or the same as another signal; :meth:`Shown.holds`
Changed         atom: a signal changed since the nanosecond before
Arrived         atom: a frame with the signal ended in this instant
Not             negation: :func:`negated`
And, Or         least, greatest of two or more
Window          least (``every``) or greatest of the operand over the instants [t + start, t + end]; end None: to the
                end of the observation. start and end may be negative: ``rise(p)`` is ``p & ~Window(p, -1, -1)``
Until           greatest, over t' in [t + start, t + end], of the least of right at t' and of left over [t, t' - 1]
==============  =====================================================================================================

Values are pairs (lo, hi) of floats, the least and the greatest robustness that is possible: equal where it is known,
:data:`UNKNOWN` where nothing is. True means lo >= 0, false means hi < 0; so the sign alone is the truth, and nothing
that is false may have the robustness 0: it gets ``-TINY``. Atoms without a distance have plus or minus infinity.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn

from harness.errors import FormulaError, PredicateTruthError
from harness.signals import predicate as instant
from harness.signals.comparison import Changes, ReceivedNow, Shows, Within
from harness.signals.live import LiveSignal, Sample
from harness.signals.predicate import Predicate, once
from harness.signals.term import Term, evaluate, leaves
from harness.units import Quantity

TINY = sys.float_info.min
"""Smallest distance: the smallest normal number, as code that flushes smaller ones to 0 shares our process."""

Interval = tuple[float, float]
"""Least and greatest possible robustness."""

UNKNOWN: Interval = (-math.inf, math.inf)

_OPEN, _JOINED, _CLOSED = range(3)  # how a text stands beside & | >> ~: a comparison, a combination, a call


def negated(rho: float) -> float:
    """The robustness of the opposite: -rho, but what is false never has 0.

    >>> negated(2.0), negated(0.0) < 0 <= negated(negated(0.0))
    (-2.0, True)
    """
    return -rho if rho else -TINY


class Formula:
    """A statement about signals over time. It has no truth value of its own: it is judged over a recording or a run.

    Combine formulas and predicates with ``&``, ``|``, ``~`` and ``>>`` (implies), and with the functions of
    :mod:`harness.temporal.operators`. It is immutable, and may be a key of a dict.

    signals: those it speaks about, each once. parts: the formulas that it is made of.
    horizon: how far into the future one instant has to look, ns; None: to the end of the observation.
    history: how far into the past, ns. (A derivative needs the sample before besides, however old.)
    """

    __slots__ = ("_text", "_tightness", "history", "horizon", "parts", "signals")

    def __init__(
        self,
        parts: tuple[Formula, ...] = (),
        signals: tuple[LiveSignal, ...] = (),
        *,
        horizon: int | None = 0,
        history: int = 0,
        text: str,
        tightness: int = _CLOSED,
    ) -> None:
        self.parts = parts
        self.signals: tuple[LiveSignal, ...] = once(*signals, *(signal for part in parts for signal in part.signals))
        self.horizon = horizon
        self.history = history
        self._text = text
        self._tightness = tightness

    def describe(self) -> str:
        """It as written, with units: ``(BrakePedal > 3 %) >> eventually(BrakeLamp == On, within=80 ms)``."""
        return self._text

    def beside(self, operator: str) -> str:
        """Its text as an operand of ``operator``, in parentheses where Python wants them."""
        same = operator in "&|" and f" {operator} " in self._text and isinstance(self, And if operator == "&" else Or)
        return self._text if self._tightness == _CLOSED or same else f"({self._text})"

    def __and__(self, other: Formula | Predicate) -> Formula:
        return _joined(And, self, "&", other)

    def __rand__(self, other: Predicate) -> Formula:
        return _joined(And, other, "&", self)

    def __or__(self, other: Formula | Predicate) -> Formula:
        return _joined(Or, self, "|", other)

    def __ror__(self, other: Predicate) -> Formula:
        return _joined(Or, other, "|", self)

    def __rshift__(self, other: Formula | Predicate) -> Formula:
        return _implies(self, other)

    def __rrshift__(self, other: Predicate) -> Formula:
        return _implies(other, self)

    def __invert__(self) -> Formula:
        return Not(self)

    def __eq__(self, other: object) -> bool:
        self._no_truth()

    def __ne__(self, other: object) -> bool:
        self._no_truth()

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        self._no_truth()

    def _no_truth(self) -> NoReturn:
        raise PredicateTruthError(
            f"'{self._text}' has no truth value: it is judged over time. Write\n"
            f"  with bench.watch({self._text}): ...          that it holds while the test runs\n"
            "Combine formulas with & | ~ >>, not with and, or, not; instead of a < x < b write x.between(a, b)"
        )

    def __repr__(self) -> str:
        return self._text

    __str__ = __repr__


# -- atoms -------------------------------------------------------------------------------------------------------------


class Compare(Formula):
    """A term lies within [low, high] with some slack; or, ``outside``, it does not. unit: of the term, for people."""

    __slots__ = ("high", "low", "outside", "slack", "term", "unit")

    def __init__(
        self, term: Term, limits: tuple[float, float], *, slack: float, outside: bool, text: str, unit: str = ""
    ) -> None:
        found = tuple(leaves(term))
        history = max(leaf.delay for leaf in found)
        super().__init__(signals=tuple(leaf.signal for leaf in found), history=history, text=text, tightness=_OPEN)
        self.term = term
        self.unit = unit
        self.low, self.high = limits
        self.slack = slack
        self.outside = outside

    def rho(self, number: float) -> float:
        """Robustness from the term's value, as :func:`harness.signals.term.evaluate` gives it."""
        distance = min(number - self.low, self.high - number)
        holds = (distance >= -self.slack) is not self.outside
        if self.outside:
            distance = -distance
        return float(max(distance, 0) if holds else min(distance, -TINY))

    def value(self, read: Callable[..., float]) -> float:
        """Robustness from the values of the leaves."""
        return self.rho(evaluate(self.term, read))


class Shown(Formula):
    """A signal shows a label (``wanted``), or the same as another signal (``other``); or, not ``same``, it does not."""

    __slots__ = ("other", "same", "signal", "wanted")

    def __init__(self, signal: LiveSignal, wanted: str | LiveSignal, *, same: bool, text: str) -> None:
        other = wanted if isinstance(wanted, LiveSignal) else None
        super().__init__(signals=(signal, other) if other is not None else (signal,), text=text, tightness=_OPEN)
        self.signal = signal
        self.wanted = wanted if isinstance(wanted, str) else None
        self.other = other
        self.same = same

    def holds(self, sample: Sample, other: Sample | None = None) -> bool:
        """Whether the samples fulfil it; other: that of :attr:`other`."""
        if other is None:
            return (sample.text == self.wanted) is self.same
        if sample.text is None and other.text is None:
            return (sample.value == other.value) is self.same
        return (sample.text == other.text) is self.same


class Changed(Formula):
    """The raw value of a signal is another than in the nanosecond before; unknown where one of the two is.

    NaN is the same as NaN. to, was: what must hold now and not before, and the other way round; None: anything. An
    unknown ``to`` or ``was`` does not hold.
    """

    __slots__ = ("signal", "to", "was")

    def __init__(self, signal: LiveSignal, to: Formula | None = None, was: Formula | None = None, *, text: str) -> None:
        super().__init__(signals=(signal,), history=1, text=text, tightness=_OPEN)
        self.signal = signal
        self.to = to
        self.was = was


class Arrived(Formula):
    """A frame with the signal ends in this instant. Known from the first sample, or the beginning, on."""

    __slots__ = ("signal",)

    def __init__(self, signal: LiveSignal, *, text: str) -> None:
        super().__init__(signals=(signal,), text=text, tightness=_OPEN)
        self.signal = signal


# -- operators ---------------------------------------------------------------------------------------------------------


class Not(Formula):
    """The opposite of its operand."""

    __slots__ = ("operand",)

    def __init__(self, operand: Formula) -> None:
        text = f"~{operand.beside('~')}"
        super().__init__((operand,), horizon=operand.horizon, history=operand.history, text=text)
        self.operand = operand


class And(Formula):
    """All of its parts: the least robustness."""

    __slots__ = ()

    def __init__(self, *parts: Formula, text: str, tightness: int = _CLOSED) -> None:
        horizon, history = _reach(parts)
        super().__init__(parts, horizon=horizon, history=history, text=text, tightness=tightness)


class Or(Formula):
    """At least one of its parts: the greatest robustness."""

    __slots__ = ()

    def __init__(self, *parts: Formula, text: str, tightness: int = _CLOSED) -> None:
        horizon, history = _reach(parts)
        super().__init__(parts, horizon=horizon, history=history, text=text, tightness=tightness)


class Window(Formula):
    """The operand in ``every``, or in some, instant of [t + start, t + end] (ns; end None: to the end)."""

    __slots__ = ("end", "every", "operand", "start")

    def __init__(self, operand: Formula, start: int, end: int | None, *, every: bool, text: str) -> None:
        horizon, history = _shifted(operand, start, end)
        super().__init__((operand,), horizon=horizon, history=history, text=text)
        self.operand = operand
        self.start = start
        self.end = end
        self.every = every


class Until(Formula):
    """right in some instant t' of [t + start, t + end] (ns; end None: to the end), and left in all of [t, t' - 1]."""

    __slots__ = ("end", "left", "right", "start")

    def __init__(self, left: Formula, right: Formula, start: int, end: int | None, *, text: str) -> None:
        reaches = (_shifted(left, 0, end), _shifted(right, start, end))
        horizons = [horizon for horizon, _ in reaches if horizon is not None]
        super().__init__(
            (left, right),
            horizon=max(horizons) if len(horizons) == 2 else None,
            history=max(history for _, history in reaches),
            text=text,
        )
        self.left = left
        self.right = right
        self.start = start
        self.end = end


# -- making them -------------------------------------------------------------------------------------------------------


def formula_of(statement: object) -> Formula:
    """A formula as it is, or a predicate as a formula.

    Raises :class:`~harness.errors.FormulaError` for anything else, such as the bool of a chained comparison.
    """
    if isinstance(statement, Formula):
        return statement
    if isinstance(statement, Within):
        return Compare(
            statement.term,
            (statement.low, statement.high),
            slack=statement.slack,
            outside=statement.outside,
            text=statement.describe(),
            unit=statement.unit,
        )
    if isinstance(statement, Shows):
        return Shown(statement.signals[0], statement.wanted, same=statement.same, text=statement.describe())
    if isinstance(statement, Changes):
        to, was = (None if each is None else formula_of(each) for each in (statement.to, statement.was))
        return Changed(statement.signals[0], to, was, text=statement.describe())
    if isinstance(statement, ReceivedNow):
        return Arrived(statement.signals[0], text=statement.describe())
    if isinstance(statement, instant.Not):
        return Not(formula_of(statement.inner))
    if isinstance(statement, instant.Both):
        return _joined(And, statement.left, "&", statement.right)
    if isinstance(statement, instant.Either):
        return _joined(Or, statement.left, "|", statement.right)
    if isinstance(statement, instant.Implies):
        return _implies(statement.left, statement.right)
    hint = ""
    if isinstance(statement, LiveSignal):
        hint = f": compare it, {statement.short_name} > 0, and put comparisons in parentheses, (x > 1) & (y > 2)"
    elif isinstance(statement, bool):
        hint = ": a comparison of signals is never a bool; write the signal's name, not its .value"
    elif isinstance(statement, (int, float, str, Quantity)):
        hint = ": put comparisons in parentheses, (x > 1) & (y > 2)"
    raise FormulaError(f"a formula is made of predicates and formulas, not of {statement!r}{hint}")


def atoms(formula: Formula) -> Iterator[Formula]:
    """Its atoms from left to right, each once."""
    if not formula.parts:
        yield formula
        return
    seen: set[Formula] = set()
    for part in formula.parts:
        for atom in atoms(part):
            if atom not in seen:
                seen.add(atom)
                yield atom


def _joined(kind: type[And] | type[Or], left: Formula | Predicate, sign: str, right: Formula | Predicate) -> Formula:
    first, second = formula_of(left), formula_of(right)
    return kind(first, second, text=f"{first.beside(sign)} {sign} {second.beside(sign)}", tightness=_JOINED)


def _implies(left: Formula | Predicate, right: Formula | Predicate) -> Formula:
    cause, effect = formula_of(left), formula_of(right)
    return Or(Not(cause), effect, text=f"{cause.beside('>>')} >> {effect.beside('>>')}", tightness=_JOINED)


def _reach(parts: tuple[Formula, ...]) -> tuple[int | None, int]:
    horizons = [part.horizon for part in parts if part.horizon is not None]
    return max(horizons) if len(horizons) == len(parts) else None, max(part.history for part in parts)


def _shifted(operand: Formula, start: int, end: int | None) -> tuple[int | None, int]:
    horizon = None if operand.horizon is None or end is None else max(operand.horizon + end, 0)
    return horizon, max(operand.history - start, 0)
