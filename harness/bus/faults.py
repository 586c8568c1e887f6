"""Bit faults on chosen frames, and what an error does to a frame: who flags it when, and when the bus is free again.

Error signalling is ISO 11898-1:2015, 10.9 and 10.11: an error flag is six bits, dominant from an error active node,
recessive from a passive one. The flag of the node that saw the error makes the others see one, up to six bits later;
their flags follow. So six to twelve bits, then eight recessive bits of delimiter.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from harness.bus.length import BitTimes
from harness.bus.wire import Wire
from harness.errors import BusError
from harness.frames import id_text

KINDS = ("bit", "stuff", "crc", "form", "ack")
FLAG = 6
DELIMITER = 8


class Damage(NamedTuple):
    """How an error ends a frame.

    kind: one of :data:`KINDS`. end: ns from SOF to the end of the error delimiter.
    unheard: no dominant bit while the sender sent its flag. first: the receivers that found the error count it as
    seen before others. accepted: the receivers took the frame for good all the same.
    """

    kind: str
    end: int
    unheard: bool = False
    first: bool = False
    accepted: bool = False


class Injection:
    """A bit fault that waits for its frames; see :meth:`~harness.bus.simulated.SimBus.corrupt`.

    hits: how many frames it has destroyed so far. remaining: how many are still to come; None: all.
    """

    def __init__(
        self,
        *,
        key: int | None,
        sender: str | None,
        receiver: str | None,
        kind: str,
        bit: int | None,
        count: int | None,
        after: int,
    ) -> None:
        if kind not in KINDS:
            raise BusError(f"a fault is one of {', '.join(KINDS)}, not {kind!r}")
        if receiver is not None and kind in ("bit", "ack"):
            raise BusError(f"a {kind} error is seen by the sender; only stuff, crc and form can hit one receiver")
        if bit is not None and kind not in ("bit", "stuff"):
            raise BusError(f"a {kind} error has its place in the frame; only bit and stuff errors take bit=")
        if after < 0 or (count is not None and count < 0):
            raise BusError(f"count and after must be zero or more, not {count} and {after}")
        self.kind = kind
        self.bit = bit
        self.receiver = receiver
        self.hits = 0
        self.remaining = count
        self._key = key
        self._sender = sender
        self._after = after

    @property
    def active(self) -> bool:
        """Whether it may still hit."""
        return self.remaining != 0

    def cancel(self) -> None:
        """Hit no further frame; one that is on the wire is destroyed all the same."""
        self.remaining = 0

    def strikes(self, key: int, sender: str, receivers: Collection[str]) -> bool:
        """Whether it hits this transmission; every transmission that it could hit is asked about once."""
        if not self.active or self._key not in (None, key) or self._sender not in (None, sender):
            return False
        if self.receiver is not None and self.receiver not in receivers:
            return False
        if self._after:
            self._after -= 1
            return False
        if self.remaining is not None:
            self.remaining -= 1
        self.hits += 1
        return True

    def place(self, wire: Wire) -> int:
        """The index of the bit that is hit."""
        bit = wire.payload if self.bit is None else self.bit
        end = len(wire.levels) if self.kind == "bit" else wire.delimiter
        index = bit + len(wire.levels) if bit < 0 else bit
        if not 0 <= index < end:
            raise BusError(f"a {self.kind} error cannot hit bit {bit} of this frame, only one of its first {end}")
        return index

    def __str__(self) -> str:
        who = "any frame" if self._key is None else id_text(self._key)
        return f"{self.kind} error on {who}{f' of {self._sender}' if self._sender else ''}"


def seen_by_sender(
    times: BitTimes,
    wire: Wire,
    kind: str,
    bit: int,
    *,
    active: bool,
    receivers: int,
    flipped: bool = False,
    doubted: bool = False,
) -> Damage:
    """The sender is the first to see an error, in bit ``bit``.

    active: whether the sender is error active; receivers: how many nodes listen.
    flipped: the bit itself is wrong on the wire. doubted: the receivers find the CRC wrong, if nothing before it.
    """
    wrong = "1" if wire.levels[bit] == "0" else "0"
    flag = "0" if active else "1"

    def level(index: int) -> str:
        if index > bit:
            return flag
        return wrong if flipped and index == bit else wire.levels[index]

    found = wire.violation(level, bit) if receivers else None
    if found is None and doubted and receivers:
        found = wire.delimiter + 2
    ends = [_after(times, wire, bit)]
    if found is not None:
        ends.append(_after(times, wire, found))
    end = max(ends) + times.time(FLAG + DELIMITER)
    return Damage(kind, end, unheard=not active and found is None, accepted=receivers > 0 and found is None)


def seen_by_receivers(times: BitTimes, wire: Wire, kind: str, bit: int, *, active: bool, others_active: bool) -> Damage:
    """Error active receivers are the first to see an error, in bit ``bit``; their flag is a bit error to the sender.

    active: whether the sender is error active; others_active: whether there are receivers that see only the flag, and
    are error active.
    """

    def level(index: int) -> str:
        return wire.levels[index] if index <= bit else "0"

    flags_end = _after(times, wire, bit)
    overruled = next(i for i in range(bit + 1, len(wire.levels)) if wire.levels[i] == "1")
    ends = [flags_end, _after(times, wire, overruled)]
    later_flag = active
    if others_active:
        later = wire.violation(level, bit + 1)
        if later is not None:
            ends.append(_after(times, wire, later))
            later_flag = True
    return Damage(kind, max(ends) + times.time(FLAG + DELIMITER), first=later_flag)


def sender_lost(times: BitTimes, wire: Wire, elapsed: int) -> Damage | None:
    """The sender loses its power ``elapsed`` ns after SOF; None: all its dominant bits were out, the frame stands."""
    bit = next(i for i in range(len(wire.levels)) if _after(times, wire, i) >= elapsed)
    if bit >= wire.delimiter - 1:
        return None

    def level(index: int) -> str:
        return wire.levels[index] if index <= bit else "1"

    found = wire.violation(level, bit)
    if found is None:
        found = wire.delimiter + 2
    return Damage("stuff", _after(times, wire, found) + times.time(FLAG + DELIMITER))


def _after(times: BitTimes, wire: Wire, bit: int) -> int:
    """The end of a bit, ns from SOF."""
    return times.time(*wire.place(bit + 1))
