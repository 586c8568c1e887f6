"""A port under the test's control: it takes frames, and says they were sent when the test wants it to."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from pathlib import Path

from harness.errors import HarnessWarning
from harness.frames import Frame, Received
from harness.loop import Loop, Owner
from harness.restbus import Catalogue, MessagePlan, Transmitter, plan_messages
from harness.signals.database import load_database

MS = 1_000_000

with warnings.catch_warnings():
    warnings.simplefilter("ignore", HarnessWarning)
    PLANS = Catalogue(plan_messages(load_database(Path(__file__).parent / "data" / "sendtypes.dbc").messages))


class ScriptedPort:
    """Frames are on the bus in the instant they are posted, unless ``blocked``; then they wait for :meth:`release`."""

    channel = "test"
    node = "BODY"

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.blocked = False
        self.posted: list[tuple[int, Frame]] = []
        self._waiting: list[tuple[Frame, Callable[[Received], object] | None]] = []

    def send(self, frame: Frame, sent: Callable[[Received], object] | None = None) -> None:
        self.posted.append((self.loop.now, frame))
        self._waiting.append((frame, sent))
        if not self.blocked:
            self.release()

    def release(self) -> None:
        waiting, self._waiting = self._waiting, []
        for frame, sent in waiting:
            if sent is not None:
                sent(Received(self.loop.now, self.channel, frame, self.node))

    def drop(self, number: int) -> None:
        """Lose the first so many waiting frames, as a controller does that overwrites them."""
        del self._waiting[:number]

    def subscribe(
        self, callback: Callable[[Received], object], keys: Collection[int] | None = None
    ) -> Callable[[], None]:
        raise AssertionError("a transmitter listens to nobody")

    @property
    def times(self) -> list[float]:
        """When frames were posted, ms."""
        return [time / MS for time, _ in self.posted]

    @property
    def payloads(self) -> list[bytes]:
        return [frame.data for _, frame in self.posted]


class Sender:
    """A transmitter of chosen messages on a scripted port."""

    def __init__(self, *plans: MessagePlan, drift_ppm: float = 0.0) -> None:
        self.loop = Loop()
        self.port = ScriptedPort(self.loop)
        self.transmitter = Transmitter(self.loop, self.port, plans, Owner("BODY", drift_ppm))

    def until(self, milliseconds: float) -> None:
        """Run on to this time."""
        self.loop.run_until(round(milliseconds * MS))
