"""Excerpts of recordings."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from harness.evidence.excerpt import EXCERPT_LINES, EXCERPT_NS, excerpt
from harness.frames import ErrorFrame, Frame, Received
from harness.logs.asc_writing import asc_text

times = st.lists(st.integers(0, 2_000_000_000), max_size=40).map(sorted)


@given(times, st.integers(0, 2_000_000_000))
def test_it_is_what_lies_around_the_instant(times: list[int], around: int) -> None:
    seen = [Received(time, "can", Frame(1)) for time in times]
    assert [each.time for each in excerpt(seen, around)] == [time for time in times if abs(time - around) <= EXCERPT_NS]


def test_of_many_the_closest_are_kept() -> None:
    seen = [Received(time * 100_000, "can", Frame(1)) for time in range(4000)]
    found = excerpt(seen, 200_000_000)
    assert len(found) == EXCERPT_LINES
    assert [each.time for each in found] == sorted(each.time for each in found)
    assert max(abs(each.time - 200_000_000) for each in found) <= 24_000_000
    assert len(asc_text(found, ["can"]).splitlines()) <= 500


def test_error_frames_take_two_lines() -> None:
    seen = [ErrorFrame(time * 100_000, "can", "crc", Frame(1)) for time in range(4000)]
    text = asc_text(excerpt(seen, 200_000_000), ["can"])
    assert EXCERPT_LINES <= len(text.splitlines()) <= 500
