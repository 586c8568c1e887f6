"""Contents over columns: which frames might be wrong is told by column, what is wrong with them by the fold."""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, floor

import numpy as np
from numpy.typing import NDArray

from harness.logs.bits import Numbers, raw_reader
from harness.logs.columns import REMOTE
from harness.logs.message_decode import MessageDecoder, word_matrix
from harness.monitors.blocks_rows import Rows
from harness.monitors.contents import Contents, Demand, KnownFrames
from harness.monitors.monitor import Violation
from harness.monitors.rules import KEPT

_TABLE_BITS = 10
"""Signals of up to so many bits are judged by looking up every raw value there is."""

Doubts = Callable[[Numbers], NDArray[np.bool_]]


class ContentsColumns:
    """Length, ranges and value tables of one message, by column."""

    def __init__(self, check: Contents) -> None:
        self.check = check
        message = check.rule.message
        self._length = message.length
        self._demands = [(raw_reader(demand.signal), _doubts(demand)) for demand in check.demands]
        names = [demand.signal.name for demand in check.demands]
        multiplexed = any(signal.is_multiplexer for signal in message.signals) and not message.container
        self._decoder = MessageDecoder(message, names) if multiplexed else None
        self._doubts = [doubts for _, doubts in self._demands]

    def block(self, rows: Rows) -> list[Violation]:
        """Judge what a block holds of the message."""
        doubtful = rows.length != self._length
        with np.errstate(invalid="ignore"):  # NaN is one of the things that are looked for
            if self._decoder is not None:
                doubtful |= self._multiplexed(self._decoder, rows)
            elif self._demands:
                words = rows.words()
                for read, doubts in self._demands:
                    doubtful |= doubts(read(words))
        if not doubtful.any():
            return []
        doubtful &= rows.flags & REMOTE == 0
        found: list[Violation] = []
        for row in np.flatnonzero(doubtful).tolist():
            found += self.check.receive(rows.received(row))
        return found

    def _multiplexed(self, decoder: MessageDecoder, rows: Rows) -> NDArray[np.bool_]:
        """A signal is judged in the frames that carry it, and a frame whose multiplexer nobody knows as a whole."""
        place = np.flatnonzero(rows.length >= self._length)
        data = rows.data if len(place) == len(rows) else rows.data[place]
        columns, refused = decoder.decode(place, word_matrix(data))
        doubtful = np.zeros(len(rows), bool)
        if refused:
            doubtful[:] = True  # the fold remembers payloads, and few are different
            return doubtful
        for name, doubts in zip(decoder.names, self._doubts, strict=True):
            column = columns.get(name)
            if column is not None:
                doubtful[column.time[doubts(column.raw)]] = True
        return doubtful


def _doubts(demand: Demand) -> Doubts:
    """A function: which raw values may not be what is demanded. It may doubt too many, and never too few."""
    signal = demand.signal
    lowest, highest = signal.raw_range
    if not signal.is_float and signal.length <= _TABLE_BITS:
        wrong = np.array([demand.fault(raw) is not None for raw in range(int(lowest), int(highest) + 1)])
        first = int(lowest)
        return lambda raw: wrong[raw - first] if first else wrong[raw]
    allowed, reserved = sorted(demand.allowed), sorted(demand.reserved)
    low, high = demand.low, demand.high
    if not signal.is_float:
        low, high = max(low, lowest), min(high, highest)
        low, high = ceil(low), floor(high)

    def doubts(raw: Numbers) -> NDArray[np.bool_]:
        if demand.words:
            found = np.ones(len(raw), bool)
        elif signal.is_float:
            found = ~((raw >= low) & (raw <= high))  # type: ignore[operator]
        else:
            found = raw > high if high < highest else np.zeros(len(raw), bool)  # type: ignore[operator]
            if low > lowest:
                found |= raw < low  # type: ignore[operator]
        if allowed and found.any():
            found &= ~np.isin(raw, allowed)
        for each in reserved:
            found |= raw == each
        return found

    return doubts


class KnownColumns:
    """Unknown identifiers of a channel, by column."""

    def __init__(self, check: KnownFrames) -> None:
        self.check = check

    def block(self, rows: Rows) -> list[Violation]:
        """Take the frames of a block that nobody knows: the first as violations, of the others the number."""
        check = self.check
        found: list[Violation] = []
        kept = min(len(rows), max(0, KEPT - check.count))
        for row in range(kept):
            found += check.receive(rows.received(row))
        keys, counts = np.unique(rows.block.key[rows.at[kept:]], return_counts=True)
        for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
            check.add(key, count)
        return found
