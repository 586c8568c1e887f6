"""A python-can interface with the faults that adapters have: slcan, until a file in a folder orders one."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

import can
from can.interfaces.slcan import slcanBus

ENTRY_POINTS = "[can.interface]\nfaulty = fake_interfaces:FaultyBus\n"


def install(folder: Path) -> None:
    """Make the interface ``faulty`` known to every python-can that has this folder on its path."""
    (folder / "fake_interfaces.py").write_text(Path(__file__).read_text())
    info = folder / "fake_interfaces-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-interfaces\nVersion: 1\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)


class FaultyBus(slcanBus):
    """orders: the folder. ``full``, ``off`` and ``gone`` last as long as their file, all else is done once."""

    def __init__(self, channel: str, orders: str, **options: Any) -> None:
        self._orders = Path(orders)
        super().__init__(channel, sleep_after_open=0.0, **options)

    def _lasts(self, order: str) -> bool:
        return (self._orders / order).exists()

    def _once(self, order: str) -> bool:
        if not self._lasts(order):
            return False
        (self._orders / order).unlink()
        return True

    def _recv_internal(self, timeout: float | None) -> tuple[can.Message | None, bool]:
        if self._once("exit"):
            raise SystemExit(7)
        if self._once("overrun"):
            raise can.CanOperationError("the receive queue was read too late")
        if self._once("break"):
            raise ZeroDivisionError("a driver that is wrong")
        if self._lasts("off"):
            raise can.CanOperationError("bus-off")
        if self._lasts("gone"):
            raise OSError(errno.ENODEV, "no such device")
        return super()._recv_internal(timeout)

    def send(self, msg: can.Message, timeout: float | None = None) -> None:
        """As every bus; full or off it takes nothing."""
        if self._lasts("full"):
            raise can.CanOperationError("the transmit buffer is full")
        if self._lasts("off"):
            raise can.CanOperationError("bus-off")
        if self._lasts("gone"):
            raise OSError(errno.ENODEV, "no such device")
        super().send(msg, timeout)
