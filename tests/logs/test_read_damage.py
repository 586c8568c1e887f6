"""Damaged recordings give what can be read, and one clear problem; what is no recording is refused."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from blf_made import START_NS, Row, blf, classic, container, fd, obj, rows_of_ours

from harness.errors import LogError
from harness.logs.reading import Log, open_log

np = pytest.importorskip("numpy")


def small(method: int = 2) -> bytes:
    """A file of three containers, objects going over from one to the next."""
    generator = random.Random(1)
    objects = b"".join(
        obj(1, classic(index, generator.randbytes(8)), index * 1_000_000)
        if index % 3
        else obj(100, fd(index, generator.randbytes(16)), index * 1_000_000)
        for index in range(12)
    )
    third = len(objects) // 3
    parts = [objects[:third], objects[third : 2 * third], objects[2 * third :]]
    return blf([container(part, method) for part in parts])


def read(path: Path, content: bytes) -> tuple[Log, list[Row]]:
    path.write_bytes(content)
    log = open_log(path)
    return log, rows_of_ours(log)


@pytest.mark.parametrize("method", [0, 2])
def test_a_blf_file_cut_at_every_byte_gives_its_first_frames(tmp_path: Path, method: int) -> None:
    whole = small(method)
    _, all_rows = read(tmp_path / "whole.blf", whole)
    assert len(all_rows) == 12
    counts = []
    for size in range(len(whole)):
        path = tmp_path / "cut.blf"
        if size < 4:
            path.write_bytes(whole[:size])
            with pytest.raises(LogError):
                open_log(path)
            continue
        log, rows = read(path, whole[:size])
        assert rows == all_rows[: len(rows)], f"cut at {size}"
        assert len(log.problems) == 1, f"cut at {size}: {log.problems}"
        assert log.problems[0].position.startswith("byte ")
        assert log.fraction == 1.0
        counts.append(len(rows))
    assert counts == sorted(counts), "a longer part never gives less"
    # Not only whole containers: what can be unpacked of the last one counts.
    assert len(set(counts)) > 6


def test_the_header_of_a_recorder_that_was_killed_is_no_damage(tmp_path: Path) -> None:
    log, rows = read(tmp_path / "a.blf", blf([container(obj(1, classic(1, b"")))], declared=144))
    assert len(rows) == 1 and log.problems == [] and log.start == START_NS


@pytest.mark.parametrize("method", [0, 2])
def test_no_damaged_byte_makes_the_reader_fail_or_hang(tmp_path: Path, method: int) -> None:
    whole = small(method)
    _, all_rows = read(tmp_path / "whole.blf", whole)
    generator = random.Random(2)
    quiet = 0
    for position in range(144, len(whole)):
        content = bytearray(whole)
        content[position] ^= generator.randrange(1, 256)
        log, rows = read(tmp_path / "damaged.blf", bytes(content))
        assert len(rows) <= len(all_rows)
        if method == 2:
            assert set(rows) <= set(all_rows), "no frame is made up of pieces, none has a wrong value"
        if len(rows) < len(all_rows):
            quiet += not log.problems
    # What a damaged byte may do unseen: turn an object into one of a type that holds no frame.
    assert quiet <= 12


def test_behind_a_damaged_container_reading_goes_on(tmp_path: Path) -> None:
    parts = [b"".join(obj(1, classic(10 * part + index, b"\1" * 8)) for index in range(10)) for part in range(3)]
    packed = [container(part) for part in parts]
    broken = bytearray(packed[1])
    broken[-12:-8] = b"\xff\xff\xff\xff"
    log, rows = read(tmp_path / "a.blf", blf([packed[0], bytes(broken), packed[2]]))
    # Nothing tells which of a damaged container's bytes are right, so none of them is judged.
    assert [row[2] for row in rows] == [*range(10), *range(20, 30)]
    (problem,) = log.problems
    assert problem.position == f"byte {144 + len(packed[0])}" and "damaged container" in problem.text


def test_an_object_whose_middle_is_lost_is_not_put_together(tmp_path: Path) -> None:
    whole = b"".join(obj(100, fd(index, bytes([index]) * 64)) for index in range(3))
    packed = [container(whole[begin : begin + 24]) for begin in range(0, len(whole), 24)]
    damaged = bytearray(packed[6])
    damaged[-9] ^= 0xFF
    _, rows = read(tmp_path / "a.blf", blf([*packed[:6], bytes(damaged), *packed[7:]]))
    assert [(row[2], row[9]) for row in rows] == [(0, bytes(64)), (2, b"\2" * 64)]


def test_garbage_between_objects_is_passed_over(tmp_path: Path) -> None:
    one, two = (obj(1, classic(index, b"\1" * 8)) for index in range(2))
    log, rows = read(tmp_path / "a.blf", blf([container(one + b"garbage!" + two)]))
    assert [row[2] for row in rows] == [0, 1]
    (problem,) = log.problems
    assert problem.count == 1 and "no object" in problem.text


def test_what_looks_like_an_object_inside_a_damaged_one_is_none(tmp_path: Path) -> None:
    """Behind damage, only what leads to another object is believed."""
    fake = obj(1, classic(0x666, b"\6" * 8))
    objects = [obj(100, fd(index, fake, fd_flags=1)) for index in range(4)]
    objects[1] = b"XOBJ" + objects[1][4:]
    log, rows = read(tmp_path / "a.blf", blf([container(b"".join(objects))]))
    assert [row[2] for row in rows] == [0, 2, 3]
    assert len(log.problems) == 1


def test_garbage_between_containers_is_passed_over(tmp_path: Path) -> None:
    packed = [container(obj(1, classic(part, b"\1" * 8))) for part in range(2)]
    log, rows = read(tmp_path / "a.blf", blf([packed[0], b"garbage!" * 100, packed[1]]))
    assert [row[2] for row in rows] == [0, 1]
    assert len(log.problems) == 1


@pytest.mark.parametrize("size", [0, 4, 31, 200, 0xFFFF_FFFF])
def test_an_object_with_a_wrong_size_costs_at_most_itself(tmp_path: Path, size: int) -> None:
    """python-can's reader goes round for ever where the size is 0."""
    objects = [obj(1, classic(index, b"\1" * 8)) for index in range(6)]
    objects[2] = objects[2][:8] + size.to_bytes(4, "little") + objects[2][12:]
    log, rows = read(tmp_path / "a.blf", blf([container(b"".join(objects))]))
    assert [row[2] for row in rows if row[2] != 2] == [0, 1, 3, 4, 5]
    (problem,) = log.problems
    assert "object" in problem.text


@pytest.mark.parametrize("name", ["empty.blf", "empty.asc", "empty.log", "empty.mf4"])
def test_an_empty_file_is_no_recording(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(LogError, match="is empty"):
        open_log(tmp_path / name)


@pytest.mark.parametrize("name", ["note.asc", "note.log", "note.blf", "note.mf4", "note.txt"])
@pytest.mark.parametrize("text", [b"Dear reader,\nthis is a letter.\n", b"\x00\x01\x02\xff" * 9, b"\n\n{}"])
def test_what_is_no_recording_is_refused(tmp_path: Path, name: str, text: bytes) -> None:
    (tmp_path / name).write_bytes(text)
    with pytest.raises(LogError, match="is no recording that can be read"):
        open_log(tmp_path / name)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="cannot be read"):
        open_log(tmp_path / "nothing.blf")


LOGS = {
    "a.asc": "date Tue Nov 14 22:13:20.007 2023\nbase hex  timestamps absolute\n"
    + "".join(f"   {index}.5 1  1A{index}             Rx   d 3 01 0{index} FF\n" for index in range(8)),
    "a.log": "".join(f"(170000000{index}.5) can0 1A{index}#010{index}FF R\n" for index in range(8)),
    "a.trc": ";$FILEVERSION=1.1\n"
    + "".join(f"  {index})  {index}.5  Rx  1A{index}  3  01 0{index} FF\n" for index in range(8)),
}


@pytest.mark.parametrize("name", LOGS)
def test_a_text_cut_at_every_byte_gives_its_first_frames(tmp_path: Path, name: str) -> None:
    whole = LOGS[name].encode()
    _, all_rows = rows_of_text(tmp_path / name, whole)
    assert len(all_rows) == 8
    for size in range(whole.index(b"\n", 100) + 1, len(whole)):
        log, rows = rows_of_text(tmp_path / name, whole[:size])
        complete = whole[:size].count(b"Rx") if name != "a.log" else whole[:size].count(b" can0")
        assert rows[: complete - 1] == all_rows[: complete - 1]
        if not whole[:size].endswith(b"\n"):
            assert any("no end" in problem.text for problem in log.problems)
            assert all(problem.position.startswith("line ") for problem in log.problems)


def rows_of_text(path: Path, content: bytes) -> tuple[Log, list[str]]:
    path.write_bytes(content)
    log = open_log(path)
    return log, [str((each.time, each.channel, each.frame)) for each in log.frames()]


@pytest.mark.parametrize("name", LOGS)
def test_a_damaged_line_is_told_with_its_number(tmp_path: Path, name: str) -> None:
    lines = LOGS[name].splitlines(keepends=True)
    number = len(lines) - 3
    lines[number] = lines[number].replace("FF", "XY")
    log, rows = rows_of_text(tmp_path / name, "".join(lines).encode())
    assert len(rows) == 7
    (problem,) = log.problems
    assert problem.position == f"line {number + 1}" and "XY" in problem.text


def test_an_mf4_file_that_is_cut_gives_frames_or_a_problem(tmp_path: Path) -> None:
    pytest.importorskip("asammdf")
    from harness.frames import Frame, Received
    from harness.logs.writing import write_seen

    seen = [Received(index * 1_000_000, "can", Frame(index, bytes(8))) for index in range(200)]
    write_seen(tmp_path / "whole.mf4", seen, ["can"])
    whole = (tmp_path / "whole.mf4").read_bytes()
    for size in range(4, len(whole), 97):
        path = tmp_path / "cut.mf4"
        path.write_bytes(whole[:size])
        try:
            log = open_log(path)
            found = list(log.frames())
        except LogError as error:
            assert str(path) in str(error)
        else:
            assert len(found) == len(seen) or log.problems, f"cut at {size}: {len(found)} frames and no problem"
