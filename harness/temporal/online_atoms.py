"""The atoms of a formula as frames come: when they change, what they were, and what of it is still needed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from math import inf

from harness.errors import DecodeError
from harness.frames import EXTENDED, Received
from harness.signals.live import LiveSignal, Sample
from harness.temporal.formula import UNKNOWN, Formula, atoms
from harness.temporal.online_signals import Track, Value, repeats, value_of
from harness.temporal.online_truth import Node
from harness.temporal.online_values import Segment


class _Feed:
    """One message: the signals that are watched in it, and its last frame."""

    __slots__ = ("carried", "data", "passes", "reads", "time", "timeout")

    def __init__(self, timeout: int | None, passes: bool) -> None:
        self.timeout = timeout
        self.passes = passes
        """Whether a frame like the one before changes nothing."""
        self.reads: list[tuple[Track, Callable[[bytes], int | float | None]]] = []
        self.data: bytes | None = None
        self.time = 0
        self.carried: list[Track] = []
        """The signals that the last frame carried."""


class Atom:
    """One atom: what it is now, and what it was."""

    __slots__ = ("_logged", "fresh", "hi", "lo", "log", "node", "told", "truth", "value")

    def __init__(self, value: Value, node: Node | None, told: int) -> None:
        self.value = value
        self.node = node
        self.lo, self.hi = UNKNOWN
        self.truth: bool | None = None
        self.told = self._logged = told
        """Up to where its node knows it, ns."""
        self.log: list[Segment] = []
        """What it was, as far as that is still needed."""
        self.fresh = 0
        """How many of these nobody has been given yet."""

    def put(self, now: int, lo: float, hi: float) -> bool:
        """It is this from now on; returns whether its truth is another."""
        self.close(now - 1)
        self.lo, self.hi = lo, hi
        truth = True if lo >= 0 else False if hi < 0 else None
        if truth is self.truth:
            return False
        self.tell(now - 1)
        self.truth = truth
        return True

    def close(self, upto: int) -> None:
        """Write down what it was up to an instant."""
        if self._logged < upto:
            self.log.append((upto, self.lo, self.hi))
            self.fresh += 1
            self._logged = upto

    def tell(self, now: int) -> None:
        """Let the node know what it was until now."""
        if self.truth is not None and self.told < now and self.node is not None:
            self.node.learn(self.truth, self.told + 1, now)
        self.told = max(self.told, now)


class Atoms:
    """All atoms of a formula, instant by instant.

    nodes: who wants to know of which atom whether it is certainly true or false. begin: when the observation begins,
    ns. history: how far before it (ns) the atoms are needed. What the channels remember from before it counts.
    """

    def __init__(self, formula: Formula, nodes: dict[Formula, Node], begin: int, history: int) -> None:
        self.origin = begin - history - 1  # a change needs the nanosecond before
        self.pending: float = self.origin
        """The instant whose frames have come and which is not over, ns; infinite: none."""
        self.tracks = {signal.path: Track(signal) for signal in formula.signals}
        self.by_formula = {
            atom: Atom(value_of(atom, self.tracks, begin), nodes.get(atom), self.origin - 1) for atom in atoms(formula)
        }
        self._atoms = list(self.by_formula.values())
        self._dirty: set[Atom] = set(self._atoms)
        self._turns: float = inf
        """When an atom may change by itself next, ns."""
        self._expires: float = inf
        """When a signal may expire next, ns."""
        self._touched: dict[str, list[Atom]] = {
            path: [atom for each, atom in self.by_formula.items() if path in {signal.path for signal in each.signals}]
            for path in self.tracks
        }
        self._alive: dict[str, int] = {}
        """Signals that may expire, and when (ns), at the earliest."""
        self._feeds: dict[tuple[str, int], _Feed] = {}
        for signal in formula.signals:
            track = self.tracks[signal.path]
            key = signal.channel, signal.message.key
            if key not in self._feeds:
                of_message = {each.path for each in formula.signals if (each.channel, each.message.key) == key}
                passes = all(
                    repeats(atom) for atom in self.by_formula if any(each.path in of_message for each in atom.signals)
                )
                self._feeds[key] = _Feed(track.timeout, passes)
            read = signal.message.codec.signal_raw(signal.definition.name)
            self._feeds[key].reads.append((track, read))

    # -- what comes ------------------------------------------------------------------------------------------------

    def passes(self, rx: Received) -> bool:
        """Whether a frame changes nothing: it is none of ours, or says the same as the one before."""
        time, channel, frame = rx[0], rx[1], rx[2]
        feed = self._feeds.get((channel, frame[0] | EXTENDED if frame[2] else frame[0]))
        if feed is None:
            return True
        timeout = feed.timeout
        if not feed.passes or (timeout is not None and time - feed.time > timeout):
            return False
        data = frame[1]
        if data != feed.data:  # a counter, a checksum, or more?
            if len(feed.carried) < len(feed.reads):
                return False
            for track, read in feed.reads:
                try:
                    raw = read(data)
                except DecodeError:
                    return False
                sample = track.sample
                if raw is None or sample is None or raw != sample[1]:
                    return False
            feed.data = data
        feed.time = time
        for track in feed.carried:
            track.time = time
        return True

    def take(self, rx: Received) -> None:
        """A frame that does not pass; all instants before it are over."""
        feed = self._feeds[rx.channel, rx.frame.key]
        feed.data, feed.time = rx.frame.data, rx.time
        feed.carried = []
        for track, _ in feed.reads:
            sample = track.signal.sample_of(rx)
            if sample is not None:
                feed.carried.append(track)
                self._sampled(track, sample)
        self.pending = rx.time

    def _sampled(self, track: Track, sample: Sample) -> None:
        track.take(sample)
        track.log.append((sample.time, sample))
        if track.timeout is not None and track.path not in self._alive:
            limit = self._alive[track.path] = max(self.origin, sample.time + track.timeout + 1)
            self._expires = min(self._expires, limit)
        self._dirty.update(self._touched[track.path])

    def recall(self, signals: Iterable[LiveSignal], begin: int, run: Callable[[int], object]) -> None:
        """Take what the channels remember from before ``begin`` (ns), as far back as it is needed.

        run: called with an instant when it is over, before the samples of a later one are taken.
        """
        past: list[Sample] = []
        of: list[Track] = []
        for signal in signals:
            older: set[int] = set()
            for rx in reversed(signal.network.trace.of(signal.message.key)):
                sample = signal.sample_of(rx) if rx.time <= begin else None
                if sample is None:
                    continue
                if sample.time <= self.origin:
                    older.add(sample.time)
                if len(older) > 2:
                    break
                past.append(sample)
                of.append(self.tracks[signal.path])
        for index in sorted(range(len(past)), key=lambda each: (past[each].time, -each)):
            time = past[index].time
            if time > max(self.origin, self.pending if self.pending < inf else self.origin):
                run(time - 1)
                self.pending = time
            self._sampled(of[index], past[index])

    # -- instants --------------------------------------------------------------------------------------------------

    @property
    def due(self) -> float:
        """The next instant at which an atom may change by itself or by what has come, ns; it may expire before."""
        return self.pending if self.pending < self._turns else self._turns

    @property
    def next(self) -> float:
        """The next instant at which something may change, ns."""
        due = self.pending if self.pending < self._turns else self._turns
        return due if due < self._expires else self._expires

    def step(self, now: int) -> bool:
        """Go through the next instant; returns whether the truth of an atom changed."""
        if self.pending <= now:
            self.pending = inf
        if self._expires <= now:
            self._expire(now)
        changed = False
        for atom in self._atoms:
            if atom in self._dirty or atom.value.next <= now:
                lo, hi = atom.value.at(now)
                if lo != atom.lo or hi != atom.hi:
                    changed |= atom.put(now, lo, hi)
        self._dirty.clear()
        self._turns = min([atom.value.next for atom in self._atoms])
        return changed

    def _expire(self, now: int) -> None:
        for path, limit in list(self._alive.items()):
            if limit <= now:
                track = self.tracks[path]
                assert track.timeout is not None
                if now - track.time > track.timeout:
                    del self._alive[path]
                    track.log.append((now, None))
                    self._dirty.update(self._touched[path])
                else:
                    self._alive[path] = track.time + track.timeout + 1
        self._expires = min(self._alive.values(), default=inf)

    def tell(self, now: int) -> None:
        """Let the nodes know all that was until now."""
        for atom in self._atoms:
            atom.tell(now)

    # -- what was --------------------------------------------------------------------------------------------------

    @property
    def fresh(self) -> int:
        """How many segments nobody has been given yet."""
        return sum([atom.fresh for atom in self._atoms])

    @property
    def kept(self) -> int:
        """How many segments are kept."""
        return sum(len(atom.log) for atom in self._atoms)

    def batch(self, upto: int) -> dict[Formula, Sequence[Segment]]:
        """What nobody has been given yet, up to an instant that is over."""
        found: dict[Formula, Sequence[Segment]] = {}
        for formula, atom in self.by_formula.items():
            atom.close(upto)
            found[formula] = atom.log[len(atom.log) - atom.fresh :]
            atom.fresh = 0
        return found

    def excerpt(self, start: int, now: int, beyond: int) -> dict[Formula, Sequence[Segment]]:
        """What was from ``start`` (or before) to ``now``, and unknown until ``beyond``, ns."""
        found: dict[Formula, Sequence[Segment]] = {}
        for formula, atom in self.by_formula.items():
            kept = atom.log[bisect_left(atom.log, (start,)) :]
            if not kept or kept[-1][0] < now:
                kept.append((now, atom.lo, atom.hi))
            found[formula] = [*kept, (beyond, *UNKNOWN)] if beyond > now else kept
        return found

    def forget(self, before: int) -> None:
        """Drop what was before an instant."""
        for atom in self.by_formula.values():
            count = min(bisect_left(atom.log, (before,)), len(atom.log) - atom.fresh)
            if count > 0:
                del atom.log[:count]
        for track in self.tracks.values():
            count = bisect_left(track.log, before + 1, key=lambda each: each[0]) - 1
            if count > 0:
                del track.log[:count]

    def shown(self, signal: LiveSignal, time: int) -> str:
        """What a signal showed at an instant, for people: ``40 %``, ``On``, ``no data``."""
        log = self.tracks[signal.path].log
        place = bisect_left(log, time + 1, key=lambda each: each[0]) - 1
        sample = log[place][1] if place >= 0 else None
        if sample is None:
            return "no data"
        return sample.text if sample.text is not None else f"{sample.value:.10g} {signal.unit}".rstrip()
