"""Reading ASC, Vector's text format.

A header tells date, base of the numbers and kind of the times; then every line is an event that begins with its time in
seconds. Frames are read; the many other kinds of events are passed over. What this project's own writer puts into
comments above the frames, ``// key: value``, becomes metadata.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from harness.frames import FD_LENGTHS
from harness.logs.columns import BRS, ERROR, ESI, FD, REMOTE, TX, FrameColumns
from harness.logs.problems import Problems
from harness.logs.source import Channels, dated, epoch_ns
from harness.logs.text_rows import NoFrame, Row, TextSource, Usual, checked, named
from harness.logs.text_words import Flags, Ints, Words

_DATE = re.compile(r"(?:date|begin triggerblock)\s+\S+\s+(?P<date>\S.*)", re.IGNORECASE)
_BASE = re.compile(r"base\s+(?P<base>hex|dec)(?:\s+timestamps\s+(?P<times>absolute|relative))?", re.IGNORECASE)
_OTHER = re.compile(r"//|(no\s+)?internal events logged|(begin|end) triggerblock|previous log file", re.IGNORECASE)
_WHEN = re.compile(
    r"(?P<month>\w+)\.?\s+(?P<day>\d+)\s+(?P<hour>\d+):(?P<minute>\d+):(?P<second>\d+)(?:\.(?P<part>\d+))?"
    r"\s*(?P<half>[ap]m)?\s+(?P<year>\d{4})",
    re.IGNORECASE,
)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_OTHER_MONTHS = {"mär": "mar", "mrz": "mar", "mai": "may", "okt": "oct", "dez": "dec"}

_FRAME = re.compile(
    r"\S+\s+(?P<channel>\d+)\s+(?P<id>[0-9A-Fa-f]+)(?P<extended>[xX]?)\s+(?P<direction>Rx|Tx|TxRq)"
    r"\s+(?P<kind>[dr])(?:\s+(?P<dlc>[0-9A-Fa-f]{1,2})\b(?P<data>.*))?$",
    re.IGNORECASE,
)
_FD = re.compile(
    r"\S+\s+CANFD\s+(?P<channel>\d+)\s+(?P<direction>Rx|Tx|TxRq)\s+(?P<id>[0-9A-Fa-f]+)(?P<extended>[xX]?)"
    r"\s+(?:(?P<name>\S*[^\s01]\S*)\s+)?(?P<brs>[01])\s+(?P<esi>[01])\s+(?P<dlc>[0-9A-Fa-f])\s+(?P<length>\d+)"
    r"(?P<data>.*)$",
    re.IGNORECASE,
)
_ERROR = re.compile(r"\S+\s+(?:CANFD\s+)?(?P<channel>\d+)\s+(?:(?:Rx|Tx)\s+)?ErrorFrame\b", re.IGNORECASE)
_LOOKS = re.compile(
    r"\S+\s+(\d+\s+([0-9A-Fa-f]+[xX]?\s+(Rx|Tx|TxRq)\s|\S+\s+(Rx|Tx|TxRq)\s+[dr]\s)|CANFD\s)", re.IGNORECASE
)
_EDL, _REMOTE_BIT = 0x1000, 0x10


class AscSource(TextSource):
    """One pass over an ASC file."""

    def __init__(self, path: Path, channels: Channels, problems: Problems) -> None:
        super().__init__(path, channels, problems)
        self._base = 16
        self._relative = False
        self._latest = 0
        self._body = self._dated = False

    @staticmethod
    def recognises(lines: list[str]) -> bool:
        """Whether the first lines of a file are such a log."""
        return any(_DATE.match(line) or _BASE.match(line) for line in lines[:50]) or any(
            _FRAME.match(line) or _FD.match(line) or _ERROR.match(line) for line in lines if line[:1].isdigit()
        )

    def times(self, words: Words) -> tuple[Ints, Flags]:
        """The first word of each event, from the beginning of the measurement."""
        self._header(words)
        rows = np.flatnonzero(words.count)
        time, timed = np.zeros(len(words.count), np.int64), np.zeros(len(words.count), bool)
        found, good = words.seconds(*words.word(rows, 0))
        time[rows], timed[rows] = np.where(good, found, 0), good
        if self._relative:
            time = self._latest + np.cumsum(time)
            self._latest = int(time[-1]) if len(time) else self._latest
        return time, timed

    def _header(self, words: Words) -> None:
        """What stands above the first event decides how all others are read."""
        for index in range(len(words.count)):
            if self._body:
                return
            line = words.line(index)
            self._body = line[:1].isdigit()
            base = _BASE.match(line)
            if base is not None:
                self._base = 10 if base["base"].lower() == "dec" else 16
                self._relative = (base["times"] or "").lower() == "relative"
            elif line.startswith("//"):
                self.told.line(line[2:])
            elif (date := _DATE.match(line)) is not None and not self._dated:
                # The measurement's date; that of the block where both are there, since python-can writes its own
                # clock into the first, and Vector's tools the same into both.
                self._dated = line[:1].lower() == "b"
                self.told.start = self._instant(date["date"])

    def usual(self, words: Words, time: Ints, timed: Flags) -> Usual:
        """Data frames, classic and FD, of which all numbers are hexadecimal."""
        if self._base != 16:
            return Usual(np.zeros(0, np.int64), FrameColumns.empty())
        rows = np.flatnonzero(timed & (words.count >= 6))
        begin, end = words.word(rows, 1)
        fd = (end - begin == len("CANFD")) & (words.text[begin] & 0xDF == ord("C"))
        fd_rows = rows[fd & (words.count[rows] >= 9)]
        return Usual.together([self._usual_classic(words, time, rows[~fd]), self._usual_fd(words, time, fd_rows)])

    def _usual_classic(self, words: Words, time: Ints, rows: Ints) -> Usual:
        """``time channel identifier direction d length data``."""
        kind, kind_end = words.word(rows, 4)
        length, good = words.whole(*words.word(rows, 5), 1)
        good &= (kind_end - kind == 1) & (words.text[kind] | 0x20 == ord("d"))
        length = np.minimum(length, 8)
        return self._frames(words, time, rows, good, (1, 2, 3, 6), length, np.zeros(len(rows), np.int64))

    def _usual_fd(self, words: Words, time: Ints, rows: Ints) -> Usual:
        """``time CANFD channel direction identifier BRS ESI DLC length data duration bits flags``, with no name."""
        brs, good = words.whole(*words.word(rows, 5), 1, 2)
        esi, fine = words.whole(*words.word(rows, 6), 1, 2)
        length, whole = words.whole(*words.word(rows, 8), 2, 10)
        good &= fine & whole & (length <= 64) & (words.count[rows] >= length + 12)
        bits, fine = words.whole(*words.word(rows, np.where(good, length + 11, 0)), 8)
        good &= fine & (bits & _EDL != 0)
        return self._frames(words, time, rows, good, (2, 4, 3, 9), length, FD | brs * BRS | esi * ESI)

    def _frames(
        self,
        words: Words,
        time: Ints,
        rows: Ints,
        good: Flags,
        numbers: tuple[int, int, int, int],
        length: Ints,
        flags: Ints,
    ) -> Usual:
        """numbers: the words of channel, identifier, direction, and the first of the data."""
        _channel, _identifier, _direction, _data = numbers
        begin, end = words.word(rows, _identifier)
        extended = words.text[end - 1] | 0x20 == ord("x")
        key, fine = words.whole(begin, end - extended, 8)
        good = good & fine & (key <= np.where(extended, 0x1FFF_FFFF, 0x7FF))
        good &= words.whole(*words.word(rows, _channel), 3, 10)[1]
        begin, end = words.word(rows, _direction)
        mark = words.text[begin] & 0xDF
        good &= (end - begin == 2) & ((mark == ord("R")) | (mark == ord("T")))
        good &= words.count[rows] >= length + _data
        rows, key, extended, mark, length, flags = (each[good] for each in (rows, key, extended, mark, length, flags))
        first = words.begin[np.minimum(words.first[rows] + _data, len(words.begin) - 1)]
        data, whole = words.octets(first, length, 3, 64 if _data == 9 and len(rows) else 8)
        channel, short = named(words, rows, _channel, self._channels)
        columns = FrameColumns(
            time[rows],
            channel,
            (key | extended.astype(np.int64) << 31).astype(np.uint32),
            (flags | (mark == ord("T")) * TX).astype(np.uint8),
            length.astype(np.uint8),
            data,
        )
        good = whole & short
        return Usual(rows[good], columns[good])

    def row(self, line: str, time: int | None) -> Row | None:
        """Everything else: remote, error and CAN FD frames, decimal numbers, and what is no frame."""
        if time is None:
            if line.startswith("// ends:"):
                self.told.line(line[2:])
            if _OTHER.match(line) or _DATE.match(line) or _BASE.match(line):
                return None
            raise NoFrame("no event that begins with its time")
        found = _FRAME.match(line)
        if found is not None:
            return self._classic(found, time)
        found = _FD.match(line)
        if found is not None:
            return self._fd(found, time)
        found = _ERROR.match(line)
        if found is not None:
            return Row(time, found["channel"], 0, ERROR, 0)
        if _LOOKS.match(line):
            raise NoFrame("it begins as one, and ends otherwise")
        return None

    def _classic(self, found: re.Match[str], time: int) -> Row:
        flags = TX if found["direction"][:1] in "Tt" else 0
        length = min(int(found["dlc"] or "0", self._base), 8)
        if found["kind"] in "rR":
            return Row(time, found["channel"], self._key(found), flags | REMOTE, length)
        data = self._data((found["data"] or "").split()[:length], length)
        return Row(time, found["channel"], self._key(found), flags, length, data)

    def _fd(self, found: re.Match[str], time: int) -> Row:
        flags = TX if found["direction"][:1] in "Tt" else 0
        length, words = int(found["length"]), found["data"].split()
        after = words[length:]
        # Behind the data: duration, length in bits, and flags that say whether the frame was one of CAN FD at all.
        bits = int(after[2], 16) if len(after) > 2 else _EDL
        if bits & _EDL:
            flags |= FD | (found["brs"] == "1") * BRS | (found["esi"] == "1") * ESI
        elif bits & _REMOTE_BIT:
            asked = min(int(found["dlc"], 16), 8)
            return Row(time, found["channel"], self._key(found), flags | REMOTE, asked)
        if length > max(FD_LENGTHS):
            raise NoFrame(f"{length} bytes of data")
        return Row(time, found["channel"], self._key(found), flags, length, self._data(words[:length], length))

    def _key(self, found: re.Match[str]) -> int:
        return checked(int(found["id"], self._base), bool(found["extended"]))

    def _data(self, words: list[str], length: int) -> bytes:
        if len(words) < length:
            raise NoFrame(f"{len(words)} bytes of data where {length} are announced")
        if self._base == 16 and any(len(word) != 2 for word in words):
            raise NoFrame("data that are not two hexadecimal digits each")
        return bytes(int(word, self._base) for word in words)

    def _instant(self, text: str) -> int | None:
        """A date as ns since 1970, read as UTC; None for one from before 1990, which stands for none."""
        found = _WHEN.match(text)
        month = found["month"].lower() if found else ""
        month = _OTHER_MONTHS.get(month, month)[:3]
        if found is None or month not in _MONTHS:
            self._dateless(text)
            return None
        hour = int(found["hour"])
        if found["half"]:
            hour = hour % 12 + 12 * (found["half"].lower() == "pm")
        day, minute, second = int(found["day"]), int(found["minute"]), int(found["second"])
        try:
            moment = datetime(int(found["year"]), _MONTHS.index(month) + 1, day, hour, minute, second, tzinfo=UTC)
        except ValueError:
            self._dateless(text)
            return None
        return dated(epoch_ns(moment) + int((found["part"] or "")[:9].ljust(9, "0")))

    def _dateless(self, text: str) -> None:
        self._problems.add("date", "line 1", f"date {text!r} cannot be read; the recording has no start")
