"""The relay board against an emulated one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from emulated import opened, relay_spec

from harness.errors import ConfigError, InstrumentError
from harness.instruments import InstrumentSpec, open_instrument
from harness.instruments.hooks import Hooks

pytest.importorskip("serial", reason="instruments need pyserial")
emulators = pytest.importorskip("harness.instruments.emulators", reason="pseudo-terminals exist on POSIX only")
Fault, RelayBoardEmulator = emulators.Fault, emulators.RelayBoardEmulator

MAIN = {"name": "main", "relay": 0}
CHARGER = {"name": "charger", "relay": 11, "normally_closed": True, "safe": "closed"}
LAMP = {"name": "lamp", "relay": 3, "safe": "keep"}
HEATER = {"name": "heater", "relay": 5, "normally_closed": True, "safe": "open"}


@pytest.fixture
def emulated() -> Iterator[Any]:
    with RelayBoardEmulator(relays=16) as emulator:
        yield emulator


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def relay(emulated: Any, notes: list[str]) -> Iterator[Any]:
    instrument = opened(relay_spec(emulated.port, MAIN, CHARGER, LAMP, HEATER), Hooks(notes.append))
    yield instrument
    instrument.disconnect()


def test_contacts_by_name(relay: Any, emulated: Any, notes: list[str]) -> None:
    assert relay.contacts == ("main", "charger", "lamp", "heater")
    assert [relay.state(name) for name in relay.contacts] == ["open", "closed", "open", "closed"]
    relay.close("main")
    relay.open("charger")
    assert emulated.driven[0] and emulated.driven[11] and sum(emulated.driven) == 2
    assert (relay.state("main"), relay.state("charger")) == ("closed", "open")
    relay.open("main")
    relay.close("charger")
    assert not any(emulated.driven)
    relay.check()
    assert notes[:2] == ["relay: main closed (read back)", "relay: charger open (read back)"]
    assert relay.identity == "Numato relay module, version A0000008"


def test_opening_moves_nothing(emulated: Any) -> None:
    emulated.driven[0] = True
    open_instrument(relay_spec(emulated.port, MAIN)).disconnect()
    assert emulated.driven[0]


def test_a_contact_that_does_not_exist(relay: Any, emulated: Any) -> None:
    before = len(emulated.received)
    with pytest.raises(
        InstrumentError, match="relay has no contact 'mian'; it has main, charger, lamp, heater; did you mean 'main'"
    ):
        relay.close("mian")
    assert len(emulated.received) == before


def test_a_board_with_fewer_relays_is_found_at_once() -> None:
    with RelayBoardEmulator(relays=2) as small, pytest.raises(InstrumentError, match="has the board a relay 11"):
        open_instrument(relay_spec(small.port, MAIN, CHARGER))


def test_a_half_typed_command_does_not_disturb(emulated: Any) -> None:
    emulated._rest = b"relay on 1"
    relay = open_instrument(relay_spec(emulated.port, MAIN))
    assert relay.state("main") == "open"  # type: ignore[attr-defined]
    relay.disconnect()


@pytest.mark.parametrize(
    ("fault", "got"),
    [
        (Fault.SILENCE, "got no answer within 200 ms"),
        (Fault.DEAF, "got no answer within 200 ms"),
        (Fault.GARBAGE, r"got half an answer, b'\\xff"),
        (Fault.HALF, "got half an answer, b'relay"),
        (Fault.STUCK, "expected .*main closed.*got"),
    ],
)
def test_a_faulty_board_is_found(relay: Any, emulated: Any, fault: Any, got: str) -> None:
    emulated.fault = fault
    with pytest.raises(InstrumentError, match=f"^relay on {emulated.port}: .*{got.replace('main closed', '')}"):
        relay.close("main")


def test_a_device_of_another_kind_is_refused() -> None:
    with (
        emulators.ConsoleEmulator(answers={"ver": "hello>"}) as other,
        pytest.raises(InstrumentError, match="no answer"),
    ):
        open_instrument(relay_spec(other.port, MAIN))


def test_an_answer_to_something_else_is_refused(relay: Any, emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulated, "handle", lambda command: b"relay read 7\n\ron\n\r>")
    with pytest.raises(InstrumentError, match="expected the command's echo, got b'relay read 7"):
        relay.state("main")


def test_a_state_that_is_neither_is_refused(relay: Any, emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulated, "handle", lambda command: f"{command}\n\rmaybe\n\r>".encode())
    with pytest.raises(InstrumentError, match="expected on or off, got 'maybe'"):
        relay.state("main")


def test_a_reset_is_found_by_a_check(relay: Any, emulated: Any) -> None:
    relay.close("main")
    emulated.reset()
    with pytest.raises(
        InstrumentError, match="expected contact 'main' closed, as it was switched, got open; was the board"
    ):
        relay.check()


def test_the_safe_state_is_reached_as_declared(relay: Any, emulated: Any) -> None:
    relay.close("main")
    relay.open("charger")
    relay.close("lamp")
    assert relay.safe() == "main open and charger closed and heater open"
    assert [number for number, driven in enumerate(emulated.driven) if driven] == [3, 5]
    moves = [command for command in emulated.received if " on " in command or " off " in command]
    assert moves[-3:] == ["relay off 0", "relay off B", "relay on 5"]
    assert relay.safe() == "main open and charger closed and heater open"


@pytest.mark.parametrize("fault", [Fault.SILENCE, Fault.GARBAGE, Fault.HALF])
def test_a_board_that_does_not_answer_is_made_safe_all_the_same(relay: Any, emulated: Any, fault: Any) -> None:
    relay.close("main")
    emulated.fault = fault
    with pytest.raises(InstrumentError):
        relay.safe()
    emulated.wait_for(lambda: not emulated.driven[0] and emulated.driven[5])


def test_a_contact_that_sticks_is_named(relay: Any, emulated: Any) -> None:
    relay.close("main")
    emulated.fault = Fault.STUCK
    with pytest.raises(
        InstrumentError,
        match="expected main open and charger closed and heater open, got main closed and heater closed",
    ):
        relay.safe()


def test_unplugged_and_plugged_in_again(relay: Any, emulated: Any) -> None:
    relay.close("main")
    emulated.unplug()
    with pytest.raises(InstrumentError, match="its port is gone"):
        relay.state("main")
    emulated.plug()
    assert relay.safe().startswith("main open")


def test_a_contact_that_was_declared_wrongly(emulated: Any) -> None:
    with pytest.raises(ConfigError, match="contacts of instrument 'relay'"):
        open_instrument(InstrumentSpec("relay", "numato-relay", emulated.port, options={"contacts": [{"nam": "main"}]}))
