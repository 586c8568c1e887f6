"""One table ``[instruments.NAME]`` of a bench file, read into a spec."""

from __future__ import annotations

from collections.abc import Callable

from harness.errors import ConfigError
from harness.instruments.drivers import driver_named
from harness.instruments.spec import FRAMINGS, InstrumentSpec, Keys, PortSettings

LONGEST_TIMEOUT_NS = 60_000_000_000
"""An instrument that needs a minute for an answer is none for a test."""
_BAUDRATES = range(50, 20_000_001)


def instrument_spec(name: str, keys: Keys, port: Callable[[str], str] = str) -> InstrumentSpec:
    """Read the table. port: makes what the file calls the port into what is opened (relative paths, environment).

    Raises what ``keys.error`` makes, for an unknown driver or key, a missing key, a wrong type or value.
    """
    named = keys.take("driver", str, required=True)
    try:
        driver = driver_named(named)
    except ConfigError as error:
        raise keys.error(f"{keys.where}.driver: {error}") from error
    where = port(keys.take("port", str, required=True))
    settings = _settings(keys, driver.settings)
    spec = InstrumentSpec(name, named, where, settings, driver.options(keys))
    keys.done()
    return spec


def _settings(keys: Keys, given: PortSettings) -> PortSettings:
    baudrate = keys.take("baudrate", int, given.baudrate)
    if baudrate not in _BAUDRATES:
        raise keys.error(f"{keys.where}.baudrate must lie between 50 and 20000000, not {baudrate}")
    timeout = keys.duration("timeout", given.timeout_ns) or given.timeout_ns
    settle = keys.duration("settle", given.settle_ns) or 0
    for key, value in (("timeout", timeout), ("settle", settle)):
        if value > LONGEST_TIMEOUT_NS:
            raise keys.error(f"{keys.where}.{key} must be at most 60 s")
    return PortSettings(
        baudrate=baudrate,
        framing=keys.choice("framing", FRAMINGS, given.framing),
        dtr=keys.take("dtr", bool, given.dtr),
        rts=keys.take("rts", bool, given.rts),
        exclusive=keys.take("exclusive", bool, given.exclusive),
        timeout_ns=timeout,
        settle_ns=settle,
    )
