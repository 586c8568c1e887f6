"""Absent nodes follow the network: they fall silent with it and wake with it, as network management does."""

from __future__ import annotations

from collections.abc import Callable, Collection

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
        self._bus = bus
        self._followers = tuple(followers)
        self._stopped: list[Transmitter] = []
        self._awake = frozenset(awake)
        self._sleep_after = sleep_after
        self._woken_at = loop.now
        self._stop_listening: Callable[[], None] | None = None
        loop.after(sleep_after, self._check)

    def wake(self) -> None:
        """Start the rest-bus, as a sensor does that has something to say: the network wakes from its frames."""
        self._woken_at = self._loop.now
        if self.asleep:
            self.asleep = False
            if self._stop_listening is not None:
                self._stop_listening()
            for follower in self._stopped:
                if follower.powered:
                    follower.start()
            self._loop.after(self._sleep_after, self._check)

    def start(self, follower: Transmitter) -> None:
        """Start one of the rest-bus that had no supply, or was reset: now, or when the network wakes."""
        if not self.asleep:
            follower.start()
        elif follower not in self._stopped:
            self._stopped.append(follower)

    def _heard(self, rx: Received) -> None:
        if rx.sender in self._awake:
            self.wake()

    def _check(self) -> None:
        sent = [each.sent_at for each in self._bus.controllers if each.node in self._awake]
        silent_for = self._loop.now - max([self._woken_at, *sent])
        if silent_for < self._sleep_after:
            self._loop.after(self._sleep_after - silent_for, self._check)
        elif not self.asleep:
            self.asleep = True
            self._stop_listening = self._bus.observe(self._heard)
            # Only those that were sending: a node without supply stays silent when the network wakes.
            self._stopped = [follower for follower in self._followers if follower.running]
            for follower in self._stopped:
                follower.stop()
