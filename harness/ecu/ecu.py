"""The base class of ECU models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, overload

from harness.ecu.context import EcuContext, Link
from harness.ecu.hooks import Hook, hooks_of
from harness.ecu.receive import Number, RxMessage
from harness.errors import ConfigError, UnknownSignalError, nearest
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
        self.network = Sleep(self)
        self._received: dict[tuple[str, str], RxMessage] = {}
        self._signals = Memo(self._find_signal)
        self._targets = Memo(self._find_targets)
        self._machines: list[StateMachine] = []
        self._cyclic: list[tuple[int, int | None, Callable[[], object]]] = []
        for channel, link in self._links.items():
            for plan in link.messages.values():
                if self.name in plan.message.receivers:
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
        channel, plan = self._find_message(message)
        return self._receiver(channel, plan)

    # -- sending -------------------------------------------------------------------------------------------------

    def set(self, values: Mapping[str, object] | None = None, /, **signals: object) -> None:
        """Set signals that this node sends: ``set(BrakeLamp="On", Level=40 * percent)``, or a mapping for long names.

        A signal that the node sends in messages on several channels is set in all of them. When its frame goes out
        depends on the message's send type. Raises as :meth:`harness.restbus.TxMessage.set`.
        """
        wanted: Mapping[str, object] = signals if values is None else {**values, **signals}
        for message, pairs in self._targets[tuple(wanted)]:
            message.update(wanted if pairs is None else {own: wanted[name] for own, name in pairs})

    def tx(self, message: str) -> TxMessage:
        """A message that this node sends. Raises :class:`~harness.errors.UnknownSignalError`."""
        channel, _, name = message.rpartition(":")
        links = self._links_of(channel)
        found = [link.transmitter.message(name) for link in links.values() if name in link.transmitter]
        if len(found) == 1:
            return found[0]
        if found:
            choice = " or ".join(f"'{tx.channel}:{tx.name}'" for tx in found)
            raise UnknownSignalError(f"{self.name} sends {name!r} on several channels: write {choice}")
        known = [tx.name for link in links.values() for tx in link.transmitter.messages]
        raise UnknownSignalError(f"{self.name} sends no message {name!r}{nearest(name, known)}")

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

    def _links_of(self, channel: str) -> Mapping[str, Link]:
        if not channel:
            return self._links
        if channel not in self._links:
            raise ConfigError(f"{self.name} is not on channel {channel!r}{nearest(channel, self._links)}")
        return {channel: self._links[channel]}

    def _others(self, channel: str) -> Iterable[tuple[str, MessagePlan]]:
        """All messages of the node's channels that it does not send itself."""
        for name, link in self._links_of(channel).items():
            for plan in link.messages.values():
                if plan.message.name not in link.transmitter:
                    yield name, plan

    def _carriers(self, channel: str, signal: str) -> list[tuple[str, MessagePlan]]:
        """The messages of others that have a signal of this name."""
        return [
            (name, plan)
            for name, link in self._links_of(channel).items()
            for plan in link.messages.with_signal(signal)
            if plan.message.name not in link.transmitter
        ]

    def _find_message(self, message: str) -> tuple[str, MessagePlan]:
        channel, _, name = message.rpartition(":")
        found = [
            (where, link.messages[name])
            for where, link in self._links_of(channel).items()
            if name in link.messages and name not in link.transmitter
        ]
        if len(found) == 1:
            return found[0]
        if found:
            choice = " or ".join(f"'{where}:{name}'" for where, _ in found)
            raise UnknownSignalError(f"{self.name} receives {name!r} on several channels: write {choice}")
        known = [plan.message.name for _, plan in self._others(channel)]
        raise UnknownSignalError(f"{self.name} can receive no message {name!r}{nearest(name, known)}")

    def _find_signal(self, signal: str) -> tuple[RxMessage, str]:
        message, dot, name = signal.rpartition(".")
        if dot:
            received = self.rx(message)
            received.plan.message.signal(name)
            found = [(received.channel, received.plan)]
        else:
            channel, _, name = signal.rpartition(":")
            found = self._carriers(channel, name)
        if len(found) != 1:
            if found:
                choice = " or ".join(f"'{where}:{plan.message.name}.{name}'" for where, plan in found)
                raise UnknownSignalError(f"{self.name} can receive {name!r} in several messages: write {choice}")
            known = [each for _, plan in self._others("") for each in plan.start_values]
            raise UnknownSignalError(f"{self.name} can receive no signal {name!r}{nearest(name, known)}")
        return self._receiver(*found[0]), name

    def _find_targets(self, names: tuple[str, ...]) -> list[tuple[TxMessage, list[tuple[str, str]] | None]]:
        """Per message that carries some of the names: pairs of its own signal name and the name as given.

        None in place of pairs: it carries them all, under these names.
        """
        pairs: dict[TxMessage, list[tuple[str, str]]] = {}
        for name in names:
            for message, own in self._senders_of(name):
                pairs.setdefault(message, []).append((own, name))
        same = [(name, name) for name in names]
        return [(message, None if group == same else group) for message, group in pairs.items()]

    def _senders_of(self, name: str) -> list[tuple[TxMessage, str]]:
        message, dot, own = name.rpartition(".")
        if dot:
            tx = self.tx(message)
            tx.plan.message.signal(own)
            return [(tx, own)]
        channel, _, own = name.rpartition(":")
        found: list[tuple[TxMessage, str]] = []
        for link in self._links_of(channel).values():
            here = link.transmitter.with_signal(own)
            if len(here) > 1:
                choice = " or ".join(f"'{tx.name}.{own}'" for tx in here)
                raise UnknownSignalError(f"{self.name} sends {own!r} in several messages of one channel: set {choice}")
            found += [(tx, own) for tx in here]
        if not found:
            known = [
                each
                for link in self._links.values()
                for tx in link.transmitter.messages
                for each in tx.plan.start_values
            ]
            raise UnknownSignalError(f"{self.name} sends no signal {own!r}{nearest(own, known)}")
        return found


class Sleep:
    """Puts a node's sending to sleep and wakes it, per channel. It goes on hearing meanwhile.

    asleep: channels on which the node does not send at its own wish; a reset or power-on empties it.
    """

    def __init__(self, ecu: Ecu) -> None:
        self._ecu = ecu
        self.asleep: set[str] = set()

    def sleep(self, channel: str | None = None) -> None:
        """Send nothing more on a channel, or on all of them; values and counters are kept."""
        for name, link in self._ecu._links_of(channel or "").items():
            self.asleep.add(name)
            link.transmitter.stop()

    def wake(self, channel: str | None = None) -> None:
        """Send again, cyclic messages after their start delay. Nothing when awake."""
        for name, link in self._ecu._links_of(channel or "").items():
            self.asleep.discard(name)
            if self._ecu.powered and not link.transmitter.running:
                link.transmitter.start()
