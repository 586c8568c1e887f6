"""Decoding all frames of a message at once against the per-frame codec, over every database at hand."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import DatabaseError, DecodeError
from harness.frames import FD_LENGTHS, ErrorFrame, Frame, Received
from harness.logs import bits
from harness.logs.columns import FrameColumns
from harness.logs.message_decode import MessageDecoder, decode_message, word_matrix
from harness.signals.database import load_database
from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.layout import place_of

ROOT = Path(__file__).parents[2]
COLLECTION = ROOT.parent / "shared" / "data" / "dbc" / "files"
OWN = [*sorted((ROOT / "dbc").glob("*.dbc")), ROOT / "tests" / "signals" / "data" / "features.dbc"]
FOUND = sorted(path for path in COLLECTION.rglob("*.*") if path.is_file())
ROWS = 24


def frames_of(message: MessageDef, payloads: Iterable[bytes]) -> list[Received]:
    return [
        Received(1_000 * index, "can", Frame(message.id, data, message.extended, fd=len(data) > 8))
        for index, data in enumerate(payloads)
    ]


def payloads_of(message: MessageDef, rng: random.Random) -> Iterator[bytes]:
    """Random ones, extremes, shorter and longer ones, and for multiplexed messages numbers that exist."""
    lengths = [length for length in FD_LENGTHS if length >= message.length] or [64]
    yield bytes(message.length)
    yield b"\xff" * lengths[0]
    yield bytes(max(message.length - 1, 0))
    numbers = [(each, n) for each in message.signals for n in each.multiplexer_ids if each.multiplexer]
    for index in range(ROWS):
        data = bytearray(rng.randbytes(rng.choice(lengths) if index % 4 == 0 else message.length))
        child, number = rng.choice(numbers) if numbers else (None, 0)
        while child is not None and child.multiplexer is not None:
            above = message.signal(child.multiplexer)
            message.codec.writer(above.name)(data, above.to_raw(number, strict=False))
            child, number = above, next(iter(above.multiplexer_ids), 0)
        yield bytes(data)


def reference(message: MessageDef, seen: list[Received], scaled: bool) -> dict[str, list[tuple[int, int | float]]]:
    """Time and value of every sample, frame by frame."""
    found: dict[str, list[tuple[int, int | float]]] = {signal.name: [] for signal in message.signals}
    decode = message.codec.decode if scaled else message.codec.decode_raw
    for time, _, frame, *_ in seen:
        try:
            for name, value in decode(frame.data).items():
                found[name].append((time, value))
        except DecodeError:
            continue
    return found


def same(one: Any, other: Any) -> bool:
    """Equal in value, in kind, and in the sign of zero."""
    return type(one) is type(other) and (repr(one) == repr(other))


def check_equal(message: MessageDef, seen: list[Received]) -> None:
    if any(len(each.frame.data) > 64 for each in seen):
        return  # no frame carries it
    block = FrameColumns.of(seen, ["can"])
    columns = decode_message(message, block)
    assert columns.keys() == {signal.name for signal in message.signals}
    for scaled in (False, True):
        for name, wanted in reference(message, seen, scaled).items():
            column = columns[name]
            found = list(zip(column.time.tolist(), (column.value if scaled else column.raw).tolist(), strict=True))
            assert [time for time, _ in found] == [time for time, _ in wanted], f"{message.name}.{name}"
            wrong = [pair for pair in zip(found, wanted, strict=True) if not same(pair[0][1], pair[1][1])]
            assert not wrong, f"{message.name}.{name}: {wrong[:3]}"
    assert_kinds(message, columns)
    assert_labels(message, columns)
    assert_only_one_wanted(message, block, columns)


def assert_kinds(message: MessageDef, columns: dict[str, Any]) -> None:
    for signal in message.signals:
        column = columns[signal.name]
        if signal.is_float:
            assert column.raw.dtype == column.value.dtype == np.float64
        elif signal.length <= 64:
            assert column.raw.dtype == (np.uint64 if signal.length == 64 and not signal.signed else np.int64)


def assert_labels(message: MessageDef, columns: dict[str, Any]) -> None:
    for signal in message.signals:
        if signal.choices:
            column = columns[signal.name]
            assert column.text.tolist() == [signal.text(raw) for raw in column.raw.tolist()]


def assert_only_one_wanted(message: MessageDef, block: FrameColumns, columns: dict[str, Any]) -> None:
    """One signal alone comes out as in company."""
    for signal in message.signals[-1:]:
        rows = block[block.length >= message.length]
        found, refused = MessageDecoder(message, [signal.name]).decode(rows.time, word_matrix(rows.data))
        assert len(found.get(signal.name, ())) == len(columns[signal.name])
        assert found.keys() <= {signal.name}
        assert refused == sum(message.codec.decodable(each.frame.data) is not None for each in rows.frames(["can"]))


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.name)
def test_columns_equal_the_codec_on_our_databases(path: Path) -> None:
    check_database(path)


@pytest.mark.skipif(not FOUND, reason=f"the collection of public databases is not at {COLLECTION}")
@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_columns_equal_the_codec_on_public_databases(path: Path) -> None:
    check_database(path)


def check_database(path: Path) -> None:
    try:
        database = load_database(path, strict=False)
    except DatabaseError:
        pytest.skip("does not load")
    for message in database.messages:
        rng = random.Random(zlib.crc32(message.name.encode()))
        check_equal(message, frames_of(message, payloads_of(message, rng)))


@st.composite
def signal_definitions(draw: st.DrawFn, name: str, size: int) -> SignalDef:
    """Any signal that lies in ``size`` bytes, with any scale."""
    is_float = draw(st.sampled_from([False] * 3 + [True])) and size >= 2
    lengths = [bits for bits in (16, 32, 64) if bits <= 8 * size] if is_float else None
    length = draw(st.sampled_from(lengths) if lengths else st.integers(1, min(72, 8 * size)))
    order: Literal["little_endian", "big_endian"] = draw(st.sampled_from(["little_endian", "big_endian"]))
    first = draw(st.integers(0, 8 * size - length))
    start = first if order == "little_endian" else first // 8 * 8 + 7 - first % 8
    numbers = st.sampled_from([1, 2, -3, 0, 1 << 40, -(1 << 62), 0.5, -0.25, 0.1, 1.0, 1e-9])
    offsets = st.sampled_from([0, 1, -40, 1 << 63, 0.0, -0.0, 2.5, -1e6])
    return SignalDef(
        name, "M", start, length, order, draw(st.booleans()), is_float, scale=draw(numbers), offset=draw(offsets)
    )


@given(data=st.data(), size=st.sampled_from([1, 2, 3, 7, 8, 12, 16, 24, 64]))
@settings(deadline=None, max_examples=150)
def test_columns_equal_the_codec_on_any_signals(data: st.DataObject, size: int) -> None:
    count = data.draw(st.integers(1, 6))
    signals = tuple(data.draw(signal_definitions(f"S{index}", size)) for index in range(count))
    payloads = data.draw(st.lists(st.binary(min_size=size, max_size=size), max_size=12))
    message = MessageDef("M", 0x10, size, signals, fd=size > 8)
    check_equal(message, frames_of(message, payloads))


@pytest.mark.parametrize("length", [1, 8, 33, 63, 64, 72])
@pytest.mark.parametrize("scale", [1, 1.0, 0, 0.0, -1, -0.5, 3, 1 << 40])
@pytest.mark.parametrize("offset", [0, 0.0, -0.0, 5, -(1 << 63), 1 << 63, 0.5])
def test_every_kind_of_scale_and_offset_gives_the_codecs_kind(length: int, scale: float, offset: float) -> None:
    signals = (
        SignalDef("Plain", "M", 0, length, scale=scale, offset=offset),
        SignalDef("Signed", "M", 80, length, signed=True, scale=scale, offset=offset),
    )
    message = MessageDef("M", 0x10, 20, signals, fd=True)
    check_equal(message, frames_of(message, [bytes(20), b"\xff" * 20, bytes(range(100, 120))]))


@st.composite
def multiplexed_messages(draw: st.DrawFn) -> MessageDef:
    """Multiplexers of two bits in nested levels, numbers with gaps, scaled multiplexers, unknown numbers."""
    ids = st.lists(st.integers(-1, 4), min_size=0, max_size=3, unique=True).map(tuple)
    signals = [SignalDef("M0", "M", 0, 2, is_multiplexer=True, scale=draw(st.sampled_from([1, 1.5, -1, -1.5])))]
    for index in range(1, draw(st.integers(2, 10))):
        above = draw(st.sampled_from([each for each in signals if each.is_multiplexer]))
        inner = draw(st.booleans())
        start = 2 * index % 30
        choices = {3: "Spare"} if inner and draw(st.booleans()) else {}
        parent = draw(st.sampled_from([above.name, None]))
        numbers = draw(ids) if parent else ()
        signals.append(
            SignalDef(
                f"{'M' if inner else 'S'}{index}", "M", start, 2, is_multiplexer=inner, multiplexer=parent,
                multiplexer_ids=numbers, choices=choices,
            )
        )  # fmt: skip
    return MessageDef("M", 0x10, 4, tuple(signals))


@given(message=multiplexed_messages(), payloads=st.lists(st.binary(min_size=3, max_size=5), max_size=20))
@settings(deadline=None, max_examples=200)
def test_columns_equal_the_codec_under_any_multiplexing(message: MessageDef, payloads: list[bytes]) -> None:
    check_equal(message, frames_of(message, payloads))


def test_thousands_of_multiplexer_numbers_select_by_range() -> None:
    index = SignalDef("Index", "M", 0, 16, is_multiplexer=True)
    low = SignalDef("Low", "M", 16, 8, multiplexer="Index", multiplexer_ids=tuple(range(3000)))
    high = SignalDef("High", "M", 16, 8, multiplexer="Index", multiplexer_ids=tuple(range(2000, 5000)))
    message = MessageDef("M", 1, 3, (index, low, high))
    check_equal(message, frames_of(message, [n.to_bytes(2, "little") + b"\x07" for n in range(0, 6000, 500)]))


def test_remote_and_error_frames_carry_nothing() -> None:
    message = MessageDef("Tank", 0x123, 1, (SignalDef("Level", "Tank", 0, 8),))
    frame = Frame(0x123, b"\x05")
    seen: list[Received | ErrorFrame] = [
        Received(1, "can", frame),
        Received(2, "can", Frame(0x123, remote=True, length=1)),
        ErrorFrame(3, "can", "bit", frame),
    ]
    assert decode_message(message, FrameColumns.of(seen, ["can"]))["Level"].time.tolist() == [1]


def test_a_container_of_messages_is_refused_frame_by_frame() -> None:
    message = MessageDef("Many", 0x123, 8, (SignalDef("Level", "Many", 0, 8),), container=True)
    block = FrameColumns.of(frames_of(message, [bytes(8)] * 3), ["can"])
    assert len(decode_message(message, block)["Level"]) == 0
    assert MessageDecoder(message).decode(block.time, word_matrix(block.data)) == ({}, 3)


def test_nan_and_infinity_are_values() -> None:
    single = SignalDef("Single", "M", 0, 32, is_float=True, scale=0.0, offset=1.0)
    message = MessageDef("M", 1, 4, (single,))
    payloads = [bytes.fromhex(text) for text in ("0000807f", "0000a07f", "0100807f", "000080ff")]  # inf, sNaNs, -inf
    check_equal(message, frames_of(message, payloads))


@pytest.mark.parametrize("broken", ["WORD", "place_of"])
def test_a_slip_would_be_found(broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if broken == "WORD":
        monkeypatch.setattr(bits, "WORD", 63)
    else:
        right: Callable[[SignalDef], Any] = place_of
        monkeypatch.setattr(bits, "place_of", lambda s: right(s if s.length < 9 else SignalDef("A", "B", 0, s.length)))
    with pytest.raises(AssertionError):
        check_database(OWN[0])
