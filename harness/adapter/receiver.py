"""The reader of a channel process: what the driver reports, in its order, and up to when that is all."""

from __future__ import annotations

import threading
from collections.abc import Callable

from harness.adapter.driver import Driver
from harness.adapter.items import Heard, Reopened, Trouble
from harness.adapter.outbox import Outbox
from harness.adapter.output import Output
from harness.errors import AdapterError, AdapterLost, Blocked
from harness.units import time_text

BEAT_S = 0.004
"""How long the driver is asked to wait for something, s; without traffic that is how often time goes on."""
REOPEN_NS = 500_000_000
"""How often an adapter that was lost is looked for, ns."""
DELIVERY_NS = 100_000
"""How long after its stamp a frame can be read at the latest, ns: from the kernel's interrupt to its queue."""
HANGING_NS = 2_000_000_000
"""A driver that does not come back from ``receive`` for so long has died, ns."""


class Receiver:
    """Reads the driver until :meth:`close`, in the thread that calls :meth:`run`.

    output: of the present world; None between two. reconnect: the loss of the adapter is not fatal for it. Both are
    changed with the outbox' turn held.
    """

    def __init__(self, driver: Driver, outbox: Outbox, clock: Callable[[], int]) -> None:
        self.output: Output | None = None
        self.reconnect = False
        self.lost = ""
        """Why the adapter is gone; "" while it is there."""
        self._driver, self._outbox, self._clock = driver, outbox, clock
        self._closing = threading.Event()
        self._recover = False
        self._alive_at = clock()

    def close(self) -> None:
        """Let :meth:`run` return."""
        self._closing.set()

    def recover(self) -> None:
        """Leave bus-off, soon; what fails is reported as trouble."""
        self._recover = True

    def hanging(self) -> str | None:
        """What to say of a driver that has not come back for too long; None when all is well."""
        silent = self._clock() - self._alive_at
        if silent < HANGING_NS or self.lost:
            return None
        return (
            f"the driver of {self._driver.spec} has not come back for {time_text(silent)}: nothing is received any more"
        )

    def run(self) -> None:
        """Read, and find the adapter again when it is lost."""
        while not self._closing.is_set():
            self._alive_at = before = self._clock()
            try:
                if self._recover:
                    self._recover = False
                    self._leave_bus_off()
                item = self._driver.receive(BEAT_S)
            except AdapterLost as error:
                self._report_loss(str(error))
                self._find_again()
                continue
            after = self._clock()
            with self._outbox.turn:
                # Whoever has the turn keeps the next frame from being stamped, where the stamp is made here.
                self._outbox.was_late(self._clock() - after)
                if item is None:
                    self._outbox.complete = max(self._outbox.complete, self._quiet_until(before, after))
                    self._outbox.ring()
                    continue
                self._outbox.complete = max(self._outbox.complete, item.time - 1)
                if isinstance(item, Heard) and item.own:
                    if self.output is not None and not self.output.echoed(item):
                        self._outbox.ring()  # of a former world
                else:
                    self._outbox.put(item)

    def _quiet_until(self, before: int, after: int) -> int:
        """Up to when nothing more can come, when the driver has found nothing."""
        capabilities = self._driver.capabilities
        if capabilities.stamps == "host":
            return after  # whatever comes is stamped later, and by this thread
        looked = min(after, before + round(BEAT_S * 1e9))
        return looked - capabilities.stamp_uncertainty_ns - DELIVERY_NS

    # -- the adapter is gone ---------------------------------------------------------------------------------------

    def _report_loss(self, text: str) -> None:
        with self._outbox.turn:
            self.lost = text
            if self.output is not None:
                self.output.lost = True
            self._outbox.put(Trouble(self._clock(), text, not self.reconnect))

    def _find_again(self) -> None:
        look_at = self._clock() + REOPEN_NS
        while not self._closing.wait(BEAT_S):
            with self._outbox.turn:
                self._outbox.complete = self._clock()  # nothing can come
                self._outbox.ring()
            if self._clock() >= look_at:
                try:
                    self._driver.reopen()
                except AdapterError:
                    look_at = self._clock() + REOPEN_NS
                    continue
                with self._outbox.turn:
                    self.lost = ""
                    self._sending_again()
                    self._outbox.put(Reopened(self._clock()))
                return

    def _sending_again(self) -> None:
        if self.output is not None:
            self.output.reopened()

    def _leave_bus_off(self) -> None:
        with self._outbox.turn:
            if self.output is not None:
                self.output.lost = True  # meanwhile the driver takes nothing
        try:
            self._driver.recover()
        except AdapterLost:
            raise
        except Blocked as error:
            with self._outbox.turn:
                self._outbox.put(Trouble(self._clock(), f"the way back from bus-off: {error}", False))
        with self._outbox.turn:
            self._sending_again()
