"""Recordings, read back with python-can: every frame, exact in time, and equal when written twice."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ReportError
from harness.frames import FD_LENGTHS, ErrorFrame, Frame, Received
from harness.logs.asc_writing import asc_text
from harness.logs.writer import Seen
from harness.logs.writing import write
from harness.signals.trace import Trace

Row = tuple[object, ...]

CHANNELS = ("powertrain", "body")
FORMATS = ("asc", "blf")


@st.composite
def frames(draw: st.DrawFn) -> Frame:
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
def recorded(draw: st.DrawFn) -> list[Trace]:
    """Two traces; times from 0 to hours, with nanoseconds."""
    traces = {name: Trace(name, history_ns=10**15) for name in CHANNELS}
    time = 0
    gaps = st.integers(0, 10**6) | st.integers(0, 4 * 10**12)
    for gap, channel, frame, sender, error in draw(
        st.lists(
            st.tuples(
                gaps,
                st.sampled_from(CHANNELS),
                frames(),
                st.sampled_from(["VCU", "TESTER"]),
                st.sampled_from([False] * 4 + [True]),
            ),
            max_size=20,
        )
    ):
        time += gap
        if error:
            traces[channel].append_error(ErrorFrame(time, channel, "bit", frame, sender))
        else:
            traces[channel].append(Received(time, channel, frame, sender))
    return list(traces.values())


def in_order(traces: list[Trace]) -> list[Seen]:
    order = {trace.channel: number for number, trace in enumerate(traces)}
    seen = [each for trace in traces for each in trace.between(0, 10**15)]
    return sorted(seen, key=lambda each: (each.time, order[each.channel]))


def expected(each: Seen, form: str) -> Row:
    frame, channel = each.frame, CHANNELS.index(each.channel)
    if isinstance(each, ErrorFrame):
        return each.time, channel, "error"
    rx = each.sender != "TESTER"
    length = frame.length if frame.remote else len(frame.data)
    # python-can's ASC reader takes every CAN FD frame without data for a remote frame, which CAN FD does not have.
    remote = frame.remote or (form == "asc" and frame.fd and not frame.data)
    return each.time, channel, frame.id, frame.extended, remote, frame.fd, frame.brs, frame.esi, length, frame.data, rx


def read(path: Path) -> list[Row]:
    import can

    rows: list[Row] = []
    with can.LogReader(path) as reader:
        for message in reader:
            time, channel = round(message.timestamp * 1e9), message.channel
            if message.is_error_frame:
                rows.append((time, channel, "error"))
                continue
            flags = (message.is_fd, message.bitrate_switch, message.error_state_indicator)
            identity = (message.arbitration_id, message.is_extended_id, message.is_remote_frame)
            rows.append((time, channel, *identity, *flags, message.dlc, bytes(message.data), message.is_rx))
    return rows


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_read_back_is_what_was_seen(form: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("recordings")

    @given(recorded())
    def check(traces: list[Trace]) -> None:
        path = folder / f"test.{form}"
        write(path, traces, own=("TESTER",))
        assert read(path) == [expected(each, form) for each in in_order(traces)]

    check()


@pytest.mark.parametrize("form", FORMATS)
@given(traces=recorded())
def test_equal_traces_give_equal_files(
    form: str, tmp_path_factory: pytest.TempPathFactory, traces: list[Trace]
) -> None:
    folder = tmp_path_factory.mktemp("twice")
    for name in ("one", "other"):
        write(folder / f"{name}.{form}", traces)
    assert (folder / f"one.{form}").read_bytes() == (folder / f"other.{form}").read_bytes()


def filled(*times: int) -> Trace:
    trace = Trace("body", history_ns=10**15)
    for time in times:
        trace.append(Received(time, "body", Frame(0x100, bytes(8)), "BCM"))
    return trace


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("first", [0, 1, 999, 12_345_678, 3_599_999_999_999])
def test_times_count_from_the_beginning_of_the_world_not_from_the_first_frame(
    form: str, first: int, tmp_path: Path
) -> None:
    write(tmp_path / f"a.{form}", [filled(first, first + 1, first + 123_456_789)])
    assert [row[0] for row in read(tmp_path / f"a.{form}")] == [first, first + 1, first + 123_456_789]


@pytest.mark.parametrize("form", FORMATS)
def test_long_recordings_are_complete(form: str, tmp_path: Path) -> None:
    write(tmp_path / f"a.{form}", [filled(*range(0, 8_000_000_000, 1_000_003))])
    assert [row[0] for row in read(tmp_path / f"a.{form}")] == list(range(0, 8_000_000_000, 1_000_003))


@pytest.mark.parametrize("form", FORMATS)
def test_only_a_window_on_request(form: str, tmp_path: Path) -> None:
    write(tmp_path / f"a.{form}", [filled(10, 20, 30, 40)], start=20, end=30)
    assert [row[0] for row in read(tmp_path / f"a.{form}")] == [20, 30]


@pytest.mark.parametrize("form", FORMATS)
def test_a_channel_keeps_its_number_when_another_is_silent(form: str, tmp_path: Path) -> None:
    write(tmp_path / f"a.{form}", [Trace("powertrain"), filled(5)])
    assert [row[1] for row in read(tmp_path / f"a.{form}")] == [1]


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_seen_gives_an_empty_log(form: str, tmp_path: Path) -> None:
    write(tmp_path / "deep" / f"a.{form}", [Trace("body")])
    assert read(tmp_path / "deep" / f"a.{form}") == []
    write(tmp_path / f"b.{form}", [])
    assert read(tmp_path / f"b.{form}") == []


def test_an_error_frame_says_what_it_destroyed() -> None:
    error = ErrorFrame(2_000_000, "body", "stuff", Frame(0x100), "BCM")
    assert "// stuff error in 0x100\n 0.002000000 1  ErrorFrame\n" in asc_text([error], ["body"])


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"must end in \.asc or \.blf"):
        write(tmp_path / "a.mf4", [filled(1)])


@pytest.mark.parametrize("form", FORMATS)
def test_what_cannot_be_written_says_so(form: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=r"a\.... cannot be written: "):
        write(tmp_path / "file" / f"a.{form}", [filled(1)])
    (tmp_path / f"a.{form}").mkdir()
    with pytest.raises(ReportError, match="cannot be written: Is a directory"):
        write(tmp_path / f"a.{form}", [filled(1)])


def test_python_can_is_imported_for_blf_only(tmp_path: Path) -> None:
    program = (
        "import sys; from harness.logs.writing import write; from harness.signals.trace import Trace; "
        "write(sys.argv[1] + '/a.asc', [Trace('body')]); assert 'can' not in sys.modules; "
        "write(sys.argv[1] + '/a.blf', [Trace('body')]); assert 'can' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
