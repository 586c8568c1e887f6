"""The hardware of a bench: taken, opened, and brought into its safe state again. It lives for a whole run."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Self

from harness.adapter.client import Adapter
from harness.adapter.line import Line
from harness.adapter.statistics import Account
from harness.bench.file import BenchFile, NodeState
from harness.bench.refusal import Refusal
from harness.bench.served import greet
from harness.errors import AdapterError, InstrumentError
from harness.instruments.guarding import Watchdog, WatchdogResult, watchdog_result
from harness.instruments.opening import Instruments, open_instruments
from harness.instruments.roles import CONSOLE
from harness.instruments.safety import SafeReport, Safety
from harness.lease import Holder, Lease, take
from harness.units import rough_text

if TYPE_CHECKING:
    from harness.bench.blueprint import Blueprint
    from harness.bench.live import Live
    from harness.restbus import MessagePlan

SAFE_STATES = Path("reports") / "safe-states"
"""Where a watchdog writes what it had to do, a file per bench, below the folder in which the run was started."""

Progress = Callable[[Holder, str, int], object]


class Rig:
    """The adapters and instruments of a bench file, all or none of them.

    wait_ns: how long to wait for a bench that somebody else has. progress: told about that, see
    :func:`harness.lease.take`. command: what the lease says of this run.

    A context manager. :meth:`open` raises :class:`~harness.errors.Blocked` where something is missing or in use.
    """

    def __init__(
        self, blueprint: Blueprint, *, wait_ns: int = 0, progress: Progress | None = None, command: str = "a test run"
    ) -> None:
        self.blueprint = blueprint
        self.file: BenchFile = blueprint.file
        self.lines: dict[str, Line] = {}
        """The open channels, by name."""
        self.module = ""
        """The file of the test that is running."""
        self._wait_ns, self._progress, self._command = wait_ns, progress, command
        self.refusal = Refusal()
        """Of what is opened anew for a world."""
        self.instruments = Instruments()
        self.live: Live | None = None
        """The world that is running."""
        self.served_late_ns = 0
        """How late a served vehicle said it was at worst."""
        self.past: WatchdogResult | None = None
        """What a watchdog had to do after an earlier run was killed; None: nothing."""
        self.totals: dict[str, Total] = {}
        """How exact all worlds of this run were, by channel."""
        self.report = SafeReport()
        """How it was left, after :meth:`close`."""
        self._safety = Safety()
        self._watchdog: Watchdog | None = None
        self._lease: Lease | None = None
        self._reset_for: object = None
        self._reset_next: object = None

    def open(self) -> Self:
        """Take the bench and open everything."""
        self._lease = take(
            resources(self.file), self.file.name, self._command, wait_ns=self._wait_ns, progress=self._progress
        )
        try:
            self._open_instruments()
            for spec in self.file.channels:
                if spec.adapter is not None:
                    plans = self._plans(spec.name)
                    drifts = {node: self.file.node(node).drift_ppm for node in plans}
                    adapter = Adapter(spec.adapter, plans, drifts)
                    adapter.open()
                    self.lines[spec.name] = Line(adapter)
                    self._safety.add(_Silence(spec.name, adapter))
            for instrument in self.instruments:
                self._safety.add(_Safe(instrument.name, self.instruments))
            if self.file.served is not None:
                self.lines[self.file.served].begin()
                greet(self.lines[self.file.served])
        except BaseException:
            self.close()
            raise
        return self

    def _open_instruments(self) -> None:
        specs = self.file.instruments
        result = SAFE_STATES / f"{self.file.path.stem}.json"
        self.past = watchdog_result(result)
        if specs:
            self._watchdog = Watchdog(specs, result)
            self._watchdog.start()
            self.instruments = open_instruments(specs, note=self._note, on_line=self._printed, on_failure=self._failed)

    def _note(self, text: str) -> None:
        if self.live is not None:
            self.live.note(text)

    def _printed(self, console: str, time: int, text: str) -> None:
        if self.live is not None:
            self.live.note(f"{console} prints: {text}", time)

    def _failed(self, name: str, error: InstrumentError) -> None:
        if self.live is not None:
            self.live.loop.fail(error)

    def _plans(self, channel: str) -> dict[str, tuple[MessagePlan, ...]]:
        """What the nodes that are not real send on a channel."""
        sent = self.blueprint.channel(channel).plans
        return {node: plans for node, plans in sent.items() if self.file.node(node).state is not NodeState.REAL}

    def check(self) -> None:
        """A world is going to begin: see that the watchdog watches, open anew what was unplugged meanwhile, and let
        consoles forget what they printed before.

        Raises :class:`~harness.errors.InstrumentError`.
        """
        if self._watchdog is not None:
            self._watchdog.check()
        with self.refusal.trying():
            self.instruments.renew()
        for instrument in self.instruments:
            if instrument.role == CONSOLE:
                self.instruments.console(instrument.name).forget()

    def reset_is_due(self) -> bool:
        """Whether the device is to be reset for the world that begins now, by the scope that the bench file gives."""
        self._reset_next = {"test": object(), "module": self.module, "run": "run"}[self.file.reset.scope]
        return self._reset_next != self._reset_for

    def was_reset(self) -> None:
        """The device has been reset, and is there again: within its scope that holds. Until then it is due."""
        self._reset_for = self._reset_next

    def account(self, live: Live) -> None:
        """A world is over: add what it measured of itself to what is known of the run."""
        until = live.loop.now
        for name, line in self.lines.items():
            total = self.totals.setdefault(name, Total())
            line.adapter.add_to(total.sent)
            total.late_ns = max(total.late_ns, live.accounting.channels[name].worst(0, until))
            total.stamps_ns = max(total.stamps_ns, live.accounting.stamps[name])
        for served in live.accounting.served.values():
            self.served_late_ns = max(self.served_late_ns, served.worst(0, until))

    def close(self) -> SafeReport:
        """Bring everything into its safe state, and give the bench back. Says what was confirmed, and what was not.

        May be called twice. Whatever goes wrong, the rest is done all the same.
        """
        if self._lease is None:
            return self.report
        for line in self.lines.values():
            line.release()
        safety = self._safety
        try:
            return safety.reach()
        finally:
            self.report = safety.report or self.report
            self._leave()

    def _leave(self) -> None:
        report = self._safety.report
        with ExitStack() as stack:
            if self._lease is not None:
                stack.callback(self._lease.release)
            if self._watchdog is not None:
                stack.callback(self._watchdog.stop)
            stack.callback(self.instruments.disconnect)
            if self._watchdog is not None and report is not None and report.confirmed:
                stack.callback(self._watchdog.safe)
        self.lines, self.instruments, self._safety = {}, Instruments(), Safety()
        self._lease = self._watchdog = None

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(slots=True)
class Total:
    """How exact the worlds of a run were on one channel: what was sent, how late; what stamps are worth; in ns."""

    sent: Account = field(default_factory=Account)
    late_ns: int = 0
    stamps_ns: int = 0

    def __str__(self) -> str:
        return (
            f"{self.sent.statistics().total}; received frames stamped within {rough_text(self.stamps_ns)}, "
            f"and up to {rough_text(self.late_ns)} late"
        )


class _Silence:
    """The safe state of a channel: nothing is sent on it any more."""

    def __init__(self, name: str, adapter: Adapter) -> None:
        self.name = name
        self._adapter = adapter

    def safe(self) -> str:
        """End its process. Raises :class:`~harness.errors.AdapterError` when that did not confirm it."""
        if not self._adapter.close():
            raise AdapterError(f"the channel process of {self._adapter.spec} did not confirm that the bus is silent")
        return "silent"


class _Safe:
    """The safe state of an instrument, whichever object stands for it by then."""

    def __init__(self, name: str, instruments: Instruments) -> None:
        self.name = name
        self._instruments = instruments

    def safe(self) -> str:
        """Reach it; see :meth:`harness.instruments.roles.Instrument.safe`."""
        return self._instruments[self.name].safe()


def resources(file: BenchFile) -> tuple[str, ...]:
    """What only one run at a time may have of a bench: its adapters and ports, links resolved."""
    found = []
    for channel in file.channels:
        if channel.adapter is not None:
            where = channel.adapter.where
            real = str(Path(where).resolve()) if "/" in where else where
            port = channel.adapter.options.get("port")
            found.append(f"{channel.adapter.interface}:{real}{f':{port}' if port is not None else ''}")
    for instrument in file.instruments:
        port = instrument.port
        found.append(f"serial:{Path(port).resolve() if '/' in port and '://' not in port else port}")
    return tuple(dict.fromkeys(found))
