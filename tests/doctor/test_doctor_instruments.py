"""The instruments of a bench: asked who they are, changed in nothing; what does not answer, or hangs, is a finding."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from doctor_rig import examine, hearing, one

from harness.bench.blueprint import Blueprint
from harness.doctor import instruments
from harness.doctor.finding import Mark, can_run
from harness.instruments.roles import Instrument
from harness.instruments.spec import InstrumentSpec

MakeBench = Callable[..., Blueprint]

pytest.importorskip("serial", reason="instruments need pyserial")
emulators = pytest.importorskip("harness.instruments.emulators", reason="pseudo-terminals exist on POSIX only")


def supply_on(port: str, timeout: str = "200 ms") -> str:
    return (
        f'[instruments.supply]\ndriver = "scpi-supply"\nport = "{port}"\ntimeout = "{timeout}"\n'
        'max_voltage = "15 V"\nmax_current = "5 A"\n'
    )


def test_an_instrument_says_who_it_is(bench: MakeBench) -> None:
    with emulators.SupplyEmulator() as supply:
        findings = examine(bench(more=supply_on(supply.port)), hearing())
        asked = list(supply.received)
    found = one(findings, "instrument", "supply")
    assert found.mark is Mark.OK
    assert found.text == f"power supply on {supply.port}, output off: vehicle-harness,emulated supply,1,1.0"
    assert found.facts["identity"] == "vehicle-harness,emulated supply,1,1.0"
    assert all(command.endswith("?") for command in asked), asked


def test_silence_is_excused_while_the_supply_is_off(bench: MakeBench) -> None:
    with emulators.SupplyEmulator() as supply:
        blueprint = bench(more=supply_on(supply.port))
        found = one(examine(blueprint, hearing()), "traffic")
        assert found.mark is Mark.WARN
        assert "the power supply is off" in found.text
        supply.output.on = True
        assert one(examine(blueprint, hearing()), "traffic").mark is Mark.FAIL


@pytest.mark.parametrize("fault", ["SILENCE", "GARBAGE"])
def test_an_instrument_that_does_not_answer(bench: MakeBench, fault: str) -> None:
    with emulators.SupplyEmulator() as supply:
        supply.fault = emulators.Fault[fault]
        findings = examine(bench(more=supply_on(supply.port)), hearing())
    found = one(findings, "instrument", "supply")
    assert found.mark is Mark.FAIL
    assert supply.port in found.text
    assert not can_run(findings)


def test_an_instrument_that_is_not_there(bench: MakeBench) -> None:
    found = one(examine(bench(more=supply_on("/dev/ttyNobody0")), hearing()), "instrument", "supply")
    assert found.mark is Mark.FAIL
    assert "/dev/ttyNobody0" in found.text


def test_an_instrument_that_hangs(bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instruments, "LIMIT_S", 0.2)
    released = threading.Event()

    def hang(spec: InstrumentSpec) -> Instrument:
        released.wait()
        raise RuntimeError("too late")

    before = set(threading.enumerate())
    try:
        blueprint = bench(more=supply_on("/dev/ttyUSB0"))
        found = one(examine(blueprint, hearing(), open_instrument=hang), "instrument", "supply")
    finally:
        released.set()
        for thread in set(threading.enumerate()) - before:
            thread.join(10)
    assert found.mark is Mark.FAIL
    assert "hangs: no answer for 0.2 s" in found.text
