"""``harness simulate`` as a process of its own, and testers with python-can's slcan driver."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType

import can

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "benches" / "virtual.toml"
WAIT_S = 30.0
"""Only what hangs exceeds it."""


def plugged(port: str, **options: object) -> can.BusABC:
    """A tester at an emulated adapter."""
    return can.Bus(interface="slcan", channel=port, bitrate=500_000, sleep_after_open=0.0, **options)  # type: ignore[arg-type]


class Command:
    """The command, from when it serves; killed at the end of a ``with`` when it still runs."""

    def __init__(self, *options: str, bench: Path = BENCH) -> None:
        self.process = subprocess.Popen(
            _command(options, bench), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.channels: dict[str, str] = {}
        for line in self.process.stdout:
            if line.strip() == "serving":
                return
            name, _, where = line.strip().partition(" ")
            self.channels[name] = where
        raise AssertionError(self.process.communicate())

    def __enter__(self) -> Command:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def end(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, str, str]:
        """End it; exit code, what it printed since it serves, and its errors."""
        self.process.send_signal(how)
        return self.wait()

    def wait(self) -> tuple[int, str, str]:
        """Wait for its end."""
        out, errors = self.process.communicate(timeout=WAIT_S)
        return self.process.returncode, out, errors

    @staticmethod
    def refused(*options: str, bench: Path = BENCH) -> tuple[int, str]:
        """Run a command that is to end by itself; exit code and errors."""
        done = subprocess.run(_command(options, bench), capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stderr


def _command(options: tuple[str, ...], bench: Path) -> list[str]:
    return [sys.executable, "-m", "harness.cli", "simulate", str(bench), *options]
