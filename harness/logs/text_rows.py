"""Frames of a text recording: most lines at once as arrays, the unusual ones line by line, both in one order."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.frames import EXTENDED
from harness.logs.columns import FrameColumns
from harness.logs.problems import Problems
from harness.logs.source import Channels, Piece, Told
from harness.logs.text_words import Flags, Ints, Words, stretches


class Row(NamedTuple):
    """One frame, as it was read from a line. time: ns. channel: its own name. data: empty for a remote frame."""

    time: int
    channel: str
    key: int
    flags: int
    length: int
    data: bytes = b""


class Usual(NamedTuple):
    """Frames of those lines that are as most are. lines: their indices; columns: the frames, one of each line."""

    lines: Ints
    columns: FrameColumns

    @classmethod
    def together(cls, parts: Sequence[Usual]) -> Usual:
        """Several in the order of their lines."""
        lines = np.concatenate([part.lines for part in parts])
        order = np.argsort(lines, kind="stable")
        return cls(lines[order], FrameColumns.join([part.columns for part in parts])[order])


class NoFrame(Exception):
    """A line that should be a frame and is none; what is wrong with it."""


def checked(identifier: int, extended: bool) -> int:
    """The key of an identifier. Raises :class:`NoFrame` for one with too many bits."""
    if identifier > (0x1FFF_FFFF if extended else 0x7FF):
        raise NoFrame(f"identifier 0x{identifier:X} has more than {29 if extended else 11} bits")
    return identifier | EXTENDED if extended else identifier


def merged(usual: Usual, lines: Sequence[int], rows: Sequence[Row], channels: Channels) -> Usual:
    """Frames of usual and unusual lines in the order of their lines."""
    if not rows:
        return usual
    width = 64 if any(row.length > 8 for row in rows) or usual.columns.data.shape[1] > 8 else 8
    data = np.zeros((len(rows), width), np.uint8)
    for target, row in zip(data, rows, strict=True):
        target[: len(row.data)] = memoryview(row.data)
    unusual = FrameColumns(
        np.array([row.time for row in rows], np.int64),
        np.array([channels.index(row.channel) for row in rows], np.uint8),
        np.array([row.key for row in rows], np.uint32),
        np.array([row.flags for row in rows], np.uint8),
        np.array([row.length for row in rows], np.uint8),
        data,
    )
    return Usual.together([usual, Usual(np.array(lines, np.int64), unusual)])


class TextSource:
    """What sources of text formats share, see :class:`harness.logs.source.Source`. A format fills in the rest.

    Each stretch of text is read twice: what most lines look like as arrays, then every line that is left on its own.
    """

    def __init__(self, path: Path, channels: Channels, problems: Problems) -> None:
        self._path, self._channels, self._problems = path, channels, problems
        self.told = Told()
        self.fraction = 0.0

    def times(self, words: Words) -> tuple[Ints, Flags]:
        """The time of each line in ns, and which lines have one."""
        raise NotImplementedError

    def usual(self, words: Words, time: Ints, timed: Flags) -> Usual:
        """The frames of all lines that are written as most are."""
        raise NotImplementedError

    def row(self, line: str, time: int | None) -> Row | None:
        """The frame of any other line, None where it holds none. Raises :class:`NoFrame` for a line that is damaged."""
        raise NotImplementedError

    def pieces(self) -> Generator[Piece, None, None]:
        """The frames, a quarter of a megabyte of text at a time."""
        size = self._path.stat().st_size
        with self._path.open("rb") as file:
            for number, text in stretches(file):
                words = Words.of(text)
                time, timed = self.times(words)
                usual = self.usual(words, time, timed)
                left = words.count > 0
                left[usual.lines] = False
                lines, rows = [], []
                for index in np.flatnonzero(left).tolist():
                    row = self._unusual(words, index, int(time[index]) if timed[index] else None, number)
                    if row is not None:
                        lines.append(index)
                        rows.append(row)
                found, columns = merged(usual, lines, rows, self._channels)
                self.fraction = min(1.0, file.tell() / size)
                yield Piece(columns, partial(_place, found, number))
                if not text.endswith(b"\n"):
                    last = number + len(words.lines) - 2
                    self._problems.add("truncated", f"line {last}", "the last line has no end: what it says may be cut")

    def _unusual(self, words: Words, index: int, time: int | None, number: int) -> Row | None:
        line = words.line(index)
        try:
            return self.row(line, time)
        except (NoFrame, ValueError) as error:
            self._problems.add("line", f"line {number + index}", f"is no frame: {error}: {line[:80]!r}")
            return None


def _place(lines: Ints, number: int, row: int) -> str:
    return f"line {number + int(lines[row])}"


def named(words: Words, rows: Ints, number: int, channels: Channels) -> tuple[NDArray[np.uint8], Flags]:
    """The channels that the n-th word of each line names, and which of the names could be read."""
    names, which, good = words.names(*words.word(rows, number))
    index = np.zeros(len(names), np.uint8)
    for each in np.unique(which[good]).tolist():
        index[each] = channels.index(names[each])
    return index[which], good
