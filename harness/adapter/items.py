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


class Sent(NamedTuple):
    """One of our frames is on the bus: at its echo, or where the interface has none, when the driver took it.

    node: who sent it. late_ns: how long after its due instant the driver had taken it, ns; for a cyclic frame that
    instant lies on the absolute schedule; for a frame that the kernel sent see
    :class:`~harness.adapter.kernel_sending.KernelSending`. tickets: numbers of what it carries, for the transmitters.
    altered: number of the disturbance that changed it; 0: none did. retries: how often the driver had no room for it.
    """

    time: int
    node: str
    frame: Frame
    late_ns: int = 0
    tickets: tuple[int, ...] = ()
    altered: int = 0
    retries: int = 0


class Suppressed(NamedTuple):
    """A frame was not sent because a disturbance wanted that. altered: the disturbance's number."""

    time: int
    node: str
    message: str
    altered: int


class Done(NamedTuple):
    """Something took effect without a frame: a reset, a value that was on the bus already. tickets: what it was."""

    time: int
    tickets: tuple[int, ...]


class Missed(NamedTuple):
    """Cyclic frames of a message were left out: the process stood still, or the adapter did not take them."""

    time: int
    node: str
    message: str
    cycles: int


class Trouble(NamedTuple):
    """The bench's own fault, in words. fatal: what the world sees can no longer be trusted, so it has to end.

    broken: it is an exception in our own code or in a test's, and not the fault of adapter, process or bus.
    lost: the adapter is gone, until :class:`Reopened`: what is on the bus meanwhile is not heard.
    """

    time: int
    text: str
    fatal: bool
    broken: bool = False
    lost: bool = False


class Reopened(NamedTuple):
    """An adapter that was lost is there again."""

    time: int


Report = Item | Sent | Suppressed | Done | Missed | Trouble | Reopened


class Batch(NamedTuple):
    """What a channel process hands over at once.

    complete_ns: everything stamped up to then has now been handed over; never less than before. An item may be later
    than that, none is earlier than what the last batch declared complete. late_ns: worst lateness of the process' own
    timed wake-ups, and longest time for which it kept its reader from stamping, since the last batch, ns. At least
    every 5 ms there is a batch, with or without items.
    """

    complete_ns: int
    late_ns: int
    items: tuple[Report, ...] = ()
