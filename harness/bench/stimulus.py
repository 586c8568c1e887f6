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


class Confirmed:
    """What an instrument was told, as a delivery: the instrument has confirmed it at ``delivered`` ns."""

    def __init__(self, delivered: int) -> None:
        self.delivered: int | None = delivered


class RawFrame:
    """A frame that the test sends itself, as a delivery."""

    def __init__(self) -> None:
        self.delivered: int | None = None

    def sent(self, rx: Received) -> None:
        """The frame is on the bus."""
        self.delivered = rx.time


class Stimulus:
    """What ``set()`` returns; pass it as ``after=`` to count from it instead of from the latest one.

    A stimulus that needs several frames is delivered with the last of them; a simulated plant's value takes effect at
    once. cycle_ns: the longest cycle time of these frames; 0 where none is cyclic. gradual: an instrument does it: it
    takes effect at some instant from the call to the confirmation.
    """

    def __init__(
        self, title: str, at: int, deliveries: Sequence[Delivery], cycle_ns: int = 0, *, gradual: bool = False
    ) -> None:
        self.title = title
        self.at = at
        """When the test set it, ns."""
        self.cycle_ns = cycle_ns
        self._deliveries = tuple(deliveries)
        self._gradual = gradual

    @property
    def delivered(self) -> int | None:
        """When it took effect: the end of the first frame that carries it, or when an instrument had confirmed it, ns;
        ``None`` while that is to come.
        """
        latest = self.at
        for delivery in self._deliveries:
            if delivery.delivered is None:
                return None
            latest = max(latest, delivery.delivered)
        return latest

    @property
    def spread_ns(self) -> int:
        """So much earlier than :attr:`delivered` it may have taken effect, ns; 0 where that instant is known."""
        return (self.delivered or self.at) - self.at if self._gradual else 0

    def __repr__(self) -> str:
        return f"Stimulus({self.title!r})"
