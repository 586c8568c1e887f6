"""Drivers by name: those of the harness, and those of third parties (entry points ``harness.instruments``)."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Protocol, cast

from harness.errors import ConfigError, nearest
from harness.instruments.hooks import Hooks
from harness.instruments.roles import Instrument
from harness.instruments.spec import InstrumentSpec, Keys, PortSettings

ENTRY_POINTS = "harness.instruments"

_OWN = {
    "scpi-supply": "harness.instruments.scpi_supply:ScpiSupply",
    "scpi-multimeter": "harness.instruments.scpi_multimeter:ScpiMultimeter",
    "numato-relay": "harness.instruments.numato_relay:NumatoRelay",
    "console": "harness.instruments.serial_console:SerialConsole",
}


class Driver(Protocol):
    """How one kind of device is driven: a class whose instances fill a role, or any object with these members."""

    @property
    def role(self) -> str:
        """Which role its instruments fill; see :mod:`harness.instruments.roles`."""

    @property
    def settings(self) -> PortSettings:
        """How its port is opened, unless the bench file says otherwise."""

    @property
    def has_safe_state(self) -> bool:
        """Whether its instruments have to be brought into a safe state."""

    def options(self, keys: Keys) -> dict[str, Any]:
        """The driver's own keys of the bench file, checked, as JSON values; they come back in the spec's options.

        Every key must be taken (``keys.take``), and what is wrong raised (``raise keys.error(text)``). It opens
        nothing.
        """

    def __call__(self, spec: InstrumentSpec, hooks: Hooks) -> Instrument:
        """Open the instrument, and change nothing about it.

        Raises :class:`~harness.errors.InstrumentError` when it is not there or is something else.
        """


def driver_named(name: str) -> Driver:
    """The driver of that name. Raises :class:`~harness.errors.ConfigError` with the nearest one."""
    if name in _OWN:
        module, _, member = _OWN[name].partition(":")
        return cast(Driver, getattr(import_module(module), member))
    from importlib.metadata import entry_points  # slow to import, and seldom needed

    makers = entry_points(group=ENTRY_POINTS)
    if name in makers.names:
        return cast(Driver, makers[name].load())
    known = [*_OWN, *sorted(makers.names)]
    raise ConfigError(f"no instrument driver {name!r}{nearest(name, known) or '; known: ' + ', '.join(known)}")
