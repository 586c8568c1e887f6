"""What the signals of a recording did, a line each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harness.offline.diff_text import aligned, value_text
from harness.signals.column import SignalColumn
from harness.signals.definitions import SignalDef
from harness.units import time_text


@dataclass(slots=True)
class _Signal:
    definition: SignalDef
    first: int
    last: int = 0
    samples: int = 0
    low: int | float = float("inf")
    high: int | float = float("-inf")

    def add(self, column: SignalColumn) -> None:
        self.samples += len(column)
        self.last = int(column.time[-1])
        values = column.value[column.value == column.value]  # without NaN
        if len(values):
            self.low = min(self.low, values.min().tolist() if values.dtype != object else min(values))
            self.high = max(self.high, values.max().tolist() if values.dtype != object else max(values))


class Summary:
    """Counts, first and last instant, and range of every signal, from block to block.

    >>> import numpy as np
    >>> lamp = SignalDef("Lamp", "Lamps", 0, 1, choices={0: "Off", 1: "On"})
    >>> summary = Summary()
    >>> raw = np.array([0, 1])
    >>> summary.add({"body.Lamps.Lamp": SignalColumn(lamp, np.array([0, 5_000_000]), raw, raw)})
    >>> print(summary)
      signal           samples  first  last  lowest  highest
      body.Lamps.Lamp  2        0 s    5 ms  Off     On
    """

    def __init__(self) -> None:
        self._signals: dict[str, _Signal] = {}

    def add(self, columns: Mapping[str, SignalColumn]) -> None:
        """The next block."""
        for path, column in columns.items():
            if len(column):
                known = self._signals.setdefault(path, _Signal(column.definition, int(column.time[0])))
                known.add(column)

    def __str__(self) -> str:
        if not self._signals:
            return "no signal was decoded"
        head = ("signal", "samples", "first", "last", "lowest", "highest")
        return "\n".join(aligned([head, *(self._row(path, each) for path, each in sorted(self._signals.items()))]))

    def _row(self, path: str, each: _Signal) -> tuple[str, ...]:
        unit = f" {each.definition.unit}" if each.definition.unit and not each.definition.choices else ""
        texts = [
            value_text(each.definition, value) + unit if abs(value) != float("inf") else ""
            for value in (each.low, each.high)
        ]
        return path, f"{each.samples:,}", time_text(each.first), time_text(each.last), *texts
