"""What all emulated instruments have in common: a port, a thread that answers, and what can go wrong with them."""

from __future__ import annotations

import time
from collections.abc import Callable
from enum import Enum
from threading import Condition, RLock
from types import TracebackType
from typing import ClassVar, Self

from harness.instruments.emulators.network_port import NetworkPort
from harness.instruments.emulators.terminal import Terminal

NOISE = b"\xff\x00\xfe\x93\x80\r\n"
"""What comes over a wire with the wrong baud rate."""


class Fault(Enum):
    """What is wrong with an emulated instrument, from the moment in which :attr:`Emulator.fault` is set."""

    SILENCE = "takes everything, does what it is told, and answers nothing"
    DEAF = "does nothing, and answers nothing"
    GARBAGE = "answers bytes that are no text"
    HALF = "answers the first half, and no end"
    ECHO = "sends back what it is sent before it answers"
    COMMA = "writes its numbers with a decimal comma"
    STUCK = "takes its settings, and does not follow them"


class Emulator:
    """An emulated instrument; a context manager, there from ``with`` to the end of the block.

    modem_lines: serve it behind a network port that has DTR and RTS, and reset it when DTR rises, as many boards do;
    a pseudo-terminal has no such lines.
    """

    ends: ClassVar[bytes] = b"\n"
    """The bytes that end a command."""

    def __init__(self, *, modem_lines: bool = False) -> None:
        self.fault: Fault | None = None
        """What is wrong with it; None: nothing."""
        self.delay_s = 0.0
        """How long it thinks before it answers, s."""
        self.reset_at = ""
        """It resets, once, in the middle of a command that begins with this; "" for never."""
        self.received: list[str] = []
        """All commands that came, in their order, without their ends."""
        self.resets = 0
        """How often it was reset since it was switched on."""
        self._modem_lines = modem_lines
        self._line: Terminal | NetworkPort | None = None
        self._rest = b""
        self._lock = RLock()
        self._changed = Condition(self._lock)

    # -- life ------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self.start_values()
        self._line = NetworkPort(self._receive, self._dtr) if self._modem_lines else Terminal(self._receive)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._there().close()

    @property
    def port(self) -> str:
        """What a program opens: a path, or a URL of pyserial."""
        return self._there().port

    def unplug(self) -> None:
        """Pull the cable: the port is gone."""
        self._there().unplug()

    def plug(self) -> None:
        """Put it back; the port is the same."""
        self._there().plug()

    def reset(self) -> None:
        """Reset it as a fall of its own supply does: its settings are lost, and it says :meth:`banner`."""
        with self._changed:
            self.resets += 1
            self._rest = b""
            self.start_values()
            self._changed.notify_all()
        self.send(self.banner())

    def wait_for(self, condition: Callable[[], bool], within_s: float = 10.0) -> None:
        """Wait until something that depends on commands or resets is true. Raises ``TimeoutError`` when it is not."""
        with self._changed:
            if not self._changed.wait_for(condition, within_s):
                raise TimeoutError(f"{type(self).__name__}: not within {within_s:g} s; it got {self.received[-10:]}")

    # -- what a kind of instrument does ----------------------------------------------------------------------------

    def start_values(self) -> None:
        """Its settings after power-on."""

    def banner(self) -> bytes:
        """What it says unasked after a reset."""
        return b""

    def handle(self, command: str) -> bytes:
        """Do what the command says; the answer with its end, b"" for none."""
        raise NotImplementedError

    # -- how -------------------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Say something, with what is wrong with it."""
        if not data or self.fault in (Fault.SILENCE, Fault.DEAF):
            return
        if self.fault is Fault.GARBAGE:
            data = NOISE
        elif self.fault is Fault.HALF:
            data = data[: max(1, len(data) // 2)].rstrip(b"\r\n")
        elif self.fault is Fault.COMMA:
            data = data.replace(b".", b",")
        self._there().send(data)

    def _there(self) -> Terminal | NetworkPort:
        if self._line is None:
            raise RuntimeError(f"{type(self).__name__} is there inside its with block only")
        return self._line

    def _dtr(self, raised: bool) -> None:
        if raised:
            self.reset()

    def _receive(self, data: bytes) -> None:
        for byte in data:
            if byte not in self.ends:
                self._rest += bytes([byte])
                continue
            command, self._rest = self._rest.decode("latin-1").strip(), b""
            self._take(command)

    def _take(self, command: str) -> None:
        if self.reset_at and command.startswith(self.reset_at):
            self.reset_at = ""
            self.reset()
            return
        with self._changed:
            if command:
                self.received.append(command)
            answer = b"" if self.fault is Fault.DEAF else self.handle(command)
            self._changed.notify_all()
        if self.delay_s:
            time.sleep(self.delay_s)
        if self.fault is Fault.ECHO and command:
            self._there().send(command.encode("latin-1") + b"\r\n")
        self.send(answer)
