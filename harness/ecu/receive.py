"""What an ECU receives: one object per message, with checked and lazily decoded values."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.frames import Received
from harness.loop import Loop, Owner
from harness.restbus import MessagePlan

if TYPE_CHECKING:
    from harness.bus.port import Port

Number = int | float


class RxMessage:
    """One message as an ECU receives it: always the latest state, not a copy of one frame.

    A frame is *valid* when it is long enough, its multiplexers select something and, where the message is protected,
    its CRC is right and its counter went on by 1 to ``max_delta``, and by one more for every frame between that was too
    short or had a wrong CRC. The first frame after power-on or reset may have any counter, and every frame with a right
    CRC is what the next one's counter is compared with.

    data: payload of the last valid frame, None before the first. time: its end, ns.
    errors: frames since the last valid one that were not valid, one after the other; 0 after a valid one.
    """

    __slots__ = (
        "_cancel",
        "_check",
        "_counter",
        "_length",
        "_loop",
        "_modulo",
        "_on_error",
        "_on_valid",
        "_owner",
        "_pages",
        "_port",
        "_selectors",
        "_since",
        "_unread",
        "_values",
        "_watched",
        "data",
        "errors",
        "max_delta",
        "plan",
        "time",
    )

    def __init__(self, loop: Loop, port: Port, plan: MessagePlan, owner: Owner, max_delta: int) -> None:
        self.plan = plan
        self.max_delta = max_delta
        self._loop, self._port, self._owner = loop, port, owner
        self._check = plan.protector.check if plan.protector else None
        self._modulo = plan.protector.counter_modulo if plan.protector else 1
        codec = plan.message.codec
        self._selectors = [codec.signal_raw(name) for name in plan.multiplexers]
        self._cancel: Callable[[], None] | None = None
        self._length = plan.message.length
        self._on_valid: tuple[Callable[[RxMessage], object], ...] = ()
        self._on_error: tuple[Callable[[RxMessage], object], ...] = ()
        self._watched: tuple[_Watch, ...] = ()
        self.reset()

    # -- what models read ----------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """Name of the message."""
        return self.plan.message.name

    @property
    def channel(self) -> str:
        """Name of the channel."""
        return self._port.channel

    @property
    def values(self) -> dict[str, Number]:
        """Physical values of all signals in the last valid frame, by name; empty before the first."""
        return self.plan.message.codec.decode(self.data) if self.data is not None else {}

    @property
    def valid(self) -> bool:
        """Whether a valid frame has come, and none that was not valid since."""
        return self.data is not None and self.errors == 0

    @property
    def age(self) -> int | None:
        """Time since the end of the last valid frame, ns; None before the first."""
        return None if self.time is None else self._loop.now - self.time

    @property
    def missed(self) -> int:
        """Whole nominal cycles since the last valid frame, or since power-on or reset when there was none.

        0 for a message that is not cyclic. Counted on the node's own clock.
        """
        if not self.plan.cycle_ns:
            return 0
        since = self._since if self.time is None else self.time
        return (self._loop.now - since) // self._owner.world_delay(self.plan.cycle_ns)

    def value(self, signal: str) -> Number | None:
        """Last valid physical value of a signal; None before the first. Decoded once per frame.

        A multiplexed signal keeps the value of the last frame that carried it.
        Raises :class:`~harness.errors.UnknownSignalError`.
        """
        value = self._values.get(signal)
        if value is None:
            read = self.plan.reader(signal)
            if self._selectors:
                value = self._latest(read)
            elif self.data is not None:
                value = read(self.data)
            if value is not None:
                self._values[signal] = value
        return value

    def text(self, signal: str) -> str | None:
        """Last valid value as the label of the value table; None before the first, or without label."""
        codec = self.plan.message.codec
        raw = self._latest(codec.signal_raw(signal))
        return None if raw is None else codec.text(signal, raw)

    def _latest(self, read: Callable[[bytes], Number | None]) -> Number | None:
        """What the newest frame that carries the signal says."""
        if not self._selectors:
            return None if self.data is None else read(self.data)
        for data in reversed(self._pages.values()):
            value = read(data)
            if value is not None:
                return value
        return None

    # -- what the ECU calls --------------------------------------------------------------------------------------

    def attach(self) -> None:
        """Listen to the port; does nothing when it does already."""
        if self._cancel is None:
            self._since = self._loop.now
            self._cancel = self._port.subscribe(self.receive, (self.plan.message.key,))

    def detach(self) -> None:
        """Hear no more of it."""
        if self._cancel is not None:
            self._cancel()
            self._cancel = None

    def reset(self) -> None:
        """Forget everything received."""
        self.data: bytes | None = None
        self.time: int | None = None
        self.errors = 0
        self._counter: int | None = None
        self._unread = 0  # frames since, whose counter could not be read
        self._values: dict[str, Number] = {}  # of the last valid frame, as far as somebody asked
        self._pages: dict[tuple[Number | None, ...], bytes] = {}
        self._since = self._loop.now
        for watch in self._watched:
            watch.previous = None

    def on_valid(self, callback: Callable[[RxMessage], object]) -> None:
        """Call ``callback(self)`` for every valid frame."""
        self._on_valid += (callback,)

    def on_error(self, callback: Callable[[RxMessage], object]) -> None:
        """Call ``callback(self)`` for every frame that is not valid."""
        self._on_error += (callback,)

    def on_change(self, signal: str, callback: Callable[[Number, Number | None], object]) -> None:
        """Call ``callback(value, previous)`` when the signal's valid value changes."""
        self._watched += (_Watch(signal, callback),)

    def receive(self, received: Received) -> None:
        """Take one frame from the port."""
        frame = received.frame
        data = frame.data
        if frame.remote:
            return
        if not self._is_valid(data):
            self.errors += 1
            for callback in self._on_error:
                callback(self)
            return
        self.errors = 0
        self.data = data
        self.time = received.time
        if self._values:
            self._values.clear()
        if self._selectors:
            page = tuple([read(data) for read in self._selectors])
            self._pages.pop(page, None)  # so that the newest page is the last
            self._pages[page] = data
        for callback in self._on_valid:
            callback(self)
        for watch in self._watched:
            value = self.value(watch.signal)
            if value is not None and value != watch.previous:
                previous, watch.previous = watch.previous, value
                watch.callback(value, previous)

    def _is_valid(self, data: bytes) -> bool:
        if len(data) < self._length:
            self._unread += 1
            return False
        if self._check is not None:
            crc_ok, counter = self._check(data)
            if not crc_ok:
                self._unread += 1
                return False
            last, self._counter = self._counter, counter
            # A frame whose counter could not be read used one up too: the right one after it is not wrong for that.
            largest, self._unread = self.max_delta + self._unread, 0
            if last is not None and not 0 < (counter - last) % self._modulo <= largest:
                return False
        return not self._selectors or self.plan.message.codec.decodable(data) is None


class _Watch:
    """A signal whose changes a model wants to know."""

    __slots__ = ("callback", "previous", "signal")

    def __init__(self, signal: str, callback: Callable[[Number, Number | None], object]) -> None:
        self.signal = signal
        self.callback = callback
        self.previous: Number | None = None
