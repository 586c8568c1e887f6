"""Durations in integer nanoseconds, and physical quantities with units.

A duration is written ``80 * ms``; it is an ``int`` of nanoseconds that knows that it is one. A physical value is
written ``40 * percent`` or ``61 * degC``; it converts to the unit of the signal it meets, and refuses any other kind.
A bare number always means "in the signal's own unit".

>>> 80 * ms, 1.5 * s
(80 ms, 1.5 s)
>>> (90 * kmh).to("m/s")
25.0
>>> (25 * degC).to("K")
298.15
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, isfinite

from harness.errors import Inconclusive, UnitError, nearest
from harness.inexact import Inexact


class Duration(int):
    """A span of time in whole nanoseconds; made by multiplying a number with a :class:`TimeUnit`.

    It is an ``int``, so the loop takes it as it is; ``str()`` and ``repr()`` write it with a unit.
    """

    __slots__ = ()

    def __mul__(self, factor: object) -> Duration:
        if isinstance(factor, Duration) or not isinstance(factor, (int, float)):
            return NotImplemented
        return _whole(int(self) * factor)

    __rmul__ = __mul__

    def __add__(self, other: int) -> Duration:
        # A fraction is no number of nanoseconds: 1 * s + 0.5 becomes a float, which nobody takes for a duration.
        return type(self)(int(self) + int(other)) if isinstance(other, int) else NotImplemented

    __radd__ = __add__

    def __sub__(self, other: int) -> Duration:
        return type(self)(int(self) - int(other)) if isinstance(other, int) else NotImplemented

    def _with(self, span_ns: int, _other: object = 0) -> Duration:
        return type(self)(span_ns)

    def __mod__(self, other: int) -> Duration:
        return self._with(int(self) % int(other), other)

    def __abs__(self) -> Duration:
        return self._with(abs(int(self)))

    def __neg__(self) -> Duration:
        return self._with(-int(self))

    def __repr__(self) -> str:
        return time_text(int(self))

    __str__ = __repr__


class Measured(Duration):
    """A span that was measured, as a test gets it: it compares with durations only.

    ``latency > 80`` would compare nanoseconds and nearly always hold; it raises
    :class:`~harness.errors.UnitError`. Zero is the same in every unit.

    >>> Measured(32_000_000) < 80 * ms
    True
    >>> Measured(32_000_000) < 80
    Traceback (most recent call last):
    harness.errors.UnitError: 32 ms < 80: compare it with a duration such as 80 * ms
    """

    __slots__ = ()

    def __lt__(self, other: object) -> bool:
        return int(self) < self._comparable("<", other)

    def __le__(self, other: object) -> bool:
        return int(self) <= self._comparable("<=", other)

    def __gt__(self, other: object) -> bool:
        return int(self) > self._comparable(">", other)

    def __ge__(self, other: object) -> bool:
        return int(self) >= self._comparable(">=", other)

    def _comparable(self, operator: str, other: object) -> int:
        if isinstance(other, Duration) or other == 0:
            return int(other)
        raise UnitError(f"{self!r} {operator} {other!r}: compare it with a duration such as {other!r} * ms")


class Uncertain(Measured):
    """A span that was measured on a real bench: it knows how far it may be off.

    uncertainty_ns: the largest error of the measurement, ns, not negative. Sums and differences add their
    uncertainties, multiples multiply it; a quotient, as in a mean, is an :class:`~harness.inexact.Inexact`. Comparing
    it with a limit that is nearer than that raises :class:`~harness.errors.Inconclusive`, so that a plain ``assert``
    cannot claim more than was measured; two measured spans are put in order as they are.

    >>> Uncertain(32_000_000, 3_000_000) < 80 * ms
    True
    >>> Uncertain(79_000_000, 3_000_000) < 80 * ms
    Traceback (most recent call last):
    harness.errors.Inconclusive: 79 ms < 80 ms cannot be told: it was measured to within 3 ms only
    """

    uncertainty_ns: int

    def __new__(cls, span_ns: int, uncertainty_ns: int = 0) -> Uncertain:
        made = super().__new__(cls, span_ns)
        made.uncertainty_ns = uncertainty_ns
        return made

    def _with(self, span_ns: int, other: object = 0) -> Uncertain:
        return Uncertain(span_ns, self.uncertainty_ns + getattr(other, "uncertainty_ns", 0))

    def __add__(self, other: int) -> Uncertain:
        return self._with(int(self) + int(other), other) if isinstance(other, int) else NotImplemented

    __radd__ = __add__

    def __sub__(self, other: int) -> Uncertain:
        return self._with(int(self) - int(other), other) if isinstance(other, int) else NotImplemented

    def __rsub__(self, other: int) -> Uncertain:
        return self._with(int(other) - int(self), other) if isinstance(other, int) else NotImplemented

    def __mul__(self, factor: object) -> Uncertain:
        if isinstance(factor, Duration) or not isinstance(factor, (int, float)):
            return NotImplemented
        return Uncertain(super().__mul__(factor), ceil(self.uncertainty_ns * abs(factor)))

    __rmul__ = __mul__

    def __truediv__(self, other: float) -> float:
        return Inexact(int(self), self.uncertainty_ns) / other

    def __rtruediv__(self, other: float) -> float:
        return other / Inexact(int(self), self.uncertainty_ns)

    def _comparable(self, operator: str, other: object) -> int:
        limit = super()._comparable(operator, other)
        if not isinstance(other, Uncertain) and abs(int(self) - limit) < self.uncertainty_ns:
            raise Inconclusive(
                f"{self} {operator} {time_text(limit)} cannot be told: "
                f"it was measured to within {rough_text(self.uncertainty_ns)} only"
            )
        return limit


@dataclass(frozen=True, slots=True)
class TimeUnit:
    """A unit of time: multiply a number with it to get a :class:`Duration`.

    Deliberately no ``int``: ``1.5 * s`` would become a float before we are asked. A fraction of a nanosecond raises
    :class:`~harness.errors.UnitError` instead of being rounded away.

    >>> 0.25 * ns
    Traceback (most recent call last):
    harness.errors.UnitError: 0.25 ns is no whole number of nanoseconds
    """

    symbol: str
    nanoseconds: int

    def __rmul__(self, number: float) -> Duration:
        if not isinstance(number, (int, float)):
            return NotImplemented
        return _whole(number * self.nanoseconds)

    def __str__(self) -> str:
        return self.symbol


def _whole(exact: float) -> Duration:
    if not isfinite(exact):
        raise UnitError(f"{exact} is no duration")
    whole = round(exact)
    # 1.1 * ms is 1100000.0000000002 in floating point: forgive that, but not a real fraction.
    if abs(exact - whole) > max(1e-6, abs(exact) * 1e-12):
        raise UnitError(f"{exact:g} ns is no whole number of nanoseconds")
    return Duration(whole)


ns = TimeUnit("ns", 1)
us = TimeUnit("µs", 1_000)
ms = TimeUnit("ms", 1_000_000)
s = TimeUnit("s", 1_000_000_000)
minute = TimeUnit("min", 60_000_000_000)

_SCALES = ((1_000_000_000, "s"), (1_000_000, "ms"), (1_000, "µs"))


def time_text(time_ns: int) -> str:
    """A time or span in nanoseconds as text for people, exact to the nanosecond.

    >>> time_text(1_234_500_000), time_text(80_000_000), time_text(0), time_text(-5_000)
    ('1.2345 s', '80 ms', '0 s', '-5 µs')
    """
    time_ns = int(time_ns)
    for scale, unit in _SCALES:
        if abs(time_ns) >= scale:
            text = f"{abs(time_ns) // scale}.{abs(time_ns) % scale:0{len(str(scale)) - 1}d}".rstrip("0").rstrip(".")
            return f"{'-' if time_ns < 0 else ''}{text} {unit}"
    return f"{time_ns} ns" if time_ns else "0 s"


def rough_text(time_ns: int) -> str:
    """A span that was measured, as text for people: to three digits.

    >>> rough_text(1_234_567), rough_text(81_919), rough_text(0), rough_text(139_000_000_000)
    ('1.23 ms', '81.9 µs', '0 s', '139 s')
    """
    time_ns = int(time_ns)
    digits = max(0, len(str(abs(time_ns))) - 3)
    return time_text(round(time_ns, -digits))


def duration(value: object, what: str = "duration", *, zero: bool = True) -> int:
    """Check a duration that came from a user and return it in nanoseconds.

    Only :class:`Duration` is taken (``80 * ms``): a bare ``80`` could be anything. Zero is allowed unless ``zero`` is
    false. Raises :class:`~harness.errors.UnitError`.

    >>> duration(5 * ms)
    5000000
    >>> duration(80, "within")
    Traceback (most recent call last):
    harness.errors.UnitError: within takes a duration such as 80 * ms, not 80 (int)
    """
    if not isinstance(value, Duration):
        # Python lets float * Duration be a float before we are asked; Duration * float is ours.
        hint = "; of a duration write cycle * 0.5, not 0.5 * cycle" if isinstance(value, float) else ""
        raise UnitError(f"{what} takes a duration such as 80 * ms, not {value!r} ({type(value).__name__}){hint}")
    if value < 0 or (value == 0 and not zero):
        raise UnitError(f"{what} must be {'zero or more' if zero else 'more than zero'}, not {value}")
    return int(value)


def parse_duration(text: str) -> Duration:
    """Read a duration written in a file: ``"80 ms"``, ``"1.5 s"``, ``"250us"``, ``"10 min"``.

    Raises :class:`~harness.errors.UnitError` for anything else.

    >>> parse_duration("80 ms")
    80 ms
    """
    units = {"ns": ns, "us": us, "µs": us, "ms": ms, "s": s, "min": minute}
    stripped = text.strip()
    number = stripped.rstrip("abcdefghijklmnopqrstuvwxyzµ")
    unit = stripped[len(number) :]
    try:
        value = float(number) if "." in number else int(number)
        factor = units[unit]
    except (KeyError, ValueError) as error:
        raise UnitError(f"{text!r} is no duration; write for instance '80 ms', '1.5 s' or '250 us'") from error
    return value * factor


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of a physical dimension: ``SI value = value * factor + offset``.

    Multiply a number with it to get a :class:`Quantity`.
    """

    symbol: str
    dimension: str
    factor: float = 1.0
    offset: float = 0.0

    def __rmul__(self, number: float) -> Quantity:
        return Quantity(float(number), self)

    def __str__(self) -> str:
        return self.symbol


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number with its unit, for instance ``40 * percent``.

    Compared and converted by dimension only; nothing else can be calculated with it on purpose.
    """

    value: float
    unit: Unit

    def to(self, unit: str | Unit) -> float:
        """The number in another unit of the same dimension. Raises :class:`~harness.errors.UnitError` otherwise.

        >>> (1 * bar).to("kPa")
        100.0
        """
        target = unit if isinstance(unit, Unit) else unit_named(unit)
        if target.dimension != self.unit.dimension:
            raise UnitError(f"{self} is a {self.unit.dimension}, but {target.symbol!r} measures {target.dimension}")
        if target == self.unit:
            return self.value
        result = (self.value * self.unit.factor + self.unit.offset - target.offset) / target.factor
        return float(f"{result:.12g}")  # 90 km/h are 25 m/s, not 25.000000000000004

    def __neg__(self) -> Quantity:
        return Quantity(-self.value, self.unit)

    def __str__(self) -> str:
        return f"{self.value:g} {self.unit.symbol}"

    __repr__ = __str__


percent = Unit("%", "ratio", 0.01)
kmh = Unit("km/h", "speed", 1 / 3.6)
mps = Unit("m/s", "speed")
mps2 = Unit("m/s²", "acceleration")
degC = Unit("°C", "temperature", 1.0, 273.15)
K = Unit("K", "temperature")
V = Unit("V", "voltage")
mV = Unit("mV", "voltage", 1e-3)
A = Unit("A", "current")
mA = Unit("mA", "current", 1e-3)
ohm = Unit("ohm", "resistance")
kohm = Unit("kohm", "resistance", 1e3)
ohm_per_V = Unit("ohm/V", "resistance per voltage")
W = Unit("W", "power")
kW = Unit("kW", "power", 1e3)
Nm = Unit("Nm", "torque")
rpm = Unit("rpm", "rotation", 1 / 60)
Hz = Unit("Hz", "frequency")
bar = Unit("bar", "pressure", 1e5)
kPa = Unit("kPa", "pressure", 1e3)
m = Unit("m", "length")
km = Unit("km", "length", 1e3)
deg = Unit("deg", "angle")
Ah = Unit("Ah", "charge", 3600.0)
kWh = Unit("kWh", "energy", 3.6e6)

_ALIASES: dict[str, Unit] = {
    unit.symbol: unit
    for unit in (
        percent, kmh, mps, mps2, degC, K, V, mV, A, mA, ohm, kohm, ohm_per_V, W, kW, Nm, rpm, Hz, bar, kPa, m, km, deg,
        Ah, kWh,
    )
} | {
    "kph": kmh, "km/hr": kmh, "KPH": kmh, "m/s2": mps2, "m/s^2": mps2, "degC": degC, "C": degC, "deg C": degC,
    "Ohm": ohm, "Ω": ohm, "kOhm": kohm, "Ohm/V": ohm_per_V, "1/min": rpm, "U/min": rpm, "°": deg,
    "Volt": V, "Ampere": A,
    "s": Unit("s", "time"),
    "ms": Unit("ms", "time", 1e-3), "min": Unit("min", "time", 60.0), "h": Unit("h", "time", 3600.0),
}  # fmt: skip


def unit_named(symbol: str) -> Unit:
    """The unit behind a symbol as databases write it (``km/h``, ``degC``, ``°C``, ``1/min`` ...).

    Raises :class:`~harness.errors.UnitError` for a symbol that is not known.
    """
    try:
        return _ALIASES[symbol.strip()]
    except KeyError:
        raise UnitError(f"unit {symbol!r} is not known{nearest(symbol, _ALIASES)}") from None


def in_unit(value: float | Quantity | Duration, symbol: str, what: str) -> float:
    """``value`` as a number in the unit ``symbol`` of the thing called ``what``; a bare number is taken as it is.

    >>> in_unit(10 * mps, "km/h", "Speed"), in_unit(36, "km/h", "Speed"), in_unit(2 * s, "ms", "Delay")
    (36.0, 36, 2000.0)
    >>> in_unit(5 * V, "km/h", "Speed")
    Traceback (most recent call last):
    harness.errors.UnitError: Speed has the unit 'km/h' (speed); 5 V is a voltage
    """
    if isinstance(value, Duration):
        value = Quantity(int(value) / 1e9, _ALIASES["s"])
    if not isinstance(value, Quantity):
        return value
    if not symbol.strip() or symbol.strip() not in _ALIASES:
        if symbol.strip() == value.unit.symbol:
            return value.value
        raise UnitError(f"{what} has the unit {symbol!r}, which {value} cannot be converted to; give a bare number")
    target = _ALIASES[symbol.strip()]
    if target.dimension != value.unit.dimension:
        raise UnitError(f"{what} has the unit {symbol!r} ({target.dimension}); {value} is a {value.unit.dimension}")
    return value.to(target)


__all__ = [
    "A", "Ah", "Duration", "Hz", "K", "Nm", "Quantity", "TimeUnit", "Unit", "V", "W", "bar", "deg", "degC",
    "duration", "in_unit", "kPa", "kW", "kWh", "km", "kmh", "kohm", "m", "mA", "mV", "minute", "mps", "mps2", "ms",
    "ns", "ohm", "ohm_per_V", "parse_duration", "percent", "rough_text", "rpm", "s", "time_text", "unit_named", "us",
]  # fmt: skip
