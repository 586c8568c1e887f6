"""The file beside a recording that says how exactly it was measured: written, read, damaged."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import LogError
from harness.logs.exactness import Exactness, Late, beside, exactness_of, forget, read_exactness, text_of

SPAN = st.integers(0, 1 << 62)
NAME = st.text(max_size=8)
TOLD = Exactness(
    {"body": 50_000, "powertrain": 1_000},
    ("served vehicle",),
    ("PEDAL",),
    (Late("channel", "body", 0, 163_000), Late("served", "served vehicle", 20, 7_250_000), Late("test", "test", 5, 9)),
)


@st.composite
def exactnesses(draw: st.DrawFn) -> Exactness:
    stamps = draw(st.dictionaries(NAME, SPAN, max_size=3))
    served = tuple(draw(st.lists(NAME, max_size=2, unique=True)))
    sources = [*(("channel", name) for name in stamps), *(("served", name) for name in served), ("test", "test")]
    sources.append(("nodes", "simulated nodes"))
    found = draw(st.lists(st.builds(Late, st.just(""), st.just(""), SPAN, SPAN), max_size=12))
    late = tuple(
        each._replace(kind=kind, name=name)
        for each in sorted(found, key=lambda each: each.since)
        for kind, name in [draw(st.sampled_from(sources))]
    )
    return Exactness(stamps, served, tuple(draw(st.lists(NAME, max_size=3))), late)


@given(exactnesses())
def test_what_is_written_is_read(told: Exactness) -> None:
    assert exactness_of(text_of(told)) == told


@given(exactnesses(), st.data())
def test_a_file_that_is_cut_says_less_or_is_damaged(told: Exactness, data: st.DataObject) -> None:
    text = text_of(told)
    cut = text[: data.draw(st.integers(0, len(text) - 1))]
    try:
        found = exactness_of(cut)
    except ValueError as error:
        assert str(error).startswith("line "), error
    else:
        assert found.late == told.late[: len(found.late)] and found.stamps == told.stamps


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("", "line 1: it is cut"),
        ("{}\n", "line 1: it does not begin as such a file does"),
        ('{"exactness": 2}\n', "line 1: version 2 is not known, only 1"),
        ('{"exactness": 1, "stamps": {"body": -1}, "served": [], "own": []}\n', "line 1: stamps are spans in ns"),
        ('{"exactness": 1, "stamps": {}, "served": [1], "own": []}\n', "line 1: names are wanted"),
        (text_of(TOLD)[:-1], "line 4: it is cut"),
        (text_of(TOLD) + "nonsense\n", "line 5: Expecting value"),
        (text_of(TOLD) + "[" * 100_000 + "\n", "line 5: "),
        (text_of(TOLD) + '["channel", "body", 5]\n', "line 5: kind, name, since and lateness are wanted"),
        (text_of(TOLD) + '["channel", "chassis", 5, 5]\n', "line 5: the head knows nothing of channel 'chassis'"),
        (text_of(TOLD) + '["weather", "rain", 5, 5]\n', "line 5: 'weather' 'rain' is no source of lateness"),
        (text_of(TOLD) + '["test", "test", 4, 5]\n', "line 5: time runs backwards"),
        (text_of(TOLD) + '["test", "test", 9, 0.5]\n', "line 5: whole ns are wanted"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, wrong: str, message: str) -> None:
    recording = tmp_path / "drive.blf"
    beside(recording).write_text(wrong)
    with pytest.raises(LogError, match=r"drive\.blf\.exactness, which says how exactly drive\.blf was") as seen:
        read_exactness(recording)
    assert message in str(seen.value)


def test_bytes_that_are_no_text_are_damage(tmp_path: Path) -> None:
    beside(tmp_path / "a.log").write_bytes(b"\xff\xfe\n")
    with pytest.raises(LogError, match="is damaged"):
        read_exactness(tmp_path / "a.log")


def test_without_the_file_nothing_is_known(tmp_path: Path) -> None:
    assert read_exactness(tmp_path / "drive.blf") is None
    (tmp_path / "folder.blf.exactness").mkdir()
    with pytest.raises(LogError, match="cannot be read"):
        read_exactness(tmp_path / "folder.blf")
    with pytest.raises(LogError, match="cannot be taken away"):
        forget(tmp_path / "folder.blf")


def test_what_a_killed_recorder_of_mf4_leaves_is_as_exact(tmp_path: Path) -> None:
    beside(tmp_path / "drive.mf4").write_text(text_of(TOLD))
    assert read_exactness(tmp_path / "drive.mf4.blf") == TOLD
    assert read_exactness(tmp_path / "drive.mf4") == TOLD
