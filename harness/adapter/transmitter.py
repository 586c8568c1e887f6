"""Transmitters whose schedule runs in a channel process: they keep the values, and pass on what is done to them."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Literal, NoReturn

from harness.adapter.commands import Switch, Tell
from harness.adapter.items import Report, Sent, Suppressed
from harness.adapter.session import Session
from harness.errors import SignalError
from harness.frames import Frame, Received
from harness.loop import Loop, Owner
from harness.restbus import Change, MessagePlan, SendType, Tamper, Transmitter, TxMessage
from harness.units import Duration, Quantity


class RemotePort:
    """Where a node's frames go: the channel process. It only has names."""

    def __init__(self, channel: str, node: str) -> None:
        self.channel = channel
        self.node = node

    def send(self, frame: Frame, sent: Callable[[Received], object] | None = None) -> NoReturn:
        """Nothing is sent from here: see :meth:`harness.adapter.client.Adapter.send`."""
        raise NotImplementedError

    def subscribe(self, callback: Callable[[Received], object], keys: Collection[int] | None = None) -> NoReturn:
        """Nothing is heard here: what is heard goes to the world."""
        raise NotImplementedError


class RemoteTransmitter(Transmitter):
    """All that one node sends on a real channel: a :class:`~harness.restbus.Transmitter` with its schedule elsewhere.

    Values are checked and kept here. What is done to it reaches the channel process within a fraction of a millisecond,
    in the order in which it was done; frames that the process sent before that are as they were.

    powered: whether the node has power, for whoever switches it; nothing here depends on it.
    reset_at, resets: when the process has done it, as the world sees it.
    """

    def __init__(self, session: Session, channel: str, loop: Loop, plans: Iterable[MessagePlan], owner: Owner) -> None:
        self._session = session
        self._powered = True
        super().__init__(loop, RemotePort(channel, owner.name), plans, owner)
        self._by_key = {message.key: message for message in self.messages}
        session.watch(owner.name, self._reported)

    @property
    def powered(self) -> bool:
        """See the class; may be set."""
        return self._powered

    @powered.setter
    def powered(self, on: bool) -> None:
        self._powered = on

    def start(self) -> None:
        """See :meth:`Transmitter.start <harness.restbus.transmitter.Transmitter.start>`."""
        if not self.running:
            super().start()
            self._switch("start")

    def stop(self) -> None:
        """See :meth:`Transmitter.stop <harness.restbus.transmitter.Transmitter.stop>`."""
        if self.running:
            super().stop()
            self._switch("stop")

    def reset(self, *, keep_values: bool = False) -> None:
        """See :meth:`Transmitter.reset <harness.restbus.transmitter.Transmitter.reset>`.

        What waits for room in the adapter is forgotten; what the adapter has taken still goes out.
        """
        super().stop()
        for message in self.messages:
            message.reset(keep_values=keep_values)
        self._session.tell(Switch(self._session.ticket(self._was_reset), self.owner.name, "reset", keep_values))

    def _switch(self, action: Literal["start", "stop"]) -> None:
        self._session.tell(Switch(0, self.owner.name, action))

    def _was_reset(self, now: int, frame: Frame | None) -> None:
        self.reset_at = now
        self.resets.append(now)

    def _message(self, plan: MessagePlan) -> TxMessage:
        return RemoteMessage(self._session, self._loop, plan, self.owner, self.port.channel)

    def _reported(self, item: Report) -> None:
        if isinstance(item, Sent):
            message = self._by_key.get(item.frame.key)
            if isinstance(message, RemoteMessage):
                message.was_sent(item)
        elif isinstance(item, Suppressed):
            suppressed = self.message(item.message)
            assert isinstance(suppressed, RemoteMessage)
            suppressed.tampered(item.altered, None)


class RemoteMessage(TxMessage):
    """One message of a :class:`RemoteTransmitter`.

    counter: of the next frame, as far as frames have been reported; without protection 0.
    tamper: goes to the channel process as a copy, so it must be one that can be pickled.
    """

    __slots__ = (
        "_awaited", "_fast_step", "_is_active", "_loop", "_newest", "_on_request", "_repeats_until", "_session",
        "_tamper", "_told",
    )  # fmt: skip

    def __init__(self, session: Session, loop: Loop, plan: MessagePlan, owner: Owner, channel: str) -> None:
        super().__init__(plan, owner, channel)
        self._session, self._loop = session, loop
        self._fast_step = owner.world_delay(plan.fast_cycle_ns or 0)
        self._tamper: Tamper | None = None
        self._told: dict[int, Callable[[bytes | None], object] | None] = {}
        self._on_request = False
        self._clear()

    def _clear(self) -> None:
        self._newest: bytes | None = None  # payload of the newest frame, with its counter
        self._awaited: Change | None = None  # the newest change that a frame is to carry
        self._is_active = self.plan.if_active and self.plan.is_active(self._payload.raws)
        self._repeats_until = -1

    # -- values --------------------------------------------------------------------------------------------------------

    def set(self, values: Mapping[str, object], *, force: bool = False) -> Change:
        """See :meth:`TxMessage.set <harness.restbus.message.TxMessage.set>`."""
        with self._session.lock:
            changed = self._payload.set(values, force=force)
            change = Change()
            change.due = self._goes_out(values, changed)
            if self.active and not change.due and not changed:
                change.deliver(self._loop.now)  # Nothing to be sent: it was so before the call already.
            else:
                self._tell("set", (_plain(values), force), self._ticket(change))
        return change

    def update(self, values: Mapping[str, object]) -> None:
        """See :meth:`TxMessage.update <harness.restbus.message.TxMessage.update>`."""
        with self._session.lock:
            changed = self._payload.set(values)
            if changed or self.plan.reacts:
                self._goes_out(values, changed)
                self._tell("update", _plain(values))

    def send_now(self) -> Change:
        """See :meth:`TxMessage.send_now <harness.restbus.message.TxMessage.send_now>`."""
        with self._session.lock:
            change = Change()
            change.due = self.active
            self._tell("send_now", ticket=self._ticket(change))
        return change

    def forward(self, data: bytes) -> None:
        """See :meth:`TxMessage.forward <harness.restbus.message.TxMessage.forward>`."""
        with self._session.lock:
            if self.active:
                self._payload.load(data)
                self._tell("forward", bytes(data))

    def _goes_out(self, values: Mapping[str, object], changed: list[str]) -> bool:
        """Whether a frame with the present values is to come, by what is known here; the schedule is elsewhere."""
        plan, now = self.plan, self._loop.now
        if not self.active:
            return False
        triggered, repeated = self._triggered(values, changed) if plan.reacts else (False, False)
        if plan.if_active and changed:
            was_active, self._is_active = self._is_active, plan.is_active(self._payload.raws)
            if was_active and not self._is_active:
                repeated = bool(plan.send_type & SendType.REPEATED)
            triggered = triggered or was_active != self._is_active
        if repeated:
            self._repeats_until = now + plan.repetitions * self._fast_step
        awaited = self._awaited is not None and self._awaited.delivered is None
        return bool(plan.cycle_ns) or triggered or self._is_active or awaited or now < self._repeats_until

    def _ticket(self, change: Change) -> int:
        if change.due:
            self._awaited = change
        return self._session.ticket(lambda now, frame: change.deliver(now))

    # -- switches ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """See :meth:`TxMessage.start <harness.restbus.message.TxMessage.start>`."""
        if not self._enabled:
            self._enabled = True
            self._tell("start")

    def stop(self) -> None:
        """See :meth:`TxMessage.stop <harness.restbus.message.TxMessage.stop>`."""
        self._enabled = False
        self._tell("stop")

    def node_started(self) -> None:
        """The node sends, as the channel process is told by the transmitter."""
        self._running = True

    def node_stopped(self) -> None:
        """The node sends no more, as the channel process is told by the transmitter."""
        self._running = False

    def reset(self, *, keep_values: bool) -> None:
        """Start values unless they are kept; the channel process is told by the transmitter."""
        if not keep_values:
            self._payload.reset()
        self._clear()

    @property
    def counter(self) -> int:
        """See the class; may be set."""
        if self._newest is None or self.protector is None:
            return 0
        return (self.protector.check(self._newest).counter + 1) % self.modulo

    @counter.setter
    def counter(self, value: int) -> None:
        self._tell("counter", value)

    @property
    def on_request(self) -> bool:
        """See :class:`TxMessage <harness.restbus.message.TxMessage>`; may be set."""
        return self._on_request

    @on_request.setter
    def on_request(self, rests: bool) -> None:
        self._on_request = rests
        self._tell("on_request", rests)

    # -- disturbances --------------------------------------------------------------------------------------------------

    @property
    def tamper(self) -> Tamper | None:
        """See the class; may be set."""
        return self._tamper

    @tamper.setter
    def tamper(self, tamper: Tamper | None) -> None:
        if tamper is None:
            self._tell("tamper", (0, None))
        else:
            number = self._session.number(tamper)
            self._told[number] = self.on_tampered
            self._tell("tamper", (number, _pickled(tamper)))
        self._tamper = tamper

    def tampered(self, number: int, data: bytes | None) -> None:
        """The tamper of that number has made this of a frame."""
        told = self._told.get(number)
        if told is not None:
            told(data)

    def was_sent(self, item: Sent) -> None:
        """A frame of this message is on the bus."""
        if item.altered:
            self.tampered(item.altered, item.frame.data)
        else:
            self._newest = item.frame.data

    def _tell(self, action: str, argument: Any = None, ticket: int = 0) -> None:
        self._session.tell(Tell(ticket, self.node, self.name, action, argument))


def _plain(values: Mapping[str, object]) -> dict[str, object]:
    """The values without types of other packages, which the channel process would have to import first."""
    return {name: value if type(value) in _OURS else _number(value) for name, value in values.items()}


_OURS = frozenset({int, float, bool, str, Quantity, Duration})


def _number(value: Any) -> int | float | str:
    return str(value) if isinstance(value, str) else int(value) if isinstance(value, int) else float(value)


def _pickled(tamper: Tamper) -> bytes:
    try:
        return pickle.dumps(tamper, pickle.HIGHEST_PROTOCOL)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise SignalError(
            f"{tamper!r} cannot disturb a real channel: another process sends there, and this cannot be pickled "
            f"({error}); make it an object of a class at the top of a module, as those of harness.restbus.alterations"
        ) from error
