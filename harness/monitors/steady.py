"""The steady path of a message: frames that are just the next one are recognised at once, for all its checks together.

On a bus where all is well nearly every frame has a payload that is right, the counter that follows, and comes in time.
Such a frame changes nothing in the checks of its message but the time, the counter and the statistics. :class:`Steady`
recognises it, keeps those three, and tells the checks before they are asked about anything else.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.frames import Received
from harness.memo import Memo
from harness.monitors.contents import Contents
from harness.monitors.cycle import CycleCheck
from harness.monitors.e2e import E2ECheck
from harness.monitors.monitor import Monitor

_REMEMBERED = 4096
_WRONG = -2
"""The counter of payloads that have to be looked at; no frame is expected to have it."""
_ASK = -1
"""No counter is expected: the checks have to be asked."""


class Steady:
    """The checks of one message as long as nothing happens.

    contents, cycle, e2e: of the same message; without e2e it is not protected. Whoever holds it puts every frame of the
    message before :meth:`passes`, and before the checks themselves what does not pass; and calls :meth:`settle` before
    a check is asked for anything but its deadline.
    """

    __slots__ = (
        "_append", "_counters", "_cycle", "_e2e", "_expected", "_judged", "_longest", "_modulo", "checks",
    )  # fmt: skip

    def __init__(self, contents: Contents, cycle: CycleCheck, e2e: E2ECheck | None) -> None:
        self.checks: tuple[Monitor, ...] = (contents, cycle) if e2e is None else (contents, cycle, e2e)
        """Those that need not see a frame that passes."""
        self._cycle = cycle
        self._e2e = e2e
        self._append = cycle.gaps.append
        self._counters = counters_of(contents)
        self._modulo = 1 if e2e is None else e2e.modulo
        self._longest = cycle.longest if e2e is None else min(cycle.longest, e2e.patience)
        self._expected = _ASK
        self._judged = 0

    def passes(self, rx: Received) -> bool:
        """Take a frame if it is just the next one; False: it is for the checks."""
        cycle = self._cycle
        time = rx[0]
        gap = time - cycle.last
        expected = self._expected
        if self._counters[rx[2][1]] == expected and cycle.low <= gap <= self._longest:
            cycle.last = time
            self._append(gap)
            expected += 1
            self._expected = expected if expected < self._modulo else 0
            return True
        if expected != _ASK:
            self.settle()
            return False
        self._judged = self._cycle.judged
        self._expected = 0 if self._e2e is None else self._e2e.following
        return self._expected != _ASK and self.passes(rx)

    def settle(self) -> None:
        """Tell the checks what has passed since they were asked last."""
        if self._e2e is not None and self._expected != _ASK:
            passed = self._cycle.judged - self._judged
            if passed:
                self._e2e.pass_over(passed, (self._expected - 1) % self._modulo, self._cycle.last)
        self._expected = _ASK


def counters_of(contents: Contents) -> Memo[bytes, int]:
    """The counters of a message's payloads by payload, 0 without protection; less than 0 for one that is not right.

    Found out once, for all worlds.
    """
    rule = contents.rule
    found = rule.shared.get("counters")
    if not isinstance(found, Memo):
        payloads, read = contents.payloads, rule.reading or (rule.protector.check if rule.protector else None)

        def counter(data: bytes) -> int:
            if not payloads.certain(data) and payloads.faulty[data]:
                return _WRONG
            if read is None or rule.protector is None:
                return 0
            reading = read(data)
            return reading.counter if reading.crc_ok and reading.counter is not None else _WRONG

        found = rule.shared["counters"] = Memo(counter, _REMEMBERED)
    return found


def steady_path(monitors: Iterable[Monitor]) -> Steady | None:
    """What recognises the steady frames of a message, of the monitors that want them; None where nothing can.

    It takes one check of each sort: contents, cycle time, and protection where there is one.
    """
    every = tuple(monitors)
    contents = [each for each in every if isinstance(each, Contents)]
    cycles = [each for each in every if isinstance(each, CycleCheck)]
    protections: list[E2ECheck | None] = [each for each in every if isinstance(each, E2ECheck)]
    if len(contents) != 1 or len(cycles) != 1 or contents[0].rule is not cycles[0].rule:
        return None
    if len(protections) != (contents[0].rule.protector is not None):
        return None
    e2e = protections[0] if protections else None
    return Steady(contents[0], cycles[0], e2e) if e2e is None or e2e.rule is cycles[0].rule else None
