"""What the checks of a bus contract need to know: the rule of each message, and the limits of the whole.

All of it comes from other layers (databases, bench file, protection) and is handed in as values; the online checks and
those over blocks of a recording take the same objects, so that there is one place for every parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from harness.frames import Frame
from harness.monitors.e2e_machine import E2ELimits
from harness.protection import ProtectionSpec, Protector
from harness.signals.definitions import MessageDef


class ProtectedReading(Protocol):
    """What a payload says about its protection: whether the checksum is right, and the counter."""

    @property
    def crc_ok(self) -> bool: ...

    @property
    def counter(self) -> int | None: ...


@dataclass(frozen=True, slots=True, eq=False)
class MessageRule:
    """What is demanded of one message on one channel.

    sender: the node that sends it, "" where nobody is known to. cycle_ns: its cycle time; None when it is not sent
    cyclically. events: whether changes, writes or activity send it too, so that frames come between its cycles.
    min_delay_ns: shortest time between two frames, 0 for none. start_delay_ns: from the start of the node to the first
    cyclic frame. protection, protector: how it is protected, and what checks that; None for not at all.
    follows: whether its sender falls silent with the network instead of keeping it awake (a rest-bus that follows).
    """

    channel: str
    message: MessageDef
    sender: str = ""
    cycle_ns: int | None = None
    events: bool = False
    min_delay_ns: int = 0
    start_delay_ns: int = 0
    protection: ProtectionSpec | None = None
    protector: Protector | None = None
    reading: Callable[[bytes], ProtectedReading] | None = None
    follows: bool = False
    shared: dict[str, object] = field(default_factory=dict, init=False, repr=False)
    """What checks have found out about payloads, which do not depend on world or time; theirs alone."""

    @property
    def path(self) -> str:
        """``channel.Message``."""
        return f"{self.channel}.{self.message.name}"


@dataclass(frozen=True, slots=True)
class CycleLimits:
    """How far a cycle may be off: by ``relative`` of its cycle time or by ``absolute`` ns, whichever is more.

    first: within so many cycles, beyond its start delay, the first frame has to come (after the start, after waking).

    >>> CycleLimits().gap(10_000_000), CycleLimits().gap(100_000_000)
    ((9000000, 11000000), (90000000, 110000000))
    """

    relative: float = 0.1
    absolute: int = 1_000_000
    first: float = 2.0

    def tolerance(self, span_ns: int) -> int:
        """How far this span may be off, ns."""
        return max(round(span_ns * self.relative), self.absolute)

    def gap(self, cycle_ns: int) -> tuple[int, int]:
        """Shortest and longest gap between two frames of a cyclic message, ns, both allowed."""
        tolerance = self.tolerance(cycle_ns)
        return max(0, cycle_ns - tolerance), cycle_ns + tolerance


@dataclass(frozen=True, slots=True)
class Route:
    """A message that a gateway copies. source, copy: ``channel.Message``. within: longest latency, ns; None: any."""

    source: str
    copy: str
    within: int | None = None


@dataclass(frozen=True, slots=True)
class ContractLimits:
    """The limits of a whole bus contract.

    cycles: of all messages; ``cycle_of``: of some, by ``Message`` or ``channel.Message``.
    silence: a node is silent after so many cycles of its fastest cyclic message.
    load: highest bus load, 0 to 1, in any window of ``load_window`` ns (that begins on a tenth of it); None: any.
    error_frames: so many are allowed on each channel. e2e, e2e_of: state machine of all, and of some messages.
    routes: what gateways copy. awake: by channel, ``Message.Signal == Label`` of what says that its network is awake;
    while it says otherwise, a bench excuses what comes late, early or not at all; a network that falls silent without
    having said otherwise is dead, not asleep.
    network_sleeps: whether the network falls silent as a whole, so that a gap is one only when another node is heard
    after it. without: kinds that are not checked.
    """

    cycles: CycleLimits = field(default_factory=CycleLimits)
    cycle_of: Mapping[str, CycleLimits] = field(default_factory=dict)
    silence: float = 5.0
    load: float | None = 0.8
    load_window: int = 1_000_000_000
    error_frames: int = 0
    e2e: E2ELimits = field(default_factory=E2ELimits)
    e2e_of: Mapping[str, E2ELimits] = field(default_factory=dict)
    routes: tuple[Route, ...] = ()
    awake: Mapping[str, str] = field(default_factory=dict)
    network_sleeps: bool = False
    without: frozenset[str] = frozenset()

    def cycle_limits(self, path: str) -> CycleLimits:
        """The limits of the cycle of one message, ``channel.Message``."""
        return self.cycle_of.get(path) or self.cycle_of.get(path.partition(".")[2]) or self.cycles

    def e2e_limits(self, path: str) -> E2ELimits:
        """The limits of the protection of one message, ``channel.Message``."""
        return self.e2e_of.get(path) or self.e2e_of.get(path.partition(".")[2]) or self.e2e


NOTHING: tuple[()] = ()
"""What a check answers when all is well."""

KEPT = 20
"""So many violations a check keeps; it counts them all."""


def payload_of(frame: Frame) -> bytes | None:
    """What a frame says; None for a remote frame, which says nothing."""
    return None if frame.remote else frame.data
