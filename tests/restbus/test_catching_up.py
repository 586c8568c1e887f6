"""A loop that stood still: what was missed is left out, not sent in a burst, and counters go on."""

from __future__ import annotations

from dataclasses import replace

from harness.restbus import ScheduledMessage, SendType
from tests.restbus.scripted_port import MS, PLANS, Sender


def started(name: str) -> tuple[Sender, ScheduledMessage]:
    sender = Sender(replace(PLANS[name], start_delay_ns=0))
    message = sender.transmitter.message(name)
    assert isinstance(message, ScheduledMessage)
    sender.transmitter.start()
    return sender, message


def test_of_the_missed_cycles_only_the_newest_are_sent_and_the_grid_stays() -> None:
    sender, speed = started("Speed")
    sender.until(25)
    assert speed.catch_up(1004 * MS) == 95
    sender.until(1004)
    sender.until(1021)
    assert sender.port.times == [0, 10, 20, 980, 990, 1000, 1010, 1020]
    assert speed.protector is not None
    assert [speed.protector.check(data).counter for data in sender.port.payloads] == list(range(8))


def test_late_by_less_than_three_cycles_nothing_is_left_out() -> None:
    sender, speed = started("Speed")
    sender.until(25)
    assert speed.catch_up(59 * MS) == 0
    assert speed.catch_up(60 * MS) == 1
    sender.until(61)
    assert sender.port.times == [0, 10, 20, 40, 50, 60]


def test_repetitions_are_left_out_but_for_the_last() -> None:
    sender, crash = started("Crash")
    crash.set({next(iter(crash.values)): 1})
    assert crash.catch_up(35 * MS) == 0
    assert crash.catch_up(500 * MS) == 2
    sender.until(500)
    assert sender.port.times == [0, 30]


def test_an_active_message_goes_on_with_its_fast_cycle() -> None:
    sender, horn = started("Horn")
    horn.set({"HornRequest": 2})
    assert horn.catch_up(1010 * MS) == 47
    sender.until(1025)
    assert sender.port.times == [0, 960, 980, 1000, 1020]


def test_cycles_that_rest_while_a_message_is_active_are_not_left_out() -> None:
    plan = replace(PLANS["Horn"], cycle_ns=100 * MS, send_type=SendType.CYCLIC | SendType.IF_ACTIVE, start_delay_ns=0)
    sender = Sender(plan)
    horn = sender.transmitter.message("Horn")
    assert isinstance(horn, ScheduledMessage)
    sender.transmitter.start()
    horn.set({"HornRequest": 2})
    assert horn.catch_up(1010 * MS) == 47
    sender.until(1110)
    horn.set({"HornRequest": 1})
    sender.until(1250)
    assert sender.port.times[-2:] == [1110, 1200]


def test_nothing_is_left_out_of_what_is_not_sent() -> None:
    sender, speed = started("Speed")
    speed.stop()
    assert speed.catch_up(1000 * MS) == 0
    sender.until(100)
    assert sender.port.times == []
