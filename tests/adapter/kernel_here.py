"""A world whose cyclic frames the kernel sends, in a time of its own: kernel, bus and reader are the test's."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from harness.adapter.commands import Switch, Tell
from harness.adapter.items import Heard, Missed, Report, Sent, Trouble
from harness.adapter.outbox import Outbox
from harness.adapter.remote_world import RemoteWorld
from harness.frames import Frame
from harness.restbus import MessagePlan
from tests.restbus.scripted_port import MS

US = 1000
STEP = 100 * US
ORIGIN = 7_000 * MS


class Kept(Outbox):
    """Keeps all that is reported."""

    def __init__(self, clock: Callable[[], int]) -> None:
        super().__init__(clock)
        self.reports: list[Report] = []

    def put(self, item: Report) -> None:
        self.reports.append(item)


class KernelTaskHere:
    """The broadcast manager's view of one message, as ``net/can/bcm.c`` has it; ``late``: of its timer, each time."""

    def __init__(self, rig: Rig, frames: Sequence[Frame], period_ns: int) -> None:
        self.rig, self.frames, self.period = rig, tuple(frames), period_ns
        self.at = 0
        self.due: int | None = None
        self.starts = self.updates = 0
        self.refusal: Exception | None = None

    def start(self) -> None:
        if self.refusal is not None:
            raise self.refusal
        self.starts += 1
        self.at = 0
        self.send()

    def update(self, frames: Sequence[Frame]) -> None:
        if self.refusal is not None:
            raise self.refusal
        assert len(frames) == len(self.frames)
        self.frames = tuple(frames)
        self.updates += self.due is not None

    def stop(self) -> None:
        self.due = None
        if self.refusal is not None:
            raise self.refusal

    def send(self) -> None:
        if self.rig.dropping:
            self.rig.dropping -= 1
        else:
            self.rig.on_the_bus(self.frames[self.at], "kernel")
        self.at = (self.at + 1) % len(self.frames)
        self.due = self.rig.now + self.period + self.rig.kernel_late


class Rig:
    """A world of one node BODY. transit: from sending to the echo's stamp; lag: from there until it is read."""

    def __init__(self, *plans: MessagePlan, transit: int = 200 * US, lag: int = 1 * MS) -> None:
        self.now = ORIGIN
        self.transit, self.lag = transit, lag
        self.kernel_late = 0
        self.dropping = 0
        self.full = False
        self.bus: list[tuple[int, Frame, str]] = []  # when sent, frame, by whom
        self._echoes: deque[Heard] = deque()
        self.tasks: dict[int, list[KernelTaskHere]] = {}
        self.outbox = Kept(lambda: self.now)
        self.world = RemoteWorld(
            "can", {"BODY": plans}, {}, ORIGIN, self, self.outbox, lambda: self.now, echo=True, cyclic=self.cyclic
        )
        self._ticket = 0

    # -- the driver ----------------------------------------------------------------------------------------------

    def send(self, frame: Frame) -> bool:
        if self.full:
            return False
        self.on_the_bus(frame, "process")
        return True

    def cyclic(self, frames: Sequence[Frame], period_ns: int) -> KernelTaskHere:
        task = KernelTaskHere(self, frames, period_ns)
        self.tasks.setdefault(frames[0].key, []).append(task)
        return task

    def on_the_bus(self, frame: Frame, by: str) -> None:
        self.bus.append((self.now, frame, by))
        self._echoes.append(Heard(self.now + self.transit, frame, own=True))

    def task(self, plan: MessagePlan) -> KernelTaskHere:
        return self.tasks[plan.message.key][-1]

    # -- time ------------------------------------------------------------------------------------------------------

    def run(self, milliseconds: float, *, process: bool = True) -> None:
        """Let time go on; process: whether the channel process runs."""
        end = self.now + round(milliseconds * MS)
        while self.now < end:
            self.now += STEP
            for tasks in self.tasks.values():
                for task in tasks:
                    if task.due is not None and task.due <= self.now:
                        task.send()
            if process:
                self.read()
                self.world.advance()

    def read(self) -> None:
        while self._echoes and self._echoes[0].time + self.lag <= self.now:
            assert self.world.output.echoed(self._echoes.popleft()), "an own frame that nobody knows"
        self.outbox.completed(self.now - self.lag - 1)

    def until(self, condition: Callable[[], object], limit_ms: float = 1000) -> None:
        end = self.now + round(limit_ms * MS)
        while not condition():
            assert self.now < end
            self.run(0.1)

    # -- commands --------------------------------------------------------------------------------------------------

    def tell(self, plan: MessagePlan, action: str, argument: Any = None) -> int:
        """Returns the command's ticket."""
        self._ticket += 1
        self.world.obey(Tell(self._ticket, "BODY", plan.message.name, action, argument))
        return self._ticket

    def set(self, plan: MessagePlan, **values: float) -> int:
        return self.tell(plan, "set", (values, False))

    def switch(self, action: Any, *, keep_values: bool = False) -> None:
        self._ticket += 1
        self.world.obey(Switch(self._ticket, "BODY", action, keep_values))

    # -- reports ---------------------------------------------------------------------------------------------------

    def of(self, kind: type[Any]) -> list[Any]:
        return [item for item in self.outbox.reports if isinstance(item, kind)]

    def carrier(self, ticket: int) -> Sent | None:
        return next((item for item in self.of(Sent) if ticket in item.tickets), None)

    def frames(self, plan: MessagePlan) -> list[Frame]:
        return [frame for _, frame, _ in self.bus if frame.key == plan.message.key]

    def senders(self, plan: MessagePlan) -> str:
        """Who sent each frame of a message, ``k`` or ``p``."""
        return "".join(by[0] for _, frame, by in self.bus if frame.key == plan.message.key)

    def counters(self, plan: MessagePlan) -> list[int]:
        """Of all frames on the bus, whose checksums have to be right."""
        assert plan.protector is not None
        checks = [plan.protector.check(frame.data) for frame in self.frames(plan)]
        assert all(check.crc_ok for check in checks)
        return [check.counter for check in checks]

    def all_is_told(self) -> None:
        """Each frame was reported once, in order, and nothing else was."""
        self.run((self.transit + self.lag) / MS + 0.2)
        assert [item.frame for item in self.of(Sent)] == [frame for _, frame, _ in self.bus][: len(self.of(Sent))]
        assert len(self.of(Sent)) >= len(self.bus) - len(self.tasks)  # those that were sent while the rest came
        assert self.of(Trouble) == self.of(Missed) == []
        tickets = [ticket for item in self.of(Sent) for ticket in item.tickets]
        assert len(tickets) == len(set(tickets))
