"""Serial adapters that are none: pseudo-terminals that pass on what is written to one to all others of their bus."""

from __future__ import annotations

import os
import pty
import select
import threading
import tty
from collections.abc import Callable
from pathlib import Path


class SerialBus:
    """Adapters on one bus, each behind a link that keeps its path. answer: what an adapter replies to a line."""

    def __init__(self, folder: Path, names: tuple[str, ...], *, lines: bool = True) -> None:
        self._lines = lines
        self._folder = folder
        self._masters: dict[str, int] = {}
        self._slaves: dict[str, int] = {}
        self._woken, self._wake = os.pipe()
        self.written: dict[str, list[bytes]] = {name: [] for name in names}
        """Complete lines that testers wrote, without their ends."""
        self.deaf: set[str] = set()
        """Adapters that read nothing of what is written to them."""
        self.answer: Callable[[bytes], bytes] = lambda line: b"z\r" if line[:1] in b"tTrRdDbB" else b"\r"
        self._lock = threading.Lock()
        for name in names:
            self.plug(name)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def path(self, name: str) -> str:
        return str(self._folder / name)

    def plug(self, name: str) -> None:
        master, slave = pty.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        link = self._folder / name
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(slave))
        with self._lock:
            self._masters[name], self._slaves[name] = master, slave
        os.write(self._wake, b"x")

    def unplug(self, name: str) -> None:
        with self._lock:
            os.close(self._masters.pop(name))
            os.close(self._slaves.pop(name))
        (self._folder / name).unlink()

    def say(self, name: str, data: bytes) -> None:
        """The adapter writes this to its tester; one that was pulled meanwhile says nothing."""
        with self._lock:
            if name in self._masters:
                _write(self._masters[name], data)

    def close(self) -> None:
        os.write(self._wake, b"q")
        self._thread.join()
        for name in list(self._masters):
            self.unplug(name)
        os.close(self._woken)
        os.close(self._wake)

    def _run(self) -> None:
        rests: dict[str, bytes] = {}
        while True:
            with self._lock:
                masters = {master: name for name, master in self._masters.items() if name not in self.deaf}
            try:
                ready, _, _ = select.select([*masters, self._woken], [], [], 0.05)
            except OSError:
                continue  # one was pulled between looking and waiting
            if self._woken in ready and b"q" in os.read(self._woken, 100):
                return
            for master in ready:
                name = masters.get(master, "")
                with self._lock:
                    if self._masters.get(name) != master or name in self.deaf:
                        continue
                    data = os.read(master, 65536)
                if not self._lines:
                    self._pass_on(name, data)
                    continue
                *lines, rests[name] = (rests.get(name, b"") + data).split(b"\r")
                for line in lines:
                    self.written[name].append(line)
                    answer = self.answer(line)
                    if answer:
                        self.say(name, answer)
                    if line[:1] in b"tTrRdDbB" and line and answer[-1:] != b"\a":
                        self._pass_on(name, line + b"\r")

    def _pass_on(self, sender: str, data: bytes) -> None:
        with self._lock:
            for name, master in self._masters.items():
                if name != sender:
                    _write(master, data)


def _write(terminal: int, data: bytes) -> None:
    """Write all of it: a terminal takes what it has room for. What nobody reads within 5 s is lost."""
    while data:
        if not select.select([], [terminal], [], 5)[1]:
            return
        data = data[os.write(terminal, data) :]
