"""Recorded frames as files: ASC written here, BLF by python-can, which is only imported when one is written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Literal

from harness.errors import ReportError
from harness.evidence.record import Seen
from harness.frames import EXTENDED, FD_LENGTHS, ErrorFrame

Format = Literal["asc", "blf"]

EXCERPT_NS = 200_000_000
"""How far an excerpt reaches to each side of the instant that it is about."""
EXCERPT_FRAMES = 480
"""Frames of an excerpt at most: what a person reads, and what a report can carry per failure."""


def numbered(frames: Iterable[Seen]) -> dict[str, int]:
    """Channel numbers as log files need them, from 1, in alphabetical order of the names."""
    return {name: number for number, name in enumerate(sorted({each.channel for each in frames}), start=1)}


def asc_text(frames: Sequence[Seen]) -> str:
    """Frames as a Vector ASC log (times in seconds from the world's beginning, identifiers and data in hexadecimal).

    The same frames always give the same text: the header's date is fixed.
    """
    channels = numbered(frames)
    return "\n".join([*_asc_header(channels), *(_asc_line(each, channels) for each in frames), "End TriggerBlock", ""])


def _asc_header(channels: Mapping[str, int]) -> Iterator[str]:
    date = "Thu Jan 01 00:00:00.000 1970"
    yield from (f"date {date}", "base hex  timestamps absolute", "internal events logged")
    yield from (f"// channel {number}: {name}" for name, number in channels.items())
    yield f"Begin Triggerblock {date}"
    yield " 0.000000000 Start of measurement"


def _asc_line(seen: Seen, channels: Mapping[str, int]) -> str:
    time, channel, frame = seen.time, seen.channel, seen.frame
    identifier = f"{frame.id:X}{'x' if frame.extended else ''}"
    stamp = f"{time // 1_000_000_000:2d}.{time % 1_000_000_000:09d}"
    data = frame.data.hex(" ").upper()
    if isinstance(seen, ErrorFrame):
        return f"{stamp} {channels[channel]}  ErrorFrame"
    if frame.fd:
        flags = 1 << 12 | frame.brs << 13 | frame.esi << 14
        dlc = FD_LENGTHS.index(len(frame.data))
        return (
            f"{stamp} CANFD {channels[channel]:3d} Rx   {identifier:>8}  {'':>32} {frame.brs:d} {frame.esi:d} "
            f"{dlc:x} {len(frame.data):2d} {data} {0:8d} {0:4d} {flags:8X} 0 0 0 0 0"
        )
    kind = f"r {frame.length:x}" if frame.remote else f"d {len(frame.data):x} {data}"
    return f"{stamp} {channels[channel]}  {identifier:<15} Rx   {kind}".rstrip()


def write_recording(path: Path, frames: Sequence[Seen], form: Format) -> None:
    """Write frames to ``path`` as ``asc`` or ``blf``, making its folder.

    Raises :class:`~harness.errors.ReportError`.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if form == "asc":
            path.write_text(asc_text(frames), encoding="utf-8")
        else:
            _write_blf(path, frames)
    except OSError as error:
        raise ReportError(f"recording {path} cannot be written: {error.strerror or error}") from error


def _write_blf(path: Path, frames: Sequence[Seen]) -> None:
    import can  # here, because it costs more than all the rest of a run that records nothing

    channels = numbered(frames)
    with can.BLFWriter(str(path)) as writer:
        writer.start_timestamp = 0.0  # otherwise times would count from the first frame
        for seen in frames:
            frame = seen.frame
            writer.on_message_received(
                can.Message(
                    timestamp=(seen.time + 0.5) / 1e9,  # the writer truncates to whole nanoseconds
                    is_error_frame=isinstance(seen, ErrorFrame),
                    arbitration_id=frame.key & ~EXTENDED,
                    is_extended_id=frame.extended,
                    is_remote_frame=frame.remote,
                    is_fd=frame.fd,
                    bitrate_switch=frame.brs,
                    error_state_indicator=frame.esi,
                    dlc=frame.length if frame.remote else len(frame.data),
                    data=frame.data,
                    channel=channels[seen.channel] - 1,
                )
            )


def excerpt(frames: Sequence[Seen], around: int) -> Sequence[Seen]:
    """The frames within :data:`EXCERPT_NS` of an instant, at most the :data:`EXCERPT_FRAMES` closest ones."""
    near = [each for each in frames if abs(each.time - around) <= EXCERPT_NS]
    if len(near) <= EXCERPT_FRAMES:
        return near
    limit = sorted(abs(each.time - around) for each in near)[EXCERPT_FRAMES - 1]
    return [each for each in near if abs(each.time - around) <= limit][:EXCERPT_FRAMES]
