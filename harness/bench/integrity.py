"""The guard of a channel: every frame is known, decodable and rightly protected, or the running test turns red.

What a declared disturbance explains is exempt, frame by frame; nothing else is.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Literal

from harness.errors import HarnessError, IntegrityError
from harness.evidence.events import Event
from harness.evidence.verdicts import Verdict
from harness.frames import EXTENDED, Received, id_text
from harness.protection import Protector
from harness.units import time_text

if TYPE_CHECKING:
    from harness.bench.disturb import Disturbance
    from harness.bench.file import Policy
    from harness.bus.length import BitTimes
    from harness.loop import Loop
    from harness.restbus import MessagePlan, Transmitter
    from harness.signals.network import Network
    from harness.signals.trace import Trace

Problem = Literal["unknown_frame", "undecodable", "crc", "counter"]


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
        self.disturbances: list[Disturbance] = []
        self._journal = journal

    def judge(self, problem: Problem, rx: Received, text: str, trace: Trace) -> None:
        """Apply the policy to a problem with one frame. Raises :class:`~harness.errors.IntegrityError` on *fail*."""
        if any(disturbance.covers(problem, rx, trace) for disturbance in self.disturbances):
            return
        handling = getattr(self.policy, problem if problem in ("unknown_frame", "undecodable") else "protection")
        line = f"{time_text(rx.time)}  {rx.channel}  {rx.frame}{f'  from {rx.sender}' if rx.sender else ''}: {text}"
        if handling == "collect":
            self.collected.append(line)
        elif handling == "fail":
            raise self.record(
                IntegrityError(
                    f"{text}\n  seen: {line}\n  If the test does this on purpose, declare it: with bench.disturb(...)."
                )
            )

    def record(self, error: HarnessError) -> HarnessError:
        """Note an incident in the journal and return it for raising."""
        self.raised.append(error)
        title = str(error).splitlines()[0]
        self._journal.append(Event(self.loop.now, "incident", title, Verdict.FAILED))
        return error


class Guard:
    """Feeds one channel's network with frames and judges each of them."""

    def __init__(self, network: Network, incidents: Incidents, times: BitTimes) -> None:
        self._network = network
        self._times = times
        self._incidents = incidents
        self._protected: dict[int, _Protected] = {}

    def protect(self, plans: Iterable[MessagePlan], transmitter: Transmitter) -> None:
        """Check counter and checksum of these messages, sent by this transmitter, from now on."""
        for plan in plans:
            if plan.protector is not None:
                self._protected[plan.message.key] = _Protected(plan, plan.protector, transmitter, self._times)

    def receive(self, rx: Received) -> None:
        """Take one frame from the bus, before anybody else looks at it."""
        network = self._network
        network.receive(rx)
        reason = network.problem(rx)
        frame = rx[2]
        protected = self._protected.get(frame[0] | EXTENDED if frame[2] else frame[0])
        if reason is not None:
            if protected is not None:
                protected.forget()
            self._judge("undecodable" if network.knows(frame.key) else "unknown_frame", rx, reason)
        elif protected is not None and not frame[6]:
            crc_ok, counter = protected.check(frame[1])
            if not crc_ok:
                protected.forget()
                self._judge("crc", rx, f"{protected.name} ({id_text(frame.key)}) has a wrong checksum")
                return
            expected = protected.follow(counter, rx)
            if expected != counter:
                text = f"{protected.name} ({id_text(frame.key)}) has the counter {counter}, expected {expected}"
                self._judge("counter", rx, text)

    def _judge(self, problem: Problem, rx: Received, text: str) -> None:
        self._incidents.judge(problem, rx, text, self._network.trace)


class _Protected:
    """What the guard knows of one protected message."""

    __slots__ = ("_last", "_reset_at", "_times", "_transmitter", "check", "modulo", "name")

    def __init__(self, plan: MessagePlan, protector: Protector, transmitter: Transmitter, times: BitTimes) -> None:
        self.name = plan.message.name
        self.check = protector.check
        self.modulo = protector.counter_modulo
        self._transmitter = transmitter
        self._times = times
        self._reset_at = transmitter.reset_at
        self._last: int | None = None

    def forget(self) -> None:
        """Expect nothing of the next counter: this frame's could not be trusted."""
        self._last = None

    def follow(self, counter: int, rx: Received) -> int:
        """The counter that was to be expected; any in the first frame, and in the first after the sender's reset."""
        last, self._last = self._last, counter
        reset_at = self._transmitter.reset_at
        # A frame whose last bits are on the wire when its sender is reset still arrives, with the counter of before.
        if reset_at != self._reset_at and reset_at is not None and rx.time - self._times.duration(rx.frame) >= reset_at:
            self._reset_at = reset_at
            return counter
        if last is None:
            return counter
        return last + 1 if last + 1 < self.modulo else 0
