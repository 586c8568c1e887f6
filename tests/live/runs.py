"""Runs of pytest in processes of their own, forked from one that has imported what all of them need."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

NEEDED = (
    "can.interfaces.slcan", "can.interfaces.udp_multicast", "hypothesis", "pytest", "harness.bench.rig",
    "harness.instruments.emulators", "harness.pytest_support.run", "harness.pytest_support.summary",
)  # fmt: skip
"""What a run imports anyway."""


class Forge:
    """Starts runs. What takes longest is importing pytest and the harness: a forked process has them already."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )
        self._told: list[dict[str, Any]] = []
        self._rest = b""

    def close(self) -> None:
        """End it; runs go on."""
        self._process.communicate()

    def start(self, options: Sequence[str], folder: Path, environment: Mapping[str, str], out: Path) -> int:
        """Start pytest in a folder; returns the number of its process."""
        request = {"options": list(options), "folder": str(folder), "environment": dict(environment), "out": str(out)}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        found = self._find("started", None, 60.0)
        assert found is not None, "no run was started"
        return int(found["started"])

    def code(self, pid: int, timeout_s: float) -> int | None:
        """The exit code of a run, negative after a signal; None when it goes on for more than ``timeout_s`` s."""
        found = self._find("ended", pid, timeout_s)
        return None if found is None else int(found["code"])

    def _find(self, key: str, pid: int | None, timeout_s: float) -> dict[str, Any] | None:
        end = time.monotonic() + timeout_s
        while True:
            for told in self._told:
                if key in told and pid in (None, told[key]):
                    self._told.remove(told)
                    return told
            assert self._process.stdout is not None
            if not select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))[0]:
                return None
            data = os.read(self._process.stdout.fileno(), 65536)
            assert data, "the process that starts runs has ended"
            *lines, self._rest = (self._rest + data).split(b"\n")
            self._told += [json.loads(line) for line in lines]


def _serve() -> None:
    """Fork a run per request from standard input, and tell when it has started and how it ended."""
    sys.modules["asammdf"] = None  # type: ignore[assignment]  # for python-can: half a second, and threads
    for name in NEEDED:
        import_module(name)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    rest = b""
    while True:
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _tell_ended()
        if 0 in ready:
            data = os.read(0, 65536)
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                pid = os.fork()
                if pid == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    _run(json.loads(line))
                _tell(started=pid)


def _tell(**what: int) -> None:
    os.write(1, json.dumps(what).encode() + b"\n")


def _tell_ended() -> None:
    try:
        while True:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                return
            _tell(ended=pid, code=os.waitstatus_to_exitcode(status))
    except ChildProcessError:
        pass  # there is none left


def _run(request: Mapping[str, Any]) -> NoReturn:
    import pytest

    code = 99
    try:
        for descriptor, name, how in ((0, os.devnull, os.O_RDONLY), (1, request["out"], os.O_WRONLY | os.O_CREAT)):
            stream = os.open(name, how)
            os.dup2(stream, descriptor)
            os.close(stream)
        os.dup2(1, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
        os.chdir(request["folder"])
        os.environ.clear()
        os.environ.update(request["environment"])
        sys.path.remove(str(Path(__file__).parent))
        options = [*request["options"], "-W", "ignore::pytest.PytestAssertRewriteWarning"]
        sys.argv = ["pytest", *options]
        code = int(pytest.main(options))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    _serve()
