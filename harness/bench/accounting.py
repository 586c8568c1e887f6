"""What the tester knows of its own exactness: how late it was, and how far its stamps may be off, at any time.

Every channel process reports how late it ran what was due; a served vehicle says how late it was itself. What came late
was stamped late, so a claim about that time is no better than this. A recording keeps it
(:mod:`harness.logs.exactness`), and whoever judges that has the same :class:`Accounting` again.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from harness.logs.exactness import Exactness
from harness.units import rough_text

QUIET_NS = 1_000_000
"""Spans in which a source was later than this are remembered one by one; shorter ones together."""


@dataclass(slots=True)
class _Span:
    start: int
    end: int
    late_ns: int


@dataclass(slots=True)
class Lateness:
    """How late one source was, over the time of a world; all in ns.

    >>> late = Lateness("body")
    >>> late.note(5_000_000, 200_000)
    >>> late.note(10_000_000, 7_000_000)
    >>> late.worst(0, 4_000_000), late.worst(6_000_000, 8_000_000), late.worst(20_000_000, 30_000_000)
    (200000, 7000000, 7000000)
    """

    name: str
    spans: list[_Span] = field(default_factory=list)

    def note(self, until: int, late_ns: int) -> None:
        """The worst lateness from the last note to ``until``."""
        last = self.spans[-1] if self.spans else None
        if last is not None and max(last.late_ns, late_ns) < QUIET_NS:
            last.end, last.late_ns = max(last.end, until), max(last.late_ns, late_ns)
        else:
            begin = last.end if last is not None else 0
            self.spans.append(_Span(begin, max(begin, until), late_ns))

    def act(self, time: int, late_ns: int) -> None:
        """It was so late at an instant; nothing follows from that for the time before and after it."""
        self.note(time, late_ns if late_ns < QUIET_NS else 0)
        if late_ns >= QUIET_NS:
            self.spans += [_Span(time, time, late_ns), _Span(time, time, 0)]

    def worst(self, since: int, until: int) -> int:
        """The worst lateness in a stretch of time; where that has not been told yet, what was told last."""
        found = 0
        for index in range(self.index(until), -1, -1):
            span = self.spans[index]
            found = max(found, span.late_ns)
            if span.start < since:
                break
        return found

    def index(self, time: int) -> int:
        """Which span an instant is in, or comes after; -1 for none."""
        return bisect_right(self.spans, time, key=lambda span: span.start) - 1


USUAL_NS = 10_000_000
"""So far behind the clock a world always may be, ns; it does not count as an answer that the bench delayed."""


class Accounting:
    """How exactly a world is measured.

    stamps: how far a stamp of each channel may be off by itself, ns. simulates: whether nodes are simulated in this
    process, which answer as late as the world is behind the clock. own: nodes for which this bench sends itself.
    """

    def __init__(
        self,
        stamps: Mapping[str, int],
        served: Iterable[str] = (),
        *,
        simulates: bool = False,
        own: Collection[str] = (),
    ) -> None:
        self.stamps = dict(stamps)
        self.own = frozenset(own)
        self.channels = {name: Lateness(name) for name in stamps}
        """How late each channel process was."""
        self.served = {name: Lateness(name) for name in served}
        """How late the served vehicle was, if there is one."""
        self.acting = Lateness("test")
        """How far the world was behind the clock when the test acted: so much later than it thinks it did."""
        self.answering = Lateness("simulated nodes")
        """How late simulated nodes answered at worst; what is usual counts as nothing."""
        self._simulates = simulates
        self.settle: Callable[[], None] = lambda: None
        """Waits until all that is known about the time up to now is in."""

    @classmethod
    def of(cls, exactness: Exactness | None) -> Self | None:
        """That of a recording; None where nothing is known of it.

        >>> from harness.logs.exactness import Late
        >>> told = Exactness({"body": 50_000}, late=(Late("channel", "body", 0, 7_000_000),))
        >>> Accounting.of(told).uncertainty(0, 1_000_000)
        7050000
        """
        if exactness is None:
            return None
        found = cls(exactness.stamps, exactness.served, own=exactness.own)
        for each in exactness.late:
            found._source(each.kind, each.name).spans.append(_Span(each.since, each.since, each.late_ns))
        return found

    def _source(self, kind: str, name: str) -> Lateness:
        if kind == "channel":
            return self.channels[name]
        if kind == "served":
            return self.served[name]
        return self.acting if kind == "test" else self.answering

    def sources(self) -> Iterator[tuple[str, Lateness]]:
        """Everything that may be late, with its kind as a recording calls it (:data:`harness.logs.exactness.KINDS`)."""
        yield from (("channel", late) for late in self.channels.values())
        yield from (("served", late) for late in self.served.values())
        yield "test", self.acting
        yield "nodes", self.answering

    @property
    def early(self) -> int:
        """How much earlier than its original a copy on another channel may be stamped, ns."""
        return 2 * max(self.stamps.values(), default=0)

    def uncertainty(self, since: int, until: int) -> int:
        """How far an instant or span measured between ``since`` and ``until`` may be off, ns."""
        return max(self.stamps.values(), default=0) + self.late(since, until)

    def late(self, since: int, until: int) -> int:
        """How late channel processes and a served vehicle were at worst between two instants, together, ns."""
        late = max((each.worst(since, until) for each in self.channels.values()), default=0)
        return late + max((each.worst(since, until) for each in self.served.values()), default=0)

    def is_behind(self, now: int, behind_ns: int) -> None:
        """The world is at ``now``, and so far behind the clock."""
        if self._simulates:
            self.answering.note(now, behind_ns if behind_ns > USUAL_NS else 0)

    def worst(self, since: int, until: int) -> int:
        """How late the bench was at worst, whatever of it: also what the test did and simulated nodes answered; ns."""
        return max(self.late(since, until), self.acting.worst(since, until), self.answering.worst(since, until))

    def text(self, since: int, until: int) -> str:
        """The parts of the uncertainty, for people."""
        parts = [f"{name}: stamps within {rough_text(stamp)}" for name, stamp in self.stamps.items()]
        parts += [f"channel process {name} late by up to {rough_text(late.worst(since, until))}"
                  for name, late in self.channels.items()]  # fmt: skip
        parts += [
            f"served vehicle late by up to {rough_text(late.worst(since, until))}" for late in self.served.values()
        ]
        if self.acting.spans:
            parts.append(f"test acted up to {rough_text(self.acting.worst(since, until))} late")
        if answered := self.answering.worst(since, until):
            parts.append(f"simulated nodes answered up to {rough_text(answered)} late")
        return "; ".join(parts)
