"""Monitors at work in a running world: they get every frame at its instant, and every deadline after it.

What may be watched is a :class:`~harness.monitors.monitor.Monitor`, a bus contract
(:func:`~harness.monitors.contract.bus_contract`), a temporal formula or predicate, the text of one, or a callable that
takes the bench and returns one of these or several. A formula without temporal operator at the top is watched as
``always`` of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from harness.bench.contract import bench_checks
from harness.bench.outcomes import Summary
from harness.errors import HarnessError, SignalError
from harness.frames import EXTENDED, ErrorFrame, Received
from harness.loop import DEADLINE
from harness.monitors.check import Check, Receive
from harness.monitors.contract import BusContract
from harness.monitors.monitor import Monitor, Outcome, Violation
from harness.monitors.steady import Steady, steady_path

if TYPE_CHECKING:
    from harness.bench.bench import Bench
    from harness.bench.monitors import MonitorsSpec
    from harness.signals.predicate import Predicate
    from harness.temporal.formula import Formula

_TOLD_ANYWAY = 256
"""Every so many deadlines all monitors are told the time, due or not, so that they can add up what they gathered."""
_NEVER = 1 << 62

Route = tuple[Callable[[Received], bool], tuple[Receive, ...], tuple[Receive, ...], tuple[int, ...]]
"""What takes a frame that is just the next one, who gets that frame all the same, who gets any other one; and which of
the monitors are to be asked after it when they are due."""

_ROUTES_LIMIT = 4096
_AHEAD_NS = 20_000_000
"""Monitors that were to be asked so soon are asked along: mostly frames have moved their deadlines on by then."""


class Watching:
    """Monitors attached to a bench, from now until :meth:`finish`.

    monitors: each serves once. whole_run: whether it is attached to every test, so that a monitor that had nothing to
    judge is no reason to call a test inconclusive.
    """

    def __init__(self, bench: Bench, monitors: Sequence[Monitor], *, whole_run: bool = False) -> None:
        self._world = bench.world
        self._loop = bench.world.loop
        self._incidents = bench.world.incidents
        self._excuses = bench.excuses
        self._monitors = tuple(monitors)
        self._index = {id(monitor): index for index, monitor in enumerate(self._monitors)}
        self._whole_run = whole_run
        self._summary = Summary(self._monitors, bench.journal, strict=not whole_run)
        self._asked: dict[int, int] = {}  # when to ask which monitor whether it is due: at the latest when it is
        self._posted = _NEVER
        self._steady: dict[tuple[str, int], Steady] = {}
        self._rests = [_rest(monitor) for monitor in self._monitors]
        self._turn = 0
        self._ended = False
        self._cancel: list[Callable[[], None]] = []
        now = self._loop.now
        for index, monitor in enumerate(self._monitors):
            monitor.begin(now)
            self._schedule(index)
        for name, channel in self._world.channels.items():
            self._cancel.append(channel.bus.observe(self._tap(name)))
            self._cancel.append(channel.bus.observe_errors(self._receive_error))

    # -- frames ----------------------------------------------------------------------------------------------------

    def _tap(self, channel: str) -> Callable[[Received], None]:
        routes: dict[int, Route] = {}
        known, monitors, noted = routes.get, self._monitors, self._asked

        def receive(rx: Received) -> None:
            frame = rx[2]
            key = frame[0] | EXTENDED if frame[2] else frame[0]
            route = known(key)
            if route is None:
                if len(routes) >= _ROUTES_LIMIT:
                    routes.clear()
                route = routes[key] = self._route(channel, key)
            passes, others, every, asked = route
            if passes(rx):
                if not others:
                    return
                receivers = others
            else:
                receivers = every
            error = None
            for take in receivers:
                found = take(rx)
                if found:
                    error = self._judge(take.__self__, found) or error  # type: ignore[attr-defined]  # a bound method
            for index in asked:
                due = monitors[index].due
                if due is not None and due < noted.get(index, _NEVER):
                    self._schedule(index)
            if error is not None:
                raise error

        return receive

    def _route(self, channel: str, key: int) -> Route:
        wanting = [index for index, monitor in enumerate(self._monitors) if _wants(monitor, channel, key)]
        every = [self._monitors[index] for index in wanting]
        asked = tuple(index for index in wanting if self._monitors[index].settles)
        receivers = tuple(_receiver(monitor, channel, key) for monitor in every)
        steady = self._steady.get((channel, key)) or steady_path(every)
        if steady is None:
            return _never, receivers, receivers, asked
        self._steady[channel, key] = steady
        others = [monitor for monitor in every if monitor not in steady.checks]
        return steady.passes, tuple(_receiver(monitor, channel, key) for monitor in others), receivers, asked

    def _settle(self) -> None:
        for steady in self._steady.values():
            steady.settle()

    def _receive_error(self, error: ErrorFrame) -> None:
        red = None
        for index, monitor in enumerate(self._monitors):
            found = monitor.receive_error(error)
            if found:
                red = self._judge(monitor, found) or red
            if monitor.settles:
                self._schedule(index)
        if red is not None:
            raise red

    # -- deadlines -------------------------------------------------------------------------------------------------

    def _schedule(self, index: int) -> None:
        """Note when a monitor is due, if that is earlier than it was known to be."""
        due = self._monitors[index].due
        if due is None:
            due = self._loop.now + self._rests[index]
        if self._asked.get(index, _NEVER) <= due:
            return
        self._asked[index] = due = max(due, self._loop.now)
        self._post(due)

    def _post(self, due: int) -> None:
        if due < self._posted:
            self._posted = due
            self._loop.post(due, DEADLINE, self._advance, due)

    def _advance(self, time: int) -> None:
        """An instant is over for which somebody has asked."""
        if self._ended or time != self._posted:
            return
        self._posted = _NEVER
        noted, monitors, rests, error = self._asked, self._monitors, self._rests, None
        ahead = time + _AHEAD_NS
        now = []
        for index in [index for index, asked in noted.items() if asked <= ahead]:
            due = monitors[index].due
            if due is None:
                noted[index] = time + rests[index]
            elif due > time:
                noted[index] = due
            else:
                now.append(index)
        self._turn += 1
        for index in sorted(now) if self._turn % _TOLD_ANYWAY else range(len(monitors)):
            monitor = monitors[index]
            found = monitor.advance(time)
            if found:
                error = self._judge(monitor, found) or error
            due = monitor.due
            if due is not None:
                noted[index] = due if due > time else time + 1
            elif index in noted:
                noted[index] = time + rests[index]
        if noted:
            self._post(min(noted.values()))
        if error is not None:
            raise error

    # -- violations ------------------------------------------------------------------------------------------------

    def _judge(self, monitor: Any, found: Sequence[Violation]) -> HarnessError | None:
        """Note violations that nothing explains; returns the first that is to be raised."""
        first: HarnessError | None = None
        for violation in found:
            until = self._excuses.until(violation)
            if until is not None:
                self._summary.excused(monitor, violation)
                restart = getattr(monitor, "restart", None)
                if restart is not None:
                    self._settle()
                    restart(until)
                    self._schedule(self._index[id(monitor)])
                continue
            self._summary.violated(monitor, violation)
            error = self._incidents.violated(violation)
            first = first or error
        return first

    # -- the end ---------------------------------------------------------------------------------------------------

    def finish(self) -> HarnessError | None:
        """Stop watching and write the outcomes into the journal; a second call does nothing.

        Returns what is to be raised: a last violation, or what could not be told. It is noted already.
        """
        if self._ended:
            return None
        self._ended = True
        for cancel in self._cancel:
            cancel()
        self._settle()
        now, error = self._loop.now, None
        if self._loop.failure is None:
            for monitor in self._monitors:
                error = self._judge(monitor, monitor.advance(now)) or error
        outcomes = [list(monitor.finish(now)) for monitor in self._monitors]
        for monitor, own in zip(self._monitors, outcomes, strict=True):
            late = [
                violation for each in own for violation in each.violations if self._summary.is_new(monitor, violation)
            ]
            error = self._judge(monitor, late) or error
        error = self._incidents.decide() or error
        self._summary.untold(self._incidents.untold)
        near = self._too_near(outcomes)
        doubt = self._summary.write(outcomes, now, broken=self._loop.failure is not None) or near
        if doubt is not None:
            self._incidents.doubts.append(doubt)
        return error or doubt

    def _too_near(self, outcomes: Sequence[Sequence[Outcome]]) -> HarnessError | None:
        """The first doubt about a check that held by less than was measured; None where none did."""
        first = None
        if not self._whole_run:
            for monitor, own in zip(self._monitors, outcomes, strict=True):
                for doubt in filter(None, (self._incidents.too_near(monitor, outcome) for outcome in own)):
                    self._summary.doubted(monitor)
                    first = first or doubt
        return first


@contextmanager
def watching(bench: Bench, monitors: Sequence[Monitor]) -> Iterator[None]:
    """Watch while the block lasts. Raises what the monitors find, and what they could not tell."""
    if not monitors:
        raise SignalError("watch() was given nothing to watch")
    watch = Watching(bench, monitors)
    try:
        yield
    except BaseException:
        watch.finish()
        raise
    error = watch.finish()
    if error is not None:
        raise error


def _receiver(monitor: Monitor, channel: str, key: int) -> Receive:
    return monitor.receiver(channel, key) if isinstance(monitor, Check) else monitor.receive


def _rest(monitor: Monitor) -> int:
    return monitor.rest if isinstance(monitor, Check) and monitor.rest is not None else _NEVER


def _never(rx: Received) -> bool:
    return False


def _wants(monitor: Monitor, channel: str, key: int) -> bool:
    wanted = monitor.wants(channel)
    return wanted is None or key in wanted


def watched_of(spec: MonitorsSpec) -> list[object]:
    """What a bench file wants to be watched in every world."""
    contract: list[object] = [BusContract()] if spec.contract else []
    return [*contract, *(Properties(path) for path in spec.properties)]


@dataclass(frozen=True, slots=True)
class Properties:
    """All properties of a file, as something to be watched."""

    path: Path

    def __call__(self, bench: Bench) -> list[Monitor]:
        from harness.temporal.online import FormulaMonitor
        from harness.temporal.properties import load_properties

        return [
            FormulaMonitor(each.name, each.formula, each.requirement)
            for each in load_properties(self.path, bench.signal)
        ]


def monitors_of(bench: Bench, watched: Iterable[object]) -> list[Monitor]:
    """Fresh monitors for what a test wants to watch. Raises :class:`~harness.errors.SignalError` for anything else."""
    return [monitor for each in watched for monitor in _monitors(bench, each)]


def _monitors(bench: Bench, watched: object) -> Iterator[Monitor]:
    if isinstance(watched, BusContract):
        busy = {name: channel.bus.busy for name, channel in bench.world.channels.items()}
        accounting = bench.world.accounting
        yield from bench_checks(bench.world.blueprint, watched, busy, 0 if accounting is None else accounting.early)
    elif isinstance(watched, str):
        from harness.temporal.parse import parse

        yield from _monitors(bench, parse(watched, bench.signal))
    elif isinstance(watched, (list, tuple)):
        for each in watched:
            yield from _monitors(bench, each)
    elif all(hasattr(watched, name) for name in ("receive", "advance", "finish", "wants")):
        yield watched  # type: ignore[misc]  # it has all that makes a monitor
    elif _is_formula(watched):
        from harness.temporal.online import FormulaMonitor

        yield FormulaMonitor(str(watched), watched)
    elif callable(watched):
        yield from _monitors(bench, watched(bench))
    else:
        raise SignalError(
            f"watch() takes bus_contract(), a formula such as always(bench.signal('Speed') < 5), its text, "
            f"a monitor, or a function of the bench that returns one, not {watched!r}"
        )


def _is_formula(watched: object) -> TypeGuard[Formula | Predicate]:
    from harness.signals.predicate import Predicate
    from harness.temporal.formula import Formula

    return isinstance(watched, (Predicate, Formula))
