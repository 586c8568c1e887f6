"""What frames contain: lengths, ranges, reserved entries, identifiers."""

from __future__ import annotations

import pytest
from drive import drive, frame, rule
from hypothesis import given
from hypothesis import strategies as st

from harness.frames import EXTENDED, Frame, Received
from harness.monitors.contents import Contents, KnownFrames, demand_of
from harness.signals.definitions import SignalDef

LEVEL = SignalDef("Level", "Lamps", 0, 8, scale=0.5, minimum=0, maximum=100, unit="%")
GEAR = SignalDef("Gear", "Lamps", 0, 3, choices={1: "P", 2: "R", 3: "N", 4: "D"}, minimum=1, maximum=4)


def kinds(signal: SignalDef, *payloads: int) -> list[str]:
    check = Contents(rule("Lamps", 0x140, None, signal))
    found, _ = drive(check, [frame(time, data=bytes([each])) for time, each in enumerate(payloads)], 100)
    return [f"{each.kind} {each.actual}" for each in found]


def test_range() -> None:
    assert kinds(LEVEL, 0, 200, 201, 255) == ["range 100.5 %", "range 127.5 %"]
    check = Contents(rule("Lamps", 0x140, None, LEVEL))
    ((violation,), (outcome,)) = drive(check, [frame(1, data=b"\xff")], 5)
    assert violation.check == "range of Lamps.Level"
    assert (violation.expected, violation.margin, violation.unit) == ("0 to 100 %", -27.5, "%")
    assert violation.signals == ("can.Lamps.Level",)
    assert outcome.count == 1


def test_value_tables() -> None:
    assert kinds(GEAR, 1, 4, 0, 5) == ["reserved 0, which has no entry", "reserved 5, which has no entry"]
    named = SignalDef("Gear", "Lamps", 0, 2, choices={0: "P", 1: "D", 2: "Reserved", 3: "Reserved_2"})
    assert kinds(named, 0, 1, 2, 3) == ["reserved 2 = Reserved", "reserved 3 = Reserved_2"]


def test_a_number_with_some_words_is_a_number() -> None:
    speed = SignalDef(
        "Speed", "Lamps", 0, 8, maximum=250, minimum=0, unit="km/h", choices={255: "Invalid", 254: "Init"}
    )
    assert kinds(speed, 250, 254, 253, 255) == ["range 253 km/h", "reserved 255 = Invalid"]


def test_nothing_is_demanded_where_nothing_can_be_wrong() -> None:
    assert demand_of(SignalDef("Level", "Lamps", 0, 8, minimum=0, maximum=255)) is None
    assert demand_of(SignalDef("Lamp", "Lamps", 0, 1, choices={0: "Off", 1: "On"})) is None
    # A database whose range has nothing in common with the bits says nothing.
    assert demand_of(SignalDef("Level", "Lamps", 0, 4, minimum=100, maximum=200)) is None


def test_nan_is_out_of_every_range() -> None:
    demand = demand_of(SignalDef("Level", "Lamps", 0, 32, is_float=True, minimum=0, maximum=1))
    assert demand is not None
    fault = demand.fault(float("nan"))
    assert fault is not None
    assert fault.kind == "range"


@pytest.mark.parametrize(
    ("length", "fd", "given", "wrong"),
    [(2, False, 1, True), (2, False, 3, True), (2, False, 2, False), (9, True, 12, False), (9, True, 16, True)],
)
def test_length(length: int, fd: bool, given: int, wrong: bool) -> None:
    check = Contents(rule("Lamps", 0x140, None, length=length, fd=fd))
    found, _ = drive(check, [frame(1, data=bytes(given))], 5)
    assert [each.kind for each in found] == ["undecodable"] * wrong
    if wrong:
        assert found[0].actual == f"{given} bytes"


def test_a_remote_frame_says_nothing() -> None:
    check = Contents(rule("Lamps", 0x140, None, LEVEL))
    assert drive(check, [Received(5, "can", Frame(0x140, remote=True, length=8))], 5)[0] == []


def test_unknown_multiplexer() -> None:
    page = SignalDef("Page", "Lamps", 0, 4, is_multiplexer=True)
    inner = SignalDef("Inner", "Lamps", 4, 4, multiplexer="Page", multiplexer_ids=(0, 1), maximum=7, minimum=0)
    check = Contents(rule("Lamps", 0x140, None, page, inner))
    found, _ = drive(check, [frame(1, data=b"\x70"), frame(2, data=b"\x81"), frame(3, data=b"\x05")], 5)
    assert [each.kind for each in found] == ["range", "undecodable"]


def test_unknown_identifiers() -> None:
    check = KnownFrames("can", {0x140, EXTENDED | 0x141})
    seen = [frame(1), frame(2, 0x141), Received(3, "can", Frame(0x141, extended=True)), frame(4, 7, channel="other")]
    found, (outcome,) = drive(check, seen, 5)
    assert [each.actual for each in found] == ["0x141 [1] 00"]
    assert outcome.statistics == (("0x141", "1 frames"),)


@given(
    st.integers(1, 12), st.booleans(), st.sampled_from([1, 0.5, -2, 0.1]), st.integers(-50, 50),
    st.integers(-300, 300), st.integers(0, 400), st.integers(0, 4095),
)  # fmt: skip
def test_ranges_against_the_definition(
    length: int, signed: bool, scale: float, offset: int, low: int, span: int, bits: int
) -> None:
    """A raw value is right exactly where its physical value lies in the range, or within half a step of it."""
    signal = SignalDef("S", "M", 0, length, signed=signed, scale=scale, offset=offset, minimum=low, maximum=low + span)
    raw = bits % (1 << length)
    if signed and raw >> length - 1:
        raw -= 1 << length
    minimum, maximum = signal.physical_range
    half = abs(scale) / 2 * (1 + 1e-9)
    right = minimum - half <= signal.to_physical(raw) <= maximum + half
    demand = demand_of(signal)
    assert (demand is None or demand.fault(raw) is None) == right
