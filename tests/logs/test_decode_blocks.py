"""Recordings decoded block by block: what belongs to which message, what is counted, what comes out whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DecodeError, UnknownSignalError
from harness.frames import EXTENDED, ErrorFrame, Frame, Received
from harness.logs.columns import FrameColumns
from harness.logs.decode import Decoder, decode_log, full_paths
from harness.logs.key_index import KeyIndex
from harness.logs.problems import LogProblem
from harness.logs.signals import read_signals
from harness.signals.definitions import MessageDef, SignalDef

CHANNELS = ["body", "powertrain"]
LEVEL = SignalDef("Level", "Tank", 0, 8, scale=0.5)
TEMPERATURE = SignalDef("Temperature", "Tank", 8, 8, signed=True)
TANK = MessageDef("Tank", 0x10, 2, (LEVEL, TEMPERATURE))
FAR = MessageDef("Far", 0x10, 2, (SignalDef("Level", "Far", 0, 8),), extended=True)
WIDE = MessageDef("Wide", 0x20, 12, (SignalDef("End", "Wide", 88, 8), SignalDef("Begin", "Wide", 0, 8)), fd=True)
MESSAGES = {"body": [TANK, FAR], "powertrain": [TANK, WIDE]}


class Log:
    """A recording in memory."""

    def __init__(self, seen: list[Received | ErrorFrame], size: int = 1000) -> None:
        self.seen, self.size = seen, size
        self.channels, self.start = CHANNELS, 1_700_000_000_000_000_000
        self.problems: list[LogProblem] = []

    def blocks(self) -> Iterator[FrameColumns]:
        for first in range(0, len(self.seen), self.size):
            yield FrameColumns.of(self.seen[first : first + self.size], CHANNELS)


frames = st.builds(
    lambda key, data, remote: (
        Frame(key & ~EXTENDED, extended=bool(key & EXTENDED), remote=True, length=2)
        if remote
        else Frame(key & ~EXTENDED, data, bool(key & EXTENDED), fd=len(data) > 8)
    ),
    st.sampled_from([0x10, 0x10 | EXTENDED, 0x20, 0x30]),
    st.sampled_from([b"", b"\x01", b"\x05\xff", b"\x07\x80\x00", bytes(range(12))]),
    st.sampled_from([False] * 5 + [True]),
)


@st.composite
def recordings(draw: st.DrawFn) -> list[Received | ErrorFrame]:
    seen: list[Received | ErrorFrame] = []
    for time, (channel, frame, error) in enumerate(
        draw(st.lists(st.tuples(st.sampled_from(CHANNELS), frames, st.sampled_from([False] * 5 + [True])), max_size=30))
    ):
        seen.append(ErrorFrame(time, channel, "bit", frame) if error else Received(time, channel, frame))
    return seen


@given(seen=recordings(), size=st.integers(1, 31), only=st.sampled_from([None, ["body.Tank.Level"], ["End"]]))
@settings(deadline=None)
def test_blocks_of_any_size_give_what_frame_by_frame_gives(
    seen: list[Received | ErrorFrame], size: int, only: list[str] | None
) -> None:
    known = {(channel, each.key): each for channel, messages in MESSAGES.items() for each in messages}
    wanted: dict[str, list[tuple[int, int | float]]] = {}
    unknown: Counter[tuple[str, int]] = Counter()
    undecodable: Counter[tuple[str, int]] = Counter()
    for each in seen:
        if isinstance(each, ErrorFrame) or each.frame.remote:
            continue
        message = known.get((each.channel, each.frame.key))
        if message is None:
            unknown[each.channel, each.frame.key] += 1
            continue
        try:
            for name, value in message.codec.decode(each.frame.data).items():
                wanted.setdefault(f"{each.channel}.{message.name}.{name}", []).append((each.time, value))
        except DecodeError:
            undecodable[each.channel, each.frame.key] += 1
    signals = read_signals(Log(seen, size), MESSAGES, only)
    found = {path: list(zip(each.time.tolist(), each.value.tolist(), strict=True)) for path, each in signals.items()}
    paths = (
        full_paths(only, MESSAGES)
        if only
        else full_paths(["End", "Begin", "body.Far.Level"], MESSAGES)
        | {f"{channel}.Tank.{name}" for channel in CHANNELS for name in ("Level", "Temperature")}
    )
    assert found == {path: wanted.get(path, []) for path in paths}
    assert signals.unknown == unknown
    if only is None:
        assert signals.undecodable == undecodable
    assert signals.frames == sum(isinstance(each, Received) and not each.frame.remote for each in seen)


def test_signals_of_one_message_share_their_times() -> None:
    seen: list[Received | ErrorFrame] = [Received(t, "body", Frame(0x10, b"\x01\x02")) for t in range(5)]
    signals = read_signals(Log(seen, 2), MESSAGES)
    assert signals["body.Tank.Level"].time is signals["body.Tank.Temperature"].time
    assert signals["body.Tank.Level"].time.tolist() == [0, 1, 2, 3, 4]


def test_frames_of_a_message_keep_their_order_in_long_blocks() -> None:
    keys = np.random.default_rng(2).integers(0x10, 0x13, 5000).astype(np.uint32)
    zeros = np.zeros(5000, np.uint8)
    block = FrameColumns(np.arange(5000), zeros, keys, zeros, zeros + 8, np.zeros((5000, 8), np.uint8))
    messages = [MessageDef(f"M{key}", key, 1, (SignalDef("S", f"M{key}", 0, 8),)) for key in range(0x10, 0x13)]
    columns = Decoder({"body": messages}).block(block, ["body"])
    for key in range(0x10, 0x13):
        assert columns[f"body.M{key}.S"].time.tolist() == np.flatnonzero(keys == key).tolist()


def test_a_signal_without_samples_has_an_empty_column_of_its_kind() -> None:
    signals = read_signals(Log([]), MESSAGES)
    assert len(signals) == 7
    level = signals["body.Tank.Level"]
    assert (len(level), level.raw.dtype.name, level.value.dtype.name) == (0, "int64", "float64")


def test_names_may_be_short_where_they_are_unique() -> None:
    signals = read_signals(Log([]), MESSAGES)
    assert signals["End"] is signals["powertrain.Wide.End"] is signals["Wide.End"]
    assert "End" in signals and "Tank.Level" not in signals
    with pytest.raises(
        UnknownSignalError, match=r"'Tank\.Level' exists 2 times: write one of body\.Tank\.Level, power"
    ):
        signals["Tank.Level"]
    with pytest.raises(UnknownSignalError, match=r"no signal 'Edn' was decoded; did you mean .*'End'"):
        signals["Edn"]


def test_an_unknown_signal_is_told_before_anything_is_read() -> None:
    with pytest.raises(
        UnknownSignalError, match=r"no message has a signal 'Wide\.Ent'; did you mean one of 'Wide\.End'"
    ):
        Decoder(MESSAGES, ["Wide.Ent"])
    with pytest.raises(UnknownSignalError, match="'Temperature' exists 2 times"):
        Decoder(MESSAGES, ["Temperature"])


def test_the_order_of_channels_may_change_between_blocks() -> None:
    decoder = Decoder(MESSAGES)
    seen = [Received(1, "powertrain", Frame(0x20, bytes(range(12)), fd=True))]
    for channels in (["powertrain"], ["body", "powertrain"], ["other", "powertrain", "body"]):
        columns = decoder.block(FrameColumns.of(seen, channels), channels)
        assert columns["powertrain.Wide.End"].value.tolist() == [11]
    assert decoder.block(FrameColumns.of([Received(1, "x", seen[0].frame)], ["x"]), ["x"]) == {}
    assert decoder.unknown == {("x", 0x20): 1}


def test_memory_is_one_block() -> None:
    decoder = Decoder(MESSAGES, ["body.Tank.Level"])
    log = Log([Received(t, "body", Frame(0x10, b"\x01\x02")) for t in range(10)], size=4)
    assert [len(columns["body.Tank.Level"]) for columns in decode_log(log, decoder)] == [4, 4, 2]


keys = st.integers(0, 0x7FF) | st.integers(0, 0x1FFFFFFF).map(lambda identifier: identifier | EXTENDED)


@given(
    known=st.lists(st.tuples(st.integers(0, 3), keys), unique=True, max_size=50),
    others=st.lists(st.tuples(st.integers(0, 3), keys), max_size=20),
)
@settings(deadline=None)
def test_every_identifier_is_found_at_its_place(known: list[tuple[int, int]], others: list[tuple[int, int]]) -> None:
    index = KeyIndex(known)
    asked = known + others
    channel = np.array([pair[0] for pair in asked], np.uint8)
    key = np.array([pair[1] for pair in asked], np.uint32)
    place = {pair: position for position, pair in enumerate(known, start=1)}
    assert index.find(channel, key).tolist() == [place.get(pair, 0) for pair in asked]


def test_more_identifiers_than_any_table_separates_are_found_too() -> None:
    rng = np.random.default_rng(3)
    known = [(0, key) for key in np.unique(rng.integers(0, 1 << 29, 20_000)).tolist()]
    index = KeyIndex(known)
    key = np.array([key for _, key in known] + [1 << 30], np.uint32)
    assert index.find(np.zeros(len(key), np.uint8), key).tolist() == [*range(1, len(known) + 1), 0]
