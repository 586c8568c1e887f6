"""The emulators, spoken to without our drivers: what users' own drivers will meet."""

from __future__ import annotations

from typing import Any

import pytest

from harness.units import ms

serial = pytest.importorskip("serial", reason="instruments need pyserial")
emulators = pytest.importorskip("harness.instruments.emulators", reason="pseudo-terminals exist on POSIX only")
Fault = emulators.Fault


def said(port: str, text: bytes, ends: bytes = b"\n") -> bytes:
    with serial.Serial(port, timeout=10) as device:
        device.write(text)
        return bytes(device.read_until(ends))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("*IDN?", b"vehicle-harness,emulated supply,1,1.0\r\n"),
        ("VOLT 12;", b""),
        (":SOURce:VOLTage?", b"12.500\r\n"),
        ("volt?", b"12.500\r\n"),
        ("OUTPUT:STATE?", b"1\r\n"),
        ("MEASure:CURRent?", b"1.0000\r\n"),
        ("MEAS:VOLT?", b"5.0000\r\n"),
        ("SYSTem:ERRor:NEXT?", b'0,"No error"\r\n'),
        ("SYST:ERR?", b'0,"No error"\r\n'),
    ],
)
def test_the_supply_knows_short_and_long_forms(question: str, answer: bytes) -> None:
    with emulators.SupplyEmulator(load_ohm=5.0) as supply:
        supply.output.set_voltage, supply.output.on = 12.5, True
        if answer:
            assert said(supply.port, question.encode() + b"\n") == answer


@pytest.mark.parametrize(
    ("command", "error"),
    [
        ("VOLT 61", b"-222"),
        ("CURR 10.5", b"-222"),
        ("VOLT -1", b"-222"),
        ("VOLT much", b"-224"),
        ("OUTP MAYBE", b"-224"),
        ("INST:NSEL 2", b"-222"),
        ("FOO 1", b"-113"),
        ("FOO?", b"-113"),
    ],
)
def test_the_supply_puts_what_it_refuses_into_its_queue(command: str, error: bytes) -> None:
    with emulators.SupplyEmulator() as supply:
        assert said(supply.port, command.encode() + b"\nSYST:ERR?\n").startswith(error)
        assert said(supply.port, b"SYST:ERR?\n").startswith(b"0,")


def test_a_short_circuit_draws_the_current_limit() -> None:
    output = emulators.supply.Output(set_voltage=12.0, current_limit=1.5, on=True, load_ohm=0.0)
    assert (output.voltage, output.current) == (0.0, 1.5)


def test_the_relay_board_echoes_and_prompts() -> None:
    with emulators.RelayBoardEmulator() as board:
        assert said(board.port, b"relay on 0\r", b">") == b"relay on 0\n\r>"
        assert said(board.port, b"relay read 0\r", b">") == b"relay read 0\n\ron\n\r>"
        assert said(board.port, b"relay read 9\r", b">") == b"relay read 9\n\r>"
        board.reset()
        assert said(board.port, b"relay read 0\r", b">") == b"relay read 0\n\roff\n\r>"


def test_faults_begin_and_end_when_they_are_set() -> None:
    with emulators.SupplyEmulator() as supply:
        supply.fault = Fault.HALF
        with serial.Serial(supply.port, timeout=10) as device:
            device.write(b"VOLT?\n")
            assert device.read(2) == b"0."  # of 0.000
            supply.fault = None
            device.write(b"VOLT?\n")
            assert b"0.000" in device.read_until(b"\n")


def test_a_command_that_does_not_come_is_told() -> None:
    with emulators.SupplyEmulator() as supply, pytest.raises(TimeoutError, match=r"not within 0.01 s"):
        supply.wait_for(lambda: supply.output.on, 0.01)


def test_outside_its_block_there_is_none() -> None:
    with pytest.raises(RuntimeError, match="SupplyEmulator is there inside its with block only"):
        _ = emulators.SupplyEmulator().port


def test_the_port_is_the_same_after_plugging_it_in_again() -> None:
    with emulators.SupplyEmulator() as supply:
        port = supply.port
        supply.unplug()
        supply.unplug()
        with pytest.raises(serial.SerialException):
            serial.Serial(port)
        supply.plug()
        supply.plug()
        assert supply.port == port and said(port, b"OUTP?\n") == b"0\r\n"


@pytest.mark.parametrize("kind", ["SupplyEmulator", "RelayBoardEmulator", "MultimeterEmulator", "ConsoleEmulator"])
def test_two_of_a_kind_do_not_know_of_each_other(kind: str) -> None:
    make: Any = getattr(emulators, kind)
    with make() as one, make() as two:
        assert one.port != two.port


def test_the_script_of_a_console_begins_anew_with_each_reset() -> None:
    with emulators.ConsoleEmulator(["one\n", 1 * ms, "two\n"]) as ecu, serial.Serial(ecu.port, timeout=10) as device:
        for _ in range(2):
            ecu.reset()
            assert device.read_until(b"two\n") == b"one\ntwo\n"


@pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")
def test_modem_lines() -> None:
    with emulators.RelayBoardEmulator(modem_lines=True) as board:
        with serial.serial_for_url(board.port, timeout=10) as device:
            assert board.resets == 1
            device.write(b"relay on 0\r")
            assert device.read_until(b">") == b"relay on 0\n\r>"
            device.dtr = False
            device.dtr = True
            board.wait_for(lambda: board.resets == 2)
            assert not board.driven[0]
            board.unplug()
            with pytest.raises(serial.SerialException):
                for _ in range(1000):  # pyserial may need a second look
                    device.read(1)
        board.plug()
        with serial.serial_for_url(board.port, timeout=10):
            assert board.resets == 3
