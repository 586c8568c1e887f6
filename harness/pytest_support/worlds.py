"""The worlds that tests of this process have open, and the rule that nothing which went wrong in one is lost."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.bench import Bench, Blueprint
from harness.bench.recorded import Recording
from harness.ecu import Ecu
from harness.errors import (
    Blocked,
    BusError,
    ConfigError,
    HarnessError,
    Inconclusive,
    IntegrityError,
    MonitorViolation,
    StimulatesRecording,
)
from harness.evidence.events import Event
from harness.evidence.record import WorldRecord
from harness.evidence.verdicts import Verdict, verdict_of
from harness.plant import Plant
from harness.pytest_support.recorders import Recorders
from harness.pytest_support.rigs import Rigs
from harness.units import time_text

SHORTEST_LOAD_NS = 100_000_000
"""What a bus load is told of at least: over a few frames it says nothing."""

NOTED = 3
"""How many more failures a failure mentions."""


@dataclass(eq=False, slots=True)
class OpenWorld:
    """An open world.

    opened_in: number of the test that was running when it was opened. accounted: how many of its failures have turned
    a test red already.
    """

    bench: Bench
    opened_in: int = 0
    accounted: int = 0

    def take_failures(self) -> list[HarnessError]:
        """What went wrong in this world since the last call: incidents, and what a callback raised."""
        failures = self._failures()
        fresh = failures[self.accounted :]
        self.accounted = len(failures)
        return fresh

    def _failures(self) -> list[HarnessError]:
        failures = list(self.bench.incidents.raised)
        stopped = self.bench.world.loop.failure
        if stopped is not None and not any(stopped is each for each in failures):
            failures.append(stopped)
        return failures

    def take_doubt(self) -> HarnessError | None:
        """What could not be told in this world since the last call: the first of it."""
        doubts = self.bench.incidents.doubts
        first = doubts[0] if doubts else None
        doubts.clear()
        return first

    def pass_on(self) -> None:
        """Another test begins: it cannot run in a world that has stopped, but that is not its failure."""
        loop = self.bench.world.loop
        if isinstance(loop.failure, StimulatesRecording):
            loop.failure = None  # nothing has happened to the recording
            self.accounted = len(self._failures())
        elif loop.failure is not None and not isinstance(loop.failure, (Blocked, Inconclusive)):
            first = str(loop.failure).splitlines()[0]
            loop.failure = Blocked(f"this world was stopped in an earlier test: {first}")
            self.take_failures()


@dataclass(frozen=True, slots=True)
class Share:
    """One test's share of a world: its journal from ``first_event`` and its frames from ``since`` (ns) on.

    first_collected: number of problems that the policy *collect* had noted before.
    """

    world: OpenWorld
    first_event: int = 0
    since: int = 0
    first_collected: int = 0

    @property
    def ran(self) -> bool:
        """Whether time has passed in it, or it was made for the test."""
        return not self.since or self.world.bench.world.loop.now > self.since

    @property
    def collected(self) -> list[str]:
        """The problems with frames that the policy *collect* noted in it."""
        return self.world.bench.incidents.collected[self.first_collected :]

    def record(self, *, loads: bool = False) -> WorldRecord:
        """The share as evidence. loads: with the bus load per channel, which takes some time to add up."""
        bench = self.world.bench
        networks = {name: channel.network for name, channel in bench.world.channels.items()}
        recording = bench.world.recording
        events = bench.journal[self.first_event :]
        if bench.world.live is not None:
            title, details = bench.world.live.tester(self.since)
            events = [*events, Event(bench.world.loop.now, "note", title, details=details)]
        return WorldRecord(
            name=bench.name,
            path=bench.world.blueprint.file.path,
            seed=bench.seed,
            databases={name: network.databases for name, network in networks.items()},
            traces={name: network.trace for name, network in networks.items()},
            events=events,
            live=bench.world.live is not None,
            since=self.since,
            recording=None if recording is None else (recording.path, recording.sha256),
            loads=self._loads() if loads and recording is None else {},
            protective=bench.world.blueprint.protective,
        )

    def _loads(self) -> dict[str, float]:
        world = self.world.bench.world
        window = world.loop.now - self.since
        found = {}
        for name, channel in world.channels.items() if window >= SHORTEST_LOAD_NS else ():
            with suppress(BusError):  # a bus that does not remember all of it has none to tell
                found[name] = channel.bus.load(window)
        return found


@dataclass(slots=True, repr=False)
class Worlds:
    """Opens worlds, and keeps account of them.

    seed: of every world that does not ask for its own. recording: what all worlds are fed from; None: simulated ones.
    recorders: record every world that the running test uses; None: nothing is recorded.
    """

    bench_file: Path
    seed: int
    recording: Recording | None = None
    recorders: Recorders | None = None
    shares: list[Share] = field(default_factory=list)
    """What the running test (for a property: the running example) has used so far."""
    troubled: bool = False
    """Whether a world of the running test went wrong, whatever the test made of it."""
    between: list[HarnessError] = field(default_factory=list)
    """What went wrong in a world that outlived its test, while no test was running."""
    everywhere: Sequence[object] = ()
    """What is watched in every world, beside what its bench file says."""
    _marked: Sequence[object] = ()
    _doubts: list[HarnessError] = field(default_factory=list)
    _escaped: list[HarnessError] = field(default_factory=list)
    """What worlds that the running test (or example) has closed again went wrong with: it may yet catch that."""
    rigs: Rigs = field(default_factory=lambda: Rigs())
    """The hardware that this run has taken."""
    _lingering: OpenWorld | None = None
    """The last world on a real bench, until the next one begins."""
    _test: int = 0
    _alive: list[OpenWorld] = field(default_factory=list)
    _blueprints: dict[Path, Blueprint] = field(default_factory=dict)

    @contextmanager
    def open(
        self,
        path: str | Path | None = None,
        *,
        seed: int | None = None,
        models: Mapping[str, type[Ecu]] | None = None,
        plant: type[Plant] | None = None,
    ) -> Iterator[Bench]:
        """Open a fresh world and close it with the block.

        path: another bench file than the run's. seed: another than the run's. models, plant: other classes than the
        bench file names. Raises :class:`~harness.errors.ConfigError` for a wrong bench file; at the end what went
        wrong in the world unseen, also if the block caught it.
        """
        blueprint = self._blueprint(self.bench_file if path is None else Path(path))
        self.end_lingering()
        rig = self.rigs.of(blueprint) if blueprint.file.live and self.recording is None else None
        world = OpenWorld(
            Bench(
                blueprint,
                seed=self.seed if seed is None else seed,
                models=models,
                plant=plant,
                recording=self.recording,
                rig=rig,
            ),
            self._test,
        )
        if self.recorders is not None:
            self.recorders.attach(world.bench)
        world.bench.attach(*self.everywhere, whole_run=True)
        world.bench.attach(*self._marked)
        self.shares.append(Share(world))
        self._alive.append(world)
        failure: BaseException | None = None
        try:
            yield world.bench
        except BaseException as error:
            failure = error
            raise
        finally:
            self._alive.remove(world)
            with world.bench.world.loop.held():
                world.bench.detach()
            doubt = world.take_doubt()
            self._doubts += [] if doubt is None else [doubt]
            fresh = world.take_failures()
            if rig is not None:
                self._lingering = world  # a real bus goes on, and so does whoever watches it
            self._escaped += fresh
            red = _judge(fresh, failure)
            if red is not None and red is not failure:
                if world.opened_in == self._test or not isinstance(red, HarnessError):
                    raise red
                self.between.append(red)

    @property
    def live(self) -> bool:
        """Whether the bench of this run is a real one. False for one that cannot be loaded: opening it will tell."""
        if self.recording is not None:
            return False
        try:
            return self._blueprint(self.bench_file).file.live
        except ConfigError:
            return False

    def __repr__(self) -> str:
        return f"Worlds({self.bench_file.name!r})"  # Hypothesis prints it with every failing example

    def _blueprint(self, path: Path) -> Blueprint:
        path = path.resolve()
        if path not in self._blueprints:
            self._blueprints[path] = Blueprint.load(path)
        return self._blueprints[path]

    def begin(self) -> None:
        """A test begins: worlds that are open already are shared by it from here on."""
        self.collect_between()
        self._test += 1
        self._escaped = []
        self.troubled = False
        self._marked = ()
        self._doubts = []
        for world in self._alive:
            world.pass_on()
            world.bench.attach_own()
            world.bench.attach(*self.everywhere, whole_run=True)
        self.shares = [
            Share(world, len(world.bench.journal), int(world.bench.now), len(world.bench.incidents.collected))
            for world in self._alive
        ]
        if self.recorders is not None:
            for world in self._alive:
                self.recorders.attach(world.bench)

    def mark(self, watched: Sequence[object]) -> None:
        """Watch this in the running test, in worlds that are open already and in those that it opens."""
        self._marked = watched
        if watched:
            for world in self._alive:
                world.bench.attach(*watched)

    def end_watching(self) -> None:
        """The running test is over, so is what watched it. Hears from a served vehicle that it is still there."""
        for world in self._alive:
            world.bench.detach()
            if world.bench.world.live is not None and world.bench.world.loop.failure is None:
                try:
                    world.bench.world.live.accounting.settle()
                except HarnessError as error:
                    self._escaped.append(error)

    def collect_between(self) -> None:
        """Take what went wrong in open worlds while no test was running."""
        for world in [*self._alive, *([self._lingering] if self._lingering is not None else [])]:
            self.between += world.take_failures()

    def end_lingering(self) -> None:
        """End the world on a real bench that went on after its test, and take what went wrong in it since."""
        world, self._lingering = self._lingering, None
        if world is not None:
            world.bench.close()
            self.between += world.take_failures()

    @contextmanager
    def still(self) -> Iterator[None]:
        """Keep the worlds of the running test still while what they saw is looked at."""
        with ExitStack() as stack:
            for share in self.shares:
                stack.enter_context(share.world.bench.world.loop.held())
            yield

    def begin_example(self, long_lived: Sequence[Share]) -> None:
        """An example of a property begins, with these shares of worlds that are open already."""
        self.shares = list(long_lived)
        self._escaped = []

    def keep_recordings(self, shares: Sequence[Share]) -> None:
        """An example has ended; from here on only these shares can be what the test leaves behind."""
        if self.recorders is not None:
            self.recorders.keep_only([share.world.bench for share in shares])

    def judge_example(self) -> None:
        """An example has come to its end. Raise what a world of its own went wrong with, if it caught that."""
        red = _judge(self._escaped, None)
        if red is not None:
            raise red

    def judge(self, failure: BaseException | None) -> BaseException | None:
        """What the running test ends with, given what it raised itself: what a world saw and no one raised comes first.

        An incident outweighs a skip, *blocked* and *inconclusive*; beside a failure it is added as a note.
        """
        seen = [*self._escaped, *(each for world in self._alive for each in world.take_failures())]
        # A property that was watched is the product's, as an expectation is.
        self.troubled = any(not isinstance(each, MonitorViolation) for each in seen)
        doubts = [*self._doubts, *(doubt for world in self._alive if (doubt := world.take_doubt()) is not None)]
        red = _judge(seen, failure)
        if red is None:
            return doubts[0] if doubts else None
        return self._fault_of(red) or self._lateness_of(red) or red

    def _fault_of(self, failure: BaseException) -> HarnessError | None:
        """Why a failure is the bench's and not the product's, by evidence. None where nothing speaks for that."""
        if isinstance(failure, (Blocked, pytest.skip.Exception, pytest.xfail.Exception)):
            return None
        for share in self.shares:
            live = share.world.bench.world.live
            if isinstance(failure, Inconclusive) and failure is share.world.bench.world.loop.failure:
                continue  # what stopped this world says why: received frames were lost
            reason = live.fault() if live is not None else None
            if reason is not None:
                blocked = Blocked(f"{reason}.\nThe test ended with: {failure}")
                blocked.__cause__ = failure
                return blocked
        return None

    def _lateness_of(self, failure: BaseException) -> HarnessError | None:
        """Why a failure says nothing: during the test the bench itself was too late. None where it was not."""
        if verdict_of(failure) is not Verdict.FAILED and not isinstance(failure, pytest.fail.Exception):
            return None
        if isinstance(failure, IntegrityError) and not failure.timed:
            return None  # no lateness makes a checksum wrong
        for share in self.shares:
            world = share.world.bench.world
            if world.live is None:
                continue
            limit, accounting = world.blueprint.file.late_limit, world.live.accounting
            if accounting.late(share.since, world.loop.now) > limit:
                how = accounting.text(share.since, world.loop.now)
                doubt = Inconclusive(
                    f"the test failed, but the bench itself was late by more than {time_text(limit)} meanwhile "
                    f"({how}), which can be the reason.\nIt failed with: {failure}"
                )
                doubt.__cause__ = failure
                return doubt
        return None


def _judge(seen: Sequence[HarnessError], failure: BaseException | None) -> BaseException | None:
    fresh = [each for each in seen if not _contains(failure, each)]
    if not fresh:
        return failure
    if failure is None or _is_outweighed(failure):
        failure, *fresh = fresh
    for each in fresh[:NOTED]:
        note = f"also in this world: {type(each).__name__}: {each}"
        if note not in getattr(failure, "__notes__", ()):
            failure.add_note(note)
    return failure


def _is_outweighed(failure: BaseException) -> bool:
    if isinstance(failure, (pytest.skip.Exception, pytest.xfail.Exception, StimulatesRecording)):
        return True
    hypothesis = sys.modules.get("hypothesis.errors")
    if hypothesis is not None and isinstance(failure, hypothesis.UnsatisfiedAssumption):
        return True
    return verdict_of(failure) in (Verdict.BLOCKED, Verdict.INCONCLUSIVE)


def _contains(failure: BaseException | None, wanted: BaseException) -> bool:
    """Whether ``wanted`` is the failure itself, one of its causes, or one of its group."""
    seen: set[int] = set()
    todo = [failure]
    while todo:
        error = todo.pop()
        if error is wanted:
            return True
        if error is not None and id(error) not in seen:
            seen.add(id(error))
            todo += [error.__cause__, error.__context__]
            todo += error.exceptions if isinstance(error, BaseExceptionGroup) else []
    return False
