"""Expectations: what a test demands of the vehicle, and since when.

``within`` counts from the end of the first frame that carries the test's latest stimulus (from the call where there is
none; for a plant value from the instant it took effect). Every sample since that point counts, also one that came
before ``expect()`` was called. The limit is inclusive. Where an instrument took its time for the stimulus, the instant
lies between call and confirmation: an answer counts from the call on, one is *late* only when it is so from the
confirmation, and what lies between is *inconclusive*.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from harness.bench.stimulus import Stimulus
from harness.errors import ExpectationFailed, Inconclusive, SimulationError
from harness.evidence import claims
from harness.evidence.events import Claim, Event
from harness.evidence.verdicts import Verdict
from harness.loop import Loop
from harness.signals.live import MISSED_CYCLES, Sample
from harness.signals.predicate import Predicate
from harness.signals.watch import Values, Watch
from harness.units import Duration, Measured, Uncertain, rough_text, time_text

if TYPE_CHECKING:
    from harness.bench.accounting import Accounting

DELIVERY_LIMIT_NS = 5_000_000_000
"""How long a stimulus may wait for its frame, beyond its cycle time, before the test gives up."""


@dataclass(frozen=True, slots=True)
class Result:
    """What became of an expectation.

    time: when it was decided, since the world began. latency: from the reference point to there.
    margin: what was left of the limit (``expect``), or the smallest distance to the limit in the signal's unit
    (``stays``, ``never``; ``None`` where there is no distance, as between two words).
    """

    verdict: Verdict
    time: Duration
    latency: Duration
    margin: Duration | float | None
    seen: str

    def __bool__(self) -> bool:
        return self.verdict is Verdict.PASSED


class Judge:
    """Runs the loop until an expectation is decided, and writes the journal.

    accounting: how exactly the world is measured; a verdict that depends on less than that is *inconclusive*. None: in
    virtual time, where every instant is exact.
    """

    def __init__(self, loop: Loop, journal: list[Event], accounting: Accounting | None = None) -> None:
        self._loop = loop
        self._journal = journal
        self._accounting = accounting

    def reference(self, after: Stimulus | int | None) -> int:
        """The point in time from which an expectation counts, ns; waits for a stimulus that is still on its way."""
        if after is None:
            return self._loop.now
        if isinstance(after, int):
            return int(after)
        if after.delivered is None:
            limit = DELIVERY_LIMIT_NS + after.cycle_ns
            self._loop.run_until(self._loop.now + limit, lambda: after.delivered is not None)
        if after.delivered is None:
            raise SimulationError(
                f"{after.title} did not reach the bus within {time_text(limit)}: "
                "its message is silenced, its node is off or bus-off, or nothing sends it"
            )
        return after.delivered

    def expect(self, predicate: Predicate, within: int, after: Stimulus | int | None) -> Result:
        """Demand that the predicate holds at some instant from the reference point to ``within`` ns after it."""
        reference = self.reference(after)
        deadline = reference + within
        spread = after.spread_ns if isinstance(after, Stimulus) else 0
        since = reference - spread
        # A frame that carries the stimulus is younger than the call, so what changes with it has changed anew.
        watch = self._watch(predicate, since, edge=isinstance(after, Stimulus) and after.at < since)
        try:
            self._run(deadline, lambda: watch.satisfied_at is not None)
            if watch.satisfied_at is None:
                # What came a little late may have come in time.
                self._run(deadline + self._uncertainty(since, deadline), lambda: watch.satisfied_at is not None)
            at = deadline if watch.satisfied_at is None else watch.satisfied_at
            uncertainty = self._uncertainty(since, at)
            if watch.satisfied_at is None and uncertainty:
                self._doubt_order(predicate, since, within, uncertainty)
            return self._judge_expect(predicate, watch, reference, within, after, uncertainty)
        finally:
            watch.close()

    def _judge_expect(
        self,
        predicate: Predicate,
        watch: Watch,
        reference: int,
        within: int,
        after: Stimulus | int | None,
        uncertainty: int,
    ) -> Result:
        claim = f"expect {predicate.describe()} within {time_text(within)}"
        at, since = watch.satisfied_at, watch.since
        spread = reference - since
        # What held already at the reference point is no matter of time.
        if at is not None and at > since and -uncertainty < at - since - within < uncertainty + spread:
            self._doubt(predicate, claim, f"after {time_text(at - since)}", since, at, uncertainty + spread, spread)
        if at is not None and at <= since + within:
            known = uncertainty + spread
            latency = Uncertain(at - since, known) if known else Measured(at - since)
            seen = _line(at, watch.satisfied_by, watch.units)
            result = Result(Verdict.PASSED, Duration(at), latency, Measured(within) - latency, seen)
            what = claims.reaction(predicate, since, within, at, seen)
            self._note(f"{claim}: after {latency}, margin {result.margin}", result, what)
            return result
        late = f"only after {time_text(at - since)}" if at is not None else "not seen"
        result = Result(Verdict.FAILED, Duration(self._loop.now), Measured(self._loop.now - since), None, _seen(watch))
        self._note(f"{claim}: {late}", result, claims.reaction(predicate, since, within, at, result.seen))
        raise ExpectationFailed(self._failure(claim, late, since, watch, after), result)

    def stays(self, predicate: Predicate, during: int, after: Stimulus | int | None) -> Result:
        """Demand that the predicate holds at the reference point and at every sample up to ``during`` ns after it."""
        since = self.reference(after)
        watch = self._watch(predicate, since, since + during)
        try:
            self._run(since + during, lambda: watch.violated_at is not None)
            claim = f"stays {predicate.describe()} during {time_text(during)}"
            wrong = None if watch.violated_at is None else (watch.violated_at, watch.violated_by)
            return self._judge_span(claim, watch, during, wrong, watch.margin, after, predicate)
        finally:
            watch.close()

    def never(self, predicate: Predicate, during: int, after: Stimulus | int | None) -> Result:
        """Demand that the predicate holds at no sample from the reference point to ``during`` ns after it."""
        since = self.reference(after)
        watch = self._watch(predicate, since, since + during)
        opposite = Watch(~predicate, since, since + during)
        try:
            self._run(since + during, lambda: watch.satisfied_at is not None)
            claim = f"never {predicate.describe()} during {time_text(during)}"
            wrong = None if watch.satisfied_at is None else (watch.satisfied_at, watch.satisfied_by)
            return self._judge_span(claim, watch, during, wrong, opposite.margin, after, opposite.predicate)
        finally:
            watch.close()
            opposite.close()

    def _watch(self, predicate: Predicate, since: int, until: int | None = None, *, edge: bool = False) -> Watch:
        begins = max(signal.network.trace.begins for signal in predicate.signals)
        if since < begins:
            what = f"counts from {time_text(since)}, but frames before {time_text(begins)} are no longer remembered"
            self._cannot_tell(predicate, predicate.describe(), what, self._loop.now, since)
            raise Inconclusive(f"{predicate.describe()}: {what}; give a later after=, or expect it in time")
        return Watch(predicate, since, until, edge=edge)

    def _run(self, end: int, stop: Callable[[], bool]) -> None:
        if self._loop.now < end and not stop():
            self._loop.run_until(end, stop)

    def _judge_span(
        self,
        claim: str,
        watch: Watch,
        during: int,
        wrong: tuple[int, Values] | None,
        margin: float | None,
        after: Stimulus | int | None,
        holds: Predicate,
    ) -> Result:
        since = watch.since
        if wrong is not None and watch.has_data:
            at, values = wrong
            result = Result(Verdict.FAILED, Duration(at), Measured(at - since), None, _line(at, values, watch.units))
            late = f"violated after {time_text(at - since)}"
            uncertainty = self._uncertainty(since, at)
            if at > since and min(at - since, since + during - at) < uncertainty:
                self._doubt(watch.predicate, claim, late, since, at, uncertainty)
            what = claims.span(watch.predicate, claim, since, during, at, margin, result.seen)
            self._note(f"{claim}: {late}", result, what)
            raise ExpectationFailed(self._failure(claim, late, since, watch, after), result)
        if not watch.has_data or watch.lost_at is not None:
            why = "nothing was observed"
            if watch.has_data and watch.lost_at is not None:
                why = f"at {time_text(watch.lost_at)} the last sample was more than {MISSED_CYCLES} cycles old"
            self._cannot_tell(watch.predicate, claim, why, since + during, since)
            raise Inconclusive(f"{claim}: {why}, so it cannot be told\n{watch.availability()}")
        self._look_past(claim, holds, since, since + during)
        result = Result(Verdict.PASSED, Duration(since + during), Measured(during), margin, _seen(watch))
        distance = "" if margin is None else f", smallest distance {_number_text(margin, watch.predicate.unit)}"
        what = claims.span(watch.predicate, claim, since, during, None, margin, result.seen)
        self._note(f"{claim}: held{distance}", result, what)
        return result

    def _look_past(self, claim: str, holds: Predicate, since: int, end: int) -> None:
        """What came a little late may have come within the time."""
        uncertainty = self._uncertainty(end, end)
        if not uncertainty:
            return
        watch = Watch(holds, end, end + uncertainty)
        try:
            self._run(end + uncertainty, lambda: watch.violated_at is not None)
            if watch.violated_at is not None and watch.lost_at is None:
                late = f"violated only after {time_text(watch.violated_at - since)}"
                self._doubt(holds, claim, late, since, watch.violated_at, uncertainty)
        finally:
            watch.close()

    def _uncertainty(self, since: int, at: int) -> int:
        """How far the time between two instants may be off, ns. A stamp is late or right, never early."""
        if self._accounting is None:
            return 0
        self._accounting.settle()
        return max(self._accounting.uncertainty(each, each) for each in (since, at))

    def _doubt_order(self, predicate: Predicate, since: int, within: int, uncertainty: int) -> None:
        """End inconclusive when it came shortly before the reference point: which was first is not known."""
        early = Watch(predicate, max(0, since - uncertainty), since)
        try:
            if early.satisfied_at is not None:
                claim = f"expect {predicate.describe()} within {time_text(within)}"
                what = f"{time_text(since - early.satisfied_at)} before the point from which it counts"
                self._doubt(predicate, claim, what, since, since, uncertainty)
        finally:
            early.close()

    def _doubt(
        self, predicate: Predicate, claim: str, seen: str, since: int, at: int, uncertainty: int, spread: int = 0
    ) -> NoReturn:
        """End inconclusive what is decided by less than what was measured."""
        why = f"{seen}, but that is known to within {rough_text(uncertainty)} only"
        self._cannot_tell(predicate, claim, why, at, since)
        parts = [f"the instrument took {rough_text(spread)} for the stimulus"] if spread else []
        parts += [self._accounting.text(since, at)] if self._accounting is not None else []
        raise Inconclusive(f"{claim}: {why} ({'; '.join(parts)})")

    def _cannot_tell(self, predicate: Predicate, claim: str, why: str, time: int, since: int) -> None:
        unknown = Result(Verdict.INCONCLUSIVE, Duration(time), Measured(time - since), None, why)
        self._note(f"{claim}: {why}", unknown, claims.untold(predicate, claim, why, since, time))

    def _failure(self, claim: str, what: str, since: int, watch: Watch, after: Stimulus | int | None) -> str:
        origin = f" ({after.title})" if isinstance(after, Stimulus) else ""
        lines = [
            f"{claim}: {what}",
            f"  counted from {time_text(since)}{origin}, judged at {time_text(self._loop.now)}",
        ]
        lines += [f"  {line}" for line in watch.availability().splitlines()]
        lines += ["  last samples:"] + [f"    {line}" for line in _samples(watch)]
        return "\n".join(lines)

    def _note(self, title: str, result: Result, claim: Claim) -> None:
        details = (("seen", result.seen), ("decided at", time_text(result.time)))
        self._journal.append(Event(self._loop.now, "expectation", title, result.verdict, details, claim))


def _seen(watch: Watch) -> str:
    return _samples(watch)[-1]


def _samples(watch: Watch) -> list[str]:
    return [_line(time, values, watch.units) for time, values in watch.seen] or ["none"]


def _line(time: int, values: Values, units: Mapping[str, str]) -> str:
    return f"{time_text(time)}  " + ", ".join(
        f"{name} = {_sample_text(sample, units[name])}" for name, sample in values.items()
    )


def _sample_text(sample: Sample | None, unit: str) -> str:
    if sample is None:
        return "no data"
    return sample.text if sample.text is not None else _number_text(sample.value, unit)


def _number_text(number: float, unit: str) -> str:
    return f"{number:g} {unit}" if unit else f"{number:g}"
