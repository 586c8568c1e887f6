"""Reading TRC, PEAK's text format, versions 1.0 to 2.1. Line by line: such files are small."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import numpy as np

from harness.frames import FD_LENGTHS
from harness.logs.columns import BRS, ERROR, ESI, FD, REMOTE, TX, FrameColumns
from harness.logs.problems import Problems
from harness.logs.source import LATEST, Channels, dated
from harness.logs.text_rows import NoFrame, Row, TextSource, Usual, checked
from harness.logs.text_words import Flags, Ints, Words

COLUMNS = {"1.0": "N,O,I,L,D", "1.1": "N,O,d,I,L,D", "1.2": "N,O,B,d,I,L,D", "1.3": "N,O,B,d,I,R,L,D"}
"""Columns of the versions whose header does not name them, by the letters of version 2: number, time in ms, bus,
direction, identifier, reserved, length, data."""

_KINDS = {"DT": 0, "FD": FD, "FB": FD | BRS, "FE": FD | BRS | ESI, "BI": FD | ESI, "RR": REMOTE, "ER": ERROR}
_DAYS_TO_1970 = 25_569
"""From 1899-12-30, from which the format counts days."""


class TrcSource(TextSource):
    """One pass over a TRC file."""

    def __init__(self, path: Path, channels: Channels, problems: Problems) -> None:
        super().__init__(path, channels, problems)
        self._columns = COLUMNS["1.0"].split(",")

    @staticmethod
    def recognises(lines: list[str]) -> bool:
        """Whether the first lines of a file are such a trace."""
        return any(line.startswith((";$FILEVERSION=", ";$STARTTIME=")) for line in lines[:20]) or any(
            re.match(r"\d+\)\s+\d+(\.\d+)?\s+\S", line) for line in lines[:50]
        )

    def times(self, words: Words) -> tuple[Ints, Flags]:
        """None: every line is read on its own."""
        count = len(words.count)
        return np.zeros(count, np.int64), np.zeros(count, bool)

    def usual(self, words: Words, time: Ints, timed: Flags) -> Usual:
        """None."""
        return Usual(np.zeros(0, np.int64), FrameColumns.empty())

    def row(self, line: str, time: int | None) -> Row | None:
        """The frame of a line, or None for a comment or an event of another kind."""
        if line.startswith(";"):
            self._header(line)
            return None
        words = line.split(maxsplit=len(self._columns) - 1)
        word = dict(zip(self._columns, words, strict=False))
        if "O" not in word or "I" not in word:
            raise NoFrame(f"columns {','.join(self._columns)} were expected")
        kind, direction = word.get("T", "DT"), word.get("d", "Rx")
        if kind not in _KINDS or direction not in ("Rx", "Tx") or word["I"] == "FFFFFFFF":
            return None  # a change of the bus's state or a warning
        flags = _KINDS[kind] | (direction == "Tx") * TX
        at, channel = _whole(word["O"], 1_000_000), word.get("B", "1")
        if flags & ERROR:
            return Row(at, channel, 0, flags, 0)
        key = checked(int(word["I"], 16), len(word["I"]) > 4)
        if "l" not in word and "L" not in word:
            raise NoFrame("it ends before the length")
        length = int(word["l"]) if "l" in word else int(word["L"])
        if "l" not in word and flags & FD:
            length = FD_LENGTHS[min(length, 15)]
        data = word.get("D", "")
        if flags & REMOTE or data == "RTR":
            return Row(at, channel, key, flags | REMOTE, min(length, 8))
        octets = bytes.fromhex("".join(data.split()[:length]))
        if len(octets) != length or length > 64:
            raise NoFrame(f"{len(octets)} bytes of data where {length} are announced")
        return Row(at, channel, key, flags, length, octets)

    def _header(self, line: str) -> None:
        name, _, value = line[1:].partition("=")
        if name == "$FILEVERSION" and value in COLUMNS:
            self._columns = COLUMNS[value].split(",")
        elif name == "$COLUMNS":
            self._columns = [column.strip() for column in value.split(",")]
        elif name == "$STARTTIME":
            self.told.start = dated(_whole(value, 86_400 * 10**9, _DAYS_TO_1970) // 1000 * 1000)


def _whole(text: str, factor: int, since: int = 0) -> int:
    """A decimal number beyond ``since``, times a factor, as a whole one. Raises :class:`NoFrame` where it is none."""
    try:
        found = int((Decimal(text) - since) * factor)
    except (ArithmeticError, ValueError) as error:
        raise NoFrame(f"{text!r} is no number") from error
    if abs(found) >= LATEST:
        raise NoFrame(f"{text!r} is too large for a time")
    return found
