"""Two recordings compared: against a look at every nanosecond, and what the table says."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ConfigError, ExpectationFailed, Inconclusive, LogError, UnitError, UnknownSignalError
from harness.logs.signals import Signals
from harness.offline.diff import assert_same, compare
from harness.offline.diff_text import json_of, text_of
from harness.offline.tolerance import Tolerance, matches, parse_tolerance
from harness.signals.column import SignalColumn
from harness.signals.definitions import SignalDef

MS = 1_000_000
SPEED = SignalDef("Speed", "Wheel", 0, 16, scale=0.1, unit="km/h")
LAMP = SignalDef("Lamp", "Lamps", 0, 2, choices={0: "Off", 1: "On", 3: "Invalid"})
PATHS = {"Speed": "body.Wheel.Speed", "Lamp": "body.Lamps.Lamp"}

Samples = Sequence[tuple[int, float]]


def column(definition: SignalDef, samples: Samples) -> SignalColumn:
    time = np.array([time for time, _ in samples], np.int64)
    whole = definition is LAMP
    value = np.array([value for _, value in samples], np.int64 if whole else np.float64)
    raw = value if whole else np.round(np.nan_to_num(value, posinf=0, neginf=0) * 10).astype(np.int64)
    return SignalColumn(definition, time, raw, value)


def recorded(end: int, speed: Samples = (), lamp: Samples = ()) -> Signals:
    return Signals({PATHS["Speed"]: column(SPEED, speed), PATHS["Lamp"]: column(LAMP, lamp)}, end=end)


def held(samples: Samples, instant: int) -> float:
    return [value for time, value in samples if time <= instant][-1]


def near(samples: Samples, instant: int, within: int) -> list[float]:
    """The values held at some instant in the window."""
    begun = [value for time, value in samples if time <= instant - within][-1:]
    later = [value for time, value in samples if instant - within < time <= instant + within]
    return begun + later


def too_far(value: float, others: list[float], tolerance: Tolerance, labels: bool) -> bool:
    """Whether a value is neither passed nor nearly reached by the others."""
    if labels:
        return value not in others
    if value in others or (math.isnan(value) and any(map(math.isnan, others))):
        return False
    numbers = [each for each in others if not math.isnan(each)]
    if not numbers or math.isnan(value):
        return True
    closest = min(max(value, min(numbers)), max(numbers))
    largest = max(abs(value), abs(closest))
    allowed = max(tolerance.absolute, tolerance.relative * largest if math.isfinite(largest) else 0)
    return value != closest and abs(value - closest) > allowed


numbers = st.sampled_from([0.0, 0.1, 0.2, 1.0, 50.0, -3.0, math.nan, math.inf])
tolerances = st.builds(
    Tolerance, st.sampled_from([0, 0.15, 1]), st.sampled_from([0, 0.5]), st.sampled_from([0, 0, 1, 2, 5])
)


@st.composite
def samples(draw: st.DrawFn, values: st.SearchStrategy[float]) -> Samples:
    times = draw(st.lists(st.integers(0, 25), min_size=1, max_size=12).map(sorted))
    return [(time, draw(values)) for time in times]


@given(one=samples(numbers), other=samples(numbers), tolerance=tolerances, shift=st.sampled_from([0, 3, -4]))
@settings(max_examples=300, deadline=None)
def test_numbers_differ_where_a_look_at_every_instant_says_so(
    one: Samples, other: Samples, tolerance: Tolerance, shift: int
) -> None:
    check_every_instant("Speed", one, other, tolerance, shift)


@given(
    one=samples(st.sampled_from([0, 1, 3])),
    other=samples(st.sampled_from([0, 1, 3])),
    within=st.sampled_from([0, 1, 2, 5]),
    shift=st.sampled_from([0, 3, -4]),
)
@settings(max_examples=200, deadline=None)
def test_labels_differ_where_a_look_at_every_instant_says_so(
    one: Samples, other: Samples, within: int, shift: int
) -> None:
    check_every_instant("Lamp", one, other, Tolerance(time=within), shift)


def check_every_instant(name: str, one: Samples, other: Samples, tolerance: Tolerance, shift: int) -> None:
    path, labels = PATHS[name], name == "Lamp"
    late = [(time + shift + 10, value) for time, value in other]
    # A second signal that happens once, shift later in the other recording.
    mark = "lamp" if name == "Speed" else "speed"
    marks = [[(0, 0.0), (12 + by, 1.0)] for by in (0, shift + 10)]
    both = [
        recorded(40 + by, **{name.lower(): each, mark: marks[by != 0]}) for each, by in ((one, 0), (late, shift + 10))
    ]
    found = compare(*both, tolerances={name: tolerance}, align=f"first:{mark.capitalize()}")
    assert found.shift == shift + 10
    begin = max(found.begin, one[0][0], other[0][0])
    wrong = [
        instant
        for instant in range(begin, 41)
        if too_far(held(one, instant), near(other, instant, tolerance.time), tolerance, labels)
        or too_far(held(other, instant), near(one, instant, tolerance.time), tolerance, labels)
    ]
    different = {each.path: each for each in found.different}
    assert (path in different) == bool(wrong)
    if wrong:
        assert (different[path].first.time, different[path].differing_ns) == (wrong[0], len(wrong))
        assert different[path].compared_ns == 41 - begin
        assert (different[path].first.one, different[path].first.other) == pytest.approx(
            (held(one, wrong[0]), held(other, wrong[0])), nan_ok=True
        )


CYCLE = [(time, time / 10 / MS) for time in range(0, 100 * MS, 10 * MS)]


def test_equal_recordings_are_equal() -> None:
    log = recorded(100 * MS, CYCLE, [(0, 0), (50 * MS, 1)])
    found = compare(log, log)
    assert found.equal and list(found.compared) == list(PATHS.values())
    assert str(found) == "equal: 2 signals compared over 100 ms"


def test_the_table_says_where_and_by_how_much() -> None:
    one = recorded(100 * MS, CYCLE, [(0, 0), (50 * MS, 1)])
    other = recorded(100 * MS, [(time, value + (time == 30 * MS) * 2) for time, value in CYCLE], [(0, 0), (62 * MS, 1)])
    with pytest.raises(ExpectationFailed) as raised:
        assert_same(one, other, names=("old.blf", "new.blf"))
    lines = [line.split("  ") for line in str(raised.value).splitlines()]
    cells = [[cell.strip() for cell in line if cell.strip()] for line in lines]
    assert cells[2] == ["2 different (values: old.blf / new.blf):"]
    assert cells[4] == ["body.Lamps.Lamp", "50 ms", "On / Off", "50 ms", "On / Off", "12 %", "12 ms", "exact"]
    assert cells[5] == [
        "body.Wheel.Speed", "30 ms", "3 / 5 km/h", "2 km/h", "30 ms", "3 / 5 km/h", "10 %", "10 ms", "exact",
    ]  # fmt: skip
    assert "No difference lasts longer than 12 ms" in str(raised.value)
    assert_same(one, other, tolerances={"Speed": 2, "Lamp": Tolerance(time=12 * MS)})
    assert_same(one, other, tolerances=["*=12ms", "*.Speed=2"])


def test_a_glitch_is_found_in_either_recording_whatever_the_tolerance_in_time() -> None:
    calm, glitch = [(0, 0), (50 * MS, 0)], [(0, 0), (50 * MS, 1), (51 * MS, 0)]
    for one, other in ((calm, glitch), (glitch, calm)):
        found = compare(recorded(99 * MS, lamp=one), recorded(99 * MS, lamp=other), tolerances=["*=20ms"])
        assert [(each.first.time, each.differing_ns) for each in found.different] == [(50 * MS, MS)]


def test_a_message_of_one_side_only_is_absent_on_the_other() -> None:
    one, other = recorded(100 * MS, CYCLE, [(0, 0)]), recorded(100 * MS, (), [(0, 0)])
    (absence,) = compare(one, other, names=("old", "new")).absent
    assert (absence.path, absence.what, absence.start, absence.end) == ("body.Wheel", "only in old", 0, 90 * MS)
    (absence,) = compare(other, one, names=("old", "new")).absent
    assert absence.what == "only in new"


def test_a_message_that_begins_late_or_ends_early_is_absent_for_that_time() -> None:
    whole = recorded(200 * MS, [(time, 1.0) for time in range(0, 200 * MS, 10 * MS)])
    part = recorded(200 * MS, [(time, 1.0) for time in range(52 * MS, 150 * MS, 10 * MS)])
    found = compare(whole, part)
    assert [(each.what, each.start, each.end) for each in found.absent] == [
        ("begins later in second", 0, 52 * MS),
        ("ends earlier in second", 142 * MS, 190 * MS),
    ]
    assert "body.Wheel  begins later in second  0 s to 52 ms" in str(found)
    phase = recorded(200 * MS, [(time, 1.0) for time in range(9 * MS, 200 * MS, 10 * MS)])
    assert compare(whole, phase).equal and compare(phase, whole).equal


def test_only_part_of_a_message_is_told_by_its_signals() -> None:
    page = SignalDef("Page", "Wheel", 16, 8, multiplexer="Index", multiplexer_ids=(1,))
    speed = column(SPEED, CYCLE)
    one = Signals({"b.Wheel.Speed": speed, "b.Wheel.Page": column(page, CYCLE)}, end=100 * MS)
    other = Signals({"b.Wheel.Speed": speed, "b.Wheel.Page": column(page, [])}, end=100 * MS)
    assert [(each.path, each.what) for each in compare(one, other).absent] == [("b.Wheel.Page", "only in first")]


def test_pages_of_a_multiplexed_message_come_in_turn() -> None:
    page = SignalDef("Page", "Wheel", 16, 8, multiplexer="Index", multiplexer_ids=(1,))
    one, other = (
        Signals({"b.Wheel.Page": column(page, [(first, 5.0), (90 * MS, 5.0)])}, end=100 * MS) for first in (0, 60 * MS)
    )
    assert compare(one, other).equal


def test_the_longer_recording_is_compared_as_far_as_the_shorter_goes() -> None:
    one = recorded(100 * MS, CYCLE)
    other = recorded(45 * MS, CYCLE[:5])
    found = compare(one, other)
    assert found.equal and found.end == 45 * MS


def test_recordings_are_shifted_by_what_most_changes_agree_on() -> None:
    rng = np.random.default_rng(5)
    instants = np.sort(rng.integers(0, 10_000, 30)) * MS
    lamp = [(0, 0), *((int(time), 1 - index % 2) for index, time in enumerate(instants))]
    late = [(0, 0), *((time + 1_234 * MS + int(rng.integers(-1, 2)) * MS, value) for time, value in lamp[1:])]
    found = compare(
        recorded(20_000 * MS, lamp=lamp), recorded(20_000 * MS, lamp=late), align="shift", tolerances=["*=4ms"]
    )
    assert abs(found.shift - 1_234 * MS) <= 1 * MS
    assert not found.different


def test_recordings_are_aligned_by_an_event() -> None:
    one = recorded(100 * MS, lamp=[(0, 0), (10 * MS, 3), (20 * MS, 1), (40 * MS, 0)])
    other = recorded(100 * MS, lamp=[(0, 0), (15 * MS, 3), (50 * MS, 1), (70 * MS, 0)])
    assert compare(one, other, align="first:Lamp").shift == 5 * MS
    assert compare(one, other, align="first:Lamp=On").shift == 30 * MS
    assert compare(one, other, align="first:body.Lamps.Lamp=1").shift == 30 * MS
    found = compare(other, one, align="first:Lamps.Lamp=On")
    assert (found.shift, found.begin, found.end) == (-30 * MS, 30 * MS, 100 * MS)
    assert [each.first.time for each in found.different] == [30 * MS]


@pytest.mark.parametrize(
    ("align", "error", "text"),
    [
        ("first:Lamp=Invalid", LogError, "signal 'Lamp' never is Invalid in the second one"),
        ("first:Speed", LogError, "signal 'Speed' never changes in the second one"),
        ("first:Lamp=Onn", ConfigError, "neither number nor label 'Onn'; its labels are Off, On, Invalid"),
        ("first:Lmap", UnknownSignalError, "did you mean 'Lamp'"),
        ("frist:Lamp", ConfigError, "align is 'time', 'shift'"),
        ("shift", LogError, "no signal changes in both"),
    ],
)
def test_what_cannot_be_aligned_says_why(align: str, error: type[Exception], text: str) -> None:
    log = recorded(100 * MS, [(0, 1.0)], [(0, 0)])
    with pytest.raises(error, match=text):
        compare(log, log, align=align)


def test_recordings_without_common_time_cannot_be_compared() -> None:
    one = recorded(10 * MS, lamp=[(0, 0), (1 * MS, 1)])
    other = recorded(99 * MS, lamp=[(0, 0), (99 * MS, 1)])
    compare(one, other)
    with pytest.raises(LogError, match="cover no common time"):
        compare(other, one, align="first:Lamp=On") and compare(recorded(-1), other)


def test_what_is_ignored_is_not_compared() -> None:
    one, other = recorded(9 * MS, [(0, 1.0)], [(0, 0)]), recorded(9 * MS, [(0, 2.0)], [(0, 0)])
    found = compare(one, other, ignore=["Speed"])
    assert found.equal and len(found.ignored) == 1 and str(found).endswith("1 ignored")
    with pytest.raises(LogError, match=r"no signal was compared: first and second .* ignored \(2\)"):
        compare(one, other, ignore=["Speed", "Lamps.*"])
    with pytest.raises(UnknownSignalError, match="no signal is meant by 'Sped'; did you mean 'Speed'"):
        compare(one, other, ignore=["Sped"])
    with pytest.raises(UnknownSignalError, match="'Sped'"):
        compare(one, other, tolerances=["Sped=5"])


def test_whole_numbers_that_no_float_tells_apart_differ() -> None:
    big = SignalDef("Big", "M", 0, 64)
    times = np.array([0])
    logs = [
        Signals({"b.M.Big": SignalColumn(big, times, raw := np.array([2**63 + by], np.uint64), raw)}, end=5)
        for by in (0, 1)
    ]
    (found,) = compare(*logs).different
    assert (found.first.one, found.first.other) == (2**63, 2**63 + 1)


def test_tolerances_are_read_with_their_units() -> None:
    assert parse_tolerance("A.B=0.5") == ("A.B", Tolerance(0.5))
    assert parse_tolerance("*= 2 %, 20 ms, 1e-3") == ("*", Tolerance(0.001, 0.02, 20 * MS))
    assert str(Tolerance(0.5, 0.02, 20 * MS)) == "0.5, 2 %, 20 ms" and str(Tolerance()) == "exact"
    for text in ("0.5", "=0.5", "A=", "A=x", "A=-1", "A=nan", "A=-3ms", "A=5 parsec", "A=%"):
        with pytest.raises(UnitError, match="tolerance"):
            parse_tolerance(text)


def test_patterns_mean_whole_names() -> None:
    assert matches("*Crc", "body.Lamps.LampsCrc") and matches("body.*", "body.Lamps.Left")
    assert not matches("Lamp", "body.Lamps.Left") and not matches("Lamps", "body.Lamps.Left")


def test_the_table_is_cut_and_says_so() -> None:
    many = {f"b.M.S{n:02}": column(SPEED, [(0, 1.0)]) for n in range(20)}
    more = {f"b.M.S{n:02}": column(SPEED, [(0, 2.0)]) for n in range(20)}
    found = compare(Signals(many, end=5), Signals(more, end=5))
    assert "  and 15 more" in text_of(found, limit=5).splitlines()
    assert "more" not in text_of(found, limit=0)


def test_json_has_no_number_that_json_lacks() -> None:
    one, other = recorded(9, [(0, math.nan)], [(0, 0)]), recorded(9, [(0, math.inf)], [(0, 3)])
    content = json.loads(json.dumps(json_of(compare(one, other)), allow_nan=False))
    assert content["schema"] == "vehicle-harness/diff/1" and content["equal"] is False
    speed = next(each for each in content["different"] if each["path"] == PATHS["Speed"])
    assert speed["first"]["values"] == [{"value": None, "text": "nan"}, {"value": None, "text": "inf"}]
    lamp = next(each for each in content["different"] if each["path"] == PATHS["Lamp"])
    assert [each["text"] for each in lamp["first"]["values"]] == ["Off", "Invalid"]
    assert (lamp["share"], lamp["differing_ns"], lamp["compared_ns"]) == (1.0, 10, 10)


def test_recordings_of_different_length_are_not_called_equal() -> None:
    long, short = (recorded(end, [(0, 1.0)], [(0, 1)]) for end in (3000 * MS, 900 * MS))
    with pytest.raises(
        Inconclusive, match=r"in the 900 ms that both cover, but first is longer by 2\.1 s"
    ):
        compare(long, short)
    assert compare(long, short, damaged="ignore").equal
