"""Protection against the specification's examples, a bitwise reference of its CRCs, and what does not fit together."""

from __future__ import annotations

from importlib.metadata import EntryPoint, EntryPoints
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ConfigError
from harness.protection import PROFILES, Check, ProtectionSpec, Protector, make_protector, protection_of
from harness.signals.definitions import MessageDef, SignalDef

ID_LIST = int.from_bytes(bytes(range(1, 17)), "big")


def header_of(profile: str, offset: int) -> tuple[SignalDef, SignalDef]:
    """CRC and counter where the specification's figures put them."""

    def field(name: str, byte: int, bits: int, order: str) -> SignalDef:
        start = 8 * byte if order == "little_endian" else 8 * byte + 7
        return SignalDef(name, "Message", start=start, length=bits, byte_order=order)  # type: ignore[arg-type]

    return {
        "P01": (field("Crc", offset, 8, "little_endian"), field("Counter", offset + 1, 4, "little_endian")),
        "P02": (field("Crc", offset, 8, "little_endian"), field("Counter", offset + 1, 4, "little_endian")),
        "P04": (field("Crc", offset + 8, 32, "big_endian"), field("Counter", offset + 2, 16, "big_endian")),
        "P05": (field("Crc", offset, 16, "little_endian"), field("Counter", offset + 2, 8, "little_endian")),
        "P06": (field("Crc", offset, 16, "big_endian"), field("Counter", offset + 4, 8, "big_endian")),
        "P07": (field("Crc", offset, 64, "big_endian"), field("Counter", offset + 12, 32, "big_endian")),
        "P11": (field("Crc", offset, 8, "little_endian"), field("Counter", offset + 1, 4, "little_endian")),
    }[profile]


def protector_of(profile: str, length: int, data_id: int, mode: str | None = None, offset: int = 0) -> Protector:
    message = MessageDef("Message", 0x123, length, header_of(profile, offset))
    return make_protector(ProtectionSpec(profile, data_id, mode, "Counter", "Crc"), message)


# AUTOSAR FO R20-11, E2E Protocol Specification (document 849), "Protocol Examples" of each profile: counter 0, data 0.
EXAMPLES = [
    ("P01", "both", 0x123, 0, "cc00000000000000"),
    ("P01", "alt", 0x123, 0, "ce00000000000000"),
    ("P01", "low", 0x123, 0, "ce00000000000000"),
    ("P01", "nibble", 0x123, 0, "2a10000000000000"),
    ("P04", None, 0x0A0B0C0D, 0, "001000000a0b0c0d862b055600000000"),
    ("P05", None, 0x1234, 0, "1cca000000000000"),
    ("P06", None, 0x1234, 0, "b155000800000000"),
    ("P07", None, 0x0A0B0C0D, 0, "1fb2e737fcedbcd900000018000000000a0b0c0d00000000"),
    ("P11", "both", 0x123, 0, "cc00000000000000"),
    ("P11", "nibble", 0x123, 0, "2a10000000000000"),
]


@pytest.mark.parametrize(("profile", "mode", "data_id", "offset", "expected"), EXAMPLES)
def test_examples_of_the_specification(
    profile: str, mode: str | None, data_id: int, offset: int, expected: str
) -> None:
    protector = protector_of(profile, len(expected) // 2, data_id, mode, offset)
    data = bytearray(len(expected) // 2)
    protector.protect(data, 0)
    assert data.hex() == expected
    assert protector.check(bytes(data)) == Check(True, 0)


def crc(data: bytes, width: int, polynomial: int, start: int, end: int, reflected: bool) -> int:
    """A CRC bit by bit (AUTOSAR Specification of CRC Routines, document 016)."""
    mask, register = (1 << width) - 1, start
    for byte in data:
        byte = int(f"{byte:08b}"[::-1], 2) if reflected else byte
        register ^= byte << (width - 8)
        for _ in range(8):
            register = ((register << 1) ^ (polynomial if register >> (width - 1) else 0)) & mask
    return (int(f"{register:0{width}b}"[::-1], 2) if reflected else register) ^ end


def reference(profile: str, mode: str | None, data_id: int, offset: int, data: bytes) -> int:
    """The CRC that belongs into a payload with its counter in place, from the words of the specification."""
    if profile in ("P01", "P11"):
        counter = data[offset + 1] & 15
        low, high = data_id & 255, data_id >> 8
        ids = {"both": [low, high], "low": [low], "nibble": [low, 0], "alt": [low if counter % 2 == 0 else high]}
        covered = bytes(ids[mode or "both"]) + data[:offset] + data[offset + 1 :]
        return crc(covered, 8, 0x1D, 0, 0, False)
    if profile == "P02":
        return crc(data[1:] + data_id.to_bytes(16, "big")[data[1] & 15 :][:1], 8, 0x2F, 0xFF, 0xFF, False)
    if profile == "P04":
        covered = data[: offset + 8] + data[offset + 12 :]
        return crc(covered, 32, 0xF4ACFB13, 0xFFFF_FFFF, 0xFFFF_FFFF, True)
    if profile == "P07":
        covered = data[:offset] + data[offset + 8 :]
        return crc(covered, 64, 0x42F0E1EBA9EA3693, (1 << 64) - 1, (1 << 64) - 1, True)
    order = "little" if profile == "P05" else "big"
    covered = data[:offset] + data[offset + 2 :] + data_id.to_bytes(2, order)  # type: ignore[arg-type]
    return crc(covered, 16, 0x1021, 0xFFFF, 0, False)


@st.composite
def protected(draw: st.DrawFn) -> tuple[str, str | None, int, int, bytes, int]:
    """Profile, mode, data ID, offset of the header, payload, counter."""
    profile = draw(st.sampled_from(sorted(PROFILES)))
    mode = draw(st.sampled_from(sorted(PROFILES[profile].modes))) if PROFILES[profile].modes else None
    bits = 12 if mode == "nibble" else PROFILES[profile].data_id_bits
    data_id = draw(st.integers(0, (1 << bits) - 1))
    header = PROFILES[profile].header
    lengths = (8,) if profile in ("P01", "P02", "P11") else (8, 12, 16, 20, 24, 32, 64)
    length = draw(st.sampled_from([length for length in lengths if length > header]))
    offset = draw(st.integers(0, length - header)) if PROFILES[profile].movable else 0
    data = draw(st.binary(min_size=length, max_size=length))
    return profile, mode, data_id, offset, data, draw(st.integers(0, PROFILES[profile].modulo - 1))


@settings(max_examples=300, deadline=None)
@given(protected())
def test_every_profile_agrees_with_the_bitwise_reference_and_reads_itself_back(
    case: tuple[str, str | None, int, int, bytes, int],
) -> None:
    profile, mode, data_id, offset, payload, counter = case
    crc_signal, counter_signal = header_of(profile, offset)
    message = MessageDef("Message", 0x123, len(payload), (crc_signal, counter_signal))
    protector = make_protector(ProtectionSpec(profile, data_id, mode, "Counter", "Crc"), message)
    data = bytearray(payload)
    protector.protect(data, counter)
    raws = message.codec.decode_raw(bytes(data))
    assert raws == {"Counter": counter, "Crc": reference(profile, mode, data_id, offset, bytes(data))}
    assert protector.check(bytes(data)) == Check(True, counter)
    assert protector.check(bytes(data) + b"\xaa") == Check(True, counter)  # padding of a longer frame
    assert not protector.check(bytes(data)[:-1]).crc_ok


@settings(max_examples=150, deadline=None)
@given(protected())
def test_every_single_bit_flip_is_detected(case: tuple[str, str | None, int, int, bytes, int]) -> None:
    profile, mode, data_id, offset, payload, counter = case
    protector = protector_of(profile, len(payload), data_id, mode, offset)
    data = bytearray(payload)
    protector.protect(data, counter)
    for bit in range(8 * len(data)):
        data[bit // 8] ^= 1 << bit % 8
        assert not protector.check(bytes(data)).crc_ok
        data[bit // 8] ^= 1 << bit % 8


def test_a_buffer_that_changes_in_place_is_calculated_anew() -> None:
    protector = protector_of("P01", 8, 1)
    data: Any = bytearray(8)
    protector.protect(data, 3)
    assert protector.check(data) == Check(True, 3)
    data[5] ^= 1
    assert protector.check(data) == Check(False, 3)


def test_the_data_id_tells_messages_apart() -> None:
    data = bytearray(8)
    protector_of("P05", 8, 1).protect(data, 3)
    assert not protector_of("P05", 8, 2).check(bytes(data)).crc_ok


def test_other_bits_of_the_counters_byte_stay() -> None:
    data = bytearray(b"\x00\xf7" + bytes(6))
    protector_of("P01", 8, 1).protect(data, 14)
    assert data[1] == 0xFE


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"profile": "P99"}, "no protection profile 'P99'.*known are P01, P02.*'harness.protectors'"),
        ({"counter": "Conter"}, "no counter signal 'Conter'; did you mean 'Counter'"),
        ({"crc": "Checksum"}, "no CRC signal 'Checksum'"),
        ({"data_id": 0x1_0000}, "data ID must be 0 to 0xFFFF, not 0x10000"),
        ({"mode": "nibble", "data_id": 0x1234}, "data ID must be 0 to 0xFFF, not 0x1234"),
        ({"mode": "half"}, "mode must be one of both, alt, low, nibble, not 'half'"),
        ({"profile": "P05", "mode": "low"}, "this profile has no modes"),
        ({"profile": "P05"}, r"CRC must be 16 bits in bytes 0 to 1 \(little\), but signal 'Crc' is 8 bits in byte 0"),
        ({"counter": "Crc"}, "counter must be 4 bits in byte 1 from bit 0, but signal 'Crc' is 8 bits in byte 0"),
        ({"counter": "High"}, "counter must be 4 bits in byte 1 from bit 0, but signal 'High' is 4 bits .* from bit 4"),
        ({"crc": "Last"}, "does not fit a message of 8 bytes whose CRC signal 'Last' stands in byte 7"),
        ({"mode": "nibble"}, "signal 'Wide' shares bits with the protection header"),
        ({"profile": "P02", "crc": "Second", "counter": "Third"}, "does not fit"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(change: dict[str, str | int], text: str) -> None:
    signals = (
        SignalDef("Crc", "Message", start=0, length=8),
        SignalDef("Counter", "Message", start=8, length=4),
        SignalDef("High", "Message", start=12, length=4),
        SignalDef("Second", "Message", start=16, length=8),
        SignalDef("Third", "Message", start=24, length=4),
        SignalDef("Last", "Message", start=56, length=8),
        SignalDef("Wide", "Message", start=14, length=6, multiplexer="Crc", multiplexer_ids=(1,)),
    )
    message = MessageDef("Message", 0x123, 8, signals)
    values: dict[str, object] = {"profile": "P01", "data_id": 5, "mode": None, "counter": "Counter", "crc": "Crc"}
    spec = ProtectionSpec(**{**values, **change})  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=text):
        make_protector(spec, message)


def test_a_field_of_the_header_may_be_a_signal_of_its_own() -> None:
    crc_signal, counter = header_of("P01", 0)
    nibble = SignalDef("DataIdNibble", "Message", start=12, length=4)
    message = MessageDef("Message", 0x123, 8, (crc_signal, counter, nibble))
    make_protector(ProtectionSpec("P01", 0x123, "nibble", "Counter", "Crc"), message)
    crc_signal, counter = header_of("P06", 0)
    length = SignalDef("Length", "Message", start=23, length=16, byte_order="big_endian")
    message = MessageDef("Message", 0x123, 8, (crc_signal, counter, length))
    make_protector(ProtectionSpec("P06", 0x123, None, "Counter", "Crc"), message)


def test_the_database_declares_protection_by_attributes() -> None:
    attributes: dict[str, str | int | float] = {
        "E2EProfile": "P01",
        "E2EDataId": "0x12",
        "E2EMode": "LOW",
        "E2ECounterSignal": "Counter",
        "E2ECrcSignal": "Crc",
    }
    expected = ProtectionSpec("P01", 0x12, "LOW", "Counter", "Crc")
    assert protection_of(MessageDef("Message", 0x123, 8, attributes=attributes)) == expected
    assert protection_of(MessageDef("Message", 0x123, 8, attributes={**attributes, "E2EProfile": ""})) is None
    assert protection_of(MessageDef("Message", 0x123, 8)) is None
    with pytest.raises(ConfigError, match="E2EDataId must be a whole number, not 'x'"):
        protection_of(MessageDef("Message", 0x123, 8, attributes={**attributes, "E2EDataId": "x"}))


class Xor:
    """A maker's own checksum: counter in byte 0, XOR of all other bytes in byte 1."""

    counter_modulo = 256

    def __init__(self, spec: ProtectionSpec, message: MessageDef) -> None:
        self.length = message.length

    def protect(self, data: bytearray, counter: int) -> None:
        data[0], data[1] = counter, 0
        for byte in bytes(data):
            data[1] ^= byte

    def check(self, data: bytes) -> Check:
        total = 0
        for byte in data[: self.length]:
            total ^= byte
        return Check(total == 0, data[0])


def test_makers_own_checksums_come_from_the_entry_point_group(monkeypatch: pytest.MonkeyPatch) -> None:
    entry = EntryPoint("acme-xor", f"{__name__}:Xor", "harness.protectors")

    def installed(*, group: str) -> EntryPoints:
        assert group == "harness.protectors"
        return EntryPoints([entry])

    monkeypatch.setattr("importlib.metadata.entry_points", installed)
    monkeypatch.setattr(EntryPoint, "load", lambda self: Xor)
    message = MessageDef("Message", 0x123, 8, header_of("P05", 0))
    protector = make_protector(ProtectionSpec("acme-xor", 0, None, "Counter", "Crc"), message)
    data = bytearray(b"\x00\x00\x11\x22")
    protector.protect(data, 7)
    assert protector.check(bytes(data)) == Check(True, 7)
    with pytest.raises(ConfigError, match="no protection profile 'acme-xr'; did you mean 'acme-xor'"):
        make_protector(ProtectionSpec("acme-xr", 0, None, "Counter", "Crc"), message)


def test_protectors_have_no_state_and_can_be_shared() -> None:
    protector = protector_of("P01", 8, 0x123)
    first, second = bytearray(8), bytearray(8)
    protector.protect(first, 3)
    protector.protect(second, 9)
    again = bytearray(8)
    protector.protect(again, 3)
    assert again == first
    assert protector.check(bytes(second)) == Check(True, 9)
