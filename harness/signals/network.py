"""One channel as a test sees it: its databases, what was seen on it, and its live signals.

>>> from pathlib import Path
>>> from harness.frames import Frame
>>> from harness.signals.definitions import SignalDef
>>> level = SignalDef("Level", "Tank", start=0, length=8, scale=0.5, unit="%")
>>> tank = Database(Path("tank.dbc"), "", ("TANK",), (MessageDef("Tank", 0x123, 1, (level,)),))
>>> network = Network("body", [tank], Loop())
>>> _ = network.receive(Received(0, "body", Frame(0x123, b"\\x50"), "TANK"))
>>> network.signal("Level").value
40.0
>>> network.problem(Received(0, "body", Frame(0x123)))
"message 'Tank' has 1 bytes, the frame has 0"
>>> network.signal("Levle")
Traceback (most recent call last):
harness.errors.UnknownSignalError: channel 'body' has no signal 'Levle'; did you mean 'Level'?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from harness.errors import UnknownSignalError, nearest
from harness.frames import EXTENDED, Received, id_text
from harness.loop import Loop
from harness.signals.database import Database
from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.live import LiveSignal
from harness.signals.trace import HISTORY_NS, Trace

Callback = Callable[[Received], object]
Check = Callable[[bytes], str | None]


class Network:
    """The databases, the trace and the live signals of one channel.

    databases: they have passed :func:`~harness.signals.database.check_together`. loop: tells the time, nothing else.
    history_ns: how long frames are remembered, see :class:`~harness.signals.trace.Trace`.

    Whoever owns the channel gives every frame to :meth:`receive`; decoding waits until somebody looks.
    """

    def __init__(
        self, channel: str, databases: Sequence[Database], loop: Loop, *, history_ns: int = HISTORY_NS
    ) -> None:
        self.channel = channel
        self.databases = tuple(databases)
        self.loop = loop
        self.trace = Trace(channel, history_ns=history_ns)
        self._watchers: dict[int, tuple[Callback, ...]] = {}
        self._checks: dict[int, tuple[int, int, Check | None]] = {}
        self._signals: dict[str, LiveSignal] = {}

    # -- frames ----------------------------------------------------------------------------------------------------

    def receive(self, rx: Received) -> int:
        """Take the newest frame of the channel: keep it, then call those who watch its identifier. Returns its key."""
        key = self.trace.append(rx)
        watchers = self._watchers.get(key)
        if watchers is not None:
            for callback in watchers:
                callback(rx)
        return key

    def on_frame(self, key: int, callback: Callback) -> Callable[[], None]:
        """Call ``callback(rx)`` for every frame with an identifier, after it is in the trace; returns the cancel.

        key: as :attr:`harness.frames.Frame.key`. A callback that is cancelled while a frame is handed round may
        still get that frame.
        """
        watchers = self._watchers
        watchers[key] = (*watchers.get(key, ()), callback)

        def cancel() -> None:
            rest = list(watchers.get(key, ()))
            if callback in rest:
                rest.remove(callback)
            if rest:
                watchers[key] = tuple(rest)
            else:
                watchers.pop(key, None)

        return cancel

    def problem(self, rx: Received) -> str | None:
        """Why a frame cannot be understood: unknown identifier, wrong length, unknown multiplexer number; or None.

        Too long is what has more than the padding that CAN FD's lengths need. What a problem means is the world's
        policy. A remote frame carries no data and is only asked for its identifier.
        """
        frame = rx[2]
        key = frame[0] | EXTENDED if frame[2] else frame[0]
        try:
            length, longest, check = self._checks[key]
        except KeyError:
            message = self.message_of(key)
            if message is None:
                return f"identifier {id_text(key)} is in no database of channel {self.channel!r}"
            length, longest, check = self._checks[key] = _checks(message)
        data = frame[1]
        if not length <= len(data) <= longest:
            return (
                None if frame.remote else f"message '{self._named(key)}' has {length} bytes, the frame has {len(data)}"
            )
        return check(data) if check is not None else None

    def knows(self, key: int) -> bool:
        """Whether a database of this channel has the identifier."""
        return key in self._checks or self.message_of(key) is not None

    # -- names -----------------------------------------------------------------------------------------------------

    @property
    def messages(self) -> Iterator[MessageDef]:
        """All messages of all databases of this channel."""
        return (message for database in self.databases for message in database.messages)

    def message_of(self, key: int) -> MessageDef | None:
        """The message behind an identifier; None when no database has it."""
        for database in self.databases:
            message = database.by_id(key & ~EXTENDED, bool(key & EXTENDED))
            if message is not None:
                return message
        return None

    def message(self, name: str) -> MessageDef:
        """The message of that name.

        Raises :class:`~harness.errors.UnknownSignalError` with the nearest names.
        """
        for message in self.messages:
            if message.name == name:
                return message
        close = nearest(name, (message.name for message in self.messages))
        raise UnknownSignalError(f"channel {self.channel!r} has no message {name!r}{close}")

    def find(self, name: str) -> tuple[MessageDef, SignalDef]:
        """A signal's definition by ``Message.Signal``, or by its own name where only one message has it.

        Raises :class:`~harness.errors.UnknownSignalError` with the nearest names, or with those to choose from.
        """
        message_name, dot, signal_name = name.rpartition(".")
        if dot:
            message = self.message(message_name)
            return message, message.signal(signal_name)
        found = self.with_signal(name)
        if len(found) == 1:
            return found[0]
        if found:
            choice = ", ".join(repr(definition.full_name) for _, definition in found)
            raise UnknownSignalError(f"signal {name!r} is in {len(found)} messages: write one of {choice}")
        close = nearest(name, (signal.name for message in self.messages for signal in message.signals))
        raise UnknownSignalError(f"channel {self.channel!r} has no signal {name!r}{close}")

    def signal(self, name: str) -> LiveSignal:
        """The live signal of that name, always the same object; names and errors as :meth:`find`."""
        live = self._signals.get(name)
        if live is None:
            message, definition = self.find(name)
            live = self._signals.setdefault(definition.full_name, LiveSignal(self, message, definition))
            self._signals[name] = live
        return live

    def short_name(self, definition: SignalDef) -> str:
        """The shortest name that :meth:`find` understands: the signal's own, else ``Message.Signal``."""
        return definition.full_name if len(self.with_signal(definition.name)) > 1 else definition.name

    def with_signal(self, name: str) -> list[tuple[MessageDef, SignalDef]]:
        """The signals of that name, each with its message; none for an unknown one."""
        return [found for database in self.databases for found in database.with_signal(name)]

    def _named(self, key: int) -> str:
        message = self.message_of(key)
        return message.name if message else id_text(key)


def _checks(message: MessageDef) -> tuple[int, int, Check | None]:
    """Smallest and largest length in bytes, and what is to be looked at beyond it: only multiplexers need that."""
    multiplexed = any(signal.is_multiplexer for signal in message.signals) and not message.container
    return message.length, message.longest, message.codec.decodable if multiplexed else None
