"""The instruments of a bench: by name, by role, all or none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from emulated import console_spec, relay_spec, supply_spec

from harness.errors import Blocked, InstrumentError
from harness.instruments import Instruments, InstrumentSpec, open_instrument, open_instruments
from harness.units import s
from harness.wall import clock_ns

pytest.importorskip("serial", reason="instruments need pyserial")
emulators = pytest.importorskip("harness.instruments.emulators", reason="pseudo-terminals exist on POSIX only")


class Rig:
    """One emulator of each kind."""

    def __init__(self, supply: Any, relay: Any, meter: Any, ecu: Any) -> None:
        self.supply, self.relay, self.meter, self.ecu = supply, relay, meter, ecu
        self.specs = [
            supply_spec(supply.port),
            relay_spec(relay.port),
            InstrumentSpec("meter", "scpi-multimeter", meter.port),
            console_spec(ecu.port, "ecu"),
        ]


@pytest.fixture
def rig() -> Iterator[Rig]:
    with (
        emulators.SupplyEmulator() as supply,
        emulators.RelayBoardEmulator() as relay,
        emulators.MultimeterEmulator() as meter,
        emulators.ConsoleEmulator() as ecu,
    ):
        yield Rig(supply, relay, meter, ecu)


def test_by_name_and_by_role(rig: Rig) -> None:
    notes: list[str] = []
    lines: list[tuple[str, str]] = []
    instruments = open_instruments(
        rig.specs, note=notes.append, on_line=lambda name, time, text: lines.append((name, text))
    )
    assert [each.name for each in instruments] == ["supply", "relay", "meter", "ecu"] and len(instruments) == 4
    assert instruments.supply() is instruments["supply"] is instruments.supply("supply")
    assert instruments.relay() is instruments["relay"]
    assert instruments.multimeter() is instruments["meter"]
    assert instruments.console() is instruments["ecu"]
    instruments.check()
    rig.ecu.print("hello\n")
    instruments.console().expect("hello", within=10 * s)
    instruments.disconnect()
    instruments.disconnect()
    assert lines == [("ecu", "hello")]
    assert notes[0] == f"supply: vehicle-harness,emulated supply,1,1.0 on {rig.supply.port}"


def test_what_the_bench_does_not_have(rig: Rig) -> None:
    instruments = open_instruments([rig.specs[0], supply_spec_of(rig)])
    with pytest.raises(Blocked, match="2 instruments of the role power supply: name one of supply, other"):
        instruments.supply()
    assert instruments.supply("other").name == "other"
    with pytest.raises(Blocked, match=r"no console; it has supply \(power supply\), other \(power supply\)"):
        instruments.console()
    with pytest.raises(Blocked, match="no instrument 'suply'; it has supply, other; did you mean 'supply'"):
        instruments.supply("suply")
    with pytest.raises(Blocked, match="instrument 'supply' of this bench is a power supply, not a relay"):
        instruments.relay("supply")
    instruments.disconnect()
    with pytest.raises(Blocked, match=r"its bench file has no table \[instruments\]"):
        Instruments()["supply"]
    with pytest.raises(Blocked, match="it has no instrument at all"):
        Instruments().supply()


def supply_spec_of(rig: Rig) -> InstrumentSpec:
    """The multimeter's port speaks SCPI too: enough to be taken for a supply that is off."""
    answers = {"OUTP": "0"}
    normal = rig.meter.answer
    rig.meter.answer = lambda word: answers.get(word) or normal(word)
    return supply_spec(rig.meter.port, "other")


def test_all_or_none(rig: Rig) -> None:
    rig.meter.fault = emulators.Fault.DEAF
    with pytest.raises(InstrumentError, match=r"^meter on "):
        open_instruments(rig.specs)
    open_instrument(rig.specs[0]).disconnect()  # those before were let go of


def test_a_console_that_fails_says_which(rig: Rig) -> None:
    failures: list[tuple[str, InstrumentError]] = []
    instruments = open_instruments(rig.specs, on_failure=lambda name, error: failures.append((name, error)))
    rig.ecu.unplug()
    with pytest.raises(InstrumentError, match=r"^ecu on .*: its port is gone"):
        instruments.console().expect("x", within=10 * s)
    instruments.disconnect()
    assert [(name, str(error).startswith("ecu on ")) for name, error in failures] == [("ecu", True)]


def test_a_check_names_the_one_that_is_not_as_it_was_left(rig: Rig) -> None:
    instruments = open_instruments(rig.specs)
    instruments.relay().close("main")
    rig.relay.reset()
    with pytest.raises(InstrumentError, match=r"^relay on .*was the board reset"):
        instruments.check()
    instruments.disconnect()


def test_what_was_unplugged_is_opened_anew(rig: Rig) -> None:
    instruments = open_instruments(rig.specs)
    before = {each.name: each for each in instruments}
    emulated = {"supply": rig.supply, "relay": rig.relay, "meter": rig.meter, "ecu": rig.ecu}
    for emulator in emulated.values():
        emulator.unplug()
    for each in instruments:
        until = clock_ns() + 30_000_000_000
        while not each.lost and clock_ns() < until:  # the console's reader finds out by itself
            with suppress(InstrumentError):
                each.check()
        assert each.lost
    with pytest.raises(InstrumentError, match="cannot be opened"):
        instruments.renew()
    for emulator in emulated.values():
        emulator.plug()
    instruments.renew()
    instruments.check()
    assert not any(each is before[each.name] or each.lost for each in instruments)
    now = list(instruments)
    instruments.renew()
    assert list(instruments) == now, "what is there stays as it is"
    instruments.disconnect()
