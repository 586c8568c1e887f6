"""Which received frames are our own, on an interface that gives them back without saying so."""

from __future__ import annotations

from collections import Counter, deque
from threading import Lock

from harness.frames import Frame

ECHOING = frozenset({"udp_multicast"})
"""python-can's interfaces that hand a program its own frames as received ones, and have no option against it."""

PENDING = 4096
"""Frames whose echo is awaited at most; an echo that never comes is forgotten after so many others."""


class Echoes:
    """Remembers what was sent, so that its echo is told from an equal frame of somebody else.

    >>> echoes = Echoes()
    >>> echoes.sent(Frame(0x123, b"\\x01"))
    >>> echoes.returned(Frame(0x123, b"\\x01")), echoes.returned(Frame(0x123, b"\\x01"))
    (True, False)
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._order: deque[Frame] = deque()
        self._pending: Counter[Frame] = Counter()

    def sent(self, frame: Frame) -> None:
        """A frame was given to the interface."""
        with self._lock:
            self._pending[frame] += 1
            self._order.append(frame)
            if len(self._order) > PENDING:
                self._take(self._order.popleft())

    def returned(self, frame: Frame) -> bool:
        """A frame came; whether it is one of ours, which then is no longer awaited."""
        with self._lock:
            return self._take(frame)

    def _take(self, frame: Frame) -> bool:
        left = self._pending.get(frame, 0)
        if left > 1:
            self._pending[frame] = left - 1
        elif left:
            del self._pending[frame]
        return left > 0
