"""E2E reception: the counter's window, AUTOSAR's state machine by hand-worked tables, and the check of a message."""

from __future__ import annotations

import pytest
from drive import MS, drive
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.frames import Frame, Received
from harness.monitors.e2e import E2ECheck
from harness.monitors.e2e_machine import CheckResult, CounterCheck, E2ELimits, State, StateMachine
from harness.monitors.rules import MessageRule
from harness.protection import ProtectionSpec, make_protector
from harness.signals.definitions import MessageDef, SignalDef

OK, LOST, REP, SEQ, ERR, NONE, FIRST, SYNC = CheckResult
RESULTS = {"o": OK, "l": LOST, "r": REP, "w": SEQ, "e": ERR, "n": NONE, "i": FIRST, "s": SYNC}
STATES = {"N": State.NO_DATA, "I": State.INIT, "V": State.VALID, "X": State.INVALID}

SMALL = E2ELimits(
    window_init=3, window_valid=4, window_invalid=3, min_ok_init=2, max_error_init=1, min_ok_valid=1, max_error_valid=1,
    min_ok_invalid=2, max_error_invalid=0, clear_to_invalid=False,
)  # fmt: skip


@pytest.mark.parametrize(
    ("results", "states"),
    [
        # NODATA until something that is neither error nor nothing; that one is not in the window.
        ("enoo", "NNII"),
        ("iooo", "IIVV"),
        # A wrong sequence leaves NODATA as well, and counts as neither in INIT.
        ("wwooo", "IIIVV"),
        # INIT: with more errors than one INVALID, and from there only with two OK and no error in the last three.
        ("ieeooo", "IIXXXV"),
        # The window of INIT holds three: the first error has left it when the third OK comes.
        ("ieoo", "IIIV"),
        # VALID: two errors among the last four.
        ("ioooeoe", "IIVVVVX"),
        # No OK among the last four: repeated, wrong and missing ones are neither, but push the OK out.
        ("ioorwns", "IIVVVVX"),
        # Three errors fill INVALID's window; lost ones count as OK.
        ("iooeelllo", "IIVVXXXVV"),
    ],
)
def test_state_machine_by_hand(results: str, states: str) -> None:
    machine = StateMachine(SMALL)
    assert [machine.add(RESULTS[each]) for each in results] == [STATES[each] for each in states]


def test_clear_to_invalid_forgets_the_window() -> None:
    kept, cleared = StateMachine(SMALL), StateMachine(E2ELimits(**{**_values(SMALL), "clear_to_invalid": True}))
    for machine in (kept, cleared):
        for each in "iooee":
            machine.add(RESULTS[each])
        assert machine.state is State.INVALID
    # Kept: the errors are among the last three until three more have come. Cleared: two OK are enough.
    assert [kept.add(OK) for _ in range(3)] == [State.INVALID, State.INVALID, State.VALID]
    assert [cleared.add(OK) for _ in range(3)] == [State.INVALID, State.VALID, State.VALID]


def _values(limits: E2ELimits) -> dict[str, object]:
    return {name: getattr(limits, name) for name in limits.__dataclass_fields__}


@pytest.mark.parametrize(
    ("grows", "counters", "results"),
    [
        (False, [3, 4, 6, 6, 9, 10], "iolrwo"),  # profiles 4 to 7 and 11: go on from the wrong one
        (False, [14, 0, 1], "ioo"),  # 15 values, then 0 again
        (False, [14, 1], "il"),
        (True, [3, 4, 8, 8], "iowl"),  # profiles 1 and 2: 8 - 4 = 4 > 2 + 1, then 4 <= 2 + 1 + 1
        (True, [3, None, None, 7], "ineeo"[:1] + "nn" + "l"),  # a step of 4 after two checks without data
        (True, [3, "e", 5], "iel"),
    ],
)
def test_counters_window_by_hand(grows: bool, counters: list[int | str | None], results: str) -> None:
    check = CounterCheck(E2ELimits(max_delta=2), 15, grows=grows)
    found = [
        check.missed() if each is None else check.frame(False, 0) if each == "e" else check.frame(True, int(each))
        for each in counters
    ]
    assert found == [RESULTS[each] for each in results]


def test_profile_1_largest_step_grows_by_one_per_check() -> None:
    # MaxDeltaCounterInit = 1: each check may go one further than that plus the checks since, its own included.
    check = CounterCheck(E2ELimits(max_delta=1), 15, grows=True)
    assert [check.frame(True, each) for each in (0, 2, 5)] == [FIRST, LOST, SEQ]
    assert check.frame(True, 5) is LOST  # 5 - 2 = 3 <= 1 + 2


def test_profile_1_synchronises_after_a_wrong_sequence() -> None:
    check = CounterCheck(E2ELimits(max_delta=1, sync_counter=2), 15, grows=True)
    assert [check.frame(True, each) for each in (0, 1, 9, 10, 11, 12)] == [FIRST, OK, SEQ, SYNC, SYNC, OK]


def test_a_counter_that_does_not_exist_is_an_error() -> None:
    assert CounterCheck(E2ELimits(), 15, grows=True).frame(True, 15) is ERR


@pytest.mark.parametrize(
    "wrong",
    [{"max_delta": 0}, {"window_init": 0}, {"min_ok_valid": 9, "max_error_valid": 2}, {"window_init": 11}],
)
def test_limits_that_contradict_themselves(wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError):
        E2ELimits(**wrong)  # type: ignore[arg-type]


@given(st.lists(st.sampled_from(list(CheckResult)), max_size=80))
def test_state_machine_against_the_definition(results: list[CheckResult]) -> None:
    """The counts are those of the latest results, as many as the window holds, since it was cleared."""
    limits = E2ELimits()
    machine = StateMachine(limits)
    history: list[CheckResult] = []
    for each in results:
        before = machine.state
        machine.add(each)
        if before is State.NO_DATA:
            continue
        size = {State.INIT: limits.window_init, State.VALID: limits.window_valid}.get(before, limits.window_invalid)
        history = [*history, each][-size:]
        oks = sum(result in (OK, LOST, FIRST) for result in history)
        errors = history.count(ERR)
        if before is State.VALID:
            wanted = State.VALID if errors <= 2 and oks >= 1 else State.INVALID
        elif before is State.INIT:
            wanted = State.VALID if errors <= 1 and oks >= 2 else State.INVALID if errors > 1 else State.INIT
        else:
            wanted = State.VALID if errors <= 1 and oks >= 3 else State.INVALID
        assert machine.state is wanted
        if wanted is State.INVALID and before is not State.INVALID:
            history = []


# -- one message -------------------------------------------------------------------------------------------------------


def protected(profile: str = "P01", cycle: int | None = 10 * MS) -> MessageRule:
    signals = (
        (SignalDef("Crc", "Brake", 0, 8), SignalDef("Alive", "Brake", 8, 4))
        if profile == "P01"
        else (SignalDef("Crc", "Brake", 0, 16), SignalDef("Alive", "Brake", 16, 8))
    )
    message = MessageDef("Brake", 0x123, 8, signals)
    spec = ProtectionSpec(profile, 0x123, None, "Alive", "Crc")
    return MessageRule(
        "can", message, "ESP", cycle, protection=spec, protector=make_protector(spec, message)
    )  # fmt: skip


def payload(rule: MessageRule, counter: int, *, wrong: bool = False) -> bytes:
    assert rule.protector is not None
    data = bytearray(8)
    rule.protector.protect(data, counter)
    data[0] ^= wrong
    return bytes(data)


def seen(rule: MessageRule, frames: list[tuple[float, int, bool]]) -> list[Received]:
    return [
        Received(round(time * MS), "can", Frame(0x123, payload(rule, counter, wrong=wrong)))
        for time, counter, wrong in frames
    ]


@pytest.mark.parametrize("profile", ["P01", "P05"])
def test_right_frames_are_right(profile: str) -> None:
    rule = protected(profile)
    modulo = 15 if profile == "P01" else 256
    frames = seen(rule, [(10 * index, index % modulo, False) for index in range(300)])
    violations, (outcome,) = drive(E2ECheck(rule, E2ELimits()), frames, 3000)
    assert violations == []
    assert outcome.statistics == (("OK", "299"), ("INITIAL", "1"), ("state", "VALID"))


def test_wrong_checksums_and_the_state_after_them() -> None:
    rule = protected()
    frames = seen(rule, [(10 * index, index % 15, index in (20, 21, 22)) for index in range(30)])
    violations, (outcome,) = drive(E2ECheck(rule, E2ELimits()), frames, 300)
    assert [(violation.kind, violation.time // MS) for violation in violations] == [
        ("crc", 200), ("crc", 210), ("crc", 220), ("e2e", 220),
    ]  # fmt: skip
    assert violations[-1].actual == "state INVALID after WRONGCRC"
    assert violations[0].signals == ("can.Brake.Crc",)
    assert dict(outcome.statistics)["state"] == "VALID"
    assert dict(outcome.statistics)["WRONGCRC"] == "3"


def test_repeated_and_lost_counters() -> None:
    rule = protected("P05")
    frames = seen(rule, [(10 * time, counter, False) for time, counter in enumerate([7, 8, 8, 9, 11, 20])])
    violations, (outcome,) = drive(E2ECheck(rule, E2ELimits()), frames, 100)
    assert [(violation.actual, violation.start // MS) for violation in violations] == [
        ("counter 8 (REPEATED)", 10), ("counter 20 (WRONGSEQUENCE)", 40),
    ]  # fmt: skip
    assert dict(outcome.statistics)["OKSOMELOST"] == "1"


def test_missed_cycles_are_checks_without_data() -> None:
    rule = protected("P05")
    times = [*range(0, 300, 10), *range(350, 450, 10)]
    frames = seen(rule, [(time, index % 256, False) for index, time in enumerate(times)])
    _, (outcome,) = drive(E2ECheck(rule, E2ELimits(), MS), frames, 450)
    assert dict(outcome.statistics)["NONEWDATA"] == "5"  # 60 ms instead of 10: five cycles without a frame


def test_a_sender_that_begins_anew_is_no_violation_after_a_restart() -> None:
    rule = protected("P05")
    check = E2ECheck(rule, E2ELimits())
    check.begin(0)
    frames = seen(rule, [(10, 100, False), (20, 101, False), (40, 0, False)])
    check.receive(frames[0])
    check.receive(frames[1])
    check.restart(30 * MS)
    assert check.receive(frames[2]) == ()
    assert check.state is State.INIT


@given(st.lists(st.tuples(st.sampled_from([10, 10, 10, 10, 11, 25, 3]), st.integers(0, 3), st.booleans()), max_size=60))
def test_the_short_way_is_the_long_way(steps: list[tuple[int, int, bool]]) -> None:
    """What is counted without a look at the machine changes nothing in it."""
    rule = protected("P05")
    quick, slow = E2ECheck(rule, E2ELimits(), MS), E2ECheck(rule, E2ELimits(), MS)
    time, counter = 0, 0
    for index, (gap, step, wrong) in enumerate(steps):
        time += gap
        counter = (counter + (1 if index % 3 else step)) % 256
        (rx,) = seen(rule, [(time, counter, wrong and index % 7 == 0)])
        slow._next = -1
        assert quick.receive(rx) == slow.receive(rx)
        assert quick.state is slow.state
    assert quick.finish(time * MS) == slow.finish(time * MS)
