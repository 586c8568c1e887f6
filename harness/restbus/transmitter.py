"""Transmitters: everything that one node sends on one channel, by send type, with counters and checksums.

Simulated nodes (an ECU model sets the values) and absent ones (the test does) use the same mechanism.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from harness.errors import UnknownSignalError, nearest
from harness.loop import Loop, Owner
from harness.restbus.message import TxMessage
from harness.restbus.plan import MessagePlan
from harness.restbus.schedule import ScheduledMessage

if TYPE_CHECKING:
    from harness.bus.port import Port


@runtime_checkable
class _Switched(Protocol):
    """A port whose controller can be switched; a real adapter cannot."""

    @property
    def powered(self) -> bool: ...

    def power(self, on: bool) -> None: ...


class Transmitter:
    """All messages that one node sends on one channel.

    The schedule runs on the owner's clock (``drift_ppm``). A transmitter is stopped when it is made.

    >>> from harness.bus.simulated import SimBus
    >>> from harness.restbus import plan_messages
    >>> from harness.signals.definitions import MessageDef, SignalDef
    >>> pedal = SignalDef("BrakePedal", "Pedals", start=0, length=8, scale=0.5, unit="%")
    >>> plans = plan_messages([MessageDef("Pedals", 0x0A0, 1, (pedal,), cycle_time_ns=10_000_000)])
    >>> loop = Loop()
    >>> bus = SimBus(loop, "powertrain")
    >>> listener = bus.attach("VCU").subscribe(lambda rx: print(rx.time, rx.frame))
    >>> sender = Transmitter(loop, bus.attach("PEDAL"), plans, Owner("PEDAL"))
    >>> sender.start()
    >>> change = sender.message("Pedals").set({"BrakePedal": 40})
    >>> loop.run_until(15_000_000)
    8860000 0x0A0 [1] 50
    False
    >>> change.delivered
    8860000
    """

    def __init__(self, loop: Loop, port: Port, plans: Iterable[MessagePlan], owner: Owner) -> None:
        self.port = port
        self.owner = owner
        self.running = False
        """Whether the node sends on this channel; single messages may be silent all the same."""
        self.reset_at: int | None = None
        """When :meth:`reset` was called last, ns: in frames that begin later the counters begin anew."""
        self.resetting = False
        """Whether a real node is being reset, so that its counters may begin anew at any time."""
        self.resets: list[int] = []
        """When it was ever called, ns."""
        self._loop = loop
        self.messages: tuple[TxMessage, ...] = tuple(self._message(plan) for plan in plans)
        self._by_name = {message.plan.message.name: message for message in self.messages}
        self._by_signal: dict[str, list[TxMessage]] | None = None

    @property
    def powered(self) -> bool:
        """Whether its controller has power; a port that cannot be switched always has."""
        return not isinstance(self.port, _Switched) or self.port.powered

    def start(self) -> None:
        """Start sending: cyclic messages after their start delay, event messages when something happens.

        Messages that were stopped one by one stay silent. Does nothing when already started.
        """
        if not self.running:
            self.running = True
            for message in self.messages:
                message.node_started()

    def stop(self) -> None:
        """Stop sending, values and counters stay. Frames that the port has already taken still go out."""
        if self.running:
            self.running = False
            for message in self.messages:
                message.node_stopped()

    def reset(self, *, keep_values: bool = False) -> None:
        """Forget everything as a reset of the node does: start values, counters from 0; stopped until :meth:`start`.

        keep_values: the values stay, as what a sensor measures does. A simulated controller is switched off and on, so
        that neither a waiting frame nor the one on the wire survives.
        """
        self.stop()
        if isinstance(self.port, _Switched) and self.powered:
            self.port.power(False)
            self.port.power(True)
        self.reset_at = self._loop.now
        self.resets.append(self.reset_at)
        for message in self.messages:
            message.reset(keep_values=keep_values)

    def message(self, name: str) -> TxMessage:
        """The message of that name.

        Raises :class:`~harness.errors.UnknownSignalError` with the nearest names.
        """
        try:
            return self._by_name[name]
        except KeyError:
            raise UnknownSignalError(
                f"{self.owner.name} sends no message {name!r} on channel {self.port.channel!r}"
                f"{nearest(name, self._by_name)}"
            ) from None

    def with_signal(self, signal: str) -> list[TxMessage]:
        """The messages that have a signal of this name; none for an unknown one."""
        if self._by_signal is None:
            self._by_signal = {}
            for message in self.messages:
                for name in message.plan.start_values:
                    self._by_signal.setdefault(name, []).append(message)
        return self._by_signal.get(signal, [])

    def _message(self, plan: MessagePlan) -> TxMessage:
        return ScheduledMessage(self._loop, self.port, plan, self.owner)

    def __contains__(self, name: object) -> bool:
        return name in self._by_name
