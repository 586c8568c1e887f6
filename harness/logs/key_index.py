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
    [1, 0, -1]
    """

    def __init__(self, known: Sequence[tuple[int, int]]) -> None:
        numbers = np.array([channel << 32 | key for channel, key in known], np.uint64)
        self._order = np.argsort(numbers)
        self._sorted = numbers[self._order]
        self._known = numbers
        self._table: NDArray[np.int32] | None = None
        self._multiplier = self._down = np.uint64(0)
        for bits in range(max(len(known), 1).bit_length() + 1, _LARGEST_TABLE + 1):
            if self._separated(bits):
                break

    def find(self, channel: NDArray[np.uint8], key: NDArray[np.uint32]) -> NDArray[np.intp]:
        """The position of each frame's identifier among those known, -1 where it is unknown."""
        if len(self._known) == 0:
            return np.full(len(key), -1)
        wanted = channel.astype(np.uint64) << np.uint64(32) | key
        if self._table is not None:
            found = self._table[wanted * self._multiplier >> self._down].astype(np.intp)
        else:
            found = self._order[np.minimum(np.searchsorted(self._sorted, wanted), len(self._known) - 1)]
        return np.where(self._known[found] == wanted, found, -1)

    def _separated(self, bits: int) -> bool:
        """Look for a multiplier that leads every known key to a place of its own in a table of ``2**bits``."""
        self._down = np.uint64(64 - bits)
        for multiplier in _MULTIPLIERS:
            self._multiplier = np.uint64(multiplier)
            places = self._known * self._multiplier >> self._down
            if len(np.unique(places)) == len(places):
                self._table = np.zeros(1 << bits, np.int32)
                self._table[places] = np.arange(len(places))
                return True
        return False
