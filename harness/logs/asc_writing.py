"""ASC text, written here: python-can's writer puts today's date into it, shifts all times to the first frame and cuts
them to microseconds, so that two recordings of one run would differ.

>>> from harness.frames import Frame
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

from collections.abc import Collection, Iterable, Iterator, Sequence

from harness.frames import FD_LENGTHS, ErrorFrame, id_text
from harness.logs.writer import Seen, channel_numbers

_DATE = "Thu Jan 01 00:00:00.000 1970"
_SECOND = 1_000_000_000


def asc_text(seen: Iterable[Seen], channels: Sequence[str], *, own: Collection[str] = ()) -> str:
    """Frames as an ASC log; equal frames give equal text. Arguments as :func:`write_seen`."""
    numbers = channel_numbers(channels)
    lines = [*_asc_header(numbers), *(_asc_line(each, numbers, own) for each in seen), "End TriggerBlock", ""]
    return "\n".join(lines)


def _asc_header(numbers: dict[str, int]) -> Iterator[str]:
    yield from (f"date {_DATE}", "base hex  timestamps absolute", "internal events logged")
    yield from (f"// channel {number}: {name}" for name, number in numbers.items())
    yield f"Begin Triggerblock {_DATE}"
    yield " 0.000000000 Start of measurement"


def _asc_line(seen: Seen, numbers: dict[str, int], own: Collection[str]) -> str:
    frame, channel = seen.frame, numbers[seen.channel]
    stamp = f"{seen.time // _SECOND:2d}.{seen.time % _SECOND:09d}"
    if isinstance(seen, ErrorFrame):
        # What the format has no column for stands in a comment above.
        return f"// {seen.kind} error in {id_text(frame.key)}\n{stamp} {channel}  ErrorFrame"
    identifier = f"{frame.id:X}{'x' if frame.extended else ''}"
    direction = "Tx" if seen.sender in own else "Rx"
    data = frame.data.hex(" ").upper()
    if frame.fd:
        flags = 1 << 12 | frame.brs << 13 | frame.esi << 14
        dlc = FD_LENGTHS.index(len(frame.data))
        return (
            f"{stamp} CANFD {channel:3d} {direction:<4} {identifier:>8}  {'':>32} {frame.brs:d} {frame.esi:d} "
            f"{dlc:x} {len(frame.data):2d} {data} {0:8d} {0:4d} {flags:8X} 0 0 0 0 0"
        )
    content = f"r {frame.length:x}" if frame.remote else f"d {len(frame.data):x} {data}"
    return f"{stamp} {channel}  {identifier:<15} {direction:<4} {content}".rstrip()
