"""What is wrong with frames that nobody here has sent: in a recording, or on the bus of a real vehicle."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.bench.integrity import Incidents, Problem
from harness.errors import HarnessError, Inconclusive
from harness.evidence.events import Event
from harness.evidence.verdicts import Verdict
from harness.frames import Received
from harness.loop import Loop
from harness.monitors.monitor import Kind, Violation
from harness.units import rough_text

if TYPE_CHECKING:
    from harness.bench.accounting import Accounting
    from harness.bench.file import Handling, Policy

MEASURED: frozenset[Kind] = frozenset({"cycle", "latency"})
"""Kinds of violations whose distance to the limit is a time."""


class ObservedIncidents(Incidents):
    """Incidents in a recording or on a real bus: red for the messages that the test uses, collected for the rest.

    Frames of an actual vehicle are often odd where the test does not look. A policy that the test itself sets, and
    what the bench file says in so many words, hold as they are; so do the violations of what a test watches.
    strict: the kinds of problems that the bench file itself declares to *fail*.
    """

    accounting: Accounting | None = None
    """How exactly the world is measured; None for a recording."""

    def __init__(self, loop: Loop, policy: Policy, journal: list[Event], strict: frozenset[str] = frozenset()) -> None:
        super().__init__(loop, policy, journal)
        self.initial = policy
        self.strict = strict
        self.used: set[tuple[str, int]] = set()
        """Channel and key of each message that the test has asked for."""

    def handling(self, problem: Problem, rx: Received) -> Handling:
        """What a problem with this frame means that no monitor was asked to look for."""
        handling = super().handling(problem, rx)
        by_default = handling == "fail" and self.policy is self.initial and self.policy_key(problem) not in self.strict
        return "collect" if by_default and (rx.channel, rx.frame.key) not in self.used else handling

    def violated(self, violation: Violation) -> HarnessError | None:
        """As for every world; but what is nearer to its limit than was measured is a doubt, and no violation."""
        measured = violation.kind in MEASURED and violation.margin is not None and violation.unit == "ms"
        if self.accounting is None or not measured:
            return super().violated(violation)
        assert violation.margin is not None
        uncertainty = self.accounting.uncertainty(violation.start, violation.end)
        if abs(violation.margin) * 1e6 >= uncertainty:
            return super().violated(violation)
        doubt = Inconclusive(
            f"{violation.check}: expected {violation.expected}, but {violation.actual}, which is known to within "
            f"{rough_text(uncertainty)} only ({self.accounting.text(violation.start, violation.end)})"
        )
        if not self.doubts:
            self.doubts.append(doubt)
            self.journal.append(Event(self.loop.now, "incident", str(doubt), Verdict.INCONCLUSIVE))
        return None
