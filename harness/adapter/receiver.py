"""The reader of a channel process: what the driver reports, in its order, and up to when that is all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.adapter.items import Heard, Item, Reopened, Trouble
from harness.adapter.outbox import Outbox
from harness.adapter.output import Output
from harness.errors import AdapterError, AdapterLost, Blocked
from harness.units import time_text

if TYPE_CHECKING:
    from harness.adapter.driver import Driver

BEAT_S = 0.004
"""How long the driver is asked to wait for something, s; without traffic that is how often time goes on."""
HOST_BEAT_S = 0.001
"""The same, s, where stamps are made by reading: a reader that comes back later than that was late, and knows it."""
PACE_NS = 1_000_000
"""Time between two readings under load, ns, where the stamps are not made by reading."""
MOST_AT_ONCE = 64
"""Frames that are read before they are handed on."""
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
        capabilities = driver.capabilities
        self._paced = capabilities.stamps != "host"
        self._blind_ns = capabilities.stamp_uncertainty_ns + capabilities.delay_ns + DELIVERY_NS
        self._alive_at = clock()
        self._rung_at = 0

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
        looked = 0
        while not self._closing.is_set():
            if self._paced:
                # Stamps do not depend on when they are read, so under load many frames are read at once.
                early = looked + PACE_NS - self._clock()
                if early > 0:
                    time.sleep(early / 1e9)
            self._alive_at = looked = self._clock()
            try:
                if self._recover:
                    self._recover = False
                    self._leave_bus_off()
                self._read(looked)
            except AdapterLost as error:
                self._report_loss(str(error))
                self._find_again()

    def _read(self, before: int) -> None:
        """Wait for something, and take what else there is."""
        items: list[Item] = []
        patience = BEAT_S if self._paced else HOST_BEAT_S
        item = self._driver.receive(patience)
        late = 0 if self._paced else self._clock() - before - round(patience * 1e9)
        while item is not None:
            items.append(item)
            if not self._paced or len(items) == MOST_AT_ONCE:
                break
            before = self._clock()
            # Until it is known to be the last one so far: the world cannot have it earlier anyway.
            patience = min(BEAT_S, max(0, item.time + self._blind_ns - before) / 1e9)
            item = self._driver.receive(patience)
        after = self._clock()
        with self._outbox.turn:
            # Whoever has the turn keeps the next frame from being stamped, where the stamp is made here.
            self._outbox.was_late(max(late, self._clock() - after))
            for each in items:
                if isinstance(each, Heard) and each.own:
                    if self.output is not None:
                        self.output.echoed(each)  # if not, it is of a former world
                else:
                    self._outbox.put(each)
            self._outbox.completed(self._known_until(items, item is None, before + round(patience * 1e9), after))
            if items or after - self._rung_at >= BEAT_S * 1e9:
                self._rung_at = after
                self._outbox.ring()

    def _known_until(self, items: list[Item], drained: bool, waited_until: int, now: int) -> int:
        """Up to when nothing more can come."""
        known = items[-1].time - 1 if items else 0
        if not self._paced:
            return items[-1].time if items else now  # whatever comes is stamped later, and by this thread
        return max(known, min(now, waited_until) - self._blind_ns) if drained else known

    # -- the adapter is gone ---------------------------------------------------------------------------------------

    def _report_loss(self, text: str) -> None:
        with self._outbox.turn:
            self.lost = text
            if self.output is not None:
                self.output.lost = True
            self._outbox.put(Trouble(self._clock(), text, not self.reconnect, lost=True))

    def _find_again(self) -> None:
        look_at = self._clock() + REOPEN_NS
        while not self._closing.wait(BEAT_S):
            with self._outbox.turn:
                self._outbox.completed(self._clock())  # nothing can come
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
