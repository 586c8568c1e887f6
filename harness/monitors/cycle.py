"""Cycle times: every message comes as often as its database says, and no node falls silent.

What a gap may be follows the send type. A purely cyclic message keeps its cycle time both ways; where changes, writes
or activity send it too, frames come in between, and only the longest gap counts (and the minimum delay). A message that
is not sent cyclically has no check. The first frame has to come within some cycles of the begin. A frame that came too
late, or the first one, may be followed by shorter gaps, as schedules are absolute and what waited goes out at once:
within a cycle after it no gap is judged for being short.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

from harness.errors import ConfigError
from harness.frames import Received
from harness.monitors.check import Check
from harness.monitors.monitor import Outcome, Violation
from harness.monitors.rules import NOTHING, CycleLimits, MessageRule
from harness.monitors.sleep import NEVER, SPREAD_NS, NetworkSleep
from harness.monitors.statistics import GapStatistics
from harness.units import time_text

_FIRST, _RUNNING, _MISSING, _ASLEEP = range(4)
_IMPOSSIBLE = 1 << 62
_BATCH = 512
"""So many gaps are added up at once."""


class CycleCheck(Check):
    """The cycle time of one message, from the end of each frame to the end of the next.

    sleep: given where the network may fall silent as a whole. judges: False: it only measures, and tells others when
    the message came. Raises :class:`~harness.errors.ConfigError` for a message that is not cyclic.
    """

    family = "cycle times"

    def __init__(
        self, rule: MessageRule, limits: CycleLimits, sleep: NetworkSleep | None = None, *, judges: bool = True
    ) -> None:
        super().__init__()
        self._judges = judges
        if not rule.cycle_ns:
            raise ConfigError(f"message {rule.message.name!r} is not sent cyclically, so it has no cycle time to check")
        self.rule = rule
        self.title = f"cycle time of {rule.message.name}"
        self.cycle = rule.cycle_ns
        low, self.longest = limits.gap(rule.cycle_ns)
        if rule.events:
            low = max(0, rule.min_delay_ns - limits.tolerance(rule.min_delay_ns)) if rule.min_delay_ns else 0
        self.shortest = low
        self.first = rule.start_delay_ns + round(limits.first * rule.cycle_ns)
        """Longest time to the first frame, ns."""
        self.statistics = GapStatistics(rule.cycle_ns)
        self.last = NEVER
        """When the last frame ended, ns; long ago where there was none."""
        self._sleep = sleep
        self._settle = 0  # how long a gap stays open before it is certain
        self._patience = self.longest
        self.low = low
        """The shortest gap that changes nothing but the statistics, ns; while every frame is looked at, endless."""
        self._strict_from = 0  # until then no gap is judged for being short
        self.gaps: list[int] = []
        """Gaps that are not in the statistics yet, ns; always the same list."""
        self._mode = _FIRST
        self._begin = 0
        self._asleep_since = 0
        self._look = 0
        self._margin: int | None = None

    def wants(self, channel: str) -> Container[int]:
        """Its own identifier on its own channel."""
        return (self.rule.message.key,) if channel == self.rule.channel else ()

    def begin(self, time: int) -> None:
        """The first frame is due from here."""
        super().begin(time)
        self._settle = 0 if self._sleep is None else self._sleep.settle
        self._patience = self.longest + self._settle
        self.restart(time)

    def restart(self, since: int) -> None:
        """Begin anew as if the node had started at ``since`` (ns): what was missed before is somebody else's fault."""
        self._mode = _FIRST
        self._begin = since
        self._look = since + min(self.first, self.longest) + self._settle
        self.low = _IMPOSSIBLE  # every first frame goes the long way

    @property
    def due(self) -> int:
        """When the open gap becomes a violation, ns; once it has been reported, when to look again.

        Before the first frame: no later than the gap after that would become one.
        """
        return self.last + self._patience if self._mode == _RUNNING else self._look

    @property
    def sleep(self) -> NetworkSleep | None:
        """What tells that its network sleeps; None where that does not."""
        return self._sleep

    @property
    def judged(self) -> int:
        """How many gaps there were."""
        return self.statistics.count + len(self.gaps)

    @property
    def calm(self) -> bool:
        """Whether a frame after a gap of :attr:`shortest` to :attr:`longest` changes nothing but the statistics."""
        return self._mode == _RUNNING and self.low == self.shortest

    def pass_over(self, time: int, woken: Callable[[int], int]) -> None:
        """No frame comes before ``time`` (ns): make no looks before it that would change nothing.

        woken: after some instant, the first at which the network is heard.
        """
        if self._mode == _MISSING:
            step = self.longest
        elif self._mode == _ASLEEP and self._sleep is not None:
            step, time = self._sleep.period, min(time, woken(self._asleep_since + SPREAD_NS))
        else:
            return
        self._look += max(0, time - 1 - self.due) // step * step

    def receive(self, rx: Received) -> Sequence[Violation]:
        """A frame closes the gap."""
        time = rx[0]
        gap = time - self.last
        self.last = time
        if self.low <= gap <= self.longest:
            self.gaps.append(gap)
            return NOTHING
        return self._unusual(rx, gap)

    def advance(self, time: int) -> Sequence[Violation]:
        """Is the frame that was due there?"""
        if len(self.gaps) > _BATCH:
            self._digest()
        due = self.due
        if time < due:
            return NOTHING
        if self._mode == _FIRST:
            due = self._begin + self.first + self._settle
            if time < due:
                self._look = min(time + self._patience, due)
                return NOTHING
        if self._mode == _MISSING:
            self._look = time + self.longest
            return NOTHING
        if self._sleep is not None:
            since = self._asleep_since if self._mode == _ASLEEP else due - self._sleep.settle
            if not self._sleep.heard(since):
                self._asleep_since = since
                self._mode, self._look, self.low = _ASLEEP, time + self._sleep.period, _IMPOSSIBLE
                return NOTHING
            if self._mode == _ASLEEP or self._sleep.slept > since:
                self.restart(time)  # it is awake again
                return NOTHING
        first = self._mode == _FIRST
        start, allowed = (self._begin, self.first) if first else (self.last, self.longest)
        self._mode, self._look, self.low = _MISSING, time + self.longest, _IMPOSSIBLE
        what = "first frame" if first else "frame"
        return self._violated(time, start, time, allowed, f"no {what} for {time_text(time - start)}", None, None)

    def _unusual(self, rx: Received, gap: int) -> Sequence[Violation]:
        """A frame that is the first, or whose gap is too long, too short, or not to be judged for being short."""
        mode, self._mode = self._mode, _RUNNING
        time = rx.time
        if mode != _RUNNING:
            self._strict_from = time + self.cycle
            if mode == _MISSING and gap < _IMPOSSIBLE // 2:
                self.gaps.append(gap)
            late = time - self._begin - self.first
            if mode == _FIRST and late > 0 and self._sleep is not None and self._sleep.slept <= self._begin:
                actual = f"first frame after {time_text(time - self._begin)}"
                return self._violated(time, self._begin, time, self.first, actual, -late, rx)
            return NOTHING
        relaxed = self.low == _IMPOSSIBLE
        if relaxed and time >= self._strict_from:
            self.low = self.shortest
        if gap < self.shortest and self._sleep is not None and self._sleep.slept > time - gap:
            self.low, self._strict_from = _IMPOSSIBLE, time + self.cycle
            return NOTHING
        self.gaps.append(gap)
        if gap > self.longest:
            self.low, self._strict_from = _IMPOSSIBLE, time + self.cycle
            margin = self.longest - gap
            return self._violated(rx.time, rx.time - gap, rx.time, self.longest, f"after {time_text(gap)}", margin, rx)
        if relaxed or gap >= self.shortest:
            return NOTHING
        margin = gap - self.shortest
        return self._violated(rx.time, rx.time - gap, rx.time, self.longest, f"after {time_text(gap)}", margin, rx)

    def _violated(
        self, time: int, start: int, end: int, allowed: int, actual: str, margin: int | None, rx: Received | None
    ) -> Sequence[Violation]:
        if not self._judges:
            return NOTHING
        if allowed != self.longest:
            expected = f"first frame within {time_text(allowed)}"
        elif self.shortest and not self.rule.events:
            expected = f"every {time_text(self.cycle)}, {time_text(self.shortest)} to {time_text(self.longest)}"
        else:
            least = f", at least {time_text(self.shortest)}" if self.shortest else ""
            expected = f"every {time_text(self.cycle)}, at most {time_text(self.longest)}{least}"
        violation = Violation(
            "cycle", self.title, time, start, end, expected, actual,
            None if margin is None else margin / 1e6, "ms", self.rule.channel, self.rule.message.name, (), rx,
        )  # fmt: skip
        return self.note(violation)

    def _digest(self) -> None:
        self.statistics.add(self.gaps)
        self.gaps.clear()

    def finish(self, time: int) -> Sequence[Outcome]:
        """How regular it was."""
        self._digest()
        statistics = self.statistics
        margin = None
        if statistics.worst is not None and statistics.best is not None and statistics.worst <= self.longest:
            margin = self.longest - statistics.worst
            if self.shortest and statistics.best >= self.shortest:
                margin = min(margin, statistics.best - self.shortest)
        judged = round(statistics.count * statistics.mean)
        return self.outcome(
            judged, None if margin is None else margin / 1e6, "ms", statistics=(("gaps", statistics.text()),)
        )


class NodeCheck(Check):
    """A node on a channel is heard: at least one of its cyclic messages within some of their shortest cycles.

    checks: those of its cyclic messages, told of frames before this one is asked. silence: so many cycles.
    """

    family = "nodes heard"

    def __init__(
        self, node: str, channel: str, checks: Sequence[CycleCheck], silence: float, sleep: NetworkSleep | None = None
    ) -> None:
        super().__init__()
        if not checks:
            raise ConfigError(f"node {node!r} sends nothing cyclic on {channel!r}, so its silence cannot be told")
        self.node = node
        self.channel = channel
        self.title = f"{node} is heard on {channel}"
        self._fastest = fastest = min(checks, key=lambda check: check.cycle)
        self.longest = round(silence * fastest.cycle)
        """Longest silence, ns."""
        self._checks = tuple(checks)
        self._first = max(fastest.first, self.longest)
        self._sleep = sleep
        self._settle = 0  # how long a silence stays open before it is certain
        self._begin = 0
        self._heard = 0
        self._look: int | None = 0
        self._reported: int | None = None

    def wants(self, channel: str) -> Container[int]:
        """Nothing: the checks of its messages know when they were heard."""
        return ()

    def begin(self, time: int) -> None:
        """The node is to be heard from here."""
        super().begin(time)
        self._settle = 0 if self._sleep is None else self._sleep.settle
        self.restart(time)

    def restart(self, since: int) -> None:
        """Begin anew as if the node had started at ``since`` (ns)."""
        self._begin = since
        self._heard = since + self.longest  # until then it is certainly not silent for too long
        self._look = None
        self._reported = None

    @property
    def last(self) -> int:
        """When it was heard last, ns; long ago for never."""
        return max([check.last for check in self._checks])

    @property
    def due(self) -> int:
        """When its silence becomes a violation at the earliest, ns; after one, when to see whether it is back."""
        if self._look is not None:
            return self._look
        return max(self._fastest.last + self.longest, self._heard) + self._settle

    @property
    def _deadline(self) -> int:
        last = self.last
        return self._begin + self._first if last < self._begin else last + self.longest

    @property
    def messages(self) -> Sequence[CycleCheck]:
        """The checks of its cyclic messages."""
        return self._checks

    @property
    def calm(self) -> bool:
        """Whether it is heard as it should be: nothing happens as long as it is."""
        return self._look is None

    def pass_over(self, silent: int, heard: int, woken: Callable[[int], int]) -> None:
        """Make no looks that would change nothing.

        silent: from when on (ns) it is silent for longer than allowed, as far as it has been heard now; heard: when it
        is heard next; woken: after some instant, the first at which the network is heard.
        """
        if self._look is None:
            return
        if self._reported is not None:
            step, until = self.longest, heard
        else:
            assert self._sleep is not None, "without a network that sleeps it looks for nothing else"
            step = self._sleep.period
            until = silent if self._look <= silent else min(heard, woken(self._deadline + SPREAD_NS))
        self._look += max(0, until - 1 - self._look) // step * step

    def receive(self, rx: Received) -> Sequence[Violation]:
        """Not called: it wants no frames."""
        return NOTHING

    def advance(self, time: int) -> Sequence[Violation]:
        """Has it been heard?"""
        due = self.due
        if time < due:
            return NOTHING
        last = self.last
        if self._reported is not None:
            if last > self._reported:
                self.restart(last)
            else:
                self._look = time + self.longest
            return NOTHING
        deadline = self._deadline
        if self._look is None and time < deadline + self._settle:
            self._heard = min(time + self.longest, deadline)
            return NOTHING
        if self._sleep is not None and not self._sleep.heard(deadline):
            self._look = time + self._sleep.period
            return NOTHING
        if self._look is not None:  # it slept
            self.restart(max(time, last))
            return NOTHING
        start = max(last, self._begin)
        self._reported, self._look = time, time + self.longest
        violation = Violation(
            "silence", self.title, time, start, time, f"a frame at least every {time_text(self.longest)}",
            f"no cyclic message for {time_text(time - start)}", None, "", self.channel,
            self._fastest.rule.message.name,
        )  # fmt: skip
        return self.note(violation)

    def finish(self, time: int) -> Sequence[Outcome]:
        """Whether it ever fell silent."""
        judged = time - self.began if self.last > NEVER else 0
        return self.outcome(judged)
