"""A cyclic message that the kernel sends: its schedule is handed over to the kernel, and taken back.

With ``cyclic = "kernel"`` in a bench file. Linux' broadcast manager gets a message's frame, or the sequence of all its
counters with their checksums, and sends it without us. It cannot do more than that, so whatever else is to happen to
the message (a disturbance, a frame out of turn, another counter) is done by the ordinary schedule of this process,
which goes on with the counter after the kernel's last one, a period after its last frame; afterwards, with a frame that
is due, the kernel takes over again.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Protocol

from harness.adapter.items import Heard, Missed
from harness.adapter.kernel_run import SETTLE_NS, KernelRun, Returned
from harness.errors import AdapterError
from harness.frames import Frame
from harness.loop import MODEL, Loop, Owner
from harness.restbus import Change, MessagePlan, ScheduledMessage, Tamper

if TYPE_CHECKING:
    from harness.adapter.kernel_sending import KernelSending
    from harness.bus.port import Port

LOOK_NS = 500_000
"""How often it is looked whether the kernel's last frame is known, ns."""
RUNS = 4
"""Runs of one message whose echoes may still be on their way."""


class KernelTask(Protocol):
    """What the kernel does for one message: :class:`harness.adapter.kernel_cyclic.KernelCyclic`."""

    def start(self) -> None: ...
    def update(self, frames: Sequence[Frame]) -> None: ...
    def stop(self) -> None: ...


MakeTask = Callable[[Sequence[Frame], int], KernelTask]
"""Frames and period, ns; :meth:`harness.adapter.driver.Driver.cyclic`."""


class KernelMessage(ScheduledMessage):
    """A message that the kernel sends, whenever there is nothing to it but cyclic frames.

    A new value is given to the kernel at once; further ones before its next frame together, shortly before that. A
    change is delivered with the first echo that carries it. counter: not kept up while the kernel sends.
    """

    __slots__ = (
        "_asked_at", "_awaited", "_change_ticket", "_counter", "_forced", "_kernel", "_later", "_leaving", "_resume",
        "_run", "_runs", "_sends", "_stopped_at", "_tamper", "_task",
    )  # fmt: skip

    def __init__(self, loop: Loop, port: Port, plan: MessagePlan, owner: Owner, kernel: KernelSending) -> None:
        self._kernel = kernel
        self._task: KernelTask | None = None
        self._run: KernelRun | None = None  # the newest
        self._runs: deque[KernelRun] = deque(maxlen=RUNS)
        self._sends = False  # the kernel does
        self._leaving = 0  # ticket; not 0 from the wish to take the message back until its counter is known
        self._asked_at = self._stopped_at = 0
        self._resume = False  # then, the schedule of this process goes on
        self._later: list[Callable[[], object]] = []  # what is to be done then
        self._forced: int | None = None  # the counter to go on with
        self._change_ticket = 0
        self._awaited: list[tuple[int, int, Change]] = []  # version of its values, since when, clock_ns
        self._tamper: Tamper | None = None
        self._counter = 0
        super().__init__(loop, port, plan, owner)

    # -- what users call -------------------------------------------------------------------------------------------

    def set(self, values: Mapping[str, object], *, force: bool = False, change: Change | None = None) -> Change:
        """See :meth:`ScheduledMessage.set <harness.restbus.schedule.ScheduledMessage.set>`."""
        version = self._version
        change = super().set(values, force=force, change=change)
        if self._away and self._waiting and self._waiting[-1] is change:
            self._waiting.pop()
            # Without other values the next frame carries it, but none that was on the bus before.
            since = 0 if self._version != version else self._kernel.clock()
            self._awaited.append((self._version, since, change))
        return change

    def send_now(self, change: Change | None = None) -> Change:
        """See :meth:`TxMessage.send_now <harness.restbus.message.TxMessage.send_now>`."""
        if not (self._away and self.active):
            return super().send_now(change)
        change = change or Change()
        change.due = True
        self._waiting.append(change)
        self._do_later(self._post_frame)
        return change

    def forward(self, data: bytes) -> None:
        """See :meth:`TxMessage.forward <harness.restbus.message.TxMessage.forward>`."""
        if self._away and self.active:
            self._do_later(partial(super().forward, data))
        else:
            super().forward(data)

    def reset(self, *, keep_values: bool) -> None:
        """See :meth:`TxMessage.reset <harness.restbus.message.TxMessage.reset>`."""
        self._fetch_awaited()
        super().reset(keep_values=keep_values)

    @property
    def tamper(self) -> Tamper | None:
        """See :class:`TxMessage <harness.restbus.message.TxMessage>`; may be set."""
        return self._tamper

    @tamper.setter
    def tamper(self, tamper: Tamper | None) -> None:
        self._tamper = tamper
        if tamper is not None and self._sends:
            self._take_back()

    @property
    def counter(self) -> int:
        """See the class; may be set."""
        return self._counter

    @counter.setter
    def counter(self, value: int) -> None:
        if self._away:
            self._forced = value
            self._take_back()
        else:
            self._counter = value

    # -- schedule --------------------------------------------------------------------------------------------------

    @property
    def _away(self) -> bool:
        """Whether nothing can be sent from here now: the kernel sends, or its last counter is not known yet."""
        return self._sends or bool(self._leaving)

    def _clear(self) -> None:
        super()._clear()
        self._counter = 0
        self._forced = 0 if self._leaving else None
        self._awaited.clear()
        for run in self._runs:
            run.forget_values()

    def _halt(self) -> None:
        super()._halt()
        self._later.clear()
        self._resume = False
        if self._sends:
            self._stop_kernel()
            self._look_for_the_end()

    def _cycle(self, ticket: int) -> None:
        if ticket != self._cycle_ticket:
            return
        if self._leaving:
            self._due = self._loop.now + LOOK_NS
            self._loop.post(self._due, MODEL, self._cycle, ticket)
        elif self._tamper is None and self._kernel.ready and self._hand_over():
            self._cycle_ticket = 0
        else:
            super()._cycle(ticket)

    def _hand_over(self) -> bool:
        """Let the kernel send, with the frame that is due now as the first; False when the adapter is gone."""
        kernel, counter = self._kernel, self._counter
        frames = self._sequence(counter)
        try:
            if self._task is None:
                self._task = kernel.make_task(frames, self._step)
            else:
                self._task.update(frames)
            started = kernel.clock()
            self._task.start()
        except AdapterError as error:
            kernel.judge(error)
            self._task = None
            return False
        self._sends = True
        self._awaited += [(self._version, started, change) for change in self._waiting]
        self._waiting = []
        self._run = KernelRun(kernel.origin + self._due, started, self._step, counter, frames, self._version)
        self._runs.append(self._run)
        return True

    def _sequence(self, first: int) -> tuple[Frame, ...]:
        """A frame with each counter, from ``first`` on."""
        known = self._frames
        counters = [*range(first, self.modulo), *range(first)]
        return tuple(known.get(counter) or self._make_frame(counter) for counter in counters)

    # -- values for the kernel -------------------------------------------------------------------------------------

    def _changed(self) -> None:
        super()._changed()
        if self._sends and not self._change_ticket:
            assert self._run is not None
            at = self._run.change_at(self._kernel.clock()) - self._kernel.origin
            self._ticket += 1
            self._change_ticket = self._ticket
            if at <= self._loop.now:
                self._give_values(self._ticket)
            else:
                self._loop.post(at, MODEL, self._give_values, self._ticket)

    def _give_values(self, ticket: int) -> None:
        run, task = self._run, self._task
        if ticket != self._change_ticket:
            return
        if not self._sends or run is None or task is None:
            self._change_ticket = 0
        elif run.crowded:
            self._loop.post(self._loop.now + LOOK_NS, MODEL, self._give_values, ticket)
        else:
            self._change_ticket = 0
            frames, at = self._sequence(run.first_counter), self._kernel.clock()
            try:
                task.update(frames)
            except AdapterError as error:
                self._kernel.judge(error)
            run.given(self._version, at, frames)

    # -- the way back ----------------------------------------------------------------------------------------------

    def _do_later(self, step: Callable[[], object]) -> None:
        self._later.append(step)
        self._take_back()

    def _take_back(self) -> None:
        """Go on here. The kernel is stopped shortly after a frame, when it is certain that it was the last one."""
        if not self._leaving:
            self._resume = True
            self._asked_at = self._kernel.clock()
            self._look_for_the_end()

    def _look_for_the_end(self) -> None:
        self._ticket += 1
        self._leaving = self._ticket
        self._leave(self._ticket)

    def _leave(self, ticket: int) -> None:
        if ticket != self._leaving:
            return
        run, now = self._run, self._kernel.clock()
        assert run is not None
        if self._sends and (run.certain(now) or now >= self._asked_at + SETTLE_NS):
            self._stop_kernel()
        stopped, complete = self._stopped_at, self._kernel.outbox.complete
        if not self._sends and (run.certain(stopped) or run.settled(stopped, complete)):
            self._taken_back(run)
        else:
            self._loop.post(self._loop.now + LOOK_NS, MODEL, self._leave, ticket)

    def _stop_kernel(self) -> None:
        self._sends = False
        assert self._task is not None
        try:
            self._task.stop()
        except AdapterError as error:
            self._task = None
            self._kernel.judge(error)
        self._stopped_at = self._kernel.clock()

    def _taken_back(self, run: KernelRun) -> None:
        """The kernel sends nothing more, and what it sent is known."""
        self._leaving = 0
        run.sent = run.known
        self._counter = run.counter if self._forced is None else self._forced
        self._forced = None
        if self._resume:
            self._resume = False
            self._go_on(run.newest + self._step - self._kernel.origin)
        later, self._later = self._later, []
        for step in later:
            step()

    def _go_on(self, due: int) -> None:
        """Send cyclically from here; what should have been sent while the end was looked for is left out."""
        now = self._loop.now
        cycles = max(0, (now - due) // self._step)
        if cycles:
            self._kernel.outbox.put(Missed(self._kernel.clock(), self.node, self.name, cycles))
        self._ticket += 1
        self._cycle_ticket, self._due = self._ticket, max(now, due + cycles * self._step)
        self._loop.post(self._due, MODEL, self._cycle, self._ticket)

    def adapter_lost(self) -> None:
        """Go on here until it is back, with frames that wait; the kernel has to be told everything anew."""
        if self._sends and self._run is not None:
            self._stop_kernel()
            self._resume = True
            self._taken_back(self._run)
        self._task = None

    def _post_frame(self) -> None:
        self._fetch_awaited()
        super()._post_frame()

    def _fetch_awaited(self) -> None:
        """What no frame of the kernel has carried is still to be delivered."""
        if self._awaited:
            self._waiting = [*(change for _, _, change in self._awaited), *self._waiting]
            self._awaited.clear()

    # -- echoes ----------------------------------------------------------------------------------------------------

    def came_back(self, heard: Heard) -> bool:
        """A frame was on the bus that was not sent from here; False when it is none of the kernel's either."""
        for run in self._runs:
            returned = run.came_back(heard.frame, heard.time)
            if returned is not None:
                self._take(run, returned, heard)
                return True
        for run in self._runs:
            returned = run.came_back(heard.frame, heard.time, surplus=True)
            if returned is not None:
                self._kernel.tell_of_surplus(self, heard.time)
                self._take(run, returned, heard)
                return True
        return False

    def _take(self, run: KernelRun, returned: Returned, heard: Heard) -> None:
        if returned.missed:
            self._kernel.missed(self, returned.missed, heard.time)
        still: list[tuple[int, int, Change]] = []
        for awaited in self._awaited:
            version, since, change = awaited
            if version <= returned.version and since <= heard.time:
                change.deliver(heard.time - self._kernel.origin)
            else:
                still.append(awaited)
        self._awaited = still
        self._kernel.sent(self.node, heard, heard.time - (run.due + returned.number * run.step))

    def silent_for(self, now: int) -> int:
        """How long no frame has come back although the next one is two periods over due, ns; 0 or less: all is well."""
        return now - self._run.newest - 2 * self._step if self._sends and self._run is not None else 0
