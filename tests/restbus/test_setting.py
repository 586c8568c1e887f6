"""What frames carry: values, multiplexing, counters and checksums, and when a stimulus was delivered."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import SignalError, UnitError, UnknownSignalError, ValueRangeError
from harness.frames import EXTENDED
from harness.restbus import TxMessage
from harness.units import V, kmh, mps
from tests.restbus.scripted_port import MS, PLANS, Sender


def sent(name: str) -> tuple[Sender, TxMessage]:
    sender = Sender(replace(PLANS[name], start_delay_ns=0))
    sender.transmitter.start()
    return sender, sender.transmitter.message(name)


def test_start_values_are_in_the_first_frame() -> None:
    sender, speed = sent("Speed")
    assert speed.values == {"VehicleSpeed": 10.0, "Reverse": 0}
    sender.until(0)
    sender.until(1)
    assert PLANS["Speed"].message.codec.decode(sender.port.payloads[0])["VehicleSpeed"] == 10.0


def test_values_are_numbers_labels_or_quantities() -> None:
    _, speed = sent("Speed")
    speed.set({"VehicleSpeed": 10 * mps})
    assert speed.values["VehicleSpeed"] == 36.0
    speed.set({"VehicleSpeed": 50 * kmh, "Reverse": True})
    assert speed.values == {"VehicleSpeed": 50.0, "Reverse": 1}
    _, door = sent("Door")
    door.set({"DoorState": "Open"})
    assert door.values["DoorState"] == 1


@pytest.mark.parametrize(
    ("values", "error", "text"),
    [
        ({"VehicleSpeed": 301}, ValueRangeError, "takes 0 to 300 km/h, not 301"),
        ({"VehicleSpeed": "fast"}, ValueRangeError, "no label 'fast'"),
        ({"VehicleSpeed": None}, ValueRangeError, "takes a number"),
        ({"VehicleSpeed": 5 * V}, UnitError, "voltage"),
        ({"VehicelSpeed": 5}, UnknownSignalError, "did you mean 'VehicleSpeed'"),
        ({"SpeedCounter": 5}, SignalError, "written by the protection.*WrongCounter"),
        ({"SpeedCrc": 5}, SignalError, "written by the protection"),
    ],
)
def test_a_wrong_value_raises_and_changes_nothing(values: dict[str, object], error: type[Exception], text: str) -> None:
    _, speed = sent("Speed")
    with pytest.raises(error, match=text):
        speed.set({"Reverse": 1, **values})
    assert speed.values == {"VehicleSpeed": 10.0, "Reverse": 0}


def test_force_sends_what_the_bits_hold_and_is_not_remembered_as_allowed() -> None:
    _, speed = sent("Speed")
    speed.set({"VehicleSpeed": 400}, force=True)
    assert speed.values["VehicleSpeed"] == 400
    speed.set({"VehicleSpeed": 10_000}, force=True)
    assert speed.values["VehicleSpeed"] == pytest.approx(6553.5)
    with pytest.raises(ValueRangeError):
        speed.set({"VehicleSpeed": 10_000})


def test_setting_a_branch_selects_it_and_the_other_branches_keep_their_values() -> None:
    sender, cells = sent("Cells")
    cells.set({"CellB": 3.7, "Total": 12})
    assert cells.values == {"Page": 1, "Total": 12, "CellB": 3.7}
    cells.set({"CellC": 3.5})
    assert cells.values == {"Page": 2, "Total": 12, "CellC": 3.5}
    cells.set({"Page": 1})
    assert cells.values == {"Page": 1, "Total": 12, "CellB": 3.7}
    cells.set({"CellB": 3.7})  # unchanged, but its branch is wanted
    cells.set({"Page": 0})
    cells.set({"CellB": 3.7})
    assert cells.values["Page"] == 1
    sender.until(1)
    assert sender.port.payloads[0] == bytes([1, 12]) + (3700).to_bytes(2, "little")


def test_every_multiplexer_value_can_be_sent() -> None:
    sender, cells = sent("Cells")
    for page in range(3):
        cells.set({"Page": page})
        sender.until(10 * page + 1)
    assert [data[0] for data in sender.port.payloads] == [0, 1, 2]


def test_a_nested_branch_selects_all_its_multiplexers() -> None:
    _, nested = sent("Nested")
    nested.set({"Flat": 7})
    assert nested.values == {"Outer": 2, "Flat": 7}
    nested.set({"Deep": 9})
    assert nested.values == {"Outer": 1, "Inner": 3, "Deep": 9}
    nested.set({"Inner": 4})
    assert nested.values == {"Outer": 1, "Inner": 4, "Deep": 9}


@pytest.mark.parametrize(
    ("name", "values", "text"),
    [
        ("Cells", {"Page": 0, "CellB": 1}, "'Cells.Page' must be 1 here, not 0"),
        ("Cells", {"CellA": 1, "CellB": 1}, "cannot carry 'CellA', 'CellB' in one frame"),
        ("Nested", {"Deep": 1, "Flat": 1}, "no value of multiplexer 'Outer' selects them together"),
        ("Nested", {"Outer": 9}, "'Nested.Outer' must be 1, 2 here, not 9"),
    ],
)
def test_branches_that_exclude_each_other(name: str, values: dict[str, object], text: str) -> None:
    _, message = sent(name)
    before = message.values
    with pytest.raises(ValueRangeError, match=text):
        message.set(values)
    assert message.values == before


def test_an_unknown_multiplexer_value_can_be_forced() -> None:
    sender, cells = sent("Cells")
    cells.set({"Page": 9}, force=True)
    sender.until(1)
    assert sender.port.payloads[0][0] == 9


def test_frames_are_fd_and_extended_as_the_database_says() -> None:
    sender, torque = sent("Torque")
    torque.set({"TorqueRequest": -12.5})
    sender.until(1)
    frame = sender.port.posted[0][1]
    assert (frame.extended, frame.fd, frame.brs, len(frame.data)) == (True, True, True, 16)
    assert frame.key == torque.key == PLANS["Torque"].message.id | EXTENDED
    assert PLANS["Torque"].message.codec.decode(frame.data)["TorqueRequest"] == -12.5


@pytest.mark.parametrize(("name", "modulo"), [("Speed", 15), ("Torque", 256)])
def test_counters_go_on_by_one_and_checksums_are_right(name: str, modulo: int) -> None:
    sender, message = sent(name)
    signal = {"Speed": "VehicleSpeed", "Torque": "TorqueRequest"}[name]
    protector = PLANS[name].protector
    assert protector is not None
    for step in range(600):
        if step % 3 == 0:
            message.set({signal: step % 300})
        sender.until(10 * step)
    checks = [protector.check(data) for data in sender.port.payloads]
    assert all(check.crc_ok for check in checks)
    assert [check.counter for check in checks] == [number % modulo for number in range(len(checks))]
    assert len(checks) > modulo


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from(["wait", "set", "stop", "start", "block", "release", "now"]), max_size=60))
def test_counters_are_continuous_whatever_happens(actions: list[str]) -> None:
    sender, speed = sent("Speed")
    for number, action in enumerate(actions):
        sender.until(7 * (number + 1))
        if action == "set":
            speed.set({"VehicleSpeed": number})
        elif action == "now":
            speed.send_now()
        elif action == "stop":
            sender.transmitter.stop()
        elif action == "start":
            sender.transmitter.start()
        elif action == "block":
            sender.port.blocked = True
        elif action == "release":
            sender.port.blocked = False
            sender.port.release()
    counters = [data[1] & 15 for data in sender.port.payloads]
    assert counters == [number % 15 for number in range(len(counters))]


def test_reset_brings_back_start_values_and_counter_0() -> None:
    sender, speed = sent("Speed")
    speed.set({"VehicleSpeed": 99})
    sender.until(35)
    sender.transmitter.reset()
    sender.until(100)
    assert len(sender.port.posted) == 4
    sender.transmitter.start()
    sender.until(101)
    assert speed.values["VehicleSpeed"] == 10.0
    assert sender.port.payloads[-1][1] == 0
    assert sender.transmitter.reset_at == 35 * MS


def test_reset_of_a_sensor_keeps_what_it_measures_and_what_has_not_got_out() -> None:
    sender, speed = sent("Speed")
    sender.until(35)
    sender.port.blocked = True
    change = speed.set({"VehicleSpeed": 99})
    sender.until(45)
    sender.port.drop(1)  # the frame never gets out
    sender.transmitter.reset(keep_values=True)
    sender.port.blocked = False
    sender.transmitter.start()
    sender.until(100)
    assert speed.values["VehicleSpeed"] == 99.0
    assert change.delivered == 45 * MS
    assert [data[1] & 15 for data in sender.port.payloads] == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 5]


def test_a_change_is_delivered_with_the_first_frame_that_carries_it() -> None:
    sender, speed = sent("Speed")
    sender.until(3)
    first, second = speed.set({"VehicleSpeed": 20}), speed.set({"Reverse": 1})
    unchanged = speed.set({"Reverse": 1})
    assert first.due
    assert first.delivered is None
    sender.until(30)
    assert first.delivered == second.delivered == unchanged.delivered == 10 * MS


def test_a_frame_that_the_controller_overwrites_hands_its_stimulus_on() -> None:
    sender, speed = sent("Speed")
    sender.port.blocked = True
    change = speed.set({"VehicleSpeed": 20})
    sender.until(1)
    speed.send_now()
    sender.port.drop(1)
    sender.until(3)
    sender.port.release()
    assert change.delivered == 3 * MS


def test_a_stimulus_outlives_the_loss_of_the_frame_that_carried_it() -> None:
    sender, speed = sent("Speed")
    sender.port.blocked = True
    sender.until(1)
    change = speed.set({"VehicleSpeed": 10})  # as the waiting frame has it
    sender.transmitter.stop()
    sender.port.drop(1)
    sender.port.blocked = False
    sender.transmitter.start()
    sender.until(2)
    assert change.delivered == 1 * MS


def test_what_is_on_the_bus_already_and_not_sent_again_is_delivered_at_once() -> None:
    sender, door = sent("Door")
    sender.until(5)
    change = door.set({"DoorState": "Closed"})
    assert (change.due, change.delivered) == (False, 5 * MS)


def test_a_silent_message_delivers_when_it_speaks_again() -> None:
    sender, speed = sent("Speed")
    speed.stop()
    change = speed.set({"VehicleSpeed": 20})
    sender.until(50)
    assert (change.due, change.delivered) == (False, None)
    speed.start()
    sender.until(51)
    assert change.delivered == 50 * MS


def test_tampering_changes_or_suppresses_finished_frames() -> None:
    sender, speed = sent("Speed")
    seen: list[int | None] = []

    def tamper(data: bytes, counter: int | None) -> bytes | None:
        seen.append(counter)
        return None if counter == 1 else speed.with_crc_bit_flipped(data) if counter == 2 else data

    speed.tamper = tamper
    change = speed.set({"VehicleSpeed": 20})
    sender.until(35)
    assert seen == [0, 1, 2, 3]
    assert sender.port.times == [0, 20, 30]
    assert speed.protector is not None
    assert [speed.protector.check(data) for data in sender.port.payloads] == [(True, 0), (False, 2), (True, 3)]
    assert change.delivered == 0


def test_a_suppressed_frame_delivers_nothing() -> None:
    sender, speed = sent("Speed")
    speed.tamper = lambda data, counter: None if sender.loop.now < 25 * MS else data
    change = speed.set({"VehicleSpeed": 20})
    sender.until(35)
    assert change.delivered == 30 * MS


def test_forwarded_payloads_are_protected_anew_and_never_merged() -> None:
    sender, speed = sent("Speed")
    sender.port.blocked = True
    sender.until(1)
    speed.forward(bytes.fromhex("ffff2c0100000000"))
    speed.forward(bytes.fromhex("ffff3a0101"))
    assert speed.protector is not None
    checks = [speed.protector.check(data) for data in sender.port.payloads]
    assert checks == [(True, 0), (True, 1), (True, 2)]
    assert speed.values == {"VehicleSpeed": pytest.approx(31.4), "Reverse": 1}
    speed.set({"Reverse": 0})
    assert speed.values["VehicleSpeed"] == pytest.approx(31.4)
    speed.forward(bytes.fromhex("0000000001"))
    speed.set({"Reverse": 0})  # as it was set last, but not as it is
    assert speed.values["Reverse"] == 0


def test_an_unknown_message_is_named_with_the_nearest() -> None:
    sender, _ = sent("Speed")
    with pytest.raises(
        UnknownSignalError, match="BODY sends no message 'Sped' on channel 'test'; did you mean 'Speed'"
    ):
        sender.transmitter.message("Sped")
