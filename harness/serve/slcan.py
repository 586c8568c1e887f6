"""A serial CAN adapter that is none: the slcan protocol on a pseudo-terminal, in front of a simulated bus.

python-can's own driver opens it as it opens a USB stick. POSIX only.
"""

from __future__ import annotations

import os
import pty
import select
import tty
from collections.abc import Callable
from threading import Thread

from harness.frames import Frame, Received
from harness.serve.lawicel import BELL, OK, frame_of_line, line_of
from harness.serve.line import LineCounts

_ANSWERS = {b"V": b"V1013", b"N": b"NA123", b"F": b"F00"}
_SETTINGS = b"SsYXZMmWpPAU"  # taken, and without effect on a simulated bus
LONGEST_LINE = 2 + 8 + 128 + 8


class SlcanLine:
    """One emulated adapter. :attr:`name` is the path of its terminal.

    listen_only: set by the tester's ``L``; then it sends nothing. A tester that is not reading loses frames, as a USB
    adapter with a full buffer does; ``counts.lost`` tells.
    """

    def __init__(self) -> None:
        self._master, self._slave = pty.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.name = os.ttyname(self._slave)
        self.counts = LineCounts()
        self.opened = False
        """Whether the tester has opened the channel."""
        self.listen_only = False
        self._wake_read, self._wake_write = os.pipe()
        self._thread: Thread | None = None

    def start(self, receive: Callable[[Frame], None]) -> None:
        """See :meth:`harness.serve.line.Line.start`."""
        self._thread = Thread(target=self._read, args=(receive,), name=f"harness adapter {self.name}", daemon=True)
        self._thread.start()

    def send(self, rx: Received) -> None:
        """See :meth:`harness.serve.line.Line.send`."""
        if self.opened and self._write(line_of(rx.frame) + OK):
            self.counts.sent += 1

    def close(self) -> None:
        """Unplug: the tester's next access fails, as when somebody pulls the stick."""
        os.write(self._wake_write, b"x")
        if self._thread is not None:
            self._thread.join()
        for descriptor in (self._master, self._slave, self._wake_read, self._wake_write):
            os.close(descriptor)

    def _read(self, receive: Callable[[Frame], None]) -> None:
        rest = b""
        while True:
            ready, _, _ = select.select([self._master, self._wake_read], [], [])
            if self._wake_read in ready:
                return
            try:
                rest += os.read(self._master, 65536)
            except BlockingIOError:
                continue
            *lines, rest = rest.split(OK)
            for line in lines:
                self._handle(line, receive)
            if len(rest) > LONGEST_LINE:
                self._refuse(f"{len(rest)} bytes without an end of line")
                rest = b""

    def _handle(self, line: bytes, receive: Callable[[Frame], None]) -> None:
        command = line[:1]
        if command in (b"O", b"L"):
            self.opened, self.listen_only = True, command == b"L"
            self._write(OK)
        elif command == b"C":
            self.opened = False
            self._write(OK)
        elif command in _ANSWERS:
            self._write(_ANSWERS[command] + OK)
        elif not command or command in _SETTINGS:
            self._write(OK)
        elif (frame := frame_of_line(line)) is not None and self.opened and not self.listen_only:
            self.counts.received += 1
            self._write(OK)
            receive(frame)
        else:
            self._refuse(f"command {line[:40]!r}" + ("" if self.opened else " on a closed channel"))

    def _refuse(self, what: str) -> None:
        self.counts.refused += 1
        self.counts.trouble = what
        self._write(BELL)

    def _write(self, data: bytes) -> bool:
        try:
            written = os.write(self._master, data)
        except BlockingIOError:
            written = 0
        if written < len(data):
            # Part of a line is worse than none: the tester would read rubbish until the next end of line.
            if written:
                self._finish(data[written:])
                return True
            self.counts.lost += 1
            self.counts.trouble = "the tester does not read"
            return False
        return True

    def _finish(self, rest: bytes) -> None:
        while rest:
            _, writable, _ = select.select([], [self._master], [], 0.05)
            if not writable:
                self.counts.lost += 1
                self.counts.trouble = "the tester does not read"
                return
            rest = rest[os.write(self._master, rest) :]
