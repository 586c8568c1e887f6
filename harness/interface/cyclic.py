"""``send_periodic`` on a simulated bus: a timer of the loop, no thread per message, no drift."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from can import LimitedDurationCyclicSendTaskABC, Message, ModifiableCyclicTaskABC, RestartableCyclicTaskABC

from harness.loop import Owner

if TYPE_CHECKING:
    from harness.interface.bus import HarnessBus


class TimerTask(LimitedDurationCyclicSendTaskABC, ModifiableCyclicTaskABC, RestartableCyclicTaskABC):
    """Sends its messages in turn, one every ``period`` s; for ``duration`` s, or until it is stopped."""

    def __init__(
        self,
        bus: HarnessBus,
        messages: Sequence[Message] | Message,
        period: float,
        duration: float | None,
        modifier: Callable[[Message], None] | None,
    ) -> None:
        super().__init__(messages, period, duration)
        if period <= 0:
            raise ValueError(f"a period is more than zero seconds, not {period}")
        for message in self.messages:
            bus.check(message)
        self._bus = bus
        self._owner = Owner("send_periodic")
        self._modifier = modifier
        self._sent = 0
        self._count = None if duration is None else max(1, round(duration / period))

    def start(self) -> None:
        """Begin (again) with the first message, now; the next one is sent a period later."""
        self.stop()
        self._sent = 0
        with self._bus.loop.held():
            self._bus.loop.every(round(self.period * 1e9), self._send, start=0, owner=self._owner)

    def stop(self) -> None:
        """Send no more."""
        with self._bus.loop.held():
            self._owner.cancel_timers()

    def _send(self) -> None:
        message = self.messages[self._sent % len(self.messages)]
        if self._modifier is not None:
            self._modifier(message)
        self._bus.queue(message)
        self._sent += 1
        if self._count is not None and self._sent >= self._count:
            self._owner.cancel_timers()
