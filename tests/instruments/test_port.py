"""The port: how it is opened, DTR and RTS from the opening on, exclusive access, URLs of pyserial."""

from __future__ import annotations

import builtins
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from emulated import console_spec, opened, supply_spec

from harness.errors import InstrumentError, MissingExtra
from harness.instruments import PortSettings, open_instrument
from harness.instruments.port import LONGEST_ANSWER, Port
from harness.units import V
from harness.wall import clock_ns

serial = pytest.importorskip("serial", reason="instruments need pyserial")
emulators = pytest.importorskip("harness.instruments.emulators", reason="pseudo-terminals exist on POSIX only")
ConsoleEmulator, SupplyEmulator = emulators.ConsoleEmulator, emulators.SupplyEmulator

# pyserial 3.5 names its thread in the way of old Pythons.
old_style = pytest.mark.filterwarnings("ignore:set(Daemon|Name):DeprecationWarning")


# -- DTR and RTS -------------------------------------------------------------------------------------------------------


@old_style
def test_opening_resets_a_board_that_listens_to_dtr() -> None:
    with SupplyEmulator(modem_lines=True) as emulated:
        emulated.output.on = True
        supply = open_instrument(supply_spec(emulated.port))
        assert emulated.resets == 1 and not emulated.output.on
        supply.disconnect()


@old_style
def test_with_dtr_low_from_the_opening_on_it_is_not_reset() -> None:
    with SupplyEmulator(modem_lines=True) as emulated:
        emulated.output.on = True
        emulated.output.set_voltage = 12.0
        supply: Any = open_instrument(supply_spec(emulated.port, settings=PortSettings(dtr=False)))
        assert supply.is_on() and emulated.resets == 0
        supply.set_voltage(6 * V)
        supply.disconnect()
        assert emulated.resets == 0 and emulated.output.set_voltage == 6.0


@pytest.mark.parametrize(("dtr", "rts"), [(False, True), (True, False), (False, False), (True, True)])
def test_the_lines_have_their_levels_before_the_port_is_open(
    monkeypatch: pytest.MonkeyPatch, dtr: bool, rts: bool
) -> None:
    """On a real port pyserial sets both right after the system call; then it must know the levels already."""
    levels: list[tuple[bool, bool, bool]] = []

    def opening(device: Any) -> None:
        levels.append((device.is_open, device.dtr, device.rts))
        device.is_open = True

    monkeypatch.setattr(serial.Serial, "open", opening)
    monkeypatch.setattr(serial.Serial, "close", lambda device: None)
    monkeypatch.setattr(
        serial.Serial, "_update_dtr_state", lambda device: levels.append((True, device.dtr, device.rts))
    )
    Port("board", "/dev/ttyACM0", PortSettings(dtr=dtr, rts=rts)).disconnect()
    assert levels == [(False, dtr, rts)]


@old_style
def test_the_boot_is_waited_for() -> None:
    """What a board prints while it boots is no answer to what it is asked then."""

    class Booting(SupplyEmulator):  # type: ignore[misc, valid-type]
        def banner(self) -> bytes:
            return b"booting\r\n"

    with Booting(modem_lines=True) as emulated:
        supply = open_instrument(supply_spec(emulated.port, settings=PortSettings(settle_ns=300_000_000)))
        assert emulated.resets == 1 and supply.identity == emulated.identity
        supply.disconnect()


# -- opening -----------------------------------------------------------------------------------------------------------


def test_what_does_not_exist_names_the_ports_that_do(tmp_path: Path) -> None:
    with pytest.raises(InstrumentError, match=r"^supply on .*/none: cannot be opened: .*; serial ports here: "):
        open_instrument(supply_spec(str(tmp_path / "none")))


def test_what_is_no_serial_port(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(InstrumentError, match=r"cannot be opened: .*is it a serial port"):
        open_instrument(supply_spec(str(file)))


@pytest.mark.parametrize("url", ["socket://127.0.0.1:1", "nonsense://x", "socket://nowhere", "rfc2217://127.0.0.1:1"])
def test_a_url_that_leads_nowhere(url: str) -> None:
    with pytest.raises(InstrumentError, match=r"cannot be opened: .*is the other side there"):
        open_instrument(supply_spec(url))


def test_only_one_may_have_it() -> None:
    with SupplyEmulator() as emulated:
        first = open_instrument(supply_spec(emulated.port))
        with pytest.raises(InstrumentError, match=r"cannot be opened: .*another program has it"):
            open_instrument(supply_spec(emulated.port))
        first.disconnect()
        shared = PortSettings(exclusive=False)
        one, two = (open_instrument(supply_spec(emulated.port, settings=shared)) for _ in range(2))
        one.disconnect()
        two.disconnect()


def test_without_pyserial_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    found = builtins.__import__

    def missing(name: str, *rest: Any) -> Any:
        if name.partition(".")[0] == "serial":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return found(name, *rest)

    monkeypatch.setattr("harness.instruments.port.import_module", lambda name: missing(name))
    with pytest.raises(MissingExtra, match=r"pip install 'vehicle-harness\[bench\]'"):
        open_instrument(supply_spec("/dev/ttyUSB0"))


def test_pyserial_is_loaded_when_a_port_is_opened_and_not_before() -> None:
    code = "import sys, harness.instruments, harness.instruments.scpi_supply; sys.exit('serial' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# -- URLs --------------------------------------------------------------------------------------------------------------


@pytest.fixture
def served() -> Iterator[int]:
    """A supply of very few words behind a TCP port."""
    answers = {b"*IDN?": b"a,b,c,d\n", b"SYST:ERR?": b'0,"No error"\n', b"OUTP?": b"0\n"}
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        client, _ = listener.accept()
        with client:
            rest = b""
            while data := client.recv(4096):
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    client.sendall(answers.get(line, b""))

    thread = Thread(target=serve)
    thread.start()
    yield listener.getsockname()[1]
    thread.join()
    listener.close()


def test_a_port_behind_a_socket(served: int) -> None:
    supply: Any = opened(supply_spec(f"socket://127.0.0.1:{served}"))
    assert not supply.is_on() and supply.safe() == "off"
    supply.disconnect()


def test_a_loop_echoes_and_is_told() -> None:
    with pytest.raises(InstrumentError, match=r"^supply on loop://: '\*IDN[?]': .*it echoes what it is sent"):
        open_instrument(supply_spec("loop://"))


def test_a_console_on_a_loop() -> None:
    console: Any = open_instrument(console_spec("loop://"))
    console.write("hello\n")
    from harness.units import s

    assert console.expect("hello", within=10 * s).text == "hello"
    console.disconnect()


# -- reading -----------------------------------------------------------------------------------------------------------


def test_an_answer_without_end_is_given_up() -> None:
    with ConsoleEmulator() as noisy:
        port = Port("it", noisy.port, PortSettings())
        printer = Thread(target=lambda: [noisy.send(b"x" * 1000) for _ in range(LONGEST_ANSWER // 1000 + 2)])
        printer.start()
        with pytest.raises(InstrumentError, match=r"bytes without an end: b'xxx.*baud rate"):
            port.read_to(b"\n", clock_ns() + 30_000_000_000)
        printer.join()
        port.disconnect()


def test_a_port_that_never_falls_quiet_is_no_trap() -> None:
    with ConsoleEmulator() as noisy:
        port = Port("it", noisy.port, PortSettings(timeout_ns=100_000_000))
        going = True

        def chatter() -> None:
            while going:
                noisy.send(b"x")

        printer = Thread(target=chatter)
        printer.start()
        begin = clock_ns()
        assert port.discard(quiet_ns=10_000_000_000)
        assert clock_ns() - begin < 8_000_000_000  # bounded by its timeout, not by the silence that it waits for
        going = False
        printer.join()
        port.disconnect()


def test_a_port_that_another_thread_keeps_is_told() -> None:
    with ConsoleEmulator() as emulated:
        port = Port("it", emulated.port, PortSettings(timeout_ns=1_000_000))
        failed: list[InstrumentError] = []

        def impatient() -> None:
            try:
                with port.held():
                    pass
            except InstrumentError as error:
                failed.append(error)

        with port.held():
            other = Thread(target=impatient)
            other.start()
            other.join()
        assert "in use by another thread" in str(failed[0])
        port.disconnect()
