"""ASC, Vector's text format, written here: python-can's writer puts today's date into it, shifts all times to the first
frame and cuts them to microseconds, so that two recordings of one run would differ.

>>> from harness.frames import Frame, Received
>>> print(asc_text([Received(1_500_000, "body", Frame(0x1A0, b"\\x01\\xff"), "BCM")], ["body"]))
date Thu Jan 01 00:00:00.000 1970
base hex  timestamps absolute
internal events logged
// channel 1: body
Begin Triggerblock Thu Jan 01 00:00:00.000 1970
 0.000000000 Start of measurement
 0.001500000 1  1A0             Rx   d 2 01 FF
End TriggerBlock
<BLANKLINE>
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import UTC, datetime, timedelta

from harness.frames import FD_LENGTHS, ErrorFrame, id_text
from harness.logs.writer import Head, Seen

_SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class AscEncoder:
    """Frames as lines of an ASC file. Metadata and names of channels are comments; error frames have one each."""

    def __init__(self, head: Head) -> None:
        self._head = head
        self._numbers = head.numbers
        self._own = head.own
        self._shift = head.shift

    def begin(self) -> bytes:
        """Date, base, metadata, begin of the trigger block."""
        date = _date(self._head.milliseconds or 0)
        lines = [f"date {date}", "base hex  timestamps absolute", "internal events logged"]
        lines += [f"// {line}" for line in self._head.lines()]
        lines += [f"Begin Triggerblock {date}", " 0.000000000 Start of measurement", ""]
        return "\n".join(lines).encode()

    def piece(self, seen: Sequence[Seen]) -> bytes:
        """One line per frame."""
        return "".join(map(self._line, seen)).encode()

    def again(self) -> bytes:
        """Nothing: the first bytes stay as they are."""
        return b""

    def end(self, time: int | None) -> bytes:
        """When the recording ended, as a comment; end of the trigger block."""
        comment = "" if time is None else f"// {self._head.ends(time)}\n"
        return f"{comment}End TriggerBlock\n".encode()

    def _line(self, seen: Seen) -> str:
        channel, time = self._numbers[seen.channel], seen.time + self._shift
        stamp = f"{time // _SECOND:2d}.{time % _SECOND:09d}"
        if isinstance(seen, ErrorFrame):
            # What the format has no column for stands in a comment above.
            return f"// {seen.kind} error in {id_text(seen.frame.key)}\n{stamp} {channel}  ErrorFrame\n"
        frame = seen.frame
        identifier = f"{frame.id:X}{'x' if frame.extended else ''}"
        direction = "Tx" if seen.sender in self._own else "Rx"
        data = frame.data.hex(" ").upper()
        if frame.fd:
            flags = 1 << 12 | frame.brs << 13 | frame.esi << 14
            dlc = FD_LENGTHS.index(len(frame.data))
            return (
                f"{stamp} CANFD {channel:3d} {direction:<4} {identifier:>8}  {'':>32} {frame.brs:d} {frame.esi:d} "
                f"{dlc:x} {len(frame.data):2d} {data} {0:8d} {0:4d} {flags:8X} 0 0 0 0 0\n"
            )
        content = f"r {frame.length:x}" if frame.remote else f"d {len(frame.data):x} {data}"
        return f"{stamp} {channel}  {identifier:<15} {direction:<4} {content}".rstrip() + "\n"


def asc_text(seen: Iterable[Seen], channels: Sequence[str], *, own: Collection[str] = ()) -> str:
    """Frames in the order of time as the text of an ASC file; equal frames give equal text.

    channels: all names, in the order of their numbers. own: nodes whose frames are the tester's own (``Tx``).
    """
    encoder = AscEncoder(Head(channels, own=own))
    return (encoder.begin() + encoder.piece(list(seen)) + encoder.end(None)).decode()


def _date(milliseconds: int) -> str:
    """An instant as ASC writes it, in UTC, whatever the language of the system."""
    when = _EPOCH + timedelta(milliseconds=milliseconds)
    day, month = _DAYS[when.weekday()], _MONTHS[when.month - 1]
    return f"{day} {month} {when.day:02d} {when:%H:%M:%S}.{when.microsecond // 1000:03d} {when.year}"
