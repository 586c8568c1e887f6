"""Where the objects of a BLF file begin: a chain in which each object's size leads to the next mark.

The mark ``LOBJ`` may also stand in a payload, objects are padded in different ways, and a damaged file has gaps: so all
marks are found at once, and the chain decides which of them are objects.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.logs.blf_objects import HEADER, HEADER_SIZES, Found, Sizes, laid

MARK = b"LOBJ"
SLACK = 4
"""Bytes of padding that may lie between two objects."""

SMALLEST, LARGEST = 32, 1 << 24
"""Bytes that an object has at least, and what no object is believed to have."""


class Chain(NamedTuple):
    """The complete objects in a stretch of memory.

    at: where they begin. headers: theirs. end: what lies from here on belongs to an object that goes on beyond.
    synchronous: whether an object begins at ``end``. faults: places at which no object was where one had to be.
    """

    at: Sizes
    headers: Found
    end: int
    synchronous: bool
    faults: list[int]


def chain(memory: bytes, length: int, synchronous: bool) -> Chain:
    """The objects in ``memory[:length]``; more than 32 bytes of memory must follow.

    synchronous: an object begins at 0. Else the first object is looked for, as it is behind a gap.
    """
    marks = _marks(memory, length)
    headers = laid(memory, HEADER, marks)
    sizes = headers["size"].astype(np.int64)
    ends = marks + sizes
    gaps = marks - np.concatenate((np.zeros(1, np.int64), ends[:-1]))
    believed = (sizes >= SMALLEST) & (sizes <= LARGEST)
    if not (synchronous and len(marks) and bool(np.all((gaps >= 0) & (gaps <= SLACK) & believed))):
        return _walk(marks, headers, ends, believed, length, synchronous)
    if ends[-1] > length:
        return Chain(marks[:-1], headers[:-1], int(marks[-1]), True, [])
    return _ended(marks, headers, int(ends[-1]), length, [])


def _marks(memory: bytes, length: int) -> Sizes:
    """Where ``LOBJ`` stands and at least the smallest header follows."""
    view = np.frombuffer(memory, np.uint8, max(length - SMALLEST + 1, 0))
    found: Sizes = np.flatnonzero(view == MARK[0])
    words: NDArray[np.uint32] = np.ndarray((len(memory) - 3,), "<u4", memory, strides=(1,))
    whole: NDArray[np.bool_] = words[found] == int.from_bytes(MARK, "little")
    return found[whole]


def _ended(at: Sizes, headers: Found, end: int, length: int, faults: list[int]) -> Chain:
    """After the last mark: a mark that should have come by now is a fault."""
    if length - end < SMALLEST + SLACK:
        return Chain(at, headers, end, True, faults)
    return Chain(at, headers, max(end, length - SMALLEST), False, [*faults, end])


def _walk(
    marks: Sizes, headers: Found, ends: Sizes, believed: NDArray[np.bool_], length: int, synchronous: bool
) -> Chain:
    """The chain step by step, for memory with marks in payloads or with damage.

    As long as an object leads to the very next mark all is well: only where one does not, a step is taken.
    """
    following = np.searchsorted(marks, ends)
    reach = np.append(marks, np.iinfo(np.int64).max)[following]
    leads = (reach - ends <= SLACK) | (ends > length - SMALLEST - SLACK)
    usual = headers["header"] == HEADER_SIZES[np.minimum(headers["version"], len(HEADER_SIZES) - 1)]
    easy = believed & leads & (following == np.arange(1, len(marks) + 1)) & (ends <= length)
    anchors = np.flatnonzero(believed & leads & usual)
    hard = np.append(np.flatnonzero(~easy), len(marks)).tolist()
    chosen: list[NDArray[np.intp]] = []
    faults: list[int] = []
    index, expected = 0, 0
    while index < len(marks):
        begin = int(marks[index])
        if synchronous and (begin - expected > SLACK or not believed[index]):
            faults.append(expected)
            synchronous = False
        if not synchronous:
            index = int(np.append(anchors, len(marks))[np.searchsorted(anchors, index)])
            if index == len(marks):
                break
            synchronous = True
        last = hard[bisect_left(hard, index)]
        if last > index:
            chosen.append(np.arange(index, last))
            expected, index = int(ends[last - 1]), last
            continue
        expected = int(ends[index])
        if expected > length:
            begin = int(marks[index])
            break
        chosen.append(np.arange(index, index + 1))
        if leads[index]:
            index = int(following[index])
        else:
            # Its size may be what is wrong: look for the next object inside it.
            faults.append(expected)
            synchronous = False
            index += 1
    rows = np.concatenate(chosen) if chosen else np.zeros(0, np.intp)
    if not synchronous:
        return Chain(marks[rows], headers[rows], max(0, length - SMALLEST + 1), False, faults)
    if expected > length:
        return Chain(marks[rows], headers[rows], begin, True, faults)
    return _ended(marks[rows], headers[rows], expected, length, faults)
