"""One CAN channel of one adapter, over python-can. Has no thread of its own."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event, Lock

import can

from harness.adapter.access import Access
from harness.adapter.channel import Channel, open_channel
from harness.adapter.echoes import Echoes
from harness.adapter.items import Error, Heard, Item, Overrun, State
from harness.adapter.kernel_cyclic import KernelCyclic
from harness.adapter.link import Link
from harness.adapter.refusals import Meaning, meaning_of, text_of
from harness.adapter.spec import AdapterSpec, Capabilities
from harness.adapter.traits import traits_of
from harness.bus.port import ErrorState
from harness.errors import AdapterError, AdapterLost
from harness.frames import Frame, check_frame
from harness.wall import clock_ns

SEND_LIMIT_S = 0.05
"""How long :meth:`Driver.send` may wait for room, s."""

FAILURES = 20
"""After so many exceptions in a row, whatever they say, an adapter counts as lost."""

_PAUSE_S = 0.01  # after a failure, so that an interface that fails all the time does not take the processor


class Driver:
    """An open channel. One thread sends, one receives; all other calls may come from any thread.

    Opening it raises :class:`~harness.errors.AdapterError` saying what was tried, python-can's reason and what to do,
    and :class:`~harness.errors.MissingExtra` where an optional package is missing. clock: see :mod:`harness.wall`.

    Times of what it reports never fall, and never lie in the future.

    >>> spec = AdapterSpec("body", "virtual", "a channel of this process", 500_000)
    >>> driver, other = Driver(spec), Driver(spec)
    >>> driver.send(Frame(0x123, b"\\x01"))
    True
    >>> seen = other.receive(5)
    >>> seen.frame.id, seen.own, driver.receive(5).own
    (291, False, True)
    >>> driver.close(), other.close()
    (None, None)
    """

    def __init__(self, spec: AdapterSpec, clock: Callable[[], int] = clock_ns) -> None:
        self.spec = spec
        self._clock = clock
        self._traits = traits_of(spec.interface)
        self._turnstile, self._inside = Lock(), Lock()  # see _apart
        self._sending = Lock()
        self._closed = Event()
        self._items: deque[Item] = deque()
        self._newest = 0
        self._state = ErrorState.ACTIVE, ""
        self._failures = 0
        self._lost = ""  # why the adapter is gone
        self._channel: Channel = open_channel(spec, self._traits, clock)
        self._open = True
        self._echoes = Echoes() if self._channel.told_by_content else None
        self.capabilities: Capabilities = self._channel.capabilities
        """What the adapter does; may differ after :meth:`reopen`, when it is another one."""

    # -- sending ---------------------------------------------------------------------------------------------------

    def send(self, frame: Frame) -> bool:
        """Hand a frame to the adapter; at most :data:`SEND_LIMIT_S` later it is known whether it took it.

        False: its send buffer is full, or its controller is bus-off; try again. Raises
        :class:`~harness.errors.AdapterLost` when the adapter is gone, :class:`~harness.errors.BusError` for a frame
        that the channel does not carry, and :class:`~harness.errors.AdapterError` for what the adapter refuses, and on
        a channel that only listens.
        """
        check_frame(frame, fd=self.spec.fd)
        if self.spec.listen_only:
            raise AdapterError(f"{self.spec} was opened to listen only; {frame} is not sent")
        if frame.remote and not self._traits.remote:
            raise AdapterError(f"python-can's interface {self.spec.interface!r} cannot send remote frames: {frame}")
        with self._sending:
            access = self._access()
            if self._echoes is not None:
                self._echoes.sent(frame)
            taken = False
            try:
                taken = access.write(frame)
            except Exception as error:  # noqa: BLE001  # a vendor's library may raise anything; it is judged, and raised
                self._judge_sending(frame, error)
            finally:
                if not taken and self._echoes is not None:
                    self._echoes.withdraw(frame)
            return taken

    def _judge_sending(self, frame: Frame, error: Exception) -> None:
        meaning = meaning_of(error)
        if meaning is Meaning.LOST:
            raise self._gone(error) from error
        if meaning not in (Meaning.FULL, Meaning.BUS_OFF, Meaning.PASSIVE):
            raise AdapterError(f"{self.spec} does not take {frame}: {text_of(error)}") from error

    # -- receiving -------------------------------------------------------------------------------------------------

    def receive(self, timeout_s: float) -> Item | None:
        """The next thing that the adapter reports; None when nothing came within ``timeout_s`` s, or it was closed.

        Raises :class:`~harness.errors.AdapterLost` when the adapter is gone.
        """
        end = self._clock() + round(timeout_s * 1e9)
        while not self._items:
            self._look(max(0.0, (end - self._clock()) / 1e9))
            if self._closed.is_set() or (not self._items and self._clock() >= end):
                break
        return self._items.popleft() if self._items else None

    def _look(self, timeout_s: float) -> None:
        with self._turnstile:
            pass
        try:
            with self._inside:
                if self._closed.is_set():
                    return
                items = self._access().read(timeout_s)
        except AdapterLost:
            raise
        except Exception as error:  # noqa: BLE001  # a vendor's library may raise anything; it is judged, and told
            self._take(self._judge_receiving(error))
            self._closed.wait(_PAUSE_S)
        else:
            self._failures = 0
            self._take(items)

    def _judge_receiving(self, error: Exception) -> list[Item]:
        meaning = meaning_of(error)
        now = self._clock() - self.capabilities.delay_ns  # not later than the frames that may still wait behind it
        self._failures += 1
        if meaning is Meaning.LOST:
            raise self._gone(error) from error
        if meaning is Meaning.OVERRUN:
            return [Overrun(now, 0, text_of(error))]
        if meaning is Meaning.BUS_OFF:
            return [State(now, ErrorState.BUS_OFF, text_of(error))]
        if meaning is Meaning.PASSIVE:
            return [State(now, ErrorState.PASSIVE, text_of(error))]
        if meaning is Meaning.WARNING:
            return [State(now, ErrorState.ACTIVE, text_of(error))]
        if self._failures >= FAILURES:
            raise self._gone(error) from error
        return [Error(now, "bus", text_of(error))]

    def _take(self, items: list[Item]) -> None:
        for item in items:
            if type(item) is State:
                if (item.state, item.text) == self._state:
                    continue
                self._state = item.state, item.text
            elif self._echoes is not None and type(item) is Heard and self._echoes.returned(item.frame):
                item = item._replace(own=True)
            if item.time < self._newest:
                item = item._replace(time=self._newest)
            self._newest = item.time
            self._items.append(item)

    # -- life ------------------------------------------------------------------------------------------------------

    def cyclic(self, frames: Sequence[Frame], period_ns: int) -> KernelCyclic:
        """Let the kernel send these frames in turn, one each ``period_ns``; see :class:`KernelCyclic`, not yet started.

        Raises :class:`~harness.errors.AdapterError` where it cannot (:attr:`Capabilities.kernel_cyclic`), and
        :class:`~harness.errors.BusError` for a frame that the channel does not carry.
        """
        if self._channel.cyclic is None or self.spec.listen_only:
            raise AdapterError(f'{self.spec}: the kernel sends nothing there; say cyclic = "process" in the bench file')
        return KernelCyclic(self._channel.bus, frames, period_ns, fd=self.spec.fd, known=self._channel.cyclic)

    def recover(self) -> None:
        """Leave bus-off: the controller starts again. Raises :class:`~harness.errors.AdapterError` where it cannot."""
        if self._traits.restart == "link":
            link = Link.read(self.spec.where)
            if link is not None:
                link.restart()
        elif self._traits.restart == "state":
            self._channel.bus.state = can.BusState.ACTIVE
        else:
            self.reopen()  # a controller that is opened anew has forgotten its error counters

    def reopen(self) -> None:
        """Open an adapter again that was lost. Raises :class:`~harness.errors.AdapterError` while it is not there.

        What the old one had reported, and has not been received, is kept; echoes that are still to come are forgotten.
        """
        with self._apart():
            if self._closed.is_set():
                raise AdapterError(f"{self.spec} has been closed")
            self._lost = self._lost or "it could not be opened again"
            with suppress(Exception):
                self._shut()
            self._channel = open_channel(self.spec, self._traits, self._clock)
            self._open = True
            self.capabilities = self._channel.capabilities
            self._echoes = Echoes() if self._channel.told_by_content else None
            self._lost = ""
            self._failures = 0
            self._take([State(self._clock(), ErrorState.ACTIVE)])

    def close(self) -> None:
        """Leave the bus. A blocked :meth:`receive` returns None. May be called twice, also on a lost adapter."""
        if self._closed.is_set():
            return
        self._closed.set()
        with self._apart():
            try:
                self._shut()
            except Exception as error:
                if not self._lost and meaning_of(error) is not Meaning.LOST:
                    raise AdapterError(f"{self.spec} does not close: {text_of(error)}") from error

    @contextmanager
    def _apart(self) -> Iterator[None]:
        """Nobody sends, and the reader is out of the adapter and stays out.

        The reader goes through the turnstile before each look; so it cannot slip in again before us.
        """
        with self._sending, self._turnstile:
            if self._open:
                self._channel.access.wake()
            with self._inside:
                yield

    def _shut(self) -> None:
        if self._open:
            self._open = False
            self._channel.close()

    def _access(self) -> Access:
        if self._lost:
            raise AdapterLost(f"{self.spec} is gone: {self._lost}")
        if self._closed.is_set():
            raise AdapterError(f"{self.spec} has been closed")
        return self._channel.access

    def _gone(self, error: Exception) -> AdapterLost:
        self._lost = text_of(error)
        return AdapterLost(f"channel {self.spec.channel!r}: {self.spec} is gone: {self._lost}; is it still plugged in?")
