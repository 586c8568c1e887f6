"""ASC, candump and TRC: what a line says is what is read, in bulk as one by one."""

from __future__ import annotations

from pathlib import Path

import can
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.frames import FD_LENGTHS, ErrorFrame, Received
from harness.logs.reading import Log, open_log

np = pytest.importorskip("numpy")

HEADER = "date Tue Nov 14 10:13:20.007 pm 2023\nbase hex  timestamps absolute\ninternal events logged\n"
START = 1_700_000_000_007_000_000


def opened(path: Path, text: str) -> Log:
    path.write_text(text, encoding="utf-8")
    return open_log(path)


def lines_of(log: Log) -> list[str]:
    """Every frame with all its columns, in a readable form."""
    found = []
    for block in log.blocks():
        for row in range(len(block)):
            length = int(block.length[row])
            assert not block.data[row, length:].any()
            found.append(
                f"{block.time[row]} {log.channels[block.channel[row]]} {block.key[row]:08X} {block.flags[row]:02X} "
                f"{length} {block.data[row, :length].tobytes().hex()}"
            )
    return found


def one_by_one(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The same file with no line taken for a usual one."""
    from harness.logs.asc_reading import AscSource
    from harness.logs.candump_reading import CandumpSource
    from harness.logs.columns import FrameColumns
    from harness.logs.text_rows import Usual

    with monkeypatch.context() as patch:
        for source in (AscSource, CandumpSource):
            patch.setattr(source, "usual", lambda *_: Usual(np.zeros(0, np.int64), FrameColumns.empty()))
        return lines_of(open_log(path))


ASC_LINES = [
    "   0.000000 Start of measurement",
    "   0.100000000 1  1A0             Rx   d 2 01 FF",
    "0.2 2  18FF1234x       Tx   d 8 01 02 03 04 05 06 07 08  Length = 123 BitCount = 64 ID = 123x",
    "0.300001 1  7FF             Rx   d 0",
    "0.4 1  7FF             Rx   r 8",
    "0.4 1  7FF             Rx   r",
    "0.5 12  ErrorFrame",
    "0.5 1  ErrorFrame  Flags = 0x2 CodeExt = 0x20a2 Code = 0xa2 ID = 0 DLC = 0 Position = 0 Length = 11300",
    "0.6 CANFD   1 Rx        200                                   1 0 a 16 00 01 02 03 04 05 06 07 08 09 0A 0B "
    "0C 0D 0E 0F        0    0     3000 0 0 0 0 0",
    "0.7 CANFD   2 Tx   18FF00x  Speed_of_car                      0 1 8  8 00 01 02 03 04 05 06 07 0 0 5000 0 0 0 0 0",
    "0.8 CANFD   1 Rx        201                                   0 0 0  0         0    0     1000 0 0 0 0 0",
    "0.9 CANFD   1 Rx        202                                   0 0 2  2 AA BB 0 0 0 0 0 0 0 0",
    "1.0 CANFD   1 Rx        203                                   0 0 4  0 0 0 10 0 0 0 0 0",
    "1.1 CANFD   1 Rx   ErrorFrame Not Acknowledge error, dominant error flag fffe c7 31ca Arb. 556 44 0 0 0",
    "86400000.123456789 1  1               Rx   d 1 7E",
    "// a comment: with a colon",
    "1.2 1  Statistic: D 0 R 0 XD 0 XR 0 E 0 O 0 B 0.00%",
    "1.3 J1939TP FEE3p 6 0 0 - Rx d 23 A0 0F A6",
    "1.4 L1 2A Rx 8 00 01 02 03 04 05 06 07 checksum = 0 header time = 40, full time = 130",
    "1.5 CAN 1 Status:chip status error active",
    "End TriggerBlock",
]
ASC_FRAMES = [
    "100000000 1 000001A0 00 2 01ff",
    "200000000 2 98FF1234 20 8 0102030405060708",
    "300001000 1 000007FF 00 0 ",
    "400000000 1 000007FF 08 8 0000000000000000",
    "400000000 1 000007FF 08 0 ",
    "500000000 12 00000000 10 0 ",
    "500000000 1 00000000 10 0 ",
    "600000000 1 00000200 03 16 000102030405060708090a0b0c0d0e0f",
    "700000000 2 8018FF00 25 8 0001020304050607",
    "800000000 1 00000201 01 0 ",
    "900000000 1 00000202 00 2 aabb",
    "1000000000 1 00000203 08 4 00000000",
    "1100000000 1 00000000 10 0 ",
    "86400000123456789 1 00000001 00 1 7e",
]


def test_every_kind_of_asc_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An FD frame of no bytes is no remote frame; one with the EDL flag clear is classic."""
    log = opened(tmp_path / "a.asc", HEADER + "\n".join(ASC_LINES) + "\n")
    assert lines_of(log) == ASC_FRAMES
    assert log.problems == []
    assert one_by_one(tmp_path / "a.asc", monkeypatch) == ASC_FRAMES


def test_asc_with_decimal_numbers(tmp_path: Path) -> None:
    text = HEADER.replace("hex", "dec") + "0.1 1  16             Rx   d 2 10 255\n0.2 1  100x  Rx   d 1 7\n"
    log = opened(tmp_path / "a.asc", text)
    assert lines_of(log) == ["100000000 1 00000010 00 2 0aff", "200000000 1 80000064 00 1 07"]


def test_asc_with_times_relative_to_the_event_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every event counts, not only frames."""
    text = HEADER.replace("absolute", "relative") + (
        "0.0 Start of measurement\n0.1 1  10             Rx   d 1 01\n"
        "0.5 1  Statistic: D 0\n0.000001 1  11   Rx   r 0\n"
    )
    expected = ["100000000 1 00000010 00 1 01", "600001000 1 00000011 08 0 "]
    assert lines_of(opened(tmp_path / "a.asc", text)) == expected
    assert one_by_one(tmp_path / "a.asc", monkeypatch) == expected


@pytest.mark.parametrize(
    ("date", "start"),
    [
        ("Tue Nov 14 22:13:20.007 2023", START),
        ("Tue Nov 14 10:13:20.007 pm 2023", START),
        ("Die Nov 14 22:13:20.007 2023", START),
        ("Tue Nov 14 22:13:20 2023", START - 7_000_000),
        ("Don Mär 2 00:00:00.000 2023", 1_677_715_200 * 10**9),
        ("Fri Mar 3 12:00:00.000 am 2023", 1_677_801_600 * 10**9),
        ("Thu Jan 01 00:00:00.000 1970", None),
    ],
)
def test_dates_of_asc(tmp_path: Path, date: str, start: int | None) -> None:
    log = opened(tmp_path / "a.asc", f"date {date}\nbase hex  timestamps absolute\n0.1 1  10  Rx d 0\n")
    assert log.start == start and log.problems == []


def test_a_date_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    log = opened(tmp_path / "a.asc", "date some time in spring\nbase hex  timestamps absolute\n0.1 1  10  Rx d 0\n")
    assert len(list(log.frames())) == 1
    assert log.start is None and "spring" in log.problems[0].text


def test_the_block_has_the_date_where_both_have_one(tmp_path: Path) -> None:
    """python-can writes its own clock into the header, and the first frame's date into the block."""
    path = tmp_path / "a.asc"
    with can.ASCWriter(path) as writer:
        writer.on_message_received(can.Message(timestamp=1_700_000_000.5, arbitration_id=1))
    assert open_log(path).start is not None
    local = opened(tmp_path / "b.asc", HEADER + "Begin Triggerblock Tue Nov 14 22:14:20.007 2023\n0.1 1  10  Rx d 0\n")
    assert local.start == START + 60 * 10**9


def test_metadata_of_asc_are_comments_above_the_frames(tmp_path: Path) -> None:
    text = HEADER + "// channel 1: body\n// sha256 of body.dbc: 12ab\n0.1 1  10  Rx d 0\n// not: this\n"
    log = opened(tmp_path / "a.asc", text)
    assert log.channel_names == {"1": "body"} and log.metadata == {"sha256 of body.dbc": "12ab"}


@pytest.mark.parametrize(
    "line",
    [
        "0.1 1  1A0             Rx   d 3 01 FF",
        "0.1 1  1A0             Rx   d 2 01 F",
        "0.1 1  1A0             Rx   d 2 01 GG",
        "0.1 1  1A0             Rx   d 1 012",
        "0.1 1  8A0             Rx   d 1 01",
        "0.1 1  2FFFFFFFx       Rx   d 1 01",
        "0.1 CANFD   1 Rx        200     1 0 a 16 00 01",
        "no time at all",
    ],
)
def test_asc_lines_that_are_no_frames(tmp_path: Path, line: str) -> None:
    log = opened(tmp_path / "a.asc", HEADER + f"0.05 1  10  Rx d 0\n{line}\n0.2 1  10  Rx d 0\n")
    assert len(lines_of(log)) == 2
    (problem,) = log.problems
    assert problem.position == "line 5" and line in problem.text


CANDUMP_LINES = [
    "(1700000000.000000) can0 123#0102",
    "(1700000000.000001) can0 00000123#0102030405060708",
    "(1700000000.000002) vcan-10 7FF#",
    "(1700000000.000003) can0 7FF#R",
    "(1700000000.000004) can0 1FFFFFFF#R8 T",
    "(1700000000.000005) can0 123##1" + "00" * 64 + " R",
    "(1700000000.000006) can0 123##6AABB T",
    "(1700000000.000007) can0 123#11.22.33",
    "(1700000000.000008) can0 123#1122334455667788_E",
    "(1700000000.000009) can0 20000088#0000000000000000",
    "(1700000000.000010) can0 20000004#0000000000000000",
    "(1700000000.00001) can0 5#01",
    "# a comment",
    "(1700086400.000000001) a_name_that_is_longer_than_most 123#FF R",
    " (1700086401.5)  can0  123   [3]  01 02 03",
    " (1700086401.5)  can0  TX - -  00000123   [0]",
    " (1700086401.5)  can0  123   [4]  remote request",
    " (1700086401.5)  can0  123  [12]  01 02 03 04 05 06 07 08 09 0A 0B 0C",
]
CANDUMP_FRAMES = [
    "0 can0 00000123 00 2 0102",
    "1000 can0 80000123 00 8 0102030405060708",
    "2000 vcan-10 000007FF 00 0 ",
    "3000 can0 000007FF 08 0 ",
    "4000 can0 9FFFFFFF 28 8 0000000000000000",
    "5000 can0 00000123 03 64 " + "00" * 64,
    "6000 can0 00000123 25 2 aabb",
    "7000 can0 00000123 00 3 112233",
    "8000 can0 00000123 00 8 1122334455667788",
    "9000 can0 00000000 10 0 ",
    "10000 can0 00000005 00 1 01",
    "86400000000001 a_name_that_is_longer_than_most 00000123 00 1 ff",
    "86401500000000 can0 00000123 00 3 010203",
    "86401500000000 can0 80000123 20 0 ",
    "86401500000000 can0 00000123 08 4 00000000",
    "86401500000000 can0 00000123 01 12 0102030405060708090a0b0c",
]


def test_every_kind_of_candump_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A controller's state (20000004) is no error frame, and no frame either."""
    log = opened(tmp_path / "a.log", "\n".join(CANDUMP_LINES) + "\n")
    assert lines_of(log) == CANDUMP_FRAMES
    assert log.problems == [] and log.start == 1_700_000_000 * 10**9
    assert one_by_one(tmp_path / "a.log", monkeypatch) == CANDUMP_FRAMES


def test_times_of_candump_that_are_no_dates_stay_as_they_are(tmp_path: Path) -> None:
    log = opened(tmp_path / "a.log", "(0000000005.500000) can0 123#\n")
    assert log.start is None and lines_of(log) == ["5500000000 can0 00000123 00 0 "]


def test_frames_without_any_time_are_read_and_told(tmp_path: Path) -> None:
    log = opened(tmp_path / "a.txt", "# old\ninterface = can3, family = 29\n<0x18eeff01> [2] 05 a0 \n<0x123> [0]\n")
    assert lines_of(log) == ["0 can3 98EEFF01 00 2 05a0", "0 can3 00000123 00 0 "]
    (problem,) = log.problems
    assert "without a time" in problem.text and problem.count == 2


@pytest.mark.parametrize("line", ["(1.0) can0 123#012", "(1.0) can0 800#01", "(1.0) can0 123#" + "00" * 9, "(x) ?"])
def test_candump_lines_that_are_no_frames(tmp_path: Path, line: str) -> None:
    log = opened(tmp_path / "a.log", f"(0.5) can0 1#\n{line}\n(2.0) can0 1#\n")
    assert len(lines_of(log)) == 2
    (problem,) = log.problems
    assert problem.position == "line 2"


def test_trc_of_all_versions(tmp_path: Path) -> None:
    first = ";$FILEVERSION=1.1\n;$STARTTIME=45244.9259259259\n     1)        48.6  Rx     09F11201  2  FF 50\n"
    assert lines_of(opened(tmp_path / "a.trc", first)) == ["48600000 1 89F11201 00 2 ff50"]
    second = (
        ";$FILEVERSION=2.1\n;$COLUMNS=N,O,T,B,I,d,R,L,D\n"
        "      1      1059.900 DT 1      0300 Rx -  7    00 00 00 00 04 00 00\n"
        "      2      1283.231 FB 2      0500 Tx -  9    " + "01 " * 12 + "\n"
        "      3      1298.945 RR 1      0400 Rx -  3\n"
        "      4      1298.946 ER 1         - Rx -  5    04 00 02 00 00\n"
        "      5      1298.947 ST 1         - Rx -  4    00 00 00 08\n"
    )
    log = opened(tmp_path / "b.trc", second)
    assert lines_of(log) == [
        "1059900000 1 00000300 00 7 00000000040000",
        "1283231000 2 00000500 23 12 " + "01" * 12,
        "1298945000 1 00000400 08 3 000000",
        "1298946000 1 00000000 10 0 ",
    ]
    assert log.problems == []


@st.composite
def messages(draw: st.DrawFn) -> can.Message:
    extended, kind = draw(st.booleans()), draw(st.sampled_from(["classic", "classic", "fd", "remote", "error"]))
    # python-can takes an FD frame without data for a remote frame when it reads ASC.
    length = draw(st.sampled_from(FD_LENGTHS[1:]) if kind == "fd" else st.integers(0, 8))
    return can.Message(
        timestamp=1_700_000_000 + draw(st.integers(0, 10**9)) / 1e3,
        arbitration_id=draw(st.integers(0, 0x1FFFFFFF if extended else 0x7FF)),
        is_extended_id=extended,
        is_fd=kind == "fd",
        is_remote_frame=kind == "remote",
        is_error_frame=kind == "error",
        bitrate_switch=kind == "fd" and draw(st.booleans()),
        error_state_indicator=kind == "fd" and draw(st.booleans()),
        is_rx=draw(st.booleans()),
        dlc=length,
        data=None if kind == "remote" else draw(st.binary(min_size=length, max_size=length)),
        channel=draw(st.integers(0, 12)),
    )


@given(st.lists(messages(), min_size=1, max_size=30), st.sampled_from(["asc", "log"]))
def test_what_python_can_writes_is_read_in_bulk_as_one_by_one_and_as_by_python_can(
    tmp_path_factory: pytest.TempPathFactory, found: list[can.Message], suffix: str
) -> None:
    path = tmp_path_factory.mktemp("text") / f"a.{suffix}"
    writer = can.ASCWriter(path) if suffix == "asc" else can.CanutilsLogWriter(path)
    with writer:
        for message in sorted(found, key=lambda each: each.timestamp):
            writer.on_message_received(message)
    log = open_log(path)
    with pytest.MonkeyPatch.context() as patch:
        assert sorted(lines_of(log)) == sorted(one_by_one(path, patch))
    assert log.problems == []
    first = min(message.timestamp for message in found)
    with can.LogReader(path) as reader:
        theirs = [
            (
                round((each.timestamp - (first if suffix == "log" else 0)) * 1e6),
                None if each.is_error_frame else each.arbitration_id | each.is_extended_id << 31,
                each.is_fd,
                each.bitrate_switch,
                each.is_remote_frame,
                b"" if each.is_error_frame else bytes(each.data),
            )
            for each in reader
        ]
    ours = [
        (
            round(each.time / 1e3),
            None if isinstance(each, ErrorFrame) else each.frame.key,
            each.frame.fd,
            each.frame.brs,
            each.frame.remote,
            each.frame.data,
        )
        for each in log.frames()
    ]
    assert ours == theirs
    assert all(isinstance(each, Received | ErrorFrame) for each in log.frames())
