"""One message whose schedule runs on the loop of this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from harness.frames import Frame, Received
from harness.loop import MODEL, Loop, Owner
from harness.restbus.message import Change, Tamper, TxMessage
from harness.restbus.plan import MessagePlan
from harness.restbus.sendtypes import SendType

if TYPE_CHECKING:
    from harness.bus.port import Port

MOST_LATE = 2
"""Cycles by which frames may be late. Any machine takes a cycle of 10 ms away now and then: that shall lose nothing."""

_REPEATED = int(SendType.REPEATED)
_CACHED_COUNTERS = 256
_LONG_AGO = -(1 << 62)
# Frame(...) without the keyword handling of a named tuple's constructor.
_new_frame: Callable[..., Frame] = tuple.__new__


class ScheduledMessage(TxMessage):
    """A message that is sent through a port of this process.

    *Cyclic* frames keep an absolute schedule from the start of the node. A *change* or *write* sends at once, then the
    plan's repetitions, each a fast cycle after the other; another one during the repetitions starts them anew.
    *If active* sends with the fast cycle, in place of the normal one, while a signal differs from its inactive value;
    becoming active or inactive sends at once. The *minimum delay* holds between any two of these frames: what comes
    too early waits, and frames that wait together become one.

    The controller holds one frame of the message at a time, as a mailbox does: while it waits for the bus (overload,
    bus-off), no other is queued. If values change meanwhile, a frame with the new ones follows it at once.
    """

    __slots__ = (
        "_attached", "_cycle_ticket", "_deferred", "_due", "_fast_due", "_fast_step", "_fast_ticket", "_flight",
        "_frames", "_in_port", "_is_active", "_last", "_left", "_loop", "_min_delay", "_piled", "_port", "_protect",
        "_reacts", "_sent_version", "_stale", "_step", "_ticket", "_version", "_waiting",
    )  # fmt: skip

    def __init__(self, loop: Loop, port: Port, plan: MessagePlan, owner: Owner) -> None:
        super().__init__(plan, owner, port.channel)
        self.tamper: Tamper | None = None
        self.on_request = False
        self._protect = plan.protector.protect if plan.protector else None
        self._loop, self._port = loop, port
        self._step = owner.world_delay(plan.cycle_ns) if plan.cycle_ns else 0
        self._fast_step = owner.world_delay(plan.fast_cycle_ns) if plan.fast_cycle_ns else 0
        self._min_delay = owner.world_delay(plan.min_delay_ns)
        self._reacts = plan.reacts
        self._ticket = 0
        self._clear()

    def _clear(self) -> None:
        self.counter = 0
        self._frames: dict[int, Frame] = {}
        self._version = 0  # of the values
        self._sent_version = 0  # of the frame that the port got last
        self._waiting: list[Change] = []  # for the next frame
        self._flight: list[Change] = []  # in the frame that the port got last
        self._attached: list[Change] = []  # to the same, after it had got it
        self._halt()

    def _halt(self) -> None:
        self._cycle_ticket = 0  # a scheduled call whose ticket is not the present one does nothing
        self._fast_ticket = 0
        self._deferred = 0
        self._left = 0
        self._in_port = self._piled = False
        self._stale = False
        self._last = _LONG_AGO
        self._is_active = False
        self._due = self._fast_due = 0

    # -- what users call -----------------------------------------------------------------------------------------

    def set(self, values: Mapping[str, object], *, force: bool = False, change: Change | None = None) -> Change:
        """See :meth:`TxMessage.set <harness.restbus.message.TxMessage.set>`.

        change: what to note the delivery in; None: a new one.
        """
        changed = self._payload.set(values, force=force)
        change = change or Change()
        if self._in_port and not self._piled and not changed and self._version == self._sent_version:
            self._attached.append(change)
        else:
            self._waiting.append(change)
        self._loop.call(partial(self._react, values, changed))  # What breaks in sending is not the caller's.
        change.due = self.active and bool(
            self._step or self._in_port or self._deferred or self._left or self._is_active
        )
        if self.active and not change.due and not changed:
            change.deliver(self._loop.now)  # Nothing to be sent: it was so before the call already.
        return change

    def update(self, values: Mapping[str, object]) -> None:
        """See :meth:`TxMessage.update <harness.restbus.message.TxMessage.update>`."""
        changed = self._payload.set(values)
        if changed or self._reacts:
            self._react(values, changed)

    def send_now(self, change: Change | None = None) -> Change:
        """See :meth:`TxMessage.send_now <harness.restbus.message.TxMessage.send_now>`."""
        change = change or Change()
        self._waiting.append(change)
        if self.active:
            change.due = True
            self._post_frame()
        return change

    def forward(self, data: bytes) -> None:
        """See :meth:`TxMessage.forward <harness.restbus.message.TxMessage.forward>`."""
        if self.active:
            if self._payload.load(data):
                self._changed()
            self._post_frame()

    def start(self) -> None:
        """See :meth:`TxMessage.start <harness.restbus.message.TxMessage.start>`."""
        if not self._enabled:
            self._enabled = True
            if self._running:
                self._begin(0)

    def stop(self) -> None:
        """See :meth:`TxMessage.stop <harness.restbus.message.TxMessage.stop>`."""
        self._enabled = False
        self._halt()

    # -- what the transmitter calls ------------------------------------------------------------------------------

    def node_started(self) -> None:
        """See :meth:`TxMessage.node_started <harness.restbus.message.TxMessage.node_started>`."""
        self._running = True
        if self._enabled:
            self._begin(self._owner.world_delay(self.plan.start_delay_ns))

    def node_stopped(self) -> None:
        """See :meth:`TxMessage.node_stopped <harness.restbus.message.TxMessage.node_stopped>`."""
        self._running = False
        self._halt()

    def reset(self, *, keep_values: bool) -> None:
        """See :meth:`TxMessage.reset <harness.restbus.message.TxMessage.reset>`."""
        undelivered = [*self._flight, *self._attached, *self._waiting] if keep_values else []
        if not keep_values:
            self._payload.reset()
        self._clear()
        self._waiting = undelivered

    # -- schedule ------------------------------------------------------------------------------------------------

    def _begin(self, delay: int) -> None:
        self._halt()
        first = self._loop.now + delay
        if self.on_request:
            return
        if self._step:
            self._ticket += 1
            self._cycle_ticket, self._due = self._ticket, first
            self._loop.post(first, MODEL, self._cycle, self._ticket)
        if self.plan.if_active and self.plan.is_active(self._payload.raws):
            self._is_active = True
            self._start_fast(first)

    def _cycle(self, ticket: int) -> None:
        if ticket == self._cycle_ticket:
            # From the last due time, never from now: the schedule has no drift but the owner's clock.
            self._due = due = self._due + self._step
            self._loop.post(due, MODEL, self._cycle, ticket)
            if not self._is_active:
                self._send()

    def _start_fast(self, first: int) -> None:
        self._ticket += 1
        self._fast_ticket, self._fast_due = self._ticket, first
        self._loop.post(first, MODEL, self._fast, self._ticket)

    def _fast(self, ticket: int) -> None:
        """A repetition after a change, or a fast cycle of an active message."""
        if ticket == self._fast_ticket:
            self._left -= 0 if self._is_active else 1
            if self._is_active or self._left > 0:
                self._fast_due += self._fast_step
                self._loop.post(self._fast_due, MODEL, self._fast, ticket)
            self._send()

    def catch_up(self, time: int) -> int:
        """Leave out cyclic and repeated frames that are late at ``time`` by more than :data:`MOST_LATE` cycles.

        For a loop that stood still, as its process was stopped or its machine slept: a node never sends in a burst what
        it could not send in time. Counters go on as if nothing had been due. Returns how many frames were left out.
        """
        left_out = 0
        cycles = (time - self._due) // self._step - MOST_LATE if self._cycle_ticket and self._step else 0
        if cycles > 0:
            self._due += cycles * self._step
            self._ticket += 1
            self._cycle_ticket = self._ticket
            self._loop.post(self._due, MODEL, self._cycle, self._ticket)
            left_out += 0 if self._is_active else cycles
        going_on = self._fast_ticket and (self._is_active or self._left > 1)
        cycles = (time - self._fast_due) // self._fast_step - MOST_LATE if going_on else 0
        if not self._is_active:
            cycles = min(cycles, self._left - 1)
        if cycles > 0:
            self._left -= 0 if self._is_active else cycles
            self._start_fast(self._fast_due + cycles * self._fast_step)
            left_out += cycles
        return left_out

    def _react(self, values: Mapping[str, object], changed: list[str]) -> None:
        """Send what a ``set`` triggers."""
        if changed:
            self._changed()
        if not (self._reacts and self._running and self._enabled):
            return
        triggered, repeated = self._triggered(values, changed)
        was_active = self._is_active
        if self.plan.if_active and changed:
            self._is_active = self.plan.is_active(self._payload.raws)
        if self._is_active and not was_active:
            triggered = True
            self._start_fast(self._loop.now + self._fast_step)
        elif was_active and not self._is_active:
            triggered, repeated = True, bool(self.plan.send_type & _REPEATED)
            self._fast_ticket = 0
        if repeated and self.plan.repetitions and not self._is_active:
            self._left = self.plan.repetitions
            self._start_fast(self._loop.now + self._fast_step)
        if triggered:
            self._send()

    def _changed(self) -> None:
        self._version += 1
        self._frames.clear()

    # -- one frame -----------------------------------------------------------------------------------------------

    def _send(self) -> None:
        """Send a frame, now or as soon as the minimum delay and the mailbox allow."""
        if self._min_delay and self._loop.now < self._last + self._min_delay:
            at_once = self._loop.now == self._last and self._version == self._sent_version
            if not (self._deferred or at_once):  # two reasons in one instant are one frame
                self._ticket += 1
                self._deferred = self._ticket
                self._loop.post(self._last + self._min_delay, MODEL, self._send_deferred, self._ticket)
        elif not self._in_port:
            self._post_frame()
        elif self._version != self._sent_version:
            self._stale = True

    def _send_deferred(self, ticket: int) -> None:
        if ticket == self._deferred:
            self._deferred = 0
            self._send()

    def _post_frame(self) -> None:
        counter = self.counter
        frame = self._frames.get(counter)
        if frame is None:
            frame = self._make_frame(counter)
        self.counter = counter + 1 if counter + 1 < self.modulo else 0
        if self.tamper is not None:
            data = self.tamper(frame.data, counter if self._protect else None)
            if data is not frame.data and self.on_tampered is not None:
                self.on_tampered(data)
            if data is None:
                return
            if data != frame.data:
                frame = frame._replace(data=data)
        self._last = self._loop.now
        self._deferred = 0
        self._sent_version = self._version
        self._piled = self._in_port
        if self._piled:
            self._waiting = self._flight + self._waiting  # The controller may overwrite the frame that waits.
        self._in_port = True
        if self._waiting:
            self._flight, self._waiting = self._waiting, []
            self._port.send(frame, partial(self._delivered, self._flight))
        else:
            self._flight = []
            self._port.send(frame, self._sent)

    def _make_frame(self, counter: int) -> Frame:
        data = self._payload.data
        if self._protect is not None:
            self._protect(data, counter)
        message = self.plan.message
        frame = _new_frame(Frame, (message.id, bytes(data), message.extended, message.fd, message.brs, False, False, 0))
        if self.modulo <= _CACHED_COUNTERS:
            self._frames[counter] = frame  # With unchanged values the same frames come round again.
        return frame

    def _delivered(self, changes: list[Change], received: Received) -> None:
        self._sent(received)
        for change in changes:
            change.deliver(received.time)

    def _sent(self, received: Received) -> None:
        self._in_port = False
        if self._attached:
            attached, self._attached = self._attached, []
            for change in attached:
                change.deliver(received.time)
        if self._stale:
            self._stale = False
            self._send()
