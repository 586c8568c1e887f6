"""The tables ``[instruments.NAME]`` of a bench file."""

from __future__ import annotations

import json
import pickle
import tomllib
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Any, ClassVar

import pytest

from harness.bench.instruments import instruments_of
from harness.bench.table import Table
from harness.errors import BenchFileError, ConfigError, InstrumentError, UnitError
from harness.instruments import InstrumentSpec, PortSettings, open_instruments
from harness.instruments.drivers import driver_named
from harness.instruments.hooks import Hooks
from harness.instruments.spec import Keys, parse_quantity

BENCH = Path("/somewhere/benches/bench.toml")
ALL = """
[instruments.supply]
driver = "scpi-supply"
port = "/dev/ttyUSB0"
max_voltage = "15 V"
max_current = "500 mA"
baudrate = 115200
framing = "8E2"
dtr = false
rts = false
exclusive = false
timeout = "500 ms"
settle = "2 s"
channel = 2
identity = "RIGOL"
end = "CR LF"

[instruments.relays]
driver = "numato-relay"
port = "/dev/ttyACM0"
[instruments.relays.contacts]
main = { relay = 0 }
charger = { relay = 11, normally_closed = true, safe = "closed" }
lamp = { relay = 2, safe = "keep" }

[instruments.meter]
driver = "scpi-multimeter"
port = "socket://10.0.0.7:5025"

[instruments.console]
driver = "console"
port = "COM4"
encoding = "latin-1"
"""


def read(text: str) -> tuple[InstrumentSpec, ...]:
    return instruments_of(Table(BENCH, "", tomllib.loads(text)))


def test_every_key() -> None:
    supply, relays, meter, console = read(ALL)
    assert supply == InstrumentSpec(
        "supply",
        "scpi-supply",
        "/dev/ttyUSB0",
        PortSettings(115_200, "8E2", False, False, False, 500_000_000, 2_000_000_000),
        {"max_voltage": 15.0, "max_current": 0.5, "channel": 2, "identity": "RIGOL", "end": "CR LF"},
    )
    assert relays.settings == PortSettings(baudrate=19_200)
    assert relays.options == {
        "contacts": [
            {"name": "main", "relay": 0, "normally_closed": False, "safe": "open"},
            {"name": "charger", "relay": 11, "normally_closed": True, "safe": "closed"},
            {"name": "lamp", "relay": 2, "normally_closed": False, "safe": "keep"},
        ]
    }
    assert (meter.port, meter.settings, meter.options) == (
        "socket://10.0.0.7:5025", PortSettings(), {"identity": "", "end": "LF"},
    )  # fmt: skip
    assert console.settings.baudrate == 115_200 and console.options == {"encoding": "latin-1"}


@pytest.mark.parametrize("spec", read(ALL), ids=lambda spec: spec.name)
def test_a_spec_crosses_processes(spec: InstrumentSpec) -> None:
    assert pickle.loads(pickle.dumps(spec)) == spec
    assert InstrumentSpec.from_json(json.loads(json.dumps(spec.to_json()))) == spec


def test_what_is_no_spec() -> None:
    with pytest.raises(InstrumentError, match="describes no instrument"):
        InstrumentSpec.from_json({"name": "x", "settings": {"baud": 1}})


def changed(old: str, new: str) -> str:
    assert old in ALL
    return ALL.replace(old, new)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (changed('driver = "scpi-supply"', ""), "instruments.supply needs the key 'driver'"),
        (changed('"scpi-supply"', '"scpi-suply"'), "no instrument driver 'scpi-suply'; did you mean 'scpi-supply'"),
        (changed('port = "/dev/ttyUSB0"', ""), "instruments.supply needs the key 'port'"),
        (changed('port = "/dev/ttyUSB0"', "port = 3"), "instruments.supply.port must be text, not 3"),
        (changed('max_voltage = "15 V"', ""), "instruments.supply needs the key 'max_voltage'"),
        (changed('"15 V"', "15"), "instruments.supply.max_voltage must be text, not 15"),
        (changed('"15 V"', '"15 A"'), "instruments.supply.max_voltage: 15 A is a current"),
        (changed('"15 V"', '"15"'), "instruments.supply.max_voltage: '15' is no quantity; write for instance '12 V'"),
        (changed('"15 V"', '"15 Volts"'), "instruments.supply.max_voltage: unit 'Volts' is not known"),
        (changed('"15 V"', '"0 V"'), "max_voltage must be more than zero"),
        (changed('"15 V"', '"-3 V"'), "max_voltage must be more than zero"),
        (changed("max_current", "max_curent"), "instruments.supply needs the key 'max_current'"),
        (changed("dtr = false", "dtR = false"), "unknown key 'instruments.supply.dtR'; did you mean 'dtr'"),
        (changed("dtr = false", "dtr = 0"), "instruments.supply.dtr must be true or false"),
        (changed("115200", "0"), "baudrate must lie between 50 and 20000000, not 0"),
        (changed("115200", '"fast"'), "baudrate must be a whole number"),
        (changed('"8E2"', '"9N1"'), "framing must be one of"),
        (changed('"500 ms"', '"5 min"'), "timeout must be at most 60 s"),
        (changed('"500 ms"', '"500"'), "timeout: '500' is no duration"),
        (changed('"CR LF"', '"EOL"'), "end must be one of LF, CR LF, CR"),
        (changed("{ relay = 0 }", "{ relay = 32 }"), "contacts.main.relay must lie between 0 and 31"),
        (changed("{ relay = 0 }", "{ }"), "contacts.main needs the key 'relay'"),
        (changed("{ relay = 0 }", "{ relay = 2 }"), "contact 'main' has relay 2 already"),
        (changed("{ relay = 0 }", "{ relay = 0, saef = 'open' }"), "'instruments.relays.contacts.main.saef'; did you"),
        (changed('"keep"', '"off"'), "safe must be one of open, closed, keep"),
        (changed('"latin-1"', '"latin-one"'), "Python knows no encoding 'latin-one'"),
        (changed('"COM4"', '"/dev/ttyUSB0"'), "/dev/ttyUSB0 is the port of instrument 'supply' already"),
        ('[instruments.relays]\ndriver = "numato-relay"\nport = "x"', "instruments.relays has no contact"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_the_place(text: str, why: str) -> None:
    with pytest.raises(BenchFileError) as caught:
        read(text)
    assert str(caught.value).startswith(f"{BENCH}: ") and why in str(caught.value)


def test_ports_relative_to_the_file_and_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUPPLY_PORT", "/dev/serial/by-id/usb-1")
    assert read(changed("/dev/ttyUSB0", "$SUPPLY_PORT"))[0].port == "/dev/serial/by-id/usb-1"
    assert read(changed("/dev/ttyUSB0", "../reports/ports/supply"))[0].port == "/somewhere/reports/ports/supply"
    monkeypatch.delenv("SUPPLY_PORT")
    with pytest.raises(BenchFileError, match=r"instruments.supply.port = '.SUPPLY_PORT' names a variable"):
        read(changed("/dev/ttyUSB0", "$SUPPLY_PORT"))


@pytest.mark.parametrize("text", ["", "V", "12", "12 V V", "1,5 V", "twelve V", "0x1 V"])
def test_what_is_no_quantity(text: str) -> None:
    with pytest.raises(UnitError):
        parse_quantity(text)


# -- drivers of third parties ------------------------------------------------------------------------------------------


class Siren:
    """A third party's instrument, with a role of its own."""

    role: ClassVar[str] = "siren"
    settings: ClassVar[PortSettings] = PortSettings(baudrate=300)
    has_safe_state: ClassVar[bool] = True

    def __init__(self, spec: InstrumentSpec, hooks: Hooks) -> None:
        self.name, self.where, self.identity = spec.name, spec.port, "a siren"
        self.loud = spec.options["loud"]
        hooks.note(f"{self.name}: wails")

    @classmethod
    def options(cls, keys: Keys) -> dict[str, Any]:
        return {"loud": keys.take("loud", bool, False)}

    def check(self) -> None:
        pass

    def safe(self) -> str:
        return "quiet"

    def disconnect(self) -> None:
        pass


@pytest.fixture
def third_party(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("siren", f"{__name__}:Siren", "harness.instruments")
    monkeypatch.setattr(
        "importlib.metadata.entry_points", lambda group: EntryPoints([point] if group == point.group else [])
    )


@pytest.mark.usefixtures("third_party")
def test_a_third_partys_driver() -> None:
    (spec,) = read('[instruments.siren]\ndriver = "siren"\nport = "COM1"\nloud = true')
    assert spec == InstrumentSpec("siren", "siren", "COM1", PortSettings(baudrate=300), {"loud": True})
    notes: list[str] = []
    instruments = open_instruments([spec], note=notes.append)
    siren: Any = instruments.of_role("siren")
    assert siren.loud and notes == ["siren: wails", "siren: a siren on COM1"]
    with pytest.raises(BenchFileError, match=r"unknown key 'instruments.siren.lound'; did you mean 'loud'"):
        read('[instruments.siren]\ndriver = "siren"\nport = "COM1"\nlound = true')


@pytest.mark.usefixtures("third_party")
def test_the_drivers_that_there_are_are_named() -> None:
    with pytest.raises(ConfigError, match="known: scpi-supply, scpi-multimeter, numato-relay, console, siren"):
        driver_named("x")
