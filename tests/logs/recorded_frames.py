"""Frames as Hypothesis draws them for recordings, and how python-can reads them back."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from harness.frames import FD_LENGTHS, ErrorFrame, Frame, Received
from harness.logs.writer import Seen

Row = tuple[object, ...]

CHANNELS = ("powertrain", "body")
KINDS = ("bit", "stuff", "crc", "form", "ack")
OWN = ("TESTER",)


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """Any frame that a bus carries."""
    extended = draw(st.booleans())
    identifier = draw(st.integers(0, 0x1FFFFFFF if extended else 0x7FF))
    kind = draw(st.sampled_from(["classic", "remote", "fd"]))
    if kind == "remote":
        return Frame(identifier, extended=extended, remote=True, length=draw(st.integers(0, 8)))
    if kind == "classic":
        return Frame(identifier, draw(st.binary(max_size=8)), extended)
    length = draw(st.sampled_from(FD_LENGTHS))
    return Frame(
        identifier,
        draw(st.binary(min_size=length, max_size=length)),
        extended,
        fd=True,
        brs=draw(st.booleans()),
        esi=draw(st.booleans()),
    )


@st.composite
def recorded(draw: st.DrawFn, *, errors: bool = True) -> list[Seen]:
    """What was seen on two channels, in the order of time: from 0, with nanoseconds, over many days."""
    seen: list[Seen] = []
    time = 0
    # Most gaps are short, some longer than a day.
    gaps = st.integers(0, 10**6) | st.integers(0, 2 * 10**14)
    kinds = st.sampled_from([None, None, None, *KINDS] if errors else [None])
    for gap, channel, frame, sender, kind in draw(
        st.lists(
            st.tuples(gaps, st.sampled_from(CHANNELS), frames(), st.sampled_from(["VCU", *OWN]), kinds), max_size=20
        )
    ):
        time += gap
        if kind is None:
            seen.append(Received(time, channel, frame, sender))
        else:
            seen.append(ErrorFrame(time, channel, kind, frame, sender))
    return seen


def read_by_python_can(path: Path, *, ns: int = 1) -> list[Row]:
    """The rows of :func:`expected_of_python_can`. ns: resolution of the format."""
    import can

    rows: list[Row] = []
    with can.LogReader(path) as reader:
        for message in reader:
            time, channel = round(message.timestamp * 1e9 / ns) * ns, message.channel
            if message.is_error_frame:
                rows.append((time, "error"))
                continue
            flags = (message.is_fd, message.bitrate_switch, message.error_state_indicator)
            identity = (message.arbitration_id, message.is_extended_id, message.is_remote_frame)
            rows.append((time, channel, *identity, *flags, message.dlc, bytes(message.data), message.is_rx))
    return rows


def expected_of_python_can(each: Seen, form: str) -> Row:
    """How python-can's reader of a format gives one frame."""
    frame = each.frame
    time = each.time // 1000 * 1000 if form == "log" else each.time
    if isinstance(each, ErrorFrame):
        return time, "error"
    number = CHANNELS.index(each.channel)
    channel: int | str = each.channel if form == "log" else number + 1 if form == "mf4" else number
    rx = each.sender not in OWN
    length = frame.length if frame.remote else len(frame.data)
    # python-can's ASC reader takes every CAN FD frame without data for a remote frame, which CAN FD does not have.
    remote = frame.remote or (form == "asc" and frame.fd and not frame.data)
    return time, channel, frame.id, frame.extended, remote, frame.fd, frame.brs, frame.esi, length, frame.data, rx
