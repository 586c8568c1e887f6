"""Frame lengths against the independent bit-by-bit reference, and against lengths that others published."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import reference_bits
from hypothesis import given
from hypothesis import strategies as st

from harness.bus.length import BitTimes, Lengths, arbitration_order, frame_bits
from harness.bus.wire import wire
from harness.errors import BusError
from harness.frames import FD_LENGTHS, Frame

VECTORS = json.loads((Path(__file__).parent / "vectors.json").read_text())
RICH_IN_STUFF_BITS = st.sampled_from([0x00, 0xFF, 0x0F, 0xF0, 0x1F, 0xF8, 0x07, 0xE0, 0x3C, 0xC3, 0x78, 0x87])


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    """Any frame that a bus carries."""
    fd, extended = draw(st.booleans()), draw(st.booleans())
    remote = not fd and draw(st.booleans())
    size = 0 if remote else draw(st.sampled_from(FD_LENGTHS if fd else range(9)))
    return Frame(
        draw(st.integers(0, (1 << (29 if extended else 11)) - 1)),
        bytes(draw(st.lists(st.integers(0, 255) | RICH_IN_STUFF_BITS, min_size=size, max_size=size))),
        extended,
        fd,
        fd and draw(st.booleans()),
        fd and draw(st.booleans()),
        remote,
        draw(st.integers(0, 8)) if remote else 0,
    )


def reference(frame: Frame) -> list[reference_bits.Bit]:
    return reference_bits.frame_bits(
        frame.id,
        frame.data,
        extended=frame.extended,
        fd=frame.fd,
        brs=frame.brs,
        esi=frame.esi,
        remote=frame.remote,
        dlc=frame.length if frame.remote else None,
    )


@given(frames())
def test_length_equals_the_reference(frame: Frame) -> None:
    bits = reference(frame)
    assert frame_bits(frame) == (sum(not bit.data_phase for bit in bits), sum(bit.data_phase for bit in bits))


@given(frames())
def test_measured_twice_it_is_as_long_as_the_reference(frame: Frame) -> None:
    times = BitTimes(250_000, 1_000_000)
    bits = reference(frame)
    expected = sum(1_000 if bit.data_phase else 4_000 for bit in bits)
    lengths = Lengths(times)
    assert lengths[frame] == lengths[frame] == (arbitration_order(frame), expected)


@given(st.integers(0, 0x7FF), st.binary(min_size=8, max_size=8))
def test_more_payloads_than_are_remembered_keep_their_own_lengths(identifier: int, last: bytes) -> None:
    lengths = Lengths(BitTimes(500_000, None))
    for number in range(100):
        assert lengths[Frame(identifier, bytes([number] * 8))]
    assert lengths[Frame(identifier, last)][1] == 2_000 * sum(frame_bits(Frame(identifier, last)))


@given(st.lists(frames(), min_size=2, max_size=5))
def test_frames_do_not_mix_up_their_lengths(several: list[Frame]) -> None:
    lengths = Lengths(BitTimes(250_000, 1_000_000))
    same_identifier = [frame._replace(id=several[0].id, extended=several[0].extended) for frame in several]
    for frame in (*several, *same_identifier):
        bits = frame_bits(frame)
        assert lengths[frame] == (arbitration_order(frame), 4_000 * bits.nominal + 1_000 * bits.data)


@given(frames())
def test_every_bit_on_the_wire_equals_the_reference(frame: Frame) -> None:
    bits = reference(frame)
    drawn = wire(frame)
    assert drawn.levels == reference_bits.levels(bits)
    phases = [drawn.place(index + 1)[1] - drawn.place(index)[1] for index in range(len(bits))]
    assert phases == [bit.data_phase for bit in bits]
    assert drawn.violation(drawn.levels.__getitem__, 1) is None, "a good frame violates nothing"


def test_vectors() -> None:
    checked = 0
    for vector in VECTORS:
        if not vector["fd"] and vector["dlc"] > 8:
            continue  # A DLC of 9 to 15 in a classic frame: Frame has no such thing.
        length = vector["dlc"] if vector["remote"] else 0
        frame = Frame(
            vector["id"],
            bytes.fromhex(vector["data"]),
            length=length,
            **{name: vector[name] for name in ("extended", "fd", "brs", "esi", "remote")},
        )
        assert frame_bits(frame) == (vector["nominal_bits"], vector["data_bits"]), frame
        checked += 1
    assert checked > 250


@pytest.mark.parametrize("size", range(9))
def test_published_worst_cases_are_never_exceeded_and_no_bits_are_missing(size: int) -> None:
    """Davis, Burns, Bril, Lukkien (2007), equations 3 and 4: 55 + 10 s and 80 + 10 s bits, intermission included."""
    for extended, worst in ((False, 55 + 10 * size), (True, 80 + 10 * size)):
        for pattern in (0x00, 0xFF, 0x78, 0x87, 0x3C, 0xC3, 0x1E, 0xE1, 0x55):
            nominal, data = frame_bits(Frame(0, bytes([pattern] * size), extended=extended))
            unstuffed = (64 if extended else 44) + 8 * size
            assert data == 0
            assert unstuffed <= nominal <= worst - 3


@pytest.mark.parametrize(
    ("bitrate", "expected"),
    [(500_000, 94_000), (1_000_000, 47_000), (83_333, 564_002), (33_333, 1_410_014), (70_001, 671_419)],
)
def test_time_is_rounded_once_to_the_nearest_nanosecond(bitrate: int, expected: int) -> None:
    assert frame_bits(Frame(415)) == (47, 0)
    times = BitTimes(bitrate, None)
    assert times.duration(Frame(415)) == expected == round(47 * 1e9 / bitrate)
    assert Lengths(times)[Frame(415)][1] == expected


def test_a_frame_that_no_bus_carries_has_no_length() -> None:
    with pytest.raises(BusError):
        frame_bits(Frame(0x123, bytes(9)))
