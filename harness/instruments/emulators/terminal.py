"""A serial port that is none: a pseudo-terminal, whose other end an emulator holds. POSIX only.

It has no modem lines: what a program does to DTR and RTS stays unseen. :mod:`.network_port` has them.
"""

from __future__ import annotations

import os
import select
from collections.abc import Callable
from pathlib import Path
from tempfile import mkdtemp
from threading import Thread

from harness.pseudo_terminal import open_pair, path_of

_ROOM_S = 1.0


class Terminal:
    """A port that pyserial opens by its path.

    The path is a link that stays the same when the device is unplugged and plugged in again, as those in
    ``/dev/serial/by-id`` do.
    """

    def __init__(self, receive: Callable[[bytes], None]) -> None:
        self._receive = receive
        self._folder = Path(mkdtemp(prefix="harness-"))
        self._link = self._folder / "port"
        self._thread: Thread | None = None
        self.plug()

    @property
    def port(self) -> str:
        """What a program opens."""
        return str(self._link)

    def plug(self) -> None:
        """Be there (again)."""
        if self._thread is not None:
            return
        self._master, self._slave = open_pair()
        self._link.unlink(missing_ok=True)
        self._link.symlink_to(path_of(self._slave))
        self._wake_read, self._wake_write = os.pipe()
        self._thread = Thread(target=self._read, name=f"harness emulator {self.port}", daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Be gone: the next access of whoever has it open fails."""
        if self._thread is None:
            return
        os.write(self._wake_write, b"x")
        self._thread.join()
        self._thread = None
        self._link.unlink()
        for descriptor in (self._master, self._slave, self._wake_read, self._wake_write):
            os.close(descriptor)

    def close(self) -> None:
        """Be gone for good."""
        self.unplug()
        self._folder.rmdir()

    def send(self, data: bytes) -> None:
        """Say something. What nobody reads in time is lost, as on a wire; a terminal holds 4 KiB."""
        while data:
            _, writable, _ = select.select([], [self._master], [], _ROOM_S)
            if not writable:
                return
            data = data[os.write(self._master, data) :]

    def _read(self) -> None:
        while True:
            ready, _, _ = select.select([self._master, self._wake_read], [], [])
            if self._wake_read in ready:
                return
            try:
                data = os.read(self._master, 65_536)
            except BlockingIOError:
                continue
            self._receive(data)
