"""One world on one adapter, as its transmitters have it: what they tell the channel process, and what comes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import count

from harness.adapter.commands import Command
from harness.adapter.items import Done, Report, Sent, Suppressed
from harness.errors import SimulationError
from harness.frames import Frame
from harness.restbus import Tamper

TicketHolder = Callable[[int, Frame | None], object]
"""Called with the world's time, ns, and the frame that carried what the ticket stands for; None: no frame did."""

Watcher = Callable[[Report], object]


class Session:
    """Tickets stand for what is to be heard of later: a change of values, a raw frame, a reset.

    send: gives a command to the process; raises :class:`~harness.errors.AdapterLost` when it is gone.
    lock: to be held while a message changes its own values and tells the process, so that both see one order.
    """

    def __init__(self, send: Callable[[Command], object], tickets: count[int]) -> None:
        self.lock = threading.RLock()
        self.ended = False
        self._send, self._tickets = send, tickets
        self._holders: dict[int, TicketHolder] = {}
        self._watchers: dict[str, Watcher] = {}
        self._numbered: dict[int, tuple[int, Tamper]] = {}  # by identity, and kept, so that it stays one

    def watch(self, node: str, watcher: Watcher) -> None:
        """Call ``watcher`` with what is reported of a node's frames."""
        self._watchers[node] = watcher

    def ticket(self, holder: TicketHolder | None = None) -> int:
        """A number for a command, and who is called when it has taken effect."""
        ticket = next(self._tickets)
        if holder is not None:
            self._holders[ticket] = holder
        return ticket

    def number(self, tamper: Tamper) -> int:
        """The number of a tamper, more than 0: the same for the same object, whatever messages it is set to."""
        return self._numbered.setdefault(id(tamper), (len(self._numbered) + 1, tamper))[0]

    def tell(self, command: Command) -> None:
        """Send a command. Raises :class:`~harness.errors.AdapterLost` when the process is gone."""
        if self.ended:
            raise SimulationError("this world has ended: another one has begun on the same adapter")
        self._send(command)

    def apply(self, item: Report, now: int) -> None:
        """Let an item take effect; see :meth:`harness.adapter.client.Adapter.apply`."""
        if isinstance(item, Sent):
            self._report(item)
            for ticket in item.tickets:
                self._redeem(ticket, now, item.frame)
        elif isinstance(item, Suppressed):
            self._report(item)
        elif isinstance(item, Done):
            for ticket in item.tickets:
                self._redeem(ticket, now, None)

    def _report(self, item: Sent | Suppressed) -> None:
        watcher = self._watchers.get(item.node)
        if watcher is not None:
            watcher(item)

    def _redeem(self, ticket: int, now: int, frame: Frame | None) -> None:
        holder = self._holders.pop(ticket, None)
        if holder is not None:
            holder(now, frame)
