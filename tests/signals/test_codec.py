"""The codec against a bit-by-bit reference, on made-up messages and on a database with every feature."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference_signals import bit_numbers, read_message, read_raw, write_raw

from harness.errors import DecodeError, UnknownSignalError, ValueRangeError
from harness.signals.database import Database, load_database
from harness.signals.definitions import MessageDef, SignalDef

FEATURES = Path(__file__).parent / "data" / "features.dbc"


@pytest.fixture(scope="module")
def features() -> Database:
    return load_database(FEATURES)


def same(one: int | float, other: int | float) -> bool:
    """Equal in value and kind; NaN is like NaN."""
    return type(one) is type(other) and (one == other or (one != one and other != other))


def assert_same(found: dict[str, int | float], wanted: dict[str, int | float]) -> None:
    assert found.keys() == wanted.keys()
    different = {name: (found[name], wanted[name]) for name in wanted if not same(found[name], wanted[name])}
    assert not different


@st.composite
def messages(draw: st.DrawFn) -> MessageDef:
    """Messages of any layout without overlaps, with up to one multiplexer."""
    length = draw(st.sampled_from([1, 2, 3, 7, 8, 12, 20, 64]))
    used: set[int] = set()
    signals: list[SignalDef] = []
    for index in range(draw(st.integers(0, 8))):
        is_float = draw(st.integers(0, 5)) == 0
        signal = SignalDef(
            f"S{index}",
            "M",
            start=draw(st.integers(0, 8 * length - 1)),
            length=draw(st.sampled_from([16, 32, 64]) if is_float else st.integers(1, 64)),
            byte_order=draw(st.sampled_from(["little_endian", "big_endian"])),
            signed=is_float or draw(st.booleans()),
            is_float=is_float,
            scale=draw(st.sampled_from([1, 1, 2, -3, 0.5, 0.001, -0.25])),
            offset=draw(st.sampled_from([0, 0, 0.0, 5, -40, 0.5])),
        )
        bits = bit_numbers(signal)
        if max(bits) < 8 * length and not used.intersection(bits):
            used.update(bits)
            signals.append(signal)
    return MessageDef("M", 1, length, tuple(signals))


@given(messages(), st.data())
def test_any_layout_decodes_as_the_reference(message: MessageDef, data: st.DataObject) -> None:
    payload = data.draw(st.binary(min_size=message.length, max_size=message.length))
    raws = {signal.name: read_raw(signal, payload) for signal in message.signals}
    assert_same(message.codec.decode_raw(payload), raws)
    assert_same(
        message.codec.decode(payload), {name: message.signal(name).to_physical(raw) for name, raw in raws.items()}
    )
    assert_same({name: message.codec.signal_raw(name)(payload) for name in raws}, raws)  # type: ignore[misc]


@given(messages(), st.data())
def test_any_layout_encodes_as_the_reference(message: MessageDef, data: st.DataObject) -> None:
    raws = {}
    wanted = bytearray(message.length)
    patched = bytearray(message.length)
    for signal in message.signals:
        width: Any = signal.length
        numbers = st.floats(width=width) if signal.is_float else st.integers(*map(int, signal.raw_range))
        raws[signal.name] = data.draw(numbers)
        write_raw(signal, wanted, raws[signal.name])
        message.codec.writer(signal.name)(patched, raws[signal.name])
    assert message.codec.encode_raw(raws) == wanted
    assert message.codec.encode_raw(raws, strict=False) == wanted
    assert patched == wanted


@given(messages(), st.data())
def test_what_was_decoded_encodes_to_the_same_physical_values(message: MessageDef, data: st.DataObject) -> None:
    values = message.codec.decode(data.draw(st.binary(min_size=message.length, max_size=message.length)))
    exact = all(math.isfinite(value) and abs(value) < 2**40 for value in values.values())
    narrow = all(signal.length <= 40 or signal.scale == 1 for signal in message.signals)
    if exact and narrow:
        again = message.codec.decode(message.codec.encode(values))
        for name, value in values.items():
            assert again[name] == pytest.approx(value, rel=1e-3 if message.signal(name).is_float else 0, abs=1e-9)


@given(st.sampled_from(load_database(FEATURES).messages), st.binary(min_size=64, max_size=64))
def test_every_feature_decodes_as_the_reference(message: MessageDef, payload: bytes) -> None:
    raws = read_message(message, payload)
    if raws is None:
        assert "multiplexer" in str(message.codec.decodable(payload))
        with pytest.raises(DecodeError, match="has number"):
            message.codec.decode(payload)
        return
    assert message.codec.decodable(payload) is None
    assert_same(message.codec.decode_raw(payload), raws)
    for signal in message.signals:
        lazily = message.codec.signal_raw(signal.name)(payload)
        assert lazily is None if signal.name not in raws else same(lazily, raws[signal.name])  # type: ignore[arg-type]


def test_multiplexed_values_decode_and_encode(features: Database) -> None:
    cells = features.message("Cells").codec
    values = {"Index": 2, "Always": 9, "Cell2": 3.7, "Cell2b": -2}
    payload = cells.encode(values)
    assert payload.hex() == "02090e74feff0000"
    assert cells.decode(payload) == values
    assert cells.signal_raw("Cell0")(payload) is None
    assert [signal.name for signal in cells.selected({"Index": 1})] == ["Index", "Always", "Cell1"]


def test_nested_multiplexers_select_by_every_level(features: Database) -> None:
    nested = features.message("Nested").codec
    values = {"Outer": 1, "Inner": 5, "Leaf35": 77, "Second": 9, "SecondB": 100}
    assert nested.decode(nested.encode(values)) == values
    values = {"Outer": 3, "Other": 0x1234, "Second": 0, "SecondA": 1}
    assert nested.encode(values).hex() == "0312340001000000"
    assert nested.signal_raw("Leaf35")(nested.encode(values)) is None


def test_a_number_that_only_the_value_table_knows_selects_nothing_but_is_no_error(features: Database) -> None:
    announced = features.message("Announced").codec
    assert announced.decode(b"\x00\xff") == {"Page": 0}
    assert announced.encode({"Page": "Nothing"}) == b"\x00\x00"
    assert announced.encode({"Page": "Text", "Text": 1}) == b"\x04\x01"


def test_a_multiplexer_selects_by_its_physical_value(features: Database) -> None:
    shifted = features.message("Shifted").codec
    assert shifted.decode(b"\x01\x05\x06") == {"Kind": 4, "Four": 5}
    assert shifted.encode({"Kind": 6, "Six": 9}) == b"\x02\x00\x09"


@pytest.mark.parametrize("name", ["Cells", "Intel", "Wide"])
def test_a_short_payload_is_no_frame_of_the_message(features: Database, name: str) -> None:
    message = features.message(name)
    short = bytes(message.length - 1)
    reason = f"message '{name}' has {message.length} bytes, the frame has {len(short)}"
    assert message.codec.decodable(short) == reason
    for decode in (message.codec.decode, message.codec.decode_raw, message.codec.signal_raw(message.signals[0].name)):
        for _ in range(2):  # the first call compiles
            with pytest.raises(DecodeError, match=reason):
                decode(short)


def test_bytes_beyond_the_message_are_ignored(features: Database) -> None:
    for message in features.messages:
        payload = message.codec.encode({}, strict=False)
        assert message.codec.decode(payload + b"\xff\xff") == message.codec.decode(payload)
        for signal in message.signals:
            read = message.codec.signal_raw(signal.name)
            assert read(payload + b"\xff\xff") == read(payload)


def test_messages_without_signals_and_without_bytes(features: Database) -> None:
    assert features.message("Empty").codec.decode(b"") == {}
    assert features.message("Empty").codec.encode({}) == b""
    assert features.message("Bare").codec.encode({}) == bytes(4)
    assert features.message("Bare").codec.decodable(b"") is not None


def test_labels_are_values(features: Database) -> None:
    gearbox = features.message("Gearbox").codec
    assert gearbox.encode({"Gear": "D", "Twice": "On", "Ratio": 2.5}) == bytes([0b001_011, 5])
    assert gearbox.text("Gear", 3) == "D"
    assert gearbox.text("Gear", 5) is None


def test_a_label_of_two_raw_values_means_the_last(features: Database) -> None:
    gearbox = features.message("Gearbox").codec
    assert gearbox.decode_raw(gearbox.encode({"Gear": 0, "Twice": "Reserved", "Ratio": 0}))["Twice"] == 2


def test_the_value_table_may_exceed_the_range(features: Database) -> None:
    gearbox = features.message("Gearbox").codec
    for invalid in (7, 7.0, "Invalid"):
        assert gearbox.encode({"Gear": invalid, "Twice": 0, "Ratio": 0})[0] == 7
    with pytest.raises(ValueRangeError, match=r"'Gearbox\.Gear' takes 0 to 4, not 5"):
        gearbox.encode({"Gear": 5, "Twice": 0, "Ratio": 0})


INTEL = {"Bit": 1, "Nibble": 15, "Signed": -10, "Down": 3, "Whole": -100, "Byte": 0, "Narrow": 10}


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"Narrow": 9}, ValueRangeError, "'Intel.Narrow' takes 10 to 20, not 9"),
        ({"Narrow": 21}, ValueRangeError, "takes 10 to 20, not 21"),
        ({"Signed": 1013.6}, ValueRangeError, "takes -1034 to 1013.5 °C, not 1013.6"),
        ({"Nibble": 16}, ValueRangeError, "has 4 bits: raw values 0 to 15, not 16"),
        ({"Nibble": -1}, ValueRangeError, "raw values 0 to 15, not -1"),
        ({"Nibble": math.nan}, ValueRangeError, "cannot carry nan"),
        ({"Nibble": math.inf}, ValueRangeError, "cannot carry inf"),
        ({"Nibble": "On"}, ValueRangeError, "has no label 'On': it has no value table"),
        ({"Nibble": None}, ValueRangeError, r"takes a number, not None \(NoneType\)"),
        ({"Nibble": [1]}, ValueRangeError, r"takes a number, not \[1\] \(list\)"),
        ({"Nible": 1}, UnknownSignalError, "message 'Intel' has no signal 'Nible'; did you mean 'Nibble'"),
    ],
)
def test_strict_encoding_refuses(
    features: Database, change: dict[str, object], error: type[Exception], words: str
) -> None:
    codec = features.message("Intel").codec
    codec.encode(INTEL)
    with pytest.raises(error, match=words):
        codec.encode({**INTEL, **change})


def test_an_unknown_label_names_the_nearest(features: Database) -> None:
    with pytest.raises(ValueRangeError, match=r"has P, R, N, D, Invalid; did you mean 'Invalid'"):
        features.message("Gearbox").codec.encode({"Gear": "Invald", "Twice": 0, "Ratio": 0})


def test_strict_encoding_needs_exactly_the_selected_signals(features: Database) -> None:
    cells = features.message("Cells").codec
    for _ in range(2):
        with pytest.raises(UnknownSignalError, match="'Cells' needs a value of Cell1 too"):
            cells.encode({"Index": 1, "Always": 0})
        with pytest.raises(UnknownSignalError, match="carries no Cell0 with these multiplexer values"):
            cells.encode({"Index": 1, "Always": 0, "Cell1": 1, "Cell0": 1})
        with pytest.raises(UnknownSignalError, match="needs a value of Index too"):
            cells.encode({"Always": 0})
        with pytest.raises(ValueRangeError, match=r"'Cells\.Index' has number 7; known are 0, 1, 2"):
            features.message("Cells").codec.encode_raw({"Index": 7, "Always": 0})


def test_the_edges_of_a_range_belong_to_it(features: Database) -> None:
    codec = features.message("Intel").codec
    for name, values in (("Narrow", (10, 20)), ("Signed", (-1034, 1013.5)), ("Down", (-124.75, 3))):
        for value in values:
            assert codec.decode(codec.encode({**INTEL, name: value}))[name] == value


def test_values_round_to_the_nearest_step(features: Database) -> None:
    codec = features.message("Intel").codec
    assert codec.decode(codec.encode({**INTEL, "Nibble": 3.6, "Byte": -0.4, "Whole": -97.0}))["Nibble"] == 4
    assert codec.decode(codec.encode({**INTEL, "Whole": -97.0}))["Whole"] == -96
    assert codec.encode({**INTEL, "Nibble": 3.0}) == codec.encode({**INTEL, "Nibble": 3})


def test_a_millionth_of_a_step_outside_the_range_is_forgiven(features: Database) -> None:
    codec = features.message("Intel").codec
    assert codec.encode({**INTEL, "Signed": -1034 - 4e-7}) == codec.encode({**INTEL, "Signed": -1034})
    with pytest.raises(ValueRangeError, match="takes -1034"):
        codec.encode({**INTEL, "Signed": -1034 - 6e-7})


def test_a_long_scaled_value_that_rounds_beyond_its_bits_is_refused_and_spares_its_neighbour() -> None:
    long, neighbour = SignalDef("Long", "M", 0, 60, scale=0.1), SignalDef("Neighbour", "M", 60, 4)
    codec = MessageDef("M", 1, 8, (long, neighbour)).codec
    with pytest.raises(ValueRangeError, match="60 bits"):
        codec.encode({"Long": long.to_physical(2**60 - 1), "Neighbour": 0})
    assert codec.encode({"Long": 0.3, "Neighbour": 15}).hex() == "03000000000000f0"


def test_a_multiplexer_with_a_fractional_scale_selects_by_the_whole_part() -> None:
    page = SignalDef("Page", "M", 0, 8, scale=0.5, is_multiplexer=True)
    one = SignalDef("One", "M", 8, 8, multiplexer="Page", multiplexer_ids=(1,))
    codec = MessageDef("M", 1, 2, (page, one)).codec
    assert codec.decode(b"\x03\x07") == {"Page": 1.5, "One": 7}
    assert codec.encode({"Page": 1.5, "One": 7}) == b"\x03\x07"
    assert codec.signal_raw("One")(b"\x03\x07") == 7


def test_force_sends_as_far_as_the_bits_go(features: Database) -> None:
    codec = features.message("Intel").codec
    forced = codec.decode(codec.encode({"Narrow": 300, "Nibble": -5, "Signed": math.inf, "More": 1}, strict=False))
    assert (forced["Narrow"], forced["Nibble"], forced["Signed"]) == (255, 0, 1013.5)
    assert codec.decode(codec.encode({}, strict=False))["Narrow"] == 10, "a missing value is the start value"
    cells = features.message("Cells").codec
    assert cells.encode({"Index": 9, "Cell0": 1}, strict=False)[:3] == b"\x09\x00\x00"


@given(st.dictionaries(st.sampled_from([*INTEL, "Unknown"]), st.floats(allow_nan=False) | st.integers()))
def test_force_never_fails_on_a_number(values: dict[str, int | float]) -> None:
    assert len(load_database(FEATURES).message("Intel").codec.encode(values, strict=False)) == 8


def test_floats_are_refused_only_beyond_their_format_or_range(features: Database) -> None:
    codec = features.message("Floats").codec
    values = {"Half": 1.5, "Single": -1000, "Double": math.inf, "Scaled": 7, "Skewed": math.nan}
    decoded = codec.decode(codec.encode(values))
    assert math.isnan(decoded.pop("Skewed"))
    assert decoded == {"Half": 1.5, "Single": -1000.0, "Double": math.inf, "Scaled": 7.0}
    for name, value, words in (
        ("Half", 65505.0, "16 bits signed float"),
        ("Single", 1000.1, "takes -1000 to 1000"),
        ("Single", math.nan, "takes -1000 to 1000"),
        ("Skewed", 1e39, "32 bits signed float"),
    ):
        with pytest.raises(ValueRangeError, match=words):
            codec.encode({**values, name: value})
    assert codec.decode(codec.encode({"Half": 1e9}, strict=False))["Half"] == 65504.0


def test_whole_64_bit_values_survive(features: Database) -> None:
    codec = features.message("Wide").codec
    values = {signal.name: signal.to_physical(signal.start_raw) for signal in features.message("Wide").signals}
    values |= {"Long": 2**64 - 1, "LongSigned": -(2**55)}
    assert codec.decode(codec.encode(values)) == values
    with pytest.raises(ValueRangeError, match="64 bits"):
        codec.encode({**values, "Long": 2**64})


def test_a_writer_changes_its_own_bits_only_and_refuses_what_does_not_fit(features: Database) -> None:
    for message in features.messages:
        for signal in message.signals:
            for background in (b"\x00", b"\xff"):
                raw = signal.raw_range[1] if not signal.is_float else 1.0
                wanted = bytearray(background * message.length)
                write_raw(signal, wanted, raw)
                data = bytearray(background * message.length)
                message.codec.writer(signal.name)(data, raw)
                assert data == wanted, signal.full_name
            if not signal.is_float:
                with pytest.raises(ValueRangeError, match="raw values"):
                    message.codec.writer(signal.name)(data, signal.raw_range[1] + 1)


def test_an_unknown_signal_is_named(features: Database) -> None:
    codec = features.message("Intel").codec
    for use in (codec.signal_raw, codec.writer, lambda name: codec.text(name, 0)):
        with pytest.raises(UnknownSignalError, match="did you mean 'Nibble'"):
            use("Nibbel")


def test_a_decoder_kept_from_before_its_first_call_still_works(features: Database) -> None:
    message = MessageDef("M", 1, 1, (SignalDef("S", "M", start=0, length=8),))
    decode, encode = message.codec.decode, message.codec.encode
    assert [decode(b"\x05"), decode(b"\x06")] == [{"S": 5}, {"S": 6}]
    assert [encode({"S": 5}), encode({"S": 6}), encode({"S": 999}, strict=False)] == [b"\x05", b"\x06", b"\xff"]
