"""The test process' handle of a channel process: it starts it, tells it what to send, and hands on what it reports."""

from __future__ import annotations

import pickle
import sys
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from itertools import count
from typing import Any

from harness.adapter.child import SLICE_S, Child
from harness.adapter.commands import Begin, Close, Closed, Command, End, Open, Opened, Recover, Refused, Send
from harness.adapter.connection import Garbled
from harness.adapter.items import Batch, Done, Missed, Overrun, Report, Sent, Trouble
from harness.adapter.session import Session
from harness.adapter.spec import AdapterSpec, Capabilities
from harness.adapter.statistics import Account, Statistics
from harness.adapter.transmitter import RemoteTransmitter
from harness.errors import AdapterError, AdapterLost, ConfigError
from harness.frames import Frame, Received, check_frame, id_text
from harness.loop import Loop, Owner
from harness.restbus import MessagePlan
from harness.wall import clock_ns

__all__ = ["Adapter", "Batch"]

Receive = Callable[[Batch], object]

OPEN_S = 30.0
"""How long a process may take to open its adapter, s."""
ANSWER_S = 30.0
"""How long it may take to confirm the beginning or the end of a world, s: the answer comes after all that was reported
before, which a test process on an overloaded machine may not have read yet. That a process is dead is found earlier."""
CLOSE_S = 2.0
"""How long it may take to close its adapter and to end, s."""
SILENT_SLICES = 4
"""After so many reads of :data:`~harness.adapter.child.SLICE_S` without a sign of life it counts as stopped. They are
counted, not measured, so that a machine that was asleep itself does not blame the process."""


class Adapter:
    """One real channel, owned by a process of its own for the whole run; worlds begin on it one after the other.

    plans: what each node sends, by its name. drift_ppm: how fast a node's own clock runs, by its name; see
    :class:`harness.loop.Owner`. Nothing is opened before :meth:`open`.

    What the process reports comes in batches to the ``receive`` of the present world. The world plays the items, and
    calls :meth:`apply` with each of them in the instant in which it does, before the item's frame is delivered.
    """

    def __init__(
        self,
        spec: AdapterSpec,
        plans: Mapping[str, Sequence[MessagePlan]] | None = None,
        drift_ppm: Mapping[str, float] | None = None,
    ) -> None:
        self.spec = spec
        self.capabilities: Capabilities
        """What the opened adapter can do; there after :meth:`open`."""
        self.scheduling = ""
        """What the operating system granted to the process, for the report."""
        self._plans = {node: tuple(each) for node, each in (plans or {}).items()}
        self._drift_ppm = dict(drift_ppm or {})
        self._names = {
            (node, plan.message.key): plan.message.name for node, each in self._plans.items() for plan in each
        }
        self._tickets = count(1)
        self._lock = threading.Lock()  # of what the reader and the callers share: the five below
        self._answers: dict[int, threading.Event] = {}
        self._receive: Receive | None = None
        self._next: tuple[int, Receive] | None = None  # who takes over with which answer
        self._account = Account()
        self._why_dead = "it has not been opened"
        self._child: Child | None = None
        self._reader: threading.Thread | None = None
        self._session: Session | None = None
        self._transmitters: dict[str, RemoteTransmitter] = {}
        self._closing = self._closed = False

    # -- life ----------------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Start the process and let it open the bus. Nothing when it runs; one that has died is started anew.

        Raises :class:`~harness.errors.AdapterError` with the driver's words, and :class:`~harness.errors.ConfigError`
        for what cannot work.
        """
        if self.alive:
            return
        self.close()
        self._closing = self._closed = False
        child = Child()
        answer: Opened | Refused | str = "was not waited for"
        try:
            answer = self._ask_to_open(child)
        finally:
            if not isinstance(answer, Opened):
                child.connection.close()
                child.end(CLOSE_S)
        if isinstance(answer, str):
            raise AdapterLost(f"{self._title} {answer}; it was {child.obituary}")
        if isinstance(answer, Refused):
            raise (AdapterError if answer.blocked else ConfigError)(answer.text)
        self.capabilities, self.scheduling = answer
        self._child, self._why_dead = child, ""
        self._reader = threading.Thread(
            target=self._read, args=(child,), name=f"harness channel {self.spec.channel}", daemon=True
        )
        self._reader.start()

    def _ask_to_open(self, child: Child) -> Opened | Refused | str:
        """The answer, or why there is none."""
        plans = pickle.dumps(self._plans, pickle.HIGHEST_PROTOCOL)
        child.connection.send(Open(self.spec, plans, self._drift_ppm, tuple(filter(None, sys.path))))
        for _ in range(round(OPEN_S / SLICE_S)):
            try:
                answers = child.connection.receive()
            except (EOFError, Garbled) as error:
                return f"died while it opened the adapter: {error}"
            if answers:
                answer: Opened | Refused = answers[0]
                return answer
        return f"has not opened its adapter within {OPEN_S:g} s"

    @property
    def alive(self) -> bool:
        """Whether the process runs, as far as is known."""
        return self._child is not None and not self._why_dead

    @property
    def pid(self) -> int | None:
        """Number of the process; None before :meth:`open` and after :meth:`close`."""
        return None if self._child is None else self._child.pid

    @property
    def _title(self) -> str:
        return f"the process of channel {self.spec.channel!r} ({self.spec})"

    def close(self) -> bool:
        """End the process: nothing is sent any more, the bus is closed.

        Returns whether the process confirmed that; False: it had to be killed, or was dead already. May be called
        twice.
        """
        child, reader = self._child, self._reader
        if child is not None and reader is not None:
            self._closing = True
            with suppress(AdapterLost):  # it is dead: then nothing confirms it
                child.connection.send(Close())
            reader.join(CLOSE_S)
            if reader.is_alive():
                child.kill()
                reader.join()
            self._child = self._reader = None
        self._end_session()
        return self._closed

    # -- worlds --------------------------------------------------------------------------------------------------------

    def begin(self, origin_ns: int, receive: Receive, *, reconnect: bool = False) -> None:
        """Begin a new world: all transmitters are factory-new and stopped; nothing of the former one is sent any more.

        origin_ns: the world's time 0, clock_ns. receive: gets every batch from now on, in the adapter's own thread; it
        must not wait for the adapter. reconnect: the loss of the adapter is no fatal trouble in this world; it goes on
        when the adapter is back. Waits for the process' confirmation. Raises :class:`~harness.errors.AdapterLost` when
        it does not come.
        """
        self._end_session()
        ticket = next(self._tickets)
        with self._lock:
            self._next = ticket, receive
        self._ask(Begin(ticket, origin_ns, reconnect))
        self._session = Session(self._tell, self._tickets)
        self._transmitters = {}

    def end(self) -> None:
        """Stop all transmitters; when it returns, nothing of this world waits to be sent. Batches go on coming.

        Nothing when the process is gone: that has been reported.
        """
        self._end_session()
        if self.alive:
            try:
                self._ask(End(next(self._tickets)))
            except AdapterLost:
                if self.alive:
                    raise

    def transmitter(self, node: str, loop: Loop, owner: Owner) -> RemoteTransmitter:
        """What a node sends on this channel in the present world; stopped. The same for each call of one world."""
        found = self._transmitters.get(node)
        if found is None:
            plans = self._plans.get(node, ())
            found = RemoteTransmitter(self._world, self.spec.channel, loop, plans, owner)
            self._transmitters[node] = found
        return found

    def send(self, node: str, frame: Frame, sent: Callable[[Received], object] | None = None) -> None:
        """Send one frame at once. ``sent`` is called from :meth:`apply` when it is on the bus.

        node: who sends it, for the reports; any name. Raises :class:`~harness.errors.BusError` for a frame that the
        channel does not carry, :class:`~harness.errors.AdapterLost` when the process is gone.
        """
        check_frame(frame, fd=self.spec.fd)
        world = self._world

        def delivered(now: int, carried: Frame | None) -> None:
            if sent is not None:
                sent(Received(now, self.spec.channel, frame, node))

        world.tell(Send(world.ticket(delivered), node, frame))

    def apply(self, item: Report, now: int) -> None:
        """Let an item take effect on what this world sends: to be called on the loop, in the item's instant.

        ``Change.delivered`` is filled, ``sent`` and ``on_tampered`` are called, resets are noted. Every item may be
        given; most mean nothing here. now: the world's time, ns.
        """
        if self._session is not None:
            self._session.apply(item, now)

    def statistics(self) -> Statistics:
        """How late the frames of the present world were sent, and how many were not."""
        with self._lock:
            return self._account.statistics()

    def add_to(self, account: Account) -> None:
        """Add what :meth:`statistics` tells to what is known of other worlds."""
        with self._lock:
            account.merge(self._account)

    def recover(self) -> None:
        """Ask for the way back from bus-off. What the adapter cannot do comes as :class:`Trouble`, not fatal."""
        self._tell(Recover())

    @property
    def _world(self) -> Session:
        self._living()
        if self._session is None:
            raise AdapterError(f"channel {self.spec.channel!r}: no world has begun on it")
        return self._session

    def _end_session(self) -> None:
        if self._session is not None:
            self._session.ended = True
            self._session = None

    def _living(self) -> Child:
        if self._child is None or self._why_dead:
            raise AdapterLost(f"{self._title} does not run: {self._why_dead or 'it was closed'}")
        return self._child

    def _tell(self, command: Command) -> None:
        try:
            self._living().connection.send(command)
        except AdapterLost as error:
            self._living()  # knows more, when it is known already
            raise AdapterLost(f"{self._title} cannot be told anything: {error}") from error

    def _ask(self, command: Begin | End) -> None:
        """Tell the process something, and wait until it has done it."""
        done = threading.Event()
        with self._lock:
            self._answers[command.ticket] = done
        self._tell(command)
        answered = done.wait(ANSWER_S)
        with self._lock:
            self._answers.pop(command.ticket, None)
        self._living()
        if not answered:
            raise AdapterLost(f"{self._title} has not answered within {ANSWER_S:g} s")

    # -- the reader ----------------------------------------------------------------------------------------------------

    def _read(self, child: Child) -> None:
        silent = 0
        while True:
            try:
                received = child.connection.receive()
                for each in received:
                    if isinstance(each, Closed):
                        self._closed = True
                    else:
                        self._take(each)
            except EOFError:
                self._died(child, None)
                return
            except Garbled as error:
                self._died(child, f"it sent {error}")
                return
            except BaseException as error:  # noqa: BLE001  # a world's own; made known to all who use this channel
                self._died(child, "what it reported broke the world: " + "".join(traceback.format_exception(error)))
                return
            silent = 0 if received else silent + 1
            if silent == SILENT_SLICES:
                text = f"{self._title} has given no sign of life for {SILENT_SLICES * SLICE_S:g} s: is it stopped?"
                self._tell_world(_verdict(text))

    def _take(self, batch: Any) -> None:
        """Hand a batch to the world; with the answer to ``begin`` the next world takes over."""
        if not isinstance(batch, Batch):
            raise Garbled(f"{batch!r}, which is no batch")
        items = batch.items
        answered: list[threading.Event] = []
        for at, item in enumerate(items):
            if isinstance(item, Done):
                with self._lock:
                    answered += [self._answers[ticket] for ticket in item.tickets if ticket in self._answers]
                    takes_over = self._next is not None and self._next[0] in item.tickets
                if takes_over:
                    self._tell_world(Batch(batch.complete_ns, batch.late_ns, items[:at]))
                    with self._lock:
                        assert self._next is not None
                        self._receive, self._next, self._account = self._next[1], None, Account()
                    batch = Batch(batch.complete_ns, batch.late_ns, items[at + 1 :])
        self._tell_world(batch)
        for answer in answered:
            answer.set()  # whoever waits for it has by now been told what came with it

    def _tell_world(self, batch: Batch) -> None:
        with self._lock:
            receive = self._receive
            for item in batch.items:
                self._count(item)
        if receive is not None:
            receive(batch)

    def _count(self, item: Report) -> None:
        if isinstance(item, Sent):
            key = item.frame.key
            self._account.sent(self._names.get((item.node, key)) or id_text(key), item.late_ns, item.retries)
        elif isinstance(item, Missed):
            self._account.missed(item.message, item.cycles)
        elif isinstance(item, Overrun):
            self._account.overruns += 1

    def _died(self, child: Child, why: str | None) -> None:
        """The process has ended, or is of no use any more."""
        child.connection.close()
        child.end(0 if why else CLOSE_S)
        if self._closing:
            self._why_dead = "it was closed"
        else:
            self._why_dead = f"{why}; it was {child.obituary}" if why else f"it was {child.obituary}"
            text = f"{self._title} is dead: {self._why_dead}"
            with suppress(Exception):  # a world that is broken itself: whoever uses this channel next is told
                self._tell_world(_verdict(text))
        with self._lock:
            for answer in self._answers.values():
                answer.set()


def _verdict(text: str) -> Batch:
    """The process says nothing any more, and this is why: there is nothing else up to now."""
    now = clock_ns()
    return Batch(now, 0, (Trouble(now, text, True),))
