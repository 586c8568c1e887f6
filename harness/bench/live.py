"""The real channels of a bench, for one world: its loop, its buses, and what is known of their exactness."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.bench.accounting import Accounting
from harness.bench.following import FollowingLoop
from harness.bench.live_bus import LiveBus
from harness.bench.served import Served, renew
from harness.evidence.events import Event
from harness.wall import clock_ns

if TYPE_CHECKING:
    from harness.bench.blueprint import ChannelPlan
    from harness.bench.file import ChannelSpec
    from harness.bench.rig import Rig
    from harness.bench.world import World
    from harness.loop import Owner
    from harness.restbus import Transmitter


class Live:
    """One world's part of a :class:`~harness.bench.rig.Rig`, from its making to :meth:`end`.

    renews: whether a served vehicle is asked for a new one when the world begins.
    """

    def __init__(self, rig: Rig, *, renews: bool) -> None:
        served = rig.file.served
        self.rig = rig
        self.loop = FollowingLoop(rig.lines)
        stamps = {name: line.adapter.capabilities.stamp_uncertainty_ns for name, line in rig.lines.items()}
        self.accounting = Accounting(stamps, ["served vehicle"] if served else [])
        self.served = Served(self.loop, rig.lines[served], self.accounting) if served else None
        if self.served is not None:
            self.accounting.settle = self.served.settle
        self._renews = renews and self.served is not None
        self._buses: dict[str, LiveBus] = {}
        for line in rig.lines.values():
            line.begin()

    def bus(self, spec: ChannelSpec, plan: ChannelPlan, journal: list[Event]) -> LiveBus:
        """The bus of a channel that has an adapter."""
        bus = self._buses[spec.name] = LiveBus(
            self.loop,
            spec.name,
            self.rig.lines[spec.name],
            bitrate=spec.bitrate,
            data_bitrate=spec.data_bitrate,
            lengths=plan.lengths,
            senders={each.message.key: node for node, plans in plan.plans.items() for each in plans},
            accounting=self.accounting,
            served=self.served,
            note=lambda text: journal.append(Event(self.loop.now, "note", text)),
        )
        return bus

    def transmitter(self, bus: LiveBus, node: str, owner: Owner) -> Transmitter:
        """What a node of this bench sends on a channel; the adapter's process does it."""
        transmitter = bus.line.adapter.transmitter(node, self.loop, owner)
        bus.ours.update(message.key for message in transmitter.messages)
        return transmitter

    def begin(self, world: World) -> None:
        """Everything is made: let time pass. Raises :class:`~harness.errors.Blocked` without the new vehicle."""
        since: dict[str, int] = {}
        if self._renews and self.rig.file.served:
            lines = self.rig.lines
            line = lines[self.rig.file.served]
            since = renew(line, [each for each in lines.values() if each is not line])
        origin = since.get(self.rig.file.served or "", clock_ns())
        self.loop.start_at(origin)
        for name, bus in self._buses.items():
            bus.begin(origin, since.get(name, origin))
        if self.served is not None:
            self.served.start()

    def end(self) -> None:
        """The world is over: nothing more is sent, and time stands."""
        for bus in self._buses.values():
            bus.line.adapter.end()
            bus.line.release()
        self.loop.close()
