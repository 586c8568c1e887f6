"""The SCPI multimeter against an emulated one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from emulated import opened

from harness.errors import InstrumentError
from harness.instruments import InstrumentSpec, open_instrument
from harness.instruments.hooks import Hooks

pytest.importorskip("serial", reason="instruments need pyserial")
emulators = pytest.importorskip("harness.instruments.emulators", reason="pseudo-terminals exist on POSIX only")
Fault = emulators.Fault


@pytest.fixture
def emulated() -> Iterator[Any]:
    with emulators.MultimeterEmulator(voltage=13.8, current=0.25, resistance=120.0) as emulator:
        yield emulator


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def multimeter(emulated: Any, notes: list[str]) -> Iterator[Any]:
    instrument = opened(InstrumentSpec("meter", "scpi-multimeter", emulated.port), Hooks(notes.append))
    yield instrument
    instrument.disconnect()


def test_it_measures(multimeter: Any, notes: list[str]) -> None:
    assert (multimeter.voltage(), multimeter.current(), multimeter.resistance()) == (13.8, 0.25, 120.0)
    multimeter.check()
    assert multimeter.safe() == ""
    assert notes == ["meter: measured 13.8 V", "meter: measured 0.25 A", "meter: measured 120 ohm"]


def test_an_open_circuit_is_infinite_and_a_voltage_is_not(multimeter: Any, emulated: Any) -> None:
    emulated.resistance = emulated.voltage = float("inf")
    assert multimeter.resistance() == float("inf")
    with pytest.raises(InstrumentError, match=r"'MEAS:VOLT:DC[?]': expected a number of V, got an overload"):
        multimeter.voltage()


def test_not_a_number_is_no_number(multimeter: Any, emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulated, "answer", lambda word: "9.91E37")
    with pytest.raises(InstrumentError, match="not a number"):
        multimeter.resistance()


@pytest.mark.parametrize("fault", [Fault.SILENCE, Fault.GARBAGE, Fault.HALF, Fault.ECHO, Fault.COMMA])
def test_a_faulty_multimeter_is_found(multimeter: Any, emulated: Any, fault: Any) -> None:
    emulated.fault = fault
    with pytest.raises(InstrumentError, match=f"^meter on {emulated.port}: .*expected .*, got "):
        multimeter.voltage()


def test_what_is_no_multimeter_is_told(emulated: Any) -> None:
    with emulators.SupplyEmulator() as supply:
        meter = opened(InstrumentSpec("meter", "scpi-multimeter", supply.port))
        with pytest.raises(InstrumentError, match=r"'MEAS:RES[?]': .*no answer"):
            meter.resistance()
        meter.disconnect()


def test_an_exchanged_device_is_found(multimeter: Any, emulated: Any) -> None:
    emulated.identity = "another,device,2,2"
    with pytest.raises(InstrumentError, match="has it been exchanged"):
        multimeter.check()


def test_what_it_measures_may_depend_on_another_emulator() -> None:
    with (
        emulators.SupplyEmulator() as supply,
        emulators.MultimeterEmulator(voltage=lambda: supply.output.voltage) as it,
    ):
        meter: Any = open_instrument(InstrumentSpec("meter", "scpi-multimeter", it.port))
        supply.output.set_voltage, supply.output.on = 9.5, True
        assert meter.voltage() == 9.5
        meter.disconnect()
