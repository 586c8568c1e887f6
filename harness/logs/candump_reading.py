"""Reading logs of can-utils: ``candump -L``, and what ``candump`` shows on the console.

A line of a log is ``(seconds) channel identifier#data``; ``##`` and a digit of flags before the data of CAN FD frames,
``#R`` and a length for remote frames, an identifier with bit 29 for what SocketCAN reports as an error
(``linux/can/error.h``). An identifier of more than three digits is extended.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from harness.logs.columns import BRS, ERROR, ESI, FD, REMOTE, TX, FrameColumns
from harness.logs.problems import Problems
from harness.logs.source import Channels, dated
from harness.logs.text_rows import NoFrame, Row, TextSource, Usual, checked, named
from harness.logs.text_words import Flags, Ints, Words

_LOG = re.compile(
    r"\((\d+)\.?\d*\)\s+(?P<channel>\S+)\s+(?P<id>[0-9A-Fa-f]{1,8})#(?P<content>\S*)(?:\s+(?P<direction>[RTrt]))?"
)
_CONSOLE = re.compile(
    r"(?:\(\d+\.?\d*\)\s+)?(?:(?P<channel>[^\s<(]+)\s+(?:(?P<direction>[RT]X)\s+(?:[-BE]\s+){0,2})?)?"
    r"(?:<0x(?P<old>[0-9A-Fa-f]+)>|(?P<id>[0-9A-Fa-f]{3,8}))\s+\[(?P<length>\d+)\]"
    r"\s*(?P<data>remote request|[0-9A-Fa-f ]*)"
)
_ERROR_BIT, _EXTENDED_BIT = 0x2000_0000, 0x8000_0000
_ON_THE_BUS = 0x80 | 0x08 | 0x20
"""Error classes that are an error frame: bus error, protocol violation, no acknowledge. The others are states."""

_SHARP = ord("#")


class CandumpSource(TextSource):
    """One pass over a log of can-utils. Time 0 is the first frame where the times are those of the wall clock."""

    def __init__(self, path: Path, channels: Channels, problems: Problems) -> None:
        super().__init__(path, channels, problems)
        self._interface = "can0"
        self._begun = False
        self.told.zone_known = True

    @staticmethod
    def recognises(lines: list[str]) -> bool:
        """Whether the first lines of a file are such a log."""
        return any(_LOG.fullmatch(line) or _CONSOLE.match(line) for line in lines)

    def times(self, words: Words) -> tuple[Ints, Flags]:
        """What stands in parentheses, counted from time 0."""
        rows = np.flatnonzero(words.count)
        begin, end = words.word(rows, 0)
        time, timed = np.zeros(len(words.count), np.int64), np.zeros(len(words.count), bool)
        found, good = words.seconds(begin + 1, end - 1)
        timed[rows] = good & (words.text[begin] == ord("(")) & (words.text[end - 1] == ord(")"))
        time[rows] = found
        if not self._begun and timed.any():
            self.told.start = dated(int(time[timed][0]))
            self._begun = True
        return time - (self.told.start or 0), timed

    def usual(self, words: Words, time: Ints, timed: Flags) -> Usual:
        """Data frames, classic and FD."""
        rows = np.flatnonzero(timed & ((words.count == 3) | (words.count == 4)))
        begin, end = words.word(rows, 2)
        sharps = np.append(np.flatnonzero(words.text == _SHARP), len(words.text) - 1)
        sharp = sharps[np.searchsorted(sharps, begin)]
        extended = sharp - begin == 8
        key, good = words.whole(begin, np.minimum(sharp, end), 8)
        good &= (sharp < end) & (extended | (sharp - begin == 3)) & (key <= np.where(extended, 0x1FFF_FFFF, 0x7FF))
        last = words.first[rows] + words.count[rows] - 1
        mark = np.where(words.count[rows] == 4, words.text[words.begin[last]] & 0xDF, ord("R"))
        good &= (mark == ord("R")) | (mark == ord("T"))
        good &= (words.count[rows] == 3) | (words.end[last] - words.begin[last] == 1)
        rows, begin, end, sharp, extended, key, mark = (
            each[good] for each in (rows, begin, end, sharp, extended, key, mark)
        )
        fd = words.text[sharp + 1] == _SHARP
        bits, fine = words.whole(sharp + 2, sharp + 3, 1)
        first = sharp + np.where(fd, 3, 1)
        digits = np.maximum(end - first, 0)
        data, whole = words.octets(first, digits // 2, 2, 64 if fd.any() else 8)
        channel, short = named(words, rows, 1, self._channels)
        good = whole & short & (digits % 2 == 0) & np.where(fd, fine, digits <= 16)
        flags = np.where(fd, FD | (bits & 1) * BRS | (bits >> 1 & 1) * ESI, 0) | (mark == ord("T")) * TX
        columns = FrameColumns(
            time[rows],
            channel,
            (key | extended.astype(np.int64) << 31).astype(np.uint32),
            flags.astype(np.uint8),
            (digits // 2).astype(np.uint8),
            data,
        )
        return Usual(rows[good], columns[good])

    def row(self, line: str, time: int | None) -> Row | None:
        """Remote and error frames, and what the console shows."""
        if line.startswith("#"):
            return None
        if time is None:
            return self._console(line)
        found = _LOG.fullmatch(line)
        if found is None:
            return self._console(line, time)
        identifier, extended = int(found["id"], 16), len(found["id"]) > 3
        channel, content = found["channel"], found["content"].replace(".", "")
        flags = TX if (found["direction"] or "").upper() == "T" else 0
        if identifier & _ERROR_BIT and extended:
            return Row(time, channel, 0, flags | ERROR, 0) if identifier & _ON_THE_BUS else None
        key = checked(identifier & ~_EXTENDED_BIT if extended else identifier, extended)
        if content[:1] in ("R", "r"):
            length = content[1:].partition("_")[0]
            return Row(time, channel, key, flags | REMOTE, min(int(length or "0", 16), 8))
        if content.startswith("#"):
            bits = int(content[1:2], 16)
            flags |= FD | (bits & 1) * BRS | (bits >> 1 & 1) * ESI
            content = content[2:]
        data = bytes.fromhex(content.partition("_")[0])  # behind it stands the DLC of a classic frame, if over 8
        if len(data) > (64 if flags & FD else 8):
            raise NoFrame(f"{len(data)} bytes of data")
        return Row(time, channel, key, flags, len(data), data)

    def _console(self, line: str, time: int | None = None) -> Row | None:
        """A line as candump shows it without ``-L``, of whatever age."""
        interface = re.match(r"interface = (\w+)", line)
        if interface is not None:
            self._interface = interface[1]
            return None
        found = _CONSOLE.match(line)
        if found is None:
            raise NoFrame("not (seconds) channel identifier#data")
        if time is None:
            self._problems.add("untimed", "line 1", "frames without a time; all are taken to be at 0 s")
        length, text = int(found["length"]), found["data"].strip()
        identifier = found["old"] or found["id"]
        extended = len(identifier) > 3
        key, channel = checked(int(identifier, 16), extended), found["channel"] or self._interface
        flags = TX if found["direction"] == "TX" else 0
        if text == "remote request":
            return Row(time or 0, channel, key, flags | REMOTE, min(length, 8))
        data = bytes.fromhex("".join(text.split()[:length]))
        if len(data) != length or length > 64:
            raise NoFrame(f"{len(data)} bytes of data where {length} are announced")
        return Row(time or 0, channel, key, flags | (FD if length > 8 else 0), length, data)
