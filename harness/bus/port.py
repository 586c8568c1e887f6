"""The port: what a channel is connected to, whatever is behind it."""

from __future__ import annotations

from collections.abc import Callable, Collection
from enum import Enum
from typing import Protocol

from harness.frames import Frame, Received


class ErrorState(Enum):
    """What a controller may do: everything; only passive error flags; nothing at all."""

    ACTIVE = "error active"
    PASSIVE = "error passive"
    BUS_OFF = "bus-off"


class Port(Protocol):
    """A place from which frames are sent and received on one channel.

    channel: name of the channel. node: name of the node that sends here, "" for a port that several nodes share.
    """

    @property
    def channel(self) -> str: ...

    @property
    def node(self) -> str: ...

    def send(self, frame: Frame, sent: Callable[[Received], object] | None = None) -> None:
        """Queue a frame. ``sent`` is called once, at the end of the frame on the bus, before the models act.

        Frames wait in the order of their identifiers, frames of one identifier in the order in which they were sent.
        Raises :class:`~harness.errors.BusError` for a frame that the channel does not carry.
        """

    def subscribe(
        self, callback: Callable[[Received], object], keys: Collection[int] | None = None
    ) -> Callable[[], None]:
        """Call back with every frame of *others*, at its end; returns what cancels that, at once and for good.

        keys: only frames whose :attr:`~harness.frames.Frame.key` is among these; None: all, empty: none.
        """
