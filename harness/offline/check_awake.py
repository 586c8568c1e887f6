"""Networks that say that they are not awake: what comes late, early or not at all then is no violation."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.errors import ConfigError, nearest
from harness.monitors.check import Check
from harness.monitors.monitor import Outcome, Violation
from harness.monitors.rules import KEPT
from harness.signals.column import SignalColumn
from harness.signals.definitions import MessageDef

_LATE = frozenset({"cycle", "silence", "latency"})
_CYCLES_BEFORE = 2
"""So many of its own cycles before a violation begins, a statement still holds."""

_Key = tuple[str, str]


class Awake:
    """What a recording says about its networks, and which violations that explains, as on a running bench.

    stated: by channel, ``Message.Signal == Label`` of what says that its network is awake. messages: by channel.
    Raises :class:`~harness.errors.ConfigError` for a signal that no message has.
    """

    def __init__(self, stated: Mapping[str, str], messages: Mapping[str, Sequence[MessageDef]]) -> None:
        self._labels: dict[str, tuple[str, str]] = {}  # by path of the signal: channel and label
        self._before: dict[str, int] = {}
        self._asleep: dict[str, list[int]] = {}
        for channel, text in stated.items():
            if channel not in messages:
                continue
            name, _, label = text.partition(" == ")
            cycles = {each.full_name: owner.cycle_time_ns for owner in messages[channel] for each in owner.signals}
            if name not in cycles:
                raise ConfigError(f"[monitors.awake] {channel}: no signal {name!r}{nearest(name, cycles)}")
            self._labels[f"{channel}.{name}"] = channel, label.strip('"')
            self._before[channel] = _CYCLES_BEFORE * (cycles[name] or 0)
            self._asleep[channel] = []
        self.explained = 0
        """How many violations were explained so far."""
        self._counts: Counter[_Key] = Counter()
        self._kept: dict[_Key, list[Violation]] = {}

    @property
    def signals(self) -> Sequence[str]:
        """The signals that it has to be told about, by path."""
        return tuple(self._labels)

    def hear(self, columns: Mapping[str, SignalColumn]) -> None:
        """Take a block's signals, before its violations."""
        for path, (channel, label) in self._labels.items():
            column = columns.get(path)
            if column is not None:
                self._asleep[channel] += column.time[np.asarray(column.text != label, bool)].tolist()

    def sift(self, violations: Iterable[Violation]) -> list[Violation]:
        """Take violations, and note which of them are explained; returns the others."""
        left = []
        for each in violations:
            if each.kind in _LATE and each.channel in self._asleep:
                key = each.check, each.channel
                if self._explains(each):
                    self._counts[key] += 1
                    self.explained += 1
                    continue
                if len(kept := self._kept.setdefault(key, [])) < KEPT:
                    kept.append(each)
            left.append(each)
        return left

    def _explains(self, violation: Violation) -> bool:
        asleep = self._asleep[violation.channel]
        position = bisect_left(asleep, violation.start - self._before[violation.channel])
        return position < len(asleep) and asleep[position] <= violation.time

    def left(self, check: Check, outcome: Outcome) -> Outcome:
        """What a check says without the violations that are explained."""
        rule = getattr(check, "rule", None)
        key = outcome.check, rule.channel if rule is not None else getattr(check, "channel", "")
        if not self._counts[key]:
            return outcome
        return replace(outcome, violations=tuple(self._kept.get(key, ())), count=outcome.count - self._counts[key])
