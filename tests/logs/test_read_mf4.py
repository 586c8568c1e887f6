"""MF4 bus logging: exact times, signs, zones and directions, and what is told without asammdf."""

from __future__ import annotations

import importlib.util
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import can
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import MissingExtra
from harness.frames import FD_LENGTHS, ErrorFrame
from harness.logs.columns import ERROR, REMOTE, TX
from harness.logs.reading import Log, open_log

np = pytest.importorskip("numpy")
asammdf = pytest.importorskip("asammdf")

START = 1_700_000_000_123_456_789


Row = tuple[float, int, int, bool, bytes, int | bytes]


def recorded(path: Path, groups: dict[str, list[Row]], *, flags: int = 2) -> Log:
    """A file of groups of (seconds, bus, identifier, extended, data, direction); flags: of the header's time."""
    with asammdf.MDF(version="4.10") as mdf:
        mdf.header.abs_time, mdf.header.time_flags = START, flags
        for kind, rows in groups.items():
            way = "S2" if isinstance(rows[0][5], bytes) else "u1"
            fields: dict[str, Any] = {"BusChannel": "u1", "ID": "<u4", "IDE": "u1", "DLC": "u1", "DataLength": "u1"}
            layout = [(f"{kind}.{name}", of) for name, of in fields.items()]
            records = np.zeros(len(rows), [*layout, (f"{kind}.DataBytes", "u1", (8,)), (f"{kind}.Dir", way)])
            for index, (_, bus, identifier, extended, data, direction) in enumerate(rows):
                held = list(data.ljust(8, b"\x55"))
                records[index] = (bus, identifier, extended, len(data), len(data), held, direction)
            times = np.array([row[0] for row in rows], np.float64)
            source = asammdf.Source("CAN", "", "", 2, 2)
            mdf.append(asammdf.Signal(records, times, name=kind, source=source), common_timebase=True)
        mdf.save(path, overwrite=True)
    return open_log(path)


def read(log: Log) -> list[tuple[object, ...]]:
    return [
        (time, log.channels[channel], key, flags, bytes(data[:length]))
        for block in log.blocks()
        for time, channel, key, flags, length, data in zip(
            block.time.tolist(),
            block.channel.tolist(),
            block.key.tolist(),
            block.flags.tolist(),
            block.length.tolist(),
            block.data,
            strict=True,
        )
    ]


def test_groups_are_merged_by_time_and_bytes_behind_the_length_are_zero(tmp_path: Path) -> None:
    log = recorded(
        tmp_path / "a.mf4",
        {
            "CAN_DataFrame": [(0.5, 1, 0x10, False, b"\1\2", 0), (3.0, 2, 0x18FF00, True, b"\3", 1)],
            "CAN_RemoteFrame": [(1.0, 2, 0x20, False, b"", 0)],
            "CAN_ErrorFrame": [(2.0, 9, 0, False, b"", 0)],
        },
    )
    assert read(log) == [
        (500_000_000, "1", 0x10, 0, b"\1\2"),
        (1_000_000_000, "2", 0x20, REMOTE, b""),
        (2_000_000_000, "9", 0, ERROR, b""),
        (3_000_000_000, "2", 0x8018FF00, TX, b"\3"),
    ]
    (block,) = log.blocks()
    assert not block.data[0, 2:].any()
    assert log.problems == [] and log.start == START


def test_groups_that_are_read_in_many_chunks_are_merged_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.logs.mf4_reading.CHUNK", 2)
    rows: list[Row] = [(float(time), 1, time, False, b"", 0) for time in range(0, 20, 2)]
    errors: list[Row] = [(float(time), 1, time, False, b"", 0) for time in (1, 3, 4, 5, 17, 19, 21)]
    log = recorded(tmp_path / "a.mf4", {"CAN_DataFrame": rows, "CAN_ErrorFrame": errors})
    found = [row[0] for row in read(log)]
    assert found == sorted(found) and len(found) == 17
    assert log.problems == [] and log.fraction == 1.0


def test_times_before_the_start_are_negative(tmp_path: Path) -> None:
    log = recorded(
        tmp_path / "a.mf4", {"CAN_DataFrame": [(-60.000000001, 1, 1, False, b"", 0), (0.0, 1, 2, False, b"", 0)]}
    )
    assert [row[0] for row in read(log)] == [-60_000_000_001, 0]


def test_the_direction_as_text(tmp_path: Path) -> None:
    rows: list[Row] = [(0.0, 1, 1, False, b"", b"Rx"), (0.1, 1, 2, False, b"", b"Tx")]
    assert [row[3] for row in read(recorded(tmp_path / "a.mf4", {"CAN_DataFrame": rows}))] == [0, TX]


def test_a_file_in_local_time_needs_the_zone(tmp_path: Path) -> None:
    rows: dict[str, list[Row]] = {"CAN_DataFrame": [(0.0, 1, 1, False, b"", 0)]}
    assert recorded(tmp_path / "a.mf4", rows, flags=1).start == START
    there = timezone(timedelta(hours=2))
    assert open_log(tmp_path / "a.mf4", zone=there).start == START - 7200 * 10**9
    recorded(tmp_path / "b.mf4", rows)
    assert open_log(tmp_path / "b.mf4", zone=there).start == START


def test_whole_numbers_of_time_do_not_lose_digits() -> None:
    """As CANedge loggers write them: microseconds in 48 bits, with a factor."""
    from harness.logs import mf4_reading

    class Conversion:
        a, b, conversion_type = 1e-9, 0.0, 1

    class Channel:
        conversion = Conversion

    class Group:
        channels = (Channel,)

    class Mdf:
        masters_db, groups = {0: 0}, (Group,)

        @staticmethod
        def get(**_: object) -> tuple[Any]:
            return (np.array([2**60 + 1, 2**53 + 1], np.uint64),)

    mdf: Any = Mdf
    assert mf4_reading._nanoseconds(mdf, 0, {}).tolist() == [2**60 + 1, 2**53 + 1]
    Conversion.a = 1e-6
    assert mf4_reading._nanoseconds(mdf, 0, {}).tolist()[1] == (2**53 + 1) * 1000


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_what_python_can_writes_is_read_as_it_reads_it(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("mf4") / "a.mf4"
    count = data.draw(st.integers(1, 12))
    with can.MF4Writer(path) as writer:
        for number in range(count):
            kind = data.draw(st.sampled_from(["classic", "fd", "error"]))
            length = data.draw(st.sampled_from(FD_LENGTHS) if kind == "fd" else st.integers(0, 8))
            writer.on_message_received(
                can.Message(
                    timestamp=1_700_000_000 + number / 1000,
                    arbitration_id=data.draw(st.integers(0, 0x7FF)),
                    is_extended_id=data.draw(st.booleans()),
                    is_fd=kind == "fd",
                    is_error_frame=kind == "error",
                    is_rx=data.draw(st.booleans()),
                    dlc=length,
                    data=data.draw(st.binary(min_size=length, max_size=length)),
                    channel=data.draw(st.integers(1, 3)),
                )
            )
    with can.MF4Reader(path) as reader:
        theirs = [
            (each.channel, each.arbitration_id, each.is_extended_id, each.is_fd, each.is_error_frame, bytes(each.data))
            for each in reader
        ]
    log = open_log(path)
    ours = [
        (
            int(seen.channel),
            seen.frame.id,
            seen.frame.extended,
            seen.frame.fd,
            isinstance(seen, ErrorFrame),
            seen.frame.data,
        )
        for seen in log.frames()
    ]
    assert ours == theirs and len(ours) == count


def test_without_asammdf_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(tmp_path / "a.mf4", {"CAN_DataFrame": [(0.0, 1, 1, False, b"", 0)]})
    found = importlib.util.find_spec
    monkeypatch.setattr("harness.logs.mf4_reading.find_spec", lambda name: None if name == "asammdf" else found(name))
    with pytest.raises(MissingExtra, match=r"vehicle-harness\[mf4\]"):
        open_log(tmp_path / "a.mf4")
