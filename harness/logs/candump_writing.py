"""The log format of ``candump -L``, as can-utils and python-can read it.

The format has microseconds and no place for metadata. Channels keep their names, with ``_`` for what a name of a
network interface cannot hold. An error frame is written as SocketCAN reports one (``linux/can/error.h``).

>>> from harness.frames import Frame, Received
>>> encoder = CandumpEncoder(Head(["body"]))
>>> encoder.piece([Received(1_500_000, "body", Frame(0x1A0, b"\\x01\\xff"), "BCM")])
b'(0000000000.001500) body 1A0#01FF R\\n'
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from harness.errors import LogError
from harness.frames import ErrorFrame
from harness.logs.writer import Head, Seen

_SECOND = 1_000_000_000

_ERROR, _BUS_ERROR, _PROTOCOL, _NO_ACK = 0x2000_0000, 0x80, 0x08, 0x20
_ERRORS = {
    "bit": (_PROTOCOL, 0x01, 0),
    "form": (_PROTOCOL, 0x02, 0),
    "stuff": (_PROTOCOL, 0x04, 0),
    "crc": (_PROTOCOL, 0, 0x08),
    "ack": (_NO_ACK, 0, 0),
}
"""Per kind of error: class, then data[2] (what was violated) and data[3] (where in the frame)."""


class CandumpEncoder:
    """Frames as lines of a candump log."""

    def __init__(self, head: Head) -> None:
        self._names = {name: re.sub(r"[^\w.:-]", "_", name) for name in head.channels}
        if len(set(self._names.values())) < len(head.channels):
            raise LogError(
                f"a candump log cannot tell the channels {', '.join(head.channels)} apart: no blanks in names"
            )
        self._own = head.own
        self._start = head.start or 0

    def begin(self) -> bytes:
        """Nothing: python-can takes every line for a frame."""
        return b""

    def piece(self, seen: Sequence[Seen]) -> bytes:
        """One line per frame."""
        return "".join(map(self._line, seen)).encode()

    def again(self) -> bytes:
        """Nothing."""
        return b""

    def end(self, time: int | None) -> bytes:
        """Nothing."""
        return b""

    def _line(self, seen: Seen) -> str:
        time, name = self._start + seen.time, self._names[seen.channel]
        head = f"({time // _SECOND:010d}.{time % _SECOND // 1000:06d}) {name}"
        if isinstance(seen, ErrorFrame):
            error, violation, place = _ERRORS.get(seen.kind, (0, 0, 0))
            return f"{head} {_ERROR | _BUS_ERROR | error:08X}#0000{violation:02X}{place:02X}00000000\n"
        frame = seen.frame
        identifier = f"{frame.id:08X}" if frame.extended else f"{frame.id:03X}"
        if frame.remote:
            content = f"#R{frame.length or ''}"
        elif frame.fd:
            content = f"##{frame.brs | frame.esi << 1:X}{frame.data.hex().upper()}"
        else:
            content = f"#{frame.data.hex().upper()}"
        return f"{head} {identifier}{content} {'T' if seen.sender in self._own else 'R'}\n"
