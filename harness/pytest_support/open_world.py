"""A world that tests have open, what went wrong in it, and each test's share of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.bench import Bench
from harness.bench.observed import ObservedIncidents
from harness.errors import Blocked, BusError, HarnessError, StimulatesRecording
from harness.evidence.events import Event
from harness.evidence.record import WorldRecord
from harness.units import rough_text

if TYPE_CHECKING:
    from harness.adapter.diagnosis import Diagnosis

SHORTEST_LOAD_NS = 100_000_000
"""What a bus load is told of at least: over a few frames it says nothing."""


@dataclass(eq=False, slots=True)
class OpenWorld:
    """An open world.

    opened_in: number of the test that was running when it was opened. accounted: which of its failures have turned a
    test red already.
    """

    bench: Bench
    opened_in: int = 0
    accounted: list[HarnessError] = field(default_factory=list)

    @contextmanager
    def still(self) -> Iterator[None]:
        """The world stands still while the block lasts.

        What comes up while it is brought up to date is not raised here: it stops the world, and is a failure to take.
        """
        loop = self.bench.world.loop
        with ExitStack() as stack:
            try:
                stack.enter_context(loop.held())
            except HarnessError:
                stack.enter_context(loop.held())  # a world that has stopped raises nothing more
            yield

    def end_watching(self) -> list[HarnessError]:
        """The running test is over, so is what watched it. Returns why a served vehicle does not say it is there."""
        with self.still():
            self.bench.detach()
        live = self.bench.world.live
        if live is not None and self.bench.world.loop.failure is None:
            try:
                live.accounting.settle()
            except HarnessError as error:
                return [] if error is self.bench.world.loop.failure else [error]  # that is taken anyway
        return []

    def take_failures(self) -> list[HarnessError]:
        """What went wrong in this world since the last call: incidents, and what a callback raised."""
        fresh = [each for each in self._failures() if not any(each is known for known in self.accounted)]
        self.accounted += fresh
        return fresh

    def _failures(self) -> list[HarnessError]:
        failures = list(self.bench.incidents.raised)
        loop = self.bench.world.loop
        for stopped in (loop.failure, loop.interrupted):
            if stopped is not None and not any(stopped is each for each in failures):
                failures.append(stopped)
        return failures

    def take_doubt(self) -> HarnessError | None:
        """What could not be told in this world since the last call: the first of it."""
        with self.still():
            doubts = self.bench.incidents.doubts
            first = doubts[0] if doubts else None
            doubts.clear()
        return first

    def pass_on(self) -> None:
        """Another test begins: it cannot run in a world that has stopped, but that is not its failure."""
        world = self.bench.world
        loop = world.loop
        for diagnosis in world.live.diagnoses(()) if world.live is not None else ():
            diagnosis.begin_test()
        if isinstance(self.bench.incidents, ObservedIncidents):
            self.bench.incidents.begin_test()
        if isinstance(loop.failure, StimulatesRecording):
            loop.failure = None  # nothing has happened to the recording
        elif (stopped := loop.failure or loop.interrupted) is not None and self.bench.world.stopped is None:
            first = str(stopped).splitlines()[0]
            loop.failure = self.bench.world.stopped = Blocked(f"this world was stopped in an earlier test: {first}")
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
    def events(self) -> list[Event]:
        """What its journal says of it."""
        return self.world.bench.journal[self.first_event :]

    @property
    def touched(self) -> bool:
        """Whether the test has done anything with it; one that was made for the test counts in any case."""
        return not self.since or bool(self.world.bench.world.used) or any(each.kind != "note" for each in self.events)

    def diagnoses(self, also: str = "") -> Sequence[Diagnosis]:
        """What is known of the real channels that the test has used; of all where it used none.

        A test uses a channel by naming it, a message or a signal of it. also: one more channel.
        """
        world = self.world.bench.world
        if world.live is None:
            return ()
        return world.live.diagnoses({*world.used, also} if world.used else ())

    @property
    def collected(self) -> list[str]:
        """The problems with frames that the policy *collect* noted in it."""
        return self.world.bench.incidents.collected[self.first_collected :]

    def record(self, *, loads: bool = False) -> WorldRecord:
        """The share as evidence. loads: with the bus load per channel, which takes some time to add up."""
        bench = self.world.bench
        networks = {name: channel.network for name, channel in bench.world.channels.items()}
        recording = bench.world.recording
        events = self.events
        exactness = None
        if bench.world.live is not None:
            title, details = bench.world.live.tester(self.since)
            events = [*events, Event(bench.world.loop.now, "note", title, details=details)]
            exactness = bench.world.live.accounting.uncertainty(self.since, bench.world.loop.now), dict(details)
        elif bench.world.accounting is not None:
            known = bench.world.accounting.uncertainty(self.since, bench.world.loop.now)
            text = f"recording: times are known to within {rough_text(known)}"
            events = [*events, Event(bench.world.loop.now, "note", text)]
            exactness = known, {}
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
            exactness=exactness,
        )

    def _loads(self) -> dict[str, float]:
        world = self.world.bench.world
        window = world.loop.now - self.since
        found = {}
        for name, channel in world.channels.items() if window >= SHORTEST_LOAD_NS else ():
            with suppress(BusError):  # a bus that does not remember all of it has none to tell
                found[name] = channel.bus.load(window)
        return found
