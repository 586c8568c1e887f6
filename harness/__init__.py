"""vehicle-harness: test vehicle software with pytest, in virtual time, on a bench, over a log.

Everything a test needs is importable from here, and loaded only when it is used, so that a pytest run that does not
touch the harness pays nothing.

>>> from harness import ms
>>> 80 * ms
80 ms
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from harness.bench import (
        Bench,
        BitFault,
        Blueprint,
        Silence,
        Stimulus,
        UnknownFrame,
        WrongCounter,
        WrongCrc,
        WrongLength,
    )
    from harness.ecu import Ecu, RxMessage, StateMachine, every, on_message, on_protection_error, on_signal
    from harness.errors import Blocked, ExpectationFailed, HarnessError, Inconclusive
    from harness.frames import Frame
    from harness.monitors.contract import bus_contract
    from harness.plant import Plant, Role
    from harness.temporal.operators import (
        always,
        change,
        delay,
        derivative,
        eventually,
        fall,
        held_for,
        rise,
        until,
    )
    from harness.units import (
        A,
        Ah,
        Duration,
        Hz,
        K,
        Nm,
        Quantity,
        V,
        W,
        bar,
        deg,
        degC,
        km,
        kmh,
        kohm,
        kPa,
        kW,
        kWh,
        m,
        mA,
        minute,
        mps,
        mps2,
        ms,
        mV,
        ns,
        ohm,
        ohm_per_V,
        percent,
        rpm,
        s,
        us,
    )

_HOMES = {
    "harness.bench": "Bench BitFault Blueprint Silence Stimulus UnknownFrame WrongCounter WrongCrc WrongLength",
    "harness.ecu": "Ecu RxMessage StateMachine every on_message on_protection_error on_signal",
    "harness.errors": "Blocked ExpectationFailed HarnessError Inconclusive",
    "harness.frames": "Frame",
    "harness.monitors.contract": "bus_contract",
    "harness.plant": "Plant Role",
    "harness.temporal.operators": "always change delay derivative eventually fall held_for rise until",
    "harness.units": "A Ah Duration Hz K Nm Quantity V W bar deg degC kPa kW kWh km kmh kohm m mA mV minute mps mps2 ms"
    " ns ohm ohm_per_V percent rpm s us",
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names.split()}

__all__ = [
    "A",
    "Ah",
    "Bench",
    "BitFault",
    "Blocked",
    "Blueprint",
    "Duration",
    "Ecu",
    "ExpectationFailed",
    "Frame",
    "HarnessError",
    "Hz",
    "Inconclusive",
    "K",
    "Nm",
    "Plant",
    "Quantity",
    "Role",
    "RxMessage",
    "Silence",
    "StateMachine",
    "Stimulus",
    "UnknownFrame",
    "V",
    "W",
    "WrongCounter",
    "WrongCrc",
    "WrongLength",
    "always",
    "bar",
    "bus_contract",
    "change",
    "deg",
    "degC",
    "delay",
    "derivative",
    "eventually",
    "every",
    "fall",
    "held_for",
    "kPa",
    "kW",
    "kWh",
    "km",
    "kmh",
    "kohm",
    "m",
    "mA",
    "mV",
    "minute",
    "mps",
    "mps2",
    "ms",
    "ns",
    "ohm",
    "ohm_per_V",
    "on_message",
    "on_protection_error",
    "on_signal",
    "percent",
    "rise",
    "rpm",
    "s",
    "until",
    "us",
]


def __getattr__(name: str) -> object:
    try:
        home = _HOME_OF[name]
    except KeyError:
        raise AttributeError(f"module 'harness' has no attribute {name!r}") from None
    return getattr(import_module(home), name)
