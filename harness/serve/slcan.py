"""A serial CAN adapter that is none: the slcan protocol on a pseudo-terminal, in front of a simulated bus.

python-can's own driver opens it as it opens a USB stick. POSIX only.
"""

from __future__ import annotations

import os
import select
from collections import deque
from pathlib import Path
from threading import Lock, Thread

from harness.adapter.lawicel import BELL, OK, frame_of_line, line_of
from harness.frames import Received
from harness.pseudo_terminal import forget_unread, open_pair, path_of
from harness.serve.line import LineCounts, Receive
from harness.wall import clock_ns

_ANSWERS = {b"V": b"V1013", b"N": b"NA123", b"F": b"F00"}
_SETTINGS = b"SsYXZMmWpPAU"  # taken, and without effect on a simulated bus
_FRAMES = (b"t", b"T", b"r", b"R", b"d", b"D", b"b", b"B")
LONGEST_LINE = 2 + 8 + 128 + 8
QUEUE = 1024
"""Lines that wait for a tester at most, beside what the terminal itself holds; then the oldest are lost."""

BEAT_S = 0.002
"""How often it is looked whether a tester has written something, s: who comes back later was late, and knows it."""

_LOOK_S = 0.02  # how often it is looked whether a tester has opened the terminal


class SlcanLine:
    """One emulated adapter. :attr:`name` is the path of its terminal, or of the link that leads there.

    It is plugged in as long as it lives; testers open and close its terminal one after the other. One that goes away
    without closing the channel, because it was killed, leaves it closed all the same. A tester that does not read loses
    the oldest frames, as with a USB adapter whose buffer is full; ``counts.lost`` tells, and the vehicle does not wait.
    """

    def __init__(self, link: Path | None = None) -> None:
        self._master, slave = open_pair()
        self.terminal = path_of(slave)
        os.close(slave)  # so that it shows when the tester's end is closed
        self._link = link
        self.name = self.terminal if link is None else str(link)
        self.counts = LineCounts()
        self.opened = False
        """Whether the tester has opened the channel."""
        self.listen_only = False
        """Set by the tester's ``L``; then what it sends is refused."""
        self._lock = Lock()
        self._waiting: deque[bytes] = deque()
        self._begun = b""  # the rest of a line that the terminal has taken a part of
        self._wake_read, self._wake_write = os.pipe()
        self._ending = self._closed = False
        self._thread: Thread | None = None
        if link is not None:
            link.symlink_to(self.terminal)

    def start(self, receive: Receive) -> None:
        """See :meth:`harness.serve.line.Line.start`."""
        self._thread = Thread(target=self._serve, args=(receive,), name=f"harness adapter {self.name}", daemon=True)
        self._thread.start()

    def send(self, rx: Received) -> None:
        """See :meth:`harness.serve.line.Line.send`."""
        if self.opened:
            self._queue(line_of(rx.frame) + OK, frame=True)

    def stop(self) -> None:
        """See :meth:`harness.serve.line.Line.stop`."""
        self._ending = True
        if self._thread is not None and self._thread.is_alive():
            self._wake()
            self._thread.join()

    def close(self) -> None:
        """Unplug: the tester's next access fails, as when somebody pulls the stick. May be called twice."""
        self.stop()
        if self._link is not None:
            self._link.unlink(missing_ok=True)
        with self._lock:
            if not self._closed:
                self.opened, self._closed = False, True
                for descriptor in (self._master, self._wake_read, self._wake_write):
                    os.close(descriptor)

    # -- the thread: reads, and writes what could not be written at once ---------------------------------------------

    def _serve(self, receive: Receive) -> None:
        rest, present = b"", False
        while not self._ending:
            blocked = [self._master] if self._begun or self._waiting else []
            looked = clock_ns()
            ready, writable, _ = select.select(
                [self._master, self._wake_read], blocked, [], BEAT_S if self.opened else None
            )
            if self._wake_read in ready:
                os.read(self._wake_read, 4096)
            if writable:
                with self._lock:
                    self._flush()
            if self._master not in ready:
                continue
            try:
                read = os.read(self._master, 65536)
            except BlockingIOError:
                continue
            except OSError:
                read = b""
            if not read:  # nobody has the terminal open
                if present:
                    rest, present = b"", False
                    self._gone()
                select.select([self._wake_read], [], [], _LOOK_S)
                continue
            # A terminal does not tell when it was written to; it may have been as soon as this was looking away.
            at, present = min(clock_ns(), looked + round(BEAT_S * 1e9)), True
            *lines, rest = (rest + read).split(OK)
            for line in lines:
                self._handle(line, receive, at)
            if len(rest) > LONGEST_LINE:
                self._refuse(f"{len(rest)} bytes without an end of line")
                rest = b""

    def _handle(self, line: bytes, receive: Receive, at: int) -> None:
        command = line[:1]
        if command in (b"O", b"L"):
            if not self.opened:
                self._forget()
            self.opened, self.listen_only = True, command == b"L"
            self._queue(OK)
        elif command == b"C":
            self._forget()
            self._queue(OK)
        elif command in _ANSWERS:
            self._queue(_ANSWERS[command] + OK)
        elif not command or command in _SETTINGS:
            self._queue(OK)
        elif (frame := frame_of_line(line)) is not None and self.opened and not self.listen_only:
            self.counts.received += 1
            self._queue(OK)
            receive(frame, at)
        else:
            self._refuse(f"command {line[:40]!r}" + ("" if self.opened else " on a closed channel"))

    def _refuse(self, what: str) -> None:
        self.counts.refuse(what)
        self._queue(BELL)

    def _forget(self) -> None:
        """Close the channel: what waits is nobody's. A line that is half written is finished."""
        with self._lock:
            self.opened = False
            self._waiting.clear()

    def _gone(self) -> None:
        """The tester has closed its end: the next one is not to read what is left of it in the terminal."""
        with self._lock:
            self._waiting.clear()
            self._begun = b""
            # Not while a tester is there: between its select() and its read() that looks like an unplugged adapter.
            forget_unread(self.terminal)
            self.opened = False

    # -- writing, from any thread ------------------------------------------------------------------------------------

    def _queue(self, line: bytes, *, frame: bool = False) -> None:
        with self._lock:
            if self._closed or (frame and not self.opened):
                return
            self.counts.sent += frame
            waited = bool(self._begun or self._waiting)
            self._waiting.append(line)
            if len(self._waiting) > QUEUE and self._waiting.popleft()[:1] in _FRAMES:
                self.counts.sent -= 1
                self.counts.lose("the tester does not read")
            self._flush()
            if not waited and (self._begun or self._waiting):
                self._wake()  # from now on the thread waits for room

    def _flush(self) -> None:
        """Write as much as the terminal takes; the lock is held."""
        try:
            while self._begun or self._waiting:
                data = self._begun or self._waiting.popleft()
                self._begun = data  # whole lines, or the tester would read rubbish up to the next end of line
                self._begun = data[os.write(self._master, data) :]
        except BlockingIOError:
            pass

    def _wake(self) -> None:
        os.write(self._wake_write, b"x")
