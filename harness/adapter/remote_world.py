"""One world as a channel process has it: a loop, and the transmitters of all nodes that this bench sends for."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from harness.adapter.commands import Send, Switch, Tell
from harness.adapter.items import Done, Missed, Trouble
from harness.adapter.outbox import Outbox
from harness.adapter.output import FOREVER, NodePort, Output, Taker, TicketChange
from harness.errors import SimulationError
from harness.frames import Frame
from harness.loop import Loop, Owner
from harness.restbus import MessagePlan, ScheduledMessage, Tamper, Transmitter
from harness.restbus.schedule import MOST_LATE
from harness.units import time_text

if TYPE_CHECKING:
    from harness.adapter.kernel_message import MakeTask
    from harness.adapter.kernel_sending import KernelSending

HOLD_NS = 2_000_000
"""After so long with frames to send, commands and reports get their turn, ns; what is due at one instant goes first."""


class TimedLoop(Loop):
    """A loop that can be asked when to run it."""

    @property
    def due(self) -> int:
        """When the next event is due, ns; :data:`~harness.adapter.output.FOREVER` for none."""
        return self._heap[0][0] if self._heap else FOREVER


class RemoteWorld:
    """What one channel process sends for one world of the test process. All calls with the outbox' turn held.

    origin_ns: the world's time 0, clock_ns. echo: whether the driver tells when a frame is on the bus. cyclic: lets the
    kernel send what is purely cyclic; None: this process does.
    """

    def __init__(
        self,
        channel: str,
        plans: Mapping[str, tuple[MessagePlan, ...]],
        drift_ppm: Mapping[str, float],
        origin_ns: int,
        taker: Taker,
        outbox: Outbox,
        clock: Callable[[], int],
        *,
        echo: bool,
        cyclic: MakeTask | None = None,
    ) -> None:
        self.loop = TimedLoop()
        self._origin, self._outbox, self._clock = origin_ns, outbox, clock
        self._cycles = {
            (node, plan.message.key): (plan.message.name, cycle)
            for node, each in plans.items()
            for plan in each
            if (cycle := plan.cycle_ns or plan.fast_cycle_ns)
        }
        self._shortest = min((cycle for _, cycle in self._cycles.values()), default=FOREVER)
        self.output = Output(
            self.loop, origin_ns, taker, outbox, clock,
            echo=echo, overdue=self._overdue, overdue_ns=self._shortest,
        )  # fmt: skip
        self._kernel: KernelSending | None = None
        transmitter: Callable[..., Transmitter] = partial(Transmitter, self.loop)
        if cyclic is not None:
            # Takes python-can along, which only finds its interfaces when the process knows where to look for modules.
            from harness.adapter.kernel_sending import KernelSending

            self._kernel = KernelSending(self.loop, origin_ns, self.output, outbox, clock, cyclic)
            self.output.elsewhere, transmitter = self._kernel, self._kernel.transmitter
        self._transmitters = {
            node: transmitter(NodePort(channel, node, self.output), each, Owner(node, drift_ppm.get(node, 0.0)))
            for node, each in plans.items()
        }
        self._enough_at = 0
        self._tampers: dict[int, Tamper] = {}

    # -- time ----------------------------------------------------------------------------------------------------------

    @property
    def due_ns(self) -> int:
        """When there is something to do, clock_ns."""
        due = self.loop.due
        return min(self._origin + due, self.output.retry_at) if due < FOREVER else self.output.retry_at

    def advance(self) -> None:
        """Send what is due by now, as far as that does not take much longer than :data:`HOLD_NS`."""
        begin = self._clock()
        self._enough_at = begin + HOLD_NS
        now = begin - self._origin
        late = now - self.loop.due
        if late > MOST_LATE * self._shortest:
            self._leave_out(now, late)
        if now >= self.loop.now:
            self.loop.run_until(now, self._enough)
        if self.output.retry_at <= self._clock():
            self.output.flush()
        if self._kernel is not None:
            self._kernel.advance()

    def _enough(self) -> bool:
        """Whether the others have to get their turn before the rest of what is due."""
        return self._clock() >= self._enough_at

    def _leave_out(self, now: int, late: int) -> None:
        count, messages = 0, 0
        for node, transmitter in self._transmitters.items():
            for message in transmitter.messages:
                assert isinstance(message, ScheduledMessage)
                cycles = message.catch_up(now)
                if cycles:
                    self._outbox.put(Missed(self._clock(), node, message.name, cycles))
                    count, messages = count + cycles, messages + 1
        if count:
            text = (
                f"{count} frames of {messages} messages were left out: the process that sends them stood still for "
                f"{time_text(late)} (an overloaded or sleeping machine?)"
            )
            self._outbox.put(Trouble(self._clock(), text, False))

    def _overdue(self, node: str, frame: Frame, late_ns: int) -> None:
        name, cycle = self._cycles.get((node, frame.key), ("", FOREVER))
        if late_ns >= cycle:
            self._outbox.put(Missed(self._clock(), node, name, late_ns // cycle))

    # -- commands ------------------------------------------------------------------------------------------------------

    def obey(self, command: Switch | Tell | Send) -> None:
        """Do what the test process asks for, now."""
        self.loop.call(partial(self._obey, command))
        if self.output.tickets:
            self._outbox.put(Done(self._clock(), tuple(self.output.tickets)))
            self.output.tickets.clear()

    def _obey(self, command: Switch | Tell | Send) -> None:
        if isinstance(command, Tell):
            message = self._transmitters[command.node].message(command.message)
            assert isinstance(message, ScheduledMessage)
            self._tell(message, command)
        elif isinstance(command, Switch):
            self._switch(self._transmitters[command.node], command)
        else:
            self.output.post(command.node, command.frame, None, command.ticket)

    def _switch(self, transmitter: Transmitter, command: Switch) -> None:
        if command.action == "start":
            transmitter.start()
        elif command.action == "stop":
            transmitter.stop()
        else:
            self.output.drop(command.node)
            transmitter.reset(keep_values=command.keep_values)
            self.output.tickets.append(command.ticket)

    def _tell(self, message: ScheduledMessage, command: Tell) -> None:
        action, argument = command.action, command.argument
        if action == "set":
            values, force = argument
            message.set(values, force=force, change=TicketChange(command.ticket, self.output.tickets))
        elif action == "update":
            message.update(argument)
        elif action == "send_now":
            message.send_now(TicketChange(command.ticket, self.output.tickets))
        elif action == "forward":
            message.forward(argument)
        elif action == "start":
            message.start()
        elif action == "stop":
            message.stop()
        elif action == "tamper":
            self._disturb(message, *argument)
        elif action in ("counter", "on_request"):
            setattr(message, action, argument)
        else:
            raise SimulationError(f"a message cannot be told to {action!r}")

    def _disturb(self, message: ScheduledMessage, number: int, pickled: bytes | None) -> None:
        """One tamper of several messages is one object here too: it counts them together."""
        if pickled is None:
            message.tamper = None
            return
        if number not in self._tampers:
            self._tampers[number] = pickle.loads(pickled)
        message.on_tampered = partial(self.output.tampered, message.node, message.name, number)
        message.tamper = self._tampers[number]

    def stop(self) -> None:
        """Send nothing more, not even what waits."""
        for transmitter in self._transmitters.values():
            transmitter.stop()
        self.output.drop()
