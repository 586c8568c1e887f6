"""The hardware that a test run has taken: opened by the first test that needs it, given back at the end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, nullcontext, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, NoReturn

import pytest

from harness.bench import Blueprint
from harness.bench.live_spec import is_live
from harness.bench.refusal import Refusal
from harness.errors import Blocked, UnitError
from harness.lease import PROGRESS_NS, Holder
from harness.units import Duration, minute, parse_duration, rough_text, time_text

if TYPE_CHECKING:
    from harness.bench.rig import Rig


class RunEnded(KeyboardInterrupt):
    """A signal ends the run, as Ctrl-C does. No ``Exception``: nothing on the way may take it for its own."""


@dataclass(slots=True, repr=False)
class Rigs:
    """The rigs of this process, by bench file. wait_ns: how long to wait for one that somebody else has.

    worker: number of the pytest-xdist worker that this is; None without pytest-xdist. tell: shows a line to the user.
    """

    wait_ns: int = 0
    worker: int | None = None
    tell: Callable[[str], object] = print
    module: str = ""
    """The file of the test that is running."""
    ended_by: int = 0
    """The signal that has ended the run; 0: none."""
    safe_states: list[dict[str, Any]] = field(default_factory=list)
    """How each bench was left, for ``evidence.json``; filled by :meth:`close`."""
    _rigs: dict[Path, Rig] = field(default_factory=dict)
    _refusals: dict[Path, Refusal] = field(default_factory=dict)
    _handlers: dict[signal.Signals, Any] = field(default_factory=dict)

    def of(self, blueprint: Blueprint) -> Rig:
        """The open rig of a bench file. Raises :class:`~harness.errors.Blocked` where it cannot be had."""
        path = blueprint.file.path
        rig = self._rigs.get(path)
        if rig is None:
            if self.worker:
                raise Blocked(
                    f"bench {blueprint.file.name!r} has real hardware, which one process at a time can use: this is "
                    f"pytest-xdist worker gw{self.worker}; run with -n 0"
                )
            command = " ".join(["pytest", *sys.argv[1:]])
            from harness.bench.rig import Rig  # opens adapters: what virtual time does not need

            self._end_on_signals()
            with self._refusals.setdefault(path, Refusal()).trying():
                rig = Rig(blueprint, wait_ns=self.wait_ns, progress=self._waits, command=command).open()
            self._rigs[path] = rig
            if rig.past is not None:
                self.tell(f"bench {rig.file.name}: {rig.past}")
        rig.module = self.module
        return rig

    def __bool__(self) -> bool:
        return bool(self._rigs)

    def close(self) -> list[str]:
        """Bring everything into its safe state and give it back. Returns what is to be told about that, per bench."""
        rigs, self._rigs = list(self._rigs.values()), {}
        found: list[str] = []
        with ExitStack() as stack:
            for signals, handler in self._handlers.items():
                stack.callback(signal.signal, signals, handler)
            self._handlers.clear()
            for rig in rigs:
                stack.callback(_close, rig, found, self.safe_states)
        return found

    def _end_on_signals(self) -> None:
        """Let SIGTERM end the run as Ctrl-C does, so that the bench comes to its safe state."""
        if self._handlers:
            return
        for name in ("SIGTERM", "SIGHUP"):
            number = getattr(signal, name, None)  # Windows has one of them
            if number is not None:
                with suppress(ValueError):  # only the main thread may
                    self._handlers[number] = signal.signal(number, self._end)

    def _end(self, number: int, _frame: FrameType | None) -> NoReturn:
        self.ended_by = number
        raise RunEnded(self.why_ended)

    @property
    def why_ended(self) -> str:
        """For people; where a signal has ended the run."""
        return f"the run was ended by {signal.Signals(self.ended_by).name}"

    def _waits(self, holder: Holder, resource: str, waited_ns: int) -> None:
        if waited_ns < PROGRESS_NS:  # once is enough
            self.tell(f"waiting for {resource}, which {holder} has (at most {time_text(self.wait_ns)})")


def _close(rig: Rig, found: list[str], safe_states: list[dict[str, Any]]) -> None:
    found += [f"{rig.file.name}, {channel}: {total}" for channel, total in rig.totals.items()]
    if rig.served_late_ns:
        found.append(f"{rig.file.name}, served vehicle: up to {rough_text(rig.served_late_ns)} late")
    with suppress(KeyboardInterrupt):  # the run is ending, and what a second one asks for has been done
        rig.close()
    found.append(f"{rig.file.name}: {rig.report}")
    safe_states.append({"bench": rig.file.name, "confirmed": rig.report.confirmed, "text": str(rig.report)})


def rigs_of(config: pytest.Config) -> Rigs:
    """What this run may take, by its options."""
    worker = getattr(config, "workerinput", {}).get("workerid", "")
    number = int(worker.removeprefix("gw")) if worker.startswith("gw") else None
    return Rigs(waiting_time(config), number, partial(_tell, config))


def _tell(config: pytest.Config, line: str) -> None:
    """Show a line at once, also while the output of a test is being captured."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    capture = config.pluginmanager.get_plugin("capturemanager")
    with nullcontext() if capture is None else capture.global_and_fixture_disabled():
        if reporter is None:
            print(line)
        else:
            reporter.ensure_newline()
            reporter.write_line(line)
            reporter.flush()


def waiting_time(config: pytest.Config) -> int:
    """How long to wait for a bench that is in use, ns."""
    text = config.getoption("--wait-for-bench")
    try:
        return int(parse_waiting(text)) if text else 0
    except UnitError as error:
        raise pytest.UsageError(f"--wait-for-bench: {error}") from error


def parse_waiting(text: str) -> Duration:
    """A waiting time as people write it on a command line; minutes may be called ``m`` there, hours ``h``.

    >>> parse_waiting("10m"), parse_waiting("90s"), parse_waiting("1h")
    (600 s, 90 s, 3600 s)
    """
    for short, minutes in (("min", 1), ("h", 60), ("m", 1)):
        number = text.strip().removesuffix(short).strip()
        if text.strip().endswith(short) and not text.strip().endswith("ms") and number.replace(".", "", 1).isdigit():
            return float(number) * minutes * minute
    return parse_duration(text)


def refuse_workers(config: pytest.Config, bench: Path) -> None:
    """A real bench runs one test at a time. Raises ``pytest.UsageError`` for more than one worker of pytest-xdist."""
    workers = getattr(config.option, "tx", None) or []
    if len(workers) > 1 and is_live(bench):
        raise pytest.UsageError(
            f"{bench} has real hardware, which runs one test at a time: use -n 0, not {len(workers)} workers"
        )
