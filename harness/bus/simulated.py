"""The simulated bus: arbitration, exact bit times, acknowledgement, errors (ISO 11898-1:2015).

A frame's way: a controller puts it into ``ready``, a heap in the order of arbitration; in the ``ARBITRATE`` phase the
lowest one starts; its end, known to the bit, is one event in the ``DELIVER`` phase, in which the subscribers get it.

As long as nothing is wrong on the bus, that is all. ``careful`` is set while anything is: an error counter above zero,
a controller off the bus, nobody to acknowledge, a fault to be injected. Then :class:`Transmission` goes the long way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from heapq import heappop, heappush
from itertools import count

from harness.bus.confinement import RECESSIVE_BITS, SUSPEND
from harness.bus.controller import QUEUE_LIMIT, Controller, Entry
from harness.bus.faults import Injection
from harness.bus.length import INTERMISSION, BitTimes, Lengths
from harness.bus.load import Activity
from harness.bus.port import ErrorState
from harness.bus.subscribers import Subscribers, Subscription
from harness.bus.transmission import Transmission
from harness.errors import BusError
from harness.frames import ErrorFrame, Received
from harness.loop import ARBITRATE, DELIVER, Loop

__all__ = ["Controller", "Injection", "SimBus"]

_CLAIMS_LIMIT = 1 << 16
# Received(...) without the keyword handling of a named tuple's constructor, once per frame.
_new_received: Callable[..., Received] = tuple.__new__


class SimBus:
    """One simulated CAN bus.

    bitrate: nominal bit rate, bit/s. data_bitrate: for the data phase of CAN FD, bit/s; None: classic CAN only.
    lookahead: decide the next frame at the end of the last one when nobody can act in between; changes no result.
    lengths: of frames at these bit rates, shared with other buses; None: a table of its own.

    >>> from harness.frames import Frame
    >>> loop = Loop()
    >>> bus = SimBus(loop, "body")
    >>> sender, receiver = bus.attach("BCM"), bus.attach("IC")
    >>> _ = receiver.subscribe(lambda received: print(received.frame, received.time))
    >>> sender.send(Frame(0x123, b"\\x05"))
    >>> loop.run_until(1_000_000)
    0x123 [1] 05 110000
    False
    """

    def __init__(
        self,
        loop: Loop,
        channel: str,
        *,
        bitrate: int = 500_000,
        data_bitrate: int | None = None,
        lookahead: bool = True,
        lengths: Lengths | None = None,
    ) -> None:
        self.loop = loop
        self._post = loop.post
        self.channel = channel
        self.bitrate = bitrate
        self.data_bitrate = data_bitrate
        self.lengths = Lengths(BitTimes(bitrate, data_bitrate)) if lengths is None else lengths
        self.times = self.lengths.times
        self.sequence = count().__next__
        self.controllers: list[Controller] = []
        self.ready: list[Entry] = []
        self.engaged = False
        """Whether a frame is on the wire, or it is settled when the next one is chosen."""
        self.careful = True
        self._lookahead = lookahead
        self._current: Entry | Transmission | None = None
        self._free_from = 0  # when the next frame may begin
        self._gap = self.times.time(INTERMISSION)
        self._queue_limit = QUEUE_LIMIT
        self._activity = Activity()
        self.subscribers = Subscribers(self.controllers)
        self._error_observers: list[Callable[[ErrorFrame], object]] = []
        self._injections: list[Injection] = []
        self._claims: dict[int, Controller] = {}
        self._contested: set[int] = set()

    # -- what a world uses -----------------------------------------------------------------------------------------

    def attach(self, node: str, *, restart_after: int | None = None) -> Controller:
        """A controller for a node, switched on and synchronised.

        restart_after: how long after bus-off it asks for its way back, ns; None: only on request.
        Raises :class:`~harness.errors.BusError` for a name that is taken.
        """
        if any(controller.node == node for controller in self.controllers):
            raise BusError(f"{node} already has a controller on {self.channel}")
        controller = Controller(self, node, restart_after)
        self.controllers.append(controller)
        self.membership_changed()
        return controller

    def observe(
        self, callback: Callable[[Received], object], keys: Collection[int] | None = None
    ) -> Callable[[], None]:
        """A passive tap: every frame of everybody, never an acknowledgement. Returns what cancels it.

        keys: only frames whose ``key`` is among these; None: all.
        """
        return self.subscribers.add(Subscription(callback, keys, None))

    def observe_first(self, callback: Callable[[Received], object]) -> Callable[[], None]:
        """As :meth:`observe`, before everybody else: a recorder wants the frame that makes another one raise, too."""
        return self.subscribers.add(Subscription(callback, None, None), first=True)

    def observe_errors(self, callback: Callable[[ErrorFrame], object]) -> Callable[[], None]:
        """Call back at the end of every error frame. Returns what cancels it."""
        self._error_observers.append(callback)
        return lambda: self._error_observers.remove(callback) if callback in self._error_observers else None

    def corrupt(
        self,
        *,
        key: int | None = None,
        sender: str | None = None,
        receiver: str | None = None,
        kind: str = "bit",
        bit: int | None = None,
        count: int | None = 1,
        after: int = 0,
    ) -> Injection:
        """Disturb frames that are sent from now on, repetitions of destroyed ones included.

        key, sender: only frames with this ``Frame.key``, of this node; None: any.
        kind: ``bit``: the bit is inverted on the wire, and its sender sees it. ``stuff``, ``crc``, ``form``: the
        receivers read something else than was sent. ``ack``: no acknowledgement reaches the sender.
        receiver: only this node reads something else; with ``stuff``, ``crc`` and ``form``.
        bit: which bit, counted from SOF = 0 with stuff bits, negative from the end of EOF = -1; for ``bit`` and
        ``stuff``; None: the first bit of the payload. A bit of the arbitration field counts as a bit error too.
        count: how many frames, None: all. after: how many frames that fit are let pass first.
        Raises :class:`~harness.errors.BusError` for a combination that makes no sense.
        """
        injection = Injection(key=key, sender=sender, receiver=receiver, kind=kind, bit=bit, count=count, after=after)
        self._injections.append(injection)
        self.careful = True
        return injection

    def busy(self, time: int) -> int:
        """For how long the bus had been busy up to ``time`` (ns, not in the future); reaches back as :meth:`load`."""
        return self._activity.busy(time)

    def load(self, window: int) -> float:
        """Share of the last ``window`` ns in which the bus was not idle, 0 to 1.

        Frames count with their intermission, so 1 is a bus that cannot carry more. Reaches back 65,536 busy periods
        or more; :class:`~harness.errors.BusError` beyond that.
        """
        return self._activity.load(self.loop.now, window)

    def peak_load(self, window: int, since: int) -> float:
        """Largest :meth:`load` of any ``window`` ns from ``since`` ns to now.

        Raises :class:`~harness.errors.BusError` when less than a window has passed since then.
        """
        return self._activity.peak(since, self.loop.now, window)

    @property
    def busy_ns(self) -> int:
        """Nanoseconds in which the bus was not idle, since 0, intermissions included."""
        return self._activity.busy(self.loop.now)

    # -- one frame after the other -----------------------------------------------------------------------------------

    def call_arbitration(self) -> None:
        """Somebody wants the bus, which is idle or ends its intermission: choose as soon as it is free."""
        self.engaged = True
        now, free_from = self.loop.now, self._free_from
        time = now if now > free_from else free_from
        self._post(time, ARBITRATE, self._start, time)

    def _start(self, time: int) -> None:
        """Choose who sends, and post the end of the frame."""
        ready = self.ready
        if not ready:
            self.engaged = False
            return
        if self.careful:
            self._start_carefully(time)
            return
        entry = heappop(ready)
        if ready:
            if ready[0][0] == entry[0] and entry[0] in self._contested:
                heappush(ready, entry)
                self._start_carefully(time)
                return
            if len(ready) > self._queue_limit:
                self._limit_queue()
        end = time + entry[5]
        self._current = entry
        activity = self._activity
        if time > activity.end:
            activity.begin(time)
        activity.end = end + self._gap
        self._post(end, DELIVER, self._end, entry)

    def _end(self, entry: Entry) -> None:
        """The last bit of EOF: everybody gets the frame."""
        if entry is not self._current:
            return  # it broke off
        self._current = None
        loop = self.loop
        order, _, sender, frame, sent, _ = entry
        sender.sent_at = now = loop.now
        self._free_from = free_from = now + self._gap
        received = _new_received(Received, (now, self.channel, frame, sender.node))
        route = sender.routes.get(order)
        for subscription in self.subscribers.route(sender, order, frame) if route is None else route:
            subscription.deliver(received)
        if sent is not None and sender.powered:
            sent(received)
        if self.careful:
            self._go_on_carefully()
        elif not self.ready:
            self.engaged = False
        elif self._lookahead and loop.quiet_until() > free_from:
            self._start(free_from)
        else:
            self._post(free_from, ARBITRATE, self._start, free_from)

    # -- the same with care --------------------------------------------------------------------------------------------

    def _start_carefully(self, time: int) -> None:
        if len(self.ready) > self._queue_limit:
            self._limit_queue()
        entries = self._contenders(time)
        if not entries:
            self.engaged = False
            if self.ready:
                resume = min(entry[2].suspended_until for entry in self.ready)
                self.loop.post(resume, ARBITRATE, self._resume, None)
            return
        for controller in self.controllers:
            if controller.synchronising:
                controller.frame_begins(time)
        transmission = Transmission(self, time, entries)
        transmission.settle(self._injections)
        if time > self._activity.end:
            self._activity.begin(time)
        self._carry(transmission)

    def _contenders(self, time: int) -> list[Entry]:
        """Take out what is sent: the lowest waiting entry, and equal ones of other nodes; not of suspended nodes."""
        chosen: dict[Controller, Entry] = {}
        aside: list[Entry] = []
        order = -1
        while self.ready:
            entry = heappop(self.ready)
            if entry[2].suspended_until > time or entry[2] in chosen:
                aside.append(entry)
            elif chosen and entry[0] != order:
                aside.append(entry)
                break
            else:
                order = entry[0]
                chosen[entry[2]] = entry
        for entry in aside:
            heappush(self.ready, entry)
        return list(chosen.values())

    def _resume(self, _: None) -> None:
        """The suspension of a passive transmitter is over."""
        if self.ready and not self.engaged and self._current is None:
            self.engaged = True
            self._start(self.loop.now)

    def _carry(self, transmission: Transmission) -> None:
        """The transmission is on the wire, or its end has changed."""
        self._current = transmission
        self._activity.end = transmission.end + self._gap
        damage = transmission.damage
        if damage is not None and damage.accepted:
            accepted = max(self.loop.now, transmission.start + transmission.duration)
            self.loop.post(accepted, DELIVER, self._accept, transmission)
        self.loop.post(transmission.end, DELIVER, self._end_carefully, (transmission, transmission.end))

    def _accept(self, transmission: Transmission) -> None:
        """The receivers have got a frame whose sender is going to repeat it."""
        self._deliver(transmission)
        transmission.count_reception()

    def _deliver(self, transmission: Transmission) -> Received:
        sender, frame = transmission.sender, transmission.frame
        sender.sent_at = self.loop.now
        received = Received(self.loop.now, self.channel, frame, sender.node)
        deaf = transmission.deaf
        for subscription in self.subscribers.route(sender, transmission.entries[0][0], frame):
            if subscription.controller not in deaf:
                subscription.deliver(received)
        return received

    def _end_carefully(self, ending: tuple[Transmission, int]) -> None:
        transmission, planned = ending
        if transmission is not self._current or transmission.end != planned:
            return
        self._current = None
        self._free_from = transmission.end + self._gap
        damage = transmission.damage
        if damage is None:
            received = self._deliver(transmission)
            transmission.count_success()
            again = transmission.beaten
            for entry in transmission.entries:
                if entry[4] is not None and entry[2].powered:
                    entry[4](received)
        else:
            transmission.count_error(damage)
            again = [*transmission.entries, *transmission.beaten]
            error = ErrorFrame(self.loop.now, self.channel, damage.kind, transmission.frame, transmission.sender.node)
            for callback in tuple(self._error_observers):
                callback(error)
        for entry in (*transmission.entries, *transmission.beaten):
            if entry[2].counters.state is ErrorState.PASSIVE:
                entry[2].suspended_until = self._free_from + self.times.time(SUSPEND)
        for entry in again:
            entry[2].repeat(entry)
        for controller in self.controllers:
            controller.update_state()
        self._go_on_carefully()

    def _go_on_carefully(self) -> None:
        """After a frame: let controllers synchronise, and see whether care is still needed."""
        self._injections = [injection for injection in self._injections if injection.active]
        self.careful = bool(self._injections) or sum(controller.online for controller in self.controllers) < 2
        for controller in self.controllers:
            if controller.synchronising:
                controller.expect_silence()
                self.careful = True
            elif not controller.counters.clean:
                self.careful = True
        if not self.ready:
            self.engaged = False
        else:
            self.engaged = True
            self._post(self._free_from, ARBITRATE, self._start, self._free_from)

    @property
    def recessive_from(self) -> int | None:
        """Since when the bus has been recessive: ACK delimiter and EOF, or error delimiter, count. None: it is not."""
        if self._current is not None:
            return None
        return self._free_from - self.times.time(RECESSIVE_BITS)

    def sending(self) -> list[Entry]:
        """What is on the wire."""
        if isinstance(self._current, Transmission):
            return self._current.entries + self._current.beaten
        return [] if self._current is None else [self._current]

    def break_off(self, controller: Controller) -> None:
        """A controller loses its power: that may end the frame on the wire."""
        current = self._current
        if current is None:
            return
        if isinstance(current, Transmission):
            transmission = current
        else:
            transmission = Transmission(self, self._activity.end - self._gap - current[5], [current])
        before = transmission.end
        if controller in transmission.receivers:
            transmission.lose_receiver(controller, self.loop.now)
        elif any(entry[2] is controller for entry in transmission.entries):
            transmission.lose_sender(controller, self.loop.now)
        if transmission.end != before:
            self._carry(transmission)

    def _limit_queue(self) -> None:
        for controller in self.controllers:
            controller.coalesce()
        self._queue_limit = max(QUEUE_LIMIT, 2 * len(self.ready))

    # -- what the controllers tell -----------------------------------------------------------------------------------

    def claim(self, order: int, controller: Controller) -> None:
        """A controller is going to send with this arbitration order: one that two nodes use may collide."""
        if len(self._claims) >= _CLAIMS_LIMIT:
            self._claims.clear()
            for other in self.controllers:
                other.claimed.clear()
        if self._claims.setdefault(order, controller) is not controller:
            self._contested.add(order)

    def membership_changed(self) -> None:
        """A controller came to the bus or left it."""
        self.subscribers.forget_routes()
        self.careful = True
