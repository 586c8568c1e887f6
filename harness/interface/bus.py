"""``can.Bus(interface="harness", ...)``: a node on a simulated bus, behind python-can's contract."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from threading import Condition
from typing import Any

from can import (
    BusABC,
    BusState,
    CanInitializationError,
    CanOperationError,
    CanProtocol,
    CanTimeoutError,
    CyclicSendTaskABC,
    Message,
)

from harness.adapter.messages import frame_of, message_of
from harness.bus.controller import Controller
from harness.bus.port import ErrorState
from harness.errors import HarnessError
from harness.frames import ErrorFrame, Received
from harness.interface.cyclic import TimerTask
from harness.interface.running import join, leave, names
from harness.wall import WallLoop

RX_QUEUE, TX_QUEUE = 100_000, 1_000
"""Messages that may wait to be read, and to be sent, unless told otherwise."""

_FOREVER_S = 3600.0
_LOOK_S = 0.2  # how often a blocked recv() looks whether the bus still runs


class HarnessBus(BusABC):
    """A node on a simulated CAN bus that runs on the wall clock: arbitration, exact bit times, error counters.

    channel: name of the bus; instances of one process with the same name are nodes of the same bus. As on any bus, a
    node that is alone gets no acknowledgement. bench: path of a bench file; then the channel is one of its vehicle's,
    whose simulated ECUs and rest-bus run as long as somebody is connected. bitrate, data_bitrate: bit/s, of a bus
    without a vehicle; with ``fd`` and no data_bitrate it is 2 Mbit/s. receive_own_messages: what it sends comes back
    from :meth:`recv`, with ``is_rx`` false. rx_queue_size, tx_queue_size: messages; a full receive queue loses the
    oldest, and :attr:`overruns` counts them.

    Timestamps are seconds since 1970, of the frame's last bit, exact on the bus however late a program reads.

    >>> import can
    >>> with can.Bus(interface="harness", channel="doc") as one, can.Bus(interface="harness", channel="doc") as two:
    ...     one.send(can.Message(arbitration_id=0x123, data=[1, 2], is_extended_id=False))
    ...     message = two.recv(timeout=5)
    >>> hex(message.arbitration_id), message.data.hex()
    ('0x123', '0102')
    """

    def __init__(
        self,
        channel: str,
        can_filters: Any = None,
        *,
        bench: str = "",
        bitrate: int = 500_000,
        data_bitrate: int | None = None,
        fd: bool = False,
        receive_own_messages: bool = False,
        rx_queue_size: int = RX_QUEUE,
        tx_queue_size: int = TX_QUEUE,
        **unknown: object,
    ) -> None:
        if unknown:
            raise CanInitializationError(f"the interface 'harness' knows no option {', '.join(sorted(unknown))}")
        if rx_queue_size < 1 or tx_queue_size < 1:
            raise CanInitializationError("rx_queue_size and tx_queue_size are at least 1 message")
        if fd and data_bitrate is None:
            data_bitrate = 2_000_000
        self.overruns = 0
        """Received messages that were lost because nobody read them in time."""
        self._bench, self._channel = bench, str(channel)
        self._running, self._sim = join(bench, self._channel, int(bitrate), data_bitrate)
        self._own = receive_own_messages
        self._tx_queue_size = tx_queue_size
        self._arrived = Condition()
        self._inbox: deque[Message] = deque()
        self._rx_queue_size = rx_queue_size
        with self.loop.held():
            self._controller: Controller = self._sim.attach(self._running.name())
            self._cancel = [
                self._controller.subscribe(self._receive),
                self._sim.observe_errors(self._receive),
            ]
        self._can_protocol = CanProtocol.CAN_FD if self._sim.data_bitrate is not None else CanProtocol.CAN_20
        self.channel_info = f"simulated bus {self._channel!r}" + (f" of {bench}" if bench else "")
        super().__init__(channel, can_filters)

    # -- python-can's contract -------------------------------------------------------------------------------------

    def send(self, msg: Message, timeout: float | None = None) -> None:
        """Queue a message.

        timeout: how long to wait for room in a full queue, s; None waits as long as it takes, 0 not at all. Raises
        ``can.CanOperationError`` for what no bus would carry and on a bus that is closed, ``can.CanTimeoutError`` when
        there was no room in time (nobody acknowledges, or the bus is full).
        """
        frame = frame_of(msg, fd=self._sim.data_bitrate is not None)
        try:
            with self.loop.held():
                self._check_open()
                if self._controller.queued >= self._tx_queue_size:
                    limit = round((_FOREVER_S if timeout is None else max(0.0, timeout)) * 1e9)
                    self.loop.run_until(self.loop.now + limit, self._has_room)
                    self._check_open()
                    if not self._has_room():
                        raise CanTimeoutError(f"no room in the transmit queue of {self._describe()}")
                self._controller.send(frame, self._echo if self._own else None)
        except HarnessError as error:
            raise CanOperationError(str(error)) from error

    def _recv_internal(self, timeout: float | None) -> tuple[Message | None, bool]:
        end = None if timeout is None else self.loop.elapsed + round(max(0.0, timeout) * 1e9)
        if not self._inbox:
            self._catch_up()
        with self._arrived:
            while not self._inbox:
                self._check_open()
                if self.loop.failure is not None:
                    raise CanOperationError(f"{self._describe()} has stopped: {self.loop.failure}")
                left = _LOOK_S if end is None else (end - self.loop.elapsed) / 1e9
                if left <= 0:
                    return None, False
                self._arrived.wait(min(left, _LOOK_S))
            return self._inbox.popleft(), False

    def _catch_up(self) -> None:
        """Have what is over on the bus arrive at once: the bench thread may be on its way, but we are here already."""
        try:
            with self.loop.held():
                pass
        except HarnessError as error:
            raise CanOperationError(f"{self._describe()} has stopped: {error}") from error

    def _send_periodic_internal(
        self,
        msgs: Sequence[Message] | Message,
        period: float,
        duration: float | None = None,
        autostart: bool = True,
        modifier_callback: Callable[[Message], None] | None = None,
    ) -> CyclicSendTaskABC:
        task = TimerTask(self, msgs, period, duration, modifier_callback)
        if autostart:
            task.start()
        return task

    def flush_tx_buffer(self) -> None:
        """Drop what waits to be sent; a frame on the wire is finished."""
        with self.loop.held():
            self._controller.clear()

    @property
    def state(self) -> BusState:
        """``ACTIVE``, ``PASSIVE`` (error passive), or ``ERROR`` (bus-off); setting ``ACTIVE`` recovers from bus-off."""
        with self.loop.held():
            return _STATES[self._controller.state]

    @state.setter
    def state(self, new_state: BusState) -> None:
        if new_state is not BusState.ACTIVE:
            raise NotImplementedError("a simulated controller can only be asked for ACTIVE, which ends bus-off")
        with self.loop.held():
            self._controller.restart()

    def shutdown(self) -> None:
        """Leave the bus. Whoever blocks in :meth:`recv` gets ``can.CanOperationError``. May be called twice."""
        if self._is_shutdown:
            return
        super().shutdown()
        with self.loop.held():
            for cancel in self._cancel:
                cancel()
            if self._controller.powered:
                self._controller.power(False)
        with self._arrived:
            self._arrived.notify_all()
        leave(self._bench, self._channel)

    @staticmethod
    def _detect_available_configs() -> list[Any]:
        return [{"interface": "harness", "channel": name} for name in [*names(), "new"]]

    # -- what the bus and its tasks use ----------------------------------------------------------------------------

    @property
    def loop(self) -> WallLoop:
        """The loop of the bus."""
        return self._running.loop

    def check(self, message: Message) -> None:
        """Raise what sending the message would raise."""
        frame_of(message, fd=self._sim.data_bitrate is not None)

    def queue(self, message: Message) -> None:
        """Send from a callback of the loop: a full queue drops the message, as a controller's mailbox does."""
        if self._has_room():
            frame = frame_of(message, fd=self._sim.data_bitrate is not None)
            self._controller.send(frame, self._echo if self._own else None)

    def _has_room(self) -> bool:
        return self._is_shutdown or self._controller.queued < self._tx_queue_size

    def _receive(self, seen: Received | ErrorFrame) -> None:
        self._put(message_of(seen, self._running.epoch_ns))

    def _echo(self, rx: Received) -> None:
        self._put(message_of(rx, self._running.epoch_ns, own=True))

    def _put(self, message: Message) -> None:
        with self._arrived:
            if len(self._inbox) >= self._rx_queue_size:
                self._inbox.popleft()
                self.overruns += 1
            self._inbox.append(message)
            self._arrived.notify()

    def _check_open(self) -> None:
        if self._is_shutdown:
            raise CanOperationError("this bus has been shut down")

    def _describe(self) -> str:
        return f"{self.channel_info} ({self._controller.state.value})"


_STATES = {
    ErrorState.ACTIVE: BusState.ACTIVE,
    ErrorState.PASSIVE: BusState.PASSIVE,
    ErrorState.BUS_OFF: BusState.ERROR,
}
