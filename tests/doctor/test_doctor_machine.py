"""What a machine has: packages, adapters, ports, CAN in the kernel. The tests bring machines of their own."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.adapter.link import Link
from harness.doctor import machine
from harness.doctor.detection import detected, findings_of
from harness.doctor.finding import Finding, Mark, can_run
from harness.doctor.machine import Machine
from harness.doctor.ports import SerialPort, port_findings, serial_ports_text


def only(findings: Iterator[Finding]) -> Finding:
    (finding,) = findings
    return finding


# -- packages ----------------------------------------------------------------------------------------------------------


def test_what_is_installed_is_one_line() -> None:
    found = only(machine.packages())
    assert found.mark is Mark.OK
    assert "python-can" in found.text and "pyserial" in found.text


def test_a_missing_package_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    absent = (("no-such-package", "slcan adapters", Mark.WARN, "pip install it"), *machine._PACKAGES)
    monkeypatch.setattr(machine, "_PACKAGES", absent)
    missing, installed = machine.packages()
    assert (missing.check, missing.mark, missing.todo) == ("no-such-package", Mark.WARN, "pip install it")
    assert "no-such-package" not in installed.text


# -- serial ports ------------------------------------------------------------------------------------------------------


def test_an_slcan_adapter_is_known_by_its_usb_identifiers(tmp_path: Path) -> None:
    device = tmp_path / "ttyACM0"
    device.touch()
    found = only(port_findings([SerialPort(str(device), "CANable2 b158aa7", 0x16D0, 0x117E)]))
    assert found.mark is Mark.OK
    assert found.text == f"{device}: CANable2 b158aa7, USB 16d0:117e; speaks slcan (CANable 2)"
    assert found.todo == f'interface = "slcan", channel = "{device}"'


def test_any_other_usb_port_is_listed(tmp_path: Path) -> None:
    device = tmp_path / "ttyUSB0"
    device.touch()
    found = only(port_findings([SerialPort(str(device), "RIGOL DP832", 0x1AB1, 0x0E11)]))
    assert (found.mark, found.todo) == (Mark.OK, "")


def test_ports_of_the_board_are_one_line() -> None:
    ports = [SerialPort("/dev/ttyS0"), SerialPort("/dev/ttyS1", "ttyS1"), SerialPort("COM1")]
    found = only(port_findings(ports))
    assert found.mark is Mark.SKIP
    assert found.facts["devices"] == ["/dev/ttyS0", "/dev/ttyS1", "COM1"]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of files")
def test_a_port_that_may_not_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    device = tmp_path / "ttyACM0"
    device.touch()
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    found = only(port_findings([SerialPort(str(device), "CANable", 0xAD50, 0x60C4)]))
    assert found.mark is Mark.FAIL
    assert "you may not open it" in found.text
    assert found.todo.startswith("sudo usermod -aG ")
    assert not can_run([found])


def test_no_pyserial(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serial.tools.list_ports", None)
    found = only(Machine().serial())
    assert (found.mark, found.todo) == (Mark.SKIP, "pip install 'vehicle-harness[bench]'")
    assert "cannot be told without pyserial" in serial_ports_text()


def test_no_serial_port_at_all() -> None:
    assert only(Machine(ports=lambda: ()).serial()).text == "none"


# -- SocketCAN ---------------------------------------------------------------------------------------------------------


def link(net: Path, name: str, kind: str, state: str) -> None:
    folder = net / name
    folder.mkdir(parents=True)
    (folder / "type").write_text(f"{kind}\n")
    (folder / "operstate").write_text(f"{state}\n")


@pytest.fixture
def kernel_with_can(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_kernel_refuses", lambda: "")
    monkeypatch.setattr(sys, "platform", "linux")


@pytest.mark.usefixtures("kernel_with_can")
def test_links_of_the_kernel(tmp_path: Path) -> None:
    link(tmp_path, "can0", "280", "up")
    link(tmp_path, "can1", "280", "down")
    link(tmp_path, "eth0", "1", "up")
    link(tmp_path, "vcan0", "280", "unknown")
    links = {
        "can0": Link("can0", "can", True, 72, 500_000, 2_000_000, "ERROR-ACTIVE"),
        "can1": Link("can1", "can", False, 16),
        "vcan0": Link("vcan0", "vcan", True, 72),
    }
    found = {each.facts["interface"]: each for each in Machine(net=tmp_path, read_link=links.get).links()}
    assert found["can0"].text == "can0 is up, 500 kbit/s, CAN FD at 2 Mbit/s, error active"
    assert found["vcan0"].text == "vcan0 is up, virtual"
    assert {name: each.mark for name, each in found.items()} == {"can0": Mark.OK, "can1": Mark.WARN, "vcan0": Mark.OK}
    assert found["can0"].todo == 'interface = "socketcan", channel = "can0"'
    assert found["can1"].text == "can1 is down"
    assert found["can1"].todo.startswith("sudo ip link set can1 up type can bitrate 500000")


@pytest.mark.usefixtures("kernel_with_can")
def test_a_link_that_the_system_says_nothing_of(tmp_path: Path) -> None:
    link(tmp_path, "can0", "280", "up")
    assert only(Machine(net=tmp_path, read_link=lambda name: None).links()).text == "can0 is up"


@pytest.mark.usefixtures("kernel_with_can")
def test_a_listening_link_is_told(tmp_path: Path) -> None:
    link(tmp_path, "can0", "280", "up")
    listening = Link("can0", "can", True, 16, 500_000, listen_only=True)
    assert "a run cannot send on it" in only(Machine(net=tmp_path, read_link=lambda name: listening).links()).text


@pytest.mark.usefixtures("kernel_with_can")
def test_a_kernel_with_can_and_no_link(tmp_path: Path) -> None:
    link(tmp_path, "lo", "772", "unknown")
    found = only(Machine(net=tmp_path).links())
    assert found.mark is Mark.SKIP
    assert "vcan" in found.todo


def test_a_kernel_without_can(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(machine, "_kernel_refuses", lambda: "Address family not supported by protocol")
    found = only(Machine(net=tmp_path).links())
    assert found.mark is Mark.SKIP
    assert "modprobe" in found.todo


def test_the_kernel_is_asked_for_a_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> socket.socket:
        raise OSError(97, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", refuse)
    assert "Address family not supported" in machine._kernel_refuses() or "PF_CAN" in machine._kernel_refuses()


def test_other_systems_have_no_socketcan(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    assert only(Machine().links()).text == "exists on Linux only"


# -- python-can's detection --------------------------------------------------------------------------------------------


def test_what_is_found_says_what_to_write_into_the_bench_file() -> None:
    config = {"interface": "pcan", "channel": "PCAN_USBBUS1", "device_name": "PCAN-USB Pro FD", "supports_fd": True}
    lines: list[dict[str, Any]] = [{"asked": ["pcan"]}, {"interface": "pcan", "found": [config]}]
    found = only(findings_of(lines))
    assert found.mark is Mark.OK
    assert found.text == "pcan PCAN_USBBUS1: PCAN-USB Pro FD"
    assert found.todo == 'interface = "pcan", channel = "PCAN_USBBUS1"'


def test_an_interface_that_raises_is_a_warning() -> None:
    found = only(findings_of([{"asked": ["etas"]}, {"interface": "etas", "problem": "OSError: no BOA"}]))
    assert (found.mark, "etas: looking for adapters failed: OSError: no BOA") == (Mark.WARN, found.text)


def test_who_has_not_answered_is_named() -> None:
    lines: list[dict[str, Any]] = [{"asked": ["etas", "kvaser", "vector"]}, {"interface": "kvaser", "found": []}]
    found = only(findings_of(lines, "ended with -11"))
    assert found.mark is Mark.WARN
    assert found.text == "looking for adapters ended with -11 (etas, vector)"


def test_nothing_found_is_said() -> None:
    found = only(Machine(detect=lambda: iter(())).adapters())
    assert found.mark is Mark.SKIP


PLUGIN = """
import ctypes, os, sys, time
import can
from can.interfaces.virtual import VirtualBus
can.VALID_INTERFACES = frozenset({INTERFACES})
from harness.doctor import detection
class Bus(can.BusABC):
    @staticmethod
    def _detect_available_configs():
        {BODY}
import can.interface
can.interface._get_class_for_interface = lambda name: Bus if name == "odd" else VirtualBus
import runpy
sys.argv = ["detection"]
runpy.run_module("harness.doctor.detection", run_name="__main__")
"""


def run_detection(body: str, monkeypatch: pytest.MonkeyPatch) -> list[Finding]:
    """The detecting process, with an interface ``odd`` that does this when it looks for adapters."""
    script = PLUGIN.replace("{INTERFACES}", "{'odd', 'fine'}").replace("{BODY}", body)
    real = subprocess.Popen

    def started(command: list[str], **options: object) -> subprocess.Popen[str]:
        return real([sys.executable, "-c", script], **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(subprocess, "Popen", started)
    return list(detected(60))


def test_what_a_library_prints_comes_between_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    body = "print('hello'); os.write(1, b'from C'); return [{'interface': 'odd', 'channel': 7}]"
    found = run_detection(body, monkeypatch)
    assert "odd 7" in [each.text for each in found]
    assert [each.text for each in found if "fine" in each.text and each.mark is Mark.OK], found


def test_a_library_that_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run_detection("raise RuntimeError('half installed')", monkeypatch)
    assert "odd: looking for adapters failed: RuntimeError: half installed" in [each.text for each in found]


def test_a_library_that_takes_its_process_along(monkeypatch: pytest.MonkeyPatch) -> None:
    found = run_detection("os._exit(9)", monkeypatch)
    assert "looking for adapters ended with 9 (odd)" in [each.text for each in found]


class HangingProcess:
    """A detecting process in which one interface has answered when the time is over."""

    returncode = None
    killed = False

    def __enter__(self) -> HangingProcess:
        return self

    def __exit__(self, *_: object) -> None:
        assert self.killed

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        if not self.killed:
            raise subprocess.TimeoutExpired("detection", timeout or 0)
        return '{"asked": ["fine", "odd"]}\n{"interface": "fine", "found": []}\n', None

    def kill(self) -> None:
        self.killed = True


def test_a_library_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: HangingProcess())
    assert only(detected(3)).text == "looking for adapters had not ended after 3 s (odd)"


def test_this_machine_is_looked_at_without_a_crash() -> None:
    found = list(Machine(detect=lambda: iter(())).findings())
    assert {each.subject for each in found} == {"packages", "adapters", "serial ports", "SocketCAN"}
    assert not [each for each in found if "broke" in each.text]
    json.dumps([each.to_json() for each in found])
