"""The guard of a channel: every frame is known, decodable and rightly protected, or the running test turns red.

What a declared disturbance explains is exempt, frame by frame; nothing else is.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from harness.errors import HarnessError, IntegrityError
from harness.evidence.events import Event
from harness.evidence.verdicts import Verdict
from harness.frames import Received, id_text
from harness.protection import Protector
from harness.units import time_text

if TYPE_CHECKING:
    from harness.bench.disturb import Disturbance
    from harness.bench.file import Policy
    from harness.loop import Loop
    from harness.signals.network import Network

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

    def judge(self, problem: Problem, rx: Received, text: str) -> None:
        """Apply the policy to a problem with one frame. Raises :class:`~harness.errors.IntegrityError` on *fail*."""
        if any(disturbance.covers(problem, rx) for disturbance in self.disturbances):
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

    def __init__(
        self, network: Network, protectors: Mapping[int, tuple[str, Protector]], incidents: Incidents
    ) -> None:
        self._network = network
        self._protectors = protectors
        self._incidents = incidents
        self._counters: dict[int, int] = {}

    def receive(self, rx: Received) -> None:
        """Take one frame from the bus, before anybody else looks at it."""
        network = self._network
        network.receive(rx)
        reason = network.problem(rx)
        key = rx.frame.key
        if reason is not None:
            known = network.knows(key)
            self._incidents.judge("undecodable" if known else "unknown_frame", rx, reason)
            return
        entry = self._protectors.get(key)
        if entry is not None and not rx.frame.remote:
            name, protector = entry
            check = protector.check(rx.frame.data)
            if not check.crc_ok:
                self._incidents.judge("crc", rx, f"{name} ({id_text(key)}) has a wrong checksum")
                return
            last = self._counters.get(key)
            self._counters[key] = check.counter
            if last is not None and check.counter != (last + 1) % protector.counter_modulo:
                expected = (last + 1) % protector.counter_modulo
                self._incidents.judge(
                    "counter", rx, f"{name} ({id_text(key)}) has the counter {check.counter}, expected {expected}"
                )

    def forget(self, keys: set[int]) -> None:
        """Expect no particular counter in the next frame of these identifiers: their sender has restarted."""
        for key in keys:
            self._counters.pop(key, None)
