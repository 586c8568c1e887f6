"""Bus load, error frames, and what gateways copy."""

from __future__ import annotations

import pytest
from drive import MS, drive, frame, rule
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.frames import ErrorFrame, Frame, Received
from harness.monitors.contract import bus_contract, contract_checks
from harness.monitors.latency import LatencyCheck
from harness.monitors.load import ErrorFrames, LoadCheck
from harness.monitors.monitor import Violation
from harness.monitors.rules import ContractLimits, MessageRule, Route
from harness.signals.definitions import MessageDef


def load(limit: float, window: int = 10 * MS) -> LoadCheck:
    return LoadCheck("can", lambda frame: len(frame.data) * MS, limit, window)


def test_load_of_every_window() -> None:
    # 1 ms of frame in every 2 ms, and twice as much from 20 to 30 ms.
    seen = [frame(t, data=b"\0") for t in range(1, 60, 2)] + [frame(t, data=b"\0") for t in range(22, 31, 2)]
    violations, (outcome,) = drive(load(0.8), sorted(seen), 60)
    (violation,) = violations
    assert (violation.kind, violation.actual, violation.expected) == ("load", "90.0%", "at most 80% in 10 ms")
    assert violation.end - violation.start == 10 * MS
    assert ("peak", "100.0% in 10 ms") in outcome.statistics
    assert outcome.margin == pytest.approx(-20)


def test_less_than_a_window_is_not_judged() -> None:
    _, (outcome,) = drive(load(0.1), [frame(1), frame(2)], 5)
    assert (outcome.judged_ns, outcome.count, outcome.margin) == (0, 0, None)


@given(st.lists(st.integers(0, 40), max_size=40), st.lists(st.integers(0, 100 * MS), max_size=9))
def test_load_does_not_depend_on_looks(steps: list[int], looks: list[int]) -> None:
    times = [sum(steps[: index + 1]) / 4 for index in range(len(steps))]
    seen = [frame(time) for time in times]
    assert drive(load(0.5), seen, 120, looks) == drive(load(0.5), seen, 120)


def test_error_frames() -> None:
    errors = [ErrorFrame(time * MS, "can", "bit", Frame(1), "ESP") for time in (1, 2, 3)]
    found, (outcome,) = drive(ErrorFrames("can", 1), [*errors, ErrorFrame(4 * MS, "body", "bit", Frame(1))], 5)
    assert [each.actual for each in found] == ["number 2, bit error", "number 3, bit error"]
    assert outcome.statistics == (("error frames", "3"),)


def gateway(within: int = 5 * MS, early: int = 0) -> LatencyCheck:
    copy = MessageRule("body", MessageDef("LampsBody", 0x240, 1), "GW", 10 * MS)
    return LatencyCheck(rule(), copy, within, early=early)


def both(source: list[float], copies: list[float], early: int = 0) -> tuple[list[Violation], object]:
    seen = [frame(t) for t in source] + [frame(t, 0x240, channel="body") for t in copies]
    return drive(gateway(early=early), sorted(seen), 100)


def test_copies_in_time() -> None:
    violations, (outcome,) = both([1, 11, 21], [2, 13, 26])  # type: ignore[misc]
    assert violations == []
    assert outcome.time_margin == 0
    assert outcome.statistics == (("copies", "3"), ("mean", "2.666667 ms"), ("worst", "5 ms"))


def test_a_copy_that_does_not_come() -> None:
    ((violation,), _) = both([1, 11, 21], [2, 22])
    assert (violation.kind, violation.start, violation.time) == ("latency", 11 * MS, 16 * MS)
    assert violation.actual == "no copy for 5 ms"


def test_a_late_copy_does_not_shift_the_others() -> None:
    violations, _ = both([1, 11, 21, 31], [2, 19, 22, 32])
    assert [each.start for each in violations] == [11 * MS]


def test_a_copy_that_another_adapter_has_stamped_too_early_is_one() -> None:
    source, copies = [1, 11, 21, 31], [2, 10.5, 22, 30.5]
    assert len(both(source, copies)[0]) == 2, "two copies seem to belong to nothing, and two frames seem not copied"
    violations, (outcome,) = both(source, copies, early=MS)  # type: ignore[misc]
    assert violations == []
    assert outcome.statistics == (("copies", "4"), ("mean", "500 µs"), ("worst", "1 ms"))


def test_one_that_is_earlier_than_stamps_may_be_off_is_none_of_it() -> None:
    ((violation,), _) = both([1, 11, 21], [2, 9.5, 22], early=MS)
    assert (violation.start, violation.actual) == (11 * MS, "no copy for 5 ms")


def test_a_copy_serves_once() -> None:
    assert [each.start for each in both([1, 11, 11.5], [2, 10.8], early=MS)[0]] == [round(11.5 * MS)]


def test_wrong_checksums_are_not_copied() -> None:
    class Never:
        counter_modulo = 16

        def protect(self, data: bytearray, counter: int) -> None: ...

        def check(self, data: bytes) -> object:
            from harness.protection import Check

            return Check(False, 0)

    source = rule(protector=Never())
    check = LatencyCheck(source, gateway().rule, 5 * MS)
    assert drive(check, [frame(1)], 50)[0] == []


def checks(limits: ContractLimits) -> list[object]:
    rules = [rule(), gateway().rule]
    lengths = {"can": lambda frame: 0, "body": lambda frame: 0}
    return list(contract_checks(rules, limits, lengths, {"can": {0x140}, "body": {0x240}}))


def test_a_contract_has_all_its_checks() -> None:
    limits = ContractLimits(routes=(Route("can.Lamps", "body.LampsBody", 5 * MS),), network_sleeps=True)
    names = [type(each).__name__ for each in checks(limits)]
    assert names == [
        "KnownFrames", "KnownFrames", "Contents", "Contents", "CycleCheck", "CycleCheck", "NetworkSleep",
        "NetworkSleep", "NodeCheck", "NodeCheck",
        "LatencyCheck", "LoadCheck", "LoadCheck", "ErrorFrames", "ErrorFrames",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "gone"),
    [("silence", "NodeCheck"), ("load", "LoadCheck"), ("error_frame", "ErrorFrames"), ("unknown_frame", "KnownFrames"),
     ("latency", "LatencyCheck"), ("cycle", "CycleCheck")],
)  # fmt: skip
def test_what_is_left_out(kind: str, gone: str) -> None:
    limits = bus_contract(without=[kind]).limits(ContractLimits())
    found = checks(limits)
    reported = {violation.kind for violation in drive(found, [], 1000)[0]}  # type: ignore[arg-type]
    assert kind not in reported
    assert kind == "cycle" or gone not in {type(each).__name__ for each in found}


def test_wrong_contracts() -> None:
    with pytest.raises(ConfigError, match="did you mean 'cycle'"):
        bus_contract(without=["cycles"])
    with pytest.raises(ConfigError, match="silence"):
        bus_contract(silence=0)
    with pytest.raises(ConfigError, match="LampsBodi"):
        checks(ContractLimits(routes=(Route("can.Lamps", "body.LampsBodi", None),)))


def test_a_contract_says_only_what_it_is_given() -> None:
    given = ContractLimits(load=0.5, silence=3)
    assert bus_contract().limits(given) == given
    assert bus_contract(load=0.6).limits(given).load == 0.6
    assert bus_contract(relative=0.2).limits(given).cycles.relative == 0.2


def test_a_frame_of_the_other_channel_is_nobodys() -> None:
    check = gateway()
    assert check.wants("can") == [0x140]
    assert check.wants("body") == [0x240]
    assert drive(check, [Received(5, "body", Frame(0x140))], 10)[0] == []
