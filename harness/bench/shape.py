"""The shape of a signal in a test's hands: claims go into the journal, and raise when they do not hold."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.bench.stimulus import Stimulus
from harness.errors import Inconclusive
from harness.evidence.events import Claim, Event, Limit, Measure
from harness.evidence.verdicts import Verdict
from harness.signals.live import LiveSignal
from harness.temporal.shape import Shape
from harness.temporal.shape_result import ShapeResult
from harness.units import Duration, time_text

if TYPE_CHECKING:
    from harness.bench.bench import Bench

_VERDICTS = {True: Verdict.PASSED, False: Verdict.FAILED, None: Verdict.INCONCLUSIVE}


def shape_of(bench: Bench, signal: LiveSignal, after: Stimulus | Duration | None) -> Shape:
    """What was seen of a signal from a stimulus to now; see :meth:`harness.bench.signal.BenchSignal.shape`."""
    begins = signal.network.trace.begins
    reference = bench.latest if after is None else bench._since(after)
    since = begins if reference is None else bench._judge.reference(reference)
    if since < begins:
        what = f"counts from {time_text(since)}, but frames before {time_text(begins)} are no longer remembered"
        raise Inconclusive(f"shape of {signal.short_name}: {what}; give a later after=")
    return Shape.of(signal, since, bench.world.loop.now, judged=partial(_judged, bench))


def _judged(bench: Bench, result: ShapeResult) -> None:
    """Write it into the journal, and raise where it does not hold."""
    title = str(result).splitlines()[0]
    if result.passed is False:
        title = f"{result.check}: {result.actual}"
    margin = "" if result.margin is None else f"{result.margin:.4g} {result.unit}".rstrip()
    if result.time_margin is not None:
        margin = f"{margin}, {time_text(result.time_margin)}".removeprefix(", ")
    claim = Claim(
        result.expected,
        result.actual if result.passed is not None else result.doubt,
        result.tolerance,
        margin,
        result.signals,
        tuple(Limit(path, value) for path, value in result.limits),
        result.window,
        () if result.margin is None else (Measure(f"margin of {result.check}", result.margin, result.unit),),
    )
    details = () if result.at is None else (("first at", time_text(result.at)),)
    now = bench.world.loop.now
    bench.journal.append(Event(now, "expectation", title, _VERDICTS[result.passed], details, claim))
    result.require()
