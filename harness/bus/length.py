"""How long a frame occupies the bus: the exact number of bits, stuff bits included, and the time they take.

ISO 11898-1:2015, 10.4 (frame formats) and 10.5 (bit stuffing). Lengths run from SOF to the last bit of EOF; the three
bits of intermission that follow every frame are :data:`INTERMISSION`.

Bit stuffing is an automaton: its state is the level of the last bit on the wire and how many equal bits ended there
(1 to 4; at 5 the complementary stuff bit is sent, and the run is that bit alone). There are eight states and one table
for each, in which a whole byte is looked up: how many stuff bits it costs, and the table to go on with. The CRC decides
about stuff bits of classic frames, so it is computed too: as it is linear, each byte contributes by its position.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import gcd, lcm
from typing import Any, NamedTuple

from harness.errors import BusError
from harness.frames import FD_LENGTHS, Frame, check_frame

INTERMISSION = 3
"""Recessive bits between two frames, before the next one may start."""

_SECOND = 1_000_000_000  # ns
_TAIL = 1 + 1 + 7  # ACK slot, ACK delimiter, EOF: always at the nominal bit rate
_CRC_15 = 0x4599
_REMEMBERED_HEADERS = 4096
_REMEMBERED_FRAMES = 16384

# A table maps a group of bits to (stuff bits, next table); the type is recursive, hence Any.
# Entry 0 + byte: eight bits; 256 + bits: seven bits; 384 + byte: eight bits, but no stuff bit after the last one.
Table = list[tuple[int, Any]]
SEVEN, LAST = 256, 384


class Bits(NamedTuple):
    """The length of a frame: bits at the nominal bit rate, and bits at the data bit rate (0 without BRS)."""

    nominal: int
    data: int


@dataclass(frozen=True, slots=True)
class Header:
    """What all frames of one identifier, format and payload length have in common.

    order: position in arbitration, see :func:`arbitration_order`. nominal, data: bits whatever the payload is.
    table: stuffing state where the payload begins. crc: the header's share in the CRC of a classic frame, else -1.
    brs: whether the payload travels at the data bit rate.
    """

    order: int
    nominal: int
    data: int
    table: Table
    crc: int
    brs: bool


def arbitration_order(frame: Frame) -> int:
    """The arbitration field as a number: the lower one wins the bus, because 0 is dominant (ISO 11898-1, 10.4.2.2).

    11 bits of identifier, then RTR and IDE of a standard frame, or SRR, IDE, 18 bits, RTR of an extended one. So a
    standard frame beats the extended frames of the same first 11 bits, and data beats its remote frame.

    >>> arbitration_order(Frame(0x123)) < arbitration_order(Frame(0x123 << 18, extended=True))
    True
    """
    if frame.extended:
        return frame.id >> 18 << 21 | 0b11 << 19 | (frame.id & 0x3FFFF) << 1 | frame.remote
    return frame.id << 21 | frame.remote << 20


def header_bits(frame: Frame) -> str:
    """SOF to DLC before stuffing, as a text of ``0`` (dominant) and ``1`` (recessive)."""
    arbitration = f"{arbitration_order(frame):032b}" if frame.extended else f"{arbitration_order(frame) >> 19:013b}"
    if frame.fd:
        control = f"10{frame.brs:d}{frame.esi:d}"  # FDF, res, BRS, ESI
    else:
        control = "00" if frame.extended else "0"  # FDF and r0, or FDF alone: IDE is in the arbitration part
    dlc = frame.length if frame.remote else FD_LENGTHS.index(len(frame.data))
    return f"0{arbitration}{control}{dlc:04b}"


def frame_bits(frame: Frame) -> Bits:
    """The exact length of a frame from SOF to the end of EOF, stuff bits included.

    With BRS, the bits up to and including BRS and those after the CRC delimiter count as nominal, the rest as data:
    what the switch at the sample point takes from the BRS bit it gives back at the CRC delimiter.
    Raises :class:`~harness.errors.BusError` for a frame that no bus would carry.

    >>> frame_bits(Frame(0x555, b"\\x55" * 8))
    Bits(nominal=109, data=0)
    >>> frame_bits(Frame(0x555, bytes(64), fd=True, brs=True)).data
    652
    """
    check_frame(frame, fd=True)
    header = make_header(frame)
    stuffed = payload_stuffing(header, frame.data)
    return Bits(header.nominal, header.data + stuffed) if header.brs else Bits(header.nominal + stuffed, 0)


def payload_stuffing(header: Header, data: bytes) -> int:
    """The stuff bits that payload and CRC cost, fixed ones of CAN FD excepted (they are in the header)."""
    table, crc = header.table, header.crc
    stuffed = 0
    if crc < 0:
        if not data:
            return 0
        for byte in data[:-1]:
            extra, table = table[byte]
            stuffed += extra
        extra, _ = table[LAST + data[-1]]
        return stuffed + extra
    if len(data) == 8:  # by far the commonest length: written out, it takes half the time of the loop
        a, b, c, d, e, f, g, h = data
        crc ^= _SHARE_7[a] ^ _SHARE_6[b] ^ _SHARE_5[c] ^ _SHARE_4[d]
        crc ^= _SHARE_3[e] ^ _SHARE_2[f] ^ _SHARE_1[g] ^ _SHARE_0[h]
        a, table = table[a]
        b, table = table[b]
        c, table = table[c]
        d, table = table[d]
        e, table = table[e]
        f, table = table[f]
        g, table = table[g]
        h, table = table[h]
        stuffed = a + b + c + d + e + f + g + h
    else:
        for byte, share in zip(data, CRC_SHARES[8 - len(data) :], strict=True):
            extra, table = table[byte]
            stuffed += extra
            crc ^= share[byte]
    upper, table = table[crc >> 7]
    lower: int = table[SEVEN + (crc & 0x7F)][0]
    return stuffed + upper + lower


def make_header(frame: Frame) -> Header:
    """The part of a frame's length that does not depend on its payload."""
    bits = header_bits(frame)
    size = len(frame.data)
    stuffed = 0
    stuffed_nominal = 0
    level, run = 1, 1  # a recessive bit before SOF never counts: SOF begins a run of its own
    split = len(bits) - 5  # ESI and DLC follow BRS
    for index, bit in enumerate(bits):
        if index == split:
            stuffed_nominal = stuffed
        last = frame.fd and not size and index == len(bits) - 1
        extra, level, run = _step(level, run, int(bit))
        stuffed += 0 if last else extra
    table = STUFFING[level * 4 + run - 1]
    order = arbitration_order(frame)
    if not frame.fd:
        crc = 0
        for bit in bits:
            crc = crc << 1 ^ (_CRC_15 if (crc >> 14 ^ int(bit)) & 1 else 0)
            crc &= 0x7FFF
        for _ in range(size):
            crc = _CRC_TABLE[crc >> 7] ^ crc << 8 & 0x7FFF
        return Header(order, len(bits) + stuffed + 8 * size + 15 + 1 + _TAIL, 0, table, crc, False)
    # Stuff count and CRC: 4 + 17 or 21 bits, with a fixed stuff bit before the first and after every fourth of them.
    tail = (27 if size <= 16 else 32) + 1  # and the CRC delimiter
    if frame.brs:
        data_bits = 5 + stuffed - stuffed_nominal + 8 * size + tail
        return Header(order, split + stuffed_nominal + _TAIL, data_bits, table, -1, True)
    return Header(order, len(bits) + stuffed + 8 * size + tail + _TAIL, 0, table, -1, False)


class BitTimes:
    """How long bits take at one pair of bit rates.

    bitrate, data_bitrate: bit/s; ``data_bitrate`` None: classic CAN only.
    Raises :class:`~harness.errors.BusError` for rates that no bus has.

    >>> BitTimes(500_000, 2_000_000).time(nominal=10, data=4)
    22000
    """

    __slots__ = ("data", "divisor", "fd", "half", "nominal")

    def __init__(self, bitrate: int, data_bitrate: int | None) -> None:
        if bitrate <= 0 or (data_bitrate is not None and data_bitrate < bitrate):
            raise BusError(
                f"bit rates must be above zero and the data bit rate not below the nominal one, "
                f"not {bitrate} and {data_bitrate} bit/s"
            )
        self.fd = data_bitrate is not None
        data_bitrate = data_bitrate or bitrate
        # Exact in integers, rounded once per frame to the nanosecond: 1e9 is not a multiple of every bit rate.
        self.divisor = lcm(bitrate // gcd(_SECOND, bitrate), data_bitrate // gcd(_SECOND, data_bitrate))
        self.nominal = _SECOND * self.divisor // bitrate
        self.data = _SECOND * self.divisor // data_bitrate
        self.half = self.divisor // 2

    def time(self, nominal: int, data: int = 0) -> int:
        """So many bits in ns, rounded to the nearest."""
        return (nominal * self.nominal + data * self.data + self.half) // self.divisor

    def duration(self, frame: Frame) -> int:
        """A frame from SOF to the end of EOF, ns."""
        return self.time(*frame_bits(frame))


class Lengths(dict[Frame, tuple[int, int]]):
    """Of each frame its place in arbitration (the lower wins) and its duration in ns from SOF to the end of EOF.

    ``lengths[frame]`` raises :class:`~harness.errors.BusError` for a frame that no bus of these bit rates carries.
    All buses of the same bit rates may share it, one after the other too: much of what is sent is always the same.
    What is not (a payload that never comes back) would only fill it, so a frame is kept when it comes the second time.

    >>> Lengths(BitTimes(500_000, None))[Frame(0x123)][1]
    90000
    """

    __slots__ = ("_headers", "_once", "times")

    def __init__(self, times: BitTimes) -> None:
        super().__init__()
        self.times = times
        self._headers: dict[tuple[object, ...], Header] = {}
        self._once: set[int] = set()

    def __missing__(self, frame: Frame) -> tuple[int, int]:
        identifier, data, extended, fd, brs, esi, remote, length = frame
        try:
            header = self._headers[identifier, len(data), extended, fd, brs, esi, remote, length]
        except KeyError:
            header = self._header(frame)
        stuffed = payload_stuffing(header, data)
        times = self.times
        if header.brs:
            found = header.order, times.time(header.nominal, header.data + stuffed)
        else:
            found = header.order, ((header.nominal + stuffed) * times.nominal + times.half) // times.divisor
        mark = hash(frame)
        if mark in self._once:
            if len(self) >= _REMEMBERED_FRAMES:
                self.clear()
            self[frame] = found
        else:
            if len(self._once) >= _REMEMBERED_FRAMES:
                self._once.clear()
            self._once.add(mark)
        return found

    def _header(self, frame: Frame) -> Header:
        check_frame(frame, fd=self.times.fd)
        if len(self._headers) >= _REMEMBERED_HEADERS:
            self._headers.clear()
        header = make_header(frame)
        self._headers[frame.id, len(frame.data), *frame[2:]] = header
        return header


def _step(level: int, run: int, bit: int) -> tuple[int, int, int]:
    """One bit through the automaton: stuff bits it costs (0 or 1), new level, new run."""
    run = run + 1 if bit == level else 1
    return (1, 1 - bit, 1) if run == 5 else (0, bit, run)


def _make_tables() -> list[Table]:
    """The eight tables; the one for ``run`` bits of ``level`` is entry ``level * 4 + run - 1``, its *state*."""
    steps = []
    for state in range(8):
        after = [_step(state >> 2, (state & 3) + 1, bit) for bit in (0, 1)]
        steps.append([(extra, level * 4 + run - 1) for extra, level, run in after])
    # Of each state and each group of bits: the stuff bits that they cost, and the state after them.
    walks = [[(0, state)] for state in range(8)]
    for _ in range(7):
        walks = [[(cost + extra, to) for cost, at in walk for extra, to in steps[at]] for walk in walks]
    tables: list[Table] = [[] for _ in range(8)]
    shared: dict[tuple[int, int], tuple[int, Table]] = {}  # few pairs are different: that keeps them in the cache
    for table, seven in zip(tables, walks, strict=True):
        eight = [(cost + extra, to) for cost, at in seven for extra, to in steps[at]]
        last = [(cost, to) for cost, at in seven for _, to in steps[at]]
        table += [shared.setdefault((cost, to), (cost, tables[to])) for cost, to in (*eight, *seven, *last)]
    return tables


def _make_crc_table() -> list[int]:
    """CRC-15 of one byte (ISO 11898-1, 10.4.2.6), for the header's share."""
    table = []
    for byte in range(256):
        crc = byte << 7
        for _ in range(8):
            crc = crc << 1 ^ (_CRC_15 if crc & 0x4000 else 0)
            crc &= 0x7FFF
        table.append(crc)
    return table


def _make_crc_shares() -> list[list[int]]:
    """What a byte contributes to the CRC when 7, 6, ... 0 bytes follow it."""
    shares = [_CRC_TABLE]
    for _ in range(7):
        shares.insert(0, [_CRC_TABLE[crc >> 7] ^ crc << 8 & 0x7FFF for crc in shares[0]])
    return shares


STUFFING = _make_tables()
"""The eight tables of bit stuffing."""
_CRC_TABLE = _make_crc_table()
CRC_SHARES = _make_crc_shares()
"""What a byte contributes to the CRC when 7, 6, ... 0 bytes follow it."""
_SHARE_7, _SHARE_6, _SHARE_5, _SHARE_4, _SHARE_3, _SHARE_2, _SHARE_1, _SHARE_0 = CRC_SHARES
