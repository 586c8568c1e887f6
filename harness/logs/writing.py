"""Writing recordings: what was seen on channels, as files that CAN tools read.

Times are exact to the nanosecond and count from the beginning of the world; channels are numbered from 1.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from heapq import merge
from pathlib import Path

from harness.errors import ReportError
from harness.frames import ErrorFrame
from harness.logs.asc_writing import asc_text
from harness.logs.writer import Seen, channel_numbers
from harness.signals.trace import Trace

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
            _write_blf(path, seen, channel_numbers(channels), own)
    except OSError as error:
        raise ReportError(f"recording {path} cannot be written: {error.strerror or error}") from error


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
