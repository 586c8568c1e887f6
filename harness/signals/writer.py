"""Putting one raw value into a payload in place: what a sender does every cycle with counters and checksums."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import TYPE_CHECKING

from harness.signals.layout import FLOAT_CODES, INTEGER_CODES, SIGNS, place_of

if TYPE_CHECKING:
    from harness.signals.definitions import SignalDef

Writer = Callable[[bytearray, int | float], None]
"""``write(data, raw)`` changes ``data`` in place."""


def make_writer(signal: SignalDef) -> Writer:
    """A function that puts a raw value into a payload and leaves the other bits as they are.

    It raises :class:`~harness.errors.ValueRangeError` when the bits cannot hold the value.
    """
    place = place_of(signal)
    first, end, shift, mask, order = place.first, place.last + 1, place.shift, place.mask, place.order
    keep = ~(mask << shift)
    low, high = signal.raw_range

    def write_byte(data: bytearray, raw: int | float) -> None:
        if not low <= raw <= high:
            signal.fit_raw(raw)
        data[first] = data[first] & keep | (int(raw) & mask) << shift

    def write_whole_bytes(data: bytearray, raw: int | float) -> None:
        if not low <= raw <= high:
            signal.fit_raw(raw)
        pack_into(data, first, int(raw))

    def write_two_bytes(data: bytearray, raw: int | float) -> None:
        if not low <= raw <= high:
            signal.fit_raw(raw)
        bits = (int(raw) & mask) << shift
        data[least] = data[least] & keep_least | bits & 0xFF
        data[most] = data[most] & keep_most | bits >> 8

    def write_bits(data: bytearray, raw: int | float) -> None:
        if not low <= raw <= high:
            signal.fit_raw(raw)
        held = int.from_bytes(data[first:end], order)
        data[first:end] = (held & keep | (int(raw) & mask) << shift).to_bytes(end - first, order)

    def write_float(data: bytearray, raw: int | float) -> None:
        bits = int.from_bytes(pack(signal.fit_raw(raw)), "little")
        held = int.from_bytes(data[first:end], order)
        data[first:end] = (held & keep | bits << shift).to_bytes(end - first, order)

    if signal.is_float:
        pack = Struct("<" + FLOAT_CODES[signal.length]).pack
        return write_float
    if place.is_aligned and place.size in INTEGER_CODES:
        code = INTEGER_CODES[place.size]
        pack_into = Struct(SIGNS[order] + (code.lower() if signal.signed else code)).pack_into
        return write_whole_bytes
    if place.size == 2:
        least, most = (first, first + 1) if order == "little" else (first + 1, first)
        keep_least, keep_most = keep & 0xFF, keep >> 8 & 0xFF
        return write_two_bytes
    return write_byte if place.size == 1 else write_bits
