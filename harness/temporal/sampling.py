"""Atoms over columns: from the samples of signals to the value of a comparison over time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.signals.column import SignalColumn
from harness.signals.comparison import number_range
from harness.signals.live import LiveSignal
from harness.signals.term import Leaf, evaluate, leaves
from harness.temporal.formula import TINY, Arrived, Changed, Compare, Formula, Shown
from harness.temporal.steps import Numbers, StepFunction, Times, coalesced, common_times, constant

_EXACT = 2**40
"""Whole numbers up to here are exact as floats, also when a few of them are added or scaled."""


Mask = NDArray[np.bool_]
Values = NDArray[Any]  # float64, or whole numbers as objects


class Held(NamedTuple):
    """A signal, held from sample to sample.

    time: int64[n], strictly rising, beginning with the first instant asked for. place: index into the column of the
    sample that holds, or the slice of all of them. known: bool[n], or None where all are; where it is false the place
    means nothing.
    """

    time: Times
    place: NDArray[np.int64] | slice
    known: Mask | None

    def places(self) -> NDArray[np.int64]:
        """The indices into the column, also where they are a slice."""
        return np.arange(self.place.start, self.place.stop) if isinstance(self.place, slice) else self.place


class Samples:
    """The columns of a recording, and the values of atoms over them.

    columns: by path; a signal without a column was never received. begin: when the observation began, ns. Samples
    before it count as what the signals were then.
    """

    def __init__(self, columns: Mapping[str, SignalColumn], begin: int) -> None:
        self._columns = columns
        self._begin = begin

    def atom(self, atom: Formula, first: int, last: int) -> StepFunction:
        """An atom over [first, last] ns, which is not empty."""
        if isinstance(atom, Compare):
            return self._compare(atom, first, last)
        if isinstance(atom, Shown):
            return self._shown(atom, first, last)
        if isinstance(atom, Changed):
            return self._changed(atom, first, last)
        assert isinstance(atom, Arrived)
        return self._arrived(atom, first, last)

    def shown(self, signal: LiveSignal, time: int) -> str:
        """What a signal showed at an instant, for people: ``40 %``, ``On``, ``no data``."""
        column = self._column(signal)
        held = None if column is None else self._held(signal, column, time, time)
        if column is None or held is None or (held.known is not None and not held.known[0]):
            return "no data"
        place = int(held.places()[0])
        label = signal.definition.text(column.raw[place].item())
        number = f"{column.value[place]:.10g}"
        return label if label is not None else f"{number} {signal.unit}".rstrip()

    def _column(self, signal: LiveSignal) -> SignalColumn | None:
        column = self._columns.get(signal.path)
        return column if column is not None and len(column) else None

    def _held(self, signal: LiveSignal, column: SignalColumn, first: int, last: int) -> Held | None:
        """The signal over [first, last]; None where nothing was received until then. Expired samples are unknown."""
        begin = max(int(np.searchsorted(column.time, first, "right")) - 1, 0)
        end = int(np.searchsorted(column.time, last, "right"))
        if begin >= end:
            return None
        time, known = column.time[begin:end], None
        lost = newest = np.zeros(0, np.int64)
        limit = signal.timeout
        if len(time) > 1:
            span = np.diff(time)
            if not span.all():  # of several frames in one instant the last one counts
                newest = np.flatnonzero(np.append(span, 1))
                time, span = time.take(newest), np.diff(time.take(newest))
            if limit is not None:
                lost = np.flatnonzero(span > limit + 1)
        if limit is not None and last - time[-1] > limit:
            lost = np.append(lost, len(time) - 1)
        if not len(lost) and not len(newest) and time[0] == first:
            return Held(time, slice(begin, end), None)
        place = begin + (newest if len(newest) else np.arange(len(time)))
        if limit is not None and len(lost):
            known = np.insert(np.ones(len(time), bool), lost + 1, False)
            place = np.insert(place, lost + 1, place[lost])
            time = np.insert(time, lost + 1, time[lost] + limit + 1)
        if time[0] > first:
            known = np.concatenate(((False,), np.ones(len(time), bool) if known is None else known))
            place = np.concatenate((place[:1], place))
            time = np.concatenate((np.array([first], np.int64), time))
        else:
            # What held before the first instant is cut off, expired or not.
            skip = int(np.searchsorted(time, first, "right")) - 1
            time, place = time[skip:].copy(), place[skip:]
            known = None if known is None else known[skip:]
            time[0] = first
        return Held(time, place, known if known is None or not known.all() else None)

    # -- numbers ---------------------------------------------------------------------------------------------------

    def _compare(self, atom: Compare, first: int, last: int) -> StepFunction:
        found = {leaf: self._leaf(leaf, first, last) for leaf in leaves(atom.term)}
        held = [each for each in found.values() if each is not None]
        if len(held) < len(found):
            return _nothing(first)
        time = held[0].time
        for each in held[1:]:
            time, _ = common_times(time, each.time)
        numbers = {leaf: each.on(time) for leaf, each in found.items() if each is not None}
        number = evaluate(atom.term, lambda leaf: numbers[leaf].number)
        known = _both(*(each.known for each in numbers.values()))
        nan = number != number  # infinity less infinity
        return _steps(time, _robustness(atom, number), _both(known, ~nan) if nan.any() else known)

    def _leaf(self, leaf: Leaf, first: int, last: int) -> _Numbers | None:
        """The numbers of a leaf over [first, last]; None where there are none."""
        column = self._column(leaf.signal)
        if column is None:
            return None
        held = self._held(leaf.signal, column, first - leaf.delay, last - leaf.delay)
        if held is None:
            return None
        number, known = _numbers(leaf.signal, column, held.place)
        if leaf.slope:
            number, steady = self._slope(leaf.signal, column, held, number)
            known = _both(known, steady)
        known = _both(known, held.known)
        return _Numbers(held.time + leaf.delay if leaf.delay else held.time, number, known)

    def _slope(self, signal: LiveSignal, column: SignalColumn, held: Held, number: Values) -> tuple[Values, Mask]:
        """Change per second since the sample before; unknown where that one had expired, or was no number."""
        now = column.time[held.place]
        # Of several frames in one instant the last one counts: step back over those of the same time.
        before = np.searchsorted(column.time, now, "left") - 1
        known = before >= 0
        before = np.maximum(before, 0)
        earlier, numeric = _numbers(signal, column, before)
        span = now - column.time[before]
        if signal.timeout is not None:
            known &= span <= signal.timeout + 1
        if numeric is not None:
            known &= numeric
        with np.errstate(invalid="ignore"):
            return (number - earlier) / (np.maximum(span, 1) / 1e9), known

    # -- labels and edges ------------------------------------------------------------------------------------------

    def _shown(self, atom: Shown, first: int, last: int) -> StepFunction:
        column = self._column(atom.signal)
        held = None if column is None else self._held(atom.signal, column, first, last)
        if column is None or held is None:
            return _nothing(first)
        if atom.other is None:
            wanted = [raw for raw, label in atom.signal.definition.choices.items() if label == atom.wanted]
            raw = column.raw[held.place]
            same = np.zeros(len(raw), bool)
            for each in wanted:
                same |= raw == each
            return _steps(held.time, _truth(same if atom.same else ~same), held.known)
        second = self._column(atom.other)
        other = None if second is None else self._held(atom.other, second, first, last)
        if second is None or other is None:
            return _nothing(first)
        time, places = common_times(held.time, other.time)
        one, two = held.places(), other.places()
        one = one if places[0] is None else one.take(places[0])
        two = two if places[1] is None else two.take(places[1])
        texts = [each.text.take(place) for each, place in ((column, one), (second, two))]
        bare = np.array([a is None and b is None for a, b in zip(*texts, strict=True)], bool)
        same = np.where(bare, column.value.take(one) == second.value.take(two), texts[0] == texts[1]).astype(bool)
        masks = (
            each.known if each.known is None or place is None else each.known.take(place)
            for each, place in ((held, places[0]), (other, places[1]))
        )
        return _steps(time, _truth(same if atom.same else ~same), _both(*masks))

    def _changed(self, atom: Changed, first: int, last: int) -> StepFunction:
        column = self._column(atom.signal)
        held = None if column is None else self._held(atom.signal, column, first - 1, last)
        if column is None or held is None:
            return _nothing(first)
        time = held.time
        known = np.ones(len(time), bool) if held.known is None else held.known
        raw = column.raw[held.place]
        was, now = raw[:-1], raw[1:]
        edge = (now != was) & ~((now != now) & (was != was))
        for part, sides in ((atom.to, (slice(1, None), slice(-1))), (atom.was, (slice(-1), slice(1, None)))):
            if part is not None:
                steps = self.atom(part, first - 1, last)
                index = np.searchsorted(steps.time, time, "right") - 1
                holds = (steps.lo >= 0).take(index)
                edge &= holds[sides[0]] & ~holds[sides[1]]
        told = known[:-1] & known[1:]
        # An instant after the last step nothing has changed; before it the signal was what it was.
        times = np.concatenate((time, time + 1))
        values = np.concatenate((np.zeros(1, bool), edge, np.zeros(len(time), bool)))
        knowns = np.concatenate((known[:1], told, known))
        order = np.lexsort((np.repeat((1, 0), len(time)), times))  # of equal times the step itself is the last
        times, values, knowns = times[order], values[order], knowns[order]
        kept = np.append(times[1:] != times[:-1], True) & (times <= last)
        steps = _steps(times[kept], _truth(values[kept]), knowns[kept])
        return _from(steps, first)

    def _arrived(self, atom: Arrived, first: int, last: int) -> StepFunction:
        column = self._column(atom.signal)
        known_from = self._begin
        if column is None:
            ends = np.zeros(0, np.int64)
        else:
            known_from = min(known_from, int(column.time[0]))
            begin, end = np.searchsorted(column.time, first), np.searchsorted(column.time, last, "right")
            ends = column.time[int(begin) : int(end)]
        borders = np.array([first, known_from] if known_from > first else [first], np.int64)
        times = np.unique(np.concatenate((borders, ends, ends + 1)))
        times = times[times <= last]
        return _steps(times, _truth(np.isin(times, ends)), times >= known_from)


class _Numbers(NamedTuple):
    """The numbers of a leaf over time: values of any kind that calculates; known as in :class:`Held`."""

    time: Times
    number: Values
    known: Mask | None

    def on(self, time: Times) -> _Numbers:
        """The same with the steps of ``time``, which has all of ours."""
        if time is self.time:
            return self
        place = np.searchsorted(self.time, time, "right") - 1
        return _Numbers(time, self.number.take(place), None if self.known is None else self.known.take(place))


def _numbers(signal: LiveSignal, column: SignalColumn, place: NDArray[np.int64] | slice) -> tuple[Values, Mask | None]:
    """Physical values at the places, and which of them are numbers: not NaN, no label beyond the declared range."""
    value = column.value[place]
    known: Mask | None = None
    number: Values
    if value.dtype.kind == "f":
        number = value.astype(np.float64, copy=False)
        nan = np.isnan(number)
        if nan.any():
            known = ~nan
    elif value.dtype == object or (len(value) and max(abs(int(value.min())), abs(int(value.max()))) > _EXACT):
        number = value.astype(object)  # as exact as in Python, and as slow
    else:
        number = value.astype(np.float64)
    low, high = number_range(signal.definition)
    if signal.definition.choices and (np.isfinite(low) or np.isfinite(high)):
        beyond = (number < low) | (number > high)
        if beyond.any():
            raw = column.raw[place]
            labelled = np.zeros(len(raw), bool)
            for each in signal.definition.choices:
                labelled |= raw == each
            inside = ~(beyond.astype(bool) & labelled)
            known = _both(known, inside)
    return number, known


def _robustness(atom: Compare, number: Values) -> Numbers:
    """:meth:`harness.temporal.formula.Compare.rho` of every number."""
    low, high = atom.low, atom.high
    with np.errstate(invalid="ignore"):
        if np.isinf(high):
            rho = number - low
        elif np.isinf(low):
            rho = high - number
        else:
            rho = np.minimum(number - low, high - number)
        near = rho >= -atom.slack  # what is not near has the right sign, and is not 0
        if atom.outside:
            np.negative(rho, out=rho)
            np.minimum(rho, -TINY, out=rho, where=near)
        else:
            np.maximum(rho, 0, out=rho, where=near)
    return np.asarray(rho, np.float64)


def _both(*masks: Mask | None) -> Mask | None:
    """Where all hold; None: everywhere."""
    found = None
    for mask in masks:
        if mask is not None:
            found = mask if found is None else found & mask
    return found


def _truth(holds: NDArray[np.bool_]) -> Numbers:
    return np.where(holds, np.inf, -np.inf)


def _nothing(first: int) -> StepFunction:
    return constant(first, -np.inf, np.inf)


def _steps(time: Times, rho: Numbers, known: Mask | None) -> StepFunction:
    if known is None or known.all():
        return coalesced(StepFunction(time, rho, rho))
    return coalesced(StepFunction(time, np.where(known, rho, -np.inf), np.where(known, rho, np.inf)))


def _from(steps: StepFunction, first: int) -> StepFunction:
    """Without what lies before ``first``."""
    skip = int(np.searchsorted(steps.time, first, "right")) - 1
    time = steps.time[skip:].copy()
    time[0] = first
    return steps.map(lambda values: values[skip:], time)
