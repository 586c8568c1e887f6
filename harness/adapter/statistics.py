"""How late a channel process was with what it sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.units import rough_text

_STEPS = 3  # bits of a number below its highest that tell its bin
RESOLUTION = 1 / (1 << _STEPS)
"""A percentile is given as the upper edge of its bin: never too small, and at most this part too large."""


class Histogram:
    """Distribution of durations, in bins of :data:`RESOLUTION` of their size: some hundred numbers, however many times.

    >>> late = Histogram()
    >>> for microseconds in range(1, 101):
    ...     late.add(microseconds * 1000)
    >>> late.percentile(50), late.percentile(99), late.worst
    (53247, 100000, 100000)
    """

    __slots__ = ("_bins", "count", "worst")

    def __init__(self) -> None:
        self.count = 0
        self.worst = 0
        """The largest, exactly, ns."""
        self._bins: Counter[int] = Counter()

    def add(self, duration_ns: int) -> None:
        """One more. Less than 0 counts as 0."""
        duration_ns = max(duration_ns, 0)
        self.count += 1
        self.worst = max(self.worst, duration_ns)
        shift = max(duration_ns.bit_length() - _STEPS - 1, 0)
        self._bins[shift << _STEPS + 1 | duration_ns >> shift] += 1

    def merge(self, other: Histogram) -> None:
        """Take over all of another one."""
        self.count += other.count
        self.worst = max(self.worst, other.worst)
        self._bins.update(other._bins)

    def percentile(self, percent: float) -> int:
        """What so many percent do not exceed, ns; 0 of nothing."""
        left = self.count * percent / 100
        for place in sorted(self._bins):
            left -= self._bins[place]
            if left <= 0:
                shift, digits = place >> _STEPS + 1, place & (1 << _STEPS + 1) - 1
                return min((digits + 1 << shift) - 1, self.worst)
        return self.worst


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late frames were, measured from their due instants on the absolute schedule to the driver's taking them.

    frames: how many were sent. p50_ns, p99_ns: within :data:`RESOLUTION`; max_ns: exact. retries: how often the driver
    had no room. lost: cycles that were left out.

    >>> print(Lateness(frames=1000, p50_ns=90_000, p99_ns=400_000, max_ns=1_200_000))
    1000 frames, p50 90 µs, p99 400 µs, max 1.2 ms late
    """

    frames: int = 0
    p50_ns: int = 0
    p99_ns: int = 0
    max_ns: int = 0
    retries: int = 0
    lost: int = 0

    def __str__(self) -> str:
        text = (
            f"{self.frames} frames, p50 {rough_text(self.p50_ns)}, p99 {rough_text(self.p99_ns)}, "
            f"max {rough_text(self.max_ns)} late"
        )
        return text + (f", {self.retries} retries" * bool(self.retries)) + (f", {self.lost} lost" * bool(self.lost))


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of one channel in one world. messages: by message name, raw frames by their identifier as text.

    overruns: how often the adapter said that received frames were lost.
    """

    total: Lateness = Lateness()
    messages: Mapping[str, Lateness] = field(default_factory=dict)
    overruns: int = 0


@dataclass(slots=True)
class _Message:
    late: Histogram = field(default_factory=Histogram)
    retries: int = 0
    lost: int = 0


class Account:
    """Collects what :class:`Statistics` are made of."""

    def __init__(self) -> None:
        self.overruns = 0
        self._messages: dict[str, _Message] = {}

    def sent(self, message: str, late_ns: int, retries: int) -> None:
        """One frame of a message was sent."""
        entry = self._of(message)
        entry.late.add(late_ns)
        entry.retries += retries

    def merge(self, other: Account) -> None:
        """Take over all of another one."""
        self.overruns += other.overruns
        for name, entry in other._messages.items():
            own = self._of(name)
            own.late.merge(entry.late)
            own.retries += entry.retries
            own.lost += entry.lost

    def missed(self, message: str, cycles: int) -> None:
        """So many cycles of a message were left out."""
        self._of(message).lost += cycles

    def statistics(self) -> Statistics:
        """All of it, now."""
        whole = _Message()
        for entry in self._messages.values():
            whole.late.merge(entry.late)
            whole.retries += entry.retries
            whole.lost += entry.lost
        messages = {name: _lateness(entry) for name, entry in sorted(self._messages.items())}
        return Statistics(_lateness(whole), messages, self.overruns)

    def _of(self, message: str) -> _Message:
        entry = self._messages.get(message)
        if entry is None:
            entry = self._messages[message] = _Message()
        return entry


def _lateness(entry: _Message) -> Lateness:
    late = entry.late
    return Lateness(late.count, late.percentile(50), late.percentile(99), late.worst, entry.retries, entry.lost)
