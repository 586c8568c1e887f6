"""Signals read bit by bit, straight from the rules of the DBC format: slow, obvious, and shares no code with the codec.

The rules: bit n of a payload is bit n % 8 (0 = least significant) of byte n // 8. An Intel signal starts with its
least significant bit and goes up through these numbers. A Motorola signal starts with its most significant bit, goes
down to bit 0 of the byte, and on to bit 7 of the next byte.
"""

from __future__ import annotations

import struct

from harness.signals.definitions import MessageDef, SignalDef


def bit_numbers(signal: SignalDef) -> list[int]:
    """The bits of a signal, least significant first."""
    if signal.byte_order == "little_endian":
        return list(range(signal.start, signal.start + signal.length))
    bits = [signal.start]
    while len(bits) < signal.length:
        bits.append(bits[-1] + 15 if bits[-1] % 8 == 0 else bits[-1] - 1)
    return bits[::-1]


def read_raw(signal: SignalDef, data: bytes) -> int | float:
    number = sum((data[bit // 8] >> bit % 8 & 1) << weight for weight, bit in enumerate(bit_numbers(signal)))
    if signal.is_float:
        bits = number.to_bytes(signal.length // 8, "big")
        value: float = struct.unpack({16: ">e", 32: ">f", 64: ">d"}[signal.length], bits)[0]
        return value
    if signal.signed and number >> signal.length - 1:
        return number - (1 << signal.length)
    return number


def write_raw(signal: SignalDef, data: bytearray, raw: int | float) -> None:
    if signal.is_float:
        raw = int.from_bytes(struct.pack({16: ">e", 32: ">f", 64: ">d"}[signal.length], raw), "big")
    for weight, bit in enumerate(bit_numbers(signal)):
        mask = 1 << bit % 8
        data[bit // 8] = data[bit // 8] & ~mask | (mask if int(raw) >> weight & 1 else 0)


def read_message(message: MessageDef, data: bytes) -> dict[str, int | float] | None:
    """Raw values of exactly the signals that the frame carries; None where a multiplexer number selects nothing."""
    found: dict[str, int | float] = {}
    level = [signal for signal in message.signals if signal.multiplexer is None]
    while level:
        signal = level.pop()
        found[signal.name] = read_raw(signal, data)
        children = [child for child in message.signals if child.multiplexer == signal.name]
        if not signal.is_multiplexer or not (children or signal.choices):
            continue
        number = int(found[signal.name] * signal.scale + signal.offset)
        chosen = [child for child in children if number in child.multiplexer_ids]
        if not chosen and number not in signal.choices:
            return None
        level += chosen
    return found
