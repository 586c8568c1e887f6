"""The trace: what is kept, what is dropped, and that its fingerprint sees everything."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.frames import ErrorFrame, Frame, Received
from harness.signals.trace import Trace

frames = st.builds(
    Frame,
    id=st.integers(0, 5),
    data=st.binary(max_size=8),
    extended=st.booleans(),
    fd=st.booleans(),
    brs=st.booleans(),
    esi=st.booleans(),
    remote=st.just(False),
    length=st.just(0),
)
gaps = st.integers(0, 400)
kinds = st.sampled_from(["bit", "stuff", "ack"])


@dataclass(frozen=True)
class Seen:
    received: list[Received]
    errors: list[ErrorFrame]


@st.composite
def seen(draw: st.DrawFn) -> Seen:
    time = 0
    received, errors = [], []
    for gap, frame, kind in draw(st.lists(st.tuples(gaps, frames, st.none() | kinds), max_size=60)):
        time += gap
        if kind is None:
            received.append(Received(time, "a", frame, "N"))
        else:
            errors.append(ErrorFrame(time, "a", kind, frame, "N"))
    return Seen(received, errors)


def filled(content: Seen, **bounds: int) -> Trace:
    trace = Trace("a", **bounds)
    for rx in content.received:
        trace.append(rx)
    for error in content.errors:
        trace.append_error(error)
    return trace


@given(seen(), st.integers(1, 5000), st.integers(1, 20))
def test_keeps_the_window_and_never_more_than_the_limit(content: Seen, history: int, limit: int) -> None:
    trace = filled(content, history_ns=history, limit=limit)
    kept = list(trace.frames)
    assert kept == content.received[len(content.received) - len(kept) :]
    assert len(trace) == len(kept) <= limit
    assert trace.dropped == len(content.received) - len(kept)
    assert len(trace.errors) <= limit
    if kept:
        newest = kept[-1].time
        assert newest - kept[0].time <= history + history // 8 + 1
        if trace.dropped <= 0 or len(kept) < limit - limit // 8:
            young = [rx for rx in content.received if rx.time >= newest - history]
            assert kept[-len(young) :] == young


@given(seen(), st.integers(1, 5000), st.integers(1, 20))
def test_of_an_identifier_the_window_and_the_last_one_before_it(content: Seen, history: int, limit: int) -> None:
    trace = filled(content, history_ns=history, limit=limit)
    for key in {rx.frame.key for rx in content.received}:
        everything = [rx for rx in content.received if rx.frame.key == key]
        inside = [rx for rx in trace.frames if rx.frame.key == key]
        held = list(trace.of(key))
        assert held == everything[len(everything) - len(held) :]
        assert len(inside) <= len(held) <= len(inside) + 1
        assert held


@given(seen(), st.integers(1, 5000), st.integers(1, 20))
def test_the_fingerprint_covers_also_what_was_dropped(content: Seen, history: int, limit: int) -> None:
    assert filled(content, history_ns=history, limit=limit).sha256() == filled(content).sha256()


@given(seen(), st.data())
def test_any_difference_changes_the_fingerprint(content: Seen, data: st.DataObject) -> None:
    before = filled(content).sha256()
    if not content.received:
        assert filled(content).sha256() == before
        return
    index = data.draw(st.integers(0, len(content.received) - 1))
    rx = content.received[index]
    frame = rx.frame
    changed = data.draw(
        st.sampled_from(
            [
                rx._replace(time=rx.time + 1),
                rx._replace(frame=frame._replace(data=frame.data + b"\x00")),
                rx._replace(frame=frame._replace(extended=not frame.extended)),
                rx._replace(frame=frame._replace(id=frame.id + 1)),
                rx._replace(frame=frame._replace(brs=not frame.brs)),
                rx._replace(frame=frame._replace(remote=True)),
                rx._replace(frame=frame._replace(length=4)),
            ]
        )
    )
    content.received[index] = changed
    assert filled(content).sha256() != before


def test_channel_and_error_frames_are_part_of_the_fingerprint() -> None:
    rx = Received(1, "a", Frame(1), "N")
    error = ErrorFrame(2, "a", "bit", Frame(1), "N")
    one, other, with_error, other_kind = Trace("a"), Trace("b"), Trace("a"), Trace("a")
    for trace in (one, other, with_error, other_kind):
        trace.append(rx)
    with_error.append_error(error)
    other_kind.append_error(error._replace(kind="ack"))
    assert len({trace.sha256() for trace in (one, other, with_error, other_kind)}) == 4


@given(seen(), st.integers(0, 5000), st.integers(0, 5000))
def test_between_includes_both_ends_in_the_order_of_time(content: Seen, start: int, end: int) -> None:
    found = filled(content).between(start, end)
    everything: list[Received | ErrorFrame] = [*content.received, *content.errors]
    assert sorted(map(repr, found)) == sorted(repr(each) for each in everything if start <= each.time <= end)
    assert [each.time for each in found] == sorted(each.time for each in found)


@given(seen(), st.integers(0, 5000))
def test_since_is_inclusive(content: Seen, time: int) -> None:
    trace = filled(content)
    for key in {rx.frame.key for rx in content.received}:
        assert trace.since(key, time) == [rx for rx in content.received if rx.frame.key == key and rx.time >= time]


@pytest.mark.parametrize("bounds", [{"history_ns": 0}, {"limit": 0}, {"history_ns": -1}])
def test_a_trace_that_keeps_nothing_is_refused(bounds: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match="more than nothing"):
        Trace("a", **bounds)
