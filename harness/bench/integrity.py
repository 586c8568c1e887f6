"""The guard of a channel: every frame is known, decodable and rightly protected, or the running test turns red.

What a declared disturbance explains is exempt, frame by frame; nothing else is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from harness.errors import HarnessError, IntegrityError, MonitorViolation
from harness.evidence.claims import margin_text
from harness.evidence.events import Claim, Event, Limit
from harness.evidence.verdicts import Verdict
from harness.frames import Received, id_text
from harness.monitors.monitor import Kind, Monitor, Outcome, Violation
from harness.units import time_text

if TYPE_CHECKING:
    from harness.bench.disturb import Disturbance
    from harness.bench.file import Handling, Policy
    from harness.bus.length import Lengths
    from harness.loop import Loop
    from harness.restbus import MessagePlan, Reading, Transmitter
    from harness.signals.network import Network
    from harness.signals.trace import Trace

Problem = Kind

TIMED: frozenset[Kind] = frozenset({"cycle", "silence", "e2e", "load", "latency"})
"""Kinds of violations that are a matter of time."""


class Incidents:
    """What went wrong in a world that no expectation asked about, and what the policy only collects.

    An incident raises at once, which stops the loop in the instant of the violation; it stays listed here, so that a
    test that swallows the exception is red all the same.
    """

    def __init__(self, loop: Loop, policy: Policy, journal: list[Event]) -> None:
        self.loop = loop
        self.policy = policy
        self.raised: list[HarnessError] = []
        self.collected: list[str] = []
        self.doubts: list[HarnessError] = []
        """What monitors could not tell at their end."""
        self.untold: list[Violation] = []
        """Violations that were found to be doubts."""
        self.disturbances: list[Disturbance] = []
        self.journal = journal
        self._judged: tuple[Problem, Received] | None = None

    def judge(self, problem: Problem, rx: Received, text: str, trace: Trace) -> None:
        """Apply the policy to a problem with one frame. Raises :class:`~harness.errors.IntegrityError` on *fail*."""
        handling = self.handling(problem, rx)
        # What is only collected here because nobody asked about it is left to a monitor that does ask.
        self._judged = (problem, rx) if handling == self._by_policy(problem) else None
        if any(disturbance.covers(problem, rx, trace) for disturbance in self.disturbances):
            return
        line = f"{time_text(rx.time)}  {rx.channel}  {rx.frame}{f'  from {rx.sender}' if rx.sender else ''}: {text}"
        if handling == "collect":
            self.collect(problem, rx, line, text)
        elif handling == "fail":
            raise self.record(of_frame(text, line, rx.channel))

    def collect(self, problem: Problem, rx: Received, line: str, text: str) -> None:
        """Note a problem with one frame for the summary."""
        self.collected.append(line)

    def violated(self, violation: Violation) -> HarnessError | None:
        """Apply the policy to what a monitor found; returns what is to be raised, already noted, or None.

        What the guard has judged already, the same kind in the same frame, is not judged twice.
        """
        rx = violation.seen if isinstance(violation.seen, Received) else None
        if rx is not None and self._judged is not None and self._judged == (violation.kind, rx):
            return None
        handling = self._by_policy(violation.kind)
        text = f"{violation.check}: expected {violation.expected}, but {violation.actual}"
        where = f"{time_text(violation.time)}  {violation.channel or 'all channels'}"
        line = f"{where}{f'  {rx.frame}' if rx is not None else ''}: {text}"
        if handling == "collect":
            self.collected.append(line)
        if handling != "fail":
            return None
        error: HarnessError
        if violation.kind == "property":
            error = MonitorViolation(f"{text}\n  {_span(violation)}", violation)
        else:
            error = IntegrityError(
                f"{text}\n  at: {line}\n  {_span(violation)}\n"
                "  If the test does this on purpose, declare it: with bench.disturb(...).",
                timed=violation.kind in TIMED,
                channel=violation.channel,
            )
        return self.record(error, _claim(violation))

    def too_near(self, monitor: Monitor, outcome: Outcome) -> HarnessError | None:
        """The doubt about a check that held, where it held by less than was measured; None: it held."""
        return None

    def decide(self) -> HarnessError | None:
        """Decide at once what was put off until more is known; returns what is to be raised, already noted, or None."""
        return None

    def handling(self, problem: Problem, rx: Received) -> Handling:
        """What a problem with this frame means that no monitor was asked to look for."""
        return self._by_policy(problem)

    def _by_policy(self, problem: Problem) -> Handling:
        return cast("Handling", getattr(self.policy, self.policy_key(problem)))

    @staticmethod
    def policy_key(problem: Problem) -> str:
        """The key of the policy that decides about a kind of problem."""
        return "protection" if problem in ("crc", "counter") else problem

    def record(self, error: HarnessError, claim: Claim | None = None) -> HarnessError:
        """Note an incident in the journal and return it for raising."""
        self.raised.append(error)
        title = str(error).splitlines()[0]
        self.journal.append(Event(self.loop.now, "incident", title, Verdict.FAILED, claim=claim))
        return error


def of_frame(text: str, line: str, channel: str) -> IntegrityError:
    """The incident that a problem with one frame is. line: the frame, as the summary has it."""
    return IntegrityError(
        f"{text}\n  seen: {line}\n  If the test does this on purpose, declare it: with bench.disturb(...).",
        channel=channel,
    )


def _span(violation: Violation) -> str:
    if violation.start == violation.end:
        return f"violated at {time_text(violation.start)}"
    return f"violated from {time_text(violation.start)} to {time_text(violation.end)}"


def _claim(violation: Violation) -> Claim:
    return Claim(
        violation.expected if violation.kind == "property" else f"{violation.check}: {violation.expected}",
        violation.actual,
        margin=margin_text(violation.margin, violation.unit),
        signals=violation.signals,
        limits=tuple(Limit(path, value) for path, value in violation.limits),
        window=(violation.start, violation.end),
    )


class Guard:
    """Feeds one channel's network with frames and judges each of them.

    lengths: of the channel's frames; None on a real channel, where a stamp may as well be a frame's beginning.
    """

    def __init__(self, network: Network, incidents: Incidents, lengths: Lengths | None) -> None:
        self._network = network
        self._lengths = lengths
        self._incidents = incidents
        self._supervised: dict[int, _Supervised] = {}

    def protect(self, plans: Iterable[MessagePlan], transmitter: Transmitter) -> None:
        """Check counter and checksum of these messages, sent by this transmitter, from now on."""
        for plan in plans:
            self._supervised[plan.message.key] = _Supervised(plan, transmitter)

    def receive(self, rx: Received) -> None:
        """Take one frame from the bus, before anybody else looks at it."""
        supervised = self._supervised.get(self._network.receive(rx))
        frame = rx[2]
        if supervised is None or frame[6]:
            problem = self._network.problem(rx)
            if problem is not None:
                self._refuse(rx, problem)
            return
        reading = supervised.readings[frame[1]]
        if (
            reading.intact
            and reading.counter == supervised.expected
            and supervised.reset_at == supervised.transmitter.reset_at
            and len(frame[1]) <= supervised.longest
        ):
            supervised.expected = reading.following
        else:
            self._examine(rx, reading, supervised)

    def _examine(self, rx: Received, reading: Reading, supervised: _Supervised) -> None:
        """A frame that is not just the next one."""
        expected, supervised.expected = supervised.expected, None
        problem = self._network.problem(rx)
        if problem is not None:
            self._refuse(rx, problem)
        elif not reading.crc_ok:
            self._judge("crc", rx, f"{supervised.title} has a wrong checksum")
        elif not supervised.transmitter.resetting:
            supervised.expected = reading.following
            # A frame whose last bits are on the wire when its sender is reset still arrives, with the old counter.
            began = rx.time - (self._lengths[rx.frame][1] if self._lengths is not None else 0)
            reset_at = max((at for at in supervised.transmitter.resets if at <= began), default=None)
            if supervised.reset_at != reset_at:
                supervised.reset_at = reset_at
            elif expected is not None and expected != reading.counter:
                text = f"{supervised.title} has the counter {reading.counter}, expected {expected}"
                self._judge("counter", rx, text)

    def _refuse(self, rx: Received, problem: str) -> None:
        self._judge("undecodable" if self._network.knows(rx.frame.key) else "unknown_frame", rx, problem)

    def _judge(self, problem: Problem, rx: Received, text: str) -> None:
        self._incidents.judge(problem, rx, text, self._network.trace)


class _Supervised:
    """What the guard knows of one message that a node of this bench sends.

    expected: the counter that the next frame is to have; None: whatever it is. reset_at: the sender's last reset from
    after which a frame has come.
    """

    __slots__ = ("_message", "expected", "longest", "readings", "reset_at", "transmitter")

    def __init__(self, plan: MessagePlan, transmitter: Transmitter) -> None:
        self.readings = plan.readings
        self.transmitter = transmitter
        self.reset_at = transmitter.reset_at
        self.expected: int | None = None
        self.longest = plan.message.longest
        self._message = plan.message

    @property
    def title(self) -> str:
        """The message as an incident calls it."""
        return f"{self._message.name} ({id_text(self._message.key)})"
