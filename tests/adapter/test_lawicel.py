"""The serial adapters' protocol: lines and frames."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.adapter.lawicel import frame_of_line, line_of
from harness.frames import FD_LENGTHS, Frame, check_frame


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    extended, fd = draw(st.booleans()), draw(st.booleans())
    remote = not fd and draw(st.booleans())
    length = draw(st.sampled_from(FD_LENGTHS) if fd else st.integers(0, 8))
    return Frame(
        draw(st.integers(0, 0x1FFF_FFFF if extended else 0x7FF)),
        b"" if remote else draw(st.binary(min_size=length, max_size=length)),
        extended,
        fd,
        brs=fd and draw(st.booleans()),
        remote=remote,
        length=length if remote else 0,
    )


@given(frames())
def test_a_frame_comes_back_from_its_line(frame: Frame) -> None:
    assert frame_of_line(line_of(frame)) == frame


@given(st.one_of(st.binary(max_size=40), st.from_regex(rb"[tTrRdDbB][0-9A-F]{0,40}", fullmatch=True)))
def test_a_damaged_line_is_no_frame_or_a_lawful_one(line: bytes) -> None:
    frame = frame_of_line(line)
    if frame is not None:
        check_frame(frame, fd=True)
        assert line_of(frame).upper() == line.upper()
