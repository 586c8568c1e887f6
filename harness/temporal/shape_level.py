"""Checks of where a signal stays: constant, monotonic, settling, overshoot.

Terms as in IEEE Std 181-2011: settling duration, overshoot (in percent of the step's height).
"""

from __future__ import annotations

from harness.errors import UnitError, ValueRangeError
from harness.temporal.shape_result import ShapeResult
from harness.temporal.shape_samples import Held, Number, Scale, Stretch, gap, known
from harness.units import Duration, Measured, Quantity, duration, percent, time_text

NOTHING = "nothing was received"


def constant(held: Held, scale: Scale, value: Number | None, tolerance: Number | None) -> ShapeResult:
    """See :meth:`harness.temporal.shape.Shape.is_constant`."""
    stretches = held.numbers(scale.number)
    seen = list(known(stretches))
    window = (held.begin, held.end)
    wanted = None if value is None else scale.value(value)
    check = f"{scale.name} is constant" + ("" if wanted is None else f" at {scale.text(wanted)}")
    near = wanted if wanted is not None else (seen[0][2] if seen else 0.0)
    reach = scale.reach(tolerance, near)
    allowed = f"± {scale.text(scale.span(tolerance))}"
    if wanted is None:
        expected, allowed = "greatest and smallest value the same", f"within {scale.text(scale.span(tolerance))}"
    else:
        expected = scale.text(wanted)
    if not seen:
        return ShapeResult(None, check, expected, "no data", window, allowed, doubt=NOTHING)
    low, high = min(value for _, _, value in seen), max(value for _, _, value in seen)
    off = high - low if wanted is None else max(high - wanted, wanted - low)
    broken = None
    if off > reach:
        lowest = highest = seen[0][2]
        for start, _, number in seen:
            lowest, highest = min(lowest, number), max(highest, number)
            if (highest - lowest if wanted is None else abs(number - wanted)) > reach:
                broken = start
                break
    doubt = "" if broken is not None else gap(stretches)
    limits = () if wanted is None else tuple(dict.fromkeys((wanted - reach, wanted + reach)))
    return ShapeResult(
        False if broken is not None else None if doubt else True,
        check,
        expected,
        scale.band(low, high),
        window,
        allowed,
        _margin(reach, off),
        scale.unit,
        measured=off,
        at=broken,
        doubt=doubt,
        limits=_lines(limits),
    )


def monotonic(held: Held, scale: Scale, falling: bool, tolerance: Number | None) -> ShapeResult:
    """See :meth:`harness.temporal.shape.Shape.is_monotonic`."""
    sign = -1 if falling else 1
    stretches = held.numbers(scale.number)
    seen = list(known(stretches))
    check = f"{scale.name} never {'rises' if falling else 'falls'}"
    reach = scale.reach(tolerance, max((abs(value) for _, _, value in seen), default=0.0))
    allowed = f"by more than {scale.text(scale.span(tolerance))}"
    back, broken = 0.0, None
    best = sign * seen[0][2] if seen else 0.0
    for start, _, value in seen:
        best = max(best, sign * value)
        back = max(back, best - sign * value)
        if back > reach and broken is None:
            broken = start
    doubt = "" if broken is not None else gap(stretches)
    if broken is None and len(seen) < 2:
        doubt = NOTHING if not seen else "there is only one sample"
    word = "rose" if falling else "fell"
    return ShapeResult(
        False if broken is not None else None if doubt else True,
        check,
        f"no sample {'above' if falling else 'below'} an earlier one",
        f"{word} by {scale.text(back)}" if back else f"never {word}",
        (held.begin, held.end),
        allowed,
        _margin(reach, back),
        scale.unit,
        measured=back,
        at=broken,
        doubt=doubt,
    )


def settling(
    held: Held, scale: Scale, to: Number | None, within: Duration, tolerance: Number | None, hold: Duration
) -> ShapeResult:
    """See :meth:`harness.temporal.shape.Shape.settles`."""
    limit, keep = duration(within, "within"), duration(hold, "hold")
    stretches = held.numbers(scale.number)
    last = _last(stretches)
    target = scale.value(to) if to is not None else last
    check = f"{scale.name} settles within {within}"
    if target is None:
        return ShapeResult(None, check, "settled", "no data", (held.begin, held.end), doubt=NOTHING)
    reach = scale.reach(tolerance, target)
    check = f"{scale.name} settles at {scale.text(target)} within {within}"
    since = held.begin
    for start, end, value in stretches:
        if (value is not None and abs(value - target) > reach) or (value is None and start == since):
            since = end + 1
    took = since - held.begin
    settled = since <= held.end
    doubt = ""
    if took > limit:
        # Outside at an instant after the limit is certain; a gap there is not.
        outside = [
            start for start, end, value in known(stretches) if end >= held.begin + limit and abs(value - target) > reach
        ]
        if not outside:
            doubt = gap(stretches) or f"only {time_text(held.end - held.begin)} were looked at"
    elif held.end < since + keep:
        doubt = f"it was followed for {time_text(held.end - since)} only, not for {hold}"
    else:
        doubt = gap(stretches)
    failed = took > limit and not doubt
    measured = Measured(took)
    return ShapeResult(
        False if failed else None if doubt else True,
        check,
        f"{scale.text(target)} after {within} and from then on",
        f"settled after {measured}" if settled else f"{'no data' if last is None else scale.text(last)} at the end",
        (held.begin, held.end),
        f"± {scale.text(scale.span(tolerance))}",
        time_margin=limit - took if settled and not doubt else None,
        measured=measured if settled else None,
        at=held.begin + limit if failed else None,
        doubt=doubt,
        limits=_lines(dict.fromkeys((target - reach, target + reach))),
    )


def overshoot(held: Held, scale: Scale, frm: Number | None, to: Number | None, at_most: Quantity) -> ShapeResult:
    """See :meth:`harness.temporal.shape.Shape.overshoots`."""
    if not isinstance(at_most, Quantity) or at_most.unit.dimension != "ratio":
        raise UnitError(f"at_most= takes a part of the step's height such as 5 * percent, not {at_most!r}")
    share = at_most.to(percent)
    stretches = held.numbers(scale.number)
    check = f"{scale.name} overshoots by {at_most} at most"
    window = (held.begin, held.end)
    first, last = stretches[0].value, _last(stretches)
    start, end = (first if frm is None else scale.value(frm)), (last if to is None else scale.value(to))
    if start is None or end is None:
        return ShapeResult(None, check, f"{at_most} at most", "no data", window, doubt=gap(stretches) or NOTHING)
    if start == end:
        raise ValueRangeError(f"{scale.name}: a step from {scale.text(start)} to the same value has no height")
    height, sign = abs(end - start), 1 if end > start else -1
    limit = share / 100 * height
    reach = limit + scale.half_step(end)
    beyond, at, broken = 0.0, None, None
    for begin, _, value in known(stretches):
        over = sign * (value - end)
        if over > beyond:
            beyond, at = over, begin
        if over > reach and broken is None:
            broken = begin
    doubt = "" if broken is not None else gap(stretches)
    if not doubt and broken is None and all(sign * (value - end) < -reach for _, _, value in known(stretches)):
        doubt = f"it never came to {scale.text(end)}"
    peak = "" if at is None else f", {scale.text(end + sign * beyond)} at {time_text(at)}"
    return ShapeResult(
        False if broken is not None else None if doubt else True,
        check,
        f"at most {scale.text(end + sign * limit)}" if sign > 0 else f"at least {scale.text(end + sign * limit)}",
        f"{100 * beyond / height:.4g} %{peak}",
        window,
        margin=share - 100 * beyond / height if beyond <= limit or broken is not None else 0.0,
        unit="%",
        measured=100 * beyond / height,
        at=broken,
        doubt=doubt,
        limits=_lines((end + sign * limit,)),
    )


def _last(stretches: list[Stretch]) -> float | None:
    return stretches[-1].value


def _margin(reach: float, off: float) -> float:
    return reach - off


def _lines(values: object) -> tuple[tuple[str, float], ...]:
    return tuple(("", value) for value in values)  # type: ignore[attr-defined]
