"""Recordings of a real bench: which violations are nearer to their limit than was measured, as in the running world."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.bench.accounting import Accounting
from harness.bench.contract import message_rules
from harness.bench.doubts import BEFORE_NS, DECIDED_NS, MEASURED, decide, excuse, told
from harness.bench.integrity import TIMED
from harness.logs.columns import FrameColumns
from harness.monitors.check import Check
from harness.monitors.monitor import Outcome, Violation
from harness.monitors.rules import KEPT
from harness.offline.check_bench import CheckBench
from harness.units import rough_text

KEPT_NS = 10_000_000_000
"""For so long it is remembered when frames came, ns: longer than any copy is waited for."""

_Key = tuple[str, str]


class Doubts:
    """What cannot be told in a recording, as its bench was not exact enough.

    accounting: of the bench while it recorded; None where nothing is known of it: then there are no doubts.
    """

    def __init__(self, bench: CheckBench, accounting: Accounting | None) -> None:
        self._accounting = accounting
        self._limit = bench.blueprint.file.late_limit
        self._rules = {(rule.channel, rule.message.name): rule for rule in message_rules(bench.blueprint)}
        self._blocks: list[tuple[FrameColumns, Sequence[str]]] = []  # the latest ones
        self._times: dict[_Key, NDArray[np.int64]] = {}
        self._pending: list[Violation] = []
        self._counts: Counter[_Key] = Counter()  # of doubts, by check and channel
        self._doubts: dict[_Key, str] = {}  # the first ones
        self._certain: dict[_Key, list[Violation]] = {}

    # -- while it is read ------------------------------------------------------------------------------------------

    def hear(self, block: FrameColumns, channels: Sequence[str]) -> None:
        """Take a block, before its violations; channels: the names behind its numbers."""
        if self._accounting is None:
            return
        latest = int(block.time[-1])
        self._blocks = [each for each in self._blocks if int(each[0].time[-1]) >= latest - KEPT_NS]
        self._blocks.append((block, channels))
        self._times.clear()
        # Of those all frames that matter have come.
        ready = [each for each in self._pending if each.time + DECIDED_NS < latest]
        self._pending = [each for each in self._pending if each.time + DECIDED_NS >= latest]
        for violation in ready:
            self._judge(violation)

    def sift(self, violations: Iterable[Violation]) -> None:
        """Take violations that nothing else explains."""
        if self._accounting is not None:
            self._pending += [each for each in violations if each.kind in TIMED]

    def finish(self) -> None:
        """Nothing more comes."""
        for violation in self._pending:
            self._judge(violation)
        self._pending = []

    def _judge(self, violation: Violation) -> None:
        key = _key_of(violation)
        doubt = self._doubt(violation)
        if doubt:
            self._counts[key] += 1
            self._doubts.setdefault(key, doubt)
        elif len(kept := self._certain.setdefault(key, [])) < KEPT:
            kept.append(violation)

    def _doubt(self, violation: Violation) -> str:
        """Why it cannot be told, "" where it can."""
        accounting = self._accounting
        if accounting is None:
            return ""
        if violation.kind in MEASURED:
            rule = self._rules[violation.channel, violation.message]
            decided = decide(violation, accounting, self._came(violation), ours=rule.sender in accounting.own)
            if decided.doubt or decided.late_ns <= self._limit:
                return decided.doubt
        since, until = max(0, violation.start - BEFORE_NS), violation.time + DECIDED_NS
        late = excuse(accounting, self._limit, since, until)
        return f"{told(violation)}, but {late}" if late else ""

    def _came(self, violation: Violation) -> list[int]:
        path = violation.channel, violation.message
        if path not in self._times:
            key = self._rules[path].message.key
            parts = [
                block.time[(block.key == key) & (block.channel == names.index(path[0]))]
                for block, names in self._blocks
                if path[0] in names
            ]
            self._times[path] = np.concatenate(parts) if parts else np.empty(0, np.int64)
        times = self._times[path]
        first = np.searchsorted(times, violation.start - BEFORE_NS, "left")
        last = np.searchsorted(times, violation.time + DECIDED_NS, "right")
        found: list[int] = times[first:last].tolist()
        return found

    # -- the end -----------------------------------------------------------------------------------------------------

    def left(self, check: Check, outcome: Outcome) -> Outcome:
        """What a check says without the violations that are doubts."""
        rule = getattr(check, "rule", None)
        key = outcome.check, rule.channel if rule is not None else getattr(check, "channel", "")
        if not self._counts[key]:
            return outcome
        kept = [each for each in outcome.violations if each.kind not in TIMED]  # what a frame says is as it is
        kept = sorted([*kept, *self._certain.get(key, [])], key=lambda each: each.time)[:KEPT]
        count = outcome.count - self._counts[key]
        return replace(outcome, violations=tuple(kept), count=count, doubt="" if count else self._doubts[key])

    def left_of_property(self, outcome: Outcome) -> Outcome:
        """What a property says: what violated it while the bench was too late can be the bench's fault."""
        doubts = [self._doubt(each) for each in outcome.violations]
        kept = tuple(each for each, doubt in zip(outcome.violations, doubts, strict=True) if not doubt)
        if kept or not doubts or outcome.count > len(doubts):
            return outcome
        self._counts[outcome.check, ""] += len(doubts)
        return replace(outcome, violations=(), count=0, doubt=doubts[0])

    def remark(self, begin: int, end: int) -> str:
        """How exact the recording is, and how much could not be told; "" where nothing is known of it. Times in ns."""
        if self._accounting is None:
            return ""
        exact = rough_text(self._accounting.uncertainty(begin, end))
        doubts = self._counts.total()
        found = f"; {doubts:,} violations cannot be told" if doubts else ""
        return f"recorded on a real bench: times are known to within {exact} at worst{found}"


def _key_of(violation: Violation) -> _Key:
    """Check and channel; the check of a message's protection calls its violations by what is wrong with it."""
    check = f"protection of {violation.message}" if violation.kind == "e2e" else violation.check
    return check, violation.channel
