"""One signal of a message in the hot path: how a value gets into the payload, and how it is read from one."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.writer import Writer

Number = int | float

_EXACT_BITS = 48  # longer raw values are beyond what a float holds exactly


class Slot(NamedTuple):
    """What is needed to set one signal of a message that is being sent.

    to_raw: raw value of a physical value or label, range checked. write: puts it into a payload.
    reserved: belongs to the protection of its message and cannot be set.
    """

    signal: SignalDef
    to_raw: Callable[[object], Number]
    write: Writer
    reserved: bool


def slot_of(message: MessageDef, name: str, reserved: bool) -> Slot:
    """The slot of a signal. Raises :class:`~harness.errors.UnknownSignalError`."""
    signal = message.signal(name)
    return Slot(signal, quick_to_raw(signal), message.codec.writer(name), reserved)


def quick_to_raw(signal: SignalDef) -> Callable[[object], Number]:
    """:meth:`SignalDef.to_raw <harness.signals.definitions.SignalDef.to_raw>`, fast for a plain number in range.

    Everything else (labels, floats as such, 64-bit numbers, errors) is left to the method.
    """
    slow = signal.to_raw
    if signal.is_float or signal.length > _EXACT_BITS:
        return slow
    scale, offset = signal.scale, signal.offset
    lowest, highest = signal.raw_range
    minimum = -1e18 if signal.minimum is None else signal.minimum
    maximum = 1e18 if signal.maximum is None else signal.maximum

    def to_raw(value: object) -> Number:
        kind = type(value)
        if (kind is float or kind is int) and minimum <= value <= maximum:  # type: ignore[operator]
            raw = round((value - offset) / scale)  # type: ignore[operator]
            if lowest <= raw <= highest:
                return raw
        return slow(value)

    return to_raw


def reader_of(message: MessageDef, name: str) -> Callable[[bytes], Number | None]:
    """A function that reads a signal's physical value from a payload; None where the frame does not carry it.

    Raises :class:`~harness.errors.UnknownSignalError`.
    """
    read = message.codec.signal_raw(name)
    signal = message.signal(name)
    scale, offset = signal.scale, signal.offset
    if isinstance(scale, int) and isinstance(offset, int) and (scale, offset) == (1, 0):
        return read

    def physical(data: bytes) -> Number | None:
        raw = read(data)
        return None if raw is None else raw * scale + offset

    return physical
