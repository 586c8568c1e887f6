"""When frames go out: by send type, against a simple oracle, and with a bus that is busy."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.frames import Frame
from harness.restbus import MessagePlan, SendType
from harness.signals.definitions import MessageDef, SignalDef
from tests.restbus.scripted_port import MS, PLANS, Sender

VALUE = MessageDef("Value", 0x200, 2, (SignalDef("Value", "Value", start=0, length=16),))


def test_cyclic_frames_keep_an_absolute_schedule_from_the_start() -> None:
    sender = Sender(PLANS["Speed"])
    sender.until(3)
    sender.transmitter.start()
    sender.until(1005)
    assert sender.port.times == [5 + 10 * number for number in range(101)]  # staggered by 2 ms


@pytest.mark.parametrize("ppm", [200.0, -200.0, 0.5])
def test_the_schedule_runs_on_the_owners_clock(ppm: float) -> None:
    sender = Sender(replace(PLANS["Speed"], start_delay_ns=0), drift_ppm=ppm)
    sender.transmitter.start()
    sender.until(60_000)
    time, _ = sender.port.posted[-1]
    cycles = len(sender.port.posted) - 1
    assert time == pytest.approx(cycles * 10 * MS / (1 + ppm * 1e-6), abs=cycles)
    assert abs(time - cycles * 10 * MS) > 0.4e-6 * time


def test_on_change_sends_a_change_once_and_nothing_else() -> None:
    sender = Sender(PLANS["Door"])
    door = sender.transmitter.message("Door")
    sender.transmitter.start()
    sender.until(100)
    assert sender.port.times == []
    door.set({"DoorState": "Open"})
    sender.until(110)
    door.set({"DoorState": 1})
    door.set({"DoorState": "Open", "DoorLock": 0})
    sender.until(200)
    door.set({"DoorLock": 2})
    assert sender.port.times == [100, 200]
    assert sender.port.payloads == [b"\x01\x00", b"\x09\x00"]


def test_cyclic_and_on_change_with_minimum_delay() -> None:
    sender = Sender(PLANS["Lamp"])
    lamp = sender.transmitter.message("Lamp")
    sender.transmitter.start()
    sender.until(30)
    lamp.set({"LampState": 1})
    sender.until(32)
    lamp.set({"LampState": 2})  # waits until 35
    sender.until(33)
    lamp.set({"LampState": 3})  # joins the one that waits
    sender.until(66)
    lamp.set({"LampState": 0})  # moves the cyclic frame of 70 to 71
    lamp.set({"LampCurrent": 5})  # cyclic signal: triggers nothing
    sender.until(130)
    assert sender.port.times == [20, 30, 35, 66, 71, 120]
    assert [data[0] for data in sender.port.payloads] == [0, 1, 3, 0, 0, 0]
    assert [data[1] for data in sender.port.payloads] == [0, 0, 0, 0, 50, 50]


def test_a_deferred_frame_and_a_due_one_are_one_frame() -> None:
    sender = Sender(replace(PLANS["Lamp"], cycle_ns=5 * MS, start_delay_ns=0))
    lamp = sender.transmitter.message("Lamp")
    sender.transmitter.start()
    sender.until(7)
    lamp.set({"LampState": 1})
    sender.until(26)
    assert sender.port.times == [0, 5, 10, 15, 20, 25]
    sender = Sender(replace(PLANS["Crash"], min_delay_ns=20 * MS, cycle_ns=None))
    sender.transmitter.start()
    sender.until(1)
    sender.transmitter.message("Crash").set({"CrashDetected": 1})  # wants 1, 11, 21, 31
    sender.until(100)
    assert sender.port.times == [1, 21, 41]


def test_what_waits_for_the_minimum_delay_goes_with_a_frame_that_does_not() -> None:
    sender = Sender(PLANS["Lamp"])
    lamp = sender.transmitter.message("Lamp")
    sender.transmitter.start()
    sender.until(21)
    lamp.set({"LampState": 1})  # would go out at 25
    lamp.send_now()
    sender.until(50)
    assert sender.port.times == [20, 21]


def test_repetitions_follow_a_change_at_the_fast_cycle_and_begin_anew_with_the_next() -> None:
    sender = Sender(PLANS["Crash"])
    crash = sender.transmitter.message("Crash")
    sender.transmitter.start()
    sender.until(7)
    crash.set({"CrashDetected": 1})
    sender.until(100)
    crash.set({"CrashDetected": 0})
    sender.until(115)
    crash.set({"CrashDetected": 1})
    sender.until(300)
    assert sender.port.times == [7, 17, 27, 37, 100, 110, 115, 125, 135, 145]


def test_if_active_sends_while_a_signal_differs_from_its_inactive_value() -> None:
    sender = Sender(PLANS["Horn"])
    horn = sender.transmitter.message("Horn")
    sender.transmitter.start()
    sender.until(10)
    horn.set({"HornRequest": 2})
    sender.until(35)
    horn.set({"HornRequest": 3})  # goes with the next
    sender.until(55)
    horn.set({"HornRequest": 1})
    sender.until(200)
    assert sender.port.times == [10, 30, 50, 55]
    assert sender.port.payloads == [b"\x02", b"\x02", b"\x03", b"\x01"]


def test_if_active_begins_with_the_node_when_it_is_active_from_the_start() -> None:
    plan = PLANS["Horn"]
    signal = replace(plan.message.signals[0], start_raw=0)
    sender = Sender(replace(plan, message=replace(plan.message, signals=(signal,)), start_delay_ns=5 * MS))
    sender.transmitter.start()
    sender.until(50)
    assert sender.port.times == [5, 25, 45]


def test_cyclic_and_if_active_changes_between_the_two_cycles() -> None:
    plan = replace(
        PLANS["Horn"],
        cycle_ns=100 * MS,
        send_type=SendType.CYCLIC | SendType.IF_ACTIVE,
        start_delay_ns=0,
    )
    sender = Sender(plan)
    horn = sender.transmitter.message("Horn")
    sender.transmitter.start()
    sender.until(150)
    horn.set({"HornRequest": 2})
    sender.until(205)
    horn.set({"HornRequest": 1})
    sender.until(310)
    assert sender.port.times == [0, 100, 150, 170, 190, 205, 300]


def test_signals_with_send_types_of_their_own() -> None:
    sender = Sender(PLANS["Mixed"])
    mixed = sender.transmitter.message("Mixed")
    sender.transmitter.start()
    sender.until(10)
    mixed.set({"Written": 0})  # on write: also without change
    sender.until(20)
    mixed.set({"Repeated": 0})  # unchanged
    mixed.set({"Steady": 9})  # cyclic
    sender.until(30)
    mixed.set({"Repeated": 1})
    sender.until(101)
    assert sender.port.times == [0, 10, 30, 40, 50, 100]


def test_stop_start_and_silence_of_one_message() -> None:
    sender = Sender(PLANS["Speed"], replace(PLANS["Lamp"], start_delay_ns=0))
    transmitter = sender.transmitter
    lamp = transmitter.message("Lamp")
    transmitter.start()
    sender.until(1)
    lamp.stop()
    assert not lamp.active
    sender.until(15)
    transmitter.stop()
    sender.until(100)
    assert sender.port.times == [0, 2, 12]
    transmitter.start()
    assert not lamp.active  # still silent
    sender.until(105)
    lamp.start()
    sender.until(106)
    assert [(time, frame.id) for time, frame in sender.port.posted[3:]] == [(102 * MS, 256), (105 * MS, 258)]


def test_a_routed_message_is_sent_on_request_only() -> None:
    sender = Sender(PLANS["Speed"])
    speed = sender.transmitter.message("Speed")
    speed.on_request = True
    sender.transmitter.start()
    sender.until(50)
    speed.forward(bytes(8))
    sender.until(100)
    assert sender.port.times == [50]


def test_send_now_ignores_schedule_and_delay_but_not_silence() -> None:
    sender = Sender(PLANS["Lamp"])
    lamp = sender.transmitter.message("Lamp")
    assert not lamp.send_now().due
    sender.transmitter.start()
    lamp.send_now()
    change = lamp.send_now()
    assert (change.due, change.delivered) == (True, 0)
    lamp.stop()
    lamp.send_now()
    assert sender.port.times == [0, 0]


def test_a_waiting_frame_is_not_joined_by_others_and_new_values_follow_it_at_once() -> None:
    sender = Sender(PLANS["Speed"])
    speed = sender.transmitter.message("Speed")
    sender.transmitter.start()
    sender.port.blocked = True
    sender.until(50)  # the bus is taken: five cycles
    assert sender.port.times == [2]
    change = speed.set({"VehicleSpeed": 20})
    sender.until(55)
    assert sender.port.times == [2]
    assert change.delivered is None
    sender.port.blocked = False
    sender.port.release()
    assert sender.port.times == [2, 55]
    assert change.delivered == 55 * MS
    sender.until(65)
    assert sender.port.times == [2, 55, 62]  # the schedule is where it was
    assert [data[1] for data in sender.port.payloads] == [0, 1, 2]  # no counter was lost


def test_without_new_values_nothing_follows_the_waiting_frame() -> None:
    sender = Sender(PLANS["Speed"])
    sender.transmitter.start()
    sender.port.blocked = True
    sender.until(50)
    change = sender.transmitter.message("Speed").set({"VehicleSpeed": 10})  # as it is
    sender.port.blocked = False
    sender.port.release()
    assert sender.port.times == [2]
    assert change.delivered == 50 * MS  # the waiting frame carried it


def test_frames_lost_in_the_controller_do_not_silence_a_message() -> None:
    sender = Sender(PLANS["Speed"])
    sender.transmitter.start()
    sender.port.blocked = True
    sender.until(5)
    sender.transmitter.reset()  # the frame never gets out
    sender.port.blocked = False
    sender.transmitter.start()
    sender.until(20)
    assert sender.port.times == [2, 7, 17]


# -- against an oracle ---------------------------------------------------------------------------------------------

PARAMETERS = st.fixed_dictionaries(
    {
        "cycle": st.one_of(st.none(), st.integers(5, 40)),
        "start_delay": st.integers(0, 30),
        "min_delay": st.sampled_from([0, 0, 2, 3, 5, 6]),
        "fast": st.integers(2, 12),
        "repetitions": st.integers(0, 4),
        "on_change": st.booleans(),
        "on_write": st.booleans(),
    }
)
WRITES = st.lists(st.tuples(st.integers(0, 120), st.integers(0, 2)), max_size=12)


def oracle(parameters: dict[str, int], writes: list[tuple[int, int]], until: int) -> list[int]:
    """Instants of all frames, µs, from the words of the documentation alone."""
    wanted: set[int] = set()
    if parameters["cycle"]:
        wanted |= set(range(parameters["start_delay"] * 1000, until + 1, parameters["cycle"] * 1000))
    value, events = 0, []
    for time, new in writes:
        if parameters["on_write"] or (parameters["on_change"] and new != value):
            events.append(time)
        value = new
    for event, following in zip(events, [*events[1:], until + 1], strict=False):
        wanted.add(event)
        for repetition in range(1, parameters["repetitions"] + 1):
            time = event + repetition * parameters["fast"] * 1000
            if time < following:
                wanted.add(time)
    frames: list[int] = []
    for time in sorted(wanted):
        if frames and time <= frames[-1]:
            continue  # it goes with a frame that waits
        if frames and time < frames[-1] + parameters["min_delay"] * 1000:
            time = frames[-1] + parameters["min_delay"] * 1000
        frames.append(time)
    return [time for time in frames if time <= until]


_TIES: dict[str, Any] = {"start_delay": 0, "on_change": False, "on_write": True}


@settings(max_examples=300, deadline=None)
@given(parameters=PARAMETERS, writes=WRITES)
@example(parameters={**_TIES, "cycle": None, "min_delay": 6, "fast": 2, "repetitions": 3}, writes=[(0, 1)])
@example(parameters={**_TIES, "cycle": 5, "min_delay": 5, "fast": 5, "repetitions": 2}, writes=[(7, 1)])
def test_every_schedule_agrees_with_a_simple_oracle(parameters: dict[str, int], writes: list[tuple[int, int]]) -> None:
    # Odd microseconds, so that no write falls on an instant of the schedule or of another one's repetitions.
    timed = [(time * 1000 + 301 + 7 * number, value) for number, (time, value) in enumerate(sorted(writes))]
    send_type = SendType.CYCLIC if parameters["cycle"] else SendType.ON_REQUEST
    send_type |= SendType.ON_CHANGE if parameters["on_change"] else SendType.ON_REQUEST
    send_type |= SendType.ON_WRITE if parameters["on_write"] else SendType.ON_REQUEST
    plan = MessagePlan(
        message=VALUE,
        cycle_ns=parameters["cycle"] * MS if parameters["cycle"] else None,
        fast_cycle_ns=parameters["fast"] * MS,
        send_type=send_type,
        repetitions=parameters["repetitions"],
        min_delay_ns=parameters["min_delay"] * MS,
        start_delay_ns=parameters["start_delay"] * MS,
        send_types={"Value": send_type | SendType.REPEATED},
    )
    sender = Sender(plan)
    sender.transmitter.start()
    for time, value in timed:
        sender.until(time / 1000)
        sender.transmitter.message("Value").set({"Value": value})
    sender.until(200)
    assert [time // 1000 for time, _ in sender.port.posted] == oracle(parameters, timed, 200_000)
    held: list[tuple[int, Frame]] = sender.port.posted
    for time, frame in held:  # each frame carries the latest value
        latest = [value for when, value in timed if when * 1000 <= time]
        assert frame.data[0] == (latest[-1] if latest else 0)
