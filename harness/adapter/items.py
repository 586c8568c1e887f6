"""What an adapter reports. Times are :func:`harness.wall.clock_ns` of the stamp, ns."""

from __future__ import annotations

from typing import NamedTuple

from harness.bus.port import ErrorState
from harness.frames import Frame


class Heard(NamedTuple):
    """A frame was on the bus. own: we sent it, and this is its echo."""

    time: int
    frame: Frame
    own: bool = False


class Error(NamedTuple):
    """An error frame was on the bus.

    kind: ``bit``, ``stuff``, ``crc``, ``form`` or ``ack``, as :attr:`harness.frames.ErrorFrame.kind`; ``bus`` where
    the adapter does not say which. text: what the adapter says of it, for people.
    """

    time: int
    kind: str
    text: str = ""


class State(NamedTuple):
    """The state of the controller's fault confinement (ISO 11898-1, 10.14). Reported when it changes."""

    time: int
    state: ErrorState
    text: str = ""


class Overrun(NamedTuple):
    """Received frames were lost because nobody read them in time. lost: how many; 0: the adapter does not say."""

    time: int
    lost: int
    text: str = ""


Item = Heard | Error | State | Overrun
