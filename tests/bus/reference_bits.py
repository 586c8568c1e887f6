"""CAN frames bit by bit, as they stand on the wire: the slow reference the fast frame-length code is held against.

Written from the text of ISO 11898-1:2015 and of the Bosch CAN 2.0 (1991) and CAN FD 1.0 (2012)
specifications, for one purpose: to be read next to the standard. Every bit is a value, nothing is counted by formula.
A level of 0 is dominant, 1 is recessive. Sequences run from SOF to the last bit of EOF, acknowledged by a receiver (ACK
slot dominant); the three bits of intermission that follow every frame are not part of it.

What follows which rule:

===================  ==========================================  ================================================
part of the frame    Classical (CBFF, CEFF)                      FD (FBFF, FEFF), ISO variant with stuff count
===================  ==========================================  ================================================
dynamic stuff bits   SOF to the last CRC bit, also after it      SOF to the last data bit, but not after it
stuff count          none                                        number of dynamic stuff bits mod 8, Gray coded,
                                                                 and an even parity bit
CRC sequence         CRC-15 over SOF to data, without stuff      CRC-17 (up to 16 bytes) or CRC-21 over SOF to
                     bits                                        stuff count, with the dynamic stuff bits
fixed stuff bits     none                                        before the stuff count and after every fourth
                                                                 bit of stuff count and CRC sequence
===================  ==========================================  ================================================

A run of five equal bits at the end of the FD data field gets one stuff bit, the first fixed one, which the stuff count
does not count.

Bit rates: a frame with BRS changes to the data bit rate at the sample point of the BRS bit and back at the sample point
of the CRC delimiter. This project counts whole bits: the BRS bit is nominal, ESI up to and including the CRC delimiter
are data phase. The sum is exact for any sample points, because what the BRS bit loses at its end the CRC delimiter
gives back: with bit times N and D and sample points n and d the two last (n·N + (1-d)·D) + (d·D + (1-n)·N) = N + D.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

FD_LENGTHS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64)
"""Bytes in the data field of an FD frame, by DLC (ISO 11898-1:2015, coding of the data length code)."""

CRC_15 = 0x4599
"""x¹⁵+x¹⁴+x¹⁰+x⁸+x⁷+x⁴+x³+1 without its leading term (Bosch CAN 2.0, 3.1.1)."""
CRC_17 = 0x1685B
"""x¹⁷+x¹⁶+x¹⁴+x¹³+x¹¹+x⁶+x⁴+x³+x+1 without its leading term (Bosch CAN FD 1.0, 3.2.1)."""
CRC_21 = 0x102899
"""x²¹+x²⁰+x¹³+x¹¹+x⁷+x⁴+x³+1 without its leading term (Bosch CAN FD 1.0, 3.2.1)."""

GRAY = ((0, 0, 0), (0, 0, 1), (0, 1, 1), (0, 1, 0), (1, 1, 0), (1, 1, 1), (1, 0, 1), (1, 0, 0))
"""The stuff count modulo 8, Gray coded (ISO 11898-1:2015, CRC field)."""

DOMINANT, RECESSIVE = 0, 1


class Bit(NamedTuple):
    """One bit time on the wire."""

    level: int
    """0 dominant, 1 recessive."""
    field: str
    """Name of the field in ISO 11898-1; a stuff bit carries the name of the field of the bit before it, the fixed stuff
    bit before the stuff count that of the stuff count."""
    stuff: str = ""
    """Empty for a bit of the frame, "dynamic" or "fixed" for a stuff bit."""
    data_phase: bool = False
    """True at the data bit rate, False at the nominal bit rate."""


def frame_bits(
    id: int,
    data: bytes = b"",
    *,
    extended: bool = False,
    fd: bool = False,
    brs: bool = False,
    esi: bool = False,
    remote: bool = False,
    dlc: int | None = None,
) -> list[Bit]:
    """The bits of one frame from SOF to the end of EOF.

    ``id`` has 11 bits, with ``extended`` 29. ``dlc`` None takes the DLC of the length of ``data``; a remote frame may
    name any DLC and has no data, a Classical frame with a DLC of 9 to 15 carries 8 bytes. ValueError for a frame that
    cannot exist.

    >>> bits = frame_bits(0x555, bytes([0x55]))
    >>> "".join(str(bit.level) for bit in bits if bit.field in ("SOF", "base ID", "DLC") and not bit.stuff)
    '0101010101010001'
    >>> len(bits)
    54
    """
    dlc = _checked_dlc(id, data, extended, fd, brs, esi, remote, dlc)
    head = _head(id, data, extended, fd, brs, esi, remote, dlc)
    return _fd_bits(head, len(data), brs) if fd else _classical_bits(head)


def length_bits(
    id: int,
    data: bytes = b"",
    *,
    extended: bool = False,
    fd: bool = False,
    brs: bool = False,
    esi: bool = False,
    remote: bool = False,
    dlc: int | None = None,
) -> tuple[int, int]:
    """Bits at the nominal and at the data bit rate, SOF to EOF, without the 3 bits of intermission.

    >>> length_bits(0x555, bytes([0x55]))
    (54, 0)
    >>> length_bits(0x555, bytes([0x55]), fd=True, brs=True)
    (26, 41)
    """
    bits = frame_bits(id, data, extended=extended, fd=fd, brs=brs, esi=esi, remote=remote, dlc=dlc)
    in_data_phase = sum(bit.data_phase for bit in bits)
    return len(bits) - in_data_phase, in_data_phase


def levels(bits: Iterable[Bit]) -> str:
    """The levels as a string of 0 and 1, the form in which bit sequences are published."""
    return "".join(str(bit.level) for bit in bits)


def crc(sequence: Iterable[int], width: int, polynomial: int, initial: int = 0) -> int:
    """The shift register of Bosch CAN 2.0, 3.1.1 after ``sequence``; ``polynomial`` without its leading term.

    >>> ascii_digits = [byte >> (7 - bit) & 1 for byte in b"123456789" for bit in range(8)]
    >>> hex(crc(ascii_digits, 15, CRC_15))
    '0x59e'
    """
    register = initial
    for level in sequence:
        crc_next = level ^ register >> (width - 1)
        register = register << 1 & (1 << width) - 1
        if crc_next:
            register ^= polynomial
    return register


def _checked_dlc(
    id: int, data: bytes, extended: bool, fd: bool, brs: bool, esi: bool, remote: bool, dlc: int | None
) -> int:
    """The DLC on the wire; ValueError when the arguments describe no frame."""
    id_bits = 29 if extended else 11
    if not 0 <= id < 1 << id_bits:
        raise ValueError(f"expected an identifier of {id_bits} bits, got {id:#x}")
    if fd and remote:
        raise ValueError("there is no FD remote frame")
    if not fd and (brs or esi):
        raise ValueError("BRS and ESI exist in FD frames only")
    if dlc is None:
        if fd and len(data) not in FD_LENGTHS:
            raise ValueError(f"expected a data field of {FD_LENGTHS} bytes, got {len(data)}")
        dlc = FD_LENGTHS.index(len(data)) if fd else len(data)
    if not 0 <= dlc <= 15:
        raise ValueError(f"expected a DLC of 0 to 15, got {dlc}")
    expected = 0 if remote else FD_LENGTHS[dlc] if fd else min(dlc, 8)
    if len(data) != expected:
        raise ValueError(f"expected {expected} data bytes for DLC {dlc}, got {len(data)}")
    return dlc


def _head(
    id: int, data: bytes, extended: bool, fd: bool, brs: bool, esi: bool, remote: bool, dlc: int
) -> list[Bit]:
    """SOF, arbitration field, control field and data field, without stuff bits."""
    request = ("RRS", DOMINANT) if fd else ("RTR", int(remote))
    head = [Bit(DOMINANT, "SOF")]
    if extended:
        head += _number("base ID", id >> 18, 11)
        head += [Bit(RECESSIVE, "SRR"), Bit(RECESSIVE, "IDE")]
        head += _number("ID extension", id & 0x3FFFF, 18)
        head += [Bit(request[1], request[0])]
    else:
        head += _number("base ID", id, 11)
        head += [Bit(request[1], request[0]), Bit(DOMINANT, "IDE")]
    head += [Bit(int(fd), "FDF")]
    if fd:
        head += [Bit(DOMINANT, "res"), Bit(int(brs), "BRS")]
        head += [Bit(int(esi), "ESI", data_phase=brs)]
    elif extended:
        head += [Bit(DOMINANT, "r0")]
    head += _number("DLC", dlc, 4, brs)
    for byte in data:
        head += _number("data", byte, 8, brs)
    return head


def _number(field: str, value: int, width: int, data_phase: bool = False) -> list[Bit]:
    """A number, most significant bit first."""
    return [Bit(value >> place & 1, field, data_phase=data_phase) for place in reversed(range(width))]


def _classical_bits(head: list[Bit]) -> list[Bit]:
    register = crc((bit.level for bit in head), 15, CRC_15)
    stuffed = _stuffed_dynamically([*head, *_number("CRC", register, 15)], after_last=True)
    return [*stuffed, Bit(RECESSIVE, "CRC delimiter"), *_tail()]


def _fd_bits(head: list[Bit], data_length: int, brs: bool) -> list[Bit]:
    stuffed = _stuffed_dynamically(head, after_last=False)
    gray = GRAY[sum(bit.stuff == "dynamic" for bit in stuffed) % 8]
    stuff_count = [Bit(level, "stuff count", data_phase=brs) for level in (*gray, sum(gray) % 2)]
    width, polynomial = (17, CRC_17) if data_length <= 16 else (21, CRC_21)
    covered = [bit.level for bit in (*stuffed, *stuff_count)]
    register = crc(covered, width, polynomial, initial=1 << (width - 1))
    crc_field = _stuffed_at_fixed_places([*stuff_count, *_number("CRC", register, width, brs)], stuffed[-1].level)
    return [*stuffed, *crc_field, Bit(RECESSIVE, "CRC delimiter", data_phase=brs), *_tail()]


def _tail() -> list[Bit]:
    """ACK field and EOF; the transmitter of an FD frame sends an ACK slot of one bit and accepts one of two."""
    return [Bit(DOMINANT, "ACK slot"), Bit(RECESSIVE, "ACK delimiter"), *[Bit(RECESSIVE, "EOF")] * 7]


def _stuffed_dynamically(bits: Sequence[Bit], *, after_last: bool) -> list[Bit]:
    """A complementary bit after every five equal bits, where a stuff bit begins the next count.

    No stuff bit can follow a recessive BRS bit, which has a dominant bit before it, so that every stuff bit has the
    bit rate of the bit before it.
    """
    stuffed: list[Bit] = []
    run = 0
    for place, bit in enumerate(bits):
        run = run + 1 if stuffed and stuffed[-1].level == bit.level else 1
        stuffed.append(bit)
        if run == 5 and (after_last or place < len(bits) - 1):
            stuffed.append(Bit(1 - bit.level, bit.field, "dynamic", bit.data_phase))
            run = 1
    return stuffed


def _stuffed_at_fixed_places(bits: Sequence[Bit], level_before: int) -> list[Bit]:
    """A complement of the bit before it ahead of the first bit and after every fourth (FD frames)."""
    stuffed: list[Bit] = []
    for place, bit in enumerate(bits):
        if place % 4 == 0:
            stuffed.append(Bit(1 - level_before, bit.field if place == 0 else bits[place - 1].field, "fixed",
                               bit.data_phase))
        stuffed.append(bit)
        level_before = bit.level
    return stuffed
