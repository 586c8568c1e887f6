"""Disturbances: what a test does wrong on purpose, declared so that only its own consequences are exempt.

Use them as ``with bench.disturb(WrongCrc("Pedals", count=3)): ...``. Each counts how often it reached the bus; one
that never did is an error, since the test would have proved nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from harness.bench.file import NodeState
from harness.bus.confinement import RECESSIVE_BITS
from harness.bus.port import ErrorState
from harness.errors import Blocked, HarnessError, IntegrityError, SignalError
from harness.frames import Frame, Received, check_frame, id_text
from harness.restbus.alterations import Alteration, FlippedBit, OtherLength, ShiftedCounter, Suppression, crc_bit
from harness.units import duration

if TYPE_CHECKING:
    from harness.bench.integrity import Problem
    from harness.bench.world import World
    from harness.bus.simulated import Injection
    from harness.evidence.events import Kind
    from harness.protection import ProtectionSpec
    from harness.restbus import TxMessage
    from harness.signals.trace import Trace


EFFECT_LIMIT_NS = 500_000_000
"""How much longer than its block a disturbance on a real channel may take until it has touched its frames."""


def _recovery(world: World, name: str) -> int:
    """How long a node that is bus-off by now stays so when it restarts by itself, ns (ISO 11898-1, 8.3.4)."""
    node = world.nodes[name]
    off = [each for each in node.controllers.values() if each.state is ErrorState.BUS_OFF]
    waits = [world.channels[each.channel].bus.times.time(RECESSIVE_BITS) for each in off]
    return max(waits) + (node.spec.restart_after or 0) if waits else 0


class Note(Protocol):
    """Writes a line into the journal."""

    def __call__(self, title: str, *, kind: Kind) -> None: ...


class Disturbance:
    """Base of all disturbances. ``hits`` counts the frames it touched; ``count`` limits them, ``None``: no limit."""

    def __init__(self, title: str, count: int | None = None) -> None:
        if count is not None and count < 1:
            raise SignalError(f"{title}: count must be at least 1 (or None for 'as long as it lasts'), not {count}")
        self.title = title
        self.count = count
        self.hits = 0
        self.began: int | None = None
        """When it began, ns; ``None`` before. It serves once."""
        self.ended: int | None = None
        """When it ended, ns; ``None`` while it lasts."""
        self.aftermath = 0
        """How long after its end the nodes that it struck may still be off the bus, ns."""
        self.spent: int | None = None
        """When it touched the last of its ``count`` frames, ns; ``None`` before. After that it does nothing more."""
        self._produced: Counter[tuple[int, bytes]] = Counter()
        self._recognised: dict[tuple[str, int, bytes], set[int]] = {}
        self._clock: Callable[[], int] = lambda: 0

    def start(self, world: World) -> None:
        """It begins now."""
        self._clock = lambda: world.loop.now
        self.began = world.loop.now

    def begin(self, world: World) -> None:
        """Start to disturb."""
        raise NotImplementedError

    def end(self, world: World) -> None:
        """Stop disturbing; what was disturbed goes on as if nothing had been."""

    def covers(self, problem: Problem, rx: Received, trace: Trace) -> bool:
        """Whether this frame's problem is a consequence to be expected.

        That is a frame that was made here, at any time (it may have waited for the bus), and what :meth:`explains`:
        as long as it lasts, and after its end in the first frame of each message that was not made here.

        trace: the frames of the channel up to this one.
        """
        if self._made(rx):
            return True
        if not self.explains(problem, rx):
            return False
        if self.ended is None:
            return True
        earlier = trace.since(rx.frame.key, self.ended + 1)[:-1]
        return all(self._made(each) for each in earlier)

    def _made(self, rx: Received) -> bool:
        """Whether a frame was made here: on each channel as many of the same content as were made, no more."""
        made = self._produced.get((rx.frame.key, rx.frame.data), 0)
        if not made:
            return False
        times = self._recognised.setdefault((rx.channel, rx.frame.key, rx.frame.data), set())
        if rx.time not in times and len(times) < made:
            times.add(rx.time)
        return rx.time in times

    def explains(self, problem: Problem, rx: Received) -> bool:
        """Consequences beyond the frames made here; none by default."""
        return False

    def disrupts(self, channel: str, key: int, sender: str) -> bool:
        """Whether a message comes late, out of order or not at all because of it; no message by default."""
        return False

    def spoils(self, channel: str, key: int) -> bool:
        """Whether receivers refuse a message because of it, so that a gateway does not copy it."""
        return False

    def burdens(self, channel: str) -> bool:
        """Whether everybody on a channel has to wait for it."""
        return False

    def destroys(self, node: str) -> bool:
        """Whether it may drive a node into bus-off."""
        return False

    def require_effect(self) -> None:
        """Raise :class:`~harness.errors.IntegrityError` when the disturbance did not do what it declared."""
        if self.hits == 0 or (self.count is not None and self.hits < self.count):
            wanted = f" of {self.count}" if self.count is not None else ""
            raise IntegrityError(
                f"disturbance never took full effect: {self.title} touched {self.hits}{wanted} frames; "
                "keep it open long enough (bench.wait) and check that its message is being sent",
                timed=True,
            )

    @property
    def pending(self) -> bool:
        """Whether it has not touched all its frames yet; without a number, not one."""
        return self.hits < (self.count or 1)

    def _hit(self) -> None:
        self.hits += 1
        if self.hits == self.count:
            self.spent = self._clock()


class _Tamper(Disturbance):
    """A disturbance of one message's payload, just before it is sent."""

    def __init__(self, message: str, title: str, count: int | None) -> None:
        super().__init__(title, count)
        self.message = message
        self._key = -1

    def begin(self, world: World) -> None:
        tx = world.tx(self.message)
        alteration = self._prepare(tx)
        self._key = tx.key
        _require_free(self, tx, world)
        tx.on_tampered = self._tampered
        tx.tamper = alteration
        self._tx = tx

    def end(self, world: World) -> None:
        self._tx.tamper = self._tx.on_tampered = None

    def spoils(self, channel: str, key: int) -> bool:
        return key == self._key and channel == self._tx.channel

    def _tampered(self, data: bytes | None) -> None:
        assert data is not None
        self._hit()
        self._produced[self._key, data] += 1

    def _prepare(self, tx: TxMessage) -> Alteration:
        """Check that the message can be disturbed in this way, and return what changes a payload."""
        raise NotImplementedError

    def _protection(self, tx: TxMessage) -> ProtectionSpec:
        if tx.plan.protection is None:
            raise SignalError(f"{self.title}: {self.message} is not protected, so it has no checksum or counter")
        return tx.plan.protection


def _require_free(disturbance: Disturbance, tx: TxMessage, world: World) -> None:
    if world.live is not None and world.nodes[tx.node].spec.state is NodeState.REAL:
        raise Blocked(f"{disturbance.title}: {tx.node} is real, and nothing on this bench can change what it sends")
    if tx.tamper is not None:
        raise SignalError(f"{disturbance.title}: {tx.name} is being disturbed already; end that one first")


class WrongCrc(_Tamper):
    """The next ``count`` frames of a protected message carry a wrong checksum (one bit flipped)."""

    def __init__(self, message: str, *, count: int | None = None) -> None:
        super().__init__(message, f"wrong checksum in {message}", count)

    def _prepare(self, tx: TxMessage) -> Alteration:
        return FlippedBit(self.count, crc_bit(tx.plan.message, self._protection(tx)))


class WrongCounter(_Tamper):
    """The next ``count`` frames of a protected message carry a wrong counter under a right checksum.

    offset: how far each of them is from what should follow its predecessor; -1 (the default) keeps repeating the last
    right value, so that a receiver sees ``count`` errors running, not one.
    """

    def __init__(self, message: str, *, offset: int = -1, count: int | None = None) -> None:
        if offset == 0:
            raise SignalError("a counter offset of 0 disturbs nothing")
        super().__init__(message, f"counter {offset:+d} in {message}", count)
        self.offset = offset

    def _prepare(self, tx: TxMessage) -> Alteration:
        self._protection(tx)
        if self.offset % tx.modulo == 0:
            raise SignalError(f"{self.title}: a counter of {tx.modulo} values is the same again")
        return ShiftedCounter(self.count, self.offset, tx.plan)

    def explains(self, problem: Problem, rx: Received) -> bool:
        # The first right frame after a wrong one does not follow its predecessor's counter either.
        return problem == "counter" and rx.frame.key == self._key


class WrongLength(_Tamper):
    """The next ``count`` frames of a message are cut, or filled with zeros, to ``length`` bytes."""

    def __init__(self, message: str, length: int, *, count: int | None = None) -> None:
        if length < 0:
            raise SignalError(f"a frame has 0 bytes or more, not {length}")
        super().__init__(message, f"{message} with {length} bytes", count)
        self.length = length

    def _prepare(self, tx: TxMessage) -> Alteration:
        if self.length == tx.plan.message.length:
            raise SignalError(f"{self.title}: that is its right length")
        return OtherLength(self.count, self.length)


class Silence(Disturbance):
    """A message, or every message of a node, is not sent. Ends with the ``with`` block."""

    def __init__(self, name: str, *, count: int | None = None) -> None:
        super().__init__(f"silence of {name}", count)
        self.name = name
        self._parts: list[TxMessage] = []

    def begin(self, world: World) -> None:
        parts = world.tx_of(self.name)
        for tx in parts:
            _require_free(self, tx, world)
        together = Suppression(self.count)
        for tx in parts:
            tx.on_tampered = self._suppressed
            tx.tamper = together
        self._parts = parts

    def end(self, world: World) -> None:
        for tx in self._parts:
            tx.tamper = tx.on_tampered = None

    def _suppressed(self, data: bytes | None) -> None:
        self._hit()

    def explains(self, problem: Problem, rx: Received) -> bool:
        # A sender goes on counting while it is silenced, so its first frame afterwards does not follow the last one.
        return problem == "counter" and any(rx.frame.key == tx.key for tx in self._parts)

    def disrupts(self, channel: str, key: int, sender: str) -> bool:
        return any(tx.key == key and tx.channel == channel for tx in self._parts)


class UnknownFrame(Disturbance):
    """Frames of an identifier that no database knows, sent every ``period`` (default: one frame only)."""

    def __init__(self, channel: str, frame: Frame, *, period: int | None = None, count: int | None = None) -> None:
        if period is None and count not in (None, 1):
            raise SignalError(f"unknown frame {id_text(frame.key)}: {count} frames need a period")
        super().__init__(f"unknown frame {id_text(frame.key)} on {channel}", count if period else 1)
        self.channel = channel
        self.frame = frame
        self.period = None if period is None else duration(period, "period", zero=False)
        self._stop: Callable[[], None] | None = None

    def begin(self, world: World) -> None:
        channel = world.channel(self.channel)
        check_frame(self.frame, fd=channel.bus.data_bitrate is not None)
        if channel.network.knows(self.frame.key):
            raise SignalError(f"{self.title}: a database knows that identifier; use bench.send()")
        port = world.tester(self.channel)
        queued = 0

        def send() -> None:
            nonlocal queued
            if self.count is None or queued < self.count:  # some may still wait for the bus
                queued += 1
                self._produced[self.frame.key, self.frame.data] += 1
                port.send(self.frame, lambda rx: self._hit())

        send()
        if self.period is not None:
            self._stop = world.loop.every(self.period, send).cancel

    def end(self, world: World) -> None:
        if self._stop is not None:
            self._stop()

    def burdens(self, channel: str) -> bool:
        return channel == self.channel


class BitFault(Disturbance):
    """Bit faults on the bus: the next ``count`` frames of a message, or of a node, are destroyed by an error frame."""

    def __init__(self, name: str, *, count: int, bit: int | None = None) -> None:
        super().__init__(f"{count} bit faults on {name}", count)
        self.name = name
        self.bit = bit
        self._injections: list[Injection] = []
        self._senders: set[str] = set()
        self._channels: set[str] = set()

    def begin(self, world: World) -> None:
        node = world.nodes.get(self.name)
        if node is not None:
            self._senders = {self.name}
            targets: list[tuple[str, int | None, str | None]] = [(each, None, self.name) for each in node.controllers]
        else:
            tx = world.tx(self.name)
            self._senders = {tx.node}
            targets = [(tx.channel, tx.key, None)]
        self._channels = {channel for channel, _, _ in targets}
        for channel, key, sender in targets:
            bus = world.channel(channel).bus
            self._injections.append(bus.corrupt(key=key, sender=sender, bit=self.bit, count=self.count or 1))

    def end(self, world: World) -> None:
        self.hits = sum(injection.hits for injection in self._injections)
        self.aftermath = max([_recovery(world, node) for node in self._senders], default=0)
        for injection in self._injections:
            injection.cancel()

    def explains(self, problem: Problem, rx: Received) -> bool:
        # A retransmission may be overtaken by the next cycle (one mailbox per message), which loses a counter value.
        return problem == "counter" and rx.sender in self._senders

    def disrupts(self, channel: str, key: int, sender: str) -> bool:
        return sender in self._senders

    def burdens(self, channel: str) -> bool:
        return channel in self._channels

    def destroys(self, node: str) -> bool:
        return node in self._senders


@contextmanager
def disturbing(world: World, note: Note, disturbances: Sequence[Disturbance]) -> Iterator[None]:
    """Disturb while the block lasts. note: writes a line into the journal."""
    for disturbance in disturbances:
        if disturbance.began is not None:
            raise SignalError(f"{disturbance.title}: a disturbance serves once; make a new one")
        disturbance.start(world)
    begun: list[Disturbance] = []
    try:
        for disturbance in disturbances:
            disturbance.begin(world)
            begun.append(disturbance)
            world.incidents.disturbances.append(disturbance)
            note(f"begin {disturbance.title}", kind="disturbance")
        yield
        if world.live is not None:
            # A real channel does what it is told a little later, and at a phase that the test does not know.
            world.loop.run_until(world.loop.now + EFFECT_LIMIT_NS, lambda: not any(each.pending for each in begun))
    finally:
        for disturbance in begun:
            disturbance.end(world)
            disturbance.ended = world.loop.now
            note(f"end {disturbance.title}: {disturbance.hits} frames", kind="disturbance")
    for disturbance in disturbances:
        try:
            disturbance.require_effect()
        except HarnessError as error:
            raise world.incidents.record(error) from None


__all__ = [
    "BitFault", "Disturbance", "Silence", "UnknownFrame", "WrongCounter", "WrongCrc", "WrongLength", "disturbing",
]  # fmt: skip
