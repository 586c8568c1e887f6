"""An open channel, read and written in the way that is best for its interface."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import can

from harness.adapter.error_frames import READERS
from harness.adapter.items import Error, Heard, Item, Overrun, State
from harness.adapter.messages import frame_of, message_to_send
from harness.adapter.stamps import StampClock
from harness.adapter.traits import Traits
from harness.frames import Frame

SLICE_S = 0.05
"""How long python-can's ``recv`` is asked to wait at most, s: it cannot be woken."""

POLL_NS = 100_000_000
"""How often an interface is asked for its state and its lost frames, where it tells neither by itself, ns."""


class Access(Protocol):
    """An open channel. One thread reads, one writes; what fails raises as it comes, for the driver to judge."""

    def read(self, timeout_s: float) -> list[Item]:
        """What came, in its order, stamped by our clock; empty when nothing did within ``timeout_s`` s, or woken."""

    def write(self, frame: Frame) -> bool:
        """Hand over a frame; False when there is no room for it."""

    def wake(self) -> None:
        """Let a :meth:`read` that waits return."""

    def close(self) -> None:
        """Leave the bus. Nobody reads or writes any more. Raises nothing that matters for an adapter that is gone."""


class MessageAccess:
    """Any interface, through python-can's own ``recv`` and ``send``."""

    def __init__(self, bus: can.BusABC, traits: Traits, stamps: StampClock, clock: Callable[[], int]) -> None:
        self._bus, self._traits, self._stamps, self._clock = bus, traits, stamps, clock
        self._reports = READERS[traits.errors]
        self._next_poll = 0
        self._lost = 0

    def read(self, timeout_s: float) -> list[Item]:
        """See :meth:`Access.read`; waits for at most :data:`SLICE_S`."""
        message = self._bus.recv(min(timeout_s, SLICE_S))
        arrival = self._clock()
        items = [] if message is None else self._items(message, arrival)
        if arrival >= self._next_poll and (self._traits.states or self._traits.lost is not None):
            self._next_poll = arrival + POLL_NS
            # Not later than the frames that may still wait behind this one.
            items += self._poll(items[-1].time if items else arrival)
        return items

    def write(self, frame: Frame) -> bool:
        """See :meth:`Access.write`."""
        self._bus.send(message_to_send(frame), self._traits.send_timeout_s)
        return True

    def wake(self) -> None:
        """See :meth:`Access.wake`: it returns soon anyway."""

    def close(self) -> None:
        """See :meth:`Access.close`."""
        self._bus.shutdown()

    def _items(self, message: can.Message, arrival: int) -> list[Item]:
        # 0.0 is what python-can writes where an interface does not stamp.
        time = self._stamps.map(round(message.timestamp * 1e9), arrival) if message.timestamp else arrival
        if message.is_error_frame:
            return [*self._reports(time, message.arbitration_id, bytes(message.data))]
        try:
            frame = frame_of(message, fd=True)
        except can.CanOperationError as error:
            return [Error(time, "bus", f"the adapter delivered what no bus carries: {error}")]
        return [Heard(time, frame, self._traits.echo == "flagged" and not message.is_rx)]

    def _poll(self, now: int) -> list[Item]:
        items: list[Item] = []
        if self._traits.states:
            state = self._traits.states.get(self._bus.state)
            if state is not None:
                items.append(State(now, state))
        if self._traits.lost is not None:
            lost = self._traits.lost(self._bus)
            if lost > self._lost:
                items.append(Overrun(now, lost - self._lost, "nobody read in time"))
            self._lost = lost
        return items
