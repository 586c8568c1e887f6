"""A CAN controller on the simulated bus: one node's queue, error counters, power, and way back from bus-off."""

from __future__ import annotations

from collections.abc import Callable, Collection
from heapq import heapify, heappush
from typing import TYPE_CHECKING

from harness.bus.confinement import OCCURRENCES, RECESSIVE_BITS, ErrorCounters
from harness.bus.port import ErrorState
from harness.bus.subscribers import Subscription
from harness.errors import BusError
from harness.frames import Frame, Received
from harness.loop import DELIVER, Timer

if TYPE_CHECKING:
    from harness.bus.simulated import SimBus

# What waits for the bus: arbitration order, sequence number, controller, frame, callback, duration in ns.
Entry = tuple[int, int, "Controller", Frame, Callable[[Received], object] | None, int]

QUEUE_LIMIT = 4096
"""Frames that may wait for one bus before each controller keeps only the newest one of each identifier."""


class Controller:
    """One node's controller on one :class:`~harness.bus.simulated.SimBus`: a :class:`~harness.bus.port.Port`.

    While it is in bus-off (or still synchronising), frames wait in a queue that keeps the newest one of each
    identifier only, as the message buffers of an ECU do; :attr:`dropped` counts those that were overwritten.
    """

    def __init__(self, bus: SimBus, node: str, restart_after: int | None) -> None:
        if restart_after is not None and restart_after < 0:
            raise BusError(f"{node}: restart_after must be zero or more, not {restart_after} ns")
        self.bus = bus
        self.node = node
        self.claimed: set[int] = set()
        """Places in arbitration that the bus knows to be used by this controller."""
        self.channel = bus.channel
        self.counters = ErrorCounters()
        self.state = ErrorState.ACTIVE
        """Error active, error passive or bus-off."""
        self.online = True
        """Whether it takes part: it is powered, synchronised, and not in bus-off."""
        self.powered = True
        self.dropped = 0
        """Frames that were overwritten by newer ones of the same identifier before they could be sent."""
        self.sent_at = 0
        """End of the last frame of it that others got, ns; 0 before the first."""
        self.suspended_until = 0
        self.routes: dict[int, list[Subscription]] = {}
        self._restart_after = restart_after
        self._restart_timer: Timer | None = None
        self._held: dict[int, Entry] = {}
        self._valid_from = 0
        self._observers: list[Callable[[ErrorState], object]] = []
        self._missing = 0  # occurrences of 11 recessive bits still to be seen
        self._count_from = 0
        self._join_at = -1

    def __repr__(self) -> str:
        return f"<Controller {self.node} on {self.channel}: {self.state.value}, TEC {self.tec}, REC {self.rec}>"

    # -- what its node uses ----------------------------------------------------------------------------------------

    def send(self, frame: Frame, sent: Callable[[Received], object] | None = None) -> None:
        """Queue a frame; ``sent`` is called at the end of its first transmission without error.

        Raises :class:`~harness.errors.BusError` for a frame this bus does not carry, or when the node has no power.
        """
        bus = self.bus
        order, duration = bus.lengths[frame]
        if order not in self.claimed:
            self.claimed.add(order)
            bus.claim(order, self)
        entry = (order, bus.sequence(), self, frame, sent, duration)
        if self.online:
            heappush(bus.ready, entry)
            if not bus.engaged:
                bus.call_arbitration()
        elif self.powered:
            self._hold(entry)
        else:
            raise BusError(f"{self.node} has no power on {self.channel} and cannot send {frame}")

    def subscribe(
        self, callback: Callable[[Received], object], keys: Collection[int] | None = None
    ) -> Callable[[], None]:
        """Call back with every frame of others; see :meth:`harness.bus.port.Port.subscribe`."""
        return self.bus.subscribers.add(Subscription(callback, keys, self))

    @property
    def tec(self) -> int:
        """Transmit error counter."""
        return self.counters.tec

    @property
    def rec(self) -> int:
        """Receive error counter."""
        return self.counters.rec

    @property
    def queued(self) -> int:
        """Frames that wait, the one on the wire included."""
        return len(self._held) + sum(entry[2] is self for entry in (*self.bus.ready, *self.bus.sending()))

    def clear(self) -> None:
        """Drop all frames that wait. One that is on the wire goes on, but is not repeated after an error."""
        self._valid_from = self.bus.sequence()
        self._held.clear()
        self.bus.ready[:] = [entry for entry in self.bus.ready if entry[2] is not self]
        heapify(self.bus.ready)

    def on_state(self, callback: Callable[[ErrorState], object]) -> None:
        """Call back with every new error state, at the end of the frame or error frame that changed it."""
        self._observers.append(callback)

    def restart(self) -> None:
        """Ask for the way back from bus-off: 128 times 11 recessive bits from now on. Otherwise nothing happens."""
        if self.state is ErrorState.BUS_OFF and not self._missing:
            self._cancel_restart()
            self._synchronise(OCCURRENCES)

    def power(self, on: bool) -> None:
        """Switch the controller. Off: the queue is lost, a frame on the wire breaks off, nothing is acknowledged.

        On: the counters are zero, and the node takes part after 11 recessive bits (ISO 11898-1, 10.9.4).
        """
        if on == self.powered:
            return
        self.powered = on
        if on:
            self._synchronise(1)
        else:
            self.clear()
            self.bus.break_off(self)
            self._missing, self._join_at = 0, -1
            self._cancel_restart()
            self.counters.reset()
            self._set_online(False)
            self.update_state()

    # -- what the bus uses -----------------------------------------------------------------------------------------

    def repeat(self, entry: Entry) -> None:
        """Queue a destroyed frame again, in its old place, unless the queue was cleared meanwhile."""
        if entry[1] >= self._valid_from:
            heappush(self.bus.ready, entry)

    def update_state(self) -> None:
        """Let the state follow the counters, and do what the change asks for."""
        before, self.state = self.state, self.counters.state
        if self.state is before:
            return
        if self.state is ErrorState.BUS_OFF:
            self._set_online(False)
            for entry in sorted(entry for entry in self.bus.ready if entry[2] is self):
                self._hold(entry)
            self.bus.ready[:] = [entry for entry in self.bus.ready if entry[2] is not self]
            heapify(self.bus.ready)
            if self._restart_after is not None:
                self._restart_timer = self.bus.loop.after(self._restart_after, self.restart)
        for callback in tuple(self._observers):
            callback(self.state)

    def _cancel_restart(self) -> None:
        if self._restart_timer is not None:
            self._restart_timer.cancel()

    def coalesce(self) -> None:
        """Keep only the newest waiting frame of each identifier."""
        mine = sorted(entry for entry in self.bus.ready if entry[2] is self)
        newest = {entry[0]: entry for entry in mine}
        self.dropped += len(mine) - len(newest)
        self.bus.ready[:] = [entry for entry in self.bus.ready if entry[2] is not self] + list(newest.values())
        heapify(self.bus.ready)

    def _hold(self, entry: Entry) -> None:
        self.dropped += entry[0] in self._held
        self._held[entry[0]] = entry

    def _set_online(self, online: bool) -> None:
        self.online = online
        self.bus.membership_changed()

    # -- synchronising: counting 11 recessive bits ---------------------------------------------------------------------

    @property
    def synchronising(self) -> bool:
        """Whether it counts recessive bits before it may take part."""
        return self._missing > 0

    def _synchronise(self, occurrences: int) -> None:
        self._missing = occurrences
        self._count_from = self.bus.loop.now
        self.bus.membership_changed()
        if self.bus.recessive_from is not None:
            self.expect_silence()

    def expect_silence(self) -> None:
        """The bus is recessive: take part as soon as that has lasted, unless a frame comes first."""
        begin = self.bus.recessive_from
        assert begin is not None
        self._count_from = max(self._count_from, begin)
        self._join_at = self._count_from + self.bus.times.time(self._missing * RECESSIVE_BITS)
        self.bus.loop.post(self._join_at, DELIVER, self._join, self._join_at)

    def frame_begins(self, time: int) -> None:
        """A frame ends the recessive bits: count how many times 11 there were."""
        # One nanosecond of grace, as bit times are rounded to nanoseconds.
        recessive_bits = (time - self._count_from + 1) * self.bus.bitrate // 1_000_000_000
        self._missing -= max(0, recessive_bits) // RECESSIVE_BITS
        self._join_at = -1
        if self._missing <= 0:
            self._missing = 1
            self._join(self._join_at)

    def _join(self, due: int) -> None:
        if due != self._join_at or not self._missing:
            return
        self._missing, self._join_at = 0, -1
        self.counters.reset()
        held, self._held = self._held, {}
        self._set_online(True)
        for entry in held.values():
            heappush(self.bus.ready, entry)
        self.update_state()
        if self.bus.ready and not self.bus.engaged:
            self.bus.call_arbitration()
