"""A channel process as its parent has it: started, talked to, ended, and asked how it ended."""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress

from harness.adapter.connection import HOST, TOKEN_BYTES, Connection, accept, listen
from harness.errors import AdapterLost

START_S = 30.0
"""How long a process may take to start Python and to come back to us, s: machines can be very busy."""
SLICE_S = 0.5
"""How long a read waits at most, s."""
PATIENCE_S = 2.0
"""How long a channel process may take nothing of what it is told, s."""
LAST_WORDS = 2000
"""Characters of what it wrote to standard error that are kept."""


class Child:
    """A running channel process, connected. Raises :class:`~harness.errors.AdapterLost` when it does not start."""

    def __init__(self) -> None:
        self.obituary = ""
        """How it ended, and its last words; "" before :meth:`end`."""
        token = secrets.token_hex(TOKEN_BYTES // 2).encode()
        # A pipe would have to be read all the time. Closed by end().
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115
        with listen() as listener:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "harness.adapter.process", f"{HOST}:{listener.getsockname()[1]}"],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=self._errors,
            )  # fmt: skip
            assert self._process.stdin is not None
            with suppress(OSError), self._process.stdin as channel:  # one that is dead already is found below
                channel.write(token)
            sock = self._accepted(listener, token)
        if sock is None:
            self.end(0)
            raise AdapterLost(f"the channel process did not start: {self.obituary}")
        self.connection = Connection(sock, slice_s=SLICE_S, patience_s=PATIENCE_S)

    def _accepted(self, listener: socket.socket, token: bytes) -> socket.socket | None:
        end = time.monotonic() + START_S
        while self._process.poll() is None and time.monotonic() < end:
            sock = accept(listener, token, SLICE_S)
            if sock is not None:
                return sock
        return None

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def kill(self) -> None:
        """End it the hard way."""
        self._process.kill()

    def end(self, timeout_s: float) -> None:
        """Wait for its end for so long, s, and else :meth:`kill` it; fills :attr:`obituary`. Called once."""
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.kill()
            self._process.wait()
        code = self._process.returncode
        how = f"signal {-code} ({_name(-code)})" if code < 0 else f"exit code {code}"
        self._errors.seek(0)
        words = self._errors.read().decode(errors="replace").strip()[-LAST_WORDS:]
        self._errors.close()
        self.obituary = f"ended by {how}" + (f"; it wrote:\n{words}" if words else "")


def _name(number: int) -> str:
    return next((each.name for each in signal.Signals if each.value == number), "unknown")
