"""What expectations claim, and how plots and tables show it; on the lamp bench."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from harness import Bench, ms, percent, s
from harness.errors import ExpectationFailed, Inconclusive, MonitorViolation
from harness.evidence.events import Claim, Event
from harness.evidence.lanes import plot_of
from harness.evidence.plot import LANES, render
from harness.evidence.record import WorldRecord
from harness.evidence.verdict_table import FEW, ROWS, judged, verdict_fragment, verdict_page
from harness.evidence.verdicts import Verdict
from harness.pytest_support.open_world import OpenWorld, Share

LAMP = Path(__file__).parents[1] / "bench" / "data" / "lamp.toml"


@pytest.fixture
def lamp() -> Bench:
    return Bench.open(LAMP)


def record_of(lamp: Bench) -> WorldRecord:
    return Share(OpenWorld(lamp)).record(loads=True)


@contextmanager
def failing(error: type[Exception] = ExpectationFailed) -> Iterator[None]:
    with pytest.raises(error):
        yield


def last(lamp: Bench) -> Event:
    return lamp.journal[-1]


def claim(lamp: Bench) -> Claim:
    found = last(lamp).claim
    assert found is not None
    return found


def test_in_time(lamp: Bench) -> None:
    lamp.set("BrakePedal", 40 * percent)
    result = lamp.expect(lamp.signal("BrakeLamp") == "On", within=80 * ms)
    found = claim(lamp)
    assert found.expected == "BrakeLamp == On within 80 ms"
    assert found.actual == f"after {result.latency}: BrakeLamp = On"
    assert found.margin == str(result.margin)
    assert found.signals == ("can.Lamps.BrakeLamp",)
    (measure,) = found.measures
    assert (measure.name, measure.unit, measure.better) == ("reaction time of BrakeLamp == On", "ms", "lower")
    assert measure.value == pytest.approx(int(result.latency) / 1e6)
    assert found.window == (int(result.time) - int(result.latency), int(result.time))


def test_not_in_time(lamp: Bench) -> None:
    lamp.set("BrakePedal", 40 * percent)
    with failing():
        lamp.expect(lamp.signal("BrakeLamp") == "On", within=20 * ms)
    found = claim(lamp)
    assert found.actual == "not seen; last: BrakeLamp = Off"
    assert found.measures == () and found.window is not None
    assert found.window[1] - found.window[0] == 20 * ms


def test_too_late(lamp: Bench) -> None:
    lamp.set("BrakePedal", 40 * percent)
    lamp.wait(100 * ms)
    with failing():
        lamp.expect(lamp.signal("Level") >= 40 * percent, within=20 * ms)
    found = claim(lamp)
    assert found.actual.startswith("only after 30.1") and found.margin.startswith("-10.1")
    assert found.tolerance == "± 0.25 %"
    assert [(limit.signal, limit.value) for limit in found.limits] == [("can.Lamps.Level", 40)]


def test_what_holds_and_what_does_not(lamp: Bench) -> None:
    level = lamp.signal("Level")
    lamp.set("BrakePedal", 40 * percent)
    lamp.wait(100 * ms)
    lamp.stays(level.near(40, 5), during=1 * s)
    assert (claim(lamp).expected, claim(lamp).margin) == ("stays Level == 40 ± 5 % during 1 s", "5 %")
    assert claim(lamp).tolerance == "± 5 %"
    assert [each.value for each in claim(lamp).measures] == [5]
    lamp.set("BrakePedal", 60 * percent)
    lamp.wait(10 * ms)
    lamp.set("BrakePedal", 0 * percent)
    with failing():
        lamp.never(level == 0, during=1 * s)
    found = claim(lamp)
    assert found.window is not None and found.window[0] == found.window[1] == last(lamp).time
    assert found.actual.startswith("violated after ")


def test_what_cannot_be_told(lamp: Bench) -> None:
    with failing(Inconclusive):
        lamp.stays(lamp.signal("HazardSwitch") == "Off", during=100 * ms)
    assert last(lamp).verdict is Verdict.INCONCLUSIVE
    assert claim(lamp).actual == "nothing was observed"


def test_silence(lamp: Bench) -> None:
    lamp.silent("Switch", during=100 * ms)
    assert claim(lamp).actual == "no frame"
    with failing():
        lamp.silent("Lamps", during=100 * ms)
    assert claim(lamp).actual.startswith("0x12C")


# -- plots -------------------------------------------------------------------------------------------------------------


def test_a_failure_shows_what_was_judged_and_what_was_stimulated(lamp: Bench) -> None:
    lamp.wait(1 * s)
    lamp.set("BrakePedal", 40 * percent)
    with failing():
        lamp.expect(lamp.signal("BrakeLamp") == "On", within=20 * ms)
    plot = plot_of(record_of(lamp), last(lamp))
    assert plot is not None and plot.passed is False
    shown, pedal = plot.lanes
    assert (shown.name, shown.labels, shown.limits) == ("BrakeLamp", {0: "Off", 1: "On"}, (1,))
    assert {value for _, value in shown.points if value == value} == {0.0}
    assert (pedal.name, pedal.unit, pedal.step) == ("BrakePedal", "%", 0.5)
    assert [value for _, value in pedal.points][-2] == 40
    assert pedal.points[-1][0] == last(lamp).time + 1, "nothing is drawn of what was not seen"
    assert plot.window == claim(lamp).window
    assert plot.start <= 1 * s - 90 * ms and plot.end > last(lamp).time
    assert [(mark.time, mark.text) for mark in plot.marks] == [(1 * s, "set BrakePedal = 40 %")]


def test_a_stimulus_some_way_back_is_still_shown(lamp: Bench) -> None:
    lamp.set("BrakePedal", 40 * percent)
    lamp.wait(2 * s)
    with failing():
        lamp.stays(lamp.signal("Level") < 40 * percent, during=1 * s)
    plot = plot_of(record_of(lamp), last(lamp))
    assert plot is not None and plot.start == 0


def test_a_signal_whose_sender_died_ends_in_the_plot(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    lamp.node("LAMP").power_off()
    lamp.wait(1 * s)
    lamp.plot("Level")
    plot = plot_of(record_of(lamp), last(lamp))
    assert plot is not None and plot.passed is None
    (lane,) = plot.lanes
    last_sample = max(time for time, value in lane.points if value == value)
    assert lane.points[-1][0] == last_sample + 5 * 20 * ms + 1, "five cycles later"
    assert lane.points[-1][1] != lane.points[-1][1]


def test_a_plot_that_was_asked_for(lamp: Bench) -> None:
    lamp.wait(1 * s)
    lamp.plot("BrakePedal", "BrakeLamp", since=500 * ms)
    plot = plot_of(record_of(lamp), last(lamp))
    assert plot is not None
    assert ([lane.name for lane in plot.lanes], plot.start, plot.end) == (["BrakePedal", "BrakeLamp"], 500 * ms, 1 * s)


def test_no_more_lanes_than_fit_and_none_for_what_no_database_has(lamp: Bench) -> None:
    record = record_of(lamp)
    many = Claim("a", "b", signals=("can.Pedals.BrakePedal", *["can.Lamps.Level"] * 20))
    plot = plot_of(record, Event(0, "incident", "t", Verdict.FAILED, claim=many))
    assert plot is not None and len(plot.lanes) <= LANES
    unknown = Claim("a", "b", signals=("can.Lamps.Nothing", "other.Lamps.Level"))
    assert plot_of(record, Event(0, "incident", "t", Verdict.FAILED, claim=unknown)) is None
    assert plot_of(record, Event(0, "incident", "t", Verdict.FAILED)) is None


# -- tables ------------------------------------------------------------------------------------------------------------


def event(number: int, verdict: Verdict = Verdict.PASSED) -> Event:
    told = Claim(f"expected <{number}>", f"actual {number}", "± 1 %", "2 %")
    return Event(number * 1_000_000, "expectation", f"title {number}", verdict, claim=told)


@pytest.mark.parametrize(("make", "limit"), [(verdict_page, ROWS), (verdict_fragment, FEW)])
def test_a_long_table_keeps_what_did_not_pass(make: Callable[[list[Event]], str], limit: int) -> None:
    text = make([event(number, Verdict.FAILED if number == 5 else Verdict.PASSED) for number in range(1_000)])
    assert text.count("<tr") == limit + 1
    assert "expected &lt;5&gt;" in text and "expected &lt;999&gt;" in text and "expected &lt;6&gt;" not in text


def test_the_table_holds_time_expected_actual_tolerance_and_margin() -> None:
    text = verdict_page([event(3, Verdict.INCONCLUSIVE)])
    for part in ("inconclusive", "3 ms", "expected &lt;3&gt;", "actual 3", "± 1 %", "2 %", "1 check:", "class=mark"):
        assert part in text
    assert "<script" not in text


def test_an_incident_without_claim_is_in_the_table_too() -> None:
    record = WorldRecord("lamp", LAMP, 0, {}, {}, [Event(1, "incident", "no <such> frame", Verdict.FAILED)])
    assert "no &lt;such&gt; frame" in verdict_fragment(judged([record]))
    assert "tolerance" not in verdict_fragment(judged([record])), "nothing stands in that column"
    assert verdict_fragment([]) == ""


def test_a_table_on_top_of_a_test_stays_short_however_much_went_wrong() -> None:
    text = verdict_fragment([event(number, Verdict.FAILED) for number in range(300)])
    assert text.count("<tr") == FEW + 1 and "expected &lt;0&gt;" in text
    assert "and 292 more, 292 of which did not pass" in text
    assert verdict_page([event(number, Verdict.FAILED) for number in range(500)]).count("<tr") == 501


def test_a_violation_stands_in_the_table_once(lamp: Bench) -> None:
    with pytest.raises(MonitorViolation), lamp.watch("always(Level <= 10)"):
        lamp.set("BrakePedal", 40 * percent)
        lamp.wait(1 * s)
    kinds = [(each.kind, each.verdict) for each in lamp.journal if each.verdict is not None]
    assert kinds == [("incident", Verdict.FAILED), ("expectation", Verdict.FAILED)]
    (shown,) = judged([record_of(lamp)])
    assert shown.claim is not None and shown.claim.expected == "always(Level <= 10 %)"


def test_a_limit_that_is_just_missed_has_no_negative_zero(lamp: Bench) -> None:
    lamp.set("BrakePedal", 40 * percent)
    lamp.wait(200 * ms)
    with pytest.raises(ExpectationFailed):
        lamp.stays(lamp.signal("Level") < lamp.signal("Level").value, during=100 * ms)
    assert claim(lamp).margin == "0 %"


def test_what_cannot_be_told_is_not_drawn_as_violated(lamp: Bench) -> None:
    lamp.wait(1 * s)
    with pytest.raises(Inconclusive):
        lamp.stays(lamp.signal("HazardSwitch") == "Off", during=100 * ms)
    plot = plot_of(record_of(lamp), last(lamp))
    assert plot is not None and plot.passed is None
    assert "not told" in render(plot) and "violated" not in render(plot)


def test_a_plot_says_from_when_on_frames_are_kept(lamp: Bench) -> None:
    stimulus = lamp.set("BrakePedal", 4 * percent)
    lamp.wait(100 * s)
    with pytest.raises(Inconclusive):
        lamp.expect(lamp.signal("Level") > 100, within=200 * s, after=stimulus)
    plot = plot_of(record_of(lamp), last(lamp))
    assert plot is not None
    (mark,) = [each for each in plot.marks if each.text == "frames before are not kept"]
    assert 30 * s < mark.time < 45 * s


def test_what_failed_comes_before_what_cannot_be_told() -> None:
    events = [event(1, Verdict.FAILED), event(2, Verdict.INCONCLUSIVE), event(3)]
    assert WorldRecord("lamp", LAMP, 0, {}, {}, events).red is events[0]
    assert WorldRecord("lamp", LAMP, 0, {}, {}, events[1:]).red is events[1]
    assert WorldRecord("lamp", LAMP, 0, {}, {}, events[2:]).red is None


def test_a_change_that_did_not_come_is_drawn_with_the_label_that_was_wanted(lamp: Bench) -> None:
    lamp.wait(200 * ms)
    with failing():
        lamp.expect(lamp.signal("BrakeLamp").changes(to="On"), within=50 * ms)
    plot = plot_of(record_of(lamp), last(lamp))
    assert plot is not None and plot.lanes[0].limits == (1.0,)
    with failing():
        lamp.expect(lamp.signal("BrakeLamp").changes(), within=50 * ms)
    assert claim(lamp).limits == ()
