"""Playing a profile: on a loop, in virtual time as on the wall clock; or by a thread, for a supply that is slow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event, Thread
from typing import NamedTuple

from harness.errors import InstrumentError
from harness.instruments.profile import Profile
from harness.instruments.roles import PowerSupply
from harness.loop import Loop
from harness.units import Quantity, V, time_text
from harness.wall import WallLoop, clock_ns


class Played(NamedTuple):
    """A set point that was played. due: ns since the beginning. voltage: V.

    late: ns from then until the supply had it, read back; None when it was left out, because the next one was due
    already.
    """

    due: int
    voltage: float
    late: int | None


@dataclass(frozen=True, slots=True)
class PlayReport:
    """How a profile was played."""

    profile: Profile
    played: tuple[Played, ...]

    @property
    def worst_late_ns(self) -> int:
        """The latest set point, ns; 0 when none was played."""
        return max((each.late for each in self.played if each.late is not None), default=0)

    @property
    def left_out(self) -> int:
        """How many set points the supply was too slow for."""
        return sum(each.late is None for each in self.played)

    @property
    def complete(self) -> bool:
        """Whether it was played to its end."""
        return len(self.played) == len(self.profile.points)

    def __str__(self) -> str:
        end = "" if self.complete else f", broken off after {len(self.played)}"
        left_out = f", {self.left_out} left out" if self.left_out else ""
        return f"{self.profile}; worst lateness {time_text(self.worst_late_ns)}{left_out}{end}"


class LoopPlayer:
    """A profile that a loop plays, from now on, in its phase MODEL.

    apply: called with each voltage, a quantity; what it raises stops the world, as everything does that a callback
    raises. On a wall clock it must be quick: the loop stands still meanwhile. max_voltage: V; checked before the first
    set point, None for none.

    >>> from harness.units import ms
    >>> loop = Loop()
    >>> dip = Profile.of("dip", [(0 * ms, 12 * V), (15 * ms, 6 * V)])
    >>> player = LoopPlayer(dip, loop, lambda voltage: print(loop.now, voltage))
    >>> loop.run_until(15 * ms)
    0 12 V
    15000000 6 V
    False
    >>> print(player.report)
    profile 'dip': 2 set points in 15 ms, 6 to 12 V; worst lateness 0 s
    """

    def __init__(
        self,
        profile: Profile,
        loop: Loop,
        apply: Callable[[Quantity], object],
        *,
        max_voltage: float | None = None,
    ) -> None:
        if max_voltage is not None:
            profile.check(max_voltage)
        self._profile, self._loop, self._apply = profile, loop, apply
        self._begin: int | None = None
        self._played: list[Played] = []
        self._timer = loop.after(0, self._play)

    @property
    def report(self) -> PlayReport:
        """How it was played so far."""
        return PlayReport(self._profile, tuple(self._played))

    @property
    def done(self) -> bool:
        """Whether the last set point has been played."""
        return len(self._played) == len(self._profile.points)

    def stop(self) -> None:
        """Break it off: no further set point is played."""
        self._timer.cancel()

    def _play(self) -> None:
        loop = self._loop
        begin = self._begin = loop.now if self._begin is None else self._begin
        due, voltage = self._profile.points[len(self._played)]
        self._apply(voltage * V)
        now = loop.elapsed if isinstance(loop, WallLoop) else loop.now
        self._played.append(Played(due, voltage, max(0, now - begin - due)))
        if not self.done:
            self._timer = loop.at(begin + self._profile.points[len(self._played)].time, self._play)


class SupplyPlayer:
    """A profile that a thread of its own plays on a real supply, from now on; the world goes on meanwhile.

    A set point for which the supply has no time, because the next one is due, is left out. The profile's voltages are
    checked against the supply's ``max_voltage`` before the first one is set. note: gets one line at the end.
    on_failure: called with the error when the supply fails; :meth:`wait` raises it, too.
    """

    def __init__(
        self,
        profile: Profile,
        supply: PowerSupply,
        *,
        note: Callable[[str], object] | None = None,
        on_failure: Callable[[InstrumentError], object] | None = None,
        clock: Callable[[], int] = clock_ns,
    ) -> None:
        profile.check(supply.max_voltage)
        self._profile, self._supply, self._clock = profile, supply, clock
        self._note, self._on_failure = note, on_failure
        self._played: list[Played] = []
        self._failure: BaseException | None = None
        self._stop = Event()
        self._begin = clock()
        self._thread = Thread(target=self._run, name=f"harness {profile.name}", daemon=True)
        self._thread.start()

    @property
    def report(self) -> PlayReport:
        """How it was played so far."""
        return PlayReport(self._profile, tuple(self._played))

    @property
    def done(self) -> bool:
        """Whether it has ended: played, broken off, or failed."""
        return not self._thread.is_alive()

    def wait(self) -> PlayReport:
        """Wait for its end. Raises :class:`~harness.errors.InstrumentError` when the supply failed meanwhile."""
        self._thread.join()
        if self._failure is not None:
            raise InstrumentError(f"{self._profile.name}: {self._failure}") from self._failure
        return self.report

    def stop(self) -> PlayReport:
        """Break it off: no further set point is played. Raises as :meth:`wait`."""
        self._stop.set()
        return self.wait()

    def _run(self) -> None:
        try:
            self._play()
        except BaseException as error:  # noqa: BLE001  # told to on_failure, and raised by wait()
            self._failure = error
            if self._on_failure is not None:
                text = f"{self._profile.name}: {error}"
                self._on_failure(error if isinstance(error, InstrumentError) else InstrumentError(text))
        if self._note is not None:
            self._note(f"{self._supply.name}: {self.report}")

    def _play(self) -> None:
        points = self._profile.points
        for number, (due, voltage) in enumerate(points):
            following = points[number + 1].time if number + 1 < len(points) else None
            if following is not None and self._clock() - self._begin >= following:
                self._played.append(Played(due, voltage, None))
                continue
            left = self._begin + due - self._clock()
            if self._stop.wait(max(0.0, left / 1e9)):
                return
            self._supply.set_voltage(voltage * V, note=False)
            self._played.append(Played(due, voltage, max(0, self._clock() - self._begin - due)))
