"""Transmitters on the simulated bus: contention, overload, bus-off."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.bus.port import ErrorState
from harness.bus.simulated import SimBus
from harness.frames import Received
from harness.loop import Loop, Owner
from harness.restbus import MessagePlan, Transmitter, plan_messages
from harness.signals.definitions import MessageDef
from tests.restbus.scripted_port import MS, PLANS


class Wire:
    """A bus with a sender and somebody who acknowledges."""

    def __init__(self, *plans: MessagePlan, bitrate: int = 500_000) -> None:
        self.loop = Loop()
        self.bus = SimBus(self.loop, "test", bitrate=bitrate)
        self.bus.attach("WITNESS")
        self.port = self.bus.attach("BODY", restart_after=20 * MS)
        self.seen: list[Received] = []
        self.bus.observe(self.seen.append)
        self.transmitter = Transmitter(self.loop, self.port, plans, Owner("BODY"))
        self.transmitter.start()

    def until(self, milliseconds: float) -> None:
        self.loop.run_until(round(milliseconds * MS))

    @property
    def counters(self) -> list[int]:
        return [received.frame.data[1] & 15 for received in self.seen]


SPEED = replace(PLANS["Speed"], start_delay_ns=0)


def test_a_stimulus_is_delivered_at_the_end_of_its_frame() -> None:
    wire = Wire(SPEED)
    wire.until(5)
    change = wire.transmitter.message("Speed").set({"VehicleSpeed": 20})
    wire.until(15)
    assert change.delivered == wire.seen[1].time
    assert 10 * MS < wire.seen[1].time < 10.3 * MS


def test_a_value_set_in_the_instant_of_a_cycle_goes_with_the_next_frame_of_the_message() -> None:
    wire = Wire(SPEED)
    wire.until(10)  # the frame of 10 ms is in the controller, but not yet on the bus
    change = wire.transmitter.message("Speed").set({"VehicleSpeed": 20})
    wire.until(30)
    assert change.delivered == wire.seen[2].time
    assert wire.counters == [0, 1, 2]


def test_a_slow_bus_gets_the_newest_values_and_every_counter() -> None:
    # A frame of 8 bytes takes more than 10 ms at 10 kbit/s.
    wire = Wire(SPEED, bitrate=10_000)
    for step in range(100):
        wire.until(10 * step + 1)
        wire.transmitter.message("Speed").set({"VehicleSpeed": step})
    wire.until(1000)
    assert 60 < len(wire.seen) < 100
    assert wire.counters == [number % 15 for number in range(len(wire.seen))]
    for received in wire.seen[1:]:
        speed = SPEED.message.codec.decode(received.frame.data)["VehicleSpeed"]
        assert abs(received.time / MS / 10 - speed) < 4  # never stale by more than the frame itself and its predecessor
    assert wire.port.queued <= 1


def test_bus_off_keeps_one_frame_and_recovery_goes_on_with_the_next_counter() -> None:
    wire = Wire(SPEED)
    wire.until(25)
    fault = wire.bus.corrupt(key=SPEED.message.key, count=32)
    wire.until(45)
    assert wire.port.state is ErrorState.BUS_OFF
    change = wire.transmitter.message("Speed").set({"VehicleSpeed": 77})
    wire.until(46)
    assert wire.port.queued == 1
    wire.until(200)
    assert fault.hits == 32
    assert wire.port.state is ErrorState.ACTIVE
    assert wire.counters == [number % 15 for number in range(len(wire.seen))]
    gaps = [after.time - before.time for before, after in zip(wire.seen, wire.seen[1:], strict=False)]
    assert max(gaps) > 20 * MS
    assert change.delivered is not None
    first = next(received for received in wire.seen if received.time == change.delivered)
    assert SPEED.message.codec.decode(first.frame.data)["VehicleSpeed"] == 77
    assert wire.seen[-1].time / MS == pytest.approx(190, abs=0.5)  # the schedule is where it was


def test_after_a_reset_nothing_from_before_it_goes_out() -> None:
    wire = Wire(SPEED)
    wire.until(20.1)  # the third frame is on the wire
    wire.transmitter.message("Speed").send_now()  # and another one waits
    wire.transmitter.reset()
    wire.transmitter.start()
    wire.until(45)
    assert wire.counters == [0, 1, 0, 1, 2]


def test_forwarded_frames_keep_their_order_and_none_is_lost_while_the_bus_is_busy() -> None:
    wire = Wire(SPEED, bitrate=50_000)
    speed = wire.transmitter.message("Speed")
    wire.until(1)
    for value in range(20):
        speed.forward(bytes([0, 0, value, 0, 0, 0, 0, 0]))
    wire.until(150)
    values = [received.frame.data[2] for received in wire.seen[1:21]]
    assert values == list(range(20))
    assert wire.counters[:21] == [number % 15 for number in range(21)]


def test_staggered_starts_let_most_frames_go_at_once() -> None:
    cycle = 20 * MS
    definitions = [MessageDef(f"M{number}", 0x100 + number, 8, cycle_time_ns=cycle) for number in range(24)]
    plans = plan_messages(definitions)

    def undelayed(plans: list[MessagePlan]) -> int:
        wire = Wire(*plans)
        wire.until(59)
        due = {plan.message.key: plan.start_delay_ns for plan in plans}
        waits = [(received.time - due[received.frame.key]) % cycle for received in wire.seen]
        return sum(wait < 0.3 * MS for wait in waits)

    assert undelayed(plans) > 50  # of 72
    assert undelayed([replace(plan, start_delay_ns=0) for plan in plans]) == 3
