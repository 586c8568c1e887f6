"""Durations and quantities: whole nanoseconds, units that fit or raise."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import units
from harness.errors import UnitError
from harness.units import (
    Duration,
    Measured,
    Quantity,
    V,
    bar,
    degC,
    duration,
    in_unit,
    kmh,
    kPa,
    minute,
    mps,
    ms,
    ns,
    parse_duration,
    percent,
    rpm,
    s,
    time_text,
    unit_named,
    us,
)  # fmt: skip


def test_durations_are_integers_of_nanoseconds() -> None:
    assert (80 * ms, 1.5 * s, 250 * us, 3 * ns, 2 * minute) == (80_000_000, 1_500_000_000, 250_000, 3, 120_000_000_000)
    assert all(type(each) is Duration for each in (80 * ms, 1.5 * s, 2 * (80 * ms), 80 * ms + 1 * s, 1 * s - 1 * ms))


@pytest.mark.parametrize("make", [lambda: 0.5 * ns, lambda: 1.0000001 * us, lambda: (1 * ns) * 0.3])
def test_a_fraction_of_a_nanosecond_raises(make: object) -> None:
    with pytest.raises(UnitError, match="whole number of nanoseconds"):
        make()  # type: ignore[operator]


def test_remainder_and_amount_are_durations() -> None:
    assert (abs(-(1 * s)), (1 * s) % (300 * ms)) == (1 * s, 100 * ms)
    assert all(type(each) is Duration for each in (abs(-(1 * s)), (1 * s) % (300 * ms)))


@pytest.mark.parametrize("make", [lambda: 1 * s + 0.5, lambda: 0.5 + 1 * s, lambda: 1 * s - 0.5])
def test_a_number_without_unit_makes_no_duration(make: Callable[[], object]) -> None:
    with pytest.raises(UnitError):
        duration(make())


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_is_no_duration(number: float) -> None:
    with pytest.raises(UnitError, match="is no duration"):
        number * ms


def test_floating_point_dust_is_forgiven() -> None:
    assert 1.1 * ms == 1_100_000
    assert 0.1 * s + 0.2 * s == 300_000_000


@pytest.mark.parametrize("value", [80, 0.08, "80 ms", None, ms, True])
def test_a_bare_number_is_no_duration(value: object) -> None:
    with pytest.raises(UnitError, match=r"within takes a duration such as 80 \* ms"):
        duration(value, "within")


def test_negative_and_zero_durations() -> None:
    with pytest.raises(UnitError, match="zero or more, not -5 ms"):
        duration(-5 * ms, "within")
    assert duration(0 * ms) == 0
    with pytest.raises(UnitError, match="more than zero"):
        duration(0 * ms, "cycle", zero=False)


@pytest.mark.parametrize("text", ["80", "ms", "80 m", "-", "", "eighty ms", "1.5.2 s", "0.5 ns"])
def test_text_that_is_no_duration(text: str) -> None:
    with pytest.raises(UnitError):
        parse_duration(text)


@given(st.integers(0, 10**15))
def test_time_text_is_exact(time: int) -> None:
    number, unit = time_text(time).split()
    whole, _, fraction = number.partition(".")
    scale = {"s": 9, "ms": 6, "µs": 3, "ns": 0}[unit]
    assert int(whole) * 10**scale + int(fraction.ljust(scale, "0") or 0) == time


@given(st.integers(0, 10**12), st.sampled_from(["ns", "us", "ms", "s", "min"]))
def test_parse_duration_reads_what_is_written(number: int, unit: str) -> None:
    factor = {"ns": 1, "us": 1000, "ms": 10**6, "s": 10**9, "min": 60 * 10**9}[unit]
    assert parse_duration(f"{number} {unit}") == parse_duration(f"{number}{unit}") == number * factor


def test_quantities_convert_within_their_dimension() -> None:
    assert (90 * kmh).to(mps) == 25.0
    assert (25 * degC).to("K") == 298.15
    assert (100 * kPa).to(bar) == 1.0
    assert in_unit(10 * mps, "km/h", "Speed") == 36.0
    assert in_unit(40 * percent, "%", "BrakePedal") == 40.0
    assert in_unit(2 * s, "ms", "Delay") == 2000.0
    assert in_unit(17, "km/h", "Speed") == 17


@given(st.floats(-1e6, 1e6), st.sampled_from([(kmh, mps), (bar, kPa), (units.degC, units.K), (rpm, rpm)]))
def test_there_and_back(value: float, pair: tuple[units.Unit, units.Unit]) -> None:
    there = Quantity(value, pair[0]).to(pair[1])
    assert Quantity(there, pair[1]).to(pair[0]) == pytest.approx(value, rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("symbol", ["km/h", "", "furlong"])
def test_a_unit_of_another_kind_raises_and_names_both(symbol: str) -> None:
    with pytest.raises(UnitError, match="Speed has the unit"):
        in_unit(5 * V, symbol, "Speed")


def test_unknown_unit_names_the_nearest() -> None:
    with pytest.raises(UnitError, match=r"did you mean .*'km/h'"):
        unit_named("km/hh")


def test_what_was_measured_compares_with_durations_only() -> None:
    latency = Measured(32_000_000)
    assert 10 * ms < latency <= 32 * ms and latency > 0 and latency - 2 * ms >= 30 * ms
    for comparison in (
        lambda: latency > 80,
        lambda: latency - 2 * ms < 80,
        lambda: latency + 1 * ms <= 80,
        lambda: latency <= 80.0,
    ):
        with pytest.raises(UnitError, match="compare it with a duration such as"):
            comparison()
