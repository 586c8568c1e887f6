"""One real channel over the whole run: worlds come and go, what is heard goes to the present one.

Between two worlds, and while one is being made, batches wait here, so that nothing is lost.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

from harness.adapter.client import Adapter
from harness.adapter.items import Batch, Heard, Reopened, Report, Sent, State, Trouble
from harness.bus.port import ErrorState
from harness.errors import AdapterLost, Blocked
from harness.frames import Frame
from harness.units import time_text
from harness.wall import clock_ns

Found = TypeVar("Found")

MOST_WAITING = 20_000
"""Batches that wait for a world at most; the oldest are dropped, as nobody is going to judge them any more."""

RETURN_S = 1.0
"""How long a world's beginning waits for an adapter that was lost, s: it is looked for every 0.5 s."""

Sink = Callable[[Batch], object]


class Line:
    """An open adapter and whoever takes what it hears; ``sink`` is called in the adapter's own thread."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.heard = False
        """Whether a frame of the vehicle has come on it in this run: then the bench can hear the vehicle."""
        self._changed = threading.Condition()
        self._waiting: list[Batch] = []
        self._sink: Sink | None = None
        self._off: int | None = None  # the process whose adapter is bus-off, as far as that has been told

    def begin(self) -> None:
        """A world is going to begin: its transmitters are new, and what is heard from now on waits for it.

        An adapter that was lost may be back: it is waited for as long as it takes to look for it. One that is bus-off
        is asked to come back. Raises :class:`~harness.errors.Blocked` when it does not.
        """
        if self._off is not None and self._off == self.adapter.pid:
            self._come_back()
        self._begin()
        with self._changed:
            lost = [item for item in self._items() if isinstance(item, Trouble) and (item.fatal or item.lost)]
            if not lost:
                return
            if not self._changed.wait_for(self._is_back, RETURN_S):
                if not any(item.fatal for item in lost):  # else the world itself finds it
                    raise self._gone(lost[0])
                return
        self._begin()

    def _come_back(self) -> None:
        self.release()
        with self._changed:
            self._waiting.clear()
        self.adapter.recover()
        with self._changed:
            if not self._changed.wait_for(lambda: self._off is None, RETURN_S):
                said = "".join(f" ({item.text})" for item in self._items() if isinstance(item, Trouble))
                raise Blocked(
                    f"{self.adapter.spec} is bus-off since an earlier test, and has not come back within "
                    f"{RETURN_S:g} s{said}; check wiring, termination and bit rate"
                )

    def _begin(self) -> None:
        self.release()
        with self._changed:
            self._waiting.clear()
        self.adapter.begin(clock_ns(), self._take, reconnect=self.adapter.spec.reconnect)

    def _items(self) -> Iterator[Report]:
        return (item for batch in self._waiting for item in batch.items)

    def _is_back(self) -> bool:
        return any(isinstance(item, Reopened) for item in self._items())

    def hand_over(self, sink: Sink) -> None:
        """Give what waits, and everything from now on, to ``sink``."""
        with self._changed:
            waiting, self._waiting = self._waiting, []
            for batch in waiting:
                sink(batch)
            self._sink = sink

    def release(self) -> None:
        """The sink is gone."""
        with self._changed:
            self._sink = None

    def ask(
        self, frame: Frame, found: Callable[[Frame], Found | None], timeout_ns: int, node: str, *, forget: bool = False
    ) -> tuple[int, Found]:
        """Send a frame while no world runs, and :meth:`wait_for` its answer."""
        self.adapter.send(node, frame)
        return self.wait_for(found, timeout_ns, forget=forget)

    def wait_for(
        self, found: Callable[[Frame], Found | None], timeout_ns: int, *, forget: bool = False
    ) -> tuple[int, Found]:
        """Wait, while no world runs, for a frame in which ``found`` finds something; its stamp, and what that is.

        The frame stays among what waits for the world. forget: what came before it does not, be it stamped as late:
        what is read at once may have one stamp. Raises :class:`~harness.errors.Blocked` when none comes, and for what
        is wrong with the channel.
        """
        end = clock_ns() + timeout_ns
        with self._changed:
            seen = 0
            while True:
                for number, batch in enumerate(self._waiting[seen:], seen):
                    for place, item in enumerate(batch.items):
                        if isinstance(item, Trouble) and (item.fatal or item.lost):
                            raise self._gone(item)
                        answer = found(item.frame) if isinstance(item, Heard) else None
                        if answer is not None:
                            if forget:
                                rest = batch._replace(items=batch.items[place:])
                                self._waiting[: number + 1] = [rest]
                            return item.time, answer
                seen = len(self._waiting)
                left = end - clock_ns()
                if left <= 0:
                    raise Blocked(f"no answer on {self.adapter.spec} within {time_text(timeout_ns)}")
                self._changed.wait(left / 1e9)

    def _gone(self, trouble: Trouble) -> AdapterLost:
        where = str(self.adapter.spec)
        return AdapterLost(trouble.text if where in trouble.text else f"{where}: {trouble.text}")

    def _take(self, batch: Batch) -> None:
        with self._changed:
            for item in batch.items:
                if isinstance(item, State):
                    self._off = self.adapter.pid if item.state is ErrorState.BUS_OFF else None
                elif isinstance(item, (Heard, Sent, Reopened)):
                    self._off = None
            if self._sink is not None:
                self._sink(batch)
                return
            self._waiting.append(batch)
            del self._waiting[:-MOST_WAITING]
            self._changed.notify_all()
