"""Cyclic messages that the kernel sends: handed over, changed, taken back; here in a time of the test's own."""

from __future__ import annotations

import pickle
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.adapter.client import Adapter
from harness.adapter.items import Done, Heard, Missed, Sent, Suppressed, Trouble
from harness.adapter.kernel_sending import for_the_kernel
from harness.adapter.spec import AdapterSpec
from harness.errors import AdapterError, ConfigError
from harness.restbus import MessagePlan, SendType
from harness.restbus.alterations import FlippedBit, Suppression
from tests.adapter.channel_here import SPEC, ScriptedDriver, World, opened_here
from tests.adapter.kernel_here import ORIGIN, Rig
from tests.restbus.scripted_port import MS, PLANS

SPEED = replace(PLANS["Speed"], start_delay_ns=3 * MS)
PLAIN = replace(
    PLANS["Cells"], cycle_ns=20 * MS, send_type=SendType.CYCLIC, send_types={}, start_delay_ns=0, min_delay_ns=0
)
PHASES = [number * 0.7 for number in range(15)]
"""Milliseconds into the cycle of 10 ms at which something is asked for."""


def started(*plans: MessagePlan, **options: Any) -> Rig:
    rig = Rig(*(plans or (SPEED,)), **options)
    rig.switch("start")
    return rig


def unbroken(counters: list[int], modulo: int = 15) -> bool:
    return all(b == (a + 1) % modulo for a, b in pairwise(counters))


def wrong_crc(count: int | None) -> tuple[int, bytes]:
    return 1, pickle.dumps(FlippedBit(count, 0))


# -- which -------------------------------------------------------------------------------------------------------------


def test_the_kernel_gets_what_is_purely_cyclic() -> None:
    assert for_the_kernel(SPEED) and for_the_kernel(PLAIN)
    for name in ("Door", "Lamp", "Crash", "Horn", "Mixed", "Forgotten"):
        assert not for_the_kernel(PLANS[name]), name
    for change in (
        {"cycle_ns": None},
        {"min_delay_ns": 1},
        {"send_type": SendType.CYCLIC | SendType.ON_CHANGE},
        {"send_type": SendType.CYCLIC | SendType.IF_ACTIVE},
        {"send_types": {"VehicleSpeed": SendType.ON_WRITE}},
    ):
        assert not for_the_kernel(replace(SPEED, **change)), change


def test_a_counter_that_is_too_long_stays_here() -> None:
    class Long:
        counter_modulo = 257

    plan = replace(SPEED)
    object.__setattr__(plan, "protector", Long())
    assert not for_the_kernel(plan)
    Long.counter_modulo = 256
    assert for_the_kernel(plan)


def test_all_others_are_sent_as_ever_beside_it() -> None:
    door = PLANS["Door"]
    rig = started(SPEED, door)
    rig.run(30)
    ticket = rig.set(door, DoorState=1)
    rig.run(30)
    assert set(rig.senders(SPEED)) == {"k"} and set(rig.senders(door)) == {"p"}
    assert rig.carrier(ticket) is not None


def test_a_second_sender_of_an_identifier_sends_by_itself() -> None:
    rig = started(SPEED, replace(SPEED, start_delay_ns=8 * MS))
    rig.run(30)
    assert set(rig.senders(SPEED)) == {"k", "p"}


# -- sending -----------------------------------------------------------------------------------------------------------


def test_the_sequence_begins_after_the_start_delay_with_counters_and_checksums() -> None:
    rig = Rig(SPEED)
    rig.run(20)
    assert rig.bus == []
    begin = rig.now
    rig.switch("start")
    rig.run(403)
    assert rig.bus[0][0] == begin + 3 * MS
    assert rig.counters(SPEED) == [number % 15 for number in range(41)]
    assert set(rig.senders(SPEED)) == {"k"} and rig.task(SPEED).starts == 1
    assert rig.task(SPEED).period == 10 * MS and len(rig.task(SPEED).frames) == 15
    rig.all_is_told()
    assert {item.node for item in rig.of(Sent)} == {"BODY"}


def test_lateness_is_counted_against_the_absolute_schedule_of_the_run() -> None:
    rig = started(transit=300_000)
    rig.kernel_late = 100_000
    rig.run(104)
    sent = rig.of(Sent)
    assert [item.late_ns for item in sent] == [300_000 + number * 100_000 for number in range(len(sent))]
    assert [item.time - item.late_ns for item in sent] == [ORIGIN + 3 * MS + n * 10 * MS for n in range(len(sent))]


def test_a_message_without_counter_is_one_frame() -> None:
    rig = started(PLAIN)
    rig.run(200)
    assert len(rig.task(PLAIN).frames) == 1 and rig.senders(PLAIN) == "k" * 10
    rig.all_is_told()


def test_a_process_that_stands_still_misses_nothing() -> None:
    rig = started()
    rig.run(50)
    rig.run(1000, process=False)
    rig.run(50)
    assert unbroken(rig.counters(SPEED)) and len(rig.frames(SPEED)) == 110
    rig.all_is_told()


def test_the_end_of_the_world_is_the_end_of_it() -> None:
    rig = started(SPEED, PLAIN)
    rig.run(50)
    rig.world.stop()
    count = len(rig.bus)
    rig.run(100)
    assert len(rig.bus) == count


# -- values ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", PHASES)
def test_a_new_value_is_in_the_next_frame_and_the_sequence_goes_on(phase: float) -> None:
    rig = started()
    rig.run(43 + phase)
    count = len(rig.bus)
    ticket = rig.set(SPEED, VehicleSpeed=50)
    assert rig.carrier(ticket) is None
    rig.run(30)
    decode = SPEED.message.codec.decode
    values = [decode(frame.data)["VehicleSpeed"] for frame in rig.frames(SPEED)]
    assert values == [10.0] * count + [50.0] * (len(values) - count)
    carrier = rig.carrier(ticket)
    assert carrier is not None and carrier.frame == rig.bus[count][1]
    assert carrier.time == rig.bus[count][0] + rig.transit
    assert unbroken(rig.counters(SPEED)) and rig.task(SPEED).starts == 1 and rig.task(SPEED).updates == 1
    rig.all_is_told()


def test_many_changes_cost_few_updates_and_the_last_one_is_in_the_next_frame() -> None:
    rig = started()
    rig.run(44)
    count = len(rig.bus)
    tickets = []
    for number in range(80):
        tickets.append(rig.set(SPEED, VehicleSpeed=20 + number))
        rig.run(0.1)
    rig.run(20)
    assert 2 <= rig.task(SPEED).updates <= 6
    carriers = {id(rig.carrier(ticket)) for ticket in tickets}
    assert len(carriers) == 1
    assert rig.carrier(tickets[-1]).frame == rig.bus[count][1]  # type: ignore[union-attr]
    assert SPEED.message.codec.decode(rig.bus[count][1].data)["VehicleSpeed"] == 99
    assert unbroken(rig.counters(SPEED))
    rig.all_is_told()


def test_the_first_change_since_a_frame_is_given_at_once_whatever_happens_to_this_process_then() -> None:
    rig = started()
    rig.run(34.5)
    for number in range(1, 5):
        rig.set(SPEED, VehicleSpeed=20 + number)
        assert rig.task(SPEED).updates == number
        rig.run(10)


@pytest.mark.parametrize("phase", PHASES)
def test_a_value_that_is_sent_already_is_delivered_by_the_next_frame(phase: float) -> None:
    rig = started(transit=0, lag=2 * MS)
    rig.run(43 + phase)
    asked = rig.now
    ticket = rig.set(SPEED, VehicleSpeed=10)
    rig.run(20)
    carrier = rig.carrier(ticket)
    assert carrier is not None and asked <= carrier.time <= asked + 10 * MS
    assert rig.task(SPEED).updates == 0


def test_there_and_back_before_a_frame_is_delivered_by_it() -> None:
    rig = started()
    rig.run(44)
    tickets = [rig.set(SPEED, VehicleSpeed=value) for value in (50, 10)]
    rig.run(40)
    assert [rig.carrier(ticket) for ticket in tickets] == [rig.of(Sent)[5]] * 2
    more = [rig.set(SPEED, VehicleSpeed=value) for value in (50, 10) * 20]
    rig.run(40)
    assert all(rig.carrier(ticket) is not None for ticket in more)


def test_a_frame_of_before_a_change_does_not_deliver_it_though_it_looks_the_same() -> None:
    rig = started(lag=3 * MS)
    rig.run(33.5)
    asked = rig.now
    tickets = [rig.set(SPEED, VehicleSpeed=value) for value in (50, 10)]
    rig.run(2)
    assert rig.task(SPEED).updates == 2
    rig.run(40)
    assert {rig.carrier(ticket).time > asked for ticket in tickets} == {True}  # type: ignore[union-attr]


def test_a_stamp_that_is_a_little_too_early_is_no_riddle() -> None:
    rig = started(transit=-150_000)
    rig.run(42.9)
    ticket = rig.set(SPEED, VehicleSpeed=50)
    rig.run(5)
    assert rig.carrier(ticket) == rig.of(Sent)[4]
    assert rig.of(Trouble) == []


def test_a_change_is_carried_by_whoever_sends_next() -> None:
    rig = started()
    rig.run(54)
    ticket = rig.set(SPEED, VehicleSpeed=50)
    rig.tell(SPEED, "tamper", wrong_crc(None))
    rig.run(15)
    carrier = rig.carrier(ticket)
    assert carrier is not None and carrier.altered == 1


def test_a_frame_of_before_a_reset_delivers_nothing_that_was_set_after_it() -> None:
    rig = Rig(SPEED, lag=5 * MS)
    for value in (40, 41, 42):
        rig.set(SPEED, VehicleSpeed=value)
    rig.switch("start")
    rig.run(3.2)
    rig.switch("reset")
    rig.switch("start")
    rig.run(3.2)
    assert len(rig.bus) == 2 and rig.of(Sent) == []
    ticket = rig.set(SPEED, VehicleSpeed=50)
    rig.run(30)
    carrier = rig.carrier(ticket)
    assert carrier is not None and SPEED.message.codec.decode(carrier.frame.data)["VehicleSpeed"] == 50
    rig.all_is_told()


def test_values_wait_for_echoes_before_they_are_too_many_to_be_known() -> None:
    rig = started(lag=200 * MS)
    rig.run(500)
    updates = rig.task(SPEED).updates
    for number in range(190):
        ticket = rig.set(SPEED, VehicleSpeed=20 + number)
        rig.run(1)
    assert rig.task(SPEED).updates - updates < 40
    rig.run(600)
    assert rig.carrier(ticket) is not None
    assert SPEED.message.codec.decode(rig.bus[-1][1].data)["VehicleSpeed"] == 209
    assert unbroken(rig.counters(SPEED)) and rig.of(Trouble) == []


# -- taking it back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lag", [0, 2, 9, 15])
@pytest.mark.parametrize("phase", PHASES)
def test_a_disturbance_is_done_here_and_then_the_kernel_goes_on(phase: float, lag: int) -> None:
    rig = started(lag=lag * MS)
    rig.run(53 + phase)
    rig.tell(SPEED, "tamper", wrong_crc(2))
    rig.run(100)
    rig.tell(SPEED, "tamper", (0, None))
    rig.run(100)
    assert SPEED.protector is not None
    checks = [SPEED.protector.check(frame.data) for frame in rig.frames(SPEED)]
    assert unbroken([check.counter for check in checks])
    assert [check.crc_ok for check in checks].count(False) == 2
    senders = rig.senders(SPEED)
    assert senders.strip("k").strip("p") == "" and "p" * 5 in senders and senders.endswith("kkkkk")
    assert [item.altered for item in rig.of(Sent) if item.altered] == [1, 1]
    gaps = [(b[0] - a[0]) / MS for a, b in pairwise(rig.bus)]
    if lag <= 2:
        assert min(gaps) > 9 and max(gaps) < 11, "no gap, no burst"
        rig.all_is_told()
    missed = sum(item.cycles for item in rig.of(Missed))
    assert missed == pytest.approx(sum(gap / 10 - 1 for gap in gaps), abs=1)
    assert (missed > 0) == (max(gaps) > 20.5)


def test_a_suppressed_frame_uses_up_its_counter() -> None:
    rig = started()
    rig.run(44)
    rig.tell(SPEED, "tamper", (1, pickle.dumps(Suppression(1))))
    rig.run(50)
    rig.tell(SPEED, "tamper", (0, None))
    rig.run(50)
    counters = rig.counters(SPEED)
    assert [b for a, b in pairwise(counters) if b != (a + 1) % 15] == [(counters[4] + 2) % 15]
    assert len(rig.of(Suppressed)) == 1


@pytest.mark.parametrize("phase", PHASES)
def test_a_frame_out_of_turn_is_sent_soon_and_the_schedule_goes_on(phase: float) -> None:
    rig = started()
    rig.run(53 + phase)
    asked = rig.now
    ticket = rig.tell(SPEED, "send_now")
    rig.run(100)
    carrier = rig.carrier(ticket)
    assert carrier is not None and carrier.time - asked < 5 * MS
    assert unbroken(rig.counters(SPEED))
    assert rig.senders(SPEED).count("p") == 1
    cyclic = [time for time, _, by in rig.bus if by == "kernel"]
    assert all(9 * MS < b - a < 11 * MS for a, b in pairwise(cyclic))
    rig.all_is_told()


@pytest.mark.parametrize("phase", PHASES)
def test_forwarded_frames_are_all_sent_in_their_order(phase: float) -> None:
    rig = started()
    rig.run(53 + phase)
    for number in range(1, 4):
        rig.tell(SPEED, "forward", bytes([0, 0, number, 0, 0, 0, 0, 0]))
    rig.run(50)
    own = [frame.data[2] for _, frame, by in rig.bus if by == "process"]
    assert own[:3] == [1, 2, 3] and {frame.data[2] for _, frame, _ in rig.bus[-3:]} == {3}
    assert unbroken(rig.counters(SPEED))
    rig.all_is_told()


@pytest.mark.parametrize("phase", PHASES)
def test_a_counter_that_is_set_is_that_of_a_next_frame(phase: float) -> None:
    rig = started()
    rig.run(53 + phase)
    rig.tell(SPEED, "counter", 12)
    rig.run(50)
    counters = rig.counters(SPEED)
    breaks = [at for at, (a, b) in enumerate(pairwise(counters), 1) if b != (a + 1) % 15]
    assert len(breaks) == 1 and counters[breaks[0]] == 12 and breaks[0] in (6, 7)
    assert rig.senders(SPEED).endswith("kkk")


@pytest.mark.parametrize("by", ["message", "node"])
@pytest.mark.parametrize("phase", PHASES)
def test_stopped_it_is_silent_at_once_and_goes_on_with_its_counter(phase: float, by: str) -> None:
    rig = started()
    rig.run(53 + phase)
    stop = (lambda: rig.tell(SPEED, "stop")) if by == "message" else (lambda: rig.switch("stop"))
    start = (lambda: rig.tell(SPEED, "start")) if by == "message" else (lambda: rig.switch("start"))
    stop()
    count = len(rig.bus)
    rig.run(40)
    assert len(rig.bus) == count
    ticket = rig.set(SPEED, VehicleSpeed=50)
    start()
    rig.run(50)
    stop()
    start()
    rig.run(80)
    assert rig.carrier(ticket) == next(item for item in rig.of(Sent) if item.frame == rig.bus[count][1])
    assert unbroken(rig.counters(SPEED)) and set(rig.senders(SPEED)) == {"k"}
    rig.all_is_told()


@pytest.mark.parametrize("keep", [False, True])
@pytest.mark.parametrize("phase", PHASES)
def test_a_reset_counts_from_zero(phase: float, keep: bool) -> None:
    rig = started()
    rig.run(33)
    rig.set(SPEED, VehicleSpeed=50)
    rig.run(20 + phase)
    waiting = rig.set(SPEED, VehicleSpeed=60)
    rig.switch("reset", keep_values=keep)
    assert rig.of(Done)
    count = len(rig.bus)
    rig.switch("start")
    rig.run(150)
    counters = rig.counters(SPEED)
    assert unbroken(counters[:count]) and counters[count:] == [n % 15 for n in range(len(counters) - count)]
    speed = SPEED.message.codec.decode(rig.frames(SPEED)[-1].data)["VehicleSpeed"]
    assert speed == (60 if keep else 10)
    assert (rig.carrier(waiting) is not None) == keep
    assert rig.task(SPEED).starts == 2
    rig.all_is_told()


def test_what_was_to_be_sent_out_of_turn_is_not_when_the_message_stops() -> None:
    rig = started(lag=5 * MS)
    rig.run(52.5)
    late = rig.tell(SPEED, "send_now")
    rig.tell(SPEED, "forward", bytes(8))
    rig.tell(SPEED, "stop")
    count = len(rig.bus)
    rig.run(50)
    assert len(rig.bus) == count
    rig.tell(SPEED, "start")
    rig.run(30)
    assert rig.carrier(late) is not None and unbroken(rig.counters(SPEED))


def test_a_first_frame_that_is_still_on_its_way_is_known_of() -> None:
    rig = started(lag=5 * MS)
    rig.run(3.2)
    assert len(rig.bus) == 1
    rig.tell(SPEED, "send_now")
    rig.run(50)
    assert unbroken(rig.counters(SPEED))
    rig.all_is_told()


class Steps:
    """What a test may do to a message, by name."""

    NAMES = ("set", "same", "send_now", "forward", "tamper", "clear", "stop", "start", "reset", "counter")

    def __init__(self, rig: Rig, plan: MessagePlan) -> None:
        self.rig, self.plan = rig, plan
        self.breaks = 0
        self.awaited: list[int] = []
        self._value = 20

    def do(self, name: str) -> None:
        rig, plan = self.rig, self.plan
        if name in ("set", "same"):
            self._value += name == "set"
            self.awaited.append(rig.set(plan, VehicleSpeed=self._value))
        elif name == "send_now":
            self.awaited.append(rig.tell(plan, name))
        elif name == "forward":
            rig.tell(plan, name, bytes(8))
        elif name == "tamper":
            rig.tell(plan, name, (1, pickle.dumps(Nothing())))
        elif name == "clear":
            rig.tell(plan, "tamper", (0, None))
        elif name == "reset":
            rig.switch("reset", keep_values=True)
            rig.switch("start")
            self.breaks += 1
        elif name == "counter":
            rig.tell(plan, name, 0)
            self.breaks += 1
        else:
            rig.tell(plan, name)


class Nothing:
    """A disturbance that leaves every frame alone."""

    def __call__(self, data: bytes, counter: int | None) -> bytes:
        return data


@example(steps=[("send_now", 1), ("tamper", 0), ("reset", 10), ("stop", 3), ("start", 0)], lag=9, transit=1)
@given(
    steps=st.lists(st.tuples(st.sampled_from(Steps.NAMES), st.integers(0, 400)), max_size=12),
    lag=st.integers(0, 60),
    transit=st.integers(0, 20),
)
def test_whatever_is_done_no_counter_is_lost_or_used_twice(
    steps: list[tuple[str, int]], lag: int, transit: int
) -> None:
    rig = started(lag=lag * 100_000, transit=transit * 100_000)
    doing = Steps(rig, SPEED)
    rig.run(20)
    for name, pause in steps:
        doing.do(name)
        rig.run(pause / 10)
    doing.do("clear")
    doing.do("start")
    rig.run(100)
    counters = rig.counters(SPEED)
    assert sum(b != (a + 1) % 15 for a, b in pairwise(counters)) <= doing.breaks
    assert all(rig.carrier(ticket) is not None for ticket in doing.awaited)
    assert rig.senders(SPEED).endswith("kk")
    assert rig.of(Trouble) == []
    assert [item.frame for item in rig.of(Sent)] == [frame for _, frame, _ in rig.bus][: len(rig.of(Sent))]


# -- what may go wrong -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plan", [SPEED, PLAIN], ids=["counter", "no counter"])
@pytest.mark.parametrize("count", [1, 3, 40])
def test_frames_that_the_kernel_dropped_are_missed(plan: MessagePlan, count: int) -> None:
    rig = started(plan)
    rig.run(205)
    rig.dropping = count
    rig.run(1000)
    assert [(item.node, item.message, item.cycles) for item in rig.of(Missed)] == [("BODY", plan.message.name, count)]
    (trouble,) = rig.of(Trouble)
    assert not trouble.fatal and f"the first: {plan.message.name} of BODY" in trouble.text
    assert len(rig.of(Sent)) == pytest.approx(1205 * MS / plan.cycle_ns - count, abs=2)  # type: ignore[operator]
    assert max(item.late_ns for item in rig.of(Sent)) < MS
    rig.dropping = 1
    rig.run(100)
    assert len(rig.of(Missed)) == 2 and len(rig.of(Trouble)) == 1


def test_a_frame_of_a_counter_that_is_late_is_not_missed() -> None:
    rig = started()
    rig.run(44)
    rig.task(SPEED).due += 130 * MS  # type: ignore[operator]
    rig.run(300)
    rig.all_is_told()


def test_what_is_silent_for_too_long_is_fatal() -> None:
    rig = started()
    rig.run(100)
    rig.dropping = 1000
    rig.run(1990)
    assert rig.world.output.trouble() is None
    rig.run(60)
    trouble = rig.world.output.trouble()
    assert trouble is not None and trouble.fatal
    assert "Speed of BODY, which the kernel sends, has not been on the bus for 2 s: nobody acknowledges" in trouble.text


@pytest.mark.parametrize("refusal", [None, AdapterError("its socket was closed")])
def test_a_lost_adapter_gets_everything_anew_when_it_is_back(refusal: AdapterError | None) -> None:
    rig = started(SPEED, PLAIN)
    rig.run(50)
    ticket = rig.set(SPEED, VehicleSpeed=50)
    rig.world.output.lost = True
    for each in rig.tasks.values():
        each[-1].refusal = refusal
    rig.run(200)
    count = len(rig.bus)
    rig.run(200)
    assert len(rig.bus) == count, "frames wait"
    rig.world.output.reopened()
    rig.run(100)
    assert {len(tasks) for tasks in rig.tasks.values()} == {2}
    assert rig.senders(SPEED)[count // 2 :].count("p") == 1 and rig.senders(SPEED).endswith("kkkk")
    assert unbroken(rig.counters(SPEED)) and rig.carrier(ticket) is not None


def test_while_a_frame_of_ours_waits_for_room_the_kernel_does_not_overtake_it() -> None:
    rig = started()
    rig.run(50)
    rig.tell(SPEED, "send_now")
    rig.full = True
    rig.run(100)
    rig.full = False
    rig.run(100)
    assert unbroken(rig.counters(SPEED)) and rig.senders(SPEED).endswith("kkkk")


@pytest.mark.parametrize("when", ["start", "change", "stop"])
def test_what_the_kernel_refuses_is_the_benchs_fault(when: str) -> None:
    rig = started()
    rig.run(1)
    refusal = AdapterError("the kernel does not")
    if when == "start":
        make = rig.cyclic

        def refused(*arguments: Any) -> Any:
            task = make(*arguments)
            task.refusal = refusal
            return task

        rig.world._kernel.make_task = refused  # type: ignore[union-attr]
        with pytest.raises(AdapterError, match="the kernel does not"):
            rig.run(20)
        return
    rig.run(50)
    rig.task(SPEED).refusal = refusal
    with pytest.raises(AdapterError, match="the kernel does not"):
        rig.set(SPEED, VehicleSpeed=50) if when == "change" else rig.tell(SPEED, "stop")


def test_a_frame_that_is_overdue_is_waited_for_much_longer() -> None:
    rig = started()
    rig.run(44)
    rig.transit = 60 * MS
    rig.run(10)
    rig.tell(SPEED, "send_now")
    rig.set(SPEED, VehicleSpeed=50)
    rig.run(300)
    assert "p" in rig.senders(SPEED) and unbroken(rig.counters(SPEED))
    assert rig.of(Trouble) == []


def test_a_frame_that_comes_back_much_too_late_is_told_and_taken_all_the_same() -> None:
    rig = started()
    rig.run(44)
    rig.transit = 150 * MS  # the bus is overloaded
    rig.run(10)
    rig.tell(SPEED, "send_now")
    rig.set(SPEED, VehicleSpeed=50)
    rig.run(300)
    assert [item.frame for item in rig.of(Sent)] == [frame for _, frame, _ in rig.bus][: len(rig.of(Sent))]
    assert [item for item in rig.of(Trouble) if not item.fatal and "its counter had been used" in item.text]


# -- the channel process -----------------------------------------------------------------------------------------------


def test_the_channel_process_uses_the_drivers(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = ScriptedDriver(echo=True)

    class Task:
        def __init__(self, frames: Any, period: int) -> None:
            self.frames = frames

        def start(self) -> None:
            for number in range(3):
                driver.heard.put(Heard(clock_ns(), self.frames[number], own=True))

        def update(self, frames: Any) -> None:
            self.frames = frames

        def stop(self) -> None:
            stopped.append(self)

    from harness.wall import clock_ns

    stopped: list[Task] = []
    driver.cyclic = Task  # type: ignore[attr-defined]
    spec = replace(SPEC, cyclic="kernel")
    with opened_here(monkeypatch, driver, {"BODY": (SPEED,)}, spec=spec) as adapter:
        world = World(adapter)
        world.transmitter("BODY").start()
        world.wait_for(Sent, 3)
        assert driver.sent == []
        adapter.end()
        assert len(stopped) == 1


def test_an_interface_whose_kernel_sends_nothing_is_refused() -> None:
    adapter = Adapter(AdapterSpec("body", "virtual", "nothing", 500_000, cyclic="kernel"))
    with pytest.raises(ConfigError, match="channel 'body' has cyclic = \"kernel\", but the kernel sends nothing on"):
        adapter.open()
    assert not adapter.alive
