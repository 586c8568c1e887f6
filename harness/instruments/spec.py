"""What a bench file says about one instrument, as a value that crosses processes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Protocol

from harness.errors import InstrumentError, UnitError
from harness.units import Quantity, unit_named

FRAMINGS = tuple(f"{bits}{parity}{stop}" for bits in (7, 8) for parity in "NEOMS" for stop in (1, 2))
_QUANTITY = re.compile(r"\s*([+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?)\s*([^\d\s.,+-].*?)\s*")


@dataclass(frozen=True, slots=True)
class PortSettings:
    """How a serial port is opened. Times in nanoseconds.

    framing: bits, parity (N, E, O, M, S) and stop bits. dtr, rts: the two modem lines from the opening on; many boards
    reset when they rise. exclusive: nobody else may open the port (POSIX; on Windows nobody can anyway). timeout: how
    long an answer may take. settle: how long the instrument is left alone after the opening, because it boots then.
    A network port (``socket://``, ``rfc2217://``) takes what makes sense there.
    """

    baudrate: int = 9600
    framing: str = "8N1"
    dtr: bool = True
    rts: bool = True
    exclusive: bool = True
    timeout_ns: int = 2_000_000_000
    settle_ns: int = 0


@dataclass(frozen=True, slots=True)
class InstrumentSpec:
    """One instrument of a bench: its name, its driver, its port, and what the driver wants to know.

    port: a device (``/dev/ttyUSB0``, ``COM3``) or a URL of pyserial (``socket://host:port``). options: the driver's own
    keys as JSON values, in V, A and ns.

    >>> limits = {"max_voltage": 15.0, "max_current": 2.0}
    >>> spec = InstrumentSpec("supply", "scpi-supply", "/dev/ttyUSB0", options=limits)
    >>> InstrumentSpec.from_json(spec.to_json()) == spec
    True
    """

    name: str
    driver: str
    port: str
    settings: PortSettings = field(default_factory=PortSettings)
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As values that JSON knows."""
        return asdict(self) | {"options": dict(self.options)}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> InstrumentSpec:
        """The inverse of :meth:`to_json`. Raises :class:`~harness.errors.InstrumentError` when it is not one."""
        try:
            return cls(**{**content, "settings": PortSettings(**content["settings"])})
        except (KeyError, TypeError) as error:
            raise InstrumentError(f"this describes no instrument: {error!r} in {content!r}") from error


class Keys(Protocol):
    """An instrument's table in the bench file, read key by key (:class:`harness.bench.table.Table`)."""

    where: str
    """Where it stands in the file: ``"instruments.supply"``."""

    def error(self, text: str) -> Exception:
        """What to raise when something in the table is wrong."""

    def take(self, key: str, kind: type | tuple[type, ...], default: Any = None, *, required: bool = False) -> Any:
        """The key's value, of that kind; the default when the table does not have it."""

    def choice(self, key: str, choices: tuple[str, ...], default: str) -> str:
        """One of these words."""

    def duration(self, key: str, default: int | None = None) -> int | None:
        """A duration such as ``"2 s"``, ns."""

    def tables(self, key: str) -> Mapping[str, Keys]:
        """The tables in a table."""

    def done(self) -> None:
        """Refuse the keys that nobody took."""


def parse_quantity(text: str) -> Quantity:
    """Read a quantity written in a file. Raises :class:`~harness.errors.UnitError` for anything else.

    >>> parse_quantity("500 mA"), parse_quantity("13.8V")
    (500 mA, 13.8 V)
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise UnitError(f"{text!r} is no quantity; write for instance '12 V' or '500 mA'")
    return Quantity(float(match[1]), unit_named(match[2]))


def take_quantity(keys: Keys, key: str, unit: str) -> float:
    """A quantity that the table must have, as a number in that unit; more than 0."""
    text = keys.take(key, str, required=True)
    try:
        value = parse_quantity(text).to(unit)
    except UnitError as error:
        raise keys.error(f"{keys.where}.{key}: {error}") from error
    if value <= 0:
        raise keys.error(f"{keys.where}.{key} must be more than zero, not {text!r}")
    return value
