"""A watch: one predicate, followed over time from a reference point that may lie in the past.

What an expectation needs to know is when its predicate held first, and when it first did not; a watch answers both.

>>> from pathlib import Path
>>> from harness.frames import Frame
>>> from harness.loop import Loop
>>> from harness.signals.database import Database
>>> from harness.signals.definitions import MessageDef, SignalDef
>>> from harness.signals.network import Network
>>> lamp = SignalDef("BrakeLamp", "Lamps", start=0, length=1, choices={0: "Off", 1: "On"})
>>> network = Network("body", [Database(Path("car.dbc"), "", (), (MessageDef("Lamps", 0x140, 1, (lamp,)),))], Loop())
>>> _ = network.receive(Received(1_000_000, "body", Frame(0x140, b"\\x00")))
>>> watch = Watch(network.signal("BrakeLamp") == "On", since=5_000_000)
>>> _ = network.receive(Received(11_000_000, "body", Frame(0x140, b"\\x01")))
>>> watch.satisfied_at, watch.violated_at
(11000000, 5000000)
>>> watch.close()
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from heapq import merge

from harness.frames import Received
from harness.signals.live import LiveSignal, Sample
from harness.signals.network import Network
from harness.signals.predicate import Predicate
from harness.units import time_text

SEEN = 20
"""How many of the last instants a watch remembers for the failure's text."""

Values = Mapping[str, Sample | None]
"""Samples by short name, or by path where two signals of the predicate have the same short name."""


class Watch:
    """Follows a predicate from ``since`` (ns of the world, not in the future) to ``until``, or until :meth:`close`.

    The state at ``since`` counts: of every signal the last sample at or before it. After that the predicate is
    judged once per frame, when all signals of that frame are updated, first over what the trace remembers and then
    as frames come. An edge must come after ``since``, or with ``edge`` in that very instant. A cyclic signal that
    misses five cycles is no data from then on (:attr:`~harness.signals.live.LiveSignal.timeout`), so nothing stays
    true because its sender died. What comes after ``until`` (ns, included; None: no end) does not count.
    """

    def __init__(self, predicate: Predicate, since: int, until: int | None = None, *, edge: bool = False) -> None:
        self.predicate = predicate
        self.since = since
        self.until = math.inf if until is None else until
        self.satisfied_at: int | None = None
        """When the predicate was True first, ns; None so far."""
        self.satisfied_by: Values = {}
        """The samples that made it True."""
        self.violated_by: Values = {}
        """The samples that made it not True."""
        self.has_data = False
        """Whether there ever was enough data to say True or False."""
        self.margin: float | None = None
        """Smallest :meth:`~harness.signals.predicate.Predicate.margin` so far; None where there is no distance."""
        self.seen: deque[tuple[int, Values]] = deque(maxlen=SEEN)
        """The last instants at which the predicate was judged, oldest first."""
        self._loop = predicate.signals[0].network.loop
        self._violated_at: int | None = None
        self._lost_at: int | None = None
        self._labels = _labels(predicate.signals)
        self.units = {self._labels[signal.path]: signal.unit for signal in predicate.signals}
        """Units of the signals, by the names that :data:`Values` has."""
        self._limits = {signal.path: int(signal.timeout) for signal in predicate.signals if signal.timeout is not None}
        self._samples: dict[str, Sample | None] = {}
        self._expires: float = math.inf
        groups: dict[tuple[Network, int], list[LiveSignal]] = {}
        for signal in predicate.signals:
            self._samples[signal.path] = signal.sample_at(since)
            groups.setdefault((signal.network, signal.message.key), []).append(signal)
        self._begin(edge)
        history = [
            [(rx, signals) for rx in network.trace.since(key, since + 1)] for (network, key), signals in groups.items()
        ]
        for rx, signals in merge(*history, key=lambda event: event[0].time):
            self._receive(signals, rx)
        self._cancel: list[Callable[[], None]] = [
            network.on_frame(key, partial(self._receive, signals)) for (network, key), signals in groups.items()
        ]

    @property
    def violated_at(self) -> int | None:
        """When the predicate was first not True (False, or no data), ns; None so far."""
        if self._expires < self._loop.now:  # asked once per instant, so even a call counts
            self._expire_until(self._loop.now)
        return self._violated_at

    @property
    def lost_at(self) -> int | None:
        """When there was no longer enough data to tell, as a signal had expired, ns; None so far."""
        self._expire_until(self._loop.now)
        return self._lost_at

    def close(self) -> None:
        """Stop watching."""
        for cancel in self._cancel:
            cancel()
        self._cancel = []

    def availability(self) -> str:
        """One line per signal: where it comes from and when it was last received."""
        return "\n".join(_availability(signal, self._labels[signal.path]) for signal in self.predicate.signals)

    def _begin(self, edge: bool) -> None:
        before = {signal.path: signal.sample_at(self.since - 1) for signal in self.predicate.signals} if edge else None
        for path, limit in self._limits.items():
            sample = self._samples[path]
            if sample is not None and sample.time + limit < self.since:
                self._samples[path] = None
        self._set_expiry()
        self._judge(self.since, self._samples if before is None else before)

    def _receive(self, signals: list[LiveSignal], rx: Received) -> None:
        self._expire_until(rx.time)
        if rx.time > self.until:
            return
        before = dict(self._samples)
        carried = False
        for signal in signals:
            sample = signal.sample_of(rx)
            if sample is not None:
                self._samples[signal.path] = sample
                carried = True
        if carried:
            self._set_expiry()
            self._judge(rx.time, before)

    def _expire_until(self, now: int) -> None:
        while self._expires < min(now, self.until):
            expired_at = int(self._expires)
            before = dict(self._samples)
            for path, limit in self._limits.items():
                sample = self._samples[path]
                if sample is not None and sample.time + limit <= expired_at:
                    self._samples[path] = None
            self._set_expiry()
            if self._judge(expired_at + 1, before) is None and self._lost_at is None:
                self._lost_at = expired_at + 1

    def _set_expiry(self) -> None:
        self._expires = min(
            (
                sample.time + limit
                for path, limit in self._limits.items()
                if (sample := self._samples[path]) is not None
            ),
            default=math.inf,
        )

    def _judge(self, time: int, before: Mapping[str, Sample | None]) -> bool | None:
        samples = self._samples
        holds = self.predicate.holds(samples, before)
        shown: Values = {self._labels[path]: sample for path, sample in samples.items()}
        self.seen.append((time, shown))
        margin = self.predicate.margin(samples)
        if margin is not None and (self.margin is None or margin < self.margin):
            self.margin = margin
        if holds is not None:
            self.has_data = True
        if holds:
            if self.satisfied_at is None:
                self.satisfied_at, self.satisfied_by = time, shown
        elif self._violated_at is None:
            self._violated_at, self.violated_by = time, shown
        return holds


def _labels(signals: tuple[LiveSignal, ...]) -> dict[str, str]:
    short = [signal.short_name for signal in signals]
    return {signal.path: signal.path if short.count(signal.short_name) > 1 else signal.short_name for signal in signals}


def _availability(signal: LiveSignal, label: str) -> str:
    cycle = signal.message.cycle_time_ns
    source = f"{label} ({signal.message.name} on {signal.channel}{f', every {time_text(cycle)}' if cycle else ''})"
    reason = signal.invalid_reason
    return f"{source}: {reason if reason else f'last received {signal.age} ago'}"
