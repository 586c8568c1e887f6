"""The real channels of a bench, for one world: its loop, its buses, and what is known of their exactness."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from harness.bench.accounting import Accounting
from harness.bench.file import NodeState
from harness.bench.following import FollowingLoop
from harness.bench.left_out import note_left_out
from harness.bench.live_bus import LiveBus
from harness.bench.served import Served, renew
from harness.errors import Blocked, HarnessError, InstrumentError
from harness.evidence.events import Event
from harness.units import rough_text
from harness.wall import clock_ns

if TYPE_CHECKING:
    from harness.adapter.diagnosis import Diagnosis
    from harness.adapter.statistics import Statistics
    from harness.bench.blueprint import ChannelPlan
    from harness.bench.file import ChannelSpec
    from harness.bench.rig import Rig
    from harness.bench.world import World
    from harness.loop import Owner
    from harness.restbus import Transmitter


REPORT_NS = 6_000_000
"""By then every channel process has reported again, ns."""


class Live:
    """One world's part of a :class:`~harness.bench.rig.Rig`, from its making to :meth:`end`."""

    def __init__(self, rig: Rig) -> None:
        if rig.live is not None:
            raise Blocked(
                f"a world is open on bench {rig.file.name!r} already, and its hardware is there once: end that one "
                "first (one bench per test; a fixture of wider scope and the fixture `bench` exclude each other)"
            )
        served = rig.file.served
        self.rig = rig
        self.loop = FollowingLoop(rig.lines)
        stamps = {name: line.adapter.capabilities.stamp_uncertainty_ns for name, line in rig.lines.items()}
        simulates = any(node.state is NodeState.SIMULATED for node in rig.file.nodes)
        own = [name for name in rig.blueprint.nodes if not self._is_real(name)]
        self.accounting = Accounting(stamps, ["served vehicle"] if served else [], simulates=simulates, own=own)
        self.served = Served(self.loop, rig.lines[served], self.accounting) if served else None
        self.accounting.settle = self._settle if self.served is None else self.served.settle
        self.resets = rig.reset_is_due()
        """Whether the device is to be reset for this world."""
        self._buses: dict[str, LiveBus] = {}
        self._journal: list[Event] = []
        self._doubts: list[HarnessError] = []
        self._origin = 0
        self._sent: dict[str, Statistics] | None = None  # what was sent, when the world is over
        rig.check()
        with rig.refusal.trying():
            for line in rig.lines.values():
                line.adapter.open()  # anew, when its process died in an earlier test
        for line in rig.lines.values():
            line.begin()

    def _settle(self) -> None:
        """Wait for the next report of every channel process: it tells how late it was up to now."""
        self.loop.run_until(self.loop.now + REPORT_NS)

    def note(self, text: str, time_ns: int | None = None) -> None:
        """Write a line into the world's journal. time_ns: when, of the clock; None: now."""
        time = self.loop.now if time_ns is None else max(0, time_ns - self._origin)
        self._journal.append(Event(time, "note", text))

    def bus(self, spec: ChannelSpec, plan: ChannelPlan) -> LiveBus:
        """The bus of a channel that has an adapter."""
        bus = self._buses[spec.name] = LiveBus(
            self.loop,
            spec.name,
            self.rig.lines[spec.name],
            bitrate=spec.bitrate,
            data_bitrate=spec.data_bitrate,
            lengths=plan.lengths,
            known={key: each.message for each in plan.messages.values() for key in [each.message.key]},
            talks=any(each.cycle_ns for node, plans in plan.plans.items() if self._is_real(node) for each in plans),
            senders={each.message.key: node for node, plans in plan.plans.items() for each in plans},
            accounting=self.accounting,
            served=self.served,
            note=self.note,
            left_out=lambda missed: note_left_out(missed, plan, self.rig.file.monitors.limits, self._doubts),
            doubt=lambda doubt: self._doubts.append(doubt),
        )
        return bus

    def _is_real(self, node: str) -> bool:
        return self.rig.file.node(node).state is NodeState.REAL

    def transmitter(self, bus: LiveBus, node: str, owner: Owner) -> Transmitter:
        """What a node of this bench sends on a channel; the adapter's process does it."""
        transmitter = bus.line.adapter.transmitter(node, self.loop, owner)
        bus.ours.update({message.key: node for message in transmitter.messages})
        return transmitter

    def begin(self, world: World) -> None:
        """Everything is made: let time pass. Raises :class:`~harness.errors.Blocked` without the new vehicle."""
        since: dict[str, int] = {}
        if self.resets and self.rig.file.reset.by == "served" and self.rig.file.served is not None:
            lines = self.rig.lines
            line = lines[self.rig.file.served]
            since = renew(line, [each for each in lines.values() if each is not line])
        self._origin = origin = since.get(self.rig.file.served or "", clock_ns())
        self._journal, self._doubts = world.journal, world.incidents.doubts
        self.rig.live = self
        self.loop.start_at(origin)
        for name, bus in self._buses.items():
            bus.begin(origin, since.get(name, origin))
        if self.served is not None:
            self.served.start()

    @contextmanager
    def beginning(self) -> Iterator[None]:
        """The world is being made. What keeps it from beginning ends it again: then nothing is sent any more."""
        try:
            yield
        except BaseException:
            with suppress(HarnessError):
                self.end()
            raise

    def diagnoses(self, channels: Collection[str]) -> Sequence[Diagnosis]:
        """What is known of these channels, but for those that are simulated; of all real ones where none is named."""
        return [bus.diagnosis for name, bus in self._buses.items() if not channels or name in channels]

    def instrument_fault(self) -> str | None:
        """What is wrong with an instrument; None: nothing."""
        try:
            self.rig.instruments.check()
        except InstrumentError as error:
            return str(error)
        return None

    def tester(self, since: int) -> tuple[str, tuple[tuple[str, str], ...]]:
        """What the tester knows of its own exactness from ``since`` ns on: one line, and details by name."""
        now = self.loop.now
        details = []
        statistics = self._statistics()
        for name, bus in self._buses.items():
            adapter = bus.line.adapter
            sent = statistics[name]
            details.append((f"{name}, sent", str(sent.total)))
            details += [(f"{name}.{message}", str(late)) for message, late in sent.messages.items()]
            late = rough_text(self.accounting.channels[name].worst(since, now))
            details.append((f"{name}, received", f"{adapter.capabilities}, and up to {late} late"))
            details.append((f"{name}, process", adapter.scheduling))
        for name, served in self.accounting.served.items():
            details.append((name, f"up to {rough_text(served.worst(since, now))} late"))
        known = rough_text(self.accounting.uncertainty(since, now))
        return f"tester: times are known to within {known}", tuple(details)

    def _statistics(self) -> dict[str, Statistics]:
        if self._sent is not None:
            return self._sent
        return {name: bus.line.adapter.statistics() for name, bus in self._buses.items()}

    def end(self) -> None:
        """The world is over: nothing more is sent, and time stands. May be called twice.

        Raises :class:`~harness.errors.AdapterLost` when a channel process does not confirm that; the others end.
        """
        if self._sent is not None:
            return
        self._sent = self._statistics()
        with ExitStack() as stack:
            for bus in self._buses.values():
                stack.callback(bus.line.release)
                stack.callback(bus.line.adapter.end)
            self.loop.close()
            if self.rig.live is self:
                self.rig.account(self)
                self.rig.live = None
