"""A serial port that tells what is wrong with it: pyserial with deadlines, and errors that say what to do."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from threading import RLock
from typing import Any

from harness.errors import InstrumentError, MissingExtra, nearest
from harness.instruments.spec import PortSettings
from harness.units import time_text
from harness.wall import clock_ns

LONGEST_ANSWER = 65_536
"""No instrument answers more bytes than this without an end."""
_POLL_S = 0.05
_WRITE_S = 2.0


def pyserial() -> Any:
    """The module ``serial``. Raises :class:`~harness.errors.MissingExtra` when pyserial is not installed."""
    try:
        return import_module("serial")
    except ModuleNotFoundError:
        raise MissingExtra("an instrument on a serial port", "bench") from None


def _faults() -> tuple[type[Exception], ...]:
    """What pyserial lets through when a port breaks: on POSIX a terminal's own error is no OSError."""
    try:
        return OSError, ValueError, import_module("termios").error
    except ModuleNotFoundError:
        return OSError, ValueError


class Port:
    """The port of one instrument. who: its name, for messages. Raises :class:`~harness.errors.InstrumentError`."""

    def __init__(self, who: str, where: str, settings: PortSettings) -> None:
        self.who, self.where, self.settings = who, where, settings
        self.lost = ""
        """Why the port cannot be used any more, "" while it can."""
        self.in_step = True
        """Whether every question so far got its answer, so that what comes next answers what is asked next."""
        self._faults = _faults()
        self._lock = RLock()
        self._rest = b""
        self._device = self._open()

    def error(self, what: str) -> InstrumentError:
        """An error of this instrument."""
        return InstrumentError(f"{self.who} on {self.where}: {what}")

    # -- open and close --------------------------------------------------------------------------------------------

    def _open(self) -> Any:
        settings = self.settings
        serial = pyserial()
        try:
            device = serial.serial_for_url(self.where, do_not_open=True)
            device.baudrate = settings.baudrate
            device.bytesize, device.parity = int(settings.framing[0]), settings.framing[1]
            device.stopbits = int(settings.framing[2])
            # Before the opening: a line that is lowered afterwards has been high for a moment, and the board is reset.
            device.dtr, device.rts = settings.dtr, settings.rts
            device.timeout = _POLL_S
            if not self.where.startswith("rfc2217:"):  # which refuses it
                device.write_timeout = _WRITE_S
            if "://" not in self.where:
                device.exclusive = settings.exclusive or None
            device.open()
        except self._faults as error:
            raise self.error(f"cannot be opened: {error}; {self._advice(error)}") from error
        if settings.settle_ns:
            time.sleep(settings.settle_ns / 1e9)
        return device

    def _advice(self, error: BaseException) -> str:
        text = str(error)
        if "lock" in text or "busy" in text.lower():
            return "another program has it: a terminal, another run, or the watchdog of a run that was killed"
        if isinstance(error, PermissionError) or "Permission" in text:
            return "you may not open it: on Linux add yourself to the group that owns it, mostly dialout"
        if "://" in self.where:
            return "is the other side there, and does the bench file name the right host and port?"
        ports = [port.device for port in import_module("serial.tools.list_ports").comports()]
        if not Path(self.where).exists():
            return f"serial ports here: {', '.join(ports) or 'none'}{nearest(self.where, ports)}"
        return "is it a serial port, and are its settings those of the instrument?"

    def reopen(self) -> None:
        """Open it again after it was lost. Does nothing while it is not lost."""
        with self.held():
            if self.lost:
                self.disconnect()
                self._device = self._open()
                self.lost, self._rest, self.in_step = "", b"", False

    def disconnect(self) -> None:
        """Close it. May be called twice."""
        self.lost = self.lost or "it was disconnected"
        with suppress(*self._faults):  # It is gone already then, which is what was asked for.
            self._device.close()

    # -- one user at a time ----------------------------------------------------------------------------------------

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other threads away for some exchanges that belong together."""
        if not self._lock.acquire(timeout=3 * self.settings.timeout_ns / 1e9 + _WRITE_S):
            raise self.error("is in use by another thread, which does not let go of it")
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def exchange(self) -> Iterator[bool]:
        """One question with its answer. If it does not come to its end, the port is not :attr:`in_step` any more.

        Gives whether it was.
        """
        with self.held():
            before, self.in_step = self.in_step, False
            yield before
            self.in_step = True

    # -- bytes -----------------------------------------------------------------------------------------------------

    def deadline(self) -> int:
        """When an answer to what is asked now would be too late; by :func:`~harness.wall.clock_ns`."""
        return clock_ns() + self.settings.timeout_ns

    def write(self, data: bytes) -> None:
        """Send. Takes two seconds at most."""
        device = self._usable()
        try:
            device.write(data)
        except self._faults as error:
            raise self._lose(error) from error

    def read(self, until: int) -> bytes:
        """What has come, as soon as something has; b"" when nothing came until the clock said ``until`` ns.

        It waits for 50 ms at least.
        """
        device = self._usable()
        while True:
            try:
                data: bytes = device.read(max(1, device.in_waiting))
            except self._faults as error:
                raise self._lose(error) from error
            if data or clock_ns() >= until:
                return data

    def read_to(self, ends: bytes, until: int) -> bytes:
        """Everything up to and with the first byte that is one of ``ends``; without one at its end: time was over."""
        data = self._rest
        while True:
            for place, byte in enumerate(data):
                if byte in ends:
                    self._rest = data[place + 1 :]
                    return data[: place + 1]
            if len(data) > LONGEST_ANSWER:
                self._rest = b""
                raise self.error(f"sent {len(data)} bytes without an end: {data[:40]!r} ...; is its baud rate right?")
            more = self.read(until)
            if not more:
                self._rest = b""
                return data
            data += more

    def discard(self, quiet_ns: int = 0) -> bytes:
        """Take what came unasked, and what comes until nothing comes for ``quiet_ns`` (within its timeout)."""
        data, self._rest = self._rest, b""
        device = self._usable()
        deadline = self.deadline()
        while clock_ns() < deadline:
            try:
                waiting = device.in_waiting
            except self._faults as error:
                raise self._lose(error) from error
            more = self.read(0 if waiting else min(clock_ns() + quiet_ns, deadline)) if waiting or quiet_ns else b""
            if not more:
                break
            data += more
        return data

    def _usable(self) -> Any:
        if self.lost:
            raise self.error(f"its port is gone: {self.lost}")
        return self._device

    def _lose(self, error: Exception) -> InstrumentError:
        self.lost = f"{type(error).__name__}: {error}"
        return self.error(f"its port is gone: {self.lost}; is it still plugged in and switched on?")


def shown(data: bytes) -> str:
    """Bytes for a message: short enough to read.

    >>> shown(b""), shown(b"12.0")
    ('nothing', "b'12.0'")
    """
    if not data:
        return "nothing"
    return repr(data) if len(data) <= 60 else f"{data[:60]!r} and {len(data) - 60} bytes more"


def span(nanoseconds: int) -> str:
    """A timeout for a message.

    >>> span(2_000_000_000)
    'within 2 s'
    """
    return f"within {time_text(nanoseconds)}"
