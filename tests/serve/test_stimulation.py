"""Stimulation frames: their layout, and that they stand in no vehicle database."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.adapter.stimulation import ANSWER_ID, REQUEST_ID, Answer, Request, Status, subject_of
from harness.bench import Blueprint
from harness.frames import EXTENDED, Frame

ROOT = Path(__file__).parents[2]
BYTE, WORD, SINGLE = st.integers(0, 255), st.integers(0, 0xFFFF), st.floats(width=32, allow_nan=False)


@settings(deadline=None)
@given(BYTE, BYTE, WORD, SINGLE)
def test_requests_come_back_from_their_frames(operation: int, number: int, subject: int, value: float) -> None:
    request = Request(operation, number, subject, value)
    found = Request.of(request.frame())
    assert found is not None and found.frame() == request.frame()
    assert (found.operation, found.number, found.subject) == (operation, number, subject)
    assert Answer.of(request.frame()) is None


@settings(deadline=None)
@given(st.integers(0, 127), BYTE, st.sampled_from(Status), SINGLE)
def test_answers_come_back_from_their_frames(operation: int, number: int, status: Status, value: float) -> None:
    answer = Answer(operation, number, status, value)
    found = Answer.of(answer.frame())
    assert found is not None and found.frame() == answer.frame()
    assert (found.operation, found.number, found.status) == (operation, number, status)
    assert Request.of(answer.frame()) is None


@settings(deadline=None)
@given(st.decimals(-100_000, 100_000, places=3).map(lambda number: float(f"{number:.6g}")))
def test_a_number_of_six_digits_comes_back_as_it_was(value: float) -> None:
    found = Request.of(Request(1, 0, 0, value).frame())
    assert found is not None and found.value == value


@settings(deadline=None)
@given(st.builds(Frame, st.sampled_from([REQUEST_ID, ANSWER_ID, 0x123]), st.binary(max_size=8), st.booleans()))
def test_other_frames_are_none(frame: Frame) -> None:
    for kind in (Request, Answer):
        found = kind.of(frame)
        assert found is None or found.frame().data == frame.data


def test_the_reference_vehicle_leaves_their_identifiers_free() -> None:
    blueprint = Blueprint.load(ROOT / "benches" / "virtual.toml")
    keys = {message.key for channel in blueprint.channels for each in channel.databases for message in each.messages}
    assert keys.isdisjoint({EXTENDED | REQUEST_ID, EXTENDED | ANSWER_ID})
    names = [*blueprint.plant().values, *blueprint.nodes]
    assert len({subject_of(name) for name in names}) == len(names)
