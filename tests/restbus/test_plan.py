"""What a database and a bench file make of a message: send type, cycle, start delay, warnings."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import pytest

from harness.errors import ConfigError, HarnessWarning
from harness.protection import ProtectionSpec
from harness.restbus import MessagePlan, SendType, Supplements, parse_send_type, plan_messages, stagger
from harness.signals.definitions import MessageDef, SignalDef
from tests.restbus.scripted_port import MS, PLANS

CYCLIC, CHANGE, WRITE = SendType.CYCLIC, SendType.ON_CHANGE, SendType.ON_WRITE
ACTIVE, REPEATED = SendType.IF_ACTIVE, SendType.REPEATED


def message(signal_type: str = "", **attributes: Any) -> MessageDef:
    signals = (SignalDef("Value", "Message", start=0, length=8, send_type=signal_type),)
    return MessageDef("Message", 0x123, 8, signals, **attributes)


def plan_of(definition: MessageDef, supplements: Supplements | None = None) -> MessagePlan:
    return plan_messages([definition], supplements)[0]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("Cyclic", CYCLIC),
        ("cyclic", CYCLIC),
        ("OnChange", CHANGE),
        ("spontaneous", CHANGE),
        ("on-write", WRITE),
        ("triggered", WRITE),
        ("CyclicAndOnChange", CYCLIC | CHANGE),
        ("cyclicAndSpontaneous", CYCLIC | CHANGE),
        ("cyclicAndSpontaneousWithDelay", CYCLIC | CHANGE),
        ("cyclicAndTriggered", CYCLIC | WRITE),
        ("OnChangeWithRepetition", CHANGE | REPEATED),
        ("spontaneousWithRepetition", CHANGE | REPEATED),
        ("OnWriteWithRepetition", WRITE | REPEATED),
        ("IfActive", ACTIVE),
        ("cyclicIfActive", ACTIVE),
        ("IfActiveWithRepetition", ACTIVE | REPEATED),
        ("cyclicIfActiveAndSpontaneous", ACTIVE | CHANGE),
        ("OnRequest", SendType.ON_REQUEST),
        ("NoMsgSendType", None),
        ("NotUsed", None),
        ("not_used", None),
        ("", None),
    ],
)
def test_names_of_send_types(name: str, kind: SendType | None) -> None:
    assert parse_send_type(name) == kind


def test_an_unknown_send_type_in_the_bench_file_is_an_error_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"\[sendtype\] of message 'Message'.*'onChnage'.*'OnChange'"):
        plan_of(message(), Supplements(send_types={"Message": "onChnage"}))


def test_an_unknown_send_type_in_the_database_is_a_warning() -> None:
    with pytest.warns(HarnessWarning, match="'Message'.*'zyklisch'.*as if none were given"):
        plan = plan_of(message(send_type="zyklisch", cycle_time_ns=10 * MS))
    assert (plan.send_type, plan.cycle_ns) == (CYCLIC, 10 * MS)


def test_a_cyclic_message_without_cycle_time_warns_and_is_not_cyclic() -> None:
    with pytest.warns(HarnessWarning, match="'Message' claims to be cyclic but has no cycle time.*\\[cycle\\]"):
        plan = plan_of(message(send_type="Cyclic"))
    assert plan.cycle_ns is None
    assert not plan.send_type & CYCLIC


def test_the_bench_file_gives_the_missing_cycle_time() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plan = plan_of(message(send_type="Cyclic"), Supplements(cycles={"Message": 20 * MS}))
    assert plan.cycle_ns == 20 * MS


@pytest.mark.parametrize(
    ("cycle", "kind"), [(10 * MS, CYCLIC), (None, CHANGE)], ids=["with cycle time: cyclic", "without: on change"]
)
def test_without_any_send_type(cycle: int | None, kind: SendType) -> None:
    assert plan_of(message(cycle_time_ns=cycle)).send_type == kind


def test_the_bench_file_wins_over_the_database() -> None:
    definition = message(send_type="Cyclic", cycle_time_ns=10 * MS)
    supplements = Supplements(
        cycles={"Message": 30 * MS},
        send_types={"Message": "cyclicAndOnChange"},
    )
    plan = plan_of(definition, supplements)
    assert (plan.send_type, plan.cycle_ns) == (CYCLIC | CHANGE, 30 * MS)


def test_protection_from_the_bench_file_and_from_the_database() -> None:
    definition = PLANS["Speed"].message
    database = ProtectionSpec("P01", 291, None, "SpeedCounter", "SpeedCrc")
    assert PLANS["Speed"].protection == database
    other = replace(database, data_id=5, mode="low")
    assert plan_of(definition, Supplements(protections={"Speed": other})).protection == other


def test_signal_send_types_decide_where_the_message_has_none() -> None:
    plan = PLANS["Mixed"]
    assert plan.send_type == CYCLIC | WRITE | CHANGE | REPEATED
    assert plan.send_types == {"Written": WRITE, "Repeated": CHANGE | REPEATED, "Steady": CYCLIC}


def test_a_cyclic_signal_of_an_event_message_triggers_nothing_and_makes_nothing_cyclic() -> None:
    plan = PLANS["Lamp"]
    assert plan.send_types == {"LampState": CHANGE, "LampCurrent": CYCLIC}
    definition = replace(plan.message, send_type="OnChange", cycle_time_ns=None)
    assert plan_of(definition).send_type == CHANGE


def test_signals_that_are_all_cyclic_by_default_leave_the_message_to_decide() -> None:
    plan = plan_of(message("Cyclic", send_type="OnChange"))
    assert plan.send_types["Value"] & CHANGE


def test_counter_and_crc_trigger_nothing() -> None:
    definition = replace(PLANS["Speed"].message, send_type="CyclicAndOnChange")
    assert set(plan_of(definition).send_types) == {"VehicleSpeed", "Reverse"}


@pytest.mark.parametrize(
    ("attributes", "what"),
    [({}, "fast cycle time"), ({"cycle_time_fast_ns": 10 * MS}, "repetitions")],
)
def test_repetition_without_its_parameters_warns(attributes: dict[str, Any], what: str) -> None:
    with pytest.warns(HarnessWarning, match=f"claims to be repeated but has no {what}"):
        assert plan_of(message(send_type="OnChangeWithRepetition", **attributes)).repetitions == 0


def test_if_active_without_any_cycle_time_warns() -> None:
    with pytest.warns(HarnessWarning, match="if active but has no cycle time"):
        assert not plan_of(message(send_type="IfActive")).send_type & ACTIVE


def test_if_active_takes_the_cycle_time_where_there_is_no_fast_one() -> None:
    plan = plan_of(message(send_type="IfActive", cycle_time_ns=40 * MS))
    assert (plan.cycle_ns, plan.fast_cycle_ns) == (None, 40 * MS)


def test_a_minimum_delay_longer_than_the_cycle_warns() -> None:
    with pytest.warns(HarnessWarning, match="cycle time of 10 ms, but a minimum delay of 15 ms"):
        plan_of(message(cycle_time_ns=10 * MS, min_delay_ns=15 * MS))


def test_a_declared_start_delay_holds_also_when_it_is_zero() -> None:
    assert PLANS["Lamp"].start_delay_ns == 20 * MS
    assert plan_of(message(cycle_time_ns=10 * MS, start_delay_ns=0)).start_delay_ns == 0


def test_starts_are_spread_over_the_cycle_and_always_the_same() -> None:
    cycle = 10 * MS
    definitions = [MessageDef(f"M{number}", 0x100 + number, 8, cycle_time_ns=cycle) for number in range(20)]
    delays = [plan.start_delay_ns for plan in plan_messages(definitions)]
    assert delays == [stagger(definition, cycle) for definition in definitions]
    assert all(0 <= delay < cycle for delay in delays)
    assert len(set(delays)) >= 17
    assert max(delays) - min(delays) > cycle * 8 // 10


def test_long_cycles_start_within_the_first_50_ms() -> None:
    definitions = [MessageDef(f"M{number}", 0x100 + number, 8, cycle_time_ns=1000 * MS) for number in range(50)]
    assert all(plan.start_delay_ns < 50 * MS for plan in plan_messages(definitions))


def test_start_values_and_a_multiplexer_whose_start_value_selects_nothing() -> None:
    assert PLANS["Speed"].start_payload == bytes.fromhex("0000640000000000")
    assert PLANS["Nested"].start_values["Outer"] == 1
    assert PLANS["Nested"].start_values["Inner"] == 3


def test_a_multiplexer_number_that_its_bits_cannot_hold_is_never_sent() -> None:
    signals = (
        SignalDef("Service", "Message", start=0, length=8, is_multiplexer=True),
        SignalDef("Far", "Message", start=8, length=8, multiplexer="Service", multiplexer_ids=(256,)),
        SignalDef("Near", "Message", start=8, length=8, multiplexer="Service", multiplexer_ids=(98,)),
    )
    plan = plan_of(MessageDef("Message", 0x123, 8, signals))
    assert plan.multiplexers == {"Service": {98}}
    assert plan.start_values["Service"] == 98
