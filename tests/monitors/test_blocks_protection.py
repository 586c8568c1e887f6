"""Checksums by column equal the protectors', for every profile and whatever is wrong with a payload."""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.monitors.blocks_protection import ProtectionColumns
from harness.protection import Check, ProtectionSpec, Protector, make_protector
from harness.signals.definitions import MessageDef, SignalDef

BIG = "big_endian"
SPECS = {
    "P01 both": ("P01", 0x1234, None, 8, (0, 8), (8, 4)),
    "P01 alt": ("P01", 0x1234, "alt", 8, (0, 8), (8, 4)),
    "P01 low": ("P01", 0x1234, "low", 8, (0, 8), (8, 4)),
    "P01 nibble": ("P01", 0x234, "nibble", 8, (0, 8), (8, 4)),
    "P01 moved": ("P01", 0x1234, None, 8, (16, 8), (24, 4)),
    "P02": ("P02", int.from_bytes(bytes(range(3, 19)), "big"), None, 8, (0, 8), (8, 4)),
    "P04": ("P04", 0x12345678, None, 16, (71, 32, BIG), (23, 16, BIG)),
    "P05": ("P05", 0x80C8, None, 8, (0, 16), (16, 8)),
    "P06": ("P06", 0x80C8, None, 8, (7, 16, BIG), (32, 8)),
    "P07": ("P07", 0x12345678, None, 24, (7, 64, BIG), (103, 32, BIG)),
    "P11 both": ("P11", 0x1234, "both", 8, (0, 8), (8, 4)),
    "P11 nibble": ("P11", 0x234, "nibble", 8, (0, 8), (8, 4)),
    "P05 long": ("P05", 0x1, None, 64, (0, 16), (16, 8)),
    "P01 short": ("P01", 0x1, None, 3, (0, 8), (8, 4)),
}  # fmt: skip


class Case(NamedTuple):
    message: MessageDef
    protector: Protector
    columns: ProtectionColumns


def case(name: str) -> Case:
    profile, data_id, mode, length, crc, counter = SPECS[name]
    signals = [
        SignalDef(
            signal, "M", start=place[0], length=place[1], byte_order=place[2] if len(place) > 2 else "little_endian"
        )
        for signal, place in (("Crc", crc), ("Counter", counter))
    ]
    message = MessageDef("M", 0x123, length, tuple(signals), fd=length > 8)
    spec = ProtectionSpec(profile, data_id, mode, "Counter", "Crc")
    protector = make_protector(spec, message)
    return Case(message, protector, ProtectionColumns(message, spec, protector))


CASES = {name: case(name) for name in SPECS}


def block(payloads: list[bytes]) -> tuple[np.ndarray, np.ndarray]:
    data = np.zeros((len(payloads), 64), np.uint8)
    for row, payload in zip(data, payloads, strict=True):
        row[: len(payload)] = list(payload)
    return data, np.array([len(payload) for payload in payloads], np.uint8)


def agree(case: Case, payloads: list[bytes]) -> list[bool]:
    valid, counter = case.columns.check(*block(payloads))
    expected = [case.protector.check(payload) for payload in payloads]
    assert list(zip(valid.tolist(), counter.tolist(), strict=True)) == expected
    return [each.crc_ok for each in expected]


@pytest.mark.parametrize("name", SPECS)
def test_every_profile_is_judged_by_column(name: str) -> None:
    assert CASES[name].columns.vectorised


@pytest.mark.parametrize("name", SPECS)
def test_right_and_wrong_checksums_as_the_protector_says(name: str) -> None:
    case, rng = CASES[name], random.Random(name)
    payloads = []
    for _ in range(200):
        data = bytearray(rng.randbytes(case.message.length))
        case.protector.protect(data, rng.randrange(case.protector.counter_modulo))
        payloads.append(bytes(data))
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        payloads.append(bytes(data))
        payloads.append(rng.randbytes(case.message.length))
    found = agree(case, payloads)
    assert all(found[::3]) and not all(found[1::3])


@pytest.mark.parametrize("name", SPECS)
def test_short_and_long_payloads(name: str) -> None:
    case = CASES[name]
    data = bytearray(case.message.length)
    case.protector.protect(data, 1)
    agree(case, [bytes(data), bytes(data)[:-1], b"", (bytes(data) + b"\x01\x02")[:64]])


@given(st.sampled_from(sorted(SPECS)), st.lists(st.binary(max_size=64), max_size=5))
def test_anything_is_judged_as_by_the_protector(name: str, payloads: list[bytes]) -> None:
    agree(CASES[name], payloads)


class Summed:
    """A maker's own checksum, which is not linear."""

    counter_modulo = 16

    def protect(self, data: bytearray, counter: int) -> None:
        data[1] = data[1] & 0xF0 | counter
        data[0] = sum(data[1:]) * 7 % 256

    def check(self, data: bytes) -> Check:
        return Check(len(data) >= 4 and data[0] == sum(data[1:4]) * 7 % 256, data[1] & 15 if len(data) > 1 else 0)


def test_a_checksum_that_is_not_linear_is_asked_payload_by_payload() -> None:
    crc, counter = SignalDef("Crc", "M", start=0, length=8), SignalDef("Counter", "M", start=8, length=4)
    message = MessageDef("M", 0x123, 4, (crc, counter))
    spec = ProtectionSpec("summed", 0, None, "Counter", "Crc")
    columns = ProtectionColumns(message, spec, Summed())
    assert not columns.vectorised
    rng = random.Random(1)
    payloads = []
    for counter_value in range(16):
        data = bytearray(rng.randbytes(4))
        Summed().protect(data, counter_value)
        payloads += [bytes(data), rng.randbytes(4), b"\x01"]
    agree(Case(message, Summed(), columns), payloads)
