"""From a world's record to plots: which signals a failed check shows, over which span, with which events.

Values are read from the frames as live signals read them, so a plot shows what was judged: a value holds until the
next sample, and no longer than five missed cycles.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise

from harness.errors import UnknownSignalError
from harness.evidence.decimation import Point
from harness.evidence.events import Claim, Event
from harness.evidence.plot import LANES, Lane, Mark, Plot
from harness.evidence.record import WorldRecord
from harness.evidence.verdicts import Verdict
from harness.frames import Received
from harness.loop import Loop
from harness.signals.live import LiveSignal, Sample
from harness.signals.network import Network
from harness.units import time_text

BEFORE_NS, AFTER_NS = 100_000_000, 50_000_000
"""What a plot shows around the judged window at least, where there are frames."""
FAR_BACK = 20
"""How many times the shown span a stimulus may lie back to be shown all the same."""
SHOWN = ("stimulus", "plant", "disturbance", "incident")
"""Kinds of events that a plot marks."""


def plot_of(record: WorldRecord, event: Event) -> Plot | None:
    """The plot of one event of the journal: what was judged and the latest stimuli, around the judged window.

    None where the event names no signal that is in a database.
    """
    claim = event.claim
    if event.kind == "plot":
        since = record.since if event.since is None else event.since
        return _plot(record, event, event.signals, (), (since, event.time), None)
    if claim is None or not claim.signals:
        return None
    window = claim.window or (event.time, event.time)
    beside = [path for other in _stimuli(record, event) for path in other.signals]
    paths = tuple(dict.fromkeys((*claim.signals[:LANES], *beside)))[:LANES]
    start, end = _span(record, event, window)
    return _plot(record, event, paths, _limits(claim), (start, end), window)


def _plot(
    record: WorldRecord,
    event: Event,
    paths: Sequence[str],
    limits: Sequence[tuple[str, float]],
    span: tuple[int, int],
    window: tuple[int, int] | None,
) -> Plot | None:
    lanes = [lane for path in paths if (lane := lane_of(record, path, limits, *span)) is not None]
    if not lanes:
        return None
    passed = {Verdict.PASSED: True, Verdict.FAILED: False}.get(event.verdict) if event.verdict is not None else None
    subtitle = ""
    if event.claim is not None:
        told = (("expected", event.claim.expected), ("actual", event.claim.actual))
        subtitle = "; ".join(f"{name} {text}" for name, text in told if text)
    marks = [Mark(each.time, each.title) for each in record.events if each.kind in SHOWN and each is not event]
    traces = [trace for path in paths if (trace := record.traces.get(path.partition(".")[0])) is not None]
    kept = max((trace.begins for trace in traces), default=0)
    marks += [Mark(kept, "frames before are not kept")] if kept > span[0] else []
    return Plot(event.title, lanes, *span, window, marks, passed, subtitle)


def _limits(claim: Claim) -> list[tuple[str, float]]:
    return [(limit.signal, limit.value) for limit in claim.limits]


def _stimuli(record: WorldRecord, event: Event) -> list[Event]:
    """The stimuli up to an event, the latest first."""
    return [each for each in reversed(record.events) if each.time <= event.time and each.signals and each is not event]


def _span(record: WorldRecord, event: Event, window: tuple[int, int]) -> tuple[int, int]:
    """What a plot shows: the window with something around it, and the stimulus before it if that is not far back."""
    length = window[1] - window[0]
    start, end = window[0] - max(BEFORE_NS, length // 2), window[1] + max(AFTER_NS, length // 4)
    before = [each.time for each in _stimuli(record, event) if each.time <= window[0]]
    if before and 0 < start - before[0] < FAR_BACK * (end - start):
        start = before[0] - (window[1] - before[0]) // 10
    start, end = max(start, 0), min(end, max(record.ended, window[1]))
    # What ends the test would otherwise lie on the very edge.
    return start, end + max(1, (end - start) // 25)


def lane_of(record: WorldRecord, path: str, limits: Sequence[tuple[str, float]], start: int, end: int) -> Lane | None:
    """A signal as a lane; None where the record has no such signal. limits: path and value. start, end: ns."""
    signal = _signal(record, path)
    if signal is None:
        return None
    samples = list(_samples(record, signal, start, end))
    definition = signal.definition
    labels = definition.choices if samples and all(each.text is not None for each in samples) else {}
    points = list(_points(samples, signal, end, numbers=not labels))
    if record.ended < end:
        points.append((record.ended + 1, math.nan))
    mine = tuple(value for name, value in limits if name == path)
    return Lane(signal.short_name, points, signal.unit, mine, labels, _step(signal))


def _signal(record: WorldRecord, path: str) -> LiveSignal | None:
    channel, _, name = path.partition(".")
    if channel not in record.databases:
        return None
    try:
        return Network(channel, record.databases[channel], Loop()).signal(name)
    except UnknownSignalError:
        return None


def _samples(record: WorldRecord, signal: LiveSignal, start: int, end: int) -> Iterator[Sample]:
    """The samples in a span, and the last one before it."""
    trace = record.traces.get(signal.channel)
    before: Sample | None = None
    for rx in trace.of(signal.message.key) if trace is not None else ():
        if rx.time > end:
            break
        sample = _sample(signal, rx)
        if sample is not None:
            if rx.time <= start:
                before = sample
            else:
                if before is not None:
                    yield before
                    before = None
                yield sample
    if before is not None:
        yield before


def _sample(signal: LiveSignal, rx: Received) -> Sample | None:
    return None if rx.frame.remote else signal.sample_of(rx)


def _points(samples: Sequence[Sample], signal: LiveSignal, end: int, *, numbers: bool) -> Iterator[Point]:
    """Samples as points: by value, or by raw value where labels are shown; NaN from where a value is too old."""
    timeout = signal.timeout
    definition = signal.definition
    low = -math.inf if definition.minimum is None else definition.minimum
    high = math.inf if definition.maximum is None else definition.maximum
    for sample, following in pairwise([*samples, None]):
        assert sample is not None, "only the last one of the pairs has nothing after it"
        # A label outside the declared range ("signal not available") is no number.
        told = not numbers or sample.text is None or low <= sample.value <= high
        yield sample.time, (float(sample.value) if told else math.nan) if numbers else float(sample.raw)
        until = end if following is None else following.time
        if timeout is not None and until > sample.time + timeout:
            yield sample.time + timeout + 1, math.nan


def _step(signal: LiveSignal) -> float:
    return 0.0 if signal.definition.is_float else abs(float(signal.definition.scale))


def plot_name(event: Event) -> str:
    """The name of a plot as an attachment."""
    return f"plot at {time_text(event.time)}" if event.kind == "plot" else f"plot of {event.title}"
