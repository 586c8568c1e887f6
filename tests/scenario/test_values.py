"""Values that a signal can be set to: every one is allowed and exact, and the limits are among them."""

from __future__ import annotations

import math
import struct
from pathlib import Path

import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from harness.errors import UnitError, ValueRangeError
from harness.loop import Loop
from harness.scenario import values
from harness.signals.database import Database, load_database
from harness.signals.definitions import MessageDef, SignalDef, Value
from harness.signals.network import Network
from harness.units import V, kmh, mps

GEAR = SignalDef("Gear", "Lever", 0, 3, choices={0: "P", 1: "R", 2: "N", 3: "D", 7: "Invalid"}, maximum=3, minimum=0)
SPEED = SignalDef("Speed", "Motion", 0, 16, scale=0.01, minimum=0, maximum=300, unit="km/h", choices={65535: "SNA"})
TORQUE = SignalDef("Torque", "Motion", 0, 32, is_float=True, minimum=-300, maximum=300, unit="Nm")


@st.composite
def definitions(draw: st.DrawFn) -> SignalDef:
    """Signals as databases have them: any length, sign, scale, and a range that may be missing, odd or impossible."""
    length = draw(st.integers(1, 64))
    scale = draw(st.sampled_from([1, 2, 0.5, 0.1, 0.01, 0.4, 1e-5, -1, -0.25, 3]))
    offset = draw(st.sampled_from([0, -40, 0.5, 1000, -273.15]))
    limits = st.none() | st.integers(-1000, 70000) | st.floats(-1000, 70000)
    minimum, maximum = draw(limits), draw(limits)
    if minimum is not None and maximum is not None and minimum > maximum:
        minimum, maximum = maximum, minimum
    return SignalDef(
        "Any",
        "Message",
        0,
        length,
        signed=draw(st.booleans()),
        scale=scale,
        offset=offset,
        minimum=minimum,
        maximum=maximum,
    )


@given(definitions(), st.data())
def test_every_value_is_allowed_and_carried_exactly(definition: SignalDef, data: st.DataObject) -> None:
    low, high = definition.physical_range
    try:
        strategy = values(definition)
    except ValueRangeError:
        # Only where the declared range lies between two steps, or beyond the bits.
        assert high - low < abs(definition.scale)
        return
    value = data.draw(strategy)
    assert isinstance(value, (int, float))
    slack = abs(definition.scale) * 1e-6
    assert low - value <= slack and value - high <= slack  # whole numbers beyond 2**53 stay exact
    declared = (definition.minimum, definition.maximum)
    possible = [*map(definition.to_physical, definition.raw_range)]
    inside = all(limit is None or min(possible) <= limit <= max(possible) for limit in declared)
    raw = definition.to_raw(value, strict=inside)
    assert definition.to_physical(raw) == value


@pytest.mark.parametrize(
    ("definition", "lowest", "highest"),
    [
        (SPEED, 0.0, 300.0),
        (TORQUE, -300.0, 300.0),
        (GEAR, 0, 3),
        (SignalDef("Wide", "M", 0, 64, signed=True), -(2**63), 2**63 - 1),
        (SignalDef("Falling", "M", 0, 8, scale=-0.5, offset=10), -117.5, 10.0),
        (SignalDef("Tenth", "M", 0, 8, scale=0.1, minimum=0.3, maximum=0.7), 0.30000000000000004, 0.7000000000000001),
        (SignalDef("BetweenSteps", "M", 0, 8, minimum=0.5, maximum=9.5), 1, 9),
        (SignalDef("Impossible", "M", 0, 8, minimum=1000, maximum=2000), 0, 255),
    ],
)
def test_limits_come_often_and_nothing_is_beyond_them(definition: SignalDef, lowest: float, highest: float) -> None:
    drawn: list[Value] = []

    @settings(max_examples=200, derandomize=True, database=None)
    @given(values(definition), st.integers())  # no case comes twice: the number makes equal values different cases
    def collect(value: Value, _: int) -> None:
        drawn.append(value)

    collect()
    assert (min(drawn), max(drawn)) == (lowest, highest)
    assert drawn.count(lowest) > 10
    assert drawn.count(highest) > 10


def test_exact_limits_of_a_speed() -> None:
    assert find(values(SPEED), lambda value: value > 299.995) == 300.0
    assert find(values(SPEED), lambda value: True) == 0.0
    assert find(values(SPEED, minimum=10 * mps, maximum=50 * kmh), lambda value: True) == pytest.approx(36.0)
    assert find(values(SPEED, minimum=12.345), lambda value: True) == pytest.approx(12.35)


@given(values(SPEED, minimum=1.0 * mps, maximum=5.004))
def test_minimum_and_maximum_narrow_the_range(value: float) -> None:
    assert 3.6 - 1e-9 <= value <= 5.0 + 1e-9


@given(values(TORQUE))
def test_floats_are_what_the_bits_make_of_them(value: float) -> None:
    assert -300 <= value <= 300
    assert struct.unpack("<f", struct.pack("<f", value))[0] == value


@given(values(SignalDef("F", "M", 0, 32, is_float=True, minimum=0, maximum=0.1)))
def test_floats_are_not_rounded_beyond_the_limit(value: float) -> None:
    assert 0 <= value <= 0.1 < struct.unpack("<f", struct.pack("<f", 0.1))[0]


@given(st.sampled_from([16, 32, 64]), st.data())
def test_floats_without_a_range_are_finite(length: int, data: st.DataObject) -> None:
    value = data.draw(values(SignalDef("F", "M", 0, length, is_float=True)))
    assert isinstance(value, float)
    assert math.isfinite(value)


def test_labels_on_request() -> None:
    @given(values(GEAR, labels=True, exclude=["Invalid", "R"]), values(GEAR, labels=True), values(GEAR))
    def check(forward: Value, label: Value, number: Value) -> None:
        assert forward in ("P", "N", "D")
        assert label in GEAR.choices.values()
        assert number in (0, 1, 2, 3)

    check()
    assert find(values(GEAR, labels=True), lambda label: label == "Invalid") == "Invalid"
    assert find(values(GEAR, labels=True, minimum=1), lambda label: True) == "R"


@given(values(GEAR, exclude=["P", "D"]))
def test_excluded_labels_are_excluded_as_numbers_too(number: Value) -> None:
    assert number in (1, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"minimum": 301}, "no value left between 301 and 300 km/h"),
        ({"minimum": 1.001, "maximum": 1.009}, "no value left between 1.001 and 1.009 km/h"),
        ({"exclude": ["SNB"]}, "no label 'SNB'.*did you mean 'SNA'"),
        ({"labels": True, "exclude": ["SNA"]}, "no label to choose from but SNA"),
    ],
)
def test_what_leaves_nothing_is_refused_at_once(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueRangeError, match=message):
        values(SPEED, **arguments)  # type: ignore[arg-type]


def test_all_numbers_excluded_is_refused() -> None:
    with pytest.raises(ValueRangeError, match="no value left"):
        values(GEAR, exclude=["P", "R", "N", "D"])


def test_a_quantity_of_another_kind_is_refused() -> None:
    with pytest.raises(UnitError, match=r"minimum of Motion\.Speed"):
        values(SPEED, minimum=3 * V)


VEHICLE = [
    signal
    for path in sorted((Path(__file__).parents[2] / "dbc").glob("*.dbc"))
    for message in load_database(path).messages
    for signal in message.signals
]


@given(st.sampled_from(VEHICLE), st.data())
def test_every_signal_of_the_vehicle_has_values_that_it_can_send(signal: SignalDef, data: st.DataObject) -> None:
    value = data.draw(values(signal))
    raw = signal.to_raw(value)
    assert signal.to_physical(raw) == value
    if signal.choices:
        assert signal.text(signal.to_raw(data.draw(values(signal, labels=True)))) is not None


def test_a_live_signal_will_do() -> None:
    message = MessageDef("Motion", 0x100, 2, (SPEED,))
    network = Network("body", [Database(Path("car.dbc"), "", (), (message,))], Loop())
    assert find(values(network.signal("Speed"), minimum=5), lambda value: True) == 5.0
