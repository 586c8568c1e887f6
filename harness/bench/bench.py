"""The bench: what a test holds in its hands.

It sets signals and plant values, waits, expects, disturbs; and it keeps the journal from which the report is made. A
bench is a context manager around one world; leaving it checks that nothing went wrong unseen.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, ExitStack, closing, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from harness.bench.bench_plant import BenchPlant
from harness.bench.blocks import Blocks
from harness.bench.blueprint import Blueprint
from harness.bench.disturb import Disturbance, disturbing
from harness.bench.excuses import Excuses
from harness.bench.expectation import Judge, Result
from harness.bench.file import Handling, Policy
from harness.bench.integrity import Incidents
from harness.bench.live import Live
from harness.bench.node import NodeControl
from harness.bench.recorded import Recording
from harness.bench.reset import reset_device
from harness.bench.setting import set_signals
from harness.bench.signal import BenchSignal, Value, find_signal, wanted_values
from harness.bench.silence import demand_silence
from harness.bench.still import still
from harness.bench.stimulus import Delivery, RawFrame, Stimulus
from harness.bench.traffic import Traffic, message_names, traffic
from harness.bench.watching import Watching, monitors_of, watched_of, watching
from harness.bench.world import TESTER, World
from harness.ecu import Ecu
from harness.errors import BenchFileError, BusError, SignalError, UnitError
from harness.evidence.events import Event, Kind
from harness.frames import Frame, check_frame
from harness.instruments.opening import Instruments
from harness.plant import Plant
from harness.signals.predicate import Predicate
from harness.units import Duration, duration

if TYPE_CHECKING:
    from harness.bench.rig import Rig
    from harness.instruments.playing import LoopPlayer, SupplyPlayer
    from harness.instruments.profile import Profile


@still
class Bench:
    """One world and everything a test does with it.

    Open it with the fixture ``bench``, with ``open_bench()`` inside ``@given``, or by hand::

        with Bench.open("benches/virtual.toml") as bench:
            bench.set("BrakePedal", 40 * percent)
            bench.expect(bench.signal("BrakeLamp") == "On", within=80 * ms)

    seed: an integer that every random choice of this world derives from. models, plant and recording: see
    :class:`~harness.bench.world.World`.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        *,
        seed: int = 0,
        models: Mapping[str, type[Ecu]] | None = None,
        plant: type[Plant] | None = None,
        recording: Recording | None = None,
        rig: Rig | None = None,
    ) -> None:
        self._own_rig: Rig | None = None  # taken for this bench alone
        live = Live(rig) if rig is not None else None
        with live.beginning() if live is not None else nullcontext():
            self.world = World(blueprint, seed, models or {}, plant, recording, live=live)
            self.seed = seed
            self.plant = BenchPlant(self, self.world.plant)
            self.latest: Stimulus | None = None
            """The test's latest stimulus, from which ``within`` counts."""
            self.excuses = Excuses(self.world, TESTER)
            self.attached: list[Watching] = []
            """What watches this world without being asked for in a ``with`` block."""
            self._blocks = Blocks(self.world.loop)
            self._judge = Judge(self.world.loop, self.journal, self.world.accounting)
            self.attach_own()
            if live is not None and live.resets:
                reset_device(self)
                live.rig.was_reset()

    @classmethod
    def open(cls, path: str | Path, *, seed: int = 0) -> Bench:
        """Load a bench file and open a bench on it; one with hardware is taken until it is closed.

        Raises :class:`~harness.errors.ConfigError`, and :class:`~harness.errors.Blocked` for hardware that is missing.
        """
        blueprint = Blueprint.load(path)
        if not blueprint.file.live:
            return cls(blueprint, seed=seed)
        from harness.bench.rig import Rig  # opens adapters: what virtual time does not need

        with ExitStack() as stack:
            rig = stack.enter_context(Rig(blueprint))
            bench = cls(blueprint, seed=seed, rig=rig)
            bench._own_rig = rig
            stack.pop_all()
            return bench

    # -- what happened ---------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The bench's name, from its file."""
        return self.world.blueprint.file.name

    @property
    def now(self) -> Duration:
        """Time since the world began."""
        return Duration(self.world.loop.now)

    @property
    def journal(self) -> list[Event]:
        """What was stimulated, expected and seen, in order."""
        return self.world.journal

    @property
    def incidents(self) -> Incidents:
        """What went wrong without being asked for, raised and collected."""
        return self.world.incidents

    @property
    def instruments(self) -> Instruments:
        """What stands on this bench beside the bus: ``bench.instruments.supply().set_voltage(12 * V)``.

        Asking for one that is not there raises :class:`~harness.errors.Blocked`.
        """
        return self.world.live.rig.instruments if self.world.live is not None else Instruments()

    def load(self, channel: str, window: Duration) -> float:
        """Bus load of a channel over the last ``window``, 0 to 1."""
        return self.world.channel(channel).bus.load(duration(window, "window", zero=False))

    def peak_load(self, channel: str, window: Duration, since: Duration) -> float:
        """Largest bus load of a channel in any ``window`` from ``since`` (counted since the world began) to now."""
        bus = self.world.channel(channel).bus
        return bus.peak_load(duration(window, "window", zero=False), duration(since, "since"))

    def traffic(self, name: str) -> Traffic:
        """The frames of a message or of a channel; see :mod:`harness.bench.traffic`."""
        return traffic(self.world, name)

    def messages(self, channel: str) -> tuple[str, ...]:
        """The messages that the nodes of a channel send. Raises :class:`~harness.errors.ConfigError`."""
        return message_names(self.world, channel)

    # -- signals and stimuli ---------------------------------------------------------------------------------------

    def signal(self, name: str) -> BenchSignal:
        """A signal by ``Message.Signal``, by ``channel.Message.Signal``, or by its own name where that is unique.

        Raises :class:`~harness.errors.UnknownSignalError` at once, with the nearest candidates.
        """
        return find_signal(self, name)

    def set(
        self,
        target: str | BenchSignal | Mapping[str, Value],
        value: Value | None = None,
        *,
        force: bool = False,
        **signals: Value,
    ) -> Stimulus:
        """Set signals of absent nodes: ``set("BrakePedal", 40 * percent)``, ``set("Pedals", BrakePedal=40)``,
        or ``set({"BrakePedal": 40, "Gear": "D"})``; all of one message leave in one frame.

        Raises :class:`~harness.errors.ValueRangeError` outside the signal's range; ``force=True`` sends the value as
        far as the signal's bits go.
        """
        wanted = wanted_values(target, value, signals)
        self.world.acts(f"set {', '.join(wanted)}")
        return set_signals(self, wanted, force=force)

    def send(self, channel: str, frame: Frame) -> Stimulus:
        """Send one raw frame as the tester's own node. Its identifier must be known or declared as a disturbance."""
        if not isinstance(frame, Frame):
            raise BusError(f"send() takes a Frame such as Frame(0x123, bytes(8)), not {frame!r}")
        check_frame(frame, fd=self.world.channel(channel).bus.data_bitrate is not None)
        self.world.acts(f"send {frame} on {channel}")
        raw = RawFrame()
        self.world.tester(channel).send(frame, raw.sent)
        return self.stimulated(f"send {frame} on {channel}", (raw,))

    def stimulated(
        self,
        title: str,
        deliveries: tuple[Delivery, ...] | list[Delivery],
        kind: Kind = "stimulus",
        *,
        cycle_ns: int = 0,
        signals: tuple[str, ...] = (),
        at: int | None = None,
        gradual: bool = False,
    ) -> Stimulus:
        """Note a stimulus; from now on ``within`` counts from it. signals: what it changes, by path. at: None: now."""
        at = self.world.loop.now if at is None else at
        self.latest = Stimulus(title, at, deliveries, cycle_ns, gradual=gradual)
        self.journal.append(Event(self.world.loop.now, kind, title, signals=signals))
        return self.latest

    def play(self, profile: Profile, target: str) -> LoopPlayer | SupplyPlayer:
        """Begin to play a voltage profile on a supply, or a role of the plant; see :mod:`harness.bench.playing`."""
        from harness.bench.playing import play  # loaded when it is used

        return play(self, profile, target)

    def note(self, title: str, *, kind: Kind = "note") -> None:
        """Write a line of the test's own into the journal, and so into the report."""
        self.journal.append(Event(self.world.loop.now, kind, title))

    def plot(self, *names: str, since: Duration | None = None) -> None:
        """Put a plot of signals, at most eight, into the report: from ``since`` (None: the test's beginning) to now."""
        signals = [self.signal(name) for name in names]
        title = f"plot {', '.join(signal.short_name for signal in signals)}"
        begin = None if since is None else duration(since, "since")
        paths = tuple(signal.path for signal in signals)
        self.journal.append(Event(self.world.loop.now, "plot", title, signals=paths, since=begin))

    def node(self, name: str) -> NodeControl:
        """A node's switches: reset, power, silence. Raises :class:`~harness.errors.ConfigError` for an unknown one."""
        return NodeControl(self, self.world.node(name))

    def set_policy(self, **handling: Handling) -> None:
        """Handle problems differently for the rest of this test: ``set_policy(unknown_frame="collect")``.

        Keys as in the bench file's ``[policy]``; values ``fail``, ``collect``, ``ignore``.
        """
        for key, value in handling.items():
            if key not in Policy.__dataclass_fields__ or value not in ("fail", "collect", "ignore"):
                known = ", ".join(Policy.__dataclass_fields__)
                raise BenchFileError(f"no policy {key} = {value!r}: one of {known}; fail, collect or ignore")
        self.incidents.policy = replace(self.incidents.policy, **handling)
        self.note(f"policy: {', '.join(f'{key} = {value}' for key, value in handling.items())}")

    # -- time and expectations -------------------------------------------------------------------------------------

    def wait(self, span: Duration | None = None, *, until: Duration | None = None) -> None:
        """Let ``span`` of the world's time pass, from the call on; or wait ``until`` an instant: ``key.at + 5 * s``.

        An instant that is over: on a real bench the test was late, which counts as the bench's own lateness, and goes
        on at once; elsewhere time waits for the test, so that is :class:`~harness.errors.UnitError`, as a negative
        span is everywhere.
        """
        if (span is None) is (until is None):
            raise TypeError("wait() takes a span, or until=, an instant")
        loop = self.world.loop
        if until is not None:
            loop.run_until(self.world.instant(duration(until, "wait until")))
        else:
            loop.run_until(loop.present + duration(span, "wait"))

    def wait_until(self, predicate: Predicate, *, timeout: Duration) -> Result:
        """Wait until the predicate holds, counted from now; the set-up form of :meth:`expect`."""
        limit = duration(timeout, "timeout")
        return self._judge.expect(self._predicate(predicate, "wait_until"), limit, self.world.loop.now)

    def expect(self, predicate: Predicate, *, within: Duration, after: Stimulus | Duration | None = None) -> Result:
        """Demand that the predicate holds within a time of the latest stimulus; see :mod:`harness.bench.expectation`.

        Returns as soon as it does. Raises :class:`~harness.errors.ExpectationFailed` with expected, seen, last samples.
        """
        since = self.latest if after is None else self._since(after)
        return self._judge.expect(self._predicate(predicate, "expect"), duration(within, "within"), since)

    def stays(self, predicate: Predicate, *, during: Duration, after: Stimulus | Duration | None = None) -> Result:
        """Demand that the predicate holds now (or from ``after``) and at every sample for the time ``during``."""
        span = duration(during, "during")
        return self._judge.stays(self._predicate(predicate, "stays"), span, self._since(after))

    def never(self, predicate: Predicate, *, during: Duration, after: Stimulus | Duration | None = None) -> Result:
        """Demand that the predicate holds at no sample for the time ``during``, from now or from ``after``."""
        span = duration(during, "during")
        return self._judge.never(self._predicate(predicate, "never"), span, self._since(after))

    def silent(self, name: str, *, during: Duration) -> None:
        """Demand that no frame of a message, or of a whole channel, ends within the time ``during`` from now."""
        demand_silence(self, name, duration(during, "during"))

    def disturb(self, *disturbances: Disturbance) -> AbstractContextManager[None]:
        """Do wrong on purpose while the block lasts; its own consequences are exempt from the guard, nothing else is.

        A disturbance that did not take full effect raises :class:`~harness.errors.IntegrityError` at the end.
        """
        self.world.acts(f"disturb ({', '.join(each.title for each in disturbances)})")
        return self._blocks.add("disturb", disturbing(self.world, self.note, disturbances))

    def still(self) -> AbstractContextManager[None]:
        """The world stands still while the block lasts: for what a test reads in several steps that belong together.

        In virtual time it always does between two waits; on a real bench frames wait meanwhile, none is lost.
        """
        return self.world.loop.held()

    # -- watching --------------------------------------------------------------------------------------------------

    def watch(self, *watched: object) -> AbstractContextManager[None]:
        """Watch while the block lasts: ``with bench.watch(bus_contract(), "always(BrakePressure < 200)"): ...``.

        See :mod:`harness.bench.watching` for what can be watched. A violation raises at its instant.
        """
        return self._blocks.add("watch", watching(self, monitors_of(self, watched)))

    def attach(self, *watched: object, whole_run: bool = False) -> None:
        """Watch from now until :meth:`detach`, at the latest to the end of the world. whole_run: in every test."""
        if watched:
            self.attached.append(Watching(self, monitors_of(self, watched), whole_run=whole_run))

    def attach_own(self) -> None:
        """Watch what the bench file wants to be watched in every world."""
        self.attach(*watched_of(self.world.blueprint.file.monitors), whole_run=True)

    def detach(self) -> None:
        """End what :meth:`attach` began. What is to be raised stands among the incidents."""
        self.incidents.raised += self._blocks.forgotten()
        attached, self.attached = self.attached, []
        for each in attached:
            each.finish()

    def _since(self, after: Stimulus | Duration | None) -> Stimulus | int | None:
        """Check what a test gave as ``after``."""
        if after is None or isinstance(after, Stimulus):
            return after
        since = duration(after, "after")
        if since > self.world.loop.now:
            raise UnitError(f"after={after} lies in the future, it is {self.now}: wait first")
        return since

    def _predicate(self, candidate: object, what: str) -> Predicate:
        """Check what a test gave as a predicate."""
        if not isinstance(candidate, Predicate):
            raise SignalError(
                f"{what}() takes a predicate such as bench.signal('BrakeLamp') == 'On', not {candidate!r}; "
                "comparing .value or .text gives a plain bool, decided before the wait"
            )
        for signal in candidate.signals:
            if signal.network.loop is not self.world.loop:
                raise SignalError(f"{what}({candidate}): {signal.short_name} is a signal of another bench")
            self.world.used.add(signal.channel)
        return candidate

    # -- life ------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        try:
            self.detach()
            if error is None:
                self.check()
        finally:
            self.close()

    def close(self) -> None:
        """End a world on real channels: nothing more is sent. In virtual time, nothing happens. May be called twice."""
        with closing(self._own_rig) if self._own_rig is not None else nullcontext():
            if self.world.live is not None:
                self.world.live.end()

    def check(self) -> None:
        """Raise the first incident that this world has seen, if any: nothing may be lost, also not in a bare except."""
        loop = self.world.loop
        for failure in filter(None, (loop.failure, *self.incidents.raised, loop.interrupted, *self.incidents.doubts)):
            raise failure
