"""The frames of one message or channel, for what signals cannot tell: how often, how late, sent by whom."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING

from harness.errors import HarnessError
from harness.frames import Received
from harness.units import Duration, Measured, Uncertain

if TYPE_CHECKING:
    from harness.bench.accounting import Accounting
    from harness.bench.world import World
    from harness.wall import WallLoop


@dataclass(frozen=True, slots=True)
class Traffic:
    """What was seen of one message, or of a whole channel, oldest first; the last 60 s are remembered.

    name: of the message or channel. channel: its channel. sender: the node that sends the message, "" for a channel.
    cycle: the message's cycle time, the bench file's supplements included; ``None`` when it is not sent cyclically.
    on_event: whether changes or writes send the message too, between its cycles or instead of them.

    ``len(bench.traffic("Pedals").frames)`` is the number of frames of that message so far.
    """

    name: str
    channel: str
    sender: str
    cycle: Duration | None
    on_event: bool
    length: int
    """Bytes of the message as the database defines it; 0 for a channel."""
    signals: tuple[str, ...]
    """``Message.Signal`` of each of the message's signals; () for a channel."""
    frames: tuple[Received, ...]
    uncertainty: Callable[[int, int], int] | None = None
    """How far an instant between two others (ns) may be off, ns; None in virtual time, where every instant is exact."""

    def since(self, time: Duration) -> Traffic:
        """The same, but only the frames that ended at or after ``time``, counted since the world began."""
        begin = int(time)
        return replace(self, frames=tuple(rx for rx in self.frames if rx.time >= begin))

    @property
    def times(self) -> tuple[Duration, ...]:
        """When each frame ended, since the world began; on a real bus each knows how far it may be off."""
        if self.uncertainty is None:
            return tuple(Duration(rx.time) for rx in self.frames)
        return tuple(self._measured(self.uncertainty))

    @property
    def gaps(self) -> tuple[Duration, ...]:
        """From the end of each frame to the end of the next; on a real bench each knows how far it may be off.

        The longest and the shortest know it of all the others, too: what holds for ``max(gaps)`` holds for each.
        """
        if self.uncertainty is None:
            return tuple(Measured(after.time - before.time) for before, after in pairwise(self.frames))
        times = self._measured(self.uncertainty)
        return _with_extremes([after - before for before, after in pairwise(times)])

    def _measured(self, off: Callable[[int, int], int]) -> list[Uncertain]:
        return [Uncertain(rx.time, off(rx.time, rx.time)) for rx in self.frames]


class _Known:
    """How far instants of a world may be off. When that is asked first, it waits for what everybody knows up to then:
    a served vehicle says only now and then how late it was. A world that the test holds still stays so.
    """

    def __init__(self, loop: WallLoop, accounting: Accounting) -> None:
        self._loop, self._accounting = loop, accounting
        self._settled = False

    def uncertainty(self, since: int, until: int) -> int:
        """Between two instants, ns."""
        if not self._settled and not self._loop.holding:
            self._settled = True
            with suppress(HarnessError):  # the world's failure, which is raised anyway
                self._accounting.settle()
        return self._accounting.uncertainty(since, until)


def _with_extremes(spans: Sequence[Uncertain]) -> tuple[Uncertain, ...]:
    if not spans:
        return ()
    longest, shortest = max(map(int, spans)), min(map(int, spans))
    above = max(int(each) + each.uncertainty_ns for each in spans) - longest
    below = shortest - min(int(each) - each.uncertainty_ns for each in spans)
    return tuple(
        Uncertain(
            int(each),
            max(each.uncertainty_ns, above if each == longest else 0, below if each == shortest else 0),
        )
        for each in spans
    )


def traffic(world: World, name: str) -> Traffic:
    """The traffic of a message (``Message``, ``channel.Message``) or of a channel.

    Raises :class:`~harness.errors.UnknownSignalError` with the nearest message.
    """
    uncertainty = None if world.accounting is None else world.accounting.uncertainty
    if world.live is not None:
        uncertainty = _Known(world.live.loop, world.live.accounting).uncertainty
    if name in world.channels:
        frames = tuple(world.channel(name).network.trace.frames)
        return Traffic(name, name, "", None, False, 0, (), frames, uncertainty)
    tx = world.tx(name)
    frames = tuple(world.channels[tx.channel].network.trace.of(tx.key))
    cycle = Duration(tx.plan.cycle_ns) if tx.plan.cycle_ns else None
    signals = tuple(f"{tx.name}.{signal.name}" for signal in tx.plan.message.signals)
    length = tx.plan.message.length
    return Traffic(tx.name, tx.channel, tx.node, cycle, tx.plan.reacts, length, signals, frames, uncertainty)


def message_names(world: World, channel: str) -> tuple[str, ...]:
    """The messages that the nodes of a channel send, in the order of the nodes."""
    world.channel(channel)
    return tuple(
        tx.name
        for node in world.nodes.values()
        for name, transmitter in node.transmitters.items()
        if name == channel
        for tx in transmitter.messages
    )
