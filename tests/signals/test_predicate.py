"""Predicates on samples: quantisation, units, three-valued logic, margins, and that no verdict is lost in a bool."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.errors import HarnessError, PredicateTruthError, SignalError, UnitError, ValueRangeError
from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.live import LiveSignal, Sample
from harness.signals.predicate import Predicate
from harness.units import K, V, degC, kmh, mps, ms, percent, s
from tests.signals.small_car import SmallCar

car = SmallCar()
pedal = car.powertrain.signal("BrakePedal")
accelerator = car.powertrain.signal("Accelerator")
speed = car.powertrain.signal("Speed")
cluster_speed = car.body.signal("Cluster.Speed")
temperature = car.powertrain.signal("Temperature")
steps = car.powertrain.signal("Steps")
torque = car.powertrain.signal("Torque")
lamp = car.powertrain.signal("BrakeLamp")
gear = car.powertrain.signal("Gear")
cluster_gear = car.body.signal("Cluster.Gear")


def sample(signal: LiveSignal, raw: float, time: int = 0) -> Sample:
    definition = signal.definition
    return Sample(time, raw, definition.to_physical(raw), definition.text(raw))


def samples(*values: tuple[LiveSignal, float | None], time: int = 0) -> dict[str, Sample | None]:
    return {signal.path: None if raw is None else sample(signal, raw, time) for signal, raw in values}


# -- comparisons -------------------------------------------------------------------------------------------------------


@given(st.integers(0, 65535), st.integers(0, 65535), st.floats(-0.49, 0.49))
def test_a_number_is_compared_as_if_it_had_been_sent(raw: int, wanted: int, off: float) -> None:
    number = (wanted + off) * 0.01
    assume(0 <= number <= 655.35)
    now = samples((speed, raw))
    assert (speed == number).holds(now) is (raw == wanted)
    assert (speed != number).holds(now) is (raw != wanted)
    assert (speed < number).holds(now) is (raw < wanted)
    assert (speed <= number).holds(now) is (raw <= wanted)
    assert (speed > number).holds(now) is (raw > wanted)
    assert (speed >= number).holds(now) is (raw >= wanted)


@given(st.integers(0, 250), st.floats(0, 100))
def test_exactly_one_of_less_equal_and_greater_holds(raw: int, number: float) -> None:
    now = samples((pedal, raw))
    assert [(pedal < number).holds(now), (pedal == number).holds(now), (pedal > number).holds(now)].count(True) == 1
    assert (pedal <= number).holds(now) is not (pedal > number).holds(now)
    assert (pedal >= number).holds(now) is not (pedal < number).holds(now)


@given(st.floats(allow_nan=False, allow_infinity=False, width=64), st.integers(0, 2**32 - 1))
def test_a_float_signal_equals_what_its_bits_make_of_a_number(number: float, bits: int) -> None:
    assume(abs(number) <= 3.4e38)
    sent = struct.unpack("<f", struct.pack("<f", number))[0]
    assert (torque == number).holds(samples((torque, sent))) is True
    other = struct.unpack("<f", struct.pack("<I", bits))[0]
    if math.isfinite(other) and abs(other - number) > abs(number) * 1e-6 + 1e-44:
        assert (torque == number).holds(samples((torque, other))) is False


@given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_whole_numbers_of_64_bits_are_compared_exactly(raw: int, wanted: int) -> None:
    wide = SignalDef("Wide", "Wide", 0, 64)
    live = LiveSignal(car.powertrain, MessageDef("Wide", 0x300, 8, (wide,)), wide)
    assert (live == wanted).holds(samples((live, raw))) is (raw == wanted)
    assert (live < wanted).holds(samples((live, raw))) is (raw < wanted)


def test_units_are_converted_and_others_refused() -> None:
    assert (speed == 10 * mps).holds(samples((speed, 3600))) is True
    assert (temperature >= 293.15 * K).holds(samples((temperature, 60))) is True
    assert (temperature > 293.15 * K).holds(samples((temperature, 60))) is False
    assert (5 * kmh < speed).describe() == "Speed > 5 km/h"
    with pytest.raises(UnitError, match="voltage"):
        _ = speed > 5 * V


@pytest.mark.parametrize(
    "compare", [speed.__eq__, speed.__lt__, lambda x: speed.between(0, x), lambda x: speed.near(x, 1)]
)
@pytest.mark.parametrize("value", [None, [1], math.nan, math.inf, b"1", object()])
def test_what_is_no_value_is_refused_at_once(compare: Callable[[object], object], value: object) -> None:
    with pytest.raises(ValueRangeError):
        compare(value)


def test_equality_with_what_the_bits_cannot_hold_is_refused_at_once() -> None:
    with pytest.raises(ValueRangeError, match=r"Steps can never be 128: its bits hold -128 to 127"):
        _ = steps == 128
    assert (steps == 127.4).holds(samples((steps, 127))) is True
    assert (steps < 1000).holds(samples((steps, 127))) is True


@pytest.mark.parametrize("impossible", [lambda: steps > 1000, lambda: steps >= 128, lambda: steps < -129])
def test_what_can_never_hold_is_refused_at_once(impossible: Callable[[], object]) -> None:
    with pytest.raises(ValueRangeError, match=r"Steps can never be [<>]"):
        impossible()


def test_labels() -> None:
    assert (lamp == "On").holds(samples((lamp, 1))) is True
    assert (lamp == "On").holds(samples((lamp, 0))) is False
    assert (lamp != "On").holds(samples((lamp, 0))) is True
    assert (gear == "D").holds(samples((gear, 5))) is False
    assert (gear == 3).holds(samples((gear, 3))) is True
    assert (lamp == True).holds(samples((lamp, 1))) is True  # noqa: E712
    with pytest.raises(ValueRangeError, match=r"no label 'on'.*did you mean 'On'"):
        _ = lamp == "on"
    with pytest.raises(ValueRangeError, match="no value table"):
        _ = speed == "fast"
    with pytest.raises(ValueRangeError, match="labels have no order"):
        _ = gear > "R"


def test_not_available_is_no_number() -> None:
    assert (pedal >= 3).holds(samples((pedal, 255))) is None
    assert (pedal < 3).holds(samples((pedal, 255))) is None
    assert (pedal == "SNA").holds(samples((pedal, 255))) is True
    assert (pedal >= 3).holds(samples((pedal, 250))) is True
    assert (pedal >= 3).margin(samples((pedal, 255))) is None
    assert (torque != 3).holds(samples((torque, math.nan))) is None


@pytest.mark.parametrize(
    ("middle", "tolerance", "inside", "outside"),
    [
        (50, 1, (4900, 5100), (4899, 5101)),
        (50, 0, (5000, 5000), (4999, 5001)),
        (50 * kmh, 1 * mps, (4640, 5360), (4639, 5361)),
    ],
)
def test_near(middle: float, tolerance: float, inside: tuple[int, int], outside: tuple[int, int]) -> None:
    assert [speed.near(middle, tolerance).holds(samples((speed, raw))) for raw in inside] == [True, True]
    assert [speed.near(middle, tolerance).holds(samples((speed, raw))) for raw in outside] == [False, False]


def test_a_tolerance_of_kelvin_is_a_span() -> None:
    near = temperature.near(20 * degC, 2 * K)
    assert [near.holds(samples((temperature, raw))) for raw in (57, 58, 62, 63)] == [False, True, True, False]
    assert near.describe() == "Temperature == 20 ± 2 degC"
    with pytest.raises(ValueRangeError, match="tolerance is 0 or more"):
        temperature.near(20, -1)


def test_between_includes_both_limits() -> None:
    between = speed.between(10 * kmh, 20 * kmh)
    assert [between.holds(samples((speed, raw))) for raw in (999, 1000, 2000, 2001)] == [False, True, True, False]
    assert between.describe() == "Speed between 10 and 20 km/h"
    with pytest.raises(ValueRangeError, match="lower limit first"):
        speed.between(20, 10)


# -- two signals -------------------------------------------------------------------------------------------------------


def test_two_signals_on_one_grid_are_equal_only_in_the_same_step() -> None:
    same = pedal == accelerator
    assert same.holds(samples((pedal, 7), (accelerator, 7))) is True
    assert same.holds(samples((pedal, 7), (accelerator, 8))) is False
    assert (pedal < accelerator).holds(samples((pedal, 7), (accelerator, 8))) is True
    assert same.holds(samples((pedal, 7), (accelerator, None))) is None
    assert same.describe() == "BrakePedal == Accelerator"


@given(st.floats(0, 500))
def test_two_signals_that_carry_the_same_true_value_are_equal_across_units(true: float) -> None:
    raw, other = round(true / 0.01), round(true / 3.6 / 0.1)
    now = samples((speed, raw), (cluster_speed, other))
    assert (speed == cluster_speed).holds(now) is True
    assert (cluster_speed == speed).holds(now) is True
    assert (speed == cluster_speed).holds(samples((speed, raw), (cluster_speed, other + 2))) is False


def test_two_signals_of_different_kinds_are_refused() -> None:
    with pytest.raises(UnitError):
        _ = speed == torque


def test_two_enumerations_are_equal_when_they_show_the_same_label() -> None:
    same = gear == cluster_gear
    assert same.holds(samples((gear, 3), (cluster_gear, 4))) is True
    assert same.holds(samples((gear, 3), (cluster_gear, 3))) is False
    assert (gear != cluster_gear).holds(samples((gear, 3), (cluster_gear, 3))) is True
    assert same.describe() == "powertrain.Lamps.Gear == body.Cluster.Gear"


# -- logic -------------------------------------------------------------------------------------------------------------

VALUES = (True, False, None)


def fixed(signal: LiveSignal, truth: bool | None) -> tuple[Predicate, dict[str, Sample | None]]:
    return signal == 1, samples((signal, None if truth is None else int(truth)))


@pytest.mark.parametrize(("left", "right"), list(product(VALUES, VALUES)))
def test_logic_is_that_of_kleene(left: bool | None, right: bool | None) -> None:
    order = {False: 0, None: 1, True: 2}
    truth = {rank: value for value, rank in order.items()}
    (first, one), (second, two) = fixed(lamp, left), fixed(steps, right)
    now = one | two
    assert (first & second).holds(now) is truth[min(order[left], order[right])]
    assert (first | second).holds(now) is truth[max(order[left], order[right])]
    assert (~first).holds(now) is truth[2 - order[left]]


def test_combinations_describe_themselves() -> None:
    braking, fast, on = pedal >= 3 * percent, speed > 5, lamp == "On"
    assert (braking & fast & on).describe() == "BrakePedal >= 3 % and Speed > 5 km/h and BrakeLamp == On"
    assert ((braking | fast) & ~on).describe() == "(BrakePedal >= 3 % or Speed > 5 km/h) and not (BrakeLamp == On)"
    assert repr(~~on) == "BrakeLamp == On"
    assert [signal.short_name for signal in (braking & fast & (pedal < 50)).signals] == ["BrakePedal", "Speed"]
    with pytest.raises(TypeError):
        _ = braking & True  # type: ignore[operator]


# -- margins -----------------------------------------------------------------------------------------------------------


def predicates() -> st.SearchStrategy[Predicate]:
    numbers = st.floats(0, 100)
    simple = st.one_of(
        st.builds(lambda number: pedal == number, numbers),
        st.builds(lambda number: pedal != number, numbers),
        st.builds(lambda number: pedal < number, numbers),
        st.builds(lambda number: pedal <= number, numbers),
        st.builds(lambda number: pedal > number, numbers),
        st.builds(lambda number: pedal >= number, numbers),
        st.builds(lambda low, span: pedal.between(low, low + span), numbers, numbers),
        st.builds(lambda middle, span: pedal.near(middle, span), numbers, numbers),
        st.builds(lambda number: number > accelerator, numbers),
        st.just(pedal <= accelerator),
    )
    return st.recursive(
        simple,
        lambda inner: st.one_of(
            inner.map(lambda p: ~p),
            st.builds(lambda a, b: a & b, inner, inner),
            st.builds(lambda a, b: a | b, inner, inner),
        ),
        max_leaves=4,
    )


@given(predicates(), st.integers(0, 250), st.integers(0, 250))
def test_the_sign_of_the_margin_is_the_verdict(predicate: Predicate, one: int, other: int) -> None:
    now = samples((pedal, one), (accelerator, other))
    margin = predicate.margin(now)
    assert margin is not None
    assert margin >= 0 if predicate.holds(now) else margin <= 0
    assert (~predicate).margin(now) == -margin


def test_margins_are_distances_to_the_limit() -> None:
    now = samples((speed, 700), (pedal, 10), (lamp, 1))
    assert (speed >= 5).margin(now) == pytest.approx(2)
    assert (speed < 5).margin(now) == pytest.approx(-2)
    assert (speed == 5).margin(now) == pytest.approx(-2)
    assert (speed == 7).margin(now) == pytest.approx(0)
    assert speed.between(5, 8).margin(now) == pytest.approx(1)
    assert speed.near(6.5, 2).margin(now) == pytest.approx(1.5)
    assert ((speed >= 5) & (speed <= 7.5)).margin(now) == pytest.approx(0.5)
    assert ((speed >= 5) & (pedal >= 3)).margin(now) is None
    assert ((speed >= 5) & (pedal >= 3)).unit == ""
    assert (speed >= 5).unit == "km/h"
    assert (lamp == "On").margin(now) is None
    assert (speed == 7.004).margin(now) == (speed != 7.004).margin(now) == (speed >= 7.004).margin(now) == 0
    assert (speed < 7.004).margin(now) == (speed > 6.996).margin(now) == 0
    assert (speed >= 5).margin({}) is None


# -- edges -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "frm", "expected"),
    [(None, None, "01 10 03"), ("R", None, "01"), (None, "P", "01 03"), ("P", "R", "10"), (3, 0, "03"), ("D", "R", "")],
)
def test_changes(to: str | int | None, frm: str | int | None, expected: str) -> None:
    predicate = gear.changes(to=to, frm=frm)
    assert predicate.is_edge
    found = [
        f"{was}{now}"
        for was, now in [(0, 0), (0, 1), (1, 1), (1, 0), (0, 3)]
        if predicate.holds(samples((gear, now)), samples((gear, was)))
    ]
    assert found == expected.split()


def test_the_first_value_is_no_change() -> None:
    assert lamp.changes().holds(samples((lamp, 1)), samples((lamp, None))) is None
    assert lamp.changes().holds(samples((lamp, None)), samples((lamp, 1))) is None
    assert lamp.changes().holds(samples((lamp, 1))) is None
    assert torque.changes().holds(samples((torque, math.nan)), samples((torque, math.nan))) is False


def test_a_change_to_a_label_comes_from_another_label() -> None:
    choices = {0: "Off", 1: "On", 2: "On"}
    definition = SignalDef("Fan", "Fans", 0, 2, choices=choices)
    fan = LiveSignal(car.powertrain, MessageDef("Fans", 0x302, 1, (definition,)), definition)
    again, other = samples((fan, 2)), samples((fan, 0))
    assert fan.changes(to="On").holds(again, samples((fan, 1))) is False
    assert fan.changes(frm="On").holds(again, samples((fan, 1))) is False
    assert fan.changes(to="On").holds(again, other) is True
    assert fan.changes(frm="On").holds(other, again) is True
    assert fan.changes().holds(again, samples((fan, 1))) is True


def test_changes_describes_itself_and_checks_its_values() -> None:
    assert lamp.changes(to="On", frm="Off").describe() == "BrakeLamp changes from Off to On"
    assert speed.changes(to=10 * mps).describe() == "Speed changes to 36 km/h"
    with pytest.raises(ValueRangeError, match="did you mean 'On'"):
        lamp.changes(to="Onn")
    with pytest.raises(UnitError):
        speed.changes(frm=3 * V)


def test_received() -> None:
    received = lamp.received()
    assert received.is_edge
    assert received.holds(samples((lamp, 1), time=2), samples((lamp, 1), time=1)) is True
    assert received.holds(samples((lamp, 1), time=1), samples((lamp, 1), time=1)) is False
    assert received.holds(samples((lamp, 1))) is True
    assert received.holds({}) is False
    assert received.describe() == "BrakeLamp is received"


# -- no truth value ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: bool(lamp == "Off"),
        lambda: not (lamp == "Off"),  # noqa: SIM201
        lambda: 5 < speed < 10,
        lambda: (speed > 5) and (lamp == "On"),
        lambda: (speed > 5) if (lamp == "On") else None,
        lambda: lamp in ["Off"],
        lambda: (lamp == "Off") in [True],
        lambda: (lamp == "Off") != False,  # noqa: E712
        lambda: (lamp == "Off") == (speed > 5),
        lambda: [predicate for predicate in [lamp.changes()] if predicate],
    ],
)
def test_a_predicate_has_no_truth_value_and_shows_the_right_form(misuse: Callable[[], object]) -> None:
    with pytest.raises(PredicateTruthError, match=r"bench\.expect\(.*within=80 \* ms\)") as caught:
        misuse()
    assert isinstance(caught.value, (HarnessError, TypeError))
    assert isinstance(caught.value, SignalError)


@pytest.mark.parametrize(
    "misuse",
    [
        lambda: pedal > 3 & (lamp == "On"),
        lambda: pedal > 3 & lamp == "On",
        lambda: (pedal > 3) & lamp == "On",
        lambda: lamp == "On" | (pedal > 3),
        lambda: pedal > 3 >> (lamp == "On"),
        lambda: (pedal > 3) >> lamp == "On",
        lambda: ~pedal > 3,
        lambda: abs(pedal) > 3 | lamp == "On",
    ],
)
def test_forgotten_parentheses_are_told(misuse: Callable[[], object]) -> None:
    with pytest.raises(PredicateTruthError, match=r"in parentheses: \(speed > 5 \* kmh\) & "):
        misuse()


def test_assert_on_a_predicate_raises_instead_of_passing() -> None:
    with pytest.raises(PredicateTruthError, match="'BrakeLamp == Off' has no truth value"):
        assert lamp == "Off"


@given(predicates())
def test_predicates_are_pure(predicate: Predicate) -> None:
    now = samples((pedal, 3), (accelerator, 4))
    before = dict(now)
    assert predicate.holds(now) is predicate.holds(now)
    assert now == before
    assert isinstance(predicate.describe(), str)


def test_durations_fit_signals_of_time() -> None:
    delay = SignalDef("Delay", "Timing", 0, 16, unit="ms")
    live = LiveSignal(car.powertrain, MessageDef("Timing", 0x301, 2, (delay,)), delay)
    assert (live == 80 * ms).holds(samples((live, 80))) is True
    assert (live <= 1.5 * s).describe() == "Delay <= 1500 ms"
