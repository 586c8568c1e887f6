"""Formulas as a user writes them: texts, units, what is refused, and verdicts worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.errors import FormulaError, PredicateTruthError, UnitError, ValueRangeError
from harness.loop import Loop
from harness.signals.column import SignalColumn
from harness.signals.database import Database
from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.network import Network
from harness.signals.predicate import Predicate
from harness.temporal.formula import Formula, formula_of
from harness.temporal.judging import Judgement, blame, parts
from harness.temporal.offline import judge, robustness
from harness.temporal.operators import always, delay, derivative, eventually, fall, held_for, rise, until
from harness.units import K, V, degC, kmh, mps, mps2, ms, ns, percent, s, time_text

MS = 1_000_000

PEDAL = SignalDef("BrakePedal", "Pedals", start=0, length=8, scale=0.5, unit="%")
LAMP = SignalDef("BrakeLamp", "Lamps", start=0, length=1, choices={0: "Off", 1: "On"})
WIDE = SignalDef("Speed", "Motion", start=0, length=16, scale=0.01, unit="km/h")
WHEEL = SignalDef("Wheel", "Motion", start=16, length=16, scale=0.01, unit="m/s")
INSIDE = SignalDef("Inside", "Climate", start=0, length=8, offset=-40, unit="°C")
OUTSIDE = SignalDef("Outside", "Climate", start=8, length=8, offset=-40, unit="°C")
ODD = SignalDef("Odd", "Climate", start=16, length=8, unit="flubs")
MESSAGES = (
    MessageDef("Pedals", 0x100, 1, (PEDAL,), cycle_time_ns=10 * MS),
    MessageDef("Lamps", 0x140, 1, (LAMP,), cycle_time_ns=20 * MS),
    MessageDef("Motion", 0x200, 4, (WIDE, WHEEL)),
    MessageDef("Climate", 0x300, 3, (INSIDE, OUTSIDE, ODD)),
)
NETWORK = Network("body", [Database(Path("car.dbc"), "", (), MESSAGES)], Loop())
pedal, lamp, speed, wheel, inside, outside, odd = (
    NETWORK.signal(name) for name in ("BrakePedal", "BrakeLamp", "Speed", "Wheel", "Inside", "Outside", "Odd")
)
LIGHTS = always((pedal > 3) >> eventually(lamp == "On", within=80 * ms))


def column(definition: SignalDef, *samples: tuple[int, float]) -> SignalColumn:
    """Samples as (ms, raw)."""
    time, raw = (np.array(each, np.int64) for each in zip(*samples, strict=True))
    return SignalColumn(definition, time * MS, raw, definition.to_physical(raw))  # type: ignore[arg-type]


def drive(pressed: int, lit: int | None, *, until: int = 1000) -> dict[str, SignalColumn]:
    """The pedal goes to 40 % at ``pressed`` ms, the lamp on at ``lit`` ms; both cyclic."""
    lamps = [(at, int(lit is not None and at >= lit)) for at in range(0, until + 1, 20)]
    return {
        pedal.path: column(PEDAL, *((at, 80 if at >= pressed else 0) for at in range(0, until + 1, 10))),
        lamp.path: column(LAMP, *lamps),
    }


def judged(formula: Formula | Predicate, columns: dict[str, SignalColumn], end: int = 1000) -> Judgement:
    return judge(formula, columns, 0, end * MS)


# -- writing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (LIGHTS, "always((BrakePedal > 3 %) >> eventually(BrakeLamp == On, within=80 ms))"),
        ((pedal > 3) & (lamp == "On") & always(pedal > 1),
         "(BrakePedal > 3 %) & (BrakeLamp == On) & always(BrakePedal > 1 %)"),
        (~(pedal > 3) | rise(lamp == "On"), "~(BrakePedal > 3 %) | rise(BrakeLamp == On)"),
        ((pedal > 3) >> ((lamp == "On") >> always(pedal > 1)),
         "(BrakePedal > 3 %) >> ((BrakeLamp == On) >> always(BrakePedal > 1 %))"),
        ((pedal > 3) >> (lamp == "On"), "(BrakePedal > 3 %) >> (BrakeLamp == On)"),
        (until(pedal > 3, lamp == "On", between=(1 * s, None)),
         "until(BrakePedal > 3 %, BrakeLamp == On, between=(1 s, None))"),
        (held_for(fall(pedal > 3), 1 * s), "held_for(fall(BrakePedal > 3 %), 1 s)"),
        (delay(pedal > 3, 1 * s), "delay(BrakePedal > 3 %, 1 s)"),
        (abs(speed - wheel) * 2 < 3 * kmh, "abs(Speed - Wheel) * 2 < 3 km/h"),
        (delay(speed, 1 * s) >= (speed - wheel) * 2 + 1, "delay(Speed, 1 s) >= (Speed - Wheel) * 2 + 1"),
        (derivative(speed) > 3 * mps2, "derivative(Speed) > 3 m/s²"),
        (derivative(speed).between(-3, 3), "derivative(Speed) between -3 and 3"),
    ],
)  # fmt: skip
def test_a_formula_reads_as_it_was_written(statement: Formula | Predicate, text: str) -> None:
    assert str(formula_of(statement)) == text


def test_reach() -> None:
    assert (LIGHTS.horizon, LIGHTS.parts[0].horizon, LIGHTS.history) == (None, 80 * MS, 0)
    nested = eventually(held_for(delay(pedal, 5 * ms) > 3, 10 * ms), between=(2 * ms, 30 * ms))
    assert (nested.horizon, nested.history) == (30 * MS, 13 * MS)
    bounded = until(pedal > 3, eventually(lamp == "On", within=5 * ms), within=10 * ms)
    assert (bounded.horizon, bounded.history) == (15 * MS, 0)
    assert LIGHTS.signals == (pedal, lamp)


@pytest.mark.parametrize(
    "use",
    [
        lambda: bool(LIGHTS),
        lambda: LIGHTS and LIGHTS,
        lambda: not LIGHTS,
        lambda: LIGHTS == LIGHTS,
        lambda: LIGHTS != 3,
        lambda: always(1 < pedal < 3),
        lambda: abs(speed - wheel) < 1 < 2,
        lambda: bool(speed - wheel),
    ],
)
def test_no_formula_has_a_truth_value(use: Any) -> None:
    with pytest.raises(PredicateTruthError):
        use()


def test_the_truth_error_shows_the_right_form() -> None:
    with pytest.raises(PredicateTruthError, match=r"bench\.watch\(always.*\n.*& \| ~ >>.*x\.between\(a, b\)"):
        bool(LIGHTS)


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: always(pedal > 3, between=(80 * ms, 20 * ms)), FormulaError, "from 80 ms to 20 ms is empty"),
        (lambda: always(pedal > 3, within=-1 * ms), UnitError, "zero or more"),
        (lambda: eventually(pedal > 3, within=80), UnitError, "80 \\* ms, not 80"),
        (lambda: eventually(pedal > 3, between=80 * ms), FormulaError, "two durations"),
        (lambda: until(pedal > 3, lamp == "On", within=1 * s, between=(0 * s, 1 * s)), FormulaError, "not both"),
        (lambda: held_for(pedal > 3, -1 * ms), UnitError, "zero or more"),
        (lambda: always(True), FormulaError, "never a bool"),
        (lambda: always(pedal), FormulaError, "compare it, BrakePedal > 0"),
        (lambda: always("BrakePedal > 3"), FormulaError, "predicates and formulas"),
        (lambda: LIGHTS & 3, FormulaError, "not of 3: put comparisons in parentheses"),
        (lambda: pedal > 3 & LIGHTS, FormulaError, "not of 3: put comparisons in parentheses"),
        (lambda: abs(speed) > 5 * ms, UnitError, r"\(speed\); 0.005 s is a time"),
        (lambda: speed + 5 * ms, UnitError, r"\(speed\); 0.005 s is a time"),
        (lambda: derivative(speed - wheel), FormulaError, "derivative takes a signal"),
        (lambda: speed - pedal, UnitError, r"'%' \(ratio\), Speed has 'km/h' \(speed\)"),
        (lambda: speed - odd, UnitError, "'flubs'"),
        (lambda: speed + 3 * V, UnitError, "3 V is a voltage"),
        (lambda: derivative(speed) > 3 * mps, UnitError, r"\(acceleration\); 3 m/s is a speed"),
        (lambda: inside + outside, UnitError, "they have a difference, no sum"),
        (lambda: speed * float("inf"), ValueRangeError, "finite"),
        (lambda: (speed - wheel).between(3, 1), ValueRangeError, "lower limit first"),
        (lambda: (speed - wheel).near(3, -1), ValueRangeError, "0 or more"),
        (lambda: abs(speed) > "fast", ValueRangeError, "not with 'fast'"),
        (lambda: speed * speed, TypeError, "unsupported operand"),
        (lambda: speed + "x", TypeError, "unsupported operand"),
    ],
)
def test_what_is_wrong_is_told(make: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()


@pytest.mark.parametrize(
    ("statement", "holds"),
    [
        (speed - wheel == 0, True),  # 36 km/h are 10 m/s
        (wheel - speed == 0 * kmh, True),
        (speed - wheel < 0, False),
        (speed + wheel == 72 * kmh, True),
        (speed + 4 * kmh == 40, True),
        (40 * kmh - speed == 4, True),
        (-speed < -35, True),
        (2 * speed > 20 * mps, False),
        (abs(-speed) >= 36, True),
        (speed == speed, True),
        (inside - outside == 5 * K, True),  # 25 °C and 20 °C
        (inside - outside == 5 * degC, True),
        (inside - 5 * K == outside, True),
        (abs(outside - inside) <= 4, False),
        (inside + 0 > 297 * K, True),
    ],
)
def test_arithmetic_with_units(statement: Predicate, holds: bool) -> None:
    columns = {
        speed.path: column(WIDE, (0, 3600)),
        wheel.path: column(WHEEL, (0, 1000)),
        inside.path: column(INSIDE, (0, 65)),
        outside.path: column(OUTSIDE, (0, 60)),
    }
    assert judged(statement, columns).verdict == ("passed" if holds else "failed")


# -- verdicts ----------------------------------------------------------------------------------------------------------


def test_a_deadline_that_is_met_has_its_rest_as_margin() -> None:
    judgement = judged(LIGHTS, drive(200, 260))
    assert (judgement.verdict, judgement.time_margin, judgement.doubt) == ("passed", 20 * MS, "")
    assert judgement.judged_ns == 1_000 * MS + 1  # the lamp is on, so the last 80 ms can be told too
    assert (judgement.robustness, judgement.unit) == (3.0, "%")  # the pedal at rest is 3 % from demanding light


def test_a_deadline_that_is_missed_is_a_violation_from_the_demand_to_the_deadline() -> None:
    judgement = judged(LIGHTS, drive(200, 300))
    assert (judgement.verdict, judgement.count, judgement.time_margin) == ("failed", 1, None)
    violation = judgement.violations[0]
    assert (violation.start, violation.end, violation.time) == (200 * MS, 280 * MS, 280 * MS)
    assert violation.signals == ("body.Pedals.BrakePedal", "body.Lamps.BrakeLamp")
    assert violation.expected == "(BrakePedal > 3 %) >> eventually(BrakeLamp == On, within=80 ms)"
    assert violation.actual == (
        "BrakePedal = 40 %, BrakeLamp = Off at 200 ms; BrakePedal = 40 %, BrakeLamp = Off at 280 ms"
    )
    assert (violation.kind, violation.channel, violation.message) == ("property", "body", "")
    assert (violation.margin, violation.unit) == (-37.0, "%")  # the pedal would have to go back by 37 %


def test_the_limit_of_a_deadline_is_included() -> None:
    assert judged(LIGHTS, drive(200, 280)).time_margin == 0
    assert judged(LIGHTS, drive(199, 280)).verdict == "passed"  # 199 lies between two frames


def test_a_state_is_violated_from_its_first_instant_to_its_last() -> None:
    columns = drive(200, 240)
    judgement = judged(always((pedal < 10) | (lamp == "On")), columns)
    violation = judgement.violations[0]
    assert (violation.start, violation.end, violation.time) == (200 * MS, 240 * MS - 1, 200 * MS)
    assert (violation.margin, violation.unit) == (-30.0, "%")
    assert judgement.robustness == -30.0


def test_a_predicate_is_demanded_of_every_instant() -> None:
    assert judged(pedal < 50, drive(200, None)).verdict == "passed"
    assert judged(pedal < 40, drive(200, None)).verdict == "failed"
    assert judged(pedal < 40, drive(200, None)).robustness == pytest.approx(0, abs=1e-300)


def test_what_is_eventual_fails_when_it_never_came() -> None:
    judgement = judged(eventually(lamp == "On"), drive(200, None))
    assert (judgement.verdict, judgement.count) == ("failed", 1)
    assert "never; BrakeLamp = Off at 1 s" in judgement.violations[0].actual
    assert judged(eventually(lamp == "On"), drive(200, 1000)).verdict == "passed"


def test_a_bounded_demand_that_the_end_cuts_is_inconclusive() -> None:
    judgement = judged(eventually(lamp == "On", within=2 * s), drive(200, None))
    assert judgement.verdict == "inconclusive" and "ended at 1 s" in judgement.doubt
    assert judged(eventually(lamp == "On", within=1 * s), drive(200, None)).verdict == "failed"
    met = judged(eventually(lamp == "On", within=2 * s), drive(200, 300))
    assert (met.verdict, met.time_margin) == ("passed", 1700 * MS)
    assert judged(always(pedal < 50, within=2 * s), drive(200, None)).verdict == "inconclusive"
    assert judged(always(pedal < 20, within=2 * s), drive(200, None)).verdict == "failed"


def test_demands_whose_window_the_end_cuts_are_not_judged() -> None:
    judgement = judged(LIGHTS, drive(960, None))
    assert (judgement.verdict, judgement.judged_ns) == ("passed", 960 * MS)


def test_a_signal_that_is_lost_leaves_a_doubt() -> None:
    columns = drive(200, 240)
    columns[lamp.path] = column(LAMP, *((at, 0) for at in range(0, 121, 20)))
    judgement = judged(LIGHTS, columns)
    assert judgement.verdict == "inconclusive"
    # five cycles of 20 ms after 120 ms; the pedal alone could have told nothing from 200 ms on
    assert judgement.doubt.endswith(
        "could not be told at 200 ms: no valid value for BrakeLamp == On from 220.000001 ms on"
    )


def test_the_last_instant_that_could_be_told_leaves_a_doubt_too() -> None:
    demand = (speed > 1) >> eventually(lamp == "On", within=100 * ms)
    columns = {
        speed.path: column(WIDE, (0, 0), (900, 3600)),
        lamp.path: column(LAMP, *((at, 0) for at in range(0, 881, 20)), (1000, 0)),
    }
    # Lost from 980 ms + 1 ns to the frame at 1 s: only what is demanded at 900 ms could have been told at 1 s.
    assert judge(demand, columns, 0, 1_000 * MS).verdict == "inconclusive"
    assert judge(demand, columns, 0, 1_000 * MS - 1).verdict == "passed"


def test_a_signal_that_never_came_leaves_a_doubt() -> None:
    columns = drive(200, None)
    del columns[lamp.path]
    judgement = judged(LIGHTS, columns)
    assert (judgement.verdict, judgement.doubt) == ("inconclusive", "there was never data for BrakeLamp == On")
    del columns[pedal.path]
    assert judged(LIGHTS, columns).robustness is None


def test_what_has_not_come_yet_is_not_judged() -> None:
    columns = {
        pedal.path: column(PEDAL, *((at, 80 if at >= 500 else 0) for at in range(300, 1001, 10))),
        lamp.path: column(LAMP, *((at, 1) for at in range(600, 1001, 20))),
    }
    judgement = judged(LIGHTS, columns)
    # Until 500 ms nothing is demanded, and from 520 ms on the lamp comes in time; between nobody knows.
    assert (judgement.verdict, judgement.judged_ns) == ("passed", (200 + 480) * MS + 1)


def test_samples_from_before_count_as_the_state() -> None:
    columns = {speed.path: column(WIDE, (100, 500), (300, 1500))}
    assert judge(always(speed < 10), columns, 200 * MS, 299 * MS).verdict == "passed"
    assert judge(always(speed < 10), columns, 200 * MS, 300 * MS).verdict == "failed"
    assert judge(always(speed < 10), columns, 0, 50 * MS).verdict == "inconclusive"


def test_a_derivative_is_per_second_and_held() -> None:
    columns = {speed.path: column(WIDE, (0, 0), (100, 360), (200, 360))}
    steps = robustness(derivative(speed) <= 10 * mps2, columns, 0, 300 * MS)
    assert steps.time.tolist() == [0, 100 * MS, 200 * MS]
    assert steps.hi.tolist() == [np.inf, 0, 36]
    assert judge(always(derivative(speed) <= 10 * mps2), columns, 0, 300 * MS).unit == "km/h/s"


def test_what_never_came_true_is_violated_when_that_is_certain() -> None:
    lit, columns = lamp == "On", drive(200, None)
    for formula, time in (
        (until(pedal < 10, lit), 200),
        (until(pedal < 10, lit, within=500 * ms), 200),
        (until(pedal < 99, lit, within=500 * ms), 500),
        (eventually(lit, within=300 * ms), 300),
        (eventually(always(pedal < 10, within=20 * ms), between=(190 * ms, 400 * ms)), 400),
        (eventually(always(lamp == "On", within=20 * ms), within=300 * ms), 300),
        (eventually(lit), 1000),
    ):
        (violation,) = judged(formula, columns).violations
        assert (violation.time, violation.end) == (time * MS, time * MS), formula
        assert violation.actual.endswith(f"at {time_text(time * MS)}")


def test_a_number_of_several_units_is_no_margin() -> None:
    columns = {speed.path: column(WIDE, (0, 400)), wheel.path: column(WHEEL, (0, 400)), **drive(0, None)}
    mixed = judged((pedal > 3) >> (speed > 10 * kmh), columns)
    assert (mixed.verdict, mixed.robustness, mixed.unit) == ("failed", -6.0, None)
    assert [(each.margin, each.unit) for each in mixed.violations] == [(None, "")]
    assert (mixed.outcome("mixed").margin, mixed.outcome("mixed").unit) == (None, "")
    for difference in (speed >= wheel, speed - wheel >= 0):
        outcome = judged(difference, columns).outcome("in km/h, as its left side")
        assert (outcome.margin, outcome.unit) == (pytest.approx(4 - 14.4), "km/h")


def test_never_is_always_not() -> None:
    [part] = parts(~eventually(pedal > 50))
    assert (str(part.operand), part.every, part.stop) == ("~(BrakePedal > 50 %)", True, None)
    assert judged(~eventually(pedal > 50), drive(200, None)).verdict == "passed"
    assert judged(~eventually(pedal > 30), drive(200, None)).violations[0].start == 200 * MS


def test_a_conjunction_of_properties_is_judged_part_by_part() -> None:
    both = LIGHTS & eventually(pedal > 50)
    assert [part.every for part in parts(both)] == [True, False]
    judgement = judged(both, drive(200, 240))
    assert (judgement.verdict, judgement.violations[0].expected) == ("failed", "eventually(BrakePedal > 50 %)")
    assert judged(LIGHTS & (pedal < 50), drive(200, 240)).verdict == "passed"


def test_other_combinations_of_properties_are_judged_at_the_beginning() -> None:
    [part] = parts(always(pedal > 50) | eventually(lamp == "On"))
    assert (part.start, part.stop, part.every) == (0, 0, False)
    assert judged(always(pedal > 50) | eventually(lamp == "On"), drive(200, 240)).verdict == "passed"
    assert judged(always(pedal > 50) | always(lamp == "On"), drive(200, 240)).verdict == "failed"


def test_blame_names_what_could_have_made_it_true() -> None:
    formula = formula_of(((pedal > 3) & (lamp == "On")) | (speed > 3))
    left, right = formula.parts
    pressed, lit = left.parts
    values = {pressed: (37.0, 37.0), lit: (-1.0, -1.0), right: (-3.0, -3.0), left: (-1.0, -1.0)}
    assert [signal.name for signal in blame(formula, values.__getitem__)] == ["Lamps.BrakeLamp", "Motion.Speed"]
    assert [signal.name for signal in blame(~formula, {**values, left: (1, 1)}.__getitem__)] == [
        "Pedals.BrakePedal",
        "Lamps.BrakeLamp",
    ]


def test_whole_numbers_beyond_the_floats_are_compared_exactly() -> None:
    huge = SignalDef("Count", "Counter", start=0, length=64)
    network = Network("can", [Database(Path("x.dbc"), "", (), (MessageDef("Counter", 1, 8, (huge,)),))], Loop())
    count, raw = network.signal("Count"), np.array([2**63 + 1], np.uint64)
    columns = {count.path: SignalColumn(huge, np.array([0]), raw, raw)}
    assert judge(count == 2**63 + 1, columns, 0, 1).verdict == "passed"
    assert judge(count == 2**63, columns, 0, 1).verdict == "failed"


def test_the_end_lies_not_before_the_beginning() -> None:
    with pytest.raises(ValueError, match="before the beginning"):
        robustness(pedal > 3, {}, 1, 0)


def test_one_nanosecond_is_a_recording() -> None:
    columns = {speed.path: column(WIDE, (0, 500))}
    assert judge(always(speed < 10), columns, 0, 0).judged_ns == 1
    assert judge(eventually(speed > 10, within=1 * ns), columns, 0, 0).verdict == "inconclusive"
    assert judge(always(pedal > 3 * percent), {}, 0, 0).verdict == "inconclusive"
