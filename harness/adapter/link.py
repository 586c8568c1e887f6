"""A network interface of SocketCAN, as ``ip`` shows it: whether it is up, its bit rates, its controller's state.

Opening a CAN socket says nothing of these, and setting them is the administrator's.
"""

from __future__ import annotations

import json
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.adapter.spec import AdapterSpec
from harness.errors import AdapterError, nearest

FD_MTU = 72
_LIMIT_S = 5.0
_ARPHRD_CAN = "280"  # linux/if_arp.h


@dataclass(frozen=True, slots=True)
class Link:
    """What ``ip -details`` says. kind: ``can``, ``vcan``, …; bit rates in bit/s, None where it has none to say.

    state: of the controller, as Linux writes it: ``ERROR-ACTIVE``, ``BUS-OFF``, …; "" for one that has none.
    """

    name: str
    kind: str
    up: bool
    mtu: int
    bitrate: int | None = None
    data_bitrate: int | None = None
    state: str = ""
    listen_only: bool = False

    @classmethod
    def read(cls, name: str) -> Link | None:
        """Ask ``ip``; None when there is no ``ip``, or it knows no such link."""
        done = _ip("-json", "-details", "link", "show", "dev", name)
        if done is None or done.returncode:
            return None
        return cls.of(json.loads(done.stdout)[0])

    @classmethod
    def of(cls, shown: dict[str, Any]) -> Link:
        """From one element of ``ip -json -details link show``.

        >>> Link.of({"ifname": "vcan0", "flags": ["NOARP", "UP"], "mtu": 72, "linkinfo": {"info_kind": "vcan"}})
        ... # doctest: +NORMALIZE_WHITESPACE
        Link(name='vcan0', kind='vcan', up=True, mtu=72, bitrate=None, data_bitrate=None, state='',
             listen_only=False)
        """
        info = shown.get("linkinfo", {})
        data = info.get("info_data", {})
        return cls(
            shown["ifname"],
            info.get("info_kind", ""),
            "UP" in shown.get("flags", ()),
            shown.get("mtu", 0),
            data.get("bittiming", {}).get("bitrate"),
            data.get("data_bittiming", {}).get("bitrate"),
            data.get("state", ""),
            "LISTEN-ONLY" in data.get("ctrlmode", ()),
        )

    @property
    def uncertainty_ns(self) -> int:
        """How late the kernel's stamp may be, ns: nothing to speak of, an interrupt, or a USB transfer."""
        device = Path("/sys/class/net", self.name, "device", "subsystem")
        if not device.exists():
            return 10_000
        return 1_000_000 if device.resolve().name == "usb" else 100_000

    def check(self, spec: AdapterSpec) -> None:
        """Raise :class:`~harness.errors.AdapterError` when the link is not what the bench file says.

        A controller without bit timing (``vcan``) has any bit rate.
        """
        data = f" dbitrate {spec.data_bitrate} fd on" if spec.fd else ""
        mend = f"sudo ip link set {self.name} up type can bitrate {spec.bitrate}{data}"
        if not self.kind.startswith("can"):
            mend = f"sudo ip link set {self.name} mtu {FD_MTU if spec.fd else 16} up"
        wrong = ""
        if not self.up:
            wrong = "is down"
        elif self.bitrate not in (None, spec.bitrate):
            wrong = f"runs at {self.bitrate} bit/s, not at {spec.bitrate}"
        elif spec.fd and self.mtu < FD_MTU:
            wrong = "does not speak CAN FD"
        elif spec.fd and self.data_bitrate not in (None, spec.data_bitrate):
            wrong = f"has {self.data_bitrate} bit/s in the data phase, not {spec.data_bitrate}"
        if wrong:
            again = f"sudo ip link set {self.name} down && " if self.up else ""
            raise AdapterError(f"channel {spec.channel!r}: {spec} {wrong}; do: {again}{mend}")

    def restart(self) -> None:
        """Leave bus-off, if it is there. Raises :class:`~harness.errors.AdapterError` where we may not."""
        if self.state != "BUS-OFF":
            return
        done = _ip("link", "set", self.name, "type", "can", "restart")
        if done is None or done.returncode:
            reason = done.stderr.strip() if done is not None else "there is no program `ip`"
            raise AdapterError(
                f"{self.name} is bus-off and cannot be started again: {reason}; it needs the right CAP_NET_ADMIN, or "
                f"let Linux do it by itself: sudo ip link set {self.name} type can restart-ms 100"
            )


def find_link(spec: AdapterSpec) -> Link | None:
    """The link of a channel, found to be as the bench file says; None where there is no ``ip`` to ask.

    Raises :class:`~harness.errors.AdapterError` when there is no such network interface, or it is set up otherwise.
    """
    names = [name for _, name in socket.if_nameindex()] if hasattr(socket, "if_nameindex") else [spec.where]
    if spec.where not in names:
        cans = [name for name in names if _is_can(name)]
        raise AdapterError(
            f"channel {spec.channel!r}: there is no network interface {spec.where!r}{nearest(spec.where, names)}; "
            f"those for CAN are {', '.join(cans) or 'none'}: is the adapter plugged in, and its kernel driver loaded?"
        )
    link = Link.read(spec.where)
    if link is not None:
        link.check(spec)
    return link


def _is_can(name: str) -> bool:
    try:
        return Path("/sys/class/net", name, "type").read_text(encoding="ascii").strip() == _ARPHRD_CAN
    except OSError:
        return False


def _ip(*words: str) -> subprocess.CompletedProcess[str] | None:
    try:
        return subprocess.run(["ip", *words], capture_output=True, text=True, check=False, timeout=_LIMIT_S)
    except FileNotFoundError:
        return None
