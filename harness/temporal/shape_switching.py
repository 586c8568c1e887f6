"""Checks of a signal that switches: frequency, duty cycle, hysteresis.

Terms as in IEEE Std 181-2011: period from one rise to the next, duty factor (on time by period).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from harness.errors import UnitError, ValueRangeError
from harness.signals.definitions import SignalDef
from harness.signals.live import Sample
from harness.temporal.shape_result import ShapeResult
from harness.temporal.shape_samples import Held, Number, Piece, Scale, gap
from harness.units import Duration, Hz, Quantity, duration, percent, time_text

_SECOND = 1_000_000_000
_ROUNDING = 1e-9


class Switch(NamedTuple):
    """It goes on, or off, at an instant (ns)."""

    time: int
    on: bool


class Switching:
    """A signal as on and off. on: a label, or a number at and above which it is on (None: whatever is not 0, for a
    signal of one bit only). hysteresis: it goes on half of it above that number, and off half of it below.

    Raises :class:`~harness.errors.ValueRangeError` where nothing says what on is.
    """

    def __init__(
        self, held: Held, scale: Scale, definition: SignalDef, on: str | Number | None, hysteresis: Number | None
    ) -> None:
        self.held = held
        self.name = scale.name
        self.starts_on: bool | None = None
        self.switches: list[Switch] = []
        read = _reader(scale, definition, on, scale.span(hysteresis) / 2)
        state: bool | None = None
        told: list[Piece] = []
        for piece in held.pieces:
            now = None if piece.sample is None else read(piece.sample, state)
            told.append(piece if now is not None else piece._replace(sample=None))
            if now is None:
                continue
            if state is None:
                self.starts_on = now
            elif now is not state:
                self.switches.append(Switch(piece.start, now))
            state = now
        self.gap = gap(told)

    def periods(self, over: int) -> list[tuple[int, int, int]]:
        """Begin, length, and on time (ns) of every ``over`` consecutive periods, from rise to rise."""
        rises = [switch.time for switch in self.switches if switch.on]
        falls = [switch.time for switch in self.switches if not switch.on]
        lit = [falls[bisect_right(falls, rise)] - rise for rise in rises[:-1]]
        return [
            (rises[i], rises[i + over] - rises[i], sum(lit[i : i + over])) for i in range(max(0, len(rises) - over))
        ]


def frequency(switching: Switching, wanted: Quantity, tolerance: Quantity, over: int) -> ShapeResult:
    """See :meth:`harness.temporal.shape.Shape.has_frequency`."""
    middle, off = _to(wanted, Hz, "frequency"), _to(tolerance, Hz, "tolerance")
    if middle <= 0 or off < 0 or over < 1:
        raise UnitError(f"a frequency is more than 0, not {wanted}; a tolerance 0 or more, not {tolerance}; over 1 up")
    held, name = switching.held, switching.name
    check = f"{name} has a frequency of {wanted}"
    periods = switching.periods(over)
    found = [(begin, over * _SECOND / length) for begin, length, _ in periods]
    result = _every(switching, check, wanted, f"± {tolerance}", found, middle, off, Hz)
    slowest = over * _SECOND / (middle - off) if middle > off else None
    if switching.gap or slowest is None or result.passed is False:
        return result
    # No rise for longer than the slowest period: it stands still, before, between or after what was measured.
    rises = [switch.time for switch in switching.switches if switch.on]
    marks = [held.begin, *rises, held.end]
    for before, after in pairwise(marks):
        if after - before > slowest * (1 + _ROUNDING) and (over == 1 or not periods or after == held.end):
            actual = f"no rise for {time_text(after - before)}"
            at = round(before + slowest)
            return ShapeResult(False, check, result.expected, actual, result.window, f"± {tolerance}", unit="Hz", at=at)
    return result


def duty_cycle(switching: Switching, wanted: Quantity, tolerance: Quantity, over: int) -> ShapeResult:
    """See :meth:`harness.temporal.shape.Shape.has_duty_cycle`."""
    middle, off = _to(wanted, percent, "duty cycle"), _to(tolerance, percent, "tolerance")
    if not 0 <= middle <= 100 or off < 0 or over < 1:
        raise UnitError(f"a duty cycle is 0 to 100 %, not {wanted}; a tolerance 0 or more, not {tolerance}; over 1 up")
    check = f"{switching.name} has a duty cycle of {wanted}"
    found = [(begin, 100 * lit / length) for begin, length, lit in switching.periods(over)]
    return _every(switching, check, wanted, f"± {tolerance}", found, middle, off, percent)


def _every(
    switching: Switching,
    check: str,
    wanted: Quantity,
    allowed: str,
    found: list[tuple[int, float]],
    middle: float,
    off: float,
    unit: object,
) -> ShapeResult:
    held = switching.held
    expected = f"{wanted} in every period"
    window = (held.begin, held.end)
    if not found:
        doubt = switching.gap or f"there is no full period in {time_text(held.end - held.begin)}"
        return ShapeResult(None, check, expected, "no full period", window, allowed, unit=str(unit), doubt=doubt)
    worst = max(abs(number - middle) for _, number in found)
    limit = off + middle * _ROUNDING
    at = next((begin for begin, number in found if abs(number - middle) > limit), None)
    low, high = min(number for _, number in found), max(number for _, number in found)
    band = f"{low:.4g} {unit}" if low == high else f"{low:.4g} to {high:.4g} {unit}"
    # A lost frame makes a period longer, not the ECU.
    doubt = switching.gap
    return ShapeResult(
        None if doubt else at is None,
        check,
        expected,
        f"{band} in {len(found)} periods" if len(found) > 1 else f"{band} in 1 period",
        window,
        allowed,
        off - worst if at is not None else max(0.0, off - worst),
        str(unit),
        measured=sum(number for _, number in found) / len(found),
        at=None if doubt else at,
        doubt=doubt,
    )


def hysteresis(
    output: Switching,
    driver: Held,
    scale: Scale,
    thresholds: tuple[Number, Number],
    tolerance: Number | None,
    within: Duration,
) -> ShapeResult:
    """See :meth:`harness.temporal.shape.Shape.has_hysteresis`."""
    on_at, off_at = map(scale.value, thresholds)
    if on_at == off_at:
        raise ValueRangeError(
            f"{output.name}: a hysteresis has two different thresholds, not {scale.text(on_at)} twice"
        )
    delay = duration(within, "within")
    reach = scale.reach(tolerance, max(abs(on_at), abs(off_at)))
    # Turned round where a low value switches on, so that below there is only one case.
    sign = 1 if on_at > off_at else -1
    inputs = [
        (start, end, None if value is None else sign * value) for start, end, value in driver.numbers(scale.number)
    ]
    check = f"{output.name} goes on at {scale.text(on_at)} and off at {scale.text(off_at)} of {scale.name}"
    problems: list[tuple[int, str]] = []
    margins: list[float] = []
    seen: dict[bool, list[float]] = {True: [], False: []}
    for time, on in output.switches:
        recent = [value for start, end, value in inputs if start <= time and end >= time - delay and value is not None]
        if not recent:
            continue
        extreme = max(recent) if on else min(recent)
        left = extreme - (sign * on_at - reach) if on else sign * off_at + reach - extreme
        seen[on].append(sign * extreme)
        margins.append(left)
        if left < 0:
            problems.append((time, f"went {'on' if on else 'off'} at {scale.text(sign * extreme)}"))
    for demanded, bound in ((True, sign * on_at + reach), (False, sign * off_at - reach)):
        late = _late(inputs, demanded, bound, output, delay)
        if late is not None:
            problems.append(
                (late, f"was still {'off' if demanded else 'on'} {within} after {scale.text(sign * bound)}")
            )
    doubt = ""
    if not problems:
        doubt = output.gap or gap(driver.pieces)
        missing = [word for word, on in (("on", True), ("off", False)) if not seen[on]]
        if not doubt and missing:
            doubt = f"it never went {' nor '.join(missing)}"
    actual = "; ".join(
        f"{'on' if on else 'off'} at {scale.band(min(values), max(values))}" for on, values in seen.items() if values
    )
    at, problem = min(problems, default=(None, ""))
    return ShapeResult(
        False if problems else None if doubt else True,
        check,
        f"on at {scale.text(on_at)}, off at {scale.text(off_at)}, within {within}",
        problem or actual or "no switching",
        (output.held.begin, output.held.end),
        f"± {scale.text(scale.span(tolerance))}",
        min(margins, default=None),
        scale.unit,
        at=at,
        doubt=doubt,
        limits=(("", on_at), ("", off_at)),
    )


def _late(
    inputs: list[tuple[int, int, float | None]], demanded: bool, bound: float, output: Switching, delay: int
) -> int | None:
    """The first instant at which the output is not as the input has demanded for ``delay`` ns."""
    since: int | None = None
    for start, end, value in inputs:
        beyond = value is not None and (value > bound if demanded else value < bound)
        if not beyond:
            since = None
            continue
        since = start if since is None else since
        due = max(start, since + delay)
        if due <= end:
            wrong = _first(output, not demanded, due, end)
            if wrong is not None:
                return wrong
    return None


def _first(output: Switching, on: bool, start: int, end: int) -> int | None:
    """The first instant from start to end at which the output is on (or off)."""
    state = output.starts_on
    for switch in output.switches:
        if switch.time > start:
            break
        state = switch.on
    if state is on:
        return start
    return next((switch.time for switch in output.switches if start < switch.time <= end and switch.on is on), None)


def _reader(
    scale: Scale, definition: SignalDef, on: str | Number | None, half: float
) -> Callable[[Sample, bool | None], bool | None]:
    """Says whether a sample is on, given what was before; None: no telling."""
    if isinstance(on, str):
        definition.raw_of_label(on)  # raises for a label that it does not have
        return lambda sample, before: sample.text == on
    if on is None:
        if definition.length != 1:
            raise ValueRangeError(
                f'{scale.name} has more than two values: say what on is, with on="label" or on=number'
            )
        return lambda sample, before: bool(sample.raw)
    threshold = scale.value(on)
    slack = scale.reach(None, threshold)

    def read(sample: Sample, before: bool | None) -> bool | None:
        number = scale.number(sample)
        if number is None:
            return None
        if number >= threshold + half - slack:
            return True
        # Between the two, and before either was passed, it is off.
        return bool(before) and half > 0 and number > threshold - half + slack

    return read


def _to(given: Quantity, unit: object, what: str) -> float:
    if not isinstance(given, Quantity):
        raise UnitError(f"{what} takes a quantity such as 2 * {unit}, not {given!r}")
    return given.to(unit)  # type: ignore[arg-type]
