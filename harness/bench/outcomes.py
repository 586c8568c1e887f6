"""What monitors say at their end, as lines of the journal: one per family of checks, one per property."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from harness.errors import HarnessError, Inconclusive
from harness.evidence.claims import margin_text
from harness.evidence.events import Claim, Event, Limit, Measure
from harness.evidence.verdicts import Verdict
from harness.monitors.check import Check
from harness.monitors.monitor import Monitor, Outcome, Violation
from harness.monitors.rules import KEPT
from harness.units import time_text


class Summary:
    """Keeps account of the violations of several monitors, and writes their outcomes.

    strict: whether a monitor that had nothing to judge makes the whole inconclusive.
    """

    def __init__(self, monitors: Sequence[Monitor], journal: list[Event], *, strict: bool) -> None:
        self._monitors = monitors
        self._journal = journal
        self._strict = strict
        self._kept: dict[int, list[Violation]] = {}
        self._counts: dict[int, int] = {}
        self._excused: dict[int, int] = {}
        self._handled: dict[Violation, int] = {}  # by which monitor
        self._doubts: dict[int, int] = {}
        self._broken = False

    def violated(self, monitor: Monitor, violation: Violation) -> None:
        """A violation that nothing explains."""
        kept = self._kept.setdefault(id(monitor), [])
        if len(kept) < KEPT:
            kept.append(violation)
        self._counts[id(monitor)] = self._counts.get(id(monitor), 0) + 1
        self._handled[violation] = id(monitor)

    def excused(self, monitor: Monitor, violation: Violation) -> None:
        """A violation that something explains."""
        self._excused[id(monitor)] = self._excused.get(id(monitor), 0) + 1
        self._handled[violation] = id(monitor)

    def untold(self, violations: Iterable[Violation]) -> None:
        """Of what was violated, this cannot be told: it is nearer to its limit than was measured."""
        for violation in violations:
            monitor = self._handled.get(violation)
            if monitor is not None and self._counts.get(monitor):
                self._counts[monitor] -= 1
                self._kept[monitor] = [each for each in self._kept[monitor] if each != violation]
                self._doubts[monitor] = self._doubts.get(monitor, 0) + 1

    def doubted(self, monitor: Monitor) -> None:
        """A check that held cannot be told, as it held by less than was measured."""
        self._doubts[id(monitor)] = self._doubts.get(id(monitor), 0) + 1

    def is_new(self, monitor: Monitor, violation: Violation) -> bool:
        """Whether a violation of an outcome has not been reported before."""
        return violation not in self._handled and not isinstance(monitor, Check)

    def write(self, outcomes: Sequence[Sequence[Outcome]], now: int, *, broken: bool = False) -> HarnessError | None:
        """Write the lines; returns the doubt of the first monitor that cannot tell, noted already, or None.

        broken: something that no monitor told has stopped the world, perhaps before they saw the frame that did it:
        then no check of a contract claims to have passed.
        """
        self._broken = broken and not self._counts
        families: dict[str, list[tuple[Monitor, Outcome]]] = {}
        doubts: list[str] = []
        for monitor, own in zip(self._monitors, outcomes, strict=True):
            for outcome in own:
                real = replace(
                    outcome,
                    violations=tuple(self._kept.get(id(monitor), ())),
                    count=self._counts.get(id(monitor), 0),
                )
                if isinstance(monitor, Check):
                    families.setdefault(monitor.family, []).append((monitor, real))
                else:
                    doubts += self._write_one(real, now)
        for family, members in families.items():
            self._write_family(family, members, now)
        if self._strict and families and not any(each.judged_ns for all_ in families.values() for _, each in all_):
            doubts.append("bus contract: nothing was judged, no frame has come")
        return Inconclusive(doubts[0]) if doubts else None

    def _write_one(self, outcome: Outcome, now: int) -> list[str]:
        doubt = outcome.doubt
        if not outcome.judged_ns and not outcome.count:
            if not self._strict:
                self._journal.append(Event(now, "note", f"watch {outcome.check}: nothing to judge"))
                return []
            doubt = doubt or "there was nothing to judge"
        verdict = Verdict.FAILED if outcome.count else Verdict.INCONCLUSIVE if doubt else Verdict.PASSED
        told = "violated" if outcome.count else f"cannot be told: {doubt}" if doubt else "held"
        margins = [
            margin_text(outcome.margin, outcome.unit),
            time_text(outcome.time_margin) if outcome.time_margin is not None else "",
        ]
        margin = ", ".join(each for each in margins if each)
        title = f"watch {outcome.check}: {told}{f', margin {margin}' if margin else ''}"
        signals = tuple(dict.fromkeys(path for each in outcome.violations for path in each.signals))
        first = outcome.violations[0] if outcome.violations else None
        window = (first.start, first.end) if first is not None else None
        measures = () if first is not None else _measures(outcome)
        claim = Claim(
            outcome.check,
            first.actual if first else told,
            margin=margin,
            signals=signals,
            limits=tuple(Limit(path, value) for path, value in first.limits) if first is not None else (),
            window=window,
            measures=measures,
        )
        self._journal.append(Event(now, "expectation", title, verdict, tuple(outcome.statistics), claim))
        return [f"{outcome.check}: {doubt}"] if verdict is Verdict.INCONCLUSIVE else []

    def _write_family(self, family: str, members: Sequence[tuple[Monitor, Outcome]], now: int) -> None:
        count = sum(outcome.count for _, outcome in members)
        excused = sum(self._excused.get(id(monitor), 0) for monitor, _ in members)
        doubts = sum(self._doubts.get(id(monitor), 0) for monitor, _ in members)
        judged = [outcome for _, outcome in members if outcome.judged_ns or outcome.count]
        tight = min(
            (outcome for outcome in judged if outcome.margin is not None),
            key=lambda each: each.margin or 0,
            default=None,
        )
        margin = f"{margin_text(tight.margin, tight.unit)} ({tight.check})" if tight is not None else ""
        kept = "kept until the world was stopped" if self._broken else "kept"
        parts = [f"{count} violations" if count else kept if judged else "nothing to judge"]
        parts += [f"smallest margin {margin}"] if margin else []
        parts += [f"{doubts} cannot be told"] if doubts else []
        parts += [f"{excused} explained by disturbances"] if excused else []
        title = f"bus contract, {family} ({len(judged)} of {len(members)} judged): {', '.join(parts)}"
        details = tuple(
            (
                outcome.check,
                ", ".join(f"{name} {text}" if name != "gaps" else text for name, text in outcome.statistics),
            )
            for outcome in judged
            if outcome.statistics
        )
        if self._broken or not judged:
            self._journal.append(Event(now, "note", title, None, details))
            return
        claim = Claim(f"{family} as declared", parts[0], margin=margin)
        verdict = Verdict.FAILED if count else Verdict.INCONCLUSIVE if doubts else Verdict.PASSED
        self._journal.append(Event(now, "expectation", title, verdict, details, claim))


def _measures(outcome: Outcome) -> tuple[Measure, ...]:
    found = []
    if outcome.margin is not None:
        found.append(Measure(f"margin of {outcome.check}", outcome.margin, outcome.unit))
    if outcome.time_margin is not None:
        found.append(Measure(f"time left of {outcome.check}", outcome.time_margin / 1e6, "ms"))
    return tuple(found)
