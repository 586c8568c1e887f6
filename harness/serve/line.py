"""The line between a served vehicle and its testers: any python-can interface, seen from the vehicle."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Thread
from typing import Protocol

import can

from harness.adapter.echoes import Echoes
from harness.adapter.messages import frame_of, message_of
from harness.frames import Frame, Received


@dataclass(slots=True)
class LineCounts:
    """What went over a line. lost: frames that the line did not take; refused: what came and no bus would carry."""

    sent: int = 0
    received: int = 0
    lost: int = 0
    refused: int = 0
    trouble: str = ""
    """The newest reason for a frame that was lost or refused, "" for none."""


class Line(Protocol):
    """One channel of a served vehicle, towards the outside."""

    name: str
    """What a tester has to open, as it writes it."""
    counts: LineCounts

    def start(self, receive: Callable[[Frame], None]) -> None:
        """Hand every frame from outside to ``receive``, from a thread of the line's own."""

    def send(self, rx: Received) -> None:
        """Pass a frame on to the outside. Never waits: what the line does not take is counted as lost."""

    def close(self) -> None:
        """Stop. Returns when no ``receive`` is going to be called any more."""


class InterfaceLine:
    """A line over a python-can interface: the server is one of its nodes.

    echoing: what is sent comes back as if it were received (:data:`harness.adapter.echoes.ECHOING`).
    """

    def __init__(self, bus: can.BusABC, name: str, *, fd: bool, echoing: bool = False) -> None:
        self.name = name
        self.counts = LineCounts()
        self._bus = bus
        self._fd = fd
        self._echoes = Echoes() if echoing else None
        self._closing = False
        self._thread: Thread | None = None

    def start(self, receive: Callable[[Frame], None]) -> None:
        """See :meth:`Line.start`."""
        self._thread = Thread(target=self._read, args=(receive,), name=f"harness line {self.name}", daemon=True)
        self._thread.start()

    def send(self, rx: Received) -> None:
        """See :meth:`Line.send`."""
        if self._echoes is not None:
            self._echoes.sent(rx.frame)
        try:
            self._bus.send(message_of(rx, 0), timeout=0)
        except can.CanError as error:
            self.counts.lost += 1
            self.counts.trouble = str(error)
        else:
            self.counts.sent += 1

    def close(self) -> None:
        """See :meth:`Line.close`."""
        self._closing = True
        if self._thread is not None:
            self._thread.join()
        self._bus.shutdown()

    def _read(self, receive: Callable[[Frame], None]) -> None:
        while not self._closing:
            try:
                message = self._bus.recv(0.2)
                if message is None or message.is_error_frame or not message.is_rx:
                    continue
                frame = frame_of(message, fd=self._fd)
            except can.CanError as error:
                self.counts.refused += 1
                self.counts.trouble = str(error)
                continue
            if self._echoes is not None and self._echoes.returned(frame):
                continue
            self.counts.received += 1
            receive(frame)
