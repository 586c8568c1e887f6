"""A stimulus: what a test did to the vehicle, and when it took effect."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from harness.frames import Received


class Delivery(Protocol):
    """Something that reaches the vehicle at some instant: a change of a message's values, or a raw frame."""

    @property
    def delivered(self) -> int | None:
        """End of the first frame that carried it, ns; ``None`` while it waits for its turn on the bus."""


class RawFrame:
    """A frame that the test sends itself, as a delivery."""

    def __init__(self) -> None:
        self.delivered: int | None = None

    def sent(self, rx: Received) -> None:
        """The frame is on the bus."""
        self.delivered = rx.time


class Stimulus:
    """What ``set()`` returns; pass it as ``after=`` to count from it instead of from the latest one.

    A stimulus that needs several frames is delivered with the last of them; a plant value takes effect at once.
    cycle_ns: the longest cycle time of these frames; 0 where none is cyclic.
    """

    def __init__(self, title: str, at: int, deliveries: Sequence[Delivery], cycle_ns: int = 0) -> None:
        self.title = title
        self.at = at
        """When the test set it, ns."""
        self.cycle_ns = cycle_ns
        self._deliveries = tuple(deliveries)

    @property
    def delivered(self) -> int | None:
        """When it took effect: the end of the first frame that carries it, ns; ``None`` while that is to come."""
        latest = self.at
        for delivery in self._deliveries:
            if delivery.delivered is None:
                return None
            latest = max(latest, delivery.delivered)
        return latest

    def __repr__(self) -> str:
        return f"Stimulus({self.title!r})"
