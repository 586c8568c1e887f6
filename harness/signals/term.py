"""Numbers over signals, as data: what arithmetic on signals builds and what comparisons read.

A term is a small tree of :class:`Leaf`, :class:`Sum`, :class:`Scaled`, :class:`Shifted` and :class:`Absolute`.
:func:`evaluate` works alike on single numbers and on arrays, with the same operations in the same order, so that a
running test and a recording see the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from harness.signals.live import LiveSignal


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """The value of a signal in its own unit; or, ``slope``, its change per second; ``delay`` ns ago."""

    signal: LiveSignal
    slope: bool = False
    delay: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Sum:
    """left + right."""

    left: Term
    right: Term


@dataclass(frozen=True, slots=True, eq=False)
class Scaled:
    """inner * factor."""

    inner: Term
    factor: int | float


@dataclass(frozen=True, slots=True, eq=False)
class Shifted:
    """inner + offset."""

    inner: Term
    offset: int | float


@dataclass(frozen=True, slots=True, eq=False)
class Absolute:
    """The absolute value of inner."""

    inner: Term


Term: TypeAlias = Leaf | Sum | Scaled | Shifted | Absolute


def leaves(term: Term) -> Iterator[Leaf]:
    """Its leaves from left to right, as often as they stand there."""
    if isinstance(term, Leaf):
        yield term
    elif isinstance(term, Sum):
        yield from leaves(term.left)
        yield from leaves(term.right)
    else:
        yield from leaves(term.inner)


def evaluate(term: Term, read: Callable[[Leaf], Any]) -> Any:
    """Its value from those of its leaves: numbers, or arrays of one length."""
    if isinstance(term, Leaf):
        return read(term)
    if isinstance(term, Sum):
        return evaluate(term.left, read) + evaluate(term.right, read)
    if isinstance(term, Scaled):
        return evaluate(term.inner, read) * term.factor
    if isinstance(term, Shifted):
        return evaluate(term.inner, read) + term.offset
    return abs(evaluate(term.inner, read))


def delayed(term: Term, by: int) -> Term:
    """The same, ``by`` ns ago."""
    if isinstance(term, Leaf):
        return Leaf(term.signal, term.slope, term.delay + by)
    if isinstance(term, Sum):
        return Sum(delayed(term.left, by), delayed(term.right, by))
    if isinstance(term, Scaled):
        return Scaled(delayed(term.inner, by), term.factor)
    if isinstance(term, Shifted):
        return Shifted(delayed(term.inner, by), term.offset)
    return Absolute(delayed(term.inner, by))
