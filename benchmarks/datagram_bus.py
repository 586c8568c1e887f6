"""A python-can interface that does one system call per frame and nothing else: what sending costs beside the interface.

Frames go as datagrams to a port of this machine; nothing is ever received.
"""

from __future__ import annotations

import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import can

NAME = "benchmark_datagram"


class DatagramBus(can.BusABC):
    """channel: the UDP port on the loopback interface that gets the frames: four bytes identifier, then the payload."""

    def __init__(self, channel: Any, **_: Any) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", int(channel)))
        self.channel_info = f"datagrams to port {channel}"
        super().__init__(channel)

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        """One system call."""
        self._socket.send(msg.arbitration_id.to_bytes(4, "big") + msg.data)

    def _recv_internal(self, timeout: float | None) -> tuple[can.Message | None, bool]:
        time.sleep(1.0 if timeout is None else timeout)
        return None, True

    def shutdown(self) -> None:
        """Close the socket."""
        super().shutdown()
        self._socket.close()


@contextmanager
def installed() -> Iterator[None]:
    """As if a package with this interface were installed, for channel processes that are started meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        info = Path(folder) / f"{NAME}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {NAME}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[can.interface]\n{NAME} = {__name__}:DatagramBus\n")
        sys.path.append(folder)
        try:
            yield
        finally:
            sys.path.remove(folder)
