"""BLF files are read object by object as python-can reads them, and better where it errs."""

from __future__ import annotations

import math
import random
from datetime import timedelta, timezone
from pathlib import Path

import can
import pytest
from blf_made import (
    START_NS,
    TEN_MICROSECONDS,
    blf,
    classic,
    container,
    fd,
    fd64,
    fd_error64,
    obj,
    rows_of_ours,
    rows_of_python_can,
)
from hypothesis import given
from hypothesis import strategies as st

from harness.frames import EXTENDED, ErrorFrame
from harness.logs.columns import BRS, ERROR, ESI, FD, REMOTE, TX
from harness.logs.reading import Log, open_log

np = pytest.importorskip("numpy")


@st.composite
def messages(draw: st.DrawFn) -> can.Message:
    extended, kind = draw(st.booleans()), draw(st.sampled_from(["classic", "fd", "remote", "error"]))
    length = draw(st.sampled_from(can.util.CAN_FD_DLC) if kind == "fd" else st.integers(0, 8))
    # Marks of objects in payloads are the trap of every reader that looks for them.
    data = draw(st.binary(min_size=length, max_size=length) | st.just((b"LOBJ" * 16)[:length]))
    return can.Message(
        timestamp=draw(st.floats(1_700_000_000, 1_700_100_000)),
        arbitration_id=draw(st.integers(0, 0x1FFFFFFF if extended else 0x7FF)),
        is_extended_id=extended,
        is_fd=kind == "fd",
        is_remote_frame=kind == "remote",
        is_error_frame=kind == "error",
        bitrate_switch=kind == "fd" and draw(st.booleans()),
        error_state_indicator=kind == "fd" and draw(st.booleans()),
        is_rx=draw(st.booleans()),
        dlc=length,
        data=None if kind == "remote" else data,
        channel=draw(st.integers(0, 3)),
    )


def written(path: Path, content: bytes) -> Log:
    path.write_bytes(content)
    return open_log(path)


def read_one(path: Path, *objects: bytes) -> tuple[int, int, int, int, bytes]:
    """Time, key, flags, length and data of the only frame in a file of these objects."""
    log = written(path, blf([container(b"".join(objects))]))
    (block,) = log.blocks()
    assert len(block) == 1 and log.problems == []
    length = int(block.length[0])
    return int(block.time[0]), int(block.key[0]), int(block.flags[0]), length, block.data[0, :length].tobytes()


@given(
    st.lists(messages(), max_size=40).map(lambda found: sorted(found, key=lambda each: each.timestamp)),
    st.sampled_from([200, 997, 131072]),
    st.sampled_from([0, 6]),
)
def test_whatever_python_can_writes_is_read_as_it_reads_it(
    tmp_path_factory: pytest.TempPathFactory, found: list[can.Message], container_size: int, level: int
) -> None:
    path = tmp_path_factory.mktemp("blf") / "a.blf"
    with can.BLFWriter(path, compression_level=level, max_container_size=container_size) as writer:
        for message in found:
            writer.on_message_received(message)
    log = open_log(path)
    ours, theirs = rows_of_ours(log), rows_of_python_can(path)
    assert [row[1:] for row in ours] == [row[1:] for row in theirs]
    # python-can's times are floats since 1970, which are exact to about a quarter of a microsecond.
    assert all(abs(mine[0] - other[0]) <= 1 for mine, other in zip(ours, theirs, strict=True))
    assert log.problems == []


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("pad", [-1, 0, 3])
def test_objects_of_all_types_as_python_can_reads_them(tmp_path: Path, version: int, pad: int) -> None:
    random_ = random.Random(3)
    contents = [
        (1, classic(0x123, b"\1\2\3")),
        (86, classic(0x80000456, b"\xff" * 8) + bytes(8)),
        (100, fd(0x200, random_.randbytes(24), 2, fd_flags=7)),
        (100, fd(0x201, b"\1\2", fd_flags=0)),
        (101, fd64(0x9FFF0000, random_.randbytes(48), 3, 0x7000, 1)),
        (101, fd64(0x300, b"\1\2\3\4\5", flags=0)),
        (101, fd64(0x301, b"", flags=0x10)),
        (101, fd64(0x302, b"LOBJ" * 3, valid=64)),
        (101, fd64(0x303, bytes(range(12)), extra=16 + 16 + 8 * (version == 2) + 40 + 12)),
        (101, fd64(0x304, bytes(range(1, 13)), valid=20, extra=16 + 16 + 8 * (version == 2) + 40 + 12)),
        (73, b"\2\0" + bytes(8) + b"\4" + bytes(5) + (0x321).to_bytes(4, "little") + bytes(4) + b"ABCDEFGH"),
        (96, bytes(32) + b"marker and text"),
        (65, bytes(16)),
        (1, classic(0x124, b"", flags=0x81, dlc=5)),
    ]
    objects = [
        obj(kind, content, 1_000_000 * index, version=version, pad=pad)
        for index, (kind, content) in enumerate(contents)
    ]
    path = tmp_path / "a.blf"
    log = written(path, blf([container(b"".join(objects))]))
    ours = rows_of_ours(log)
    assert ours == rows_of_python_can(path)
    assert len(ours) == len(contents) - 2
    assert log.problems == []


def test_payload_that_an_object_calls_valid_and_lacks_is_zero(tmp_path: Path) -> None:
    short = fd64(0x10, b"\1\2\3", valid=8)
    assert read_one(tmp_path / "a.blf", obj(101, short))[3:] == (8, b"\1\2\3" + bytes(5))
    # Another object follows at once: its bytes are none of this one's.
    cut = fd(0x10, b"\1\2\3\4\5\6\7\7", fd_flags=1)[: 20 + 3]
    assert read_one(tmp_path / "b.blf", obj(100, cut, pad=0), obj(96, bytes(32)))[3:] == (8, b"\1\2\3" + bytes(5))


@pytest.mark.parametrize("time", [0, 1, 86_400_000_000_001, 2**62 + 1, -60_000_000_000])
def test_times_are_exact_and_may_be_negative(tmp_path: Path, time: int) -> None:
    """Frames from before the start have negative times, not such of the year 2611."""
    assert read_one(tmp_path / "a.blf", obj(1, classic(1, b""), time))[0] == time


def test_times_in_units_of_ten_microseconds(tmp_path: Path) -> None:
    found = read_one(tmp_path / "a.blf", obj(1, classic(1, b""), 8_640_000_001, TEN_MICROSECONDS))
    assert found[0] == 86_400_000_010_000


def test_error_frames_of_all_kinds_are_error_frames(tmp_path: Path) -> None:
    """CAN_ERROR and CAN_FD_ERROR_64 are what python-can passes over."""
    plain = read_one(tmp_path / "a.blf", obj(2, b"\3\0" + bytes(6), 7))
    assert plain == (7, 0, ERROR, 0, b"")
    wide = read_one(tmp_path / "b.blf", obj(104, fd_error64(0x80000005, b"x" * 12), 7))
    assert wide == (7, EXTENDED | 5, ERROR | FD, 12, b"x" * 12)
    assert isinstance(next(open_log(tmp_path / "b.blf").frames()), ErrorFrame)


def test_direction_and_flags(tmp_path: Path) -> None:
    assert read_one(tmp_path / "a.blf", obj(100, fd(1, b"\1", flags=1, fd_flags=7)))[2] == FD | BRS | ESI | TX
    assert read_one(tmp_path / "b.blf", obj(1, classic(1, b"", flags=0x80, dlc=4)))[1:4] == (1, REMOTE, 4)


def test_a_dlc_above_eight_of_a_classic_frame_is_eight_bytes(tmp_path: Path) -> None:
    assert read_one(tmp_path / "a.blf", obj(1, classic(1, b"\1" * 8, dlc=15)))[3:] == (8, b"\1" * 8)


def test_an_object_that_stands_in_no_container_is_read(tmp_path: Path) -> None:
    log = written(tmp_path / "a.blf", blf([obj(1, classic(5, b"\1")), container(obj(1, classic(6, b"\2")))]))
    assert [row[2] for row in rows_of_ours(log)] == [5, 6]


def test_the_start_is_the_clock_of_the_recorder(tmp_path: Path) -> None:
    """The format has no zone: the reader takes UTC, and can be told the zone."""
    content = blf([container(obj(1, classic(1, b"")))])
    assert written(tmp_path / "a.blf", content).start == START_NS
    china = open_log(tmp_path / "a.blf", zone=timezone(timedelta(hours=8))).start
    assert china is not None and START_NS - china == 8 * 3600 * 10**9
    assert written(tmp_path / "b.blf", blf([], start=(0,) * 8)).start is None
    assert written(tmp_path / "c.blf", blf([], start=(1970, 1, 4, 1, 0, 0, 0, 0))).start is None
    assert written(tmp_path / "d.blf", blf([], start=(2023, 13, 4, 99, 0, 0, 0, 0))).start is None


def test_metadata_and_names_of_channels_come_from_the_measurement_comment(tmp_path: Path) -> None:
    text = b"channel 2: body\ntest: suites/a.py::test_on\nstart: 2023-11-14T22:13:20.007Z"
    note = obj(65, bytes(8) + len(text).to_bytes(4, "little") + bytes(4) + text)
    log = written(tmp_path / "a.blf", blf([container(note + obj(1, classic(1, b"")))]))
    assert log.channel_names == {"2": "body"} and log.metadata == {"test": "suites/a.py::test_on"}
    elsewhere = open_log(tmp_path / "a.blf", zone=timezone(timedelta(hours=8)))
    assert elsewhere.start == START_NS, "a start with its zone needs none from elsewhere"


@pytest.mark.parametrize(("kind", "word"), [(91, "overrun"), (125, "lost")])
def test_frames_that_the_recorder_missed_are_a_problem(tmp_path: Path, kind: int, word: str) -> None:
    log = written(tmp_path / "a.blf", blf([container(obj(kind, bytes(16)) + obj(1, classic(1, b"")))]))
    assert len(rows_of_ours(log)) == 1
    (problem,) = log.problems
    assert word in problem.text and problem.position == "byte 144"


def test_unknown_headers_and_objects_that_are_too_short_are_left_out_and_told(tmp_path: Path) -> None:
    objects = [obj(1, classic(1, b"")), obj(1, classic(2, b""), version=3), obj(1, b"\1\0"), obj(1, classic(4, b""))]
    log = written(tmp_path / "a.blf", blf([container(b"".join(objects))]))
    assert [row[2] for row in rows_of_ours(log)] == [1, 4]
    assert [problem.count for problem in log.problems] == [1, 1]


def test_marks_in_payloads_do_not_mislead(tmp_path: Path) -> None:
    """A payload that looks like a whole object, header and all, is still a payload."""
    fake = obj(1, classic(0x666, b"\6" * 8))
    objects = [obj(100, fd(index, fake + b"LOBJ", fd_flags=1), index) for index in range(50)]
    path = tmp_path / "a.blf"
    log = written(path, blf([container(b"".join(objects)[begin : begin + 777]) for begin in range(0, 50 * 116, 777)]))
    assert [row[2] for row in rows_of_ours(log)] == list(range(50))
    assert log.problems == []


def test_blocks_are_of_the_size_that_was_asked_for(tmp_path: Path) -> None:
    objects = [obj(1, classic(index % 0x7FF, b"\1" * 8), index * 1000) for index in range(5000)]
    log = written(tmp_path / "a.blf", blf([container(b"".join(objects))]))
    sizes = [len(block) for block in log.blocks(1500)]
    assert sum(sizes) == 5000 and max(sizes) <= 1500
    assert log.fraction == 1.0
    fractions = []
    for _ in log.blocks(1500):
        fractions.append(log.fraction)
    assert fractions == sorted(fractions) and 0 < fractions[0] <= 1
    assert math.isclose(log.fraction, 1)
