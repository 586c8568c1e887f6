"""How late a served vehicle is, as a tester sees it."""

from __future__ import annotations

from harness.units import time_text

STEP_NS = 10_000
"""Resolution of the percentiles, ns."""
_STEPS = 10_000  # up to 100 ms; what is later counts as that in the percentiles, and in full as the worst


class Lateness:
    """Late by how much, and how often: what is done again and again, and should have been done at a certain instant.

    >>> late = Lateness()
    >>> for late_ns in (25_000, 35_000, 1_500_000):
    ...     late.add(late_ns)
    >>> print(late)
    p50 40 µs, p99 1.5 ms, worst 1.5 ms of 3
    """

    def __init__(self) -> None:
        self.count = 0
        self.worst_ns = 0
        self._steps = [0] * (_STEPS + 1)

    def add(self, late_ns: int) -> None:
        """It was done once more, ``late_ns`` late."""
        self.count += 1
        if late_ns > self.worst_ns:
            self.worst_ns = late_ns
        self._steps[min(max(late_ns, 0) // STEP_NS, _STEPS)] += 1

    def quantile(self, share: float) -> int:
        """What ``share`` (0 to 1) of all stayed below, ns, rounded up to :data:`STEP_NS`; 0 when there was none."""
        missing = share * self.count
        for step, count in enumerate(self._steps[:-1]):
            missing -= count
            if count and missing <= 0:
                return min((step + 1) * STEP_NS, self.worst_ns)
        return self.worst_ns

    def __str__(self) -> str:
        median, rare = (time_text(self.quantile(share)) for share in (0.5, 0.99))
        return f"p50 {median}, p99 {rare}, worst {time_text(self.worst_ns)} of {self.count}"


class Account:
    """All that makes a served vehicle late in the eyes of its testers.

    sent: from a frame's last bit to its being handed to the line. taken: from when a tester's frame was stamped by the
    interface, or should have been read, to its contending for the bus. answered: from a request being read to its being
    done. started: from the announcement of a new vehicle to its time 0.
    """

    def __init__(self) -> None:
        self.sent, self.taken, self.answered, self.started = Lateness(), Lateness(), Lateness(), Lateness()
        self._worst_ns = 0

    def add(self, kind: Lateness, late_ns: int) -> None:
        """Something of a kind was late; one of the account's own kinds."""
        kind.add(late_ns)
        if late_ns > self._worst_ns:
            self._worst_ns = late_ns

    def ask(self) -> int:
        """How late anything was at worst since this was last asked, ns."""
        worst, self._worst_ns = self._worst_ns, 0
        return worst

    def __str__(self) -> str:
        return (
            f"lateness: frames sent {self.sent}\n"
            f"          frames taken {self.taken}\n"
            f"          requests {self.answered}\n"
            f"          start of a vehicle after its announcement {self.started}"
        )
