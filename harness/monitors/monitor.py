"""The seam of all monitors: what goes in, what comes out.

A monitor is a fold: it is told what was seen and which instants are over, and it answers with violations. It knows no
clock, no bus and no loop, so the same object watches a running world and judges a recording.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from harness.frames import ErrorFrame, Received

Kind = Literal[
    "cycle", "silence", "unknown_frame", "undecodable", "range", "reserved", "crc", "counter", "e2e",
    "load", "error_frame", "latency", "property",
]  # fmt: skip
"""What sort of rule was broken; disturbances say which of them they explain."""


@dataclass(frozen=True, slots=True)
class Violation:
    """One violation, certain at an instant.

    kind: which rule. check: the rule in the reader's words, ``cycle time of BrakeStatus``. time: the instant at which
    it was certain, ns. start, end: the interval of the violation, ns, both included.
    expected, actual: both as the reader wants them, with units. margin: distance to the limit in ``unit``, negative;
    None where there is no distance. channel: where, "" for several. message: the message concerned, "" for none.
    signals: the signals to blame, by path ``channel.Message.Signal``. seen: the frame that was the last straw.
    limits: what single signals are compared with, path and value, for plots.
    """

    kind: Kind
    check: str
    time: int
    start: int
    end: int
    expected: str
    actual: str
    margin: float | None = None
    unit: str = ""
    channel: str = ""
    message: str = ""
    signals: tuple[str, ...] = ()
    seen: Received | ErrorFrame | None = None
    limits: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a monitor has to say at its end.

    check: as in :class:`Violation`. violations: the first ones; count: how many there were in all.
    judged_ns: for how long there was something to judge; 0 makes the monitor *inconclusive*.
    doubt: why it cannot be told, although nothing was violated (a sender fell silent, too few frames); "" for no doubt.
    margin: smallest distance to the limit in ``unit``; None where there is none. time_margin: smallest rest of a
    deadline, ns; None without one. statistics: name and text, in the order in which a reader wants them.
    """

    check: str
    violations: Sequence[Violation] = ()
    count: int = 0
    judged_ns: int = 0
    doubt: str = ""
    margin: float | None = None
    unit: str = ""
    time_margin: int | None = None
    statistics: Sequence[tuple[str, str]] = field(default_factory=tuple)


class Monitor(Protocol):
    """A check that watches.

    The order of calls: :meth:`begin`; then for every instant its frames through :meth:`receive` and
    :meth:`receive_error`, and after them :meth:`advance`; at last :meth:`finish`. :meth:`advance` need not be called
    for every instant: only at :attr:`due`, and after frames for which the monitor asks by making that instant due.
    """

    @property
    def title(self) -> str:
        """What it checks, in a line."""

    @property
    def due(self) -> int | None:
        """The next instant (ns) that it wants to be told about when it is over; None: none."""

    @property
    def settles(self) -> bool:
        """Whether a frame may bring :attr:`due` forward, even to its own instant, so that it is asked after frames.

        False: what it said last only ever moves on.
        """

    def wants(self, channel: str) -> Container[int] | None:
        """The identifiers of a channel (:attr:`harness.frames.Frame.key`) that it wants to see; None: every frame.

        Asked once per channel and identifier, not once per frame.
        """

    def begin(self, time: int) -> None:
        """It watches from ``time`` (ns) on."""

    def receive(self, rx: Received) -> Sequence[Violation]:
        """A frame ended."""

    def receive_error(self, error: ErrorFrame) -> Sequence[Violation]:
        """An error frame ended."""

    def advance(self, time: int) -> Sequence[Violation]:
        """All that ends at or before ``time`` (ns) has been seen."""

    def finish(self, time: int) -> Sequence[Outcome]:
        """Nothing more will come; ``time`` (ns) is over."""
