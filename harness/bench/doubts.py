"""What cannot be told, as a bench was not exact enough: one rule for running worlds and for recordings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING

from harness.monitors.monitor import Kind, Violation
from harness.units import rough_text, time_text

if TYPE_CHECKING:
    from harness.bench.accounting import Accounting

MEASURED: frozenset[Kind] = frozenset({"cycle", "latency"})
"""Kinds of violations whose distance to the limit is a time."""

DECIDED_NS = 150_000_000
"""So long after a violation everybody has told how late he was at that time, a served vehicle as the last one, ns."""

BEFORE_NS = 1_000_000_000
"""For so long before a violation it is looked what came, and how late the bench was, ns."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What became of a violation. doubt: why it cannot be told, "" where it can. late_ns: the bench's lateness then."""

    doubt: str
    late_ns: int


def decide(violation: Violation, accounting: Accounting, came: Sequence[int], *, ours: bool) -> Decided:
    """Whether a violation of a kind that is :data:`MEASURED` is nearer to its limit than was measured.

    came: when frames of its message came, from :data:`BEFORE_NS` before it to :data:`DECIDED_NS` after it, ns. ours:
    whether the bench sends that message itself.
    """
    after = next((time for time in came if time > violation.start), None)
    end = max(violation.end, after or 0)
    uncertainty = accounting.uncertainty(violation.start, end)
    if violation.margin is not None:
        off = abs(violation.margin) * 1e6
    else:
        off = inf if after is None else max(0, after - violation.end)
    if violation.kind == "cycle" and ours:
        off = 0  # the tester itself was late
    if violation.kind == "latency" and any(violation.start - uncertainty <= time <= violation.start for time in came):
        off = 0  # the two channels are stamped by two adapters, and the copy seems to have come first
    # What was late long before, or after it, is no reason.
    late = accounting.worst(max(0, violation.start - BEFORE_NS), end)
    if off and off >= uncertainty:
        return Decided("", late)
    known = "which this bench sends itself" if ours else f"which is known to within {rough_text(uncertainty)} only"
    how = accounting.text(violation.start, violation.end)
    return Decided(f"{told(violation)}, {known} ({how})", late)


def told(violation: Violation) -> str:
    """A violation in a line."""
    return f"{violation.check}: expected {violation.expected}, but {violation.actual}"


def excuse(accounting: Accounting, limit: int, since: int, until: int) -> str:
    """Why a failure that is a matter of time says nothing: the bench was later than ``limit`` ns. "" where it was not.

    since, until: the test, ns.
    """
    if accounting.worst(since, until) <= limit:
        return ""
    how = accounting.text(since, until)
    return f"the bench itself was late by more than {time_text(limit)} meanwhile ({how}), which can be the reason"
