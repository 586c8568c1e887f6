"""What most checks of a bus contract have in common: they keep their first violations, and mostly have no deadline."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import ClassVar

from harness.frames import ErrorFrame, Received
from harness.monitors.monitor import Outcome, Violation
from harness.monitors.rules import KEPT, NOTHING

Receive = Callable[[Received], Sequence[Violation]]
"""Takes one frame."""


class Check:
    """Base of the checks, each a :class:`~harness.monitors.monitor.Monitor`."""

    family: ClassVar[str]
    """What the checks of its sort are called together."""
    settles = False
    rest: int | None = None
    """While it is not due, it is so no sooner than so long after now, ns; None: a frame does not make it due."""
    title: str

    def __init__(self) -> None:
        self.began = 0
        """When it began to watch, ns."""
        self.violations: list[Violation] = []
        """The first ones."""
        self.count = 0
        """How many there were."""

    @property
    def due(self) -> int | None:
        """No deadline."""
        return None

    def begin(self, time: int) -> None:
        """Judge from ``time`` (ns) on."""
        self.began = time

    def wants(self, channel: str) -> Container[int] | None:
        """What the check says."""
        raise NotImplementedError

    def receiver(self, channel: str, key: int) -> Receive:
        """What frames of this identifier are given to: :meth:`receive`, or the part of it that is meant for them."""
        return self.receive

    def receive(self, rx: Received) -> Sequence[Violation]:
        """What the check does."""
        raise NotImplementedError

    def finish(self, time: int) -> Sequence[Outcome]:
        """What the check found."""
        raise NotImplementedError

    def restart(self, since: int) -> None:
        """Forget what was expected: what has gone wrong up to ``since`` (ns) is explained by something else."""

    def receive_error(self, error: ErrorFrame) -> Sequence[Violation]:
        """Error frames carry nothing."""
        return NOTHING

    def advance(self, time: int) -> Sequence[Violation]:
        """No deadline."""
        return NOTHING

    def note(self, *violations: Violation) -> Sequence[Violation]:
        """Count violations, keep the first ones, and return them."""
        self.count += len(violations)
        self.violations += violations[: KEPT - len(self.violations)]
        return violations

    def outcome(
        self,
        judged_ns: int,
        margin: float | None = None,
        unit: str = "",
        time_margin: int | None = None,
        statistics: Sequence[tuple[str, str]] = (),
    ) -> Sequence[Outcome]:
        """The outcome with what was noted."""
        return (
            Outcome(
                self.title, tuple(self.violations), self.count, judged_ns, "", margin, unit, time_margin,
                tuple(statistics),
            ),
        )  # fmt: skip
