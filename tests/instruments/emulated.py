"""Specs for emulated instruments, and drivers that do not wait long for what is not going to come."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.instruments import InstrumentSpec, PortSettings, open_instrument
from harness.instruments.hooks import Hooks

LIMITS = {"max_voltage": 15.0, "max_current": 2.0}
SHORT_NS = 200_000_000


def supply_spec(
    port: str, name: str = "supply", settings: PortSettings | None = None, **options: Any
) -> InstrumentSpec:
    return InstrumentSpec(name, "scpi-supply", port, settings or PortSettings(), LIMITS | options)


def relay_spec(port: str, *contacts: dict[str, Any], name: str = "relay") -> InstrumentSpec:
    return InstrumentSpec(
        name, "numato-relay", port, options={"contacts": list(contacts) or [{"name": "main", "relay": 0}]}
    )


def console_spec(port: str, name: str = "console", settings: PortSettings | None = None) -> InstrumentSpec:
    return InstrumentSpec(name, "console", port, settings or PortSettings())


def opened(spec: InstrumentSpec, hooks: Hooks | None = None) -> Any:
    """Opened with its own timeout; from then on it waits 200 ms only, as the tests break it now."""
    instrument: Any = open_instrument(spec, hooks)
    instrument._port.settings = replace(instrument._port.settings, timeout_ns=SHORT_NS)
    return instrument
