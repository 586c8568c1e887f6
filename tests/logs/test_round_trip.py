"""What is written in any format is read back by our own reader, and in MF4 by python-can and asammdf too."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import can
import pytest
from hypothesis import given, settings
from recorded_frames import CHANNELS, OWN, expected_of_python_can, read_by_python_can, recorded

from harness.errors import LogError
from harness.frames import ErrorFrame, Frame, Received
from harness.logs.columns import TX
from harness.logs.reading import open_log
from harness.logs.writer import Seen
from harness.logs.writing import open_writer, write_seen

pytest.importorskip("numpy")

FORMATS = ("blf", "asc", "log", "mf4")
START = 1_795_000_000_123_456_789


@pytest.fixture(params=FORMATS)
def form(request: pytest.FixtureRequest) -> str:
    if request.param == "mf4":
        pytest.importorskip("asammdf")
    return str(request.param)


def expected(each: Seen, form: str) -> tuple[object, ...]:
    time = each.time // 1000 * 1000 if form == "log" else each.time
    if isinstance(each, ErrorFrame):
        return time, each.channel, "error"
    return time, each.channel, each.frame, each.sender in OWN


def read_back(path: Path, form: str) -> list[tuple[object, ...]]:
    named = {name: str(number) for number, name in enumerate(CHANNELS, start=1)} if form != "log" else {}
    log = open_log(path)
    log.rename({name: own for name, own in named.items() if own in log.own_channels})
    rows: list[tuple[object, ...]] = []
    # A log without start counts from its first frame's second, or the like: what counts is the instant.
    for block in log.blocks():
        for flags, each in zip(block.flags.tolist(), block.frames(list(log.channels)), strict=True):
            time = each.time + (log.start or 0)
            if isinstance(each, ErrorFrame):
                rows.append((time, each.channel, "error"))
            else:
                rows.append((time, each.channel, each.frame, bool(flags & TX)))
    assert log.problems == []
    return rows


def settled(rows: list[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """In an order that does not depend on how a format orders what happened in one instant."""
    return sorted(rows, key=lambda row: (row[0], repr(row)))


def test_our_reader_gives_what_was_seen(form: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("recordings")

    @settings(max_examples=25 if form == "mf4" else 100)
    @given(recorded())
    def check(seen: list[Seen]) -> None:
        path = folder / f"test.{form}"
        write_seen(path, seen, CHANNELS, own=OWN)
        if form == "log" and not seen:
            with pytest.raises(LogError, match="is empty"):
                open_log(path)
            return
        rows, wanted = read_back(path, form), [expected(each, form) for each in seen]
        if form == "mf4":
            rows, wanted = settled(rows), settled(wanted)
        assert rows == wanted

    check()


def test_the_start_and_every_instant_come_back(form: str, tmp_path: Path) -> None:
    times = [0, 1_000, 999_999_000, 90_000_000_000_000]
    seen: list[Seen] = [Received(time, "body", Frame(0x100, bytes(8))) for time in times]
    write_seen(tmp_path / f"a.{form}", seen, CHANNELS, start=START)
    log = open_log(tmp_path / f"a.{form}")
    assert log.start is not None
    unit = 1000 if form == "log" else 1
    assert [(log.start + each.time) // unit for each in log.frames()] == [(START + time) // unit for time in times]


def test_metadata_comes_back(form: str, tmp_path: Path) -> None:
    metadata = {
        "bench": "virtual",
        "test": "suites/test_lamps.py::test_brake[40 %: <on>]",
        "seed": "7",
        "database body.dbc": "0f" * 32,
        "remark": "größer",
    }
    write_seen(tmp_path / f"a.{form}", [Received(5, "body", Frame(1))], CHANNELS, metadata=metadata)
    log = open_log(tmp_path / f"a.{form}")
    if form == "log":
        assert log.own_channels == ["body"]
        return
    assert {key: text for key, text in log.metadata.items() if key in metadata} == metadata
    assert dict(log.channel_names) == {"1": "powertrain", "2": "body"}


@pytest.mark.parametrize("start", [None, 1_700_000_000_123_456_789])
@pytest.mark.parametrize("rotate", [None, 1])
def test_when_a_recording_ends_is_known_once_it_was_read(
    form: str, start: int | None, rotate: int | None, tmp_path: Path
) -> None:
    for end in (None, 2_000_000_003):
        writer = open_writer(tmp_path / f"a.{form}", CHANNELS, start=start, rotate=rotate)
        writer.write(Received(5, "body", Frame(1)))
        writer.flush()
        writer.write(Received(1_000_000_000, "body", Frame(1)))
        writer.close(end)
        *before, last = (open_log(path) for path in writer.paths)
        assert all(len(list(each.frames())) == 1 and each.end is None for each in before)
        assert len(list(last.frames())) == (2 if rotate is None else 1)
        if form == "log" or end is None:
            assert last.end is None
        else:
            assert last.end is not None and (last.start or 0) + last.end == (start or 0) + end
            assert "ends" not in last.metadata


def test_parts_of_a_recording_are_complete_each(form: str, tmp_path: Path) -> None:
    writer = open_writer(tmp_path / f"a.{form}", CHANNELS, metadata={"test": "x"}, rotate=2_000)
    seen: list[Seen] = [Received(time, "body", Frame(time // 1000 % 2048, b"\x01")) for time in range(0, 10**7, 1000)]
    for each in seen:
        writer.write(each)
    writer.close()
    assert len(writer.paths) > 3
    assert sorted(tmp_path.iterdir()) == sorted(writer.paths)
    logs = [open_log(path) for path in writer.paths]
    assert [each.time + (log.start or 0) for log in logs for each in log.frames()] == [each.time for each in seen]
    if form != "log":
        assert [log.metadata.get("part") for log in logs[:3]] == [None, "2", "3"]
        assert all(log.metadata["test"] == "x" for log in logs)


# -- MF4 ---------------------------------------------------------------------------------------------------------------


def test_python_can_reads_mf4(tmp_path: Path) -> None:
    pytest.importorskip("asammdf")

    @settings(max_examples=25)
    @given(recorded())
    def check(seen: list[Seen]) -> None:
        write_seen(tmp_path / "a.mf4", seen, CHANNELS, own=OWN)
        rows = settled(read_by_python_can(tmp_path / "a.mf4"))
        assert rows == settled([expected_of_python_can(each, "mf4") for each in seen])

    check()


def test_asammdf_extracts_signals_from_mf4(tmp_path: Path) -> None:
    asammdf = pytest.importorskip("asammdf")
    database = Path(__file__).parents[2] / "dbc" / "body.dbc"
    import cantools

    loaded = cantools.database.load_file(database)
    message = next(each for each in loaded.messages if each.length == 8 and not each.is_multiplexed())
    signal = message.signals[0]
    seen: list[Seen] = [
        Received(number * 1_000_000, "body", Frame(message.frame_id, bytes([number] * 8), message.is_extended_frame))
        for number in range(50)
    ]
    write_seen(tmp_path / "a.mf4", seen, CHANNELS)
    with asammdf.MDF(tmp_path / "a.mf4") as log:
        extracted = log.extract_bus_logging({"CAN": [(str(database), 2)]})
        found = extracted.get(signal.name, raw=True)
    assert [round(time * 1e9) for time in found.timestamps.tolist()] == [each.time for each in seen]
    expected_raw = [
        message.decode(each.frame.data, decode_choices=False, scaling=False, allow_truncated=True)[signal.name]
        for each in seen
    ]
    assert found.samples.tolist() == expected_raw


def test_equal_frames_give_equal_mf4(tmp_path: Path) -> None:
    pytest.importorskip("asammdf")
    seen: list[Seen] = [Received(5, "body", Frame(1, b"\x07")), ErrorFrame(9, "body", "crc", Frame(1))]
    for name in ("one", "other"):
        write_seen(tmp_path / name / "a.mf4", seen, CHANNELS, metadata={"seed": "1"})
    assert (tmp_path / "one" / "a.mf4").read_bytes() == (tmp_path / "other" / "a.mf4").read_bytes()


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/St_Johns"])
def test_mf4_does_not_depend_on_the_time_zone(zone: str, tmp_path: Path) -> None:
    pytest.importorskip("asammdf")
    program = (
        "import sys; from harness.frames import Frame, Received; from harness.logs.writing import write_seen; "
        f"[write_seen(path, [Received(5, 'body', Frame(1))], ['body'], start={START}) for path in sys.argv[1:]]"
    )
    for name, here in (("one", "UTC"), ("other", zone)):
        path = str(tmp_path / name / "a.mf4")
        subprocess.run([sys.executable, "-c", program, path], check=True, env={**os.environ, "TZ": here})
    assert (tmp_path / "one" / "a.mf4").read_bytes() == (tmp_path / "other" / "a.mf4").read_bytes()


def test_mf4_in_virtual_time_begins_with_the_epoch_and_no_time_is_negative(tmp_path: Path) -> None:
    asammdf = pytest.importorskip("asammdf")
    seen: list[Seen] = [Received(time, "body", Frame(1)) for time in (0, 1, 2 * 86_400 * 10**9)]
    write_seen(tmp_path / "a.mf4", seen, CHANNELS)
    with asammdf.MDF(tmp_path / "a.mf4") as log:
        assert log.header.start_time.timestamp() == 0
    assert [row[0] for row in read_by_python_can(tmp_path / "a.mf4")] == [each.time for each in seen]


def test_an_mf4_recording_that_is_not_closed_is_a_blf_recording(tmp_path: Path) -> None:
    pytest.importorskip("asammdf")
    writer = open_writer(tmp_path / "a.mf4", CHANNELS)
    writer.write(Received(0, "body", Frame(1)))
    assert [path.name for path in tmp_path.iterdir()] == ["a.mf4.blf"]
    with can.BLFReader(tmp_path / "a.mf4.blf") as reader:
        assert len(list(reader)) == 1
    writer.discard()
    assert list(tmp_path.iterdir()) == []


def test_without_asammdf_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from harness.errors import MissingExtra
    from harness.logs import mf4_writing

    monkeypatch.setattr(mf4_writing, "find_spec", lambda _: None)
    with pytest.raises(MissingExtra, match=r"vehicle-harness\[mf4\]"):
        open_writer(tmp_path / "a.mf4", CHANNELS)
