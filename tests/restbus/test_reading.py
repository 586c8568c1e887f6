"""Readings: one look at a payload for everybody."""

from __future__ import annotations

import pytest

from harness.errors import UnknownSignalError
from tests.restbus.scripted_port import PLANS


def protected(name: str, counter: int, payload: str) -> bytes:
    data = bytearray.fromhex(payload)
    protector = PLANS[name].protector
    assert protector is not None
    protector.protect(data, counter)
    return bytes(data)


def test_a_right_payload() -> None:
    reading = PLANS["Speed"].readings[protected("Speed", 7, "0000640000000000")]
    assert (reading.problem, reading.crc_ok, reading.counter, reading["VehicleSpeed"]) == (None, True, 7, 10.0)
    with pytest.raises(UnknownSignalError, match="VehicleSpeed"):
        reading["VehicleSped"]


def test_a_wrong_checksum_does_not_hide_counter_or_values() -> None:
    data = protected("Speed", 7, "0000640000000000")
    reading = PLANS["Speed"].readings[bytes((data[0] ^ 1, *data[1:]))]
    assert (reading.problem, reading.crc_ok, reading.counter, reading["VehicleSpeed"]) == (None, False, 7, 10.0)


def test_a_short_payload_has_neither_checksum_nor_counter() -> None:
    reading = PLANS["Speed"].readings[protected("Speed", 7, "0000640000000000")[:-1]]
    assert reading.problem == "message 'Speed' has 8 bytes, the frame has 7"
    assert (reading.crc_ok, reading.counter) == (False, None)


def test_without_protection_every_checksum_is_right_and_there_is_no_counter() -> None:
    plan = next(plan for plan in PLANS.values() if plan.protector is None and plan.message.length)
    for length in (plan.message.length, plan.message.length - 1):
        reading = plan.readings[bytes(length)]
        assert (reading.crc_ok, reading.counter) == (True, None)


def test_readings_are_remembered_but_not_without_end() -> None:
    readings = PLANS["Speed"].readings
    assert readings[bytes(8)] is readings[bytes(8)]
    for number in range(2000):
        assert readings[number.to_bytes(8, "big")] is not None
    assert 0 < len(readings) < 1000
