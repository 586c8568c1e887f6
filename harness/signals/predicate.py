"""Predicates about signals: pure objects that say whether samples fulfil them.

They are made by comparing live signals, combined with ``&``, ``|``, ``~`` and ``>>`` (implies), and judged over time by
the bench. They have no truth value of their own: ``assert lamp == "Off"`` raises instead of always passing.

Logic is three-valued: True, False, and None where there is no data. What can be stated about a signal is in
:mod:`harness.signals.comparison`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, NoReturn

from harness.errors import PredicateTruthError, SignalError

if TYPE_CHECKING:
    from harness.signals.comparison import Operator
    from harness.signals.live import LiveSignal, Sample

Samples = Mapping[str, "Sample | None"]
"""Samples by :attr:`~harness.signals.live.LiveSignal.path`; None, or no entry: no data."""

NOTHING: Samples = {}


def _unbracketed(*operands: object) -> NoReturn:
    raise PredicateTruthError(
        "& | ~ >> bind tighter than comparisons, put these in parentheses: "
        "(speed > 5 * kmh) & (lamp == 'On'), ~(speed > 5 * kmh)"
    )


class Comparable:
    """What comparisons are made of, rather than what is joined: ``speed > 5 & lamp == "On"`` means ``5 & lamp``.

    Comparing gives a predicate, so it is hashable by identity.
    """

    __slots__ = ()

    def _compare(self, operator: Operator, other: object) -> Predicate:
        raise NotImplementedError

    def __eq__(self, other: object) -> Predicate:  # type: ignore[override]
        return self._compare("==", other)

    def __ne__(self, other: object) -> Predicate:  # type: ignore[override]
        return self._compare("!=", other)

    def __lt__(self, other: object) -> Predicate:
        return self._compare("<", other)

    def __le__(self, other: object) -> Predicate:
        return self._compare("<=", other)

    def __gt__(self, other: object) -> Predicate:
        return self._compare(">", other)

    def __ge__(self, other: object) -> Predicate:
        return self._compare(">=", other)

    __hash__ = object.__hash__

    __and__ = __rand__ = __or__ = __ror__ = __rshift__ = __rrshift__ = __invert__ = _unbracketed


class Predicate(ABC):
    """A statement about one or several signals."""

    __slots__ = ("is_edge", "signals")

    def __init__(self, signals: tuple[LiveSignal, ...], *, is_edge: bool = False) -> None:
        self.signals = signals
        """The signals that it speaks about, each once."""
        self.is_edge = is_edge
        """Whether it holds in instants only (a change, a reception) and needs the samples from before."""

    @abstractmethod
    def holds(self, samples: Samples, before: Samples = NOTHING) -> bool | None:
        """Whether the samples fulfil it; None where there is no data to tell.

        before: the samples before the newest frame, which edges need.
        """

    def margin(self, samples: Samples) -> float | None:
        """Distance to the limit in :attr:`unit`: at least 0 where it holds, at most 0 where not.

        None where there is no data or no distance: between words, for edges, over different units.
        """
        return None

    @property
    def limits(self) -> tuple[tuple[str, float], ...]:
        """What single signals are compared with, for plots: path and value in the signal's unit; of a label, raw."""
        return ()

    @property
    def tolerance(self) -> float | None:
        """How far a value may be off and still count, in :attr:`unit`: half a step of the signal, or what was asked.

        None where values are told apart exactly, or where several comparisons each have their own.
        """
        return None

    @abstractmethod
    def describe(self) -> str:
        """It as a reader would write it, with units: ``BrakePedal >= 3 %``."""

    @property
    def unit(self) -> str:
        """The unit of :meth:`margin`: that of the signals where it is common to all, else ""."""
        units = {signal.unit for signal in self.signals}
        return units.pop() if len(units) == 1 else ""

    def __and__(self, other: Predicate) -> Predicate:
        return Both(self, other) if isinstance(other, Predicate) else NotImplemented

    def __or__(self, other: Predicate) -> Predicate:
        return Either(self, other) if isinstance(other, Predicate) else NotImplemented

    def __rshift__(self, other: Predicate) -> Predicate:
        """``a >> b``: where a holds, b holds too."""
        return Implies(self, other) if isinstance(other, Predicate) else NotImplemented

    __rand__ = __ror__ = __rrshift__ = _unbracketed

    def __invert__(self) -> Predicate:
        return Not(self)

    def __eq__(self, other: object) -> bool:
        raise self._no_truth()

    def __ne__(self, other: object) -> bool:
        raise self._no_truth()

    __hash__ = object.__hash__

    def __bool__(self) -> bool:
        raise self._no_truth()

    def _no_truth(self) -> PredicateTruthError:
        shown = self.describe()
        return PredicateTruthError(
            f"'{shown}' has no truth value: it is judged over time. Write\n"
            f"  bench.expect({shown}, within=80 * ms)      that it comes true in time\n"
            f"  bench.stays({shown}, during=1 * s)         that it stays true\n"
            "or look at a signal's present .value or .text. Combine predicates with & | ~, not with and, or, not; "
            "instead of a < x < b write x.between(a, b)"
        )

    def __repr__(self) -> str:
        return self.describe()


class _Pair(Predicate):
    """Two predicates, joined."""

    __slots__ = ("left", "right")

    _word: str

    def __init__(self, left: Predicate, right: Predicate) -> None:
        super().__init__(once(*left.signals, *right.signals), is_edge=left.is_edge or right.is_edge)
        self.left = left
        self.right = right

    def describe(self) -> str:
        return f" {self._word} ".join(
            f"({part.describe()})"
            if isinstance(part, _Pair) and (part._word != self._word or self._word == "implies")
            else part.describe()
            for part in (self.left, self.right)
        )

    @property
    def limits(self) -> tuple[tuple[str, float], ...]:
        return tuple(dict.fromkeys((*self.left.limits, *self.right.limits)))

    def _margins(self, samples: Samples) -> tuple[float, float] | None:
        left, right = self.left.margin(samples), self.right.margin(samples)
        # Distances of different units have no smaller one; without a unit nobody knows.
        if left is None or right is None or len({signal.unit for signal in self.signals}) > 1:
            return None
        return left, right


class Both(_Pair):
    """Both hold: False as soon as one does not, None while one is unknown and none is False."""

    __slots__ = ()

    _word = "and"

    def holds(self, samples: Samples, before: Samples = NOTHING) -> bool | None:
        left, right = self.left.holds(samples, before), self.right.holds(samples, before)
        if left is False or right is False:
            return False
        return None if left is None or right is None else True

    def margin(self, samples: Samples) -> float | None:
        margins = self._margins(samples)
        return min(margins) if margins else None


class Either(_Pair):
    """At least one holds: True as soon as one does, None while one is unknown and none is True."""

    __slots__ = ()

    _word = "or"

    def holds(self, samples: Samples, before: Samples = NOTHING) -> bool | None:
        left, right = self.left.holds(samples, before), self.right.holds(samples, before)
        if left or right:
            return True
        return None if left is None or right is None else False

    def margin(self, samples: Samples) -> float | None:
        margins = self._margins(samples)
        return max(margins) if margins else None


class Implies(_Pair):
    """Where the left one holds, the right one holds too: ``~left | right``."""

    __slots__ = ()

    _word = "implies"

    def holds(self, samples: Samples, before: Samples = NOTHING) -> bool | None:
        left, right = self.left.holds(samples, before), self.right.holds(samples, before)
        if left is False or right:
            return True
        return None if left is None or right is None else False

    def margin(self, samples: Samples) -> float | None:
        margins = self._margins(samples)
        return max(-margins[0], margins[1]) if margins else None


class Not(Predicate):
    """Holds where the other does not; no data stays no data."""

    __slots__ = ("inner",)

    def __init__(self, inner: Predicate) -> None:
        super().__init__(inner.signals, is_edge=inner.is_edge)
        self.inner = inner

    def holds(self, samples: Samples, before: Samples = NOTHING) -> bool | None:
        inner = self.inner.holds(samples, before)
        return None if inner is None else not inner

    def margin(self, samples: Samples) -> float | None:
        inner = self.inner.margin(samples)
        return None if inner is None else -inner

    @property
    def limits(self) -> tuple[tuple[str, float], ...]:
        return self.inner.limits

    @property
    def tolerance(self) -> float | None:
        return self.inner.tolerance

    def describe(self) -> str:
        return f"not ({self.inner.describe()})"

    def __invert__(self) -> Predicate:
        return self.inner


def once(*signals: LiveSignal) -> tuple[LiveSignal, ...]:
    """The signals in their order, each once. Raises :class:`~harness.errors.SignalError` for those of two worlds."""
    found = {signal.path: signal for signal in signals}
    for signal in signals:
        if signal.network.loop is not signals[0].network.loop:
            raise SignalError(f"{signal.short_name} and {signals[0].short_name} are signals of two different worlds")
    return tuple(found.values())
