"""Channels behind a serial port that speaks slcan.

python-can opens the port and sets the bit rate. Reading and writing is ours, because python-can's driver reads byte by
byte (a busy bus is too fast for it), stays broken after one byte that is no ASCII, waits without a limit for the port
to drain, and cannot say what became of half a line.
"""

from __future__ import annotations

import re
import select
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import can

from harness.adapter.items import Error, Heard, Item
from harness.adapter.lawicel import frame_of_line, line_of
from harness.frames import Frame

WRITE_LIMIT_S = 0.05
"""How long :meth:`LineAccess.write` may wait for room, s."""

SETTLING_NS = 200_000_000
"""For so long after opening, answers to python-can's opening commands come, and perhaps the end of an old line, ns."""

LONGEST_LINE = 2 + 8 + 128 + 8
"""Bytes: kind and DLC, identifier, 64 bytes in hex, a time stamp with room to spare."""

_ENDS = re.compile(rb"[\r\a]")
_ANSWERS = (b"", b"z", b"Z")  # a command, a frame, an extended frame was taken
_OTHER_ANSWERS = b"VvNF"  # versions, serial number, status
_POLL_S = 0.01  # where the port has no file descriptor to wait for


class LineAccess:
    """A serial adapter. ``bus`` is python-can's ``slcanBus``, which has opened it."""

    def __init__(self, bus: Any, clock: Callable[[], int]) -> None:
        self._bus, self._clock = bus, clock
        self._port = bus.serialPortOrig
        self._selectable = _selectable(self._port)
        self._port.timeout = 0 if self._selectable else _POLL_S
        self._port.write_timeout = 0 if self._selectable else WRITE_LIMIT_S
        self._woken, self._wake = socket.socketpair()
        self._rest = b""  # the beginning of a line that has not ended
        self._unsent = b""  # the end of a line whose beginning the port has taken
        self._settled = clock() + SETTLING_NS
        self._sending = False

    def read(self, timeout_s: float) -> list[Item]:
        """See :meth:`harness.adapter.access.Access.read`."""
        data = self._read(timeout_s)
        arrival = self._clock()
        self._rest += data
        items: list[Item] = []
        start = 0
        for end in _ENDS.finditer(self._rest):
            items += self._items(self._rest[start : end.start()], end.group(), arrival)
            start = end.end()
        self._rest = self._rest[start:]
        if len(self._rest) > LONGEST_LINE:
            items += self._unreadable(self._rest, arrival)
            self._rest = b""
        return items

    def write(self, frame: Frame) -> bool:
        """See :meth:`harness.adapter.access.Access.write`."""
        self._sending = True
        return self._send(line_of(frame) + b"\r")

    def wake(self) -> None:
        """See :meth:`harness.adapter.access.Access.wake`."""
        self._wake.send(b"x")

    def close(self) -> None:
        """See :meth:`harness.adapter.access.Access.close`."""
        can.BusABC.shutdown(self._bus)  # without slcanBus' own, which waits for a port that may be gone
        try:
            with suppress(OSError):
                self._send(b"C\r")
                self._drain()
        finally:
            with suppress(OSError):
                self._port.close()
            self._woken.close()
            self._wake.close()

    # -- the port --------------------------------------------------------------------------------------------------

    def _read(self, timeout_s: float) -> bytes:
        if not self._selectable:
            return bytes(self._port.read(1) + self._port.read(self._port.in_waiting))
        ready, _, _ = select.select([self._port, self._woken], [], [], timeout_s)
        if self._woken in ready:
            self._woken.recv(4096)
        return bytes(self._port.read(65536)) if self._port in ready else b""

    def _send(self, line: bytes) -> bool:
        """Write a line, after what is left of the one before; False when the port takes nothing of it."""
        if self._unsent:
            self._unsent = self._write(self._unsent)
            if self._unsent:
                return False
        left = self._write(line)
        if len(left) == len(line):
            return False
        self._unsent = left
        return True

    def _write(self, data: bytes) -> bytes:
        """Write as much as the port takes in time; returns what it did not take."""
        if not self._selectable:
            try:
                return data[self._port.write(data) :]
            except OSError as error:
                if type(error).__name__ != "SerialTimeoutException":
                    raise
                return data
        end = self._clock() + round(WRITE_LIMIT_S * 1e9)
        while data:
            # Written only where there is room: pyserial would try for ever.
            _, room, _ = select.select([], [self._port], [], max(0.0, (end - self._clock()) / 1e9))
            if not room:
                break
            data = data[self._port.write(data) :]
        return data

    def _drain(self) -> None:
        """Let the last command out, but do not wait for an adapter that takes nothing: closing would, for 30 s."""
        if not hasattr(self._port, "out_waiting"):
            return
        end = self._clock() + round(WRITE_LIMIT_S * 1e9)
        while self._port.out_waiting and self._clock() < end:
            time.sleep(0.001)
        if self._port.out_waiting:
            self._port.reset_output_buffer()

    # -- lines -----------------------------------------------------------------------------------------------------

    def _items(self, line: bytes, end: bytes, arrival: int) -> list[Item]:
        if end == b"\a":
            return self._refused(line, arrival)
        if line in _ANSWERS or line[0] in _OTHER_ANSWERS:
            return []
        if line[:1] == b"x":  # CANDapter's word for an extended frame
            line = b"T" + line[1:]
        frame = frame_of_line(line) or frame_of_line(line[:-4])  # an adapter may add its own time stamp
        return self._unreadable(line, arrival) if frame is None else [Heard(arrival, frame)]

    def _refused(self, line: bytes, arrival: int) -> list[Item]:
        if not self._sending or arrival < self._settled:
            return []  # it is python-can's opening commands that it refuses: it was open already
        what = "a frame or command: its send buffer is full, or it is not on the bus"
        return [Error(arrival, "bus", f"the adapter refuses {what}{f' ({line!r})' if line else ''}")]

    def _unreadable(self, line: bytes, arrival: int) -> list[Item]:
        if arrival < self._settled:
            return []
        return [Error(arrival, "bus", f"the adapter sent a line that is no frame: {line[:40]!r}")]


def latency_ns(port: str) -> int:
    """For how long a USB serial chip collects bytes before it passes them on, as Linux knows it, ns; 0: not known.

    FTDI's do so for 16 ms unless told otherwise: ``echo 1 > /sys/class/tty/ttyUSB0/device/latency_timer``.
    """
    try:
        name = Path(port).resolve().name
        return int(Path("/sys/class/tty", name, "device", "latency_timer").read_text(encoding="ascii")) * 1_000_000
    except (OSError, ValueError):
        return 0


def _selectable(port: Any) -> bool:
    """Whether one can wait for the port together with other things: not on Windows, and not on ``loop://``."""
    try:
        select.select([port], [], [], 0)
    except (OSError, ValueError, TypeError, AttributeError, NotImplementedError):
        return False
    return True
