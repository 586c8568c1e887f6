"""Which of the known identifiers a frame has, for a whole block at once."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

_MULTIPLIERS = tuple(0x9E37_79B9_7F4A_7C15 * odd % (1 << 64) for odd in range(1, 64, 2))
"""2**64 over the golden ratio, and odd multiples of it (Fibonacci hashing)."""
_LARGEST_TABLE = 18
"""Bits of the largest table; more keys than it separates are looked for by bisection."""


class KeyIndex:
    """Known identifiers, each by the number of its channel and its :attr:`harness.frames.Frame.key`.

    A multiplication that no two known keys share the top bits of leads to the one candidate, which is then compared:
    some nanoseconds per frame, whether the identifiers have 11 bits or 29.

    >>> index = KeyIndex([(0, 0x123), (1, 0x123)])
    >>> index.find(np.array([1, 0, 1], np.uint8), np.array([0x123, 0x123, 0x124], np.uint32)).tolist()
    [2, 1, 0]
    """

    def __init__(self, known: Sequence[tuple[int, int]]) -> None:
        # Place 0 stands for "unknown": a channel that no frame has.
        self._known = np.array([1 << 63, *(channel << 32 | key for channel, key in known)], np.uint64)
        self._places = np.arange(len(self._known)).astype(np.min_scalar_type(len(known)))
        self._order = np.argsort(self._known)
        self._table: NDArray[np.unsignedinteger] | None = None
        self._multiplier = self._down = np.uint64(0)
        for bits in range(len(self._known).bit_length() + 1, _LARGEST_TABLE + 1):
            if self._separated(bits):
                break

    def find(self, channel: NDArray[np.uint8], key: NDArray[np.uint32]) -> NDArray[np.unsignedinteger]:
        """The place of each frame's identifier among those known, counted from 1; 0 where it is unknown.

        In the smallest unsigned integers that hold it, which sort fastest.
        """
        wanted = key.astype(np.uint64)
        if channel.any():
            wanted |= channel.astype(np.uint64) << np.uint64(32)
        if self._table is not None:
            place = wanted * self._multiplier
            place >>= self._down
            found = self._table[place.view(np.int64)]
        else:
            row = np.searchsorted(self._known, wanted, sorter=self._order)
            found = self._places[self._order[np.minimum(row, len(self._known) - 1)]]
        found *= self._known[found] == wanted
        return found

    def _separated(self, bits: int) -> bool:
        """Look for a multiplier that leads every known key to a place of its own in a table of ``2**bits``."""
        self._down = np.uint64(64 - bits)
        for multiplier in _MULTIPLIERS:
            self._multiplier = np.uint64(multiplier)
            places = self._known * self._multiplier >> self._down
            if len(np.unique(places)) == len(places):
                self._table = np.zeros(1 << bits, self._places.dtype)
                self._table[places.view(np.int64)] = self._places
                return True
        return False
