"""A serial port behind a network, by RFC 2217.

Unlike a pseudo-terminal it has modem lines, so that a reset by DTR can be shown.
"""

from __future__ import annotations

import select
import socket
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from threading import Thread
from typing import Any

from harness.instruments.port import pyserial


class _Lines:
    """What a client sets on the port; the names are those of a pyserial port."""

    def __init__(self, on_dtr: Callable[[bool], None]) -> None:
        self.baudrate, self.bytesize, self.parity, self.stopbits = 9600, 8, "N", 1
        self.xonxoff = self.rtscts = self.rts = self.break_condition = False
        self.cts = self.dsr = self.cd = True
        self.ri = False
        self._dtr = False
        self._on_dtr = on_dtr

    @property
    def dtr(self) -> bool:
        """Whether the line is raised."""
        return self._dtr

    @dtr.setter
    def dtr(self, value: bool) -> None:
        if value is not self._dtr:
            self._dtr = value
            self._on_dtr(value)

    def reset_input_buffer(self) -> None:
        """Nothing is kept."""

    def reset_output_buffer(self) -> None:
        """Nothing is kept."""


class NetworkPort:
    """A port that pyserial opens as ``rfc2217://127.0.0.1:PORT``; one client at a time.

    on_dtr: called when the client raises DTR (True) or lowers it.
    """

    def __init__(self, receive: Callable[[bytes], None], on_dtr: Callable[[bool], None]) -> None:
        pyserial()  # which tells what to install when it is not there
        self._manager: Any = import_module("serial.rfc2217").PortManager
        self._receive, self._on_dtr = receive, on_dtr
        self._client: socket.socket | None = None
        self._escape: Callable[[bytes], Any] | None = None
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._place = self._listener.getsockname()[1]
        self._wake_read, self._wake_write = socket.socketpair()
        self._thread: Thread | None = None
        self.plug()

    @property
    def port(self) -> str:
        """What a program opens."""
        return f"rfc2217://127.0.0.1:{self._place}"

    def plug(self) -> None:
        """Be there (again)."""
        if self._thread is None:
            self._thread = Thread(target=self._serve, name=f"harness emulator {self.port}", daemon=True)
            self._thread.start()

    def unplug(self) -> None:
        """Be gone: whoever has it open is disconnected, and whoever opens it waits in vain."""
        if self._thread is not None:
            self._wake_write.send(b"x")
            self._thread.join()
            self._thread = None

    def close(self) -> None:
        """Be gone for good."""
        self.unplug()
        for each in (self._listener, self._wake_read, self._wake_write):
            each.close()

    def send(self, data: bytes) -> None:
        """Say something; lost when nobody is connected."""
        client, escape = self._client, self._escape
        if client is not None and escape is not None:
            with suppress(OSError):
                client.sendall(b"".join(escape(data)))

    def _serve(self) -> None:
        while True:
            ready, _, _ = select.select([self._listener, self._wake_read], [], [])
            if self._wake_read in ready:
                self._wake_read.recv(1)
                return
            client, _ = self._listener.accept()
            with client:
                going_on = self._talk(client)
            if not going_on:
                return

    def _talk(self, client: socket.socket) -> bool:
        """With one client, until it goes; False when we go."""
        lines = _Lines(self._on_dtr)
        manager = self._manager(lines, _Connection(client))
        self._escape, self._client = manager.escape, client
        try:
            while True:
                ready, _, _ = select.select([client, self._wake_read], [], [])
                if self._wake_read in ready:
                    self._wake_read.recv(1)
                    return False
                data = client.recv(65_536)
                if not data:
                    return True
                plain = b"".join(manager.filter(data))
                if plain:
                    self._receive(plain)
        except OSError:
            return True  # the client has gone without a word
        finally:
            self._client = None
            lines.dtr = False


class _Connection:
    """How pyserial's port manager writes to its client."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client

    def write(self, data: bytes) -> None:
        """Send to the client."""
        self._client.sendall(data)
