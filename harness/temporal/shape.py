"""The shape of a signal over a window: constant, monotonic, step, ramp, settling, overshoot, frequency, duty cycle,
hysteresis.

>>> from harness.signals.definitions import SignalDef
>>> from harness.units import kmh, ms
>>> speed = SignalDef("Speed", "Motion", start=0, length=16, scale=0.01, unit="km/h")
>>> samples = [Sample(time * 10_000_000, 0, 0.0 if time < 5 else 50.0, None) for time in range(20)]
>>> shape = Shape(speed, samples)
>>> print(shape.is_step(0 * kmh, 50 * kmh, within=100 * ms))
Speed steps from 0 km/h to 50 km/h within 100 ms: left after 50 ms, arrived 0 s later
>>> print(shape.is_constant(tolerance=1 * kmh))
Speed is constant: not so
  expected: greatest and smallest value the same (within 1 km/h)
  actual:   0 to 50 km/h; first at 50 ms
  looked at 0 s to 190 ms
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from harness.signals.definitions import SignalDef
from harness.signals.live import LiveSignal, Sample
from harness.temporal import shape_level, shape_switching, shape_transition
from harness.temporal.shape_result import ShapeResult
from harness.temporal.shape_samples import Held, Number, Scale
from harness.temporal.shape_switching import Switching
from harness.units import Duration, Quantity

if TYPE_CHECKING:
    from harness.signals.column import SignalColumn

NOW = Duration(0)


class Shape:
    """The samples of one signal from ``begin`` to ``end``, and claims about their shape.

    definition: the signal. samples: oldest first; those before ``begin`` give the state there, of several in one
    instant the last counts. begin, end: ns, both included; None: first and last sample. timeout: after how long (ns) a
    value counts no more; None: never. name: what messages call the signal; path: ``channel.Message.Signal`` for plots.
    judged: called with every result, for reports and for raising.

    The signal is taken as sample and hold: a value holds from the end of its frame until the next frame. A number is
    allowed to be off by the tolerance, at least by half a step of the signal. Where data are missing, or too few, the
    result is neither passed nor failed; what is certain all the same is failed. Numbers are in the signal's unit, or
    quantities. Claims raise :class:`~harness.errors.UnitError` and :class:`~harness.errors.ValueRangeError` for limits
    that make no sense.
    """

    __slots__ = ("_definition", "_held", "_judged", "_path", "_scale")

    def __init__(
        self,
        definition: SignalDef,
        samples: Iterable[Sample],
        begin: int | None = None,
        end: int | None = None,
        *,
        timeout: int | None = None,
        name: str = "",
        path: str = "",
        judged: Callable[[ShapeResult], object] | None = None,
    ) -> None:
        samples = list(samples)
        first = begin if begin is not None else samples[0].time if samples else 0
        last = end if end is not None else max(first, samples[-1].time if samples else 0)
        self._definition = definition
        self._held = Held.over(samples, first, last, timeout)
        self._scale = Scale(definition, name or definition.name)
        self._path = path
        self._judged = judged

    @classmethod
    def of(
        cls,
        signal: LiveSignal,
        begin: int | None = None,
        end: int | None = None,
        *,
        judged: Callable[[ShapeResult], object] | None = None,
    ) -> Shape:
        """What a live signal's channel remembers of it; a cyclic value counts for five cycles."""
        return cls(
            signal.definition,
            signal.history,
            begin,
            end,
            timeout=signal.timeout,
            name=signal.short_name,
            path=signal.path,
            judged=judged,
        )

    @classmethod
    def of_column(
        cls, column: SignalColumn, begin: int | None = None, end: int | None = None, *, timeout: int | None = None
    ) -> Shape:
        """A signal of a recording."""
        rows = zip(column.time.tolist(), column.raw.tolist(), column.value.tolist(), column.text.tolist(), strict=True)
        return cls(column.definition, [Sample(*row) for row in rows], begin, end, timeout=timeout)

    # -- where it stays --------------------------------------------------------------------------------------------

    def is_constant(self, value: Number | None = None, *, tolerance: Number | None = None) -> ShapeResult:
        """It is ``value`` throughout; without one, greatest and smallest value differ by no more than the tolerance."""
        return self._result(shape_level.constant(self._held, self._scale, value, tolerance))

    def is_monotonic(
        self, direction: Literal["rising", "falling"] = "rising", *, tolerance: Number | None = None
    ) -> ShapeResult:
        """It never goes back from the farthest value so far, by more than the tolerance. Two samples at least."""
        return self._result(shape_level.monotonic(self._held, self._scale, direction == "falling", tolerance))

    def settles(
        self,
        to: Number | None = None,
        *,
        within: Duration,
        tolerance: Number | None = None,
        hold: Duration = NOW,
    ) -> ShapeResult:
        """From ``within`` after the window's begin on it stays at ``to`` (None: its last value) to the window's end.

        hold: for how long it must have been followed after it settled, else it cannot be told. ``measured`` is the
        settling time (IEEE Std 181-2011), from the window's begin.
        """
        return self._result(shape_level.settling(self._held, self._scale, to, within, tolerance, hold))

    def overshoots(self, *, at_most: Quantity, frm: Number | None = None, to: Number | None = None) -> ShapeResult:
        """It goes beyond ``to`` by no more than a part of the step from ``frm`` to ``to``: ``at_most=5 * percent``.

        frm, to: None: first and last value. ``measured`` is the overshoot in percent (IEEE Std 181-2011).
        """
        return self._result(shape_level.overshoot(self._held, self._scale, frm, to, at_most))

    # -- how it goes -----------------------------------------------------------------------------------------------

    def is_step(
        self,
        frm: Number,
        to: Number,
        *,
        rise_within: Duration = NOW,
        tolerance: Number | None = None,
        within: Duration | None = None,
        between: tuple[Duration, Duration] | None = None,
    ) -> ShapeResult:
        """It is ``frm`` at first, then leaves it, and ``rise_within`` later it is ``to`` for good.

        rise_within: 0: from one sample to the next. within, between: when it leaves ``frm``, counted from the window's
        begin: at the latest, or from when to when; neither: at any time. ``measured`` is the time from leaving to
        arriving.
        """
        ends = (frm, to)
        return self._result(
            shape_transition.step(self._held, self._scale, ends, rise_within, tolerance, between, within)
        )

    def is_ramp(
        self,
        frm: Number,
        to: Number,
        *,
        takes: Duration,
        tolerance: Number | None = None,
        within: Duration | None = None,
        between: tuple[Duration, Duration] | None = None,
    ) -> ShapeResult:
        """Its samples lie on a line that is ``frm`` at first, goes straight to ``to`` in the time ``takes``, and stays.

        Where the line leaves ``frm`` is chosen so that it fits best; within, between: as for :meth:`is_step`. Three
        samples at least on the slope. ``measured`` is the largest deviation of a sample from that line.
        """
        ends = (frm, to)
        return self._result(shape_transition.ramp(self._held, self._scale, ends, takes, tolerance, between, within))

    # -- how it switches -------------------------------------------------------------------------------------------

    def has_frequency(
        self,
        wanted: Quantity,
        *,
        tolerance: Quantity,
        on: str | Number | None = None,
        hysteresis: Number | None = None,
        over: int = 1,
    ) -> ShapeResult:
        """Every period, from rise to rise, fits the frequency; and it never stands still for longer than the slowest.

        on: the label, or the number at and above which it is on (None: a signal of one bit). hysteresis: it goes on
        half of it above that number, and off half of it below. over: number of consecutive periods that are averaged,
        for frequencies that are high for the signal's cycle time. ``measured`` is the mean, in Hz.
        """
        return self._result(shape_switching.frequency(self._switching(on, hysteresis), wanted, tolerance, over))

    def has_duty_cycle(
        self,
        wanted: Quantity,
        *,
        tolerance: Quantity,
        on: str | Number | None = None,
        hysteresis: Number | None = None,
        over: int = 1,
    ) -> ShapeResult:
        """In every full period it is on for that part of it; parameters as for :meth:`has_frequency`, in percent."""
        return self._result(shape_switching.duty_cycle(self._switching(on, hysteresis), wanted, tolerance, over))

    def has_hysteresis(
        self,
        driver: Shape,
        *,
        on_at: Number,
        off_at: Number,
        within: Duration,
        tolerance: Number | None = None,
        on: str | Number | None = None,
    ) -> ShapeResult:
        """It goes on when ``driver`` comes to ``on_at``, and off when that comes back to ``off_at``, not before.

        on_at above off_at: it is on for high values; below: for low ones. within: how long it may take, 0 or more.
        tolerance: of the thresholds, in the driver's unit. on: as for :meth:`has_frequency`. It must have gone on and
        off at least once each, else it cannot be told.
        """
        thresholds = (on_at, off_at)
        switching = self._switching(on, None)
        held, scale = driver._held, driver._scale
        found = shape_switching.hysteresis(switching, held, scale, thresholds, tolerance, within)
        limits = tuple((driver._path, value) for _, value in found.limits if driver._path)
        signals = tuple(path for path in (self._path, driver._path) if path)
        return self._result(replace(found, limits=limits, signals=signals))

    def _switching(self, on: str | Number | None, hysteresis: Number | None) -> Switching:
        return Switching(self._held, self._scale, self._definition, on, hysteresis)

    def _result(self, found: ShapeResult) -> ShapeResult:
        if not found.signals and self._path:
            limits = tuple((self._path, value) for _, value in found.limits)
            found = replace(found, signals=(self._path,), limits=limits)
        if self._judged is not None:
            self._judged(found)
        return found
