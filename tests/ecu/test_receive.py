"""Reception: what counts as valid, what is remembered, how misses and errors are counted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.ecu import RxMessage
from harness.frames import Frame, Received
from harness.loop import Loop, Owner
from tests.restbus.scripted_port import MS, PLANS, ScriptedPort


class Receiver:
    """One received message, fed by hand."""

    def __init__(self, name: str, max_delta: int = 1, drift_ppm: float = 0.0) -> None:
        self.loop = Loop()
        self.plan = PLANS[name]
        self.rx = RxMessage(self.loop, ScriptedPort(self.loop), self.plan, Owner("DASH", drift_ppm), max_delta)
        self.calls: list[Any] = []
        self.rx.on_valid(lambda message: self.calls.append("valid"))
        self.rx.on_error(lambda message: self.calls.append(message.errors))

    def feed(self, data: bytes | str, *, remote: bool = False) -> None:
        payload = bytes.fromhex(data) if isinstance(data, str) else data
        self.rx.receive(Received(self.loop.now, "test", Frame(self.plan.message.id, payload, remote=remote)))

    def protected(self, counter: int, payload: str = "0000000000000000") -> None:
        data = bytearray.fromhex(payload)
        assert self.plan.protector is not None
        self.plan.protector.protect(data, counter)
        self.feed(bytes(data))

    def at(self, milliseconds: float) -> None:
        self.loop.run_until(round(milliseconds * MS))


def test_before_the_first_frame_there_is_nothing() -> None:
    rx = Receiver("Speed").rx
    assert (rx.data, rx.time, rx.age, rx.errors, rx.missed, rx.valid, rx.values) == (None, None, None, 0, 0, False, {})
    assert (rx.value("VehicleSpeed"), rx.text("VehicleSpeed")) == (None, None)


def test_counters_may_begin_anywhere_and_then_go_on_by_one() -> None:
    receiver = Receiver("Speed")
    for counter in (13, 14, 0, 1):
        receiver.protected(counter)
    assert receiver.calls == ["valid"] * 4


@pytest.mark.parametrize(
    ("counters", "max_delta", "calls"),
    [
        ([3, 3, 4], 1, ["valid", 1, "valid"]),  # repeated
        ([3, 5, 6], 1, ["valid", 1, "valid"]),  # one lost
        ([3, 5, 6], 2, ["valid", "valid", "valid"]),
        ([3, 6, 7], 2, ["valid", 1, "valid"]),
        ([3, 2, 2, 3], 2, ["valid", 1, 2, "valid"]),
        ([13, 0, 2], 2, ["valid", "valid", "valid"]),
    ],
)
def test_repeated_and_jumped_counters(counters: list[int], max_delta: int, calls: list[object]) -> None:
    receiver = Receiver("Speed", max_delta)
    for counter in counters:
        receiver.protected(counter)
    assert receiver.calls == calls


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 14), max_size=30), st.integers(1, 5))
def test_errors_count_what_an_oracle_counts(counters: list[int], max_delta: int) -> None:
    receiver = Receiver("Speed", max_delta)
    errors, expected = 0, []
    for number, counter in enumerate(counters):
        receiver.protected(counter)
        step = (counter - counters[number - 1]) % 15 if number else 1
        errors = 0 if 1 <= step <= max_delta else errors + 1
        expected.append("valid" if errors == 0 else errors)
        assert (receiver.rx.errors, receiver.rx.valid) == (errors, errors == 0)
    assert receiver.calls == expected


def test_the_right_frame_after_unreadable_ones_is_right_but_jumps_stay_wrong() -> None:
    receiver = Receiver("Speed")
    receiver.protected(1)
    receiver.feed("0002650000000000")
    receiver.feed("0003")
    receiver.protected(4)
    for counter in (6, 8, 10):
        receiver.protected(counter)
    receiver.protected(11)
    assert receiver.calls == ["valid", 1, 2, "valid", 1, 2, 3, "valid"]


def test_a_wrong_crc_is_an_error_and_the_old_values_stay() -> None:
    receiver = Receiver("Speed")
    receiver.protected(1, "0000640000000000")
    receiver.at(7)
    receiver.feed("00026500000000")  # short
    receiver.feed("0002650000000000")
    assert receiver.calls == ["valid", 1, 2]
    assert (receiver.rx.value("VehicleSpeed"), receiver.rx.time, receiver.rx.age) == (10.0, 0, 7 * MS)
    assert not receiver.rx.valid
    receiver.protected(2)
    assert receiver.rx.errors == 0


def test_remote_frames_are_no_data() -> None:
    receiver = Receiver("Door")
    receiver.feed("", remote=True)
    assert receiver.calls == []


def test_longer_frames_are_taken() -> None:
    receiver = Receiver("Door")
    receiver.feed("0100aaaa")
    assert (receiver.rx.values, receiver.rx.text("DoorState")) == ({"DoorState": 1, "DoorLock": 0}, "Open")


def test_missed_counts_whole_cycles_from_power_on_or_the_last_valid_frame() -> None:
    receiver = Receiver("Speed")
    rx = receiver.rx
    seen = []
    for time in (0, 9.9, 10, 29, 50):
        receiver.at(time)
        seen.append(rx.missed)
    assert seen == [0, 0, 1, 2, 5]
    receiver.at(52)
    receiver.protected(1)
    receiver.at(61.9)
    receiver.feed("0000000000000000")  # wrong CRC
    assert rx.missed == 0
    receiver.at(62)
    assert rx.missed == 1
    receiver.at(102)
    assert rx.missed == 5
    rx.reset()
    assert (rx.missed, rx.time) == (0, None)
    assert Receiver("Door").rx.missed == 0


def test_missed_counts_on_the_nodes_own_clock() -> None:
    receiver = Receiver("Speed", drift_ppm=1000.0)
    receiver.at(9.995)
    assert receiver.rx.missed == 1


def test_multiplexed_signals_keep_their_last_value() -> None:
    receiver = Receiver("Cells")
    receiver.feed("000a0100")
    receiver.feed("010b0200")
    rx = receiver.rx
    assert (rx.value("CellA"), rx.value("CellB"), rx.value("CellC")) == (0.001, 0.002, None)
    assert (rx.value("Page"), rx.value("Total")) == (1, 11)
    receiver.feed("000c0300")
    assert (rx.value("CellA"), rx.value("CellB"), rx.value("Total")) == (0.003, 0.002, 12)
    rx.reset()
    assert rx.value("CellB") is None


def test_an_unknown_multiplexer_value_is_an_error_not_an_exception() -> None:
    receiver = Receiver("Cells")
    receiver.feed("090a0100")
    assert receiver.calls == [1]
    assert receiver.rx.value("Total") is None


def test_changes_of_a_signal() -> None:
    receiver = Receiver("Cells")
    changes: list[tuple[float, float | None]] = []
    receiver.rx.on_change("CellB", lambda value, previous: changes.append((value, previous)))
    for data in ("000a0100", "010a0200", "000a0500", "010b0200", "010b0300"):
        receiver.feed(data)
    assert changes == [(0.002, None), (0.003, 0.002)]
    receiver.rx.reset()
    receiver.feed("010b0300")
    assert changes[2:] == [(0.003, None)]


def test_a_payload_is_decoded_once_for_all_receivers_and_when_somebody_asks() -> None:
    receiver, other = Receiver("Speed"), Receiver("Speed")
    receiver.plan.readings.clear()
    receiver.protected(1, "0000640000000000")
    other.protected(1, "0000640000000000")
    (reading,) = receiver.plan.readings.values()
    assert dict(reading) == {}
    assert receiver.rx.value("VehicleSpeed") == other.rx.value("VehicleSpeed") == 10.0
    assert dict(reading) == {"VehicleSpeed": 10.0}
    receiver.protected(2, "0000c80000000000")
    assert (receiver.rx.value("VehicleSpeed"), other.rx.value("VehicleSpeed")) == (20.0, 10.0)
