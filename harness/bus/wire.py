"""A frame bit by bit, for the rare moment when it matters which bit an error hits."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from harness.bus.length import header_bits
from harness.frames import Frame

_CRC_15 = (15, 0x4599, 0)
_CRC_17 = (17, 0x1685B, 1 << 16)
_CRC_21 = (21, 0x102899, 1 << 20)
_GRAY = ("0000", "0011", "0110", "0101", "1100", "1111", "1010", "1001")  # stuff count mod 8, then parity


class Wire(NamedTuple):
    """One frame on the wire, SOF to EOF, stuff bits included, acknowledged (ISO 11898-1:2015, 10.4).

    levels: ``0`` dominant, ``1`` recessive. payload: index of the first bit after the DLC and its stuff bit.
    delimiter: index of the CRC delimiter; the ACK slot and the ACK delimiter follow.
    fast: indices of the first bit at the data bit rate and of the first one after it; equal without BRS.
    fixed: indices of the fixed stuff bits of CAN FD.
    """

    levels: str
    payload: int
    delimiter: int
    fast: tuple[int, int]
    fixed: frozenset[int]

    def place(self, bits: int) -> tuple[int, int]:
        """How many of the first ``bits`` bits are nominal ones, and how many are of the data phase."""
        begin, end = self.fast
        data = max(0, min(bits, end) - begin)
        return bits - data, data

    def violation(self, levels: Callable[[int], str], begin: int) -> int | None:
        """Where a receiver finds a stuff or form error, looking from bit ``begin`` on; None: nowhere.

        levels: what is on the wire at an index, wrong bits and error flags included.
        """
        run = 1
        for index in range(1, len(self.levels) - 1):  # a dominant last bit of EOF is no error for receivers
            level = levels(index)
            run = run + 1 if level == levels(index - 1) else 1
            if index < begin:
                continue
            if index < self.delimiter:
                if run == 6 or (index in self.fixed and run > 1):
                    return index
            elif level == "0" and index != self.delimiter + 1:
                return index
        return None


def wire(frame: Frame) -> Wire:
    """The bits of a frame that :func:`~harness.frames.check_frame` accepts.

    >>> wire(Frame(0x555, length=0)).levels[:13]
    '0101010101010'
    """
    header = header_bits(frame)
    plain = header + "".join(f"{byte:08b}" for byte in frame.data)
    if not frame.fd:
        plain += _crc(plain, *_CRC_15)
    levels, places = _stuff(plain, after_last=not frame.fd)
    # Where the DLC ends and its stuff bit, if any; frames without data go on with the CRC.
    payload = places[len(header)] if len(header) < len(places) else len(levels)
    fixed: list[int] = []
    if frame.fd:
        count = _GRAY[(len(levels) - len(plain)) % 8]
        field = count + _crc(levels + count, *(_CRC_17 if len(frame.data) <= 16 else _CRC_21))
        for index in range(0, len(field), 4):
            fixed.append(len(levels))
            levels += ("1" if levels[-1] == "0" else "0") + field[index : index + 4]
    delimiter = len(levels)
    fast = (places[len(header) - 6] + 1, delimiter + 1) if frame.brs else (0, 0)
    return Wire(levels + "1" + "0" + "1" + "1" * 7, payload, delimiter, fast, frozenset(fixed))


def _stuff(plain: str, *, after_last: bool) -> tuple[str, list[int]]:
    """The bits with stuff bits, and where each plain bit came to stand."""
    levels, places, run = "", [], 0
    for bit in plain:
        if run == 5:
            levels += "1" if levels[-1] == "0" else "0"
            run = 1
        run = run + 1 if levels[-1:] == bit else 1
        places.append(len(levels))
        levels += bit
    if run == 5 and after_last:
        levels += "1" if levels[-1] == "0" else "0"
    return levels, places


def _crc(bits: str, width: int, polynomial: int, initial: int) -> str:
    register = initial
    for bit in bits:
        feedback = register >> (width - 1) ^ int(bit)
        register = register << 1 & (1 << width) - 1
        if feedback:
            register ^= polynomial & (1 << width) - 1
    return f"{register:0{width}b}"
