"""Recordings: what was seen on channels, as files that CAN tools read.

ASC text is written here: python-can's writer puts today's date into it, shifts all times to the first frame and cuts
them to microseconds, so that two recordings of one run would differ. BLF is python-can's, kept from the same shift;
the package is imported when the first BLF is written, not before, because that costs more than a whole test.

Times are exact to the nanosecond in both and count from the beginning of the world; channels are numbered from 1.

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
from heapq import merge
from pathlib import Path

from harness.errors import ReportError
from harness.frames import FD_LENGTHS, ErrorFrame, Received, id_text
from harness.signals.trace import Trace

Seen = Received | ErrorFrame

_DATE = "Thu Jan 01 00:00:00.000 1970"
_SECOND = 1_000_000_000


def write(
    path: str | Path, traces: Sequence[Trace], *, start: int = 0, end: int | None = None, own: Collection[str] = ()
) -> None:
    """Write what the traces hold to ``path``, as ASC or BLF by its suffix, and make its folder where needed.

    The order of the traces gives the channels their numbers. start, end: the window in ns of the world, both
    included; None: to the end. own: names of the nodes whose frames are the tester's own (``Tx``).

    Raises :class:`~harness.errors.ReportError` for another suffix, and when the file cannot be written.
    """
    path = Path(path)
    channels = [trace.channel for trace in traces]
    last = max((trace.latest for trace in traces), default=0) if end is None else end
    # Merging keeps the order of the traces where times are equal.
    seen = list(merge(*(trace.between(start, last) for trace in traces), key=lambda each: each.time))
    write_seen(path, seen, channels, own=own)


def write_seen(path: Path, seen: Sequence[Seen], channels: Sequence[str], *, own: Collection[str] = ()) -> None:
    """Write frames in the order of time; channels: all names, in the order of their numbers. Else as :func:`write`."""
    suffix = path.suffix.lower()
    if suffix not in (".asc", ".blf"):
        raise ReportError(f"recording {path}: its name must end in .asc or .blf")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".asc":
            path.write_text(asc_text(seen, channels, own=own), encoding="utf-8")
        else:
            _write_blf(path, seen, _numbers(channels), own)
    except OSError as error:
        raise ReportError(f"recording {path} cannot be written: {error.strerror or error}") from error


def asc_text(seen: Iterable[Seen], channels: Sequence[str], *, own: Collection[str] = ()) -> str:
    """Frames as an ASC log; equal frames give equal text. Arguments as :func:`write_seen`."""
    numbers = _numbers(channels)
    lines = [*_asc_header(numbers), *(_asc_line(each, numbers, own) for each in seen), "End TriggerBlock", ""]
    return "\n".join(lines)


def _numbers(channels: Sequence[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(channels, start=1)}


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


def _write_blf(path: Path, seen: Iterable[Seen], numbers: dict[str, int], own: Collection[str]) -> None:
    import can

    with can.BLFWriter(path) as writer:
        # Else the writer takes the first frame's millisecond as zero.
        writer.start_timestamp = 0.0
        for each in seen:
            frame = each.frame
            writer.on_message_received(
                can.Message(
                    # The writer cuts to whole nanoseconds; half of one more keeps it from cutting the last.
                    timestamp=(each.time + 0.5) / _SECOND,
                    is_error_frame=isinstance(each, ErrorFrame),
                    arbitration_id=frame.id,
                    is_extended_id=frame.extended,
                    is_remote_frame=frame.remote,
                    is_fd=frame.fd,
                    bitrate_switch=frame.brs,
                    error_state_indicator=frame.esi,
                    dlc=frame.length if frame.remote else len(frame.data),
                    data=frame.data,
                    channel=numbers[each.channel] - 1,
                    is_rx=each.sender not in own,
                )
            )
