"""The loop of a bench with real channels: its time is what all channels have handed over so far.

A channel process stamps what it hears and says up to when that is all. The world's time follows the slowest channel,
so frames of all channels come in the order of their stamps, and a deadline is judged after every frame of its instant,
however late the test's own process is. It stays behind the clock by what handing over takes, mostly below 1 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from harness.errors import AdapterLost, HarnessError
from harness.loop import DELIVER
from harness.units import time_text
from harness.wall import LONGEST_SLEEP_S, WallLoop, clock_ns

STALLED_NS = 3_000_000_000
"""A channel that says nothing for so long has died, whatever its process looks like."""

NEAR_NS = 20_000_000
"""So far behind the clock a world may be when a test acts in it, ns: what handing over takes, with room to spare."""

Due = tuple[int, Callable[[Any], object], Any]
"""When (world ns), and what is to be called with what."""


class FollowingLoop(WallLoop):
    """A :class:`~harness.wall.WallLoop` that channels feed.

    channels: those that have to be waited for. Time begins with :meth:`start_at`.

    >>> loop = FollowingLoop(["body"])
    >>> loop.start_at(clock_ns())
    >>> loop.feed("body", [(2_000_000, print, "two")], complete=5_000_000)
    >>> loop.run_until(4_000_000)
    two
    False
    >>> loop.close()
    """

    def __init__(self, channels: Iterable[str], clock: Callable[[], int] = clock_ns) -> None:
        super().__init__(clock)
        self._complete = dict.fromkeys(channels, 0)
        self._fed_at = dict.fromkeys(self._complete, 0)
        self._looked_at = 0

    def start_at(self, origin_ns: int) -> None:
        """Let time pass; 0 was at ``origin_ns`` of the clock. Raises as :meth:`WallLoop.start` does."""
        with self._lock:
            self.start()
            self._origin = origin_ns
            self._looked_at = self._clock()
            self._fed_at = dict.fromkeys(self._complete, self._looked_at)

    @property
    def elapsed(self) -> int:
        """The instant up to which every channel has handed over what it heard, ns."""
        return min(self._complete.values())

    @property
    def present(self) -> int:
        """What the clock says, in world time; the world itself comes there a little later."""
        return max(self.now, self._clock() - self._origin)

    @contextmanager
    def held(self) -> Iterator[None]:
        """As :meth:`WallLoop.held`. A test that has kept the interpreter to itself waits for what came meanwhile."""
        with self._lock:
            if not self._held and self._current is None and self._thread is not None:
                near = self.present - NEAR_NS
                while self.elapsed < near and self.failure is None and not self._closing:
                    self._changed.wait(LONGEST_SLEEP_S)
        with super().held():
            yield

    def feed(self, channel: str, due: Sequence[Due], complete: int) -> None:
        """A channel hands over what came up to ``complete`` ns. From any thread; runs nothing itself.

        What was stamped before the present instant (an adapter's clock has its errors) counts as of now.
        """
        with self._lock:
            self._fed_at[channel] = self._clock()
            if self._closing or self.failure is not None:
                return
            for time, callback, argument in due:
                super(WallLoop, self).post(max(time, self.now), DELIVER, callback, argument)
            self._complete[channel] = max(complete, self._complete[channel])
            self._changed.notify_all()

    def fail(self, error: HarnessError) -> None:
        """Stop the world with this error, unless something else has stopped it already. From any thread."""
        with self._lock:
            self.failure = self.failure or error
            self._changed.notify_all()

    def _sleep_s(self) -> float:
        # Only a channel makes time pass, and feeding wakes; but one that says nothing has to be noticed.
        now = self._clock()
        if now - self._looked_at > 2 * LONGEST_SLEEP_S * 1e9:
            # This process itself stood still, as in a debugger: what was said meanwhile has yet to be read.
            self._fed_at = dict.fromkeys(self._fed_at, now)
        self._looked_at = now
        for channel, fed_at in self._fed_at.items():
            if now - fed_at > STALLED_NS:
                self.failure = self.failure or AdapterLost(
                    f"channel {channel!r}: its process has said nothing for {time_text(now - fed_at)}; "
                    "is it stopped, or the machine overloaded?"
                )
        return LONGEST_SLEEP_S
