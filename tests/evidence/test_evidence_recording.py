"""Recordings: what is written can be read back, by another implementation, frame by frame."""

from __future__ import annotations

from pathlib import Path

import can
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ReportError
from harness.evidence.record import Seen
from harness.evidence.recording import EXCERPT_FRAMES, EXCERPT_NS, asc_text, excerpt, numbered, write_recording
from harness.frames import FD_LENGTHS, ErrorFrame, Frame, Received

standard = st.integers(0, 0x7FF).map(lambda number: (number, False))
extended = st.integers(0, 0x1FFF_FFFF).map(lambda number: (number, True))


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    number, is_extended = draw(standard | extended)
    kind = draw(st.sampled_from(["classic", "remote", "fd"]))
    if kind == "remote":
        return Frame(number, extended=is_extended, remote=True, length=draw(st.integers(0, 8)))
    if kind == "classic":
        return Frame(number, draw(st.binary(max_size=8)), is_extended)
    length = draw(st.sampled_from(FD_LENGTHS))
    data = draw(st.binary(min_size=length, max_size=length))
    return Frame(number, data, is_extended, fd=True, brs=draw(st.booleans()), esi=draw(st.booleans()))


@st.composite
def traffic(draw: st.DrawFn) -> list[Seen]:
    """Frames and error frames on two channels, 1 µs to 1 s apart."""
    time, seen = 0, []
    for _ in range(draw(st.integers(1, 12))):
        time += draw(st.integers(1, 1_000_000)) * 1000
        channel, frame = draw(st.sampled_from(["body", "powertrain"])), draw(frames())
        wrong = draw(st.integers(0, 5)) == 0
        seen.append(ErrorFrame(time, channel, "crc", frame) if wrong else Received(time, channel, frame))
    return seen


def read(path: Path) -> list[can.Message]:
    with can.LogReader(str(path)) as reader:
        return list(reader)


@pytest.mark.parametrize("form", ["asc", "blf"])
@settings(max_examples=50)
@given(traffic=traffic())
def test_another_reader_finds_the_same(
    form: str, tmp_path_factory: pytest.TempPathFactory, traffic: list[Seen]
) -> None:
    path = tmp_path_factory.mktemp("recording") / f"log.{form}"
    write_recording(path, traffic, form)  # type: ignore[arg-type]
    found = read(path)
    assert len(found) == len(traffic)
    channels = numbered(traffic)
    for message, seen in zip(found, traffic, strict=True):
        assert round(message.timestamp * 1e9) == seen.time
        assert message.channel == channels[seen.channel] - 1
        assert message.is_error_frame == isinstance(seen, ErrorFrame)
        if message.is_error_frame:
            continue
        frame = seen.frame
        assert (message.arbitration_id, message.is_extended_id) == (frame.id, frame.extended)
        # python-can's ASC reader takes an FD frame without data for a remote frame, which CAN FD does not have.
        if not (form == "asc" and frame.fd and not frame.data):
            assert (message.is_fd, message.is_remote_frame) == (frame.fd, frame.remote)
        assert (message.bitrate_switch, message.error_state_indicator) == (frame.brs, frame.esi)
        assert bytes(message.data) == frame.data
        assert message.dlc == (frame.length if frame.remote else len(frame.data))


def test_the_header_has_a_fixed_date_and_names_the_channels() -> None:
    text = asc_text([Received(1_500_000_000, "body", Frame(0x123, b"\xab")), Received(2, "abc", Frame(1))])
    assert text.splitlines()[0] == "date Thu Jan 01 00:00:00.000 1970"
    assert text.splitlines()[3:5] == ["// channel 1: abc", "// channel 2: body"]
    assert " 1.500000000 2  123             Rx   d 1 AB" in text


@given(st.lists(st.integers(0, 2_000_000_000), max_size=40).map(sorted), st.integers(0, 2_000_000_000))
def test_an_excerpt_is_what_lies_around_the_instant(times: list[int], around: int) -> None:
    seen = [Received(time, "can", Frame(1)) for time in times]
    assert [each.time for each in excerpt(seen, around)] == [time for time in times if abs(time - around) <= EXCERPT_NS]


def test_a_long_excerpt_keeps_the_closest() -> None:
    seen = [Received(time * 100_000, "can", Frame(1)) for time in range(4000)]
    found = excerpt(seen, 200_000_000)
    assert len(found) == EXCERPT_FRAMES
    assert [each.time for each in found] == sorted(each.time for each in found)
    assert max(abs(each.time - 200_000_000) for each in found) <= 24_000_000
    assert len(asc_text(found).splitlines()) <= 500


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=r"recording .*log.asc cannot be written"):
        write_recording(tmp_path / "file" / "log.asc", [], "asc")
