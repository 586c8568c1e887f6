"""How exact a world is: what was told about lateness, over any stretch of time."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness import ms, s
from harness.bench import Bench
from harness.bench.accounting import QUIET_NS, Accounting, Lateness
from harness.bench.expectation import Judge
from harness.bench.traffic import Traffic
from harness.errors import Inconclusive, UnitError
from harness.frames import Frame, Received
from harness.inexact import Inexact, error_of
from harness.units import Duration, Uncertain

MS = 1_000_000
NOTES = st.lists(st.tuples(st.integers(1, 50 * MS), st.integers(0, 80 * MS)), min_size=1, max_size=40)


@given(NOTES, st.data())
def test_no_lateness_of_a_stretch_of_time_is_forgotten(notes: list[tuple[int, int]], data: st.DataObject) -> None:
    late = Lateness("body")
    spans, now = [], 0
    for length, worst in notes:
        spans.append((now, now + length, worst))
        now += length
        late.note(now, worst)
    since = data.draw(st.integers(0, now))
    until = data.draw(st.integers(since, now))
    exact = max((worst for start, end, worst in spans if start <= until and end >= since), default=0)
    found = late.worst(since, until)
    # Quiet spans are remembered together, so it may be told too much of them, and never too little.
    assert found >= exact
    assert found <= max(exact, QUIET_NS, spans[-1][2] if until >= spans[-1][0] else 0)


def test_what_has_not_been_told_yet_is_as_bad_as_what_was_told_last() -> None:
    late = Lateness("body")
    late.note(10 * MS, 30 * MS)
    assert late.worst(50 * MS, 60 * MS) == 30 * MS


def test_quiet_times_take_no_memory() -> None:
    late = Lateness("body")
    for step in range(1, 10_000):
        late.note(step * 5 * MS, 100_000)
    assert len(late.spans) == 1


def test_stamps_channel_processes_and_the_served_vehicle_add_up() -> None:
    accounting = Accounting({"powertrain": 100_000, "body": 300_000}, ["served vehicle"])
    accounting.channels["powertrain"].note(10 * MS, 2 * MS)
    accounting.channels["body"].note(10 * MS, 1_500_000)
    accounting.served["served vehicle"].note(10 * MS, 4 * MS)
    assert accounting.uncertainty(0, 10 * MS) == 300_000 + 2 * MS + 4 * MS
    text = accounting.text(0, 10 * MS)
    assert "channel process powertrain late by up to 2 ms" in text and "served vehicle late by up to 4 ms" in text


def test_a_measured_span_cannot_claim_more_than_was_measured() -> None:
    gap = Uncertain(10_900_000, 300_000)
    assert gap <= 12 * ms
    assert not gap > 12 * ms
    with pytest.raises(Inconclusive, match=r"10.9 ms <= 11 ms cannot be told: it was measured to within 300 µs only"):
        assert gap <= 11 * ms
    with pytest.raises(UnitError):
        assert gap < 11


def test_uncertainties_add_up_in_sums_and_differences() -> None:
    first, second = Uncertain(5_000_000, 100), Uncertain(9_000_000, 300)
    assert (second - first).uncertainty_ns == 400
    assert int(second - first) == 4_000_000
    assert int(Duration(20_000_000) - first) == 15_000_000
    assert (abs(first - 10 * ms)).uncertainty_ns == 100
    assert max(first, second) is second


def test_multiples_and_remainders_of_a_measured_span_stay_uncertain() -> None:
    gap = Uncertain(10_000_000, 300_000)
    assert [each.uncertainty_ns for each in (gap * 3, gap * 1.5, -2 * gap)] == [900_000, 450_000, 600_000]
    assert (gap % (7 * ms)).uncertainty_ns == 300_000
    with pytest.raises(Inconclusive):
        _ = gap * 2 <= 20.5 * ms
    with pytest.raises(Inconclusive):
        _ = gap % (7 * ms) <= 3.2 * ms
    with pytest.raises(TypeError):
        _ = gap * (2 * ms)


def test_a_mean_of_measured_spans_knows_how_far_it_may_be_off() -> None:
    gaps = [Uncertain(10_000_000, 300_000), Uncertain(10_400_000, 300_000)]
    mean = sum(gaps) / len(gaps)
    assert mean == 10_200_000.0 and mean < 10.6 * ms and mean / 1e6 < 10.6
    for claim in (lambda: mean < 10.4 * ms, lambda: mean / 1e6 < 10.4, lambda: gaps[0] / 2 <= 5.1 * ms):
        with pytest.raises(Inconclusive):
            claim()
    share = gaps[1] / (10 * ms)
    assert (float(share), round(error_of(share), 6)) == (1.04, 0.03)
    rate = 1 * s / gaps[0]
    assert 90 < rate < 110 and float(rate) == 100
    with pytest.raises(Inconclusive, match=r"100 > 98 cannot be told: it is known to within 3\.09 only"):
        assert rate > 98
    assert type(float(mean)) is float and float(mean) < 10.4 * ms


@given(
    st.floats(-100, 100), st.floats(0, 5), st.floats(-100, 100), st.floats(0, 5), st.floats(-1, 1), st.floats(-1, 1),
    st.sampled_from([operator.add, operator.sub, operator.mul, operator.truediv]),
)  # fmt: skip
def test_the_true_result_lies_within_the_error(
    a: float, error: float, b: float, other: float, off: float, off_other: float, combine: Any
) -> None:
    true = b + off_other * other
    assume(b != 0 and true != 0)
    found = combine(Inexact(a, error), Inexact(b, other))
    exact = combine(a + off * error, true)
    assert abs(exact - float(found)) <= found.error * (1 + 1e-9) + 1e-6 * (1 + abs(exact))


def frames_at(*times: int) -> tuple[Received, ...]:
    return tuple(Received(time, "can", Frame(0xA0), "PEDAL") for time in times)


def test_what_holds_for_the_longest_gap_holds_for_each_however_late_it_was_stamped() -> None:
    def off(since: int, until: int) -> int:
        return 3 * MS if until == 20 * MS else 10_000

    frames = frames_at(0, 10 * MS, 20 * MS, 29 * MS, 40 * MS)
    traffic = Traffic("Pedals", "can", "PEDAL", 10 * ms, False, 4, (), frames, off)
    assert [each.uncertainty_ns for each in traffic.gaps if isinstance(each, Uncertain)] == [
        20_000, 3_010_000, 3_010_000, 2_010_000
    ]  # fmt: skip
    assert max(traffic.gaps) == 11 * MS
    with pytest.raises(Inconclusive):
        assert max(traffic.gaps) <= 12 * ms
    with pytest.raises(Inconclusive):
        assert min(traffic.gaps) >= 8 * ms
    assert max(traffic.gaps) <= 14 * ms
    assert traffic.since(25 * ms).gaps[0] <= 12 * ms
    assert Traffic("Pedals", "can", "PEDAL", 10 * ms, False, 4, (), frames[:1], off).gaps == ()


def on_a_bench_that_knows_times_to_within(lamp: Bench, uncertainty: int) -> int:
    """Makes it so; returns after how long the lamp of this world lights."""
    lamp._judge = Judge(lamp.world.loop, lamp.journal, Accounting({"can": uncertainty}))
    with Bench(lamp.world.blueprint) as same:
        same.wait(100 * ms)
        same.set("BrakePedal", 40)
        return same.wait_until(same.signal("BrakeLamp") == "On", timeout=100 * ms).time - 100 * MS


CLAIMS: list[Callable[[Bench, Duration], object]] = [
    lambda bench, span: bench.stays(bench.signal("BrakeLamp") == "Off", during=span),
    lambda bench, span: bench.never(bench.signal("BrakeLamp") == "On", during=span),
]


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_comes_just_after_the_end_may_have_come_before(
    lamp: Bench, claim: Callable[[Bench, Duration], object]
) -> None:
    lights = on_a_bench_that_knows_times_to_within(lamp, 5 * MS)
    lamp.wait(100 * ms)
    lamp.set("BrakePedal", 40)
    with pytest.raises(Inconclusive, match=r"violated only after .* known to within 5 ms only"):
        claim(lamp, Duration(lights - 4 * MS))


@pytest.mark.parametrize("claim", CLAIMS)
def test_what_comes_later_than_that_did_not(lamp: Bench, claim: Callable[[Bench, Duration], object]) -> None:
    lights = on_a_bench_that_knows_times_to_within(lamp, 5 * MS)
    lamp.wait(100 * ms)
    lamp.set("BrakePedal", 40)
    assert claim(lamp, Duration(lights - 6 * MS))


def test_a_frame_just_after_a_silence_may_have_broken_it(lamp: Bench) -> None:
    lamp.world.accounting = Accounting({"can": 2 * MS})
    lamp.wait(95 * ms)
    lamp.silent("Pedals", during=1 * ms)
    lamp.wait(8 * ms)
    next_frame = lamp.traffic("Pedals").times[-1] + 10 * MS
    with pytest.raises(Inconclusive, match="known to within 2 ms only"):
        lamp.silent("Pedals", during=Duration(next_frame - MS - lamp.now))


def test_simulated_nodes_answer_as_late_as_the_world_is_behind() -> None:
    with_models, without = Accounting({"can": 0}, simulates=True), Accounting({"can": 0})
    for accounting in (with_models, without):
        for step in range(1, 100):
            accounting.is_behind(step * 5 * MS, 300 * MS if step == 50 else 5 * MS)
    assert with_models.worst(0, 500 * MS) == 300 * MS
    assert with_models.worst(300 * MS, 500 * MS) == 0
    assert "simulated nodes answered up to 300 ms late" in with_models.text(0, 500 * MS)
    assert with_models.uncertainty(0, 500 * MS) == 0, "stamps are as they are"
    assert without.worst(0, 500 * MS) == 0


def test_a_report_that_reaches_less_far_than_the_one_before_turns_nothing_back() -> None:
    late = Lateness("body")
    for until, late_ns in ((20 * MS, 50 * MS), (10 * MS, 3 * MS), (12 * MS, 0), (30 * MS, 2 * MS)):
        late.note(until, late_ns)
    assert all(span.start <= span.end for span in late.spans)
    assert [late.worst(at * MS, at * MS) for at in (5, 15, 25)] == [50 * MS, 50 * MS, 2 * MS]


def test_a_test_that_acted_late_once_was_late_then_and_not_before_or_after() -> None:
    late = Lateness("test")
    late.act(1_000 * MS, 30 * MS)
    assert late.worst(1_001 * MS, 60_000 * MS) == 0
    late.act(40_000 * MS, 0)
    assert late.worst(900 * MS, 1_100 * MS) == late.worst(1_000 * MS, 1_000 * MS) == 30 * MS
    assert late.worst(0, 999 * MS) == late.worst(1_001 * MS, 60_000 * MS) == 0
