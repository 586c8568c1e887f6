"""Checks of how a signal goes from one value to another: step and ramp."""

from __future__ import annotations

from harness.errors import ValueRangeError
from harness.temporal.shape_result import ShapeResult
from harness.temporal.shape_samples import Held, Number, Scale, gap, known, offsets
from harness.units import Duration, Measured, duration, time_text

FEWEST = 3
"""Samples on a ramp's slope, below which it is not told from a step."""

Offsets = tuple[Duration, Duration]


def step(
    held: Held,
    scale: Scale,
    ends: tuple[Number, Number],
    rise_within: Duration,
    tolerance: Number | None,
    between: Offsets | None,
    within: Duration | None,
) -> ShapeResult:
    """See :meth:`harness.temporal.shape.Shape.is_step`."""
    low, high = map(scale.value, ends)
    rise = duration(rise_within, "rise_within")
    earliest, latest, when = offsets(between, within, held)
    near, far = scale.reach(tolerance, low), scale.reach(tolerance, high)
    check = f"{scale.name} steps from {scale.text(low)} to {scale.text(high)}{when}"
    if abs(high - low) <= near + far:
        raise ValueRangeError(f"{check}: the step is no higher than its tolerances, so nothing would tell its two ends")
    stretches = held.numbers(scale.number)
    left = next((start for start, _, value in known(stretches) if abs(value - low) > near), None)
    reached = held.begin
    for start, end, value in stretches:
        if (value is not None and abs(value - high) > far) or (value is None and start == reached):
            reached = end + 1
    arrived = reached <= held.end
    problem, at, doubt = "", None, gap(stretches)
    if left is None:
        problem, at = f"stayed at {scale.text(low)}", min(latest, held.end)
        # It may still come when the window ends before the latest instant; without one the claim is about the window.
        doubt = doubt or (_too_short(held) if when and held.end < latest else "")
    elif left == held.begin:
        problem, at, doubt = f"is not at {scale.text(low)} in the beginning", left, ""
    elif not earliest <= left <= latest:
        problem, at = f"left {scale.text(low)} after {time_text(left - held.begin)}", left
    elif arrived and reached - left > rise:
        problem, at = f"arrived {time_text(reached - left)} after leaving {scale.text(low)}", left + rise
    elif not arrived:
        problem, at = f"had not arrived {time_text(held.end - left)} after leaving {scale.text(low)}", left + rise
        doubt = doubt or (_too_short(held) if held.end - left < rise else "")
    passed = None if doubt else not problem
    moved = "" if left is None else f"left after {time_text(left - held.begin)}"
    span = f", arrived {time_text(reached - left)} later" if left is not None and arrived else ""
    rests = [rise - (reached - left)] if left is not None and arrived and rise else []
    if left is not None and when:
        rests.append(latest - left)
    offs = [
        near - abs(value - low) if end < (left or 0) else far - abs(value - high)
        for start, end, value in known(stretches)
        if left is not None and (end < left or start >= reached)
    ]
    return ShapeResult(
        passed,
        check,
        f"{scale.text(low)}, then {scale.text(high)} after {rise_within} at most",
        problem or moved + span,
        (held.begin, held.end),
        f"± {scale.text(scale.span(tolerance))}",
        min(offs) if passed and offs else None,
        scale.unit,
        time_margin=min(rests) if passed and rests else None,
        measured=Measured(reached - left) if left is not None and arrived else None,
        at=at if passed is False else None,
        doubt=doubt,
        limits=(("", low), ("", high)),
    )


def ramp(
    held: Held,
    scale: Scale,
    ends: tuple[Number, Number],
    takes: Duration,
    tolerance: Number | None,
    between: Offsets | None,
    within: Duration | None,
) -> ShapeResult:
    """See :meth:`harness.temporal.shape.Shape.is_ramp`."""
    low, high = map(scale.value, ends)
    span = duration(takes, "takes", zero=False)
    earliest, latest, when = offsets(between, within, held)
    check = f"{scale.name} ramps from {scale.text(low)} to {scale.text(high)} in {takes}{when}"
    if low == high:
        raise ValueRangeError(f"{check}: a ramp has two different ends; is_constant() checks for one value")
    reach = scale.reach(tolerance, max(abs(low), abs(high)))
    stretches = held.numbers(scale.number)
    # A held value lags behind the line until the next sample, so the line is compared with the samples only.
    line = _Line(low, high, span, [(start - held.begin, value) for start, _, value in known(stretches)])
    first, last = earliest - held.begin, min(latest, held.end) - held.begin
    deviation, begins = line.fit(first, last)
    finish = begins + span
    on_slope = sum(begins < time < finish for time, _ in line.samples)
    doubt, at = "", None
    if deviation > reach:
        worst = max(line.samples, key=lambda sample: abs(sample[1] - line.at(sample[0], begins)))
        at = held.begin + worst[0]
        actual = f"{scale.text(worst[1])} instead of {scale.text(line.at(worst[0], begins))}"
    else:
        actual = f"began after {time_text(round(begins))}, off by {scale.text(deviation)} at most"
        doubt = gap(stretches)
        if not line.samples:
            doubt = "nothing was received"
        elif held.end - held.begin < finish:
            doubt = f"only {time_text(held.end - held.begin)} were looked at, and the ramp was not over"
        elif on_slope < FEWEST:
            doubt = f"only {on_slope} samples lie on the slope, {FEWEST} are needed"
    passed = None if doubt else deviation <= reach
    return ShapeResult(
        passed,
        check,
        f"a line from {scale.text(low)} to {scale.text(high)} in {takes}",
        actual,
        (held.begin, held.end),
        f"± {scale.text(scale.span(tolerance))}",
        reach - deviation if passed is not None else None,
        scale.unit,
        measured=deviation,
        at=at,
        doubt=doubt,
        limits=(("", low), ("", high)),
    )


def _too_short(held: Held) -> str:
    return f"only {time_text(held.end - held.begin)} were looked at"


class _Line:
    """``low`` until it begins, then straight to ``high`` within ``span`` ns; and the samples that should lie on it."""

    def __init__(self, low: float, high: float, span: int, samples: list[tuple[int, float]]) -> None:
        self.samples = samples
        self._low, self._high, self._span = low, high, span

    def at(self, time: int, begins: float) -> float:
        """The line's value; begins: where it leaves ``low``."""
        part = min(1.0, max(0.0, (time - begins) / self._span))
        return self._low + part * (self._high - self._low)

    def fit(self, first: int, last: int) -> tuple[float, float]:
        """The smallest largest deviation of any beginning from ``first`` to ``last``, and that beginning."""
        good = max((abs(value - self.at(time, first)) for time, value in self.samples), default=0.0)
        bad, begins = 0.0, float(first)
        for _ in range(50):
            middle = (good + bad) / 2
            found = self._beginning(middle, first, last)
            if found is None:
                bad = middle
            else:
                good, begins = middle, found
        return good, begins

    def _beginning(self, deviation: float, first: float, last: float) -> float | None:
        """A beginning for which no sample is off by more than ``deviation``; None where there is none."""
        height = abs(self._high - self._low)
        sign = 1 if self._high > self._low else -1
        for time, value in self.samples:
            rises = sign * (value - self._low)
            if rises - deviation > height or rises + deviation < 0:
                return None
            if rises - deviation > 0:
                last = min(last, time - (rises - deviation) / height * self._span)
            if rises + deviation < height:
                first = max(first, time - (rises + deviation) / height * self._span)
            if first > last:
                return None
        return (first + last) / 2
