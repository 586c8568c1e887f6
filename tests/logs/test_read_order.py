"""Frames come in the order of time; where a recording runs back it is told, and memory stays bounded."""

from __future__ import annotations

from pathlib import Path

import pytest
from blf_made import blf, classic, container, obj
from hypothesis import given
from hypothesis import strategies as st

from harness.logs.reading import open_log

np = pytest.importorskip("numpy")

MS = 1_000_000


def times_of(
    path: Path, times: list[int], per_container: int = 3, size: int = 4
) -> tuple[list[int], list[int], list[str]]:
    """Times and identifiers (here: places in the file) as they are delivered, and the problems."""
    objects = [obj(1, classic(place, b""), time) for place, time in enumerate(times)]
    groups = [objects[begin : begin + per_container] for begin in range(0, len(objects), per_container)]
    path.write_bytes(blf([container(b"".join(group)) for group in groups]))
    log = open_log(path)
    blocks = list(log.blocks(size))
    assert all(0 < len(block) <= size for block in blocks)
    return (
        [time for block in blocks for time in block.time.tolist()],
        [key for block in blocks for key in block.key.tolist()],
        [str(problem) for problem in log.problems],
    )


def test_a_little_disorder_is_put_right(tmp_path: Path) -> None:
    times = [0, 50 * MS, 20 * MS, 60 * MS, 60 * MS, 59 * MS, 300 * MS, 201 * MS]
    found, places, problems = times_of(tmp_path / "a.blf", times)
    assert found == sorted(times) and problems == []
    assert places == [0, 2, 1, 5, 3, 4, 7, 6], "frames of one instant keep their order"


def test_time_that_runs_back_is_told_and_left(tmp_path: Path) -> None:
    """As where a recorder was started again and appended to its file."""
    times = [0, 1000 * MS, 2000 * MS, 500 * MS, 450 * MS, 700 * MS]
    found, _, problems = times_of(tmp_path / "a.blf", times)
    assert found == [0, 1000 * MS, 2000 * MS, 450 * MS, 500 * MS, 700 * MS]
    (problem,) = problems
    assert "runs back by 1.5 s" in problem and "at 2 s" in problem and problem.startswith("byte ")


def test_a_recording_that_runs_back_all_the_time_is_one_problem(tmp_path: Path) -> None:
    times = [time * 1000 * MS for time in (9, 8, 7, 6, 5, 4, 3, 2, 1)]
    found, _, problems = times_of(tmp_path / "a.blf", times)
    assert found == times
    assert len(problems) == 1 and "(and 7 more of this kind)" in problems[0]


def test_the_place_where_a_text_runs_back_is_its_line(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("(1.0) can0 1#\n# comment\n(2.0) can0 2#R\n(1.5) can0 3#\n(3.0) can0 4#\n")
    log = open_log(path)
    assert [seen.frame.id for seen in log.frames()] == [1, 2, 3, 4]
    (problem,) = log.problems
    assert problem.position == "line 4"


@given(
    st.lists(st.integers(0, 1000) | st.integers(0, 10_000), max_size=40).map(
        lambda found: [time * MS for time in found]
    ),
    st.integers(1, 7),
    st.integers(1, 50),
)
def test_whatever_the_order_every_frame_comes_once_and_what_is_near_is_in_order(
    tmp_path_factory: pytest.TempPathFactory, times: list[int], per_container: int, size: int
) -> None:
    found, places, problems = times_of(tmp_path_factory.mktemp("order") / "a.blf", times, per_container, size)
    assert sorted(places) == list(range(len(times)))
    assert found == [times[place] for place in places]
    # The rule, frame by frame: a stretch ends where time runs back by more than the window; within it, sorted.
    stretches: list[list[int]] = []
    for time in times:
        if not stretches or time < max(stretches[-1]) - 100 * MS:
            stretches.append([])
        stretches[-1].append(time)
    assert found == [time for stretch in stretches for time in sorted(stretch)]
    assert bool(problems) == (len(stretches) > 1)


def test_frames_without_end_in_one_instant_do_not_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.logs.ordering.MOST_HELD", 10)
    monkeypatch.setattr("harness.logs.blf_reading.BATCH", 1)
    path = tmp_path / "a.blf"
    path.write_bytes(blf([container(obj(1, classic(place, b""), 7)) for place in range(100)]))
    log = open_log(path)
    sizes = [len(block) for block in log.blocks(5)]
    assert sum(sizes) == 100
    begun = open_log(path).blocks(5)
    assert len(next(begun)) <= 5
    assert log.problems == []


def test_a_frame_that_comes_after_the_limit_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Frames wait for earlier ones in limited number; one that comes too late for that is out of order."""
    monkeypatch.setattr("harness.logs.ordering.MOST_HELD", 3)
    monkeypatch.setattr("harness.logs.blf_reading.BATCH", 1)
    found, _, problems = times_of(tmp_path / "a.blf", [50 * MS] * 10 + [40 * MS], 1, 5)
    assert found == [50 * MS] * 10 + [40 * MS] and len(problems) == 1


def test_a_block_is_given_out_before_the_file_is_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.logs.blf_reading.BATCH", 1)
    path = tmp_path / "a.blf"
    path.write_bytes(blf([container(obj(1, classic(1, b"x" * 8), place * 1000 * MS)) for place in range(100)]))
    log = open_log(path)
    blocks = log.blocks(5)
    next(blocks)
    assert log.fraction < 0.2
    blocks.close()
    assert sum(len(block) for block in log.blocks()) == 100, "it can be read again"
