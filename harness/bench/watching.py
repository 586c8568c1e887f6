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
from heapq import heappop, heappush, heapreplace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from harness.bench.contract import bench_checks
from harness.bench.outcomes import Summary
from harness.errors import HarnessError, SignalError
from harness.frames import EXTENDED, ErrorFrame, Received
from harness.loop import DEADLINE
from harness.monitors.contract import BusContract
from harness.monitors.monitor import Monitor, Violation
from harness.monitors.steady import Steady, steady_path

if TYPE_CHECKING:
    from harness.bench.bench import Bench
    from harness.bench.monitors import MonitorsSpec
    from harness.signals.predicate import Predicate
    from harness.temporal.formula import Formula

Receive = Callable[[Received], Sequence[Violation]]
_ASKED_ANYWAY = 32
"""Now and then a monitor is told the time although it is not due, so that it can add up what it has gathered."""

Route = tuple[Callable[[Received], bool], tuple[Receive, ...], tuple[Receive, ...], tuple[int, ...]]
"""What takes a frame that is just the next one, who gets that frame all the same, who gets any other one, and which of
the monitors are to be asked for their deadline after it."""

_ROUTES_LIMIT = 4096
_AHEAD_NS = 10_000_000
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
        self._summary = Summary(self._monitors, bench.journal, strict=not whole_run)
        self._heap: list[tuple[int, int]] = []
        self._due: list[int | None] = [None] * len(monitors)
        self._posted: int | None = None
        self._steady: dict[tuple[str, int], Steady] = {}
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
        known, monitors, dues = routes.get, self._monitors, self._due

        def receive(rx: Received) -> None:
            frame = rx[2]
            key = frame[0] | EXTENDED if frame[2] else frame[0]
            route = known(key)
            if route is None:
                if len(routes) >= _ROUTES_LIMIT:
                    routes.clear()
                route = routes[key] = self._route(channel, key)
            passes, others, every, asked = route
            error = None
            for take in others if passes(rx) else every:
                found = take(rx)
                if found:
                    error = self._judge(take.__self__, found) or error  # type: ignore[attr-defined]  # a bound method
            for index in asked:
                due, noted = monitors[index].due, dues[index]
                if due is not None and (noted is None or due < noted):
                    self._schedule(index)
            if error is not None:
                raise error

        return receive

    def _route(self, channel: str, key: int) -> Route:
        wanting = [index for index, monitor in enumerate(self._monitors) if _wants(monitor, channel, key)]
        every = [self._monitors[index] for index in wanting]
        asked = tuple(index for index in wanting if self._monitors[index].settles)
        steady = self._steady.get((channel, key)) or steady_path(every)
        if steady is None:
            receivers = tuple(monitor.receive for monitor in every)
            return _never, receivers, receivers, asked
        self._steady[channel, key] = steady
        others = [monitor for monitor in every if monitor not in steady.checks]
        return steady.passes, tuple(each.receive for each in others), tuple(each.receive for each in every), asked

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
        due, known = self._monitors[index].due, self._due[index]
        if due is None or (known is not None and known <= due):
            return
        due = max(due, self._loop.now)
        self._due[index] = due
        heappush(self._heap, (due, index))
        self._post(due)

    def _post(self, due: int) -> None:
        if self._posted is None or due < self._posted:
            self._posted = due
            self._loop.post(due, DEADLINE, self._advance, due)

    def _advance(self, time: int) -> None:
        """An instant is over for which somebody has asked."""
        if self._ended or time != self._posted:
            return
        heap, dues, monitors, error = self._heap, self._due, self._monitors, None
        ahead = time + _AHEAD_NS
        while heap and heap[0][0] <= ahead:
            noted, index = heap[0]
            if dues[index] != noted:
                heappop(heap)  # it was brought forward, and has been asked since
                continue
            monitor = monitors[index]
            due = monitor.due
            self._turn += 1
            if due is None or due <= time or not self._turn % _ASKED_ANYWAY:
                found = monitor.advance(time)
                if found:
                    error = self._judge(monitor, found) or error
                due = monitor.due
            if due is None:
                dues[index] = None
                heappop(heap)
                continue
            if due <= noted and noted > time:
                break  # the next that is really due
            dues[index] = due = max(due, time + 1)
            heapreplace(heap, (due, index))
        self._posted = None
        if heap:
            self._post(heap[0][0])
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
        doubt = self._summary.write(outcomes, now)
        if doubt is not None:
            self._incidents.doubts.append(doubt)
        return error or doubt


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
        yield from bench_checks(bench.world.blueprint, watched, busy)
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
