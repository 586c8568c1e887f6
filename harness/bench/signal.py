"""A signal in a test's hands: everything a live signal knows, and setting it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from harness.errors import SignalError, UnknownSignalError, nearest
from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.live import LiveSignal
from harness.signals.network import Network
from harness.units import Duration, Quantity, time_text

if TYPE_CHECKING:
    from harness.bench.bench import Bench
    from harness.bench.stimulus import Stimulus
    from harness.temporal.shape import Shape

Value = float | str | Quantity | Duration
"""What a test may set: a number in the signal's unit, a label of its value table, or a quantity that fits the unit."""


class BenchSignal(LiveSignal):
    """A :class:`~harness.signals.live.LiveSignal` that a test can :meth:`set`, where its sender is absent."""

    __slots__ = ("_bench",)

    def __init__(self, bench: Bench, network: Network, message: MessageDef, definition: SignalDef) -> None:
        super().__init__(network, message, definition)
        self._bench = bench
        bench.world.uses(network.channel, message.key)

    def set(self, value: Value, *, force: bool = False) -> Stimulus:
        """Set the signal; the same as ``bench.set(name, value)``."""
        return self._bench.set(f"{self.channel}.{self.name}", value, force=force)

    def shape(self, *, after: Stimulus | Duration | None = None) -> Shape:
        """Its course from the latest stimulus (or ``after``; with neither, all that is remembered) to now.

        What the returned :class:`~harness.temporal.shape.Shape` is asked goes into the report, and raises
        :class:`~harness.errors.ExpectationFailed` where it does not hold, :class:`~harness.errors.Inconclusive` where
        that cannot be told.
        """
        from harness.bench.shape import shape_of  # loaded when it is used

        return shape_of(self._bench, self, after)


def wanted_values(
    target: str | BenchSignal | Mapping[str, Value], value: Value | None, signals: Mapping[str, Value]
) -> dict[str, Value]:
    """What a call of ``set`` asks for, by signal. Raises :class:`~harness.errors.SignalError` for a wrong mixture."""
    if isinstance(target, BenchSignal):
        target = target.name
    if isinstance(target, Mapping):
        if not target or signals or value is not None:
            raise SignalError("set() takes a signal and a value, a message with signals, or one mapping")
        return dict(target)
    if signals:
        if value is not None:
            raise SignalError("set() takes a signal and a value, a message with signals, or one mapping")
        return {f"{target}.{name}": each for name, each in signals.items()}
    if value is None:
        raise SignalError(f"set({target!r}): no value given")
    return {target: value}


def find_signal(bench: Bench, name: str) -> BenchSignal:
    """The signal behind ``Signal``, ``Message.Signal`` or ``channel.Message.Signal`` on any channel of the bench."""
    if not isinstance(name, str):
        raise UnknownSignalError(f"a signal has a name such as 'BrakePedal', not {name!r}")
    channels = bench.world.channels
    channel, dot, rest = name.partition(".")
    if dot and channel in channels:
        network = channels[channel].network
        try:
            return BenchSignal(bench, network, *network.find(rest))
        except UnknownSignalError:
            there = [each.name for each in channels.values() if _matches(each.network, rest)]
            if not there or channel in there:
                raise
            text = f"channel {channel!r} has no signal {rest!r}; it is on {' and '.join(there)}"
            raise UnknownSignalError(text) from None
    found = [(each.network, pair) for each in channels.values() for pair in _matches(each.network, name)]
    if len(found) == 1:
        network, (message, definition) = found[0]
        return BenchSignal(bench, network, message, definition)
    if found:
        names = ", ".join(f"{network.channel}.{definition.full_name}" for network, (_, definition) in found)
        raise UnknownSignalError(f"signal {name!r} is ambiguous; write one of {names}")
    full = "." in name
    known = (
        signal.full_name if full else signal.name
        for each in channels.values()
        for message in each.network.messages
        for signal in message.signals
    )
    raise UnknownSignalError(f"bench {bench.name!r} has no signal {name!r}{nearest(name, known)}")


def _matches(network: Network, name: str) -> list[tuple[MessageDef, SignalDef]]:
    message, dot, signal = name.rpartition(".")
    return [found for found in network.with_signal(signal) if not dot or found[0].name == message]


def value_text(value: object, unit: str) -> str:
    """A value for people, in the signal's unit.

    >>> value_text(40, "%"), value_text("On", ""), value_text(Quantity(40.0, __import__("harness").percent), "%")
    ('40 %', 'On', '40 %')
    """
    if isinstance(value, Duration):
        return time_text(int(value))
    if isinstance(value, (Quantity, str)):
        return str(value)
    number = f"{value:g}" if isinstance(value, (int, float)) else repr(value)
    return f"{number} {unit}".rstrip()
