"""Frame durations by column equal those of single frames, whatever the frame."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from harness.bus.length import BitTimes
from harness.bus.length_columns import FrameTimes
from harness.frames import FD_LENGTHS, Frame

TIMES = BitTimes(500_000, 2_000_000)
COLUMNS = FrameTimes(TIMES)

BYTE = st.sampled_from([0x00, 0xFF, 0xF0, 0x0F, 0x83]) | st.integers(0, 255)


@st.composite
def frames_of_one_kind(draw: st.DrawFn) -> list[Frame]:
    fd, extended = draw(st.booleans()), draw(st.booleans())
    size = draw(st.sampled_from(FD_LENGTHS) if fd else st.integers(0, 8))
    identifier = draw(st.integers(0, 0x1FFF_FFFF if extended else 0x7FF))
    brs, esi = fd and draw(st.booleans()), fd and draw(st.booleans())
    payloads = draw(st.lists(st.lists(BYTE, min_size=size, max_size=size).map(bytes), min_size=1, max_size=4))
    return [Frame(identifier, data, extended=extended, fd=fd, brs=brs, esi=esi) for data in payloads]


def column(frames: list[Frame]) -> np.ndarray:
    data = np.zeros((len(frames), 64), np.uint8)
    for row, frame in zip(data, frames, strict=True):
        row[: len(frame.data)] = list(frame.data)
    return data


@given(frames_of_one_kind())
def test_columns_take_as_long_as_their_frames(frames: list[Frame]) -> None:
    assert COLUMNS.of(frames[0], column(frames)).tolist() == [TIMES.duration(frame) for frame in frames]


def test_remote_frames_have_a_length_too() -> None:
    remote = Frame(0x123, remote=True, length=8)
    assert COLUMNS.of(remote, column([remote, remote])).tolist() == [TIMES.duration(remote)] * 2


def test_what_the_bus_cannot_carry_takes_no_time() -> None:
    fd = Frame(0x123, bytes(12), fd=True)
    assert FrameTimes(BitTimes(500_000, None)).of(fd, column([fd])).tolist() == [0]
