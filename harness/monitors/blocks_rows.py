"""A block of a recording sorted by message: what every check over columns works on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from harness.frames import EXTENDED, ErrorFrame, Frame, Received
from harness.logs.bits import Words
from harness.logs.columns import BRS, ERROR, ESI, FD, REMOTE, FrameColumns
from harness.logs.key_index import KeyIndex

Times = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Some frames of a block, in the order of time.

    channel: its name. at: intp[n], their rows in ``block``. time: int64[n], ends in ns, never decreasing. flags,
    length, data: as in :class:`~harness.logs.columns.FrameColumns`, of these frames only.
    """

    channel: str
    block: FrameColumns
    at: NDArray[np.intp]
    time: Times
    flags: NDArray[np.uint8]
    length: NDArray[np.uint8]
    data: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.time)

    def some(self, rows: NDArray[np.intp]) -> Rows:
        """Some of them, in ascending order."""
        return Rows(
            self.channel, self.block, self.at[rows], self.time[rows], self.flags[rows], self.length[rows],
            self.data[rows],
        )  # fmt: skip

    def received(self, row: int) -> Received:
        """One of them as a frame."""
        return Received(int(self.time[row]), self.channel, frame_of(self.block, int(self.at[row])))

    def error(self, row: int) -> ErrorFrame:
        """One of them as an error frame."""
        return ErrorFrame(int(self.time[row]), self.channel, "", frame_of(self.block, int(self.at[row])))

    def words(self) -> Words:
        """The payloads as words."""
        matrix = self.data.view("<u8")
        return Words(lambda word: np.ascontiguousarray(matrix[:, word]))


def frame_of(block: FrameColumns, row: int) -> Frame:
    """One row as a frame."""
    key, flags, length = int(block.key[row]), int(block.flags[row]), int(block.length[row])
    remote = bool(flags & REMOTE)
    return Frame(
        key & ~EXTENDED,
        b"" if remote else block.data[row, :length].tobytes(),
        bool(key & EXTENDED),
        bool(flags & FD),
        bool(flags & BRS),
        bool(flags & ESI),
        remote,
        length if remote else 0,
    )


class Sorter:
    """Sorts blocks by message.

    known: by channel, the keys of its messages (:attr:`harness.frames.Frame.key`). Frames of channels that are not
    among them are left out. Times never decrease, neither in a block nor from one to the next: a frame that seems to
    come before another one that was recorded before it, is taken as of the same instant.
    """

    def __init__(self, known: Mapping[str, Sequence[int]]) -> None:
        self._known = {channel: tuple(keys) for channel, keys in known.items()}
        self._channels: tuple[str, ...] = ()
        self._index: KeyIndex | None = None
        self._pairs: list[tuple[str, int]] = [(channel, key) for channel, keys in known.items() for key in keys]
        self._latest = 0

    def sort(self, block: FrameColumns, channels: Sequence[str]) -> Sorted:
        """The frames of a block by message; channels: the names behind :attr:`FrameColumns.channel`."""
        if self._index is None or tuple(channels) != self._channels:
            self._channels = tuple(channels)
            # A channel that the recording does not have gets a number that no frame has.
            numbers = {name: 0x1000 + n for n, name in enumerate(self._known)}
            numbers |= {name: n for n, name in enumerate(channels)}
            self._index = KeyIndex([(numbers[channel], key) for channel, key in self._pairs])
        time = block.time
        if len(time) and (time[0] < self._latest or (time[1:] < time[:-1]).any()):
            time = np.maximum(np.maximum.accumulate(time), self._latest)
        self._latest = int(time[-1]) if len(time) else self._latest
        message = self._index.find(block.channel, block.key)
        errors = block.flags & ERROR != 0
        if errors.any():
            message = message.astype(np.min_scalar_type(len(self._pairs) + 1))
            message[errors] = len(self._pairs) + 1
        return Sorted(block, self._channels, self._pairs, self._known, time, message)


class Sorted:
    """A block by message. time: int64[n], ends of its frames in ns, never decreasing."""

    def __init__(
        self,
        block: FrameColumns,
        channels: Sequence[str],
        pairs: Sequence[tuple[str, int]],
        known: Mapping[str, Sequence[int]],
        time: Times,
        message: NDArray[np.unsignedinteger],
    ) -> None:
        self.block = block
        self.channels = channels
        self.time = time
        self._pairs = pairs
        self._known = known
        count = len(pairs) + 2
        # A stable sort of small integers is a radix sort: the frames of a message in the order of time.
        order = np.argsort(message, kind="stable")
        self._spans = list(pairwise([0, *np.cumsum(np.bincount(message, minlength=count)).tolist()]))
        self._order = order
        self._time, self._flags, self._length = time[order], block.flags[order], block.length[order]
        self._data = np.ascontiguousarray(block.data)[order]

    def messages(self) -> Iterator[tuple[tuple[str, int], Rows]]:
        """Channel and key of every known message that occurs, with its frames (remote frames too)."""
        for pair, (start, end) in zip(self._pairs, self._spans[1:], strict=False):
            if start < end:
                yield pair, self._rows(pair[0], slice(start, end))

    def unknown(self) -> Iterator[tuple[str, Rows]]:
        """Frames of identifiers that their channel does not know, by channel."""
        yield from self._by_channel(*self._spans[0])

    def errors(self) -> Iterator[tuple[str, Rows]]:
        """Error frames by channel."""
        yield from self._by_channel(*self._spans[-1])

    def _by_channel(self, start: int, end: int) -> Iterator[tuple[str, Rows]]:
        if start == end:
            return
        numbers = self.block.channel[self._order[start:end]]
        for number in np.unique(numbers).tolist():
            if self.channels[number] in self._known:
                yield (
                    self.channels[number],
                    self._rows(self.channels[number], np.flatnonzero(numbers == number) + start),
                )

    def _rows(self, channel: str, rows: slice | NDArray[np.intp]) -> Rows:
        return Rows(
            channel, self.block, self._order[rows], self._time[rows], self._flags[rows], self._length[rows],
            self._data[rows],
        )  # fmt: skip
