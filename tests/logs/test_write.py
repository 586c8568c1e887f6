"""Writing recordings: formats, heads, rotation, and what cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import can
import pytest
from hypothesis import given
from recorded_frames import CHANNELS, OWN, expected_of_python_can, read_by_python_can, recorded

from harness.errors import LogError
from harness.frames import ErrorFrame, Frame, Received
from harness.logs.asc_writing import asc_text
from harness.logs.writer import FLUSH_NS, PIECE, Seen
from harness.logs.writing import open_writer, write_seen

FORMATS = ("blf", "asc", "log")
RESOLUTION = {"blf": 1, "asc": 1, "log": 1000}


def frames_at(*times: int) -> list[Seen]:
    return [Received(time, "body", Frame(0x100, bytes(8)), "BCM") for time in times]


def times_of(path: Path) -> list[int]:
    return [row[0] for row in read_by_python_can(path, ns=RESOLUTION[path.suffix[1:]])]  # type: ignore[misc]


@pytest.mark.parametrize("form", FORMATS)
def test_python_can_reads_what_was_seen(form: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("recordings")

    @given(recorded())
    def check(seen: list[Seen]) -> None:
        path = folder / f"test.{form}"
        write_seen(path, seen, CHANNELS, own=OWN)
        assert read_by_python_can(path, ns=RESOLUTION[form]) == [expected_of_python_can(each, form) for each in seen]

    check()


@pytest.mark.parametrize("form", FORMATS)
@given(seen=recorded())
def test_equal_frames_give_equal_files(form: str, tmp_path_factory: pytest.TempPathFactory, seen: list[Seen]) -> None:
    folder = tmp_path_factory.mktemp("twice")
    for name in ("one", "other"):
        write_seen(folder / f"{name}.{form}", seen, CHANNELS, metadata={"seed": "3"})
    assert (folder / f"one.{form}").read_bytes() == (folder / f"other.{form}").read_bytes()


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("first", [0, 1000, 12_345_678_000, 3_599_999_999_000, 40 * 86_400_000_000_000])
def test_times_count_from_the_beginning_of_the_world_not_from_the_first_frame(
    form: str, first: int, tmp_path: Path
) -> None:
    times = [first, first + RESOLUTION[form], first + 123_456_000]
    write_seen(tmp_path / f"a.{form}", frames_at(*times), ["body"])
    assert times_of(tmp_path / f"a.{form}") == times


@pytest.mark.parametrize("form", FORMATS)
def test_long_recordings_are_complete(form: str, tmp_path: Path) -> None:
    times = list(range(0, 8_000_000_000, 1_003_000))
    write_seen(tmp_path / f"a.{form}", frames_at(*times), ["body"])
    assert times_of(tmp_path / f"a.{form}") == times


@pytest.mark.parametrize("form", ["blf", "asc"])
def test_a_channel_keeps_its_number_when_another_is_silent(form: str, tmp_path: Path) -> None:
    write_seen(tmp_path / f"a.{form}", frames_at(5), CHANNELS)
    assert [row[1] for row in read_by_python_can(tmp_path / f"a.{form}")] == [1]


@pytest.mark.parametrize("form", FORMATS)
def test_nothing_seen_gives_an_empty_log(form: str, tmp_path: Path) -> None:
    write_seen(tmp_path / "deep" / f"a.{form}", [], ["body"])
    assert read_by_python_can(tmp_path / "deep" / f"a.{form}") == []
    write_seen(tmp_path / f"b.{form}", [], [])
    assert read_by_python_can(tmp_path / f"b.{form}") == []


# -- wall-clock times --------------------------------------------------------------------------------------------------

START = 1_795_000_000_123_456_789  # 2026-11-18, with nanoseconds


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/St_Johns"])
def test_the_start_does_not_depend_on_the_time_zone(zone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = [(tmp_path / f"here.{form}") for form in FORMATS]
    for path in here:
        write_seen(path, frames_at(0, 1_000), ["body"], start=START)
    program = (
        "import sys; sys.path.insert(0, 'tests/logs'); from test_write import *; "
        "[write_seen(path, frames_at(0, 1_000), ['body'], start=START) for path in sys.argv[1:]]"
    )
    there = [path.with_stem("there") for path in here]
    root = Path(__file__).parents[2]
    subprocess.run(
        [sys.executable, "-c", program, *map(str, there)], check=True, cwd=root, env={**os.environ, "TZ": zone}
    )
    assert [path.read_bytes() for path in there] == [path.read_bytes() for path in here]


def test_a_start_is_exact_in_blf_and_candump(tmp_path: Path) -> None:
    for form in ("blf", "log"):
        write_seen(tmp_path / f"a.{form}", frames_at(0, 1_000), ["body"], start=START)
    with can.BLFReader(tmp_path / "a.blf") as reader:
        assert reader.start_timestamp == START // 1_000_000 / 1000
        # Relative to the header's whole milliseconds, where a float has the nanoseconds.
        assert [round((each.timestamp - reader.start_timestamp) * 1e6) for each in reader] == [457, 458]
    lines = (tmp_path / "a.log").read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["(1795000000.123456)", "(1795000000.123457)"]


def test_asc_gives_the_date_in_utc() -> None:
    from harness.logs.asc_writing import AscEncoder
    from harness.logs.writer import Head

    text = AscEncoder(Head(["body"], start=START)).begin().decode()
    assert text.startswith("date Wed Nov 18 11:06:40.123 2026\n")
    assert "// start: 2026-11-18T11:06:40.123Z\n" in text


# -- heads -------------------------------------------------------------------------------------------------------------


def test_metadata_stands_in_the_head_of_asc(tmp_path: Path) -> None:
    write_seen(tmp_path / "a.asc", [], ["body"], metadata={"test": "a.py::test", "note": "two\nlines"})
    lines = (tmp_path / "a.asc").read_text().splitlines()
    assert lines[3:6] == ["// channel 1: body", "// test: a.py::test", "// note: two lines"]


def test_metadata_of_blf_is_a_comment_that_readers_of_frames_pass_over(tmp_path: Path) -> None:
    import zlib

    write_seen(tmp_path / "a.blf", frames_at(7), ["body"], metadata={"test": "prüfung"})
    data = (tmp_path / "a.blf").read_bytes()
    first = zlib.decompressobj().decompress(data[144 + 32 :])
    assert first[:4] == b"LOBJ" and int.from_bytes(first[12:16], "little") == 65
    length = int.from_bytes(first[40:44], "little")
    assert first[48 : 48 + length].decode().rstrip().split("\n") == ["channel 1: body", "test: prüfung"]
    assert len(read_by_python_can(tmp_path / "a.blf")) == 1


def test_the_head_of_blf_counts_what_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a.blf"
    write_seen(path, frames_at(*range(2500)), ["body"])
    with can.BLFReader(path) as reader:
        assert (reader.file_size, reader.object_count) == (path.stat().st_size, 2501)


def test_an_error_frame_says_what_it_destroyed() -> None:
    error = ErrorFrame(2_000_000, "body", "stuff", Frame(0x100), "BCM")
    assert "// stuff error in 0x100\n 0.002000000 1  ErrorFrame\n" in asc_text([error], ["body"])


def test_the_flags_of_a_can_fd_frame_in_asc_agree_with_its_columns() -> None:
    frame = Frame(0x18FF1234, bytes(range(12)), extended=True, fd=True, brs=True, esi=True)
    line = asc_text([Received(2_000_000, "body", frame)], ["body"]).splitlines()[-2].split()
    assert line[:8] == ["0.002000000", "CANFD", "1", "Rx", "18FF1234x", "1", "1", "9"]
    assert line[8] == "12" and bytes.fromhex("".join(line[9:21])) == frame.data
    assert int(line[23], 16) == 0x7000


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("bit", "20000088#0000010000000000"),
        ("stuff", "20000088#0000040000000000"),
        ("form", "20000088#0000020000000000"),
        ("crc", "20000088#0000000800000000"),
        ("ack", "200000A0#0000000000000000"),
    ],
)
def test_candump_has_error_frames_as_socketcan_reports_them(kind: str, line: str, tmp_path: Path) -> None:
    write_seen(tmp_path / "a.log", [ErrorFrame(2_000_999, "my bus", kind, Frame(0x100), "BCM")], ["my bus"])
    assert (tmp_path / "a.log").read_text() == f"(0000000000.002000) my_bus {line}\n"


def test_candump_refuses_channels_that_it_cannot_tell_apart(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="cannot tell the channels a b, a_b apart"):
        open_writer(tmp_path / "a.log", ["a b", "a_b"])


# -- while it is written -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_a_recording_that_is_not_closed_can_be_read_up_to_the_last_piece(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{form}"
    writer = open_writer(path, ["body"])
    for each in frames_at(*range(0, 3_500_000, 1000)):
        writer.write(each)
    # The first frame is written at once, then pieces.
    assert len(times_of(path)) == 1 + 3 * PIECE
    writer.flush()
    assert len(times_of(path)) == 3500
    writer.close()


@pytest.mark.parametrize("form", FORMATS)
def test_of_a_quiet_bus_the_last_second_is_missing_at_most(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"a.{form}"
    writer = open_writer(path, ["body"])
    for each in frames_at(*range(0, 3 * FLUSH_NS, FLUSH_NS // 4)):
        writer.write(each)
        assert each.time - times_of(path)[-1] < FLUSH_NS
    writer.close()


@pytest.mark.parametrize("form", FORMATS)
def test_rotation(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"drive.v2.{form}"
    writer = open_writer(path, ["body"], metadata={"test": "a"}, rotate=10_000)
    times = list(range(0, 10_000_000, 1000))
    for each in frames_at(*times):
        writer.write(each)
    writer.close()
    parts = list(writer.paths)
    assert [part.name for part in parts[:2]] == [f"drive.v2.{form}", f"drive.v2_002.{form}"]
    assert set(tmp_path.iterdir()) == set(parts)
    assert [time for part in parts for time in times_of(part)] == times
    assert all(part.stat().st_size >= 10_000 for part in parts[:-1])
    if form == "asc":
        assert "// part: 2\n" in parts[1].read_text() and "// test: a\n" in parts[1].read_text()
        assert all(part.read_text().endswith("End TriggerBlock\n") for part in parts)


def test_rotation_leaves_no_empty_last_file(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "a.asc", ["body"], rotate=1)
    for each in frames_at(0, 1):
        writer.write(each)
    writer.close()
    assert [path.name for path in writer.paths] == ["a.asc", "a_002.asc"]


def test_a_discarded_recording_leaves_nothing(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "a.blf", ["body"], rotate=1)
    for each in frames_at(0, 1, 2):
        writer.write(each)
    writer.discard()
    assert list(tmp_path.iterdir()) == []
    writer.close()
    assert list(tmp_path.iterdir()) == []


# -- what cannot be written --------------------------------------------------------------------------------------------


def test_another_suffix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match=r"must end in one of \.blf, \.asc, \.log, \.mf4"):
        open_writer(tmp_path / "a.trc", ["body"])


def test_files_of_no_size_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="rotate at 1 byte or more"):
        open_writer(tmp_path / "a.blf", ["body"], rotate=-1)


@pytest.mark.parametrize("form", FORMATS)
def test_what_cannot_be_written_says_so(form: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(LogError, match=r"a\.... cannot be written: "):
        open_writer(tmp_path / "file" / f"a.{form}", ["body"])
    (tmp_path / f"a.{form}").mkdir()
    with pytest.raises(LogError, match="cannot be written: Is a directory"):
        open_writer(tmp_path / f"a.{form}", ["body"])


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
@pytest.mark.parametrize("form", FORMATS)
def test_a_full_disk_is_an_error_once(form: str, tmp_path: Path) -> None:
    (tmp_path / f"a.{form}").symlink_to("/dev/full")
    with pytest.raises(LogError, match="cannot be written: No space left on device"):
        write_seen(tmp_path / f"a.{form}", frames_at(0), ["body"])


def test_a_next_part_that_cannot_be_begun_is_an_error_once(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "a.asc", ["body"], rotate=1)
    (tmp_path / "a_002.asc").mkdir()
    first, second = frames_at(0, 1)
    writer.write(first)
    writer.write(second)
    with pytest.raises(LogError, match=r"a_002\.asc cannot be written: Is a directory"):
        writer.flush()
    writer.close()
    assert times_of(tmp_path / "a.asc") == [0]


def test_what_comes_after_the_end_is_refused(tmp_path: Path) -> None:
    writer = open_writer(tmp_path / "a.blf", ["body"])
    writer.close()
    writer.close()
    with pytest.raises(LogError, match="has ended"):
        for each in frames_at(0):
            writer.write(each)


@pytest.mark.parametrize("form", FORMATS)
def test_a_frame_of_an_unknown_channel_is_refused(form: str, tmp_path: Path) -> None:
    with pytest.raises(LogError, match="KeyError: 'body'"):
        write_seen(tmp_path / f"a.{form}", frames_at(0), ["powertrain"])


def test_recording_imports_neither_python_can_nor_numpy(tmp_path: Path) -> None:
    program = (
        "import sys; from harness.logs.writing import write_seen; "
        "[write_seen(f'{sys.argv[1]}/a.{form}', [], ['body']) for form in ('asc', 'blf', 'log')]; "
        "assert not {'can', 'numpy', 'asammdf'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True)
