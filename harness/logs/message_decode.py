"""All frames of one message decoded at once, exactly as :attr:`MessageDef.codec` decodes each.

Which frames carry which multiplexed signals is worked out per multiplexer from the numbers that occur, so that a
message with thousands of numbers costs what its frames cost.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.logs.bits import Numbers, Words, raw_reader, scaling
from harness.logs.columns import ERROR, REMOTE, FrameColumns
from harness.signals.column import SignalColumn
from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.layout import MultiplexTree, root_selection

Rows = NDArray[np.intp]


def decode_message(message: MessageDef, rows: FrameColumns) -> dict[str, SignalColumn]:
    """Every signal of a message by name, decoded from frames that all have its identifier.

    A frame that the codec refuses (too short, an unknown multiplexer number, a container of other messages), a remote
    frame and an error frame are left out; a multiplexed signal has a sample per frame that carries it. A signal that
    no frame carries has a column of length 0.

    >>> from harness.frames import Frame, Received
    >>> level = SignalDef("Level", "Tank", start=0, length=8, scale=0.5, unit="%")
    >>> tank = MessageDef("Tank", 0x123, 1, (level,))
    >>> seen = [Received(time, "body", Frame(0x123, data)) for time, data in enumerate([b"\\x03", b"", b"\\xff"])]
    >>> column = decode_message(tank, FrameColumns.of(seen, ["body"]))["Level"]
    >>> column.time.tolist(), column.value.tolist()
    ([0, 2], [1.5, 127.5])
    """
    decoder = MessageDecoder(message)
    whole = (rows.flags & (REMOTE | ERROR) == 0) & (rows.length >= message.length)
    rows = rows if whole.all() else rows[whole]
    found = decoder.decode(rows.time, word_matrix(rows.data))[0]
    return {name: found[name] if name in found else decoder.empty(name) for name in decoder.names}


def word_matrix(data: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """Payloads uint8[n, width] as uint64[n, width / 8], the first byte of a word least significant."""
    return np.ascontiguousarray(data).view("<u8")


class _Part(NamedTuple):
    """Signals that share their frames: rows of those that carry them; None for all."""

    signals: list[SignalDef]
    rows: Rows | None


class MessageDecoder:
    """One message made ready to decode many frames at once.

    wanted: names of signals; None for all. Multiplexers are looked at in any case, as the codec refuses a frame with a
    number that selects nothing.
    """

    __slots__ = ("_always", "_readers", "_scalings", "_tree", "_unread", "_wanted", "message")

    def __init__(self, message: MessageDef, wanted: Collection[str] | None = None) -> None:
        self.message = message
        root = root_selection(message.signals)
        self._tree: MultiplexTree = root.tree
        self._wanted = {each.name: each for each in message.signals if wanted is None or each.name in wanted}
        self._always = [each for each in root.signals if each.name in self._wanted]
        self._unread = root.pending
        needed = [each for each in message.signals if each.name in self._wanted or each.name in root.tree.numbers]
        self._readers = {each.name: raw_reader(each) for each in needed}
        self._scalings = {each.name: scaling(each) for each in needed}

    @property
    def names(self) -> Collection[str]:
        """The signals that it decodes, in the order of the message."""
        return self._wanted.keys()

    def empty(self, name: str) -> SignalColumn:
        """The column of a signal that no frame carried."""
        raw = self._readers[name](Words(lambda word: np.empty(0, np.uint64)))
        return SignalColumn(self._wanted[name], np.empty(0, np.int64), raw, self._scalings[name](raw))

    def decode(self, time: NDArray[np.int64], matrix: NDArray[np.uint64]) -> tuple[dict[str, SignalColumn], int]:
        """The signals that occur, by name, and how many frames the codec would refuse.

        time: int64[n], of data frames that have the message's identifier and at least its length. matrix: their
        payloads, :func:`word_matrix`.
        """
        count = len(time)
        if self.message.container:
            return {}, count
        words = Words(lambda word: np.ascontiguousarray(matrix[:, word]))
        with np.errstate(all="ignore"):  # NaN and infinity in a payload are values like any other
            parts, refused = self._parts(words, len(time))
            if refused.any():
                rows = np.flatnonzero(~refused)
                time, words = time[rows], words.subset(rows)
                parts, _ = self._parts(words, len(rows))
            found = dict(self._columns(time, words, parts))
        return found, count - len(time)

    def _parts(self, words: Words, count: int) -> tuple[list[_Part], NDArray[np.bool_]]:
        """Which signals are in which rows, and which rows a multiplexer refuses."""
        refused = np.zeros(count, bool)
        if count == 0:
            return [], refused
        parts = [_Part(self._always, None)]
        for multiplexer in self._unread:
            parts += self._selected(multiplexer, words, None, refused)
        return parts, refused

    def _selected(
        self, multiplexer: SignalDef, words: Words, rows: Rows | None, refused: NDArray[np.bool_]
    ) -> Iterator[_Part]:
        name = multiplexer.name
        numbers = self._numbers(multiplexer, words)
        occurring = dict(zip(*_positions(numbers), strict=True))
        known = self._tree.numbers[name]
        for number, at in occurring.items():
            if number not in known:
                refused[at if rows is None else rows[at]] = True
        by_numbers: dict[tuple[int, ...], list[SignalDef]] = {}
        for child in self._tree.children.get(name, ()):
            by_numbers.setdefault(child.multiplexer_ids, []).append(child)
        for ids, children in by_numbers.items():
            chosen = [occurring[number] for number in dict.fromkeys(ids) if number in occurring]
            if not chosen:
                continue
            at = chosen[0] if len(chosen) == 1 else np.sort(np.concatenate(chosen))
            inside = at if rows is None else rows[at]
            wanted = [child for child in children if child.name in self._wanted]
            if wanted:
                yield _Part(wanted, inside)
            for inner in children:
                if inner.name in self._tree.numbers:
                    yield from self._selected(inner, words.subset(at), inside, refused)

    def _numbers(self, multiplexer: SignalDef, words: Words) -> Numbers:
        """A multiplexer selects by its physical value, cut to a whole number."""
        value = self._scalings[multiplexer.name](self._readers[multiplexer.name](words))
        return np.trunc(value) if value.dtype == np.float64 else value

    def _columns(self, time: NDArray[np.int64], words: Words, parts: list[_Part]) -> Iterator[tuple[str, SignalColumn]]:
        for signals, rows in parts:
            inside = words if rows is None else words.subset(rows)
            times = time if rows is None else time[rows]
            for signal in signals:
                raw = self._readers[signal.name](inside)
                yield signal.name, SignalColumn(signal, times, raw, self._scalings[signal.name](raw))


def _positions(numbers: Numbers) -> tuple[list[int], list[Rows]]:
    """The numbers that occur, and the rows of each in ascending order."""
    order = np.argsort(numbers, kind="stable")
    ordered = numbers[order]
    starts = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1
    return ordered[np.r_[0, starts]].tolist(), np.split(order, starts)
