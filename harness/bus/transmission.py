"""One frame on a bus where something is wrong, or may be: from the arbitration to its end or its error frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from harness.bus.controller import Controller, Entry
from harness.bus.faults import Damage, Injection, seen_by_receivers, seen_by_sender, sender_lost
from harness.bus.length import BitTimes
from harness.bus.port import ErrorState
from harness.bus.wire import Wire, wire
from harness.frames import Frame

if TYPE_CHECKING:
    from harness.bus.simulated import SimBus


class Transmission:
    """A frame on its way, with all that take part in it.

    entries: what is sent, in the order of queueing. Usually one; more when several nodes send the same identifier at
    once. beaten: those among them that met a dominant bit of another one while they were error passive. receivers:
    who else is on the bus. damage: the error that ends the frame, None: none. victim: a receiver that takes the frame
    for wrong, but is error passive and cannot tell. frame, duration: what is seen on the bus, ns.
    """

    def __init__(self, bus: SimBus, start: int, entries: Sequence[Entry]) -> None:
        self.start = start
        self.entries = list(entries)
        self.beaten: list[Entry] = []
        senders = {entry[2] for entry in entries}
        self.receivers = [node for node in bus.controllers if node.online and node not in senders]
        self.damage: Damage | None = None
        self.victim: Controller | None = None
        self._times: BitTimes = bus.times
        self.frame = _as_sent(entries[0])
        self.duration = bus.times.duration(self.frame)

    @property
    def sender(self) -> Controller:
        """Whose frame it is; with several, that of the one that queued it first."""
        return self.entries[0][2]

    @property
    def end(self) -> int:
        """When the frame is over, its error frame included, ns."""
        return self.start + (self.duration if self.damage is None else self.damage.end)

    @property
    def deaf(self) -> set[Controller]:
        """Who does not receive the frame, though it is on the bus."""
        nodes = {entry[2] for entry in (*self.entries, *self.beaten)}
        return nodes if self.victim is None else nodes | {self.victim}

    def settle(self, injections: Sequence[Injection]) -> None:
        """Find out how the frame ends."""
        if len(self.entries) > 1:
            self._collide()
        if self.damage is None:
            key, sender, receivers = self.frame.key, self.sender.node, {node.node for node in self.receivers}
            fault = next((fault for fault in injections if fault.strikes(key, sender, receivers)), None)
            if fault is not None:
                self._suffer(fault)
        if self.damage is None:
            self.seek_acknowledgement()

    def seek_acknowledgement(self) -> None:
        """Without anybody to acknowledge it, the frame ends in an error."""
        if not any(node is not self.victim for node in self.receivers):
            self._fail_at_acknowledgement("ack", wire(self.frame))

    def lose_sender(self, node: Controller, now: int) -> None:
        """A sender loses its power."""
        remaining = [entry for entry in self.entries if entry[2] is not node]
        if remaining:
            self.entries = remaining
        elif self.damage is None:
            self.damage = sender_lost(self._times, wire(self.frame), now - self.start)

    def lose_receiver(self, node: Controller, now: int) -> None:
        """A receiver loses its power: perhaps there is nobody left to acknowledge."""
        self.receivers.remove(node)
        bits = wire(self.frame)
        if self.damage is None and now <= self.start + self._times.time(*bits.place(bits.delimiter + 1)):
            self.seek_acknowledgement()

    # -- how it ends -------------------------------------------------------------------------------------------------

    def _collide(self) -> None:
        """Several nodes send the same identifier: whoever sends recessive against dominant sees a bit error.

        An error active node destroys the frame then. A passive one does not: its flag is recessive, the other goes on.
        Frames that are equal to the last bit do no harm to each other, and all arrive (ISO 11898-1, 10.9.5).
        """
        bits = [wire(_as_sent(entry)) for entry in self.entries]
        while len({each.levels for each in bits}) > 1:
            columns = enumerate(zip(*(each.levels for each in bits), strict=False))
            place = next(place for place, levels in columns if len(set(levels)) > 1)
            losers = {index for index, each in enumerate(bits) if each.levels[place] == "1"}
            active = _any_active(self.entries[index][2] for index in losers)
            winner = next(index for index in range(len(bits)) if index not in losers)
            self.frame = _as_sent(self.entries[winner])
            if active:
                # To everybody else it is as if a receiver had found an error there.
                self.damage = seen_by_receivers(
                    self._times, bits[winner], "bit", place,
                    active=_any_active([self.entries[winner][2]]), others_active=_any_active(self.receivers),
                )._replace(first=False)  # fmt: skip
                return
            self.beaten += [self.entries[index] for index in sorted(losers)]
            self.entries = [entry for index, entry in enumerate(self.entries) if index not in losers]
            bits = [each for index, each in enumerate(bits) if index not in losers]
        self.duration = self._times.duration(self.frame)

    def _suffer(self, fault: Injection) -> None:
        """The injected fault does what it does."""
        bits = wire(self.frame)
        if fault.kind == "ack":
            self._fail_at_acknowledgement("ack", bits)
            return
        if fault.kind == "bit":
            place = fault.place(bits)
            if place == bits.delimiter + 1:
                self._fail_at_acknowledgement("ack", bits)
                return
            self.damage = seen_by_sender(
                self._times, bits, "bit", place, active=self._sender_active, receivers=len(self.receivers),
                flipped=True, doubted=place < bits.delimiter,
            )  # fmt: skip
            return
        readers = [node for node in self.receivers if fault.receiver in (None, node.node)]
        others = [node for node in self.receivers if node not in readers]
        if not others and (fault.kind == "crc" or not _any_active(readers)):
            # Nobody acknowledges what everybody finds wrong, so the sender sees it before any flag of theirs.
            self._fail_at_acknowledgement(fault.kind, bits, doubted=True)
            return
        if not _any_active(readers):
            self.victim = readers[0]
            return
        if fault.receiver is not None:
            self.victim = readers[0]
        places = {"form": bits.delimiter, "crc": bits.delimiter + 2}
        self.damage = seen_by_receivers(
            self._times, bits, fault.kind, places[fault.kind] if fault.kind in places else fault.place(bits),
            active=self._sender_active, others_active=_any_active(others),
        )  # fmt: skip

    @property
    def _sender_active(self) -> bool:
        return _any_active(entry[2] for entry in self.entries)

    def _fail_at_acknowledgement(self, kind: str, bits: Wire, *, doubted: bool = False) -> None:
        self.damage = seen_by_sender(
            self._times, bits, kind, bits.delimiter + 1, active=self._sender_active,
            receivers=len(self.receivers), doubted=doubted,
        )  # fmt: skip

    # -- what it does to the counters ----------------------------------------------------------------------------------

    def count_success(self) -> None:
        """The counters after the last bit of a frame that everybody but a victim took for good."""
        for entry in self.entries:
            entry[2].counters.transmitted()
        for entry in self.beaten:
            entry[2].counters.transmit_error()
        self.count_reception()

    def count_reception(self) -> None:
        """The receivers' share of :meth:`count_success`."""
        for node in self.receivers:
            if node is self.victim:
                node.counters.receive_error()
            else:
                node.counters.received()

    def count_error(self, damage: Damage) -> None:
        """The counters after an error frame."""
        for entry in (*self.entries, *self.beaten):
            if entry[2].powered:
                entry[2].counters.transmit_error(unheard=damage.unheard and damage.kind == "ack")
        for node in self.receivers:
            if not damage.accepted:
                node.counters.receive_error(first=damage.first and self.victim in (None, node))


def _any_active(nodes: Iterable[Controller]) -> bool:
    return any(node.state is ErrorState.ACTIVE for node in nodes)


def _as_sent(entry: Entry) -> Frame:
    """The frame with the ESI bit that its sender's state gives it (ISO 11898-1, 10.4.2.4)."""
    frame, passive = entry[3], entry[2].state is ErrorState.PASSIVE
    return frame._replace(esi=True) if frame.fd and passive and not frame.esi else frame
