"""Expectations: what they count from, which samples count, what a failure says."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path

import pytest

from harness.bench import Bench, Silence
from harness.bench.stimulus import Confirmed
from harness.errors import ExpectationFailed, Inconclusive, PredicateTruthError, SignalError, SimulationError, UnitError
from harness.evidence.verdicts import Verdict
from harness.units import Duration, Uncertain, V, ms, percent, s


def test_within_counts_from_the_end_of_the_stimulating_frame(lamp: Bench) -> None:
    lamp.wait(103 * ms)
    stimulus = lamp.set("BrakePedal", 40 * percent)
    result = lamp.expect(lamp.signal("BrakeLamp") == "On", within=80 * ms)
    assert stimulus.delivered is not None and stimulus.delivered > 103 * ms
    assert result.time == stimulus.delivered + result.latency
    # 30 ms of the model and the lamp's own frame on the bus, not the wait for the pedal's next cycle.
    assert 30 * ms < result.latency < 30.5 * ms
    assert result.margin == 80 * ms - result.latency


def test_the_limit_is_inclusive(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    lamp.set("BrakePedal", 40)
    latency = lamp.expect(lamp.signal("BrakeLamp") == "On", within=1 * s).latency
    for within, holds in ((latency, True), (Duration(latency - 1), False)):
        with Bench(lamp.world.blueprint) as again:
            again.wait(100 * ms)
            again.set("BrakePedal", 40)
            if holds:
                assert again.expect(again.signal("BrakeLamp") == "On", within=within).margin == 0
            else:
                with pytest.raises(ExpectationFailed, match="not seen"):
                    again.expect(again.signal("BrakeLamp") == "On", within=within)


def test_samples_before_the_call_count(lamp: Bench) -> None:
    lamp.set("BrakePedal", 40)
    lamp.wait(500 * ms)
    result = lamp.expect(lamp.signal("BrakeLamp") == "On", within=80 * ms)
    assert result.time < 100 * ms
    assert lamp.now == 500 * ms


def test_a_late_reaction_is_not_excused_by_a_late_call(lamp: Bench) -> None:
    lamp.set("BrakePedal", 40)
    lamp.wait(500 * ms)
    with pytest.raises(ExpectationFailed, match=r"expect BrakeLamp == On within 10 ms: only after 30\.\d+ ms"):
        lamp.expect(lamp.signal("BrakeLamp") == "On", within=10 * ms)


def test_a_state_that_already_holds_passes_with_latency_zero(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    lamp.set("BrakePedal", 0)
    assert lamp.expect(lamp.signal("BrakeLamp") == "Off", within=80 * ms).latency == 0


def test_a_change_needs_a_new_edge(lamp: Bench) -> None:
    lamp.set("BrakePedal", 40)
    lamp.wait(500 * ms)
    lamp.set("BrakePedal", 50)
    with pytest.raises(ExpectationFailed, match="BrakeLamp changes to On within 80 ms: not seen"):
        lamp.expect(lamp.signal("BrakeLamp").changes(to="On"), within=80 * ms)
    lamp.set("BrakePedal", 0)
    lamp.expect(lamp.signal("BrakeLamp").changes(to="Off", frm="On"), within=80 * ms)


def test_the_frame_that_carries_the_stimulus_brings_its_own_change(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    pedal = lamp.signal("BrakePedal")
    stimulus = lamp.set("BrakePedal", 40 * percent)
    changed = lamp.expect(pedal.changes(to=40), within=20 * ms)
    assert changed.time == stimulus.delivered
    lamp.set("BrakePedal", 40 * percent)
    with pytest.raises(ExpectationFailed):  # now it is old
        lamp.expect(pedal.changes(to=40), within=50 * ms)


def test_after_overrides_the_latest_stimulus(lamp: Bench) -> None:
    first = lamp.set("BrakePedal", 40)
    lamp.wait(20 * ms)
    lamp.set("HazardSwitch", "Off")
    late = lamp.expect(lamp.signal("BrakeLamp") == "On", within=80 * ms, after=first)
    assert late.latency > 30 * ms
    assert lamp.expect(lamp.signal("BrakeLamp") == "On", within=80 * ms, after=20 * ms).latency < 30 * ms


def test_without_a_stimulus_the_call_counts(lamp: Bench) -> None:
    lamp.wait(1 * s)
    assert lamp.expect(lamp.signal("BrakeLamp").received(), within=20 * ms).latency <= 20 * ms


def test_a_plant_value_counts_from_the_instant_it_is_set(lamp: Bench) -> None:
    lamp.wait(7 * ms)
    lamp.plant["temperature"] = 25.0
    assert lamp.latest is not None and lamp.latest.delivered == 7 * ms


@pytest.mark.parametrize(
    ("within", "verdict"), [(60, "passed"), (59, "inconclusive"), (31, "inconclusive"), (29, "failed")]
)
def test_what_an_instrument_does_takes_effect_between_call_and_confirmation(
    lamp: Bench, within: int, verdict: str
) -> None:
    lamp.wait(100 * ms)
    lamp.set("BrakePedal", 40)
    on = int(lamp.expect(lamp.signal("BrakeLamp") == "On", within=80 * ms).time)
    lamp.stimulated("set plant", (Confirmed(on - 30 * ms),), at=on - 60 * ms, gradual=True)
    lamp.wait(50 * ms)
    wanted: type[Exception] | None = {"inconclusive": Inconclusive, "failed": ExpectationFailed}.get(verdict)
    with pytest.raises(wanted) if wanted else nullcontext():
        result = lamp.expect(lamp.signal("BrakeLamp") == "On", within=within * ms)
        assert isinstance(result.latency, Uncertain)
        assert (result.latency, result.latency.uncertainty_ns) == (60 * ms, 30 * ms)


def test_stays_after_an_instruments_stimulus_begins_with_its_confirmation(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    lamp.set("BrakePedal", 40)
    on = int(lamp.expect(lamp.signal("BrakeLamp") == "On", within=80 * ms).time)
    stimulus = lamp.stimulated("set plant", (Confirmed(on),), at=on - 60 * ms, gradual=True)
    assert lamp.stays(lamp.signal("BrakeLamp") == "On", during=100 * ms, after=stimulus)


def test_a_stimulus_that_never_reaches_the_bus_is_no_pass(lamp: Bench) -> None:
    lamp.node("PEDAL").power_off()
    lamp.set("BrakePedal", 40)
    with pytest.raises(SimulationError, match=r"set BrakePedal = 40 % did not reach the bus within 5\.01 s"):
        lamp.expect(lamp.signal("BrakeLamp") == "Off", within=80 * ms)


def test_the_failure_says_what_was_seen(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    lamp.set("BrakePedal", 2)
    with pytest.raises(ExpectationFailed) as caught:
        lamp.expect(lamp.signal("BrakeLamp") == "On", within=80 * ms)
    text = str(caught.value)
    for part in ("expect BrakeLamp == On within 80 ms: not seen", "counted from", "last samples", "BrakeLamp = Off"):
        assert part in text
    assert lamp.journal[-1].verdict is Verdict.FAILED


def test_stays_fails_at_the_instant_of_the_violation(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    lamp.set("BrakePedal", 40)
    with pytest.raises(ExpectationFailed, match=r"stays BrakeLamp == Off during 1 s: violated after"):
        lamp.stays(lamp.signal("BrakeLamp") == "Off", during=1 * s)
    assert lamp.now < 150 * ms


def test_stays_and_never_hold_to_the_end(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    lamp.stays(lamp.signal("BrakeLamp") == "Off", during=1 * s)
    result = lamp.never(lamp.signal("Level") > 10 * percent, during=1 * s)
    assert lamp.now == 2100 * ms
    assert result.verdict is Verdict.PASSED
    assert result.margin == pytest.approx(10.0, abs=0.5)


def test_numbers_are_shown_with_their_unit(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    result = lamp.never(lamp.signal("BrakePedal") > 10 * percent, during=100 * ms)
    assert result.seen.endswith("BrakePedal = 0 %")
    assert lamp.journal[-1].title.endswith("held, smallest distance 10 %")


def test_never_seen_anything_is_inconclusive(lamp: Bench) -> None:
    lamp.node("LAMP").power_off()
    with pytest.raises(Inconclusive, match="nothing was observed"):
        lamp.never(lamp.signal("BrakeLamp") == "On", during=1 * s)
    assert lamp.journal[-1].verdict is Verdict.INCONCLUSIVE


def test_a_dead_sender_does_not_keep_its_last_word(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    lamp.node("LAMP").power_off()
    with pytest.raises(ExpectationFailed, match="violated after"):
        lamp.stays(lamp.signal("BrakeLamp") == "Off", during=2 * s)


def test_silent(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    with pytest.raises(ExpectationFailed, match="silent Pedals during 1 s: 0x0A0"):
        lamp.silent("Pedals", during=1 * s)
    lamp.silent("Switch", during=1 * s)
    lamp.node("LAMP").power_off()
    lamp.node("PEDAL").power_off()
    lamp.wait(1 * ms)  # a frame of which only the last recessive bit was missing is still a frame
    lamp.silent("can", during=1 * s)


@pytest.mark.parametrize("span", [80, 0.08, "80 ms", -5 * ms])
def test_durations_need_their_unit(lamp: Bench, span: object) -> None:
    with pytest.raises(UnitError):
        lamp.expect(lamp.signal("BrakeLamp") == "On", within=span)  # type: ignore[arg-type]
    with pytest.raises(UnitError):
        lamp.wait(span)  # type: ignore[arg-type]


def test_what_is_no_predicate_is_refused(lamp: Bench) -> None:
    with pytest.raises(SignalError, match="takes a predicate"):
        lamp.expect(lamp.signal("BrakeLamp").text == "On", within=80 * ms)  # type: ignore[arg-type]
    with pytest.raises(PredicateTruthError):
        assert lamp.signal("BrakeLamp") == "Off"
    with pytest.raises(PredicateTruthError):
        lamp.expect(1 < lamp.signal("Level") < 5, within=1 * s)  # type: ignore[arg-type,operator]
    with pytest.raises(UnitError, match="voltage"):
        lamp.signal("Level") > 5 * V  # noqa: B015


def test_the_journal_tells_the_story(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    lamp.set("BrakePedal", 40 * percent)
    lamp.expect(lamp.signal("BrakeLamp") == "On", within=80 * ms)
    lamp.plant["temperature"] = 30.0
    titles = [event.title for event in lamp.journal]
    assert titles[0] == "set BrakePedal = 40 %"
    assert titles[1].startswith("expect BrakeLamp == On within 80 ms: after 30.")
    assert ", margin 49." in titles[1]
    assert titles[2] == "set plant temperature = 30 degC"


@pytest.mark.parametrize("after", [80, -5 * ms, "x", 1.5])
def test_after_takes_a_stimulus_or_a_duration(lamp: Bench, after: Duration) -> None:
    lamp.wait(100 * ms)
    for demand in (
        lambda: lamp.expect(lamp.signal("BrakeLamp") == "Off", within=1 * s, after=after),
        lambda: lamp.stays(lamp.signal("BrakeLamp") == "Off", during=1 * s, after=after),
        lambda: lamp.never(lamp.signal("BrakeLamp") == "On", during=1 * s, after=after),
    ):
        with pytest.raises(UnitError, match="after"):
            demand()


def test_after_lies_in_the_past(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    with pytest.raises(UnitError, match=r"after=150 ms lies in the future, it is 100 ms: wait first"):
        lamp.expect(lamp.signal("BrakeLamp") == "Off", within=1 * ms, after=150 * ms)


def test_a_signal_of_another_bench_is_refused(lamp: Bench) -> None:
    with Bench(lamp.world.blueprint) as other:
        other.wait(100 * ms)
        with pytest.raises(SignalError, match="BrakeLamp is a signal of another bench"):
            lamp.expect(other.signal("BrakeLamp") == "Off", within=1 * s)
        with pytest.raises(SignalError, match="two different worlds"):
            lamp.expect((other.signal("BrakeLamp") == "Off") & (lamp.signal("BrakeLamp") == "Off"), within=1 * s)


@pytest.mark.parametrize("demand", ["wait_until", "expect", "stays", "never"])
def test_every_demand_takes_a_predicate_only(lamp: Bench, demand: str) -> None:
    limit = {"wait_until": "timeout", "expect": "within"}.get(demand, "during")
    with pytest.raises(SignalError, match=rf"{demand}\(\) takes a predicate"):
        getattr(lamp, demand)(True, **{limit: 1 * s})


def test_never_over_a_gap_is_not_told(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    with lamp.disturb(Silence("Lamps")):
        lamp.wait(200 * ms)
    lamp.wait(100 * ms)
    # The lamp is seen again at the end, but who knows what it did meanwhile?
    with pytest.raises(Inconclusive, match="the last sample was more than 5 cycles old"):
        lamp.never(lamp.signal("BrakeLamp") == "On", during=300 * ms, after=100 * ms)


def test_never_looks_at_its_own_span_only(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    lamp.node("LAMP").power_off()
    lamp.wait(1 * s)
    assert lamp.never(lamp.signal("BrakeLamp") == "On", during=50 * ms, after=50 * ms)


def test_what_the_channel_has_forgotten_is_not_told(lamp: Bench) -> None:
    lamp.set("BrakePedal", 40)
    lamp.wait(1 * s)
    lamp.set("BrakePedal", 0)
    lamp.wait(80 * s)
    lit = lamp.signal("BrakeLamp") == "On"
    for demand in (
        lambda: lamp.never(lit, during=81 * s, after=0 * s),
        lambda: lamp.stays(~lit, during=79 * s, after=2 * s),
        lambda: lamp.expect(lit, within=1 * s),
    ):
        with pytest.raises(Inconclusive, match="are no longer remembered"):
            demand()
    assert lamp.never(lit, during=50 * s, after=30 * s)


def test_a_stimulus_may_wait_for_a_long_cycle(lamp: Bench, tmp_path: Path) -> None:
    file = lamp.world.blueprint.file.path
    for name in ("lamp.dbc", "lamp_model.py"):
        (tmp_path / name).write_bytes((file.parent / name).read_bytes())
    (tmp_path / "lamp.toml").write_text(file.read_text() + '[cycle]\nPedals = "30 s"\n')
    with Bench.open(tmp_path / "lamp.toml") as bench:
        bench.wait(1 * s)
        bench.set("BrakePedal", 40)
        assert bench.expect(bench.signal("BrakeLamp") == "On", within=80 * ms).time > 30 * s
        # The cycle time of the bench file says as well when a value is no data any more.
        assert bench.signal("BrakePedal").timeout == 150 * s


def test_a_failure_names_the_stimulus_that_it_counts_from(lamp: Bench) -> None:
    first = lamp.set("BrakePedal", 2 * percent)
    on = lamp.signal("BrakeLamp") == "On"
    with pytest.raises(ExpectationFailed, match=r"counted from \S+ ms \(set BrakePedal = 2 %\), judged at"):
        lamp.expect(on, within=80 * ms)
    with pytest.raises(ExpectationFailed, match=r"counted from \S+ ms \(set BrakePedal = 2 %\), judged at"):
        lamp.stays(on, during=80 * ms, after=first)
    with pytest.raises(ExpectationFailed, match=r"counted from \S+ ms, judged at"):
        lamp.expect(on, within=80 * ms, after=lamp.now)
