"""Blocks of frames as columns and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from recorded_frames import CHANNELS, recorded

from harness.frames import ErrorFrame, Received
from harness.logs.writer import Seen

np = pytest.importorskip("numpy")

from harness.logs.columns import FrameColumns  # noqa: E402


@given(recorded())
def test_frames_survive_the_way_through_columns(seen: list[Seen]) -> None:
    block = FrameColumns.of(seen, list(CHANNELS))
    assert len(block) == len(seen)
    back = list(block.frames(list(CHANNELS)))
    for each, found in zip(seen, back, strict=True):
        assert type(found) is type(each)
        assert (found.time, found.channel, found.frame) == (each.time, each.channel, each.frame)
        assert isinstance(found, Received | ErrorFrame)


@given(st.lists(recorded(), max_size=4))
def test_joined_blocks_hold_the_frames_of_all(parts: list[list[Seen]]) -> None:
    channels = list(CHANNELS)
    joined = FrameColumns.join([FrameColumns.of(part, channels) for part in parts])
    whole = FrameColumns.of([each for part in parts for each in part], channels)
    assert list(joined.frames(channels)) == list(whole.frames(channels))
    assert joined.data.shape == whole.data.shape
    for column in ("time", "channel", "key", "flags", "length", "data"):
        assert getattr(joined, column).dtype == getattr(whole, column).dtype


@given(recorded())
def test_rows_by_slice_mask_and_index(seen: list[Seen]) -> None:
    channels = list(CHANNELS)
    block = FrameColumns.of(seen, channels)
    odd = np.arange(len(seen)) % 2 == 1
    expected = list(FrameColumns.of(seen[1::2], channels).frames(channels))
    assert list(block[1::2].frames(channels)) == expected
    assert list(block[odd].frames(channels)) == expected
    assert list(block[np.flatnonzero(odd)].frames(channels)) == expected
