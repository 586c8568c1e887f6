"""Absent nodes follow the network: they fall silent with it and wake with it, as network management does."""

from __future__ import annotations

from collections.abc import Collection

from harness.bus.simulated import SimBus
from harness.frames import Received
from harness.loop import Loop
from harness.restbus import Transmitter


class SleepFollower:
    """Stops the rest-bus of one channel when no other node has been heard for a time, and starts it again.

    awake: the nodes whose frames keep the network awake (all that are not absent). sleep_after: ns of their silence.
    """

    def __init__(
        self, loop: Loop, bus: SimBus, followers: Collection[Transmitter], awake: Collection[str], sleep_after: int
    ) -> None:
        self.asleep = False
        self._loop = loop
        self._followers = tuple(followers)
        self._stopped: list[Transmitter] = []
        self._awake = frozenset(awake)
        self._sleep_after = sleep_after
        self._heard_at = loop.now
        bus.observe(self._heard)
        loop.after(sleep_after, self._check)

    def wake(self) -> None:
        """Start the rest-bus, as a sensor does that has something to say: the network wakes from its frames."""
        self._heard_at = self._loop.now
        if self.asleep:
            self.asleep = False
            for follower in self._stopped:
                follower.start()
            self._loop.after(self._sleep_after, self._check)

    def _heard(self, rx: Received) -> None:
        if rx.sender in self._awake:
            self._heard_at = rx.time
            if self.asleep:
                self.wake()

    def _check(self) -> None:
        silent_for = self._loop.now - self._heard_at
        if silent_for < self._sleep_after:
            self._loop.after(self._sleep_after - silent_for, self._check)
        elif not self.asleep:
            self.asleep = True
            # Only those that were sending: a node without supply stays silent when the network wakes.
            self._stopped = [follower for follower in self._followers if follower.running]
            for follower in self._stopped:
                follower.stop()
