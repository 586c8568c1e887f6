"""The fast way of a value into a payload and out of it agrees with the definition's own."""

from __future__ import annotations

import math

from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.errors import ValueRangeError
from harness.restbus.slots import quick_to_raw, reader_of
from harness.signals.definitions import MessageDef, SignalDef


@st.composite
def signals(draw: st.DrawFn) -> SignalDef:
    is_float = draw(st.booleans()) and draw(st.booleans())
    length = draw(st.sampled_from([32, 64])) if is_float else draw(st.integers(1, 64))
    scale: float = draw(st.sampled_from([1, 1, 2, 5, 0.1, 0.5, 0.001, 1e-7, -1, -0.25]))
    offset: float = draw(st.sampled_from([0, 0, -40, 7, -0.5, 1000.25]))
    if isinstance(scale, float) or isinstance(offset, float):
        scale, offset = float(scale), float(offset)
    bounds = draw(st.one_of(st.none(), st.tuples(st.integers(-300, 300), st.integers(0, 1000))))
    return SignalDef(
        "Signal",
        "Message",
        start=0,
        length=length,
        signed=not is_float and draw(st.booleans()),
        is_float=is_float,
        scale=scale,
        offset=offset,
        minimum=bounds[0] if bounds else None,
        maximum=bounds[0] + bounds[1] if bounds else None,
        choices=draw(st.sampled_from([{}, {0: "Off", 1: "On"}, {0: "On", 1: "Off", 300: "Off", 400: "On"}])),
    )


VALUES = st.one_of(
    st.integers(-1100, 1100),
    st.integers(-(1 << 66), 1 << 66),
    st.floats(-1100, 1100),
    st.floats(),
    st.booleans(),
    st.sampled_from(["Off", "On", "Unknown", None, 1 << 53]),
)


@settings(max_examples=1000, deadline=None)
@given(signals(), VALUES)
@example(SignalDef("Signal", "Message", start=0, length=8), math.inf)
@example(SignalDef("Signal", "Message", start=0, length=8, scale=2), 2.5)
def test_to_raw(signal: SignalDef, value: object) -> None:
    try:
        expected = signal.to_raw(value)
    except ValueRangeError as error:
        refused: ValueRangeError | None = error
    else:
        refused = None
    try:
        raw = quick_to_raw(signal)(value)
    except ValueRangeError as error:
        assert refused is not None
        assert str(error) == str(refused)
    else:
        assert refused is None
        assert (raw, type(raw)) == (expected, type(expected)) or (math.isnan(raw) and math.isnan(expected))


@settings(max_examples=300, deadline=None)
@given(signals(), st.binary(min_size=8, max_size=8))
def test_reading(signal: SignalDef, data: bytes) -> None:
    message = MessageDef("Message", 0x123, 8, (signal,))
    expected = message.codec.decode(data)["Signal"]
    value = reader_of(message, "Signal")(data)
    assert value is not None
    assert (value, type(value)) == (expected, type(expected)) or (math.isnan(value) and math.isnan(expected))
