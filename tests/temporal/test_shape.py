"""Shape checks on signals made for the purpose: what is so passes with the right measure, what is not fails in time."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ExpectationFailed, Inconclusive, UnitError, ValueRangeError
from harness.signals.column import SignalColumn
from harness.signals.definitions import SignalDef
from harness.signals.live import Sample
from harness.temporal.shape import Shape
from harness.units import Duration, Hz, K, V, degC, kmh, mps, ms, ns, percent, s

MS = 1_000_000
SPEED = SignalDef("Speed", "Motion", start=0, length=16, scale=0.01, unit="km/h", minimum=0, maximum=300)
TEMPERATURE = SignalDef(
    "Temperature", "Motion", 16, 8, offset=-40, unit="degC", choices={255: "SNA"}, minimum=-40, maximum=200
)
LAMP = SignalDef("Lamp", "Lamps", start=0, length=1, choices={0: "Off", 1: "On"})


def sampled(
    definition: SignalDef, value: Callable[[int], float], *, cycle: int = 10 * MS, end: int = 2_000 * MS
) -> list[Sample]:
    found = []
    for time in range(0, end + 1, cycle):
        raw = round((value(time) - definition.offset) / definition.scale)
        found.append(Sample(time, raw, definition.to_physical(raw), definition.text(raw)))
    return found


def speed(value: Callable[[int], float], **options: int) -> Shape:
    return Shape(SPEED, sampled(SPEED, value, **options))


def lamp(on: Callable[[int], bool], **options: int) -> Shape:
    return Shape(LAMP, sampled(LAMP, lambda time: int(on(time)), **options))


def test_a_column_is_looked_at_as_its_samples_are() -> None:
    raws = np.array([20, 60, 255, 60, 61], np.int64)
    column = SignalColumn(TEMPERATURE, np.arange(5, dtype=np.int64) * 10 * MS, raws, raws - 40)
    samples = [Sample(i * 10 * MS, raw, raw - 40, "SNA" if raw == 255 else None) for i, raw in enumerate(raws.tolist())]
    for begin, end, timeout in (
        (None, None, None),
        (10 * MS, None, None),
        (30 * MS, 45 * MS, None),
        (35 * MS, 90 * MS, 40),
    ):
        ours = Shape.of_column(column, begin, end, timeout=timeout).is_constant(20 * degC, tolerance=1 * K)
        assert ours == Shape(TEMPERATURE, samples, begin, end, timeout=timeout).is_constant(20 * degC, tolerance=1 * K)
    assert Shape.of_column(column, 30 * MS).is_constant(20 * degC, tolerance=1 * K)
    assert Shape.of_column(column).is_constant(20 * degC, tolerance=1 * K).at == 0
    switching = SignalColumn(
        LAMP, np.arange(40, dtype=np.int64) * 50 * MS, np.arange(40) // 5 % 2, np.arange(40) // 5 % 2
    )
    assert Shape.of_column(switching).has_frequency(2 * Hz, tolerance=0.1 * Hz, on="On")
    assert not Shape.of_column(switching).has_frequency(3 * Hz, tolerance=0.1 * Hz, on="On")


# -- constant, monotonic -----------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=30), st.integers(0, 3_000))
def test_constant_is_what_the_extremes_say(raws: list[int], tolerance: int) -> None:
    samples = [Sample(each * MS, raw, raw / 100, None) for each, raw in enumerate(raws)]
    spread = max(raws) - min(raws)
    result = Shape(SPEED, samples).is_constant(tolerance=tolerance / 100)
    assert result.passed is (spread <= max(tolerance, 0.5))
    assert result.measured == pytest.approx(spread / 100)
    around = Shape(SPEED, samples).is_constant(50 * kmh, tolerance=tolerance / 100)
    assert around.passed is (max(abs(raw - 5_000) for raw in raws) <= max(tolerance, 0.5))
    if around.passed is False:
        first = next(each for each, raw in enumerate(raws) if abs(raw - 5_000) > max(tolerance, 0.5))
        assert around.at == first * MS and around.margin is not None and around.margin < 0


def test_a_limit_between_two_steps_of_the_signal_is_the_nearest_step() -> None:
    assert speed(lambda time: 50.0).is_constant(50.004)
    assert not speed(lambda time: 50.0).is_constant(50.006)


def test_quantities_are_converted_and_spans_have_no_offset() -> None:
    assert speed(lambda time: 36.0).is_constant(10 * mps)
    warm = Shape(TEMPERATURE, sampled(TEMPERATURE, lambda time: 20 + time // (1_000 * MS)))
    assert warm.is_constant(tolerance=2 * K).measured == 2
    with pytest.raises(UnitError, match="voltage"):
        warm.is_constant(12 * V)


@given(st.lists(st.integers(0, 200), min_size=2, max_size=30), st.integers(0, 60))
def test_monotonic_is_never_back_by_more_than_the_tolerance(raws: list[int], tolerance: int) -> None:
    samples = [Sample(each * MS, raw, raw / 100, None) for each, raw in enumerate(raws)]
    fall = max(raws[i] - raws[j] for j in range(len(raws)) for i in range(j + 1))
    rise = max(raws[j] - raws[i] for j in range(len(raws)) for i in range(j + 1))
    shape = Shape(SPEED, samples)
    assert shape.is_monotonic(tolerance=tolerance / 100).passed is (fall <= max(tolerance, 0.5))
    assert shape.is_monotonic("falling", tolerance=tolerance / 100).passed is (rise <= max(tolerance, 0.5))


def test_one_sample_is_no_course() -> None:
    result = Shape(SPEED, [Sample(0, 0, 0.0, None)], 0, 100 * MS).is_monotonic()
    assert result.passed is None and "only one sample" in result.doubt


# -- step, ramp, settling, overshoot -----------------------------------------------------------------------------------


@given(st.integers(0, 150), st.integers(0, 20), st.integers(0, 200), st.integers(0, 250))
def test_a_step_is_found_where_it_was_made(at: int, rise: int, within: int, allowed: int) -> None:
    """From 0 to 50 km/h in ``rise`` cycles after ``at`` cycles."""
    start, length = at * 10 * MS, rise * 10 * MS

    def value(time: int) -> float:
        return 0.0 if time < start else 50.0 if time >= start + length else 1 + 40 * (time - start) / length

    shape = Shape(SPEED, sampled(SPEED, value, end=4_000 * MS))
    result = shape.is_step(
        0, 50 * kmh, within=Duration(within * 10 * MS), rise_within=Duration(allowed * MS), tolerance=0.5 * kmh
    )
    good = 0 < at <= within and length <= allowed * MS
    assert result.passed is good
    if good:
        assert result.measured == length
        rest = within * 10 * MS - start
        assert result.time_margin == (min(rest, allowed * MS - length) if allowed else rest)


def test_a_step_that_did_not_come_is_judged_by_how_long_one_looked() -> None:
    flat = speed(lambda time: 0.0, end=50 * MS)
    assert flat.is_step(0, 50, within=40 * ms).passed is False
    assert flat.is_step(0, 50, within=60 * ms).passed is None
    assert flat.is_step(0, 50).passed is False
    early = speed(lambda time: 50.0 if time >= 10 * MS else 0.0)
    assert early.is_step(0, 50, between=(20 * ms, 40 * ms)).passed is False
    with pytest.raises(ValueRangeError, match="no higher than its tolerances"):
        early.is_step(0, 1, tolerance=1)
    with pytest.raises(UnitError, match="not both"):
        early.is_step(0, 50, within=10 * ms, between=(10 * ms, 20 * ms))


@given(st.integers(0, 400), st.integers(100, 1_000), st.floats(0, 2), st.booleans())
def test_a_ramp_fits_as_well_as_its_noise(start: int, length: int, noise: float, down: bool) -> None:
    low, high = (80.0, 20.0) if down else (20.0, 80.0)

    def value(time: int) -> float:
        part = min(1.0, max(0.0, (time - start * MS) / (length * MS)))
        return low + part * (high - low) + (noise if time // (10 * MS) % 2 else -noise)

    result = speed(value).is_ramp(low, high, takes=length * ms, tolerance=3 * kmh)
    assert result.passed
    assert isinstance(result.measured, float) and result.measured <= noise + 0.011
    slow = speed(value).is_ramp(low, high, takes=(length + 400) * ms, tolerance=3 * kmh)
    assert not (slow.passed if slow.passed is not None else False)


def test_a_ramp_needs_samples_on_its_slope_and_an_end() -> None:
    step = speed(lambda time: 50.0 if time >= 1_000 * MS else 0.0)
    assert step.is_ramp(0, 50, takes=5 * ms, tolerance=1).passed is None
    endless = speed(lambda time: time / 1e7, end=400 * MS)
    assert "not over" in endless.is_ramp(0, 100, takes=1 * s, tolerance=1).doubt
    bent = speed(lambda time: min(time / 1e7, 50.0))
    result = bent.is_ramp(0, 100, takes=1 * s, tolerance=1)
    assert result.passed is False and "instead of" in result.actual


def damped(time: int) -> float:
    seconds = time / 1e9
    return 100 * (1 - math.exp(-5 * seconds) * math.cos(30 * seconds))


def test_settling_and_overshoot_of_a_damped_oscillation() -> None:
    shape = speed(damped)
    settled = max(time for time in range(0, 2_001 * MS, 10 * MS) if abs(damped(time) - 100) > 2) + 10 * MS
    result = shape.settles(100 * kmh, within=1 * s, tolerance=2 * kmh, hold=500 * ms)
    assert result and result.measured == settled and result.time_margin == 1_000 * MS - settled
    assert shape.settles(100, within=200 * ms, tolerance=2).passed is False
    assert shape.settles(100, within=1 * s, tolerance=2, hold=3 * s).passed is None
    assert speed(damped, end=300 * MS).settles(100, within=1 * s, tolerance=2).passed is None
    peak = max(damped(time) for time in range(0, 2_001 * MS, 10 * MS))
    over = shape.overshoots(at_most=80 * percent, to=100)
    assert over and over.measured == pytest.approx(peak - 100, abs=0.01)
    assert over.margin == pytest.approx(80 - (peak - 100), abs=0.01)
    less = shape.overshoots(at_most=10 * percent, frm=0, to=100)
    assert less.passed is False and less.margin is not None and less.margin < 0
    assert speed(lambda time: 50.0 if time else 0.0).overshoots(at_most=0 * percent).passed
    assert speed(lambda time: 50.0 if time else 0.0).overshoots(at_most=0 * percent, frm=0, to=49.996).passed
    assert not speed(lambda time: 50.0 if time else 0.0).overshoots(at_most=0 * percent, frm=0, to=49.994).passed
    assert "never came" in speed(lambda time: 50.0).overshoots(at_most=5 * percent, frm=0, to=100).doubt


# -- switching ---------------------------------------------------------------------------------------------------------


@given(st.integers(2, 40), st.data())
def test_frequency_and_duty_cycle_are_those_of_the_square_wave(period: int, data: st.DataObject) -> None:
    lit = data.draw(st.integers(1, period - 1))
    shape = lamp(lambda time: time // (10 * MS) % period < lit)
    wanted = 100 / period
    found = shape.has_frequency(wanted * Hz, tolerance=0.01 * Hz)
    assert found and found.measured == pytest.approx(wanted)
    assert shape.has_duty_cycle(100 * lit / period * percent, tolerance=0.1 * percent, on="On")
    assert not shape.has_frequency(wanted * 1.1 * Hz, tolerance=wanted * 0.05 * Hz)
    assert not shape.has_duty_cycle((100 * lit / period + 2) * percent, tolerance=1 * percent)


def test_a_missed_flash_is_found_although_the_mean_is_right() -> None:
    blinking = lamp(lambda time: time // (250 * MS) % 2 == 0 and not 900 * MS < time < 1_400 * MS, end=10_000 * MS)
    result = blinking.has_frequency(2 * Hz, tolerance=0.5 * Hz)
    assert result.passed is False and result.at == 500 * MS
    assert blinking.has_frequency(2 * Hz, tolerance=0.5 * Hz, over=10)


def test_what_stands_still_has_no_frequency() -> None:
    assert lamp(lambda time: False).has_frequency(2 * Hz, tolerance=0.5 * Hz).passed is False
    assert lamp(lambda time: False, end=500 * MS).has_frequency(2 * Hz, tolerance=0.5 * Hz).passed is None
    stops = lamp(lambda time: time < 1_000 * MS and time // (250 * MS) % 2 == 0)
    result = stops.has_frequency(2 * Hz, tolerance=0.5 * Hz)
    assert result.passed is False and "no rise for" in result.actual
    assert lamp(lambda time: True).has_duty_cycle(100 * percent, tolerance=1 * percent).passed is None


def test_a_number_switches_at_a_threshold_with_hysteresis() -> None:
    noisy = speed(
        lambda time: 50 + 40 * math.sin(time / 1e9 * 2 * math.pi) + (3 if time // (10 * MS) % 2 else -3),
        end=5_000 * MS,
    )
    assert noisy.has_frequency(1 * Hz, tolerance=0.05 * Hz, on=50, hysteresis=20)
    assert noisy.has_frequency(1 * Hz, tolerance=0.05 * Hz, on=50).passed is False
    with pytest.raises(ValueRangeError, match="say what on is"):
        noisy.has_frequency(1 * Hz, tolerance=0.1 * Hz)


def fan(on_at: float, off_at: float, delay: int = 0) -> tuple[Shape, Shape]:
    """A temperature that goes up and down twice between 60 and 100 degC, and a fan."""
    heat = sampled(TEMPERATURE, lambda time: 80 + round(20 * math.sin(time / 1e9 * 2 * math.pi)))
    on, states = False, []
    for sample in heat:
        on = sample.value >= on_at if not on else sample.value > off_at
        states.append(on)
    late = delay // (10 * MS)
    samples = [
        Sample(sample.time + 1, int(states[max(0, each - late)]), int(states[max(0, each - late)]), None)
        for each, sample in enumerate(heat)
    ]
    return Shape(LAMP, samples), Shape(TEMPERATURE, heat)


@given(st.integers(70, 95), st.integers(62, 90), st.integers(0, 5))
def test_a_hysteresis_has_its_two_thresholds(on_at: int, off_at: int, late: int) -> None:
    if off_at >= on_at:
        off_at = on_at - 5
    out, heat = fan(on_at, off_at, late * 10 * MS)
    within = (late * 10 + 1) * ms
    good = out.has_hysteresis(heat, on_at=on_at * degC, off_at=off_at * degC, tolerance=0.5 * K, within=within)
    assert good.passed is True, str(good)
    if late:  # which looks like thresholds farther out
        return
    higher = out.has_hysteresis(heat, on_at=on_at + 4, off_at=off_at, tolerance=1, within=0 * ns)
    assert higher.passed is False
    lower = out.has_hysteresis(heat, on_at=on_at, off_at=off_at - 4, tolerance=1, within=0 * ns)
    assert lower.passed is False


@pytest.mark.parametrize(("late", "passed"), [(80 * MS, True), (80 * MS + 1, False)])
def test_a_hysteresis_may_take_its_time_and_no_more(late: int, passed: bool) -> None:
    """The driver passes the threshold and stays, or goes back before the output follows: a reason too."""
    for back in (False, True):
        values = [(0, 0.0), (100, 3.5), (150, 2.5 if back else 3.5), (1_000, 1.0)]
        pedal = Shape(SPEED, [Sample(time * MS, 0, value, None) for time, value in values], end=2_000 * MS)
        switches = [(0, 0), (100 * MS + late, 1), (1_010 * MS, 0)]
        lit = Shape(LAMP, [Sample(time, on, on, None) for time, on in switches], end=2_000 * MS)
        result = lit.has_hysteresis(pedal, on_at=3, off_at=2, tolerance=0.1, within=80 * ms)
        assert result.passed is (passed or back), str(result)


def test_a_number_that_is_none_is_a_gap() -> None:
    heat = sampled(TEMPERATURE, lambda time: 60 if time // (100 * MS) % 2 else 20)
    assert Shape(TEMPERATURE, heat).has_frequency(5 * Hz, tolerance=0.1 * Hz, on=40)
    heat[100] = Sample(heat[100].time, 255, 215, "SNA")
    result = Shape(TEMPERATURE, heat).has_frequency(5 * Hz, tolerance=0.1 * Hz, on=40)
    assert result.passed is None and result.doubt.startswith("no data from 1 s")


def test_a_hysteresis_that_was_never_left_cannot_be_told() -> None:
    out, heat = fan(150, 60)
    result = out.has_hysteresis(heat, on_at=150, off_at=60, within=1 * ms)
    assert result.passed is None and "never went on nor off" in result.doubt
    with pytest.raises(ValueRangeError, match="two different thresholds"):
        out.has_hysteresis(heat, on_at=80, off_at=80, within=1 * ms)


# -- data, results -----------------------------------------------------------------------------------------------------


def test_gaps_leave_it_open_unless_it_is_certain_all_the_same() -> None:
    samples = [each for each in sampled(SPEED, lambda time: 50.0) if not 500 * MS < each.time < 700 * MS]
    shape = Shape(SPEED, samples, timeout=50 * MS)
    assert shape.is_constant(50).doubt == "no data from 550.000001 ms to 699.999999 ms"
    assert shape.is_constant(60).passed is False
    assert Shape(SPEED, samples).is_constant(50).passed is True
    late = Shape(SPEED, samples, -100 * MS)
    assert late.is_constant(50).doubt.startswith("no data from -100 ms")
    assert Shape(SPEED, [], 0, 10).is_constant().passed is None
    absent = Shape(TEMPERATURE, [Sample(0, 255, 215, "SNA"), Sample(10, 60, 20, None)])
    assert absent.is_constant(20).passed is None


def test_results_say_what_was_expected_and_raise() -> None:
    wrong = speed(lambda time: 50.0 if time >= 100 * MS else 0.0).is_constant(0 * kmh, tolerance=1 * kmh)
    assert not wrong
    with pytest.raises(ExpectationFailed) as failure:
        wrong.require()
    text = str(failure.value)
    assert "expected: 0 km/h (± 1 km/h)" in text and "actual:   0 to 50 km/h; first at 100 ms" in text
    assert failure.value.result is wrong
    open_ = Shape(SPEED, [], 0, 10).is_constant()
    with pytest.raises(Inconclusive, match="nothing was received, so it cannot be told"):
        bool(open_)
    with pytest.raises(Inconclusive):
        open_.require()
