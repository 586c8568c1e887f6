"""Plans and disturbances go to the process that sends: they can be pickled, and mean the same there."""

from __future__ import annotations

import pickle

import pytest

from harness.restbus import Alteration, MessagePlan
from harness.restbus.alterations import FlippedBit, OtherLength, ShiftedCounter, Suppression, crc_bit
from tests.restbus.scripted_port import PLANS, Sender


@pytest.mark.parametrize("name", list(PLANS))
def test_a_plan_sends_the_same_frames_when_it_was_pickled(name: str) -> None:
    copy: MessagePlan = pickle.loads(pickle.dumps(PLANS[name]))
    frames = []
    for plan in (PLANS[name], copy):
        sender = Sender(plan)
        sender.transmitter.start()
        sender.until(10)
        sender.transmitter.message(name).send_now()
        sender.until(200)
        frames.append(sender.port.posted)
    assert frames[0] == frames[1] != []


@pytest.mark.parametrize("name", ["Speed", "Torque"])
def test_a_pickled_plan_checks_protection_and_refuses_what_the_first_one_refuses(name: str) -> None:
    plan = PLANS[name]
    copy: MessagePlan = pickle.loads(pickle.dumps(plan))
    data = bytearray(plan.start_payload)
    assert plan.protector is not None and copy.protector is not None and plan.protection is not None
    plan.protector.protect(data, 3)
    assert copy.protector.check(bytes(data)) == (True, 3)
    assert copy.message.signals[0].physical_range == plan.message.signals[0].physical_range
    assert copy.message.attributes == plan.message.attributes


SPEED = PLANS["Speed"]
assert SPEED.protection is not None
DATA = bytearray(SPEED.start_payload)
assert SPEED.protector is not None
SPEED.protector.protect(DATA, 2)


@pytest.mark.parametrize(
    "alteration",
    [
        Suppression(2),
        FlippedBit(2, crc_bit(SPEED.message, SPEED.protection)),
        OtherLength(2, 3),
        ShiftedCounter(2, -1, SPEED),
    ],
)
def test_an_alteration_touches_so_many_frames_and_no_more_in_whatever_process(alteration: Alteration) -> None:
    data = bytes(DATA)
    copy: Alteration = pickle.loads(pickle.dumps(alteration))
    altered = [alteration(data, 2) for _ in range(3)]
    assert [copy(data, 2) for _ in range(3)] == altered
    assert altered[2] is data and altered[0] != data != altered[1]
    assert alteration.used == 2


def test_a_shifted_counter_stays_under_a_right_checksum() -> None:
    assert SPEED.protector is not None
    shifted = ShiftedCounter(None, -1, SPEED)
    counters = [(2 + number) % SPEED.protector.counter_modulo for number in range(3)]
    payloads = []
    for counter in counters:
        data = bytearray(SPEED.start_payload)
        SPEED.protector.protect(data, counter)
        payloads.append(shifted(bytes(data), counter))
    assert [SPEED.protector.check(data) for data in payloads if data is not None] == [(True, 1)] * 3


def test_whoever_asks_is_told_of_every_frame_that_was_touched() -> None:
    told: list[bytes | None] = []
    sender = Sender(SPEED)
    speed = sender.transmitter.message("Speed")
    speed.on_tampered = told.append
    speed.tamper = Suppression(2)
    sender.transmitter.start()
    sender.until(20)
    speed.tamper = OtherLength(1, 3)
    sender.until(50)
    assert told[:2] == [None, None]
    assert [len(data or b"") for data in told[2:]] == [3]
    assert [len(data) for data in sender.port.payloads] == [3, 8, 8]
