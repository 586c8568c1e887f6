"""Which messages of a world the kernel sends, and what it reports of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from harness.adapter.items import Heard, Missed, Sent, Trouble
from harness.adapter.kernel_cyclic import MOST_FRAMES
from harness.adapter.kernel_message import KernelMessage, MakeTask
from harness.adapter.outbox import Outbox
from harness.adapter.output import FOREVER, PATIENCE_NS, Output
from harness.adapter.refusals import Meaning, meaning_of
from harness.errors import AdapterError
from harness.loop import Loop, Owner
from harness.restbus import MessagePlan, SendType, Transmitter, TxMessage
from harness.units import time_text

if TYPE_CHECKING:
    from harness.bus.port import Port


def for_the_kernel(plan: MessagePlan) -> bool:
    """Whether the kernel can send a message: it is purely cyclic, and its counter is not too long."""
    return (
        bool(plan.cycle_ns)
        and plan.send_type == SendType.CYCLIC
        and not any(kind & ~SendType.CYCLIC for kind in plan.triggers.values())
        and not plan.min_delay_ns
        and (plan.protector is None or plan.protector.counter_modulo <= MOST_FRAMES)
    )


class KernelTransmitter(Transmitter):
    """A transmitter whose purely cyclic messages are sent by the kernel, as far as they can be."""

    def __init__(
        self, loop: Loop, port: Port, plans: Iterable[MessagePlan], owner: Owner, kernel: KernelSending
    ) -> None:
        self._kernel = kernel
        super().__init__(loop, port, plans, owner)

    def _message(self, plan: MessagePlan) -> TxMessage:
        if not for_the_kernel(plan) or plan.message.key in self._kernel.messages:
            return super()._message(plan)
        message = KernelMessage(self._loop, self.port, plan, self.owner, self._kernel)
        self._kernel.messages[message.key] = message
        return message


class KernelSending:
    """What the messages of one world share that the kernel sends. All calls with the outbox' turn held.

    make_task: as the driver does it. messages: by identifier key.

    Their frames are reported as :class:`~harness.adapter.items.Sent` when they come back. ``late_ns`` is counted up to
    the echo, from the instant on the absolute schedule of the run: that begins when the message was last handed over to
    the kernel, and goes on by the nominal period, also over frames that were lost. The kernel keeps no such schedule
    (each period is longer by the latency of its timer), so the lateness of a long run grows: that is its drift. A
    frame that never comes back is :class:`~harness.adapter.items.Missed`. Which ones were lost is told from the
    sequence of counters; of a message without a counter, from the time between two frames, so that there a frame that
    the kernel sends 1.75 periods after the last one counts as one missed, too.
    """

    def __init__(
        self,
        loop: Loop,
        origin_ns: int,
        output: Output,
        outbox: Outbox,
        clock: Callable[[], int],
        make_task: MakeTask,
    ) -> None:
        self.origin, self.outbox, self.clock, self.make_task = origin_ns, outbox, clock, make_task
        self.messages: dict[int, KernelMessage] = {}
        self._loop, self._output = loop, output
        self._told: set[str] = set()

    def transmitter(self, port: Port, plans: Iterable[MessagePlan], owner: Owner) -> Transmitter:
        """What a node sends."""
        return KernelTransmitter(self._loop, port, plans, owner, self)

    @property
    def ready(self) -> bool:
        """Whether the kernel may be given something: the adapter is there, and none of our frames waits for room."""
        return not self._output.lost and self._output.retry_at == FOREVER

    def judge(self, error: AdapterError) -> None:
        """Raise what the kernel refused, unless it did so because the adapter is gone; the receiver reports that."""
        if not self._output.lost and meaning_of(error.__cause__ or error) is not Meaning.LOST:
            raise error

    def advance(self) -> None:
        """Take everything back when the adapter is gone."""
        if self._output.lost:
            for message in self.messages.values():
                message.adapter_lost()

    # -- what is reported ------------------------------------------------------------------------------------------

    def echoed(self, heard: Heard) -> bool:
        """A frame that was not sent from here was on the bus; False when the kernel did not send it either."""
        message = self.messages.get(heard.frame.key)
        return message is not None and message.came_back(heard)

    def sent(self, node: str, heard: Heard, late_ns: int) -> None:
        """Report a frame, with the changes that have just been delivered by it."""
        tickets = tuple(self._output.tickets)
        self._output.tickets.clear()
        self.outbox.put(Sent(heard.time, node, heard.frame, late_ns, tickets))

    def missed(self, message: KernelMessage, count: int, time: int) -> None:
        """Report frames that did not come back, before one that did."""
        self.outbox.put(Missed(time, message.node, message.name, count))
        text = (
            'cyclic = "kernel": frames did not come back, as the kernel had no room for them (the bus is overloaded or '
            "off; ip link set NAME txqueuelen 1000 gives more), or was more than a cycle late; the first: "
        )
        self._tell_once("missed", f"{text}{message.name} of {message.node}", time)

    def tell_of_surplus(self, message: KernelMessage, time: int) -> None:
        """A frame came back after it had been given up."""
        text = (
            f'cyclic = "kernel": a frame of {message.name} came back so late that its counter had been used for '
            "another one: bus or computer are overloaded"
        )
        self._tell_once(message.name, text, time)

    def _tell_once(self, what: str, text: str, time: int) -> None:
        if what not in self._told:
            self._told.add(what)
            self.outbox.put(Trouble(time, text, False))

    def stuck(self, now: int) -> str | None:
        """What to say of a message that has not been on the bus for too long; None when all is well."""
        for message in self.messages.values():
            if message.silent_for(now) > PATIENCE_NS:
                return (
                    f"{message.name} of {message.node}, which the kernel sends, has not been on the bus for "
                    f"{time_text(PATIENCE_NS)}"
                )
        return None
