"""What this machine has: packages, adapters, serial ports, CAN in the kernel; and how to get what is missing."""

from __future__ import annotations

import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from harness.adapter.link import Link
from harness.doctor.detection import detected
from harness.doctor.finding import Finding, Mark
from harness.doctor.ports import INSTALL, SerialPort, port_findings, serial_ports

_CAN_LINK = "280"
"""ARPHRD_CAN, the type of a network interface that is a CAN channel (linux/if_arp.h)."""

_PACKAGES = (
    ("python-can", "every CAN interface", Mark.FAIL, "pip install python-can"),
    ("pyserial", "slcan adapters and instruments", Mark.WARN, INSTALL),
    ("msgpack", "udp_multicast", Mark.SKIP, INSTALL),
    ("rich", "coloured tables, harness monitor", Mark.SKIP, INSTALL),
)


@dataclass(frozen=True, slots=True)
class Machine:
    """Where to look; other places in tests.

    ports: lists the serial ports. net: the system's network interfaces. detect: what python-can finds. read_link: what
    the system says of one CAN link.
    """

    ports: Callable[[], tuple[SerialPort, ...] | None] = serial_ports
    net: Path = Path("/sys/class/net")
    detect: Callable[[], Iterator[Finding]] = detected
    read_link: Callable[[str], Link | None] = Link.read

    def findings(self) -> Iterator[Finding]:
        """A line for everything that is there, or missing."""
        yield from packages()
        yield from self.adapters()
        yield from self.serial()
        yield from self.links()

    def adapters(self) -> Iterator[Finding]:
        """What python-can's interfaces find."""
        found = list(self.detect())
        yield from found
        if not any(finding.mark is Mark.OK for finding in found):
            text = "no interface of python-can with a vendor's driver finds an adapter"
            yield Finding("adapters", "python-can", Mark.SKIP, text)

    def serial(self) -> Iterator[Finding]:
        """The serial ports."""
        ports = self.ports()
        if ports is None:
            yield Finding("serial ports", "port", Mark.SKIP, "cannot be listed without pyserial", INSTALL)
        elif not ports:
            yield Finding("serial ports", "port", Mark.SKIP, "none")
        else:
            yield from port_findings(ports)

    def links(self) -> Iterator[Finding]:
        """SocketCAN: the kernel's CAN, and its network interfaces."""
        if sys.platform == "linux":
            yield from self._kernel_links()
        else:
            yield Finding("SocketCAN", "kernel", Mark.SKIP, "exists on Linux only")

    def _kernel_links(self) -> Iterator[Finding]:
        reason = _kernel_refuses()
        if reason:
            todo = "sudo modprobe can_raw (and the driver of your adapter); containers share their host's kernel"
            yield Finding("SocketCAN", "kernel", Mark.SKIP, f"the kernel has no CAN: {reason}", todo)
            return
        links = [each for each in sorted(self.net.glob("*")) if _read(each / "type") == _CAN_LINK]
        if not links:
            todo = "plug an adapter in, or make a virtual one: sudo ip link add dev vcan0 type vcan"
            yield Finding("SocketCAN", "link", Mark.SKIP, "the kernel has CAN, but no interface of it", todo)
        for link in links:
            yield _link(link.name, _read(link / "operstate"), self.read_link(link.name))


def packages() -> Iterator[Finding]:
    """The packages that benches need: one line for those that are there, and one for each that is missing."""
    there = {}
    for name, purpose, mark, todo in _PACKAGES:
        try:
            there[name] = version(name)
        except PackageNotFoundError:
            yield Finding("packages", name, mark, f"missing; needed for {purpose}", todo, {"version": None})
    text = ", ".join(f"{name} {installed}" for name, installed in there.items())
    yield Finding("packages", "installed", Mark.OK, text, facts=there)


def _kernel_refuses() -> str:
    """Why the kernel gives us no CAN socket; "" when it does."""
    if sys.platform == "linux":
        try:
            socket.socket(socket.PF_CAN, socket.SOCK_RAW, socket.CAN_RAW).close()
        except (OSError, AttributeError) as error:  # AttributeError: a Python that was built without CAN
            return str(error)
        return ""
    else:
        return "it is not Linux"


def _link(name: str, state: str, link: Link | None) -> Finding:
    """One CAN interface of the kernel. state: as the kernel writes it; a virtual one is "unknown" while it is up."""
    facts = {"interface": name, "state": state, "bitrate": link.bitrate if link else None}
    virtual = link is not None and link.kind == "vcan"
    if state not in ("up", "unknown"):
        rates = "" if virtual else " type can bitrate 500000"
        todo = f"sudo ip link set {name} up{rates}, with the bit rate of its bus"
        return Finding("SocketCAN", "link", Mark.WARN, f"{name} is {state or 'in an unknown state'}", todo, facts)
    said = [f"{name} is up"]
    if virtual:
        said.append("virtual")
    if link is not None and link.bitrate:
        said.append(f"{link.bitrate / 1e3:g} kbit/s")
    if link is not None and link.data_bitrate:
        said.append(f"CAN FD at {link.data_bitrate / 1e6:g} Mbit/s")
    if link is not None and link.listen_only:
        said.append("listen-only: a run cannot send on it")
    if link is not None and link.state:
        said.append(link.state.lower().replace("-", " ", 1))
    todo = f'interface = "socketcan", channel = "{name}"'
    return Finding("SocketCAN", "link", Mark.OK, ", ".join(said), todo, facts)


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return ""
