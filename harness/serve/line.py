"""The line between a served vehicle and its testers: any python-can interface, seen from the vehicle."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from typing import Protocol

import can

from harness.adapter.echoes import Echoes
from harness.adapter.messages import frame_of, message_of
from harness.frames import Frame, Received
from harness.wall import clock_ns

Receive = Callable[[Frame, int], None]
"""Called with a frame from outside and when it was read, or stamped, ns of :func:`~harness.wall.clock_ns`."""

_RETRY_S = 0.2
_OLDEST_STAMP_NS = 10_000_000_000  # a stamp that is older, or from the future, comes from a clock that was set


@dataclass(slots=True)
class LineCounts:
    """What went over a line. lost: frames that the line did not take; refused: what came and no bus would carry."""

    sent: int = 0
    received: int = 0
    lost: int = 0
    refused: int = 0
    trouble: str = ""
    """The newest reason for a frame that was lost or refused, "" for none."""

    def lose(self, why: str) -> None:
        """One more frame that the line did not take."""
        self.lost += 1
        self.trouble = why

    def refuse(self, why: str) -> None:
        """One more thing that came and cannot be used."""
        self.refused += 1
        self.trouble = why

    def __str__(self) -> str:
        why = f" ({self.trouble})" if self.trouble else ""
        return f"{self.sent} sent, {self.received} received, {self.lost} lost, {self.refused} refused{why}"


class Line(Protocol):
    """One channel of a served vehicle, towards the outside."""

    name: str
    """What a tester has to open, as it writes it."""
    counts: LineCounts

    def start(self, receive: Receive) -> None:
        """Hand every frame from outside to ``receive``, from a thread of the line's own."""

    def send(self, rx: Received) -> None:
        """Pass a frame on to the outside, from any thread. Never waits: what the line does not take counts as lost."""

    def stop(self) -> None:
        """Read no further. Returns when no ``receive`` is going to be called any more. May be called twice."""

    def close(self) -> None:
        """Stop, and leave the interface. May be called twice."""


class InterfaceLine:
    """A line over a python-can interface: the server is one of its nodes.

    echoing: what is sent comes back as if it were received (:data:`harness.adapter.echoes.ECHOING`). stamping: frames
    have the kernel's time stamps, of the system's clock, so it is known how long they waited to be read.
    """

    def __init__(self, bus: can.BusABC, name: str, *, fd: bool, echoing: bool = False, stamping: bool = False) -> None:
        self.name = name
        self.counts = LineCounts()
        self._bus = bus
        self._fd = fd
        self._stamping = stamping
        self._echoes = Echoes() if echoing else None
        self._closing = Event()
        self._thread: Thread | None = None

    def start(self, receive: Receive) -> None:
        """See :meth:`Line.start`."""
        self._thread = Thread(target=self._read, args=(receive,), name=f"harness line {self.name}", daemon=True)
        self._thread.start()

    def send(self, rx: Received) -> None:
        """See :meth:`Line.send`."""
        if self._echoes is not None:
            self._echoes.sent(rx.frame)
        try:
            self._bus.send(message_of(rx, 0), timeout=0)
        except (can.CanError, OSError) as error:
            self.counts.lose(str(error))
        else:
            self.counts.sent += 1

    def stop(self) -> None:
        """See :meth:`Line.stop`."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """See :meth:`Line.close`."""
        self.stop()
        self._bus.shutdown()

    def _read(self, receive: Receive) -> None:
        while not self._closing.is_set():
            try:
                message = self._bus.recv(_RETRY_S)
            except (can.CanError, OSError) as error:
                self.counts.refuse(str(error))
                self._closing.wait(_RETRY_S)
                continue
            if message is None or message.is_error_frame or not message.is_rx:
                continue
            at = clock_ns() - self._waited(message)
            try:
                frame = frame_of(message, fd=self._fd)
            except can.CanError as error:
                self.counts.refuse(str(error))
                continue
            if self._echoes is not None and self._echoes.returned(frame):
                continue
            self.counts.received += 1
            receive(frame, at)

    def _waited(self, message: can.Message) -> int:
        """How long a message had been there when it was read, ns; 0 where nobody knows."""
        if not self._stamping:
            return 0
        waited = time.time_ns() - round(message.timestamp * 1e9)
        return waited if 0 <= waited < _OLDEST_STAMP_NS else 0
