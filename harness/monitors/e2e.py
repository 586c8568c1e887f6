"""End-to-end protection of one message, as a receiver sees it: checksum, counter, and the AUTOSAR state machine.

The checks themselves are in :mod:`harness.monitors.e2e_machine`; whether a checksum is right says the message's
:class:`~harness.protection.Protector`. Every frame is one check. A cyclic message is also checked in every cycle
without a frame (NONEWDATA); what these made of the state is worked out when the next frame comes. A state that
is lost only because nothing came is no violation here: that is the cycle check's.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

from harness.errors import ConfigError
from harness.frames import Received
from harness.monitors.check import Check
from harness.monitors.e2e_machine import CheckResult, CounterCheck, E2ELimits, State, StateMachine
from harness.monitors.monitor import Kind, Outcome, Violation
from harness.monitors.rules import NOTHING, MessageRule, ProtectedReading

GROWING = frozenset({"P01", "P02"})
"""Profiles whose largest step of the counter grows while nothing valid comes."""
_NEVER = -(1 << 62)
_MOST_MISSED = 300
"""More checks without data than any window holds, and than any largest step grows."""


class E2ECheck(Check):
    """The protection of one message. tolerance: how late a frame may be without a missed check, ns.

    Violations: ``crc`` for a wrong checksum, ``counter`` for a repeated or wrong one, ``e2e`` when the state machine
    goes to INVALID. Lost frames up to ``max_delta`` are counted and allowed.
    Raises :class:`~harness.errors.ConfigError` for a message without protection.
    """

    family = "E2E protection"

    def __init__(self, rule: MessageRule, limits: E2ELimits, tolerance: int = 0) -> None:
        super().__init__()
        if rule.protector is None or rule.protection is None:
            raise ConfigError(f"message {rule.message.name!r} is not protected")
        self.rule = rule
        self.title = f"protection of {rule.message.name}"
        self.modulo = rule.protector.counter_modulo
        self._read: Callable[[bytes], ProtectedReading] = rule.reading or rule.protector.check
        self._counter = CounterCheck(limits, self.modulo, grows=rule.protection.profile.upper() in GROWING)
        self._machine = StateMachine(limits)
        self._limits = limits
        self._tolerance = tolerance
        self._patience = (rule.cycle_ns or 1 << 62) + tolerance
        self._next = -1  # the counter that changes nothing but itself; -1: every frame goes the long way
        self._last = _NEVER
        self._steady = 0
        self._results = dict.fromkeys(CheckResult, 0)
        self._frames = 0

    @property
    def state(self) -> State:
        """The state after the last frame."""
        return self._machine.state

    def wants(self, channel: str) -> Container[int]:
        """Its own identifier on its own channel."""
        return (self.rule.message.key,) if channel == self.rule.channel else ()

    def restart(self, since: int) -> None:
        """Before the first frame again: the sender began anew."""
        self._counter.restart()
        self._machine.restart()
        self._next = -1
        self._last = _NEVER

    @property
    def patience(self) -> int:
        """Longest gap without a missed check, ns."""
        return self._patience

    @property
    def following(self) -> int:
        """The counter that changes nothing but itself, in time and with a right checksum; -1: there is none."""
        return self._next

    def pass_over(self, frames: int, counter: int, time: int) -> None:
        """Take so many frames that each changed nothing but the counter; the last one's, and its end, ns."""
        self._counter.last = counter
        self._next = counter + 1 if counter + 1 < self.modulo else 0
        self._last = time
        self._steady += frames

    def receive(self, rx: Received) -> Sequence[Violation]:
        """One check."""
        time = rx[0]
        reading = self._read(rx[2][1])
        gap = time - self._last
        self._last = time
        counter = reading.counter
        if counter == self._next and reading.crc_ok and gap <= self._patience:
            self._next = counter + 1 if counter + 1 < self.modulo else 0
            self._steady += 1
            return NOTHING
        return NOTHING if rx.frame.remote else self._check(rx, reading.crc_ok, counter or 0, gap)

    def _check(self, rx: Received, crc_ok: bool, counter: int, gap: int) -> Sequence[Violation]:
        """A check that is not just one more of the same."""
        if self._next >= 0:
            self._counter.last = (self._next - 1) % self.modulo
        self._next = -1
        self._miss(gap)
        before = self._counter.last
        result = self._counter.frame(crc_ok, counter)
        self._results[result] += 1
        state = self._machine.state
        self._machine.add(result)
        if self._machine.steady() and self._counter.steady():
            self._next = (counter + 1) % self.modulo
        found = []
        if result is CheckResult.ERROR:
            found.append(self._violation(rx, gap, "crc", "a right checksum", "a wrong checksum"))
        elif result in (CheckResult.REPEATED, CheckResult.WRONG_SEQUENCE):
            assert before is not None
            found.append(
                self._violation(rx, gap, "counter", self._expected(before), f"counter {counter} ({result.value})")
            )
        if state is not State.INVALID and self._machine.state is State.INVALID:
            found.append(
                self._violation(rx, gap, "e2e", f"state {state.value} kept", f"state INVALID after {result.value}")
            )
        return self.note(*found) if found else NOTHING

    def _miss(self, gap: int) -> None:
        """The checks of a gap to which no frame came."""
        cycle = self.rule.cycle_ns
        if cycle and self._patience < gap < -_NEVER // 2:
            missed = -((self._tolerance - gap) // cycle) - 1
            self._results[CheckResult.NO_NEW_DATA] += missed
            for _ in range(min(missed, _MOST_MISSED)):
                self._machine.add(self._counter.missed())

    def _expected(self, before: int) -> str:
        following = (before + 1) % self.modulo
        more = self._limits.max_delta - 1
        return f"counter {following}{f', at most {more} lost' if more else ''}"

    def _violation(self, rx: Received, gap: int, kind: Kind, expected: str, actual: str) -> Violation:
        message, channel = self.rule.message, self.rule.channel
        assert self.rule.protection is not None
        name = {"crc": self.rule.protection.crc, "counter": self.rule.protection.counter}.get(kind)
        check = {"crc": "checksum", "counter": "counter"}.get(kind, "E2E state")
        signals = (f"{channel}.{message.name}.{name}",) if name else ()
        start = rx.time - gap if gap < _NEVER // -2 else rx.time  # from the frame before
        return Violation(
            kind, f"{check} of {message.name}", rx.time, start, rx.time, expected, actual, None, "",
            channel, message.name, signals, rx,
        )  # fmt: skip

    def finish(self, time: int) -> Sequence[Outcome]:
        """The results of all checks by number, and the state at the end."""
        counts = dict(self._results)
        counts[CheckResult.OK] += self._steady
        statistics = [(result.value, str(count)) for result, count in counts.items() if count]
        judged = time - self.began if sum(counts.values()) - counts[CheckResult.NO_NEW_DATA] else 0
        return self.outcome(judged, statistics=[*statistics, ("state", self._machine.state.value)])
