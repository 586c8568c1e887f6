"""The wall clock: the same loop, driven in real time by one thread.

The bench thread runs what is due and sleeps until the next event, so that simulated nodes, recorders and monitors go
on while the test computes, sleeps, or stands in a debugger. Nobody else runs callbacks: one lock is held while they
run, other threads act in between (:meth:`WallLoop.held`), and a wait of the test blocks until the bench thread has
come so far. The order inside an instant is that of the virtual clock.

An event runs at its own time, however late the thread is: ``now`` is the event's time, so periodic timers have no
drift; how late it ran is kept in :attr:`WallLoop.lateness`.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from harness.errors import SimulationError
from harness.loop import MODEL, Loop, Owner, Timer
from harness.units import time_text

clock_ns: Callable[[], int] = time.perf_counter_ns if sys.platform == "win32" else time.monotonic_ns
"""Monotonic nanoseconds, the same in all processes of a machine. (Windows' monotonic clock ticks every 16 ms.)"""

LONGEST_SLEEP_S = 0.5
"""The bench thread looks around at least this often, s."""


@dataclass(slots=True)
class Lateness:
    """How late the bench thread ran what was due: number of runs, and the latest one, ns."""

    runs: int = 0
    worst_ns: int = 0
    total_ns: int = 0

    def add(self, late_ns: int) -> None:
        """One more run."""
        self.runs += 1
        self.total_ns += late_ns
        self.worst_ns = max(self.worst_ns, late_ns)

    def __str__(self) -> str:
        mean = self.total_ns // self.runs if self.runs else 0
        return f"mean {time_text(mean)}, worst {time_text(self.worst_ns)} in {self.runs} runs"


@dataclass(eq=False, slots=True)
class _Waiter:
    """The test, waiting: until an instant is over, or until its condition held at the end of some instant."""

    until: int
    stop: Callable[[], bool] | None
    stopped: bool = False


class WallLoop(Loop):
    """A :class:`~harness.loop.Loop` whose time passes by itself from :meth:`start` to :meth:`close`.

    clock: monotonic nanoseconds; the world's time 0 is its value at :meth:`start`.

    >>> with WallLoop() as loop:
    ...     _ = loop.after(2_000_000, lambda: print("two"))
    ...     loop.run_until(5_000_000)
    two
    False
    """

    def __init__(self, clock: Callable[[], int] = clock_ns) -> None:
        super().__init__()
        self.lateness = Lateness()
        """Of everything that ran since the start."""
        self._clock = clock
        self._origin = 0
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)
        self._waiting: list[_Waiter] = []
        self._thread: threading.Thread | None = None
        self._closing = False
        self._held = 0  # how many held() are open, one in the other

    # -- life ------------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Let time pass from now on. Raises :class:`~harness.errors.SimulationError` when it does already."""
        with self._lock:
            if self._thread is not None:
                raise SimulationError("this world's time passes already")
            self._origin = self._clock() - self.now
            self._thread = threading.Thread(target=self._drive, name="harness bench", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop time for good. Returns when the bench thread has ended; may be called twice."""
        with self._lock:
            self._closing = True
            self._changed.notify_all()
            thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def __enter__(self) -> WallLoop:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def elapsed(self) -> int:
        """The world's time by the clock, ns: what ``now`` comes to when all that is due has run."""
        return self._clock() - self._origin

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep the world still, up to date, for a few steps of another thread that belong together.

        A wait inside lets it go on. Raises what stopped the world.
        """
        with self._lock:
            if not self._held and self._current is None and self._thread is not None:
                self._catch_up()
            self._held += 1
            try:
                yield
            finally:
                self._held -= 1

    @property
    def holding(self) -> bool:
        """Whether nobody may wait now: the caller is a callback, or keeps the world still (:meth:`held`)."""
        with self._lock:
            return self._held > 0 or self._current is not None

    # -- what the loop's users call --------------------------------------------------------------------------------

    def post(self, time: int, phase: int, callback: Callable[[Any], object], argument: Any) -> None:
        """As :meth:`Loop.post`; from another thread it wakes the bench thread."""
        with self._lock:
            super().post(time, phase, callback, argument)
            if self._current is None:
                self._changed.notify_all()

    def at(self, time: int, callback: Callable[[], object], *, phase: int = MODEL, owner: Owner | None = None) -> Timer:
        """As :meth:`Loop.at`, from any thread."""
        with self.held():
            return super().at(time, callback, phase=phase, owner=owner)

    def after(
        self, delay: int, callback: Callable[[], object], *, phase: int = MODEL, owner: Owner | None = None
    ) -> Timer:
        """As :meth:`Loop.after`, from any thread."""
        with self.held():
            return super().after(delay, callback, phase=phase, owner=owner)

    def every(
        self,
        period: int,
        callback: Callable[[], object],
        *,
        start: int | None = None,
        phase: int = MODEL,
        owner: Owner | None = None,
    ) -> Timer:
        """As :meth:`Loop.every`, from any thread."""
        with self.held():
            return super().every(period, callback, start=start, phase=phase, owner=owner)

    def run_until(self, time: int, stop: Callable[[], bool] | None = None) -> bool:
        """Wait until ``time`` ns is over or ``stop()`` held at the end of an instant; see :meth:`Loop.run_until`.

        Time goes on meanwhile: when it returns, ``now`` may be later.
        """
        with self._lock:
            if self._current is not None or self._thread is None or self.failure is not None:
                return super().run_until(time, stop)  # it knows what to raise
            held, self._held = self._held, 0  # the wait lets go of them all
            self._catch_up()
            waiter = _Waiter(time, stop, stop is not None and stop())
            self._waiting.append(waiter)
            self._changed.notify_all()
            try:
                while self.now < time and not waiter.stopped:
                    self._raise_failure()
                    self._changed.wait(LONGEST_SLEEP_S)
            finally:
                self._waiting.remove(waiter)
                self._held = held
            self._raise_failure()
            return waiter.stopped

    def call(self, callback: Callable[[], object]) -> None:
        """As :meth:`Loop.call`, in a world that is up to date."""
        with self.held():
            self._raise_failure()
            super().call(callback)
            self._changed.notify_all()

    # -- the bench thread ------------------------------------------------------------------------------------------

    def _drive(self) -> None:
        ended: str | None = "ended without a reason"
        try:
            with self._lock:
                while not self._closing and self.failure is None:
                    self._catch_up()
                    self._changed.notify_all()
                    self._changed.wait(min(self._sleep_s(), LONGEST_SLEEP_S))
            ended = None
        except BaseException as error:  # noqa: BLE001  # kept as the world's failure, which the next call raises
            ended = f"was ended by {type(error).__name__}: {error}"
        finally:
            with self._lock:
                if ended is not None and self.failure is None:
                    text = f"the bench thread {ended} at {self}; nothing is being sent any more"
                    self.failure = SimulationError(text)
                self._changed.notify_all()

    def _sleep_s(self) -> float:
        due = [waiter.until for waiter in self._waiting]
        if self._heap:
            due.append(self._heap[0][0])
        return max(0.0, (min(due) - self.elapsed) / 1e9) if due else LONGEST_SLEEP_S

    def _catch_up(self) -> None:
        """Run all that is due by the clock. Whoever holds the lock may do that; mostly it is the bench thread."""
        elapsed = self.elapsed
        if elapsed <= self.now or self.failure is not None or self._closing:
            return
        if self._heap and self._heap[0][0] <= elapsed:
            self.lateness.add(elapsed - self._heap[0][0])
        try:
            super().run_until(elapsed, self._ask if self._waiting else None)
        except SystemExit as error:
            # It would end whichever thread happened to run the callback: often the test's own.
            self._raise_failure(error)

    def _ask(self) -> bool:
        """Ask the conditions of all who wait, once per instant. Never stops the loop itself."""
        for waiter in self._waiting:
            if not waiter.stopped and waiter.stop is not None and waiter.stop():
                waiter.stopped = True
        return False

    def _raise_failure(self, cause: BaseException | None = None) -> None:
        if self.failure is not None:
            raise self.failure from cause or self.failure.__cause__
        if self._thread is not None and not self._thread.is_alive() and not self._closing:
            raise SimulationError(f"the bench thread is dead at {self}; nothing is being sent any more")
        if self._closing:
            raise SimulationError(f"this world has been closed at {self}")
