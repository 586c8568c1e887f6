"""What is wrong with frames that nobody here has sent: in a recording, or on the bus of a real vehicle."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from harness.bench.doubts import BEFORE_NS, DECIDED_NS, MEASURED, decide
from harness.bench.integrity import Incidents, Problem, of_frame
from harness.errors import HarnessError, Inconclusive, IntegrityError
from harness.evidence.events import Event
from harness.evidence.verdicts import Verdict
from harness.frames import Received
from harness.loop import DEADLINE, Loop
from harness.monitors.cycle import CycleCheck
from harness.monitors.latency import LatencyCheck
from harness.monitors.monitor import Monitor, Outcome, Violation
from harness.units import rough_text

if TYPE_CHECKING:
    from harness.bench.accounting import Accounting
    from harness.bench.file import Handling, Policy


class ObservedIncidents(Incidents):
    """Incidents in a recording or on a real bus: red for the messages that the test uses, collected for the rest.

    Frames of an actual vehicle are often odd where the test does not look. A policy that the test itself sets, and
    what the bench file says in so many words, hold as they are; so do the violations of what a test watches.
    strict: the kinds of problems that the bench file itself declares to *fail*.
    """

    accounting: Accounting | None = None
    """How exactly the world is measured; None for a recording of which that is not known."""

    late_limit: int = 0
    """How late the bench itself may be, ns, before that explains a violation that is a matter of time."""

    def __init__(self, loop: Loop, policy: Policy, journal: list[Event], strict: frozenset[str] = frozenset()) -> None:
        super().__init__(loop, policy, journal)
        self.initial = policy
        self.strict = strict
        self.used: set[tuple[str, int]] = set()
        """Channel and key of each message that the test has asked for."""
        self._unasked: dict[tuple[str, int], IntegrityError] = {}
        self.times: Callable[[str, str, int], list[int]] = lambda channel, message, since: []
        """When frames of a message of a channel came, from some instant (ns) on."""
        self.ours: Callable[[str, str], bool] = lambda channel, message: False
        """Whether this bench sends a message of a channel itself."""
        self._undecided: list[Violation] = []

    def handling(self, problem: Problem, rx: Received) -> Handling:
        """What a problem with this frame means that no monitor was asked to look for."""
        handling = super().handling(problem, rx)
        by_default = handling == "fail" and self.policy is self.initial and self.policy_key(problem) not in self.strict
        return "collect" if by_default and (rx.channel, rx.frame.key) not in self.used else handling

    def use(self, channel: str, key: int) -> None:
        """The test looks at a message. Raises what has been wrong with its frames in this test, before it did."""
        self.used.add((channel, key))
        left = self._unasked.pop((channel, key), None)
        if left is not None:
            raise self.record(left)

    def collect(self, problem: Problem, rx: Received, line: str, text: str) -> None:
        """See :meth:`Incidents.collect`. What would be red if the test had asked for the message is so when it does."""
        super().collect(problem, rx, line, text)
        if self._by_policy(problem) == "fail":
            self._unasked.setdefault((rx.channel, rx.frame.key), of_frame(text, line, rx.channel))

    def begin_test(self) -> None:
        """Another test begins in this world: what it did not see is not its own."""
        self._unasked.clear()

    def violated(self, violation: Violation) -> HarnessError | None:
        """As for every world; but what is a matter of time on a real bench is decided when that is known exactly."""
        if self.accounting is None or violation.kind not in MEASURED or self._by_policy(violation.kind) != "fail":
            return super().violated(violation)
        self._undecided.append(violation)
        if self.loop.failure is None:
            self.loop.post(self.loop.now + DECIDED_NS, DEADLINE, self._decide_later, violation)
        return None

    def _decide_later(self, violation: Violation) -> None:
        if violation in self._undecided:
            self._undecided.remove(violation)
            error = self._decided(violation, self.accounting)
            if error is not None:
                raise error

    def decide(self) -> HarnessError | None:
        """See :meth:`Incidents.decide`. Waits for what everybody knows about the time up to now."""
        if self._undecided and self.accounting is not None:
            with suppress(HarnessError):  # the world's failure, which is raised anyway
                self.accounting.settle()
        undecided, self._undecided = self._undecided, []
        errors = [self._decided(each, self.accounting) for each in undecided]
        return next((each for each in errors if each is not None), None)

    def _decided(self, violation: Violation, accounting: Accounting | None) -> HarnessError | None:
        """A violation that is nearer to its limit than was measured is a doubt, and no violation."""
        assert accounting is not None
        ours = self.ours(violation.channel, violation.message)
        decided = decide(violation, accounting, self._came(violation), ours=ours)
        if not decided.doubt:
            error = super().violated(violation)
            if isinstance(error, IntegrityError):
                error.punctual = decided.late_ns <= self.late_limit
            return error
        doubt = Inconclusive(decided.doubt)
        self.untold.append(violation)
        if not any(type(each) is Inconclusive for each in self.doubts):
            self.doubts.append(doubt)
            self.journal.append(Event(self.loop.now, "incident", str(doubt), Verdict.INCONCLUSIVE))
        return None

    def too_near(self, monitor: Monitor, outcome: Outcome) -> HarnessError | None:
        """See :meth:`Incidents.too_near`: against what stamps are worth even when nobody is late."""
        if self.accounting is None or not isinstance(monitor, (CycleCheck, LatencyCheck)) or outcome.count:
            return None
        left = outcome.time_margin
        if isinstance(monitor, CycleCheck) and not self.ours(monitor.rule.channel, monitor.rule.message.name):
            left = None if outcome.margin is None else round(outcome.margin * 1e6)
        stamps = max(self.accounting.stamps.values(), default=0)
        if left is None or left >= stamps:
            return None
        return Inconclusive(
            f"{outcome.check}: held, but with {rough_text(left)} to spare only, and the stamps of this bench are known "
            f"to within {rough_text(stamps)}"
        )

    def _came(self, violation: Violation) -> list[int]:
        """When frames of the message came that a violation is about, ns: from a second before it on."""
        return self.times(violation.channel, violation.message, max(0, violation.start - BEFORE_NS))
