"""What an ECU receives: one object per message, with the values of the last valid frame."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.frames import Received
from harness.loop import Loop, Owner
from harness.restbus import MessagePlan, Pages, Reading

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
    latest: last valid physical values by signal name: as :meth:`value`, for the hot path.
    """

    __slots__ = (
        "_cancel",
        "_expected",
        "_loop",
        "_on_error",
        "_on_valid",
        "_owner",
        "_pages",
        "_port",
        "_readings",
        "_since",
        "_unread",
        "_watched",
        "data",
        "errors",
        "latest",
        "max_delta",
        "plan",
        "time",
    )

    def __init__(self, loop: Loop, port: Port, plan: MessagePlan, owner: Owner, max_delta: int) -> None:
        self.plan = plan
        self.max_delta = max_delta
        self._loop, self._port, self._owner = loop, port, owner
        self._readings = plan.readings
        self._cancel: Callable[[], None] | None = None
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
        return self.latest[signal]

    def text(self, signal: str) -> str | None:
        """Last valid value as the label of the value table; None before the first, or without label."""
        return self.latest.text(signal)

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
        self._expected: int | None = None  # the next counter; None: whatever it is
        self._unread = 0  # frames since, whose counter could not be read
        self._pages = Pages(self.plan)
        self.latest: Reading | Pages = self._pages
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
        frame = received[2]
        data = frame[1]
        if not data and frame.remote:
            return
        reading = self._readings[data]
        if (reading.counter != self._expected or not reading.intact) and not self._tolerates(reading):
            self.errors += 1
            for callback in self._on_error:
                callback(self)
            return
        self._expected = reading.following
        self._unread = 0
        self.errors = 0
        self.data = data
        self.time = received[0]
        if self.plan.multiplexers:
            self._pages.add(reading)
        else:
            self.latest = reading
        for callback in self._on_valid:
            callback(self)
        for watch in self._watched:
            value = reading[watch.signal]
            if value is not None and value != watch.previous:
                if self.data is not data:
                    break  # a callback reset the node
                previous, watch.previous = watch.previous, value
                watch.callback(value, previous)

    def _tolerates(self, reading: Reading) -> bool:
        """Whether a frame that is not just the next one is valid all the same."""
        if not reading.crc_ok:
            self._unread += 1
            return False
        if reading.counter is not None:
            assert self.plan.protector is not None
            modulo = self.plan.protector.counter_modulo
            # A frame whose counter could not be read used one up too: the right one after it is not wrong for that.
            largest = min(self.max_delta + self._unread, modulo - 1)
            expected, self._expected, self._unread = self._expected, reading.following, 0
            if expected is not None and (reading.counter - expected) % modulo >= largest:
                return False
        return reading.problem is None


class _Watch:
    """A signal whose changes a model wants to know."""

    __slots__ = ("callback", "previous", "signal")

    def __init__(self, signal: str, callback: Callable[[Number, Number | None], object]) -> None:
        self.signal = signal
        self.callback = callback
        self.previous: Number | None = None
