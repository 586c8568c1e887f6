"""The serial ports of this machine, and which of them are likely to be CAN adapters."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from harness.doctor.finding import Finding, Mark

SLCAN = {
    (0xAD50, 0x60C4): "CANable or CANtact",
    (0x16D0, 0x117E): "CANable 2",
    (0x0403, 0xFFA8): "Lawicel CANUSB",
    (0x1D50, 0x60C7): "Zubax Babel",
    (0x04D8, 0x000A): "USBtin, or another device with Microchip's identifier",
}
"""USB vendor and product of adapters that speak slcan over a serial port."""

INSTALL = "pip install 'vehicle-harness[bench]'"


@dataclass(frozen=True, slots=True)
class SerialPort:
    """One port. vendor, product: of the USB device behind it; None: it is none. text: what that says it is."""

    device: str
    text: str = ""
    vendor: int | None = None
    product: int | None = None

    @property
    def slcan(self) -> str:
        """Which slcan adapter this is likely to be, "" for none that is known."""
        return SLCAN.get((self.vendor or 0, self.product or 0), "")

    def __str__(self) -> str:
        """The port and what is behind it.

        >>> print(SerialPort("/dev/ttyACM0", "CANable2 b158aa7", 0x16D0, 0x117E))
        /dev/ttyACM0 (CANable2 b158aa7)
        """
        return f"{self.device} ({self.text})" if self.text else self.device


def serial_ports() -> tuple[SerialPort, ...] | None:
    """The ports that the system lists; None without pyserial."""
    try:
        found = import_module("serial.tools.list_ports").comports()
    except ModuleNotFoundError:
        return None
    return tuple(
        SerialPort(each.device, "" if each.description in (None, "n/a") else each.description, each.vid, each.pid)
        for each in sorted(found)
    )


def serial_ports_text() -> str:
    """The ports in a few words, for a message about one that does not exist."""
    ports = serial_ports()
    if ports is None:
        return f"which serial ports there are cannot be told without pyserial: {INSTALL}"
    usb = [port for port in ports if port.vendor is not None]
    return f"USB serial ports here: {', '.join(map(str, usb)) or 'none'}"


def port_findings(ports: Iterable[SerialPort]) -> Iterator[Finding]:
    """A line per port with something behind it, and one for all that the board just has."""
    plain = []
    for port in ports:
        if port.vendor is None and port.text in ("", Path(port.device).name):
            plain.append(port.device)
            continue
        yield _port(port)
    if plain:
        text = f"{', '.join(plain)}: built-in, whatever is connected"
        yield Finding("serial ports", "port", Mark.SKIP, text, facts={"devices": plain})


def _port(port: SerialPort) -> Finding:
    usb = f", USB {port.vendor:04x}:{port.product:04x}" if port.vendor is not None and port.product is not None else ""
    text = f"{port.device}: {port.text or 'no description'}{usb}"
    facts = {"device": port.device, "vendor": port.vendor, "product": port.product, "slcan": port.slcan}
    if port.slcan:
        text += f"; speaks slcan ({port.slcan})"
    if not os.access(port.device, os.R_OK | os.W_OK) and sys.platform != "win32":
        return Finding(
            "serial ports", "port", Mark.FAIL, f"{text}; you may not open it", _permission(port.device), facts
        )
    todo = f'interface = "slcan", channel = "{port.device}"' if port.slcan else ""
    return Finding("serial ports", "port", Mark.OK, text, todo, facts)


def _permission(device: str) -> str:
    """What has to be done to be allowed to open a port."""
    if sys.platform == "win32":
        return "close the program that has it"
    else:
        import grp
        import pwd

        try:
            group = grp.getgrgid(os.stat(device).st_gid).gr_name
            user = pwd.getpwuid(os.getuid()).pw_name
        except (KeyError, OSError):  # no such group or user in this container
            group, user = "dialout", "$USER"
        return f"sudo usermod -aG {group} {user}, then log in again"
