"""Where the bits of a signal lie in a payload, and which signals a frame carries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from harness.signals.definitions import SignalDef

FLOAT_CODES = {16: "e", 32: "f", 64: "d"}
"""Letters of :mod:`struct` for floats, by length in bits."""

INTEGER_CODES = {8: "Q", 4: "I", 2: "H", 1: "B"}
"""Letters of :mod:`struct` for unsigned integers, by length in bytes; in lower case for signed ones."""

SIGNS = {"little": "<", "big": ">"}
"""Letters of :mod:`struct` for the byte orders."""


@dataclass(frozen=True, slots=True)
class Place:
    """The place of a signal: ``int.from_bytes(data[first:last + 1], order) >> shift & mask`` are its bits."""

    first: int
    last: int
    shift: int
    mask: int
    order: Literal["little", "big"]

    @property
    def bits(self) -> int:
        """Length in bits."""
        return self.mask.bit_length()

    @property
    def size(self) -> int:
        """Number of bytes touched."""
        return self.last - self.first + 1

    @property
    def is_aligned(self) -> bool:
        """Whether the bits fill whole bytes."""
        return self.bits == 8 * self.size

    def shift_in(self, length: int, order: Literal["little", "big"]) -> int:
        """The shift inside a payload of ``length`` bytes that is read as one number.

        A signal inside one byte can be had in either order; a longer one only in its own.
        """
        return self.shift + 8 * (self.first if order == "little" else length - 1 - self.last)


def place_of(signal: SignalDef) -> Place:
    """Translate the start bit of a definition (Intel: least, Motorola: most significant bit) into bytes and a shift."""
    mask = (1 << signal.length) - 1
    if signal.byte_order == "little_endian":
        end = signal.start + signal.length - 1
        return Place(signal.start // 8, end // 8, signal.start % 8, mask, "little")
    start = signal.start // 8 * 8 + 7 - signal.start % 8
    end = start + signal.length - 1
    return Place(start // 8, end // 8, 7 - end % 8, mask, "big")


def overlapping(signals: Iterable[SignalDef]) -> tuple[SignalDef, SignalDef] | None:
    """The first two signals that share a bit; None when there are none."""
    owners: dict[int, SignalDef] = {}
    for signal in signals:
        place = place_of(signal)
        weight = 8 * place.first if place.order == "little" else 0
        for bit in range(place.bits):
            at = place.shift + bit
            position = weight + at if place.order == "little" else (place.last - at // 8) * 8 + at % 8
            if owners.setdefault(position, signal) is not signal:
                return owners[position], signal
    return None


@dataclass(frozen=True, slots=True)
class Selection:
    """The signals of a frame as far as they are known, and the multiplexers that still have to be looked at.

    :func:`root_selection` starts; :meth:`select` goes one multiplexer further. A selection without ``pending`` is
    complete: exactly these signals are in the frame.
    """

    signals: tuple[SignalDef, ...]
    pending: tuple[SignalDef, ...]
    tree: MultiplexTree

    def select(self, number: int) -> Selection:
        """The selection when the first pending multiplexer has this number, one of ``tree.numbers``."""
        multiplexer, *others = self.pending
        chosen = tuple(
            signal for signal in self.tree.children.get(multiplexer.name, ()) if number in signal.multiplexer_ids
        )
        inner = tuple(signal for signal in chosen if signal.name in self.tree.numbers)
        return Selection(self.signals + chosen, (*inner, *others), self.tree)


@dataclass(frozen=True, slots=True)
class MultiplexTree:
    """Which signals each multiplexer selects, and the numbers it may have.

    A number counts when a signal names it or when the multiplexer's value table does (so that a number without
    signals can be declared). A multiplexer with neither is a plain signal.
    """

    children: dict[str, list[SignalDef]]
    numbers: dict[str, frozenset[int]]


def root_selection(signals: Sequence[SignalDef]) -> Selection:
    """What is in every frame of a message, before any multiplexer was looked at."""
    children: dict[str, list[SignalDef]] = {}
    for signal in signals:
        if signal.multiplexer is not None:
            children.setdefault(signal.multiplexer, []).append(signal)
    numbers: dict[str, frozenset[int]] = {}
    for signal in signals:
        if signal.is_multiplexer:
            known = {number for child in children.get(signal.name, ()) for number in child.multiplexer_ids}
            known.update(signal.choices)
            if known:
                numbers[signal.name] = frozenset(known)
    always = tuple(signal for signal in signals if signal.multiplexer is None)
    pending = tuple(signal for signal in always if signal.name in numbers)
    return Selection(always, pending, MultiplexTree(children, numbers))
