"""A bus that is only heard: frames come from a recording or from a real channel, not from simulated controllers."""

from __future__ import annotations

from collections.abc import Callable, Collection

from harness.bus.simulated import SimBus
from harness.bus.subscribers import Subscription
from harness.errors import BusError
from harness.frames import ErrorFrame, Received


class HeardBus(SimBus):
    """A bus on which frames are heard that were sent elsewhere. Whoever is attached stays silent."""

    _taps: tuple[Subscription, ...] = ()

    def observe(
        self, callback: Callable[[Received], object], keys: Collection[int] | None = None
    ) -> Callable[[], None]:
        """A passive tap, as on a simulated bus."""
        return self._tap(Subscription(callback, keys, None), first=False)

    def observe_first(self, callback: Callable[[Received], object]) -> Callable[[], None]:
        """The same, before everybody else."""
        return self._tap(Subscription(callback, None, None), first=True)

    def _tap(self, tap: Subscription, *, first: bool) -> Callable[[], None]:
        self._taps = (tap, *self._taps) if first else (*self._taps, tap)

        def cancel() -> None:
            tap.deliver = tap.cancelled
            self._taps = tuple(each for each in self._taps if each is not tap)

        return cancel

    def play(self, seen: Received | ErrorFrame) -> None:
        """Hand a frame or an error frame to all who observe."""
        if isinstance(seen, ErrorFrame):
            for observer in tuple(self._error_observers):
                observer(seen)
            return
        duration = self.duration(seen)
        activity = self._activity
        if seen.time - duration > activity.end:
            activity.begin(seen.time - duration)
            activity.end = seen.time + self._gap
        else:
            # Stamps of a real bus are not exact: frames that seem to overlap came one after the other.
            activity.end = max(activity.end + duration + self._gap, seen.time + self._gap)
        key = seen.frame.key
        for tap in self._taps:
            if tap.keys is None or key in tap.keys:
                tap.deliver(seen)

    def duration(self, rx: Received) -> int:
        """How long the frame was on the bus, ns; 0 for what this bus could not have carried."""
        try:
            return self.lengths[rx.frame][1]
        except BusError:
            # The guard finds what is wrong with such a frame; it has no length at this bus's bit rates.
            return 0
