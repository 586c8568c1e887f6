"""Cycle times, silence of nodes, and networks that sleep."""

from __future__ import annotations

import pytest
from drive import MS, drive, frame, rule
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.monitors.cycle import CycleCheck, NodeCheck
from harness.monitors.rules import CycleLimits
from harness.monitors.sleep import NetworkSleep, Statement
from harness.monitors.statistics import GapStatistics
from harness.signals.definitions import SignalDef

LIMITS = CycleLimits()


def regular(begin: float, end: float, step: float = 10, key: int = 0x140) -> list[object]:
    count = int((end - begin) / step)
    return [frame(begin + step * index, key) for index in range(count)]


def test_a_regular_message_is_right_and_measured() -> None:
    violations, (outcome,) = drive(CycleCheck(rule(), LIMITS), [frame(t) for t in (3, 13, 22.5, 33, 43)], 50)
    assert violations == []
    assert outcome.statistics == (("gaps", "mean 10 ms, sigma 353.6 µs, p99 10.5 ms, 9.5 ms to 10.5 ms"),)
    assert outcome.margin == pytest.approx(0.5)
    assert outcome.unit == "ms"
    assert outcome.judged_ns == 40 * MS


def test_a_missing_frame_is_a_violation_at_the_longest_gap() -> None:
    violations, (outcome,) = drive(CycleCheck(rule(), LIMITS), [frame(3), frame(13), frame(40), frame(50)], 55)
    (violation,) = violations
    assert (violation.kind, violation.time, violation.start, violation.end) == ("cycle", 24 * MS, 13 * MS, 24 * MS)
    assert violation.actual == "no frame for 11 ms"
    assert violation.expected == "every 10 ms, 9 ms to 11 ms"
    assert outcome.count == 1
    assert outcome.margin is None  # the worst gap broke the limit
    assert "27 ms" in outcome.statistics[0][1]


@pytest.mark.parametrize(("gap", "wrong"), [(9, False), (8.999, True), (11, False), (11.001, True)])
def test_limits_are_inclusive(gap: float, wrong: bool) -> None:
    violations, _ = drive(CycleCheck(rule(), LIMITS), [frame(t) for t in (3, 13, 23, 23 + gap)], 23 + gap)
    assert bool(violations) is wrong


def test_tolerance_is_the_larger_of_relative_and_absolute() -> None:
    limits = CycleLimits(relative=0.1, absolute=2 * MS)
    assert limits.gap(10 * MS) == (8 * MS, 12 * MS)
    assert limits.gap(100 * MS) == (90 * MS, 110 * MS)


def test_events_come_in_between_but_not_sooner_than_the_minimum_delay() -> None:
    check = CycleCheck(rule(events=True), LIMITS)
    assert drive(check, [frame(t) for t in (3, 13, 13.2, 20, 23)], 30)[0] == []
    check = CycleCheck(rule(events=True, min_delay_ns=5 * MS), LIMITS)
    (violation,) = drive(check, [frame(t) for t in (3, 13, 23, 26.9, 33)], 40)[0]
    assert (violation.actual, violation.margin) == ("after 3.9 ms", pytest.approx(-0.1))
    assert violation.expected == "every 10 ms, at most 11 ms, at least 4 ms"


def test_a_late_frame_may_be_followed_by_short_gaps_for_a_cycle() -> None:
    check = CycleCheck(rule(), LIMITS)
    violations, _ = drive(check, [frame(t) for t in (3, 13, 31, 31.3, 33, 43, 48)], 50)
    assert [violation.actual for violation in violations] == ["no frame for 11 ms", "after 5 ms"]


def test_the_first_frame_is_due_within_some_cycles_and_its_start_delay() -> None:
    check = CycleCheck(rule(start_delay_ns=7 * MS), CycleLimits(first=3))
    assert check.first == 37 * MS
    (violation,) = drive(check, [], 100)[0]
    assert (violation.time, violation.expected) == (37 * MS, "first frame within 37 ms")
    assert drive(CycleCheck(rule(start_delay_ns=7 * MS), CycleLimits(first=3)), [frame(37)], 40)[0] == []


def test_a_restart_forgets_what_was_missed() -> None:
    check = CycleCheck(rule(), LIMITS)
    check.begin(0)
    for time in (3, 13):
        check.receive(frame(time))
    check.restart(20 * MS)
    assert check.advance(24 * MS) == ()
    assert check.advance(40 * MS - 1) == ()
    assert len(check.advance(40 * MS)) == 1


def test_a_first_frame_does_not_bring_the_deadline_forward() -> None:
    check = CycleCheck(rule(start_delay_ns=70 * MS), LIMITS)
    check.begin(0)
    due = check.due
    check.receive(frame(1))
    assert due <= check.due == 12 * MS
    node = NodeCheck("LAMP", "can", [check], 5)
    node.begin(0)
    assert node.due <= 51 * MS


def test_a_message_that_is_not_cyclic_has_no_check() -> None:
    with pytest.raises(ConfigError, match="not sent cyclically"):
        CycleCheck(rule(cycle=None), LIMITS)


def test_a_node_is_silent_when_none_of_its_messages_comes() -> None:
    fast, slow = CycleCheck(rule(), LIMITS), CycleCheck(rule("Other", 0x141, 100 * MS), LIMITS)
    node = NodeCheck("LAMP", "can", [fast, slow], 5)
    seen = [frame(3), frame(4, 0x141), frame(13)]
    violations, outcomes = drive([fast, slow, node], seen, 300)
    silent = [violation for violation in violations if violation.kind == "silence"]
    assert [(each.time, each.start) for each in silent] == [(63 * MS, 13 * MS)]
    assert outcomes[-1].count == 1


def test_a_node_that_comes_back_can_fall_silent_again() -> None:
    fast = CycleCheck(rule(), LIMITS)
    node = NodeCheck("LAMP", "can", [fast], 3)
    violations, _ = drive([fast, node], [frame(5), frame(105), frame(115)], 300)
    assert [each.time for each in violations if each.kind == "silence"] == [35 * MS, 145 * MS]


def sleeping() -> tuple[list[object], list[object]]:
    """Two nodes' checks on a network that sleeps."""
    sleep = NetworkSleep("can")
    one, two = CycleCheck(rule(), LIMITS, sleep), CycleCheck(rule("Other", 0x141, sender="OTHER"), LIMITS, sleep)
    sleep.listen_to(one)
    sleep.listen_to(two)
    return [one, two, sleep], [one, two]


def test_silence_of_the_whole_network_is_sleep() -> None:
    monitors, _ = sleeping()
    both = [*regular(3, 103), *regular(4, 104, key=0x141), *regular(503, 603), *regular(504, 604, key=0x141)]
    violations, outcomes = drive(monitors, sorted(both), 600)
    assert violations == []
    assert outcomes[-1].statistics[0][0] == "asleep"


def test_silence_of_one_message_is_none() -> None:
    monitors, _ = sleeping()
    both = [*regular(3, 103), *regular(4, 304, key=0x141)]
    violations, _ = drive(monitors, sorted(both), 300)
    (violation,) = violations
    # Certain only when the network turns out to be awake: a spread of 20 ms and two cycles after the longest gap.
    assert (violation.start, violation.time) == (93 * MS, (93 + 11 + 40) * MS)


STATE = SignalDef("State", "Lamps", start=0, length=1, choices={0: "Asleep", 1: "Awake"})


def stating(label: str = "Awake") -> list[object]:
    """A message every 10 ms that says whether its network is awake, on a network that sleeps."""
    lamps = rule("Lamps", 0x140, 10 * MS, STATE)
    sleep = NetworkSleep("can", Statement.of(f"Lamps.State == {label}", [lamps.message]))
    check = CycleCheck(lamps, LIMITS, sleep)
    sleep.listen_to(check)
    return [check, sleep]


def test_a_network_that_falls_silent_awake_is_dead_once_for_each_silence() -> None:
    twice = [frame(time, data=b"\1") for begin in (3, 503) for time in range(begin, begin + 100, 10)]
    violations, outcomes = drive(stating(), twice, 1000)
    assert [(each.kind, each.start, each.time) for each in violations] == [
        ("silence", 93 * MS, 120 * MS),
        ("silence", 593 * MS, 620 * MS),
    ]
    assert violations[0].expected == "Lamps.State says not Awake before the network falls silent"
    assert violations[0].actual == "silent since 93 ms, last word Awake at 93 ms"
    assert (violations[0].channel, violations[0].message, violations[0].signals) == (
        "can", "Lamps", ("can.Lamps.State",),
    )  # fmt: skip
    assert outcomes[-1].count == 2


@pytest.mark.parametrize(
    "words",
    [
        pytest.param([b"\1"] * 9 + [b"\0"], id="it said so"),
        pytest.param([b""] * 10, id="it never said a thing"),
        pytest.param([b"\1"] * 2, id="it was hardly awake"),
    ],
)
def test_a_network_may_fall_silent(words: list[bytes]) -> None:
    violations, _ = drive(stating(), [frame(3 + 10 * n, data=word) for n, word in enumerate(words)], 1000)
    assert violations == []


def test_what_carries_no_word_does_not_change_the_last_one() -> None:
    words = [frame(3 + 10 * n, data=b"\1" if n < 5 else b"") for n in range(10)]
    (violation,) = drive(stating(), words, 1000)[0]
    assert violation.actual == "silent since 93 ms, last word Awake at 43 ms"


def test_a_signal_that_no_message_has_says_nothing() -> None:
    assert Statement.of("Lamps.Stat == Awake", [rule("Lamps", 0x140, 10 * MS, STATE).message]) is None


@pytest.mark.parametrize(("first", "wrong"), [(20, False), (20.1, True), (45, True)])
def test_a_late_first_frame_is_told_where_the_network_is_awake(first: float, wrong: bool) -> None:
    monitors, _ = sleeping()
    both = [*regular(first, 200), *regular(1, 201, key=0x141)]
    violations, _ = drive(monitors, sorted(both), 180)
    told = [("first frame within 20 ms", f"first frame after {first:g} ms", pytest.approx(20 - first))]
    assert [(each.expected, each.actual, each.margin) for each in violations] == (told if wrong else [])


def test_nobody_is_late_who_wakes_up_with_the_network() -> None:
    monitors, _ = sleeping()
    both = [*regular(55, 205), *regular(56, 206, key=0x141)]
    assert drive(monitors, sorted(both), 180)[0] == []


def test_who_does_not_wake_up_again_is_found() -> None:
    monitors, _ = sleeping()
    both = [*regular(3, 103), *regular(4, 104, key=0x141), *regular(504, 704, key=0x141)]
    violations, _ = drive(monitors, sorted(both), 700)
    assert [violation.check for violation in violations] == ["cycle time of Lamps"]


@given(
    st.lists(st.integers(0, 40), min_size=1, max_size=40),
    st.lists(st.integers(0, 600 * MS), max_size=20),
    st.booleans(),
)
def test_looking_more_often_changes_nothing(steps: list[int], looks: list[int], sleeps: bool) -> None:
    """Split anywhere: whenever else the check is told the time, it says the same."""
    seen, time = [], 0.0
    for step in steps:
        time += step / 2
        seen.append(frame(time))

    def judged(looks: list[int]) -> object:
        sleep = NetworkSleep("can") if sleeps else None
        check = CycleCheck(rule(), LIMITS, sleep)
        if sleep is not None:
            sleep.listen_to(check)
        return drive([check, *([sleep] if sleep else [])], seen, time + 50, looks)

    assert judged(looks) == judged([])


@given(st.lists(st.tuples(st.integers(1, 30), st.sampled_from([0x140, 0x141])), max_size=40))
def test_order_within_an_instant_does_not_matter(steps: list[tuple[int, int]]) -> None:
    """Frames of several messages that end in one instant may come in any order."""
    times: dict[int, set[int]] = {}
    now = 0
    for step, key in steps:
        now += step // 10 * 5
        times.setdefault(now, set()).add(key)

    def judged(reverse: bool) -> object:
        checks = [CycleCheck(rule(), LIMITS), CycleCheck(rule("Other", 0x141), LIMITS)]
        node = NodeCheck("LAMP", "can", checks, 5)
        seen = [frame(time, key) for time, keys in times.items() for key in sorted(keys, reverse=reverse)]
        violations, outcomes = drive([*checks, node], seen, now + 100)
        return sorted(map(repr, violations)), outcomes

    assert judged(False) == judged(True)


@given(st.lists(st.integers(1, 200 * MS), max_size=60), st.integers(0, 60))
def test_statistics_do_not_depend_on_the_batches(gaps: list[int], split: int) -> None:
    whole, parts = GapStatistics(10 * MS), GapStatistics(10 * MS)
    whole.add(gaps)
    parts.add(gaps[:split])
    parts.add(gaps[split:])
    assert (whole.text(), whole.mean, whole.sigma) == (parts.text(), parts.mean, parts.sigma)
    if gaps:
        assert whole.mean == pytest.approx(sum(gaps) / len(gaps))
        late = sum(gap > whole.p99 for gap in gaps)
        assert late * 100 <= len(gaps)
