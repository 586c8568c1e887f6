"""Which received frames are our own, on an interface that gives them back without saying so."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import Lock

from harness.frames import Frame
from harness.wall import clock_ns

ECHOING = frozenset({"udp_multicast"})
"""python-can's interfaces that hand a program its own frames as received ones, and have no option against it."""

LIMIT_NS = 2_000_000_000
"""An echo that has not come by then was lost, ns; an equal frame that comes later is somebody else's."""

TIDY_AT = 1024
"""Different frames whose echoes are awaited, before those that were lost are looked for."""


class Echoes:
    """Remembers what was sent, so that its echo is told from an equal frame of somebody else. Used by several threads.

    >>> echoes = Echoes()
    >>> echoes.sent(Frame(0x123, b"\\x01"))
    >>> echoes.returned(Frame(0x123, b"\\x01")), echoes.returned(Frame(0x123, b"\\x01"))
    (True, False)
    """

    def __init__(self, clock: Callable[[], int] = clock_ns) -> None:
        self._clock = clock
        self._lock = Lock()
        self._awaited: dict[Frame, deque[int]] = {}  # when each was sent

    def sent(self, frame: Frame) -> None:
        """A frame is going to be given to the interface."""
        now = self._clock()
        with self._lock:
            if len(self._awaited) >= TIDY_AT:
                self._awaited = {each: times for each, times in self._awaited.items() if times[-1] > now - LIMIT_NS}
            self._awaited.setdefault(frame, deque()).append(now)

    def withdraw(self, frame: Frame) -> None:
        """The interface did not take the frame that was :meth:`sent` last among its equals."""
        with self._lock:
            times = self._awaited.get(frame)
            if times:
                times.pop()
                self._drop(frame, times)

    def returned(self, frame: Frame) -> bool:
        """A frame came; whether it is one of ours, which then is no longer awaited."""
        with self._lock:
            times = self._awaited.get(frame)
            if times is None:
                return False
            oldest = self._clock() - LIMIT_NS
            while times and times[0] <= oldest:
                times.popleft()
            ours = bool(times)
            if ours:
                times.popleft()
            self._drop(frame, times)
            return ours

    def _drop(self, frame: Frame, times: deque[int]) -> None:
        if not times:
            del self._awaited[frame]
