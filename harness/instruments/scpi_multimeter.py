"""A multimeter that speaks SCPI: ``MEAS:VOLT:DC?``, ``MEAS:CURR:DC?``, ``MEAS:RES?`` (SCPI-99 volume 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from harness.instruments.hooks import Hooks
from harness.instruments.options import options_of
from harness.instruments.port import Port
from harness.instruments.roles import MULTIMETER
from harness.instruments.scpi import ENDS, Scpi
from harness.instruments.spec import InstrumentSpec, Keys, PortSettings


@dataclass(frozen=True, slots=True)
class MultimeterOptions:
    """identity: text that its ``*IDN?`` must hold. end: what ends a command."""

    identity: str = ""
    end: str = "LF"


class ScpiMultimeter:
    """See :class:`harness.instruments.roles.Multimeter`."""

    role: ClassVar[str] = MULTIMETER
    settings: ClassVar[PortSettings] = PortSettings()
    has_safe_state: ClassVar[bool] = False

    def __init__(self, spec: InstrumentSpec, hooks: Hooks) -> None:
        options = options_of(MultimeterOptions, spec)
        self.name, self.where = spec.name, spec.port
        self._note = hooks.note
        self._port = Port(spec.name, spec.port, spec.settings)
        try:
            self._scpi = Scpi(self._port, ENDS[options.end], options.identity, self._note)
        except BaseException:
            self._port.disconnect()
            raise
        self.identity = self._scpi.identity

    @classmethod
    def options(cls, keys: Keys) -> dict[str, Any]:
        """See :class:`harness.instruments.drivers.Driver`."""
        return {"identity": keys.take("identity", str, ""), "end": keys.choice("end", tuple(ENDS), "LF")}

    def voltage(self) -> float:
        """See :meth:`harness.instruments.roles.Multimeter.voltage`."""
        return self._finite("MEAS:VOLT:DC?", "V")

    def current(self) -> float:
        """See :meth:`harness.instruments.roles.Multimeter.current`."""
        return self._finite("MEAS:CURR:DC?", "A")

    def resistance(self) -> float:
        """See :meth:`harness.instruments.roles.Multimeter.resistance`."""
        return self._measured("MEAS:RES?", "ohm")

    @property
    def lost(self) -> str:
        """See :attr:`harness.instruments.roles.Instrument.lost`."""
        return self._port.lost

    def check(self) -> None:
        """See :meth:`harness.instruments.roles.Instrument.check`."""
        identity = self._scpi.ask("*IDN?", repr(self.identity))
        if identity != self.identity:
            raise self._port.error(f"'*IDN?': expected {self.identity!r}, got {identity!r}; has it been exchanged?")

    def safe(self) -> str:
        """It needs no safe state."""
        return ""

    def disconnect(self) -> None:
        """See :meth:`harness.instruments.roles.Instrument.disconnect`."""
        self._port.disconnect()

    def _finite(self, question: str, unit: str) -> float:
        value = self._measured(question, unit)
        if abs(value) == float("inf"):
            raise self._port.error(f"{question!r}: expected a number of {unit}, got an overload; choose its range")
        return value

    def _measured(self, question: str, unit: str) -> float:
        value = self._scpi.measure(question, f"a number of {unit}")
        self._note(f"{self.name}: measured {value:g} {unit}")
        return value
