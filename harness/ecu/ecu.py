"""The base class of ECU models."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from harness.ecu.context import EcuContext, Link
from harness.ecu.hooks import Hook, hooks_of
from harness.ecu.names import Names
from harness.ecu.receive import Number, RxMessage
from harness.loop import Loop, Timer
from harness.memo import Memo
from harness.units import Duration, duration

if TYPE_CHECKING:
    from harness.ecu.machine import StateMachine
    from harness.restbus import MessagePlan, TxMessage

Default = TypeVar("Default")


class Ecu:
    """Base class of ECU models: a node that talks signals on its channels and roles with the plant.

    A model overrides :meth:`start` and marks methods with :func:`~harness.ecu.on_message`,
    :func:`~harness.ecu.on_signal`, :func:`~harness.ecu.every`, :func:`~harness.ecu.on_protection_error`. It never
    waits; an exception in it ends the test as a :class:`~harness.errors.SimulationError`.

    >>> from harness.ecu import on_signal
    >>> class BodyController(Ecu):
    ...     node = "BCM"
    ...
    ...     def start(self):
    ...         self.set(BrakeLamp="Off")
    ...
    ...     @on_signal("BrakePedal")
    ...     def on_pedal(self, value, previous):
    ...         self.set(BrakeLamp="On" if value > 3 else "Off")

    Signals are named ``"Signal"``, ``"Message.Signal"`` or ``"channel:Message.Signal"``, messages ``"Message"`` or
    ``"channel:Message"``: as short as it is unique among what the node receives (or sends, for :meth:`set`).

    An ECU hears the messages that the database says it receives, and those that its hooks name. Any other one that
    :meth:`get`, :meth:`text` or :meth:`rx` names is heard from that moment on.

    Hooks on frames run in the loop's phase ``DELIVER``, in the instant of the frame's end; timers in ``MODEL``.
    """

    node: ClassVar[str] = ""
    """Name of the node in the database; the bench file may use the class for another."""
    max_counter_delta: ClassVar[int] = 1
    """Largest step of a received alive counter; 1 tolerates no lost frame. Overridden by the parameter of that name."""

    _hooks: ClassVar[dict[str, tuple[Hook, ...]]] = {}

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        cls._hooks = hooks_of(cls)

    def __init__(self, context: EcuContext) -> None:
        self.name = context.name
        self.loop: Loop = context.loop
        self.owner = context.owner
        self.plant = context.plant
        self.nvm = context.nvm
        """Non-volatile memory: survives reset and power-off."""
        self.parameters = context.parameters
        self.powered = False
        self._links = context.links
        self._names = context.names or _names(context)
        self.network = Sleep(self)
        self._received: dict[tuple[str, str], RxMessage] = {}
        self._signals = Memo(self._reception)
        self._targets = Memo(self._transmission)
        self._machines: list[StateMachine] = []
        self._cyclic: list[tuple[int, int | None, Callable[[], object]]] = []
        for channel, plan in self._names.received:
            self._receiver(channel, plan)
        for method, hooks in self._hooks.items():
            for hook in hooks:
                self._connect(hook, getattr(self, method))

    # -- to be overridden ----------------------------------------------------------------------------------------

    def start(self) -> None:
        """Power-on or reset: set up the model's state. Nothing is sent yet; what is set here is in the first frames."""

    # -- time ----------------------------------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """World time, ns."""
        return self.loop.now

    @property
    def drift_ppm(self) -> float:
        """How much faster than the world the node's clock runs, in parts per million."""
        return self.owner.drift_ppm

    def after(self, delay: Duration, callback: Callable[[], object]) -> Timer:
        """Run ``callback()`` after ``delay`` of the node's clock; ``.cancel()`` the result to prevent it."""
        return self.loop.after(duration(delay, "after"), callback, owner=self.owner)

    def every(self, period: Duration, callback: Callable[[], object], *, start: Duration | None = None) -> Timer:
        """Run ``callback()`` every ``period`` of the node's clock, first after ``start`` (default: one period)."""
        first = None if start is None else duration(start, "start")
        return self.loop.every(duration(period, "every", zero=False), callback, start=first, owner=self.owner)

    # -- receiving -----------------------------------------------------------------------------------------------

    @overload
    def get(self, signal: str) -> Number | None: ...
    @overload
    def get(self, signal: str, default: Default) -> Number | Default: ...
    def get(self, signal: str, default: Any = None) -> Any:
        """Last valid received physical value of a signal; ``default`` when there was none since power-on or reset.

        Raises :class:`~harness.errors.UnknownSignalError`.
        """
        message, name = self._signals[signal]
        value = message.latest[name]
        return default if value is None else value

    def text(self, signal: str) -> str | None:
        """As :meth:`get`, as the label of the value table; None when there was no value, or it has no label."""
        message, name = self._signals[signal]
        return message.latest.text(name)

    def rx(self, message: str) -> RxMessage:
        """A message that others send: its values, age, missed cycles, errors.

        Raises :class:`~harness.errors.UnknownSignalError`.
        """
        return self._receiver(*self._names.messages[message])

    # -- sending -------------------------------------------------------------------------------------------------

    def set(self, values: Mapping[str, object] | None = None, /, **signals: object) -> None:
        """Set signals that this node sends: ``set(BrakeLamp="On", Level=40 * percent)``, or a mapping for long names.

        A signal that the node sends in messages on several channels is set in all of them. When its frame goes out
        depends on the message's send type. Raises as :meth:`harness.restbus.TxMessage.set`.
        """
        wanted = signals if values is None else {**values, **signals} if signals else values
        for message, pairs in self._targets[tuple(wanted)]:
            message.update(wanted if pairs is None else {own: wanted[name] for own, name in pairs})

    def tx(self, message: str) -> TxMessage:
        """A message that this node sends. Raises :class:`~harness.errors.UnknownSignalError`."""
        channel, name = self._names.sent[message]
        return self._links[channel].transmitter.message(name)

    def forward(self, message: RxMessage, target: str) -> None:
        """Send the last valid payload of a received message as another one, at once (a gateway's route).

        Counter and CRC are made new where the target is protected; lengths may differ (cut, or filled with zeros).
        """
        if message.data is not None:
            self.tx(target).forward(message.data)

    # -- life ----------------------------------------------------------------------------------------------------

    def power_on(self) -> None:
        """Begin: :meth:`start`, then cyclic methods and transmitters. Nothing when powered already."""
        if not self.powered:
            self.powered = True
            for received in self._received.values():
                received.reset()
                received.attach()
            self._boot()

    def power_off(self) -> None:
        """End: no timer fires, nothing is sent or received any more; only :attr:`nvm` is kept."""
        if self.powered:
            self.powered = False
            self._halt()
            for received in self._received.values():
                received.detach()

    def reset(self) -> None:
        """Power-off and power-on in one instant. Nothing when not powered."""
        if self.powered:
            self._halt()
            for received in self._received.values():
                received.reset()
            self._boot()

    def adopt(self, machine: StateMachine) -> None:
        """Cancel this machine's timers on reset and power-off; called by the machine itself."""
        self._machines.append(machine)

    def _boot(self) -> None:
        self.network.asleep.clear()
        self.start()
        for period, start, callback in self._cyclic:
            self.loop.every(period, callback, start=start, owner=self.owner)
        for channel, link in self._links.items():
            if channel not in self.network.asleep:
                link.transmitter.start()

    def _halt(self) -> None:
        self.owner.cancel_timers()
        for machine in self._machines:
            machine.cancel_timers()
        self._machines.clear()
        for link in self._links.values():
            link.transmitter.reset()

    # -- names ---------------------------------------------------------------------------------------------------

    def _connect(self, hook: Hook, method: Callable[..., object]) -> None:
        if hook.kind == "every":
            self._cyclic.append((hook.period, hook.start, method))
        elif hook.kind == "signal":
            message, signal = self._signals[hook.name]
            message.on_change(signal, method)
        elif hook.kind == "message":
            self.rx(hook.name).on_valid(method)
        else:
            self.rx(hook.name).on_error(method)

    def _receiver(self, channel: str, plan: MessagePlan) -> RxMessage:
        key = channel, plan.message.name
        received = self._received.get(key)
        if received is None:
            delta = int(self.parameters.get("max_counter_delta", self.max_counter_delta))
            received = RxMessage(self.loop, self._links[channel].port, plan, self.owner, delta)
            self._received[key] = received
            if self.powered:
                received.attach()
        return received

    def _reception(self, signal: str) -> tuple[RxMessage, str]:
        place, name = self._names.signals[signal]
        return self._receiver(*place), name

    def _transmission(self, names: tuple[str, ...]) -> list[tuple[TxMessage, tuple[tuple[str, str], ...] | None]]:
        targets = self._names.targets[names]
        return [(self._links[channel].transmitter.message(name), pairs) for channel, name, pairs in targets]

    def _links_of(self, channel: str) -> Iterator[tuple[str, Link]]:
        return ((name, self._links[name]) for name in self._names.channels(channel))


def _names(context: EcuContext) -> Names:
    messages = {channel: link.messages for channel, link in context.links.items()}
    sent = {channel: [tx.plan for tx in link.transmitter.messages] for channel, link in context.links.items()}
    return Names(context.name, messages, sent)


class Sleep:
    """Puts a node's sending to sleep and wakes it, per channel. It goes on hearing meanwhile.

    asleep: channels on which the node does not send at its own wish; a reset or power-on empties it.
    """

    def __init__(self, ecu: Ecu) -> None:
        self._ecu = ecu
        self.asleep: set[str] = set()

    def sleep(self, channel: str | None = None) -> None:
        """Send nothing more on a channel, or on all of them; values and counters are kept."""
        for name, link in self._ecu._links_of(channel or ""):
            self.asleep.add(name)
            link.transmitter.stop()

    def wake(self, channel: str | None = None) -> None:
        """Send again, cyclic messages after their start delay. Nothing when awake."""
        for name, link in self._ecu._links_of(channel or ""):
            self.asleep.discard(name)
            if self._ecu.powered and not link.transmitter.running:
                link.transmitter.start()
