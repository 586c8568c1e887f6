"""The loop: one heap of (time, phase, sequence), driven by whoever waits.

Time is an integer of nanoseconds since the world began. Nothing sleeps: a wait *is* the loop running callbacks until
its deadline comes or its condition holds. The order inside one instant is fixed by :class:`Phase`:

1. ``DELIVER``    frames reach subscribers;
2. ``MODEL``      ECUs, senders, protocol timers act;
3. ``DEADLINE``   monitors and expectations judge what is due, after the frames of the same instant;
4. ``WAKE``       the test goes on;
5. ``ARBITRATE``  the bus decides who starts a frame: after every contender of this instant, the test included.

Events of one instant and phase run in the order in which they were posted.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from enum import IntEnum
from heapq import heapify, heappop, heappush
from itertools import count
from pathlib import Path
from typing import Any, NoReturn

from harness.errors import Blocked, HarnessError, SimulationError, WaitInCallbackError
from harness.units import time_text


class Phase(IntEnum):
    """The fixed order inside one instant; see the module's text."""

    DELIVER = 0
    MODEL = 1
    DEADLINE = 2
    WAKE = 3
    ARBITRATE = 4


# Plain integers for the hot path: an IntEnum member costs a slow comparison in every heap operation.
DELIVER, MODEL, DEADLINE, WAKE, ARBITRATE = (int(phase) for phase in Phase)


_STILL = nullcontext()

AT_ONCE_LIMIT = 100_000
"""How many timers without delay may be started in one instant."""


class Owner:
    """Somebody who owns timers: an ECU, a sender. Cancelling the owner cancels all its timers at once.

    drift_ppm: how fast the owner's own clock runs, in parts per million; +100 makes each of its delays 100 ppm
    *shorter* in world time (a fast clock), negative longer, 0 none.
    """

    __slots__ = ("drift_ppm", "generation", "name")

    def __init__(self, name: str, drift_ppm: float = 0.0) -> None:
        self.name = name
        self.drift_ppm = drift_ppm
        self.generation = 0

    def cancel_timers(self) -> None:
        """Cancel every timer that this owner has started so far."""
        self.generation += 1

    def world_delay(self, delay: int) -> int:
        """A delay on this owner's clock, ns, as a delay of the world, ns."""
        return round(delay / (1.0 + self.drift_ppm * 1e-6)) if self.drift_ppm else delay


class Timer:
    """A pending callback, once or periodic. :meth:`cancel` may be called at any time, also twice."""

    __slots__ = (
        "_callback", "_generation", "_owner", "_pending", "_phase", "_post", "_step", "period", "time",
    )  # fmt: skip

    def __init__(
        self, loop: Loop, time: int, callback: Callable[[], object], phase: int, owner: Owner | None, period: int
    ) -> None:
        self._callback = callback
        self._pending = True
        self._phase = phase
        self._owner = owner
        self._generation = owner.generation if owner else 0
        self.time = time
        self.period = period
        self._step = owner.world_delay(period) if owner else period
        self._post = loop.post
        loop.post(time, phase, self._fire, None)

    @property
    def active(self) -> bool:
        """Whether the callback is still going to run."""
        return self._pending and (self._owner is None or self._owner.generation == self._generation)

    def cancel(self) -> None:
        """Never run the callback again."""
        self._pending = False

    def _fire(self, _: None) -> None:
        if not self._pending or (self._owner is not None and self._owner.generation != self._generation):
            return
        if self.period:
            # From the last due time, not from now: a periodic timer has no drift of its own.
            self.time = due = self.time + self._step
            self._post(due, self._phase, self._fire, None)
        else:
            self._pending = False
        self._callback()


Event = tuple[int, int, int, Callable[[Any], object], Any]


class Loop:
    """The virtual clock and everything that is going to happen on it.

    >>> loop = Loop()
    >>> _ = loop.after(5_000_000, lambda: print("five"))
    >>> loop.run_until(10_000_000)
    five
    False
    >>> loop.now
    10000000
    """

    def __init__(self) -> None:
        self.now = 0
        """Nanoseconds since the world began."""
        self.failure: HarnessError | None = None
        """The first error that a callback raised. It stops the world: every later wait raises it again."""
        self.interrupted: HarnessError | None = None
        """That Ctrl-C, or a signal that ends the run, came while a callback ran, and cut it off. The world goes on, so
        that a test's end can tidy up with it; but what it says from here on is not worth a verdict."""
        self._heap: list[Event] = []
        self._sequence = count().__next__
        self._instant = -1  # in which the last timer without delay was started
        self._at_once = 0  # how many were
        self._waits = False
        self._stop: Callable[[], bool] | None = None
        self._current: Callable[..., object] | None = None

    # -- scheduling ----------------------------------------------------------------------------------------------

    def post(self, time: int, phase: int, callback: Callable[[Any], object], argument: Any) -> None:
        """Run ``callback(argument)`` at ``time`` ns in ``phase``. The fast form: cannot be cancelled."""
        if time < self.now:
            raise SimulationError(f"{name_of(callback)} was scheduled for {time_text(time)}, but it is {self}")
        heappush(self._heap, (time, phase, self._sequence(), callback, argument))

    def at(self, time: int, callback: Callable[[], object], *, phase: int = MODEL, owner: Owner | None = None) -> Timer:
        """Run ``callback()`` at ``time`` ns (not before now).

        Raises :class:`~harness.errors.SimulationError` when that keeps time from passing: callbacks that start each
        other again and again in one instant.
        """
        if time == self.now:
            self._at_once = self._at_once + 1 if time == self._instant else 1
            self._instant = time
            if self._at_once > AT_ONCE_LIMIT:
                raise SimulationError(f"{name_of(callback)} is started again and again at {self}: time cannot pass")
        return Timer(self, time, callback, phase, owner, 0)

    def after(
        self, delay: int, callback: Callable[[], object], *, phase: int = MODEL, owner: Owner | None = None
    ) -> Timer:
        """Run ``callback()`` after ``delay`` ns on the owner's clock; 0 means later in this instant."""
        return self.at(self.now + (owner.world_delay(delay) if owner else delay), callback, phase=phase, owner=owner)

    def every(
        self,
        period: int,
        callback: Callable[[], object],
        *,
        start: int | None = None,
        phase: int = MODEL,
        owner: Owner | None = None,
    ) -> Timer:
        """Run ``callback()`` every ``period`` ns (more than 0), first after ``start`` ns (default: one period)."""
        if period <= 0:
            raise SimulationError(f"{name_of(callback)}: a period must be more than zero, not {time_text(period)}")
        delay = period if start is None else start
        first = self.now + (owner.world_delay(delay) if owner else delay)
        return Timer(self, first, callback, phase, owner, period)

    # -- running -------------------------------------------------------------------------------------------------

    def run_until(self, time: int, stop: Callable[[], bool] | None = None) -> bool:
        """Run callbacks up to ``time`` ns, and return in its ``WAKE`` phase; or earlier, as soon as ``stop()`` holds.

        ``stop`` is asked once per instant, after its deadlines and before the test goes on; the return value says
        whether it held. Raises what a callback raised: a :class:`~harness.errors.HarnessError` as it is, anything
        else as the cause of a :class:`~harness.errors.SimulationError`; again on every later call.
        """
        if self._current is not None:
            # Noted as well as raised: a callback that catches everything must not be able to hide it.
            error = WaitInCallbackError(
                f"{name_of(self._current)} tried to wait at {self}; only the test may wait: "
                "a model or callback uses after() and every()"
            )
            self.failure = self.failure or error
            raise error
        if self.failure is not None:
            raise self.failure
        if time < self.now:
            return stop is not None and stop()
        heap = self._heap
        wake: Event = (time, WAKE, -1, _wake, None)  # the first of its phase
        self._stop = stop
        self._waits = True
        callback: Callable[[Any], object] = _wake
        self._current = callback
        try:
            heappush(heap, wake)
            if stop is None:
                while True:
                    self.now, _, _, callback, argument = heappop(heap)
                    if callback is _wake:
                        return False
                    self._current = callback
                    callback(argument)
            while True:
                event = heap[0]
                if (event[0] > self.now or event[1] >= WAKE) and stop():
                    heap.remove(wake)
                    heapify(heap)
                    return True
                before = self.now
                self.now, _, _, callback, argument = heappop(heap)
                if callback is _wake:
                    return time > before and stop()
                self._current = callback
                callback(argument)
        except BaseException as error:  # noqa: BLE001  # raised again
            if wake in heap:
                heap.remove(wake)
                heapify(heap)
            self._fail(error, callback)
        finally:
            self._current = None
            self._stop = None
            self._waits = False

    def call(self, callback: Callable[[], object]) -> None:
        """Run a callback of the world now, at the test's request: what it raises stops the world, as in a wait.

        From within another callback it is just called.
        """
        if self._current is not None:
            callback()
            return
        self._current = callback
        try:
            callback()
        except BaseException as error:  # noqa: BLE001  # raised again
            self._fail(error, callback)
        finally:
            self._current = None

    def _fail(self, error: BaseException, callback: Callable[..., object]) -> NoReturn:
        """Stop the world, and raise what the test is to see."""
        if isinstance(error, KeyboardInterrupt):
            text = f"{name_of(callback)} was cut off at {self}: the run was interrupted"
            self.interrupted = self.interrupted or Blocked(text)
            raise error
        failure = error if isinstance(error, HarnessError) else None
        if failure is None:
            place = _place(error) or name_of(callback)
            failure = SimulationError(f"{place} raised {type(error).__name__}: {error} at {self}")
            failure.__cause__ = error
        self.failure = self.failure or failure
        # pytest.skip() and the like go on to those whom they concern.
        raise failure if isinstance(error, Exception) else error

    @property
    def present(self) -> int:
        """When whoever acts now acts, ns. In virtual time that is :attr:`now`."""
        return self.now

    def held(self) -> AbstractContextManager[None]:
        """Keep the world still, and up to date, for a few steps that belong together. In virtual time it always is."""
        return _STILL

    def quiet_until(self) -> int:
        """Up to when (ns) nobody but the caller can act: the next event, the waiting test's deadline, or now.

        The bus looks ahead with it: when nobody can join an arbitration any more, it is decided at once.
        """
        if not self._waits or (self._stop is not None and self._stop()):
            return self.now
        return self._heap[0][0]  # while somebody waits, there is at least the end of the wait

    def __str__(self) -> str:
        return f"t = {time_text(self.now)}"


def _wake(_: object) -> None:
    """Marks the end of a wait in the heap."""


def _place(error: BaseException) -> str:
    """Where an exception came from: the innermost line of Python that raised it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return ""
    code = trace.tb_frame.f_code
    return f"{code.co_qualname} ({Path(code.co_filename).name}:{trace.tb_lineno})"


def name_of(callback: Callable[..., object]) -> str:
    """A callback as a reader would look for it: its qualified name, or that of the timer's or partial's target."""
    target: Any = callback
    owner = getattr(target, "__self__", None)
    if isinstance(owner, Timer):
        target = owner._callback
    while hasattr(target, "func"):
        target = target.func
    name = getattr(target, "__qualname__", None) or repr(target)
    module = getattr(target, "__module__", None)
    return f"{module}.{name}" if module else str(name)
