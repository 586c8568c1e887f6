"""Signals and messages as the database defines them: values only, no live state.

Every number is taken over from the database with its kind: a signal whose scale and offset are whole numbers has
``int`` physical values, any other has ``float``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from numbers import Real
from typing import Literal

from harness.errors import UnknownSignalError, ValueRangeError, nearest
from harness.frames import EXTENDED, FD_LENGTHS, id_text
from harness.signals.codec import Codec

Value = int | float | str
"""What a signal can be set to: a physical number in the signal's own unit, or a label of its value table."""

_LARGEST_FLOAT = {16: 65504.0, 32: 3.4028234663852886e38, 64: 1.7976931348623157e308}
"""Largest finite number per length in bits (IEEE 754-2019, binary16, binary32, binary64)."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class SignalDef:
    """One signal of a message.

    name, message: its name and the name of its message.
    start, length, byte_order: position in bits as written in a DBC (Intel: bit of the least significant bit,
    Motorola: bit of the most significant, both counted from bit 0 of byte 0); length in bits.
    signed, is_float: two's complement, or IEEE 754 of 16, 32 or 64 bits.
    scale, offset: physical = raw * scale + offset.
    minimum, maximum: declared physical range; None where the database declares none.
    unit: as written in the database, "" where there is none. choices: value table, raw value to label.
    start_raw: raw value before anybody set one (``GenSigStartValue``); without that attribute the one nearest to 0
    that the range allows.
    inactive_raw: raw value that does not keep an "if active" message going (``GenSigInactiveValue``), 0 by default.
    is_multiplexer: its number selects other signals. multiplexer, multiplexer_ids: the signal that selects this one
    and the numbers for which it does; None and () for a signal that is in every frame.
    send_type: ``GenSigSendType`` as text, "" where there is none. receivers: names of nodes.
    """

    name: str
    message: str
    start: int
    length: int
    byte_order: Literal["little_endian", "big_endian"] = "little_endian"
    signed: bool = False
    is_float: bool = False
    scale: int | float = 1
    offset: int | float = 0
    minimum: int | float | None = None
    maximum: int | float | None = None
    unit: str = ""
    choices: Mapping[int, str] = field(default_factory=dict)
    start_raw: int | float = 0
    inactive_raw: int | float = 0
    is_multiplexer: bool = False
    multiplexer: str | None = None
    multiplexer_ids: tuple[int, ...] = ()
    comment: str = ""
    send_type: str = ""
    receivers: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<signal {self.full_name}>"  # the fields fill pages

    @property
    def full_name(self) -> str:
        """``Message.Signal``: unique within a database."""
        return f"{self.message}.{self.name}"

    @property
    def raw_range(self) -> tuple[int | float, int | float]:
        """Smallest and largest raw value that the bits hold; for a float the largest finite numbers.

        >>> SignalDef("Level", "Tank", start=0, length=8, signed=True).raw_range
        (-128, 127)
        """
        if self.is_float:
            largest = _LARGEST_FLOAT[self.length]
            return -largest, largest
        if self.signed:
            return -(1 << self.length - 1), (1 << self.length - 1) - 1
        return 0, (1 << self.length) - 1

    @property
    def physical_range(self) -> tuple[int | float, int | float]:
        """Smallest and largest physical value that both the bits and the declared range allow.

        Where the two have nothing in common (real databases do that), the bits alone decide.

        >>> SignalDef("Level", "Tank", start=0, length=8, scale=0.5, maximum=100, minimum=0).physical_range
        (0.0, 100)
        """
        low, high = sorted(map(self.to_physical, self.raw_range))
        narrow_low = low if self.minimum is None else max(low, self.minimum)
        narrow_high = high if self.maximum is None else min(high, self.maximum)
        return (narrow_low, narrow_high) if narrow_low <= narrow_high else (low, high)

    def to_physical(self, raw: int | float) -> int | float:
        """The physical value of a raw one, in :attr:`unit`.

        >>> SignalDef("Level", "Tank", start=0, length=8, scale=0.5, offset=-10).to_physical(30)
        5.0
        """
        return raw * self.scale + self.offset

    def text(self, raw: int | float) -> str | None:
        """The label of a raw value; None where the value table has none."""
        return self.choices.get(raw)  # type: ignore[arg-type]  # 3.0 finds the key 3

    def raw_of_label(self, label: str) -> int:
        """The raw value of a label. Where two raw values share it, the one that the table lists last.

        Raises :class:`~harness.errors.ValueRangeError` with the nearest labels.
        """
        found = [raw for raw, text in self.choices.items() if text == label]
        if found:
            return found[-1]
        table = f"its value table has {', '.join(self.choices.values())}" if self.choices else "it has no value table"
        raise ValueRangeError(
            f"signal '{self.full_name}' has no label {label!r}: {table}{nearest(label, self.choices.values())}"
        )

    def to_raw(self, value: object, *, strict: bool = True) -> int | float:
        """The raw value that carries a physical value or a label; rounded to the nearest step, half to even.

        With ``strict`` the value must lie in the declared range (a millionth of a step is forgiven; entries of the
        value table are always allowed) and must fit the bits. Without, the range is ignored and what the bits cannot
        hold is sent as the nearest raw value that they can.

        Raises :class:`~harness.errors.ValueRangeError`, also for anything that is neither number nor label, and for
        NaN unless the signal is a float without a range.

        >>> level = SignalDef("Level", "Tank", start=0, length=8, scale=0.5, minimum=0, maximum=100, unit="%")
        >>> level.to_raw(40)
        80
        >>> level.to_raw(101)
        Traceback (most recent call last):
        harness.errors.ValueRangeError: signal 'Tank.Level' takes 0 to 100 %, not 101
        >>> level.to_raw(1000, strict=False)
        255
        """
        if isinstance(value, str):
            raw: int | float = self.raw_of_label(value)
        elif isinstance(value, (int, float, Real)):
            number = value if isinstance(value, (int, float)) else float(value)
            raw = self._unscaled(number, strict)
            if strict and raw not in self.choices:
                self._check_range(number)
        else:
            labels = " or a label" if self.choices else ""
            raise ValueRangeError(
                f"signal '{self.full_name}' takes a number{labels}, not {value!r} ({type(value).__name__})"
            )
        return self.fit_raw(raw, strict=strict)

    def fit_raw(self, raw: int | float, *, strict: bool = True) -> int | float:
        """The raw value if the bits hold it; else :class:`~harness.errors.ValueRangeError`, or without ``strict``
        the nearest that they do hold. A float may be infinite or NaN; an integer signal takes whole numbers only."""
        low, high = self.raw_range
        if self.is_float:
            if low <= raw <= high or not math.isfinite(raw):
                return raw
        elif raw != raw:
            raise ValueRangeError(f"signal '{self.full_name}' is an integer of {self.length} bits and has no NaN")
        elif low <= raw <= high:
            if raw == int(raw):
                return int(raw)
            raise ValueRangeError(f"signal '{self.full_name}' takes whole raw values, not {raw!r}")
        if strict:
            bits = f"{self.length} bits{' signed' if self.signed else ''}{' float' if self.is_float else ''}"
            raise ValueRangeError(f"signal '{self.full_name}' has {bits}: raw values {low} to {high}, not {raw}")
        return high if raw > 0 else low

    def _unscaled(self, number: int | float, strict: bool) -> int | float:
        exact = number - self.offset
        if self.scale == 0:
            exact = 0
        elif isinstance(exact, int) and isinstance(self.scale, int) and exact % self.scale == 0:
            exact //= self.scale  # whole numbers as such: 64-bit values have no exact float
        elif self.scale != 1:
            exact /= self.scale
        if self.is_float or isinstance(exact, int):
            return exact
        if math.isfinite(exact):
            return round(exact)
        if strict or exact != exact:
            raise ValueRangeError(f"signal '{self.full_name}' is no float and cannot carry {number}")
        return exact

    def _check_range(self, number: int | float) -> None:
        tolerance = abs(self.scale) * 1e-6
        low, high = self.minimum, self.maximum
        if (low is None or number >= low - tolerance) and (high is None or number <= high + tolerance):
            return
        unit = f" {self.unit}" if self.unit else ""
        if low is None or high is None:
            limits = f"at least {low}" if high is None else f"at most {high}"
        else:
            limits = f"{low} to {high}"
        raise ValueRangeError(f"signal '{self.full_name}' takes {limits}{unit}, not {number}")


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MessageDef:
    """One message of a database.

    id, extended: identifier, 29 bits when extended. length: bytes. fd: needs CAN FD (``VFrameFormat``, or more than
    8 bytes); brs: and its data phase at the data bit rate (``CANFD_BRS``, on unless switched off).
    senders, receivers: names of nodes. signals: in the order of their bits.
    cycle_time_ns, cycle_time_fast_ns: ``GenMsgCycleTime``, ``GenMsgCycleTimeFast``; None where none is given.
    send_type: ``GenMsgSendType`` as text, "" where there is none. repetitions: ``GenMsgNrOfRepetition``, 0 without.
    min_delay_ns: ``GenMsgDelayTime``, shortest time between two frames; 0 = none.
    start_delay_ns: ``GenMsgStartDelayTime``; None where the database does not say (an explicit 0 is 0).
    attributes: all attributes of the message, defaults included, enumerations as text.
    codec: decodes and encodes its payload.
    container: an AUTOSAR container of other messages, which the codec refuses to decode or encode.
    """

    name: str
    id: int
    length: int
    signals: tuple[SignalDef, ...] = ()
    extended: bool = False
    fd: bool = False
    brs: bool = False
    senders: tuple[str, ...] = ()
    receivers: tuple[str, ...] = ()
    comment: str = ""
    cycle_time_ns: int | None = None
    cycle_time_fast_ns: int | None = None
    send_type: str = ""
    repetitions: int = 0
    min_delay_ns: int = 0
    start_delay_ns: int | None = None
    attributes: Mapping[str, int | float | str] = field(default_factory=dict)
    container: bool = False
    codec: Codec = field(init=False, repr=False)
    _by_name: dict[str, SignalDef] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {signal.name: signal for signal in self.signals})
        object.__setattr__(self, "codec", Codec(self.name, self.length, self.signals, self.container))

    def __reduce__(self) -> tuple[type[MessageDef], tuple[object, ...]]:
        # A codec holds compiled functions, which cannot be pickled; it is made again.
        return type(self), tuple(getattr(self, each.name) for each in fields(self) if each.init)

    def __repr__(self) -> str:
        return f"<message {self.name} {id_text(self.key)}>"

    @property
    def key(self) -> int:
        """Identifier with bit 31 set when extended, as :attr:`harness.frames.Frame.key`."""
        return self.id | EXTENDED if self.extended else self.id

    @property
    def longest(self) -> int:
        """How long a frame of it may be, bytes: its length, with CAN FD padded to the next one that there is."""
        if not self.fd:
            return self.length
        return next((length for length in FD_LENGTHS if length >= self.length), self.length)

    def signal(self, name: str) -> SignalDef:
        """The signal of that name.

        Raises :class:`~harness.errors.UnknownSignalError` with the nearest names.
        """
        try:
            return self._by_name[name]
        except KeyError:
            close = nearest(name, self._by_name)
            raise UnknownSignalError(f"message '{self.name}' has no signal {name!r}{close}") from None
