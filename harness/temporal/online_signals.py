"""What a monitor knows of the signals of a formula, and the values of the atoms that follow from it.

The online twin of :mod:`harness.temporal.sampling`: the same values, instant by instant instead of by columns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from math import inf

from harness.signals.comparison import number_range
from harness.signals.live import LiveSignal, Sample
from harness.signals.term import Leaf, leaves
from harness.temporal.formula import UNKNOWN, Arrived, Changed, Compare, Formula, Interval, Shown

TRUE: Interval = (inf, inf)
FALSE: Interval = (-inf, -inf)

_EXACT = 2**40
"""Whole numbers up to here are exact as floats, as in :mod:`harness.temporal.sampling`."""


class Track:
    """One signal: its last sample, and the one of the instant before that.

    time: end of the last frame that carried it, ns; it may be later than that of the sample, whose value it repeats.
    """

    __slots__ = ("earlier", "first", "high", "log", "low", "path", "sample", "signal", "time", "timeout")

    def __init__(self, signal: LiveSignal) -> None:
        self.signal = signal
        self.path = signal.path
        self.timeout = None if signal.timeout is None else int(signal.timeout)
        self.low, self.high = number_range(signal.definition)
        self.sample: Sample | None = None
        self.time = 0
        self.earlier: Sample | None = None
        self.first: int | None = None
        """When it was received first, ns."""
        self.log: list[tuple[int, Sample | None]] = []
        """What held from when on, ns, as far as that is still needed; None: it had expired."""

    def take(self, sample: Sample) -> None:
        """The newest sample; of several in one instant the last counts."""
        if self.first is None:
            self.first = sample.time
        if self.sample is not None and sample.time != self.sample.time:
            self.earlier = self.sample
        self.sample = sample
        self.time = sample.time

    def at(self, now: int) -> Sample | None:
        """The sample that holds at an instant, None where there is none or it has expired. now: not in the past."""
        if self.timeout is not None and now - self.time > self.timeout:
            return None
        return self.sample

    def number(self, sample: Sample) -> int | float | None:
        """The sample as a number; None for NaN and for a label beyond the declared range."""
        value = sample.value
        if value != value or (sample.text is not None and not self.low <= value <= self.high):
            return None
        return float(value) if -_EXACT <= value <= _EXACT else value

    def slope(self, sample: Sample) -> float | None:
        """Change per second since the sample before; None where that is missing, had expired or was no number."""
        earlier = self.earlier
        if earlier is None:
            return None
        span = sample.time - earlier.time
        now, before = self.number(sample), self.number(earlier)
        if now is None or before is None or (self.timeout is not None and span > self.timeout + 1):
            return None
        return (now - before) / (span / 1e9)


class Value:
    """The value of an atom, instant by instant."""

    __slots__ = ("next",)

    def __init__(self) -> None:
        self.next: float = inf
        """When it may change although nothing is received, ns."""

    def at(self, now: int) -> Interval:
        """Its value in an instant. Asked for in the order of time, and whenever a signal changed or expired."""
        raise NotImplementedError


class _Compared(Value):
    __slots__ = ("_atom", "_reads")

    def __init__(self, atom: Compare, tracks: Mapping[str, Track]) -> None:
        super().__init__()
        self._atom = atom
        self._reads = {leaf: _reader(leaf, tracks[leaf.signal.path]) for leaf in leaves(atom.term)}

    def at(self, now: int) -> Interval:
        numbers = {leaf: read.at(now) for leaf, read in self._reads.items()}
        self.next = min(read.next for read in self._reads.values())
        if None in numbers.values():
            return UNKNOWN
        rho = self._atom.value(numbers.__getitem__)  # type: ignore[arg-type]
        return rho, rho


class _Read:
    """A leaf that counts as it is now."""

    __slots__ = ("next", "slope", "track")

    def __init__(self, track: Track, slope: bool) -> None:
        self.track = track
        self.slope = slope
        self.next: float = inf

    def at(self, now: int) -> int | float | None:
        sample = self.track.at(now)
        if sample is None:
            return None
        return self.track.slope(sample) if self.slope else self.track.number(sample)


class _ReadLate(_Read):
    """A leaf that counts as it was ``delay`` ns ago: what it becomes waits in a queue."""

    __slots__ = ("_coming", "_delay", "_last", "_now")

    def __init__(self, track: Track, slope: bool, delay: int) -> None:
        super().__init__(track, slope)
        self._delay = delay
        self._coming: deque[tuple[int, int | float | None]] = deque()
        self._now: int | float | None = None
        self._last: int | float | None = None

    def at(self, now: int) -> int | float | None:
        newest = super().at(now)
        if newest != self._last:
            self._coming.append((now + self._delay, newest))
            self._last = newest
        coming = self._coming
        while coming and coming[0][0] <= now:
            self._now = coming.popleft()[1]
        self.next = coming[0][0] if coming else inf
        return self._now


def _reader(leaf: Leaf, track: Track) -> _Read:
    return _ReadLate(track, leaf.slope, leaf.delay) if leaf.delay else _Read(track, leaf.slope)


class _ComparedAlone(Value):
    """A comparison of one signal with a number, as most are."""

    __slots__ = ("_number", "_rho", "_track")

    def __init__(self, atom: Compare, track: Track) -> None:
        super().__init__()
        self._rho = atom.rho
        self._track = track

    def at(self, now: int) -> Interval:
        track = self._track
        sample = track.at(now)
        number = None if sample is None else track.number(sample)
        if number is None:
            return UNKNOWN
        rho = self._rho(number)
        return rho, rho


class _ShownNow(Value):
    __slots__ = ("_holds", "_other", "_track")

    def __init__(self, atom: Shown, tracks: Mapping[str, Track]) -> None:
        super().__init__()
        self._holds = atom.holds
        self._track = tracks[atom.signal.path]
        self._other = None if atom.other is None else tracks[atom.other.path]

    def at(self, now: int) -> Interval:
        sample = self._track.at(now)
        if sample is None:
            return UNKNOWN
        if self._other is None:
            return TRUE if self._holds(sample) else FALSE
        other = self._other.at(now)
        if other is None:
            return UNKNOWN
        return TRUE if self._holds(sample, other) else FALSE


class _ChangedNow(Value):
    """It compares the instant with the nanosecond before, so it looks again one nanosecond later."""

    __slots__ = ("_before", "_to", "_track", "_was")

    def __init__(self, atom: Changed, tracks: Mapping[str, Track], begin: int) -> None:
        super().__init__()
        self._track = tracks[atom.signal.path]
        self._to = None if atom.to is None else value_of(atom.to, tracks, begin)
        self._was = None if atom.was is None else value_of(atom.was, tracks, begin)
        self._before: tuple[Sample, bool, bool] | None = None

    def at(self, now: int) -> Interval:
        sample, before = self._track.at(now), self._before
        if sample is None:
            self._before, self.next = None, inf
            return UNKNOWN
        to = self._to is None or self._to.at(now)[0] >= 0
        was = self._was is not None and self._was.at(now)[0] >= 0
        self._before = (sample, to, was)
        self.next = now + 1 if before is None or before[0] is not sample else inf
        if before is None:
            return UNKNOWN
        raw, old = sample.raw, before[0].raw
        if raw == old or (raw != raw and old != old):
            return FALSE
        if self._to is not None and (not to or before[1]):
            return FALSE
        return FALSE if self._was is not None and (was or not before[2]) else TRUE


class _ArrivedNow(Value):
    __slots__ = ("_begin", "_track")

    def __init__(self, atom: Arrived, tracks: Mapping[str, Track], begin: int) -> None:
        super().__init__()
        self._track = tracks[atom.signal.path]
        self._begin = begin

    def at(self, now: int) -> Interval:
        track = self._track
        if track.sample is not None and track.time == now:
            self.next = now + 1
            return TRUE
        self.next = self._begin if now < self._begin else inf
        return FALSE if now >= self._begin or track.first is not None else UNKNOWN


def value_of(atom: Formula, tracks: Mapping[str, Track], begin: int) -> Value:
    """The value of an atom over time. tracks: by path. begin: when the observation began, ns."""
    if isinstance(atom, Compare):
        term = atom.term
        if isinstance(term, Leaf) and not term.slope and not term.delay:
            return _ComparedAlone(atom, tracks[term.signal.path])
        return _Compared(atom, tracks)
    if isinstance(atom, Shown):
        return _ShownNow(atom, tracks)
    if isinstance(atom, Changed):
        return _ChangedNow(atom, tracks, begin)
    assert isinstance(atom, Arrived)
    return _ArrivedNow(atom, tracks, begin)


def repeats(atom: Formula) -> bool:
    """Whether a sample that repeats the one before leaves the atom as it is."""
    if isinstance(atom, Compare):
        return not any(leaf.slope for leaf in leaves(atom.term))
    return not isinstance(atom, Arrived)
