"""The worlds that tests of this process have open, and the rule that nothing which went wrong in one is lost."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from harness.bench import Bench, Blueprint
from harness.bench.recorded import Recording
from harness.ecu import Ecu
from harness.errors import (
    Blocked,
    ConfigError,
    HarnessError,
    MonitorViolation,
    StimulatesRecording,
)
from harness.evidence.events import Event
from harness.evidence.verdicts import Verdict, verdict_of
from harness.plant import Plant
from harness.pytest_support.bench_faults import explained, nobody_there
from harness.pytest_support.open_world import OpenWorld, Share
from harness.pytest_support.recorders import Recorders
from harness.pytest_support.rigs import Rigs

NOTED = 3
"""How many more failures a failure mentions."""


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
    interrupted: bool = False
    """Whether the run is being ended from outside: then a bench that goes away is no news."""
    _lingering: list[OpenWorld] = field(default_factory=list)
    """The last worlds on real benches, until the next one begins."""
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
        world.bench.world.used.clear()  # only what the test itself names is used by it
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
            if rig is not None:
                self._lingering.append(world)  # a real bus goes on, and so does whoever watches it
            with world.still():
                world.bench.detach()
                doubt = world.take_doubt()
                fresh = self._fresh(world)
            self._doubts += [] if doubt is None else [doubt]
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
        before: list[tuple[OpenWorld, HarnessError]] = []
        for world in self._alive:
            with world.still():
                self.between += world.take_failures()
                before += [] if (doubt := world.take_doubt()) is None else [(world, doubt)]
                world.pass_on()
                if world.bench.world.stopped is None:  # else there is nothing to be seen any more
                    world.bench.attach_own()
                    world.bench.attach(*self.everywhere, whole_run=True)
                world.bench.world.used.clear()
        self.shares = [
            Share(world, len(world.bench.journal), int(world.bench.now), len(world.bench.incidents.collected))
            for world in self._alive
        ]
        for world, doubt in before:
            world.bench.journal.append(Event(world.bench.world.loop.now, "note", f"before this test began: {doubt}"))
        if self.recorders is not None:
            for world in self._alive:
                self.recorders.attach(world.bench)

    def mark(self, watched: Sequence[object]) -> None:
        """Watch this in the running test, in worlds that are open already and in those that it opens."""
        self._marked = watched
        if watched:
            for world in self._alive:
                if world.bench.world.stopped is None:
                    world.bench.attach(*watched)

    def end_watching(self) -> None:
        """The running test is over, so is what watched it. Hears from a served vehicle that it is still there."""
        for world in self._alive:
            self._escaped += world.end_watching()

    def collect_between(self) -> None:
        """Take what went wrong in open worlds while no test was running."""
        for world in [*self._alive, *self._lingering]:
            self.between += self._fresh(world)

    def end_lingering(self) -> None:
        """End the worlds on real benches that went on after their test, and take what went wrong in them since."""
        worlds, self._lingering = self._lingering, []
        for world in worlds:
            try:
                world.bench.close()
            except HarnessError as error:
                self.between.append(error)
            self.between += self._fresh(world)

    def end_all(self) -> None:
        """The run is over: end the worlds on real benches, those as well that nobody has closed."""
        self._lingering += [world for world in self._alive if world.bench.world.live is not None]
        self.end_lingering()

    def _fresh(self, world: OpenWorld) -> list[HarnessError]:
        """What went wrong in a world since it was last asked."""
        return [each for each in world.take_failures() if not (self.interrupted and isinstance(each, Blocked))]

    @contextmanager
    def still(self) -> Iterator[None]:
        """Keep the worlds of the running test still while what they saw is looked at."""
        with ExitStack() as stack:
            for share in self.shares:
                stack.enter_context(share.world.still())
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
        touched = [share.world for share in self.shares if share.touched]
        told = [(world, world.take_doubt()) for world in self._alive]
        doubts = [*self._doubts, *(doubt for world, doubt in told if doubt is not None and world in touched)]
        red = _judge(seen, failure)
        if red is None:
            return doubts[0] if doubts else nobody_there(self.shares)
        end = explained(self.shares, red, seen, doubts)
        if end is red:
            return red
        # One that nothing explains stands for all of them.
        products = (each for each in seen if each is not red and verdict_of(each) is Verdict.FAILED)
        return next((each for each in products if explained(self.shares, each, seen, doubts) is each), end)


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
