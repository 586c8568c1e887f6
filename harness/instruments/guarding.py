"""The watchdog from the run's side: a child process that brings the bench into its safe state when the run is killed.

It is started before anything is switched on. While the run lives it does nothing; when the run ends without having said
that the safe state was reached, it opens the instruments and reaches it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import Any

from harness.errors import InstrumentError
from harness.instruments.safety import SafeReport
from harness.instruments.spec import InstrumentSpec

PATIENCE_NS = 30_000_000_000
"""How long the watchdog tries, unless told otherwise: the killed run's other processes may still hold a port."""
_START_S = 20.0
_END_S = 10.0
READY, ARMED, SAFE = "watching", "armed", "safe"


@dataclass(frozen=True, slots=True)
class WatchdogResult:
    """What a watchdog did after its run was killed. run: the process id of that run. ended: when, Unix time in s."""

    run: int
    ended: float
    report: SafeReport

    def __str__(self) -> str:
        return f"the run with process id {self.run} ended without reaching the safe state; its watchdog: {self.report}"


def watchdog_result(path: Path) -> WatchdogResult | None:
    """What the watchdog of an earlier run wrote; None when that run ended by itself, or there was none.

    Raises :class:`~harness.errors.InstrumentError` for a file that no watchdog wrote.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return WatchdogResult(content["run"], content["ended"], SafeReport.from_json(content["report"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        advice = "look at the bench, then delete it"
        raise InstrumentError(f"{path} is no result of a watchdog: {error!r}; {advice}") from error


class Watchdog:
    """The watchdog of this run.

    specs: the instruments, in the order in which their safe states are to be reached. result: the file that it writes
    when it had to act; an old one is removed at the start. patience: how long it tries, ns.
    """

    def __init__(self, specs: Sequence[InstrumentSpec], result: Path, *, patience_ns: int = PATIENCE_NS) -> None:
        self._result = result
        self._order = {
            "run": os.getpid(),
            "result": str(result.absolute()),
            "patience_ns": patience_ns,
            "instruments": [spec.to_json() for spec in specs],
        }
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start it, and wait until it watches. Raises :class:`~harness.errors.InstrumentError` when it does not."""
        self._result.unlink(missing_ok=True)
        self._result.parent.mkdir(parents=True, exist_ok=True)
        windows: dict[str, Any] = {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "harness.instruments.watchdog"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            # In a session of its own: Ctrl-C, and signals to the run's process group, do not reach it.
            **(windows if sys.platform == "win32" else {"start_new_session": True}),
        )
        try:
            self._say(json.dumps(self._order))
            answer = self._first_line()
            if answer != READY:
                raise InstrumentError(f"the watchdog does not start: expected {READY!r}, got {answer!r}")
        except InstrumentError:
            self._end()
            raise

    def armed(self) -> None:
        """Say that the bench may be energised (again); so it is from the start on."""
        self._say(ARMED)

    def safe(self) -> None:
        """Say that the safe state was reached and confirmed: if the run ends now, there is nothing to do."""
        self._say(SAFE)

    def check(self) -> None:
        """Raise :class:`~harness.errors.InstrumentError` when it does not watch any more."""
        code = self._there().poll()
        if code is not None:
            raise InstrumentError(
                f"the watchdog has ended with exit code {code}: nobody would switch the bench off if this run were "
                "killed; start the run again"
            )

    def stop(self) -> None:
        """End it, after :meth:`safe`; without that, it reaches the safe state now, and this waits for it.

        May be called twice. The instruments must have been disconnected, so that it can open them.
        """
        if self._process is not None:
            self._end()

    def _first_line(self) -> str:
        process = self._there()
        assert process.stdout is not None
        lines: list[str] = []
        reader = Thread(target=lambda out: lines.append(out.readline()), args=(process.stdout,), daemon=True)
        reader.start()
        reader.join(_START_S)
        if reader.is_alive():
            process.kill()
            reader.join()
        return lines[0].strip()

    def _end(self) -> None:
        process = self._there()
        self._process = None
        assert process.stdin is not None and process.stdout is not None
        with suppress(BrokenPipeError):  # it is dead then, which check() has told
            process.stdin.close()
        process.stdout.close()
        try:
            process.wait(_END_S + float(str(self._order["patience_ns"])) / 1e9)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _there(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise InstrumentError("the watchdog has not been started")
        return self._process

    def _say(self, line: str) -> None:
        stdin = self._there().stdin
        assert stdin is not None
        try:
            stdin.write(line + "\n")
            stdin.flush()
        except BrokenPipeError:
            self.check()
            raise InstrumentError("the watchdog listens no more") from None
