"""One signal of a message in the hot path: how a value gets into the payload, and how it is read from one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from harness.errors import SignalError
from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.writer import Writer
from harness.units import Duration, Quantity, in_unit

Number = int | float

_EXACT_BITS = 48  # longer raw values are beyond what a float holds exactly


@dataclass(frozen=True, slots=True)
class Slot:
    """What is needed to set one signal of a message that is being sent.

    to_raw: raw value of a physical value, quantity or label, range checked. forced: the same without range, as far as
    the bits go. write: puts a raw value into a payload.
    """

    to_raw: Callable[[object], Number]
    forced: Callable[[object], Number]
    write: Writer


def slot_of(message: MessageDef, name: str, reserved: bool) -> Slot:
    """The slot of a signal; ``reserved``: it belongs to the protection of its message and refuses every value.

    Raises :class:`~harness.errors.UnknownSignalError`.
    """
    signal = message.signal(name)

    def forced(value: object) -> Number:
        return signal.to_raw(_number(signal, value), strict=False)

    def refuse(value: object) -> NoReturn:
        raise SignalError(
            f"signal {signal.full_name!r} is written by the protection of its message; "
            "to send a wrong one, declare a disturbance: WrongCounter or WrongCrc"
        )

    write = message.codec.writer(name)
    return Slot(refuse, refuse, write) if reserved else Slot(quick_to_raw(signal), forced, write)


def quick_to_raw(signal: SignalDef) -> Callable[[object], Number]:
    """:meth:`SignalDef.to_raw <harness.signals.definitions.SignalDef.to_raw>`, fast for a plain number in range.

    Everything else (labels, quantities, floats as such, 64-bit numbers, errors) goes the long way.
    """

    def slow(value: object) -> Number:
        return signal.to_raw(_number(signal, value))

    if signal.is_float or signal.length > _EXACT_BITS:
        return slow
    scale, offset = signal.scale, signal.offset
    lowest, highest = signal.raw_range
    minimum = -1e18 if signal.minimum is None else signal.minimum
    maximum = 1e18 if signal.maximum is None else signal.maximum
    last = {label: raw for raw, label in signal.choices.items()}  # of those that share a label
    labels = {label: raw for label, raw in last.items() if lowest <= raw <= highest}

    def to_raw(value: object) -> Number:
        kind = type(value)
        if (kind is float or kind is int) and minimum <= value <= maximum:  # type: ignore[operator]
            raw = round((value - offset) / scale)  # type: ignore[operator]
            if lowest <= raw <= highest:
                return raw
        elif kind is str and value in labels:
            return labels[value]
        return slow(value)

    return to_raw


def _number(signal: SignalDef, value: object) -> object:
    """A quantity as a number in the signal's unit; anything else as it is."""
    if isinstance(value, (Quantity, Duration)):
        return in_unit(value, signal.unit, f"signal {signal.full_name!r}")
    return value


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
