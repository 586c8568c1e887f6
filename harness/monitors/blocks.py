"""The bus contract over columns: the same checks as online, block by block of a recording.

The checks are the folds themselves (:func:`harness.monitors.contract.contract_checks`). What changes nothing in a fold
is recognised and counted by column; only the rest is put before it, at the instants at which it would have seen it
online. So both come to the same violations, numbers and statistics, wherever a recording is cut into blocks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import numpy as np

from harness.logs.columns import FrameColumns
from harness.monitors.blocks_contents import ContentsColumns, KnownColumns
from harness.monitors.blocks_cycle import CycleColumns, Hearing, NodeColumns
from harness.monitors.blocks_e2e import E2EColumns
from harness.monitors.blocks_rows import Rows, Sorted, Sorter
from harness.monitors.blocks_traffic import Durations, ErrorColumns, LatencyColumns, LoadColumns
from harness.monitors.check import Check
from harness.monitors.contents import Contents, KnownFrames
from harness.monitors.cycle import CycleCheck, NodeCheck
from harness.monitors.e2e import E2ECheck
from harness.monitors.latency import LatencyCheck
from harness.monitors.load import ErrorFrames, LoadCheck
from harness.monitors.monitor import Outcome, Violation
from harness.monitors.rules import MessageRule

Pair = tuple[str, int]
"""Name of a channel, and a message's :attr:`harness.frames.Frame.key`."""


class ContractColumns:
    """The checks of a contract over a recording.

    checks: fresh ones. durations: by channel, how long frames occupy it. known: by channel, the keys that its
    databases know. Frames of other channels are ignored. :meth:`begin`, then every block through :meth:`block`, at last
    :meth:`finish`.
    """

    def __init__(
        self, checks: Sequence[Check], durations: Mapping[str, Durations], known: Mapping[str, Collection[int]]
    ) -> None:
        self.checks = tuple(checks)
        self.unknown: Counter[Pair] = Counter()
        """How many frames had an identifier that their channel does not know."""
        self._sorter = Sorter({channel: sorted(keys) for channel, keys in known.items()})
        self._contents = {_pair(each.rule): ContentsColumns(each) for each in checks if isinstance(each, Contents)}
        self._e2e = {_pair(each.rule): E2EColumns(each) for each in checks if isinstance(each, E2ECheck)}
        self._known = {each.channel: KnownColumns(each) for each in checks if isinstance(each, KnownFrames)}
        self._errors = {each.channel: ErrorColumns(each) for each in checks if isinstance(each, ErrorFrames)}
        self._loads = {
            each.channel: LoadColumns(each, durations[each.channel]) for each in checks if isinstance(each, LoadCheck)
        }
        self._cycles = [CycleColumns(each) for each in checks if isinstance(each, CycleCheck)]
        self._nodes = [NodeColumns(each) for each in checks if isinstance(each, NodeCheck)]
        self._latencies = [LatencyColumns(each) for each in checks if isinstance(each, LatencyCheck)]
        self._hearing = {channel: self._hearing_of(channel) for channel in known}

    def _hearing_of(self, channel: str) -> Hearing:
        cycles = [each.check for each in self._cycles if each.check.rule.channel == channel]
        return Hearing(cycles, cycles[0].sleep if cycles else None)

    def begin(self, time: int) -> None:
        """It is judged from ``time`` (ns) on."""
        for check in self.checks:
            check.begin(time)

    def block(self, block: FrameColumns, channels: Sequence[str]) -> list[Violation]:
        """Judge the next block; channels: the names behind :attr:`FrameColumns.channel`.

        Violations that became certain in it, in the order of time; of unknown frames only the first.
        """
        if not len(block):
            return []
        return self._judge(self._sorter.sort(block, channels))

    def _judge(self, ordered: Sorted) -> list[Violation]:
        found: list[Violation] = []
        rows_of: dict[Pair, Rows] = {}
        for pair, rows in ordered.messages():
            rows_of[pair] = rows
            if (contents := self._contents.get(pair)) is not None:
                found += contents.block(rows)
            if (e2e := self._e2e.get(pair)) is not None:
                found += e2e.block(rows)
            if (load := self._loads.get(pair[0])) is not None:
                load.add(rows)
        for channel, rows in ordered.unknown():
            keys, counts = np.unique(rows.block.key[rows.at], return_counts=True)
            for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
                self.unknown[channel, key] += count
            if (known := self._known.get(channel)) is not None:
                found += known.block(rows)
            if (load := self._loads.get(channel)) is not None:
                load.add_unknown(rows)
        for channel, rows in ordered.errors():
            if (errors := self._errors.get(channel)) is not None:
                found += errors.block(rows)
        found += self._pass_to(int(ordered.time[-1]), rows_of)
        return sorted(found, key=lambda violation: violation.time)

    def _pass_to(self, horizon: int, rows_of: Mapping[Pair, Rows]) -> list[Violation]:
        """All that ends before ``horizon`` (ns) is over, and these frames were among it."""
        found: list[Violation] = []
        for channel, hearing in self._hearing.items():
            cycles = [each for each in self._cycles if each.check.rule.channel == channel]
            rows = {each.check: rows_of[pair].time for each in cycles if (pair := _pair(each.check.rule)) in rows_of}
            hearing.begin(rows)
            found += hearing.look(horizon, self._stated(hearing, rows_of))
            for cycle in cycles:
                found += cycle.block(rows_of.get(_pair(cycle.check.rule)), horizon, hearing)
        for node in self._nodes:
            found += node.block(horizon, self._hearing[node.check.channel])
        for latency in self._latencies:
            source, copy = latency.check.source, latency.check.rule
            hearing = self._hearing[copy.channel]
            found += latency.block(rows_of.get(_pair(source)), rows_of.get(_pair(copy)), horizon, hearing)
        for hearing in self._hearing.values():
            hearing.end()
        for load in self._loads.values():
            found += load.block(horizon)
        return found

    def _stated(self, hearing: Hearing, rows_of: Mapping[Pair, Rows]) -> Rows | None:
        """The frames in which a network says whether it is awake."""
        sleep = hearing.sleep
        if sleep is None or sleep.statement is None:
            return None
        return rows_of.get((sleep.channel, sleep.statement.message.key))

    def finish(self, time: int) -> tuple[list[Violation], list[Outcome]]:
        """Nothing more comes up to ``time`` (ns), which is over: the last violations, and what each check says."""
        found = sorted(self._pass_to(time + 1, {}), key=lambda violation: violation.time)
        return found, [outcome for check in self.checks for outcome in check.finish(time)]


def _pair(rule: MessageRule) -> Pair:
    return rule.channel, rule.message.key
