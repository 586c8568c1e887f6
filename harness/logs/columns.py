"""Frames as columns: a block of a recording, one numpy array per property.

A recording is read in blocks, so that its size does not matter; whoever judges or decodes it works block by block.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.frames import EXTENDED, ErrorFrame, Frame, Received

FD, BRS, ESI, REMOTE, ERROR, TX = 1, 2, 4, 8, 16, 32
"""Bits of :attr:`FrameColumns.flags`: CAN FD, bit rate switch, error state indicator, remote frame, error frame, and
sent by whoever recorded it."""


@dataclass(frozen=True, slots=True, eq=False)
class FrameColumns:
    """A block of ``n`` frames in the order of the recording.

    time: int64[n], end of each frame in ns since the recording began. Never decreasing, unless the recording is.
    channel: uint8[n], index into the names of the recording's channels.
    key: uint32[n], identifier with bit 31 set when extended (:attr:`harness.frames.Frame.key`). Of an error frame that
    of the frame which it destroyed, 0 where the format does not tell: so look at the flags before the key.
    flags: uint8[n], a sum of :data:`FD`, :data:`BRS`, :data:`ESI`, :data:`REMOTE`, :data:`ERROR`, :data:`TX`.
    length: uint8[n], payload bytes; for a remote frame the length that it asks for.
    data: uint8[n, width], payloads, zero beyond ``length``; width is 8 where the block holds classic frames only,
    else 64.

    >>> block = FrameColumns.of([Received(1_000, "can", Frame(0x123, b"\\x01\\x02"))], ["can"])
    >>> len(block), block.key.tolist(), block.data[0, :2].tolist()
    (1, [291], [1, 2])
    """

    time: NDArray[np.int64]
    channel: NDArray[np.uint8]
    key: NDArray[np.uint32]
    flags: NDArray[np.uint8]
    length: NDArray[np.uint8]
    data: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.time)

    def __getitem__(self, rows: slice | NDArray[np.bool_] | NDArray[np.intp]) -> FrameColumns:
        """Some of the rows, as a slice, a mask or indices."""
        return FrameColumns(
            self.time[rows], self.channel[rows], self.key[rows], self.flags[rows], self.length[rows], self.data[rows]
        )

    def frames(self, channels: list[str]) -> Iterator[Received | ErrorFrame]:
        """The rows one by one; channels: the names behind :attr:`channel`. Slow: for excerpts and as a reference."""
        columns = (self.time, self.channel, self.key, self.flags, self.length)
        rows = zip(*(column.tolist() for column in columns), self.data, strict=True)
        for time, channel, key, flags, length, data in rows:
            remote = bool(flags & REMOTE)
            frame = Frame(
                key & ~EXTENDED,
                b"" if remote else data[:length].tobytes(),
                extended=bool(key & EXTENDED),
                fd=bool(flags & FD),
                brs=bool(flags & BRS),
                esi=bool(flags & ESI),
                remote=remote,
                length=length if remote else 0,
            )
            if flags & ERROR:
                yield ErrorFrame(time, channels[channel], "", frame)
            else:
                yield Received(time, channels[channel], frame)

    @classmethod
    def join(cls, blocks: Sequence[FrameColumns]) -> FrameColumns:
        """Blocks one after the other as one; ``data`` becomes as wide as the widest of them.

        >>> one = FrameColumns.of([Received(1_000, "can", Frame(0x123, b"\\x01", fd=True))], ["can"])
        >>> FrameColumns.join([FrameColumns.empty(), one, one]).data.shape
        (2, 64)
        """
        if len(blocks) == 1:
            return blocks[0]
        width = max((block.data.shape[1] for block in blocks), default=8)
        data = np.zeros((sum(map(len, blocks)), width), np.uint8)
        row = 0
        for block in blocks:
            data[row : row + len(block), : block.data.shape[1]] = block.data
            row += len(block)
        if not blocks:
            return cls.empty()
        return cls(
            np.concatenate([block.time for block in blocks]),
            np.concatenate([block.channel for block in blocks]),
            np.concatenate([block.key for block in blocks]),
            np.concatenate([block.flags for block in blocks]),
            np.concatenate([block.length for block in blocks]),
            data,
        )

    @classmethod
    def empty(cls) -> FrameColumns:
        """A block of no frames.

        >>> len(FrameColumns.empty())
        0
        """
        return cls.of([], [])

    @classmethod
    def of(cls, seen: list[Received | ErrorFrame] | list[Received], channels: list[str]) -> FrameColumns:
        """Frames as a block; channels: the names by which their channels are numbered."""
        wide = any(each.frame.fd for each in seen)
        data = np.zeros((len(seen), 64 if wide else 8), np.uint8)
        rows = []
        for row, each in zip(data, seen, strict=True):
            frame, error = each.frame, isinstance(each, ErrorFrame)
            row[: len(frame.data)] = memoryview(frame.data)
            flags = frame.fd * FD | frame.brs * BRS | frame.esi * ESI | frame.remote * REMOTE | error * ERROR
            length = frame.length if frame.remote else len(frame.data)
            rows.append((each.time, channels.index(each.channel), frame.key, flags, length))
        time, channel, key, flags_, lengths = zip(*rows, strict=True) if rows else ((), (), (), (), ())
        return cls(
            np.array(time, np.int64),
            np.array(channel, np.uint8),
            np.array(key, np.uint32),
            np.array(flags_, np.uint8),
            np.array(lengths, np.uint8),
            data,
        )
