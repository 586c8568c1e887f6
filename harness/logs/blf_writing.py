"""BLF, Vector's binary format, written here: exact to the nanosecond, and readable after every piece.

Each piece becomes one compressed container with whole objects, and the counts in the file's header are brought up to
date after it. Classic frames are CAN_MESSAGE objects, CAN FD frames CAN_FD_MESSAGE, error frames CAN_ERROR_EXT with
the kind of error as a Vector controller reports it; metadata is an APP_TEXT (measurement comment), which readers of
frames pass over. The layout of the objects is python-can's.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from struct import Struct

from harness.frames import FD_LENGTHS, ErrorFrame
from harness.logs.writer import Head, Seen

_CAN_MESSAGE, _CONTAINER, _APP_TEXT, _CAN_ERROR_EXT, _CAN_FD_MESSAGE = 1, 10, 65, 73, 100
_HEADER_SIZE, _OBJECT_HEADER_SIZE, _ZLIB, _NANOSECONDS = 144, 32, 2, 2
_TX, _REMOTE, _EXTENDED = 0x01, 0x80, 1 << 31
_EDL, _BRS, _ESI = 1, 2, 4
_CODE_VALID = 2
_CODES = {"bit": 0, "form": 1, "stuff": 2, "crc": 4, "ack": 7}
_OTHER = 3

_FILE = Struct("<4sL8BQQLL8H8H72x").pack
_OBJECT = Struct("<4sHHLLLHH")
_CLASSIC = Struct("<24sQHBBL8s")
_FD = Struct("<24sQHBBLLBBB5x64s")
_ERROR = Struct("<24sQHHLBBBxLLH2x8s")
_TEXT = Struct("<24sQLLLL")
_PACKED = Struct("<4sHHLLH6xL4x")

_FASTEST = 1
"""A recording is written while the test waits for it: a higher level takes three times as long for a tenth less."""

_DLC = {length: code for code, length in enumerate(FD_LENGTHS)}


def _object(kind: int, size: int) -> bytes:
    """What every object begins with; its time follows. size: of the whole object, bytes."""
    return _OBJECT.pack(b"LOBJ", _OBJECT_HEADER_SIZE, 1, size, kind, _NANOSECONDS, 0, 0)


_CLASSIC_OBJECT = _object(_CAN_MESSAGE, _CLASSIC.size)
_FD_OBJECT = _object(_CAN_FD_MESSAGE, _FD.size)
_ERROR_OBJECT = _object(_CAN_ERROR_EXT, _ERROR.size)


class BlfEncoder:
    """Frames as containers of a BLF file."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._numbers = head.numbers
        self._own = frozenset(head.own)
        self._shift = head.shift
        self._objects = 0
        self._size = _HEADER_SIZE
        self._expanded = _HEADER_SIZE
        self._latest = 0

    def begin(self) -> bytes:
        """The header and the metadata."""
        packed = self._pack(_note("\n".join(self._head.lines()), 0), 1)
        return self.again() + packed

    def piece(self, seen: Sequence[Seen]) -> bytes:
        """The frames as one container."""
        objects = b"".join(map(self._object, seen))
        self._latest = seen[-1][0] + self._shift
        return self._pack(objects, len(seen))

    def again(self) -> bytes:
        """The header: sizes, number of objects, first and last instant."""
        start = self._head.milliseconds
        times = [_system_time(None if start is None else start + ns // 1_000_000) for ns in (0, self._latest)]
        return _FILE(
            b"LOGG", _HEADER_SIZE, 0, 0, 0, 0, 2, 6, 8, 1, self._size, self._expanded, self._objects, 0,
            *times[0], *times[1],
        )  # fmt: skip

    def end(self, time: int | None) -> bytes:
        """When the recording ended, as a comment."""
        if time is None:
            return b""
        self._latest = time + self._head.shift
        return self._pack(_note(self._head.ends(time), self._latest), 1)

    def _pack(self, data: bytes, count: int) -> bytes:
        packed = zlib.compress(data, _FASTEST)
        size = _PACKED.size + len(packed)
        padding = bytes(size % 4)  # so many, not up to a whole word: that is how the format is
        self._objects += count
        self._size += size + len(padding)
        self._expanded += _PACKED.size + len(data)
        return _PACKED.pack(b"LOBJ", 16, 1, size, _CONTAINER, _ZLIB, len(data)) + packed + padding

    def _object(self, seen: Seen) -> bytes:
        channel = self._numbers[seen[1]]
        if isinstance(seen, ErrorFrame):
            return self._error(seen, channel)
        time, _, (identifier, data, extended, fd, brs, esi, remote, length), sender = seen
        time += self._shift
        if extended:
            identifier |= _EXTENDED
        direction = _TX if sender in self._own else 0
        if fd:
            flags = _EDL | brs * _BRS | esi * _ESI
            size = len(data)
            return _FD.pack(_FD_OBJECT, time, channel, direction, _DLC[size], identifier, 0, 0, flags, size, data)
        if remote:
            return _CLASSIC.pack(_CLASSIC_OBJECT, time, channel, direction | _REMOTE, length, identifier, data)
        return _CLASSIC.pack(_CLASSIC_OBJECT, time, channel, direction, len(data), identifier, data)

    def _error(self, seen: ErrorFrame, channel: int) -> bytes:
        frame = seen.frame
        identifier = frame.id | _EXTENDED if frame.extended else frame.id
        code = _CODES.get(seen.kind, _OTHER)
        return _ERROR.pack(
            _ERROR_OBJECT, seen.time + self._shift, channel, 0, _CODE_VALID, code, 0, min(len(frame.data), 8), 0,
            identifier, 0, frame.data[:8],
        )  # fmt: skip


def _note(text: str, time: int) -> bytes:
    """A comment on the measurement."""
    content = text.encode()
    # Whole words: readers disagree on what follows an object of another length.
    content += b" " * (-len(content) % 4)
    return _TEXT.pack(_object(_APP_TEXT, _TEXT.size + len(content)), time, 0, 0, len(content), 0) + content


def _system_time(milliseconds: int | None) -> tuple[int, ...]:
    """An instant as Windows' SYSTEMTIME, in UTC; zeros where there is none, which readers take for time 0."""
    if milliseconds is None:
        return (0,) * 8
    when = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)
    return (
        when.year, when.month, when.isoweekday() % 7, when.day, when.hour, when.minute, when.second,
        when.microsecond // 1000,
    )  # fmt: skip
