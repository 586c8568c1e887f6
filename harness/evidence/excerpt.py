"""The part of a recording that a person reads: what lies around the instant of a verdict."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from harness.evidence.record import Seen
from harness.frames import ErrorFrame

EXCERPT_NS = 200_000_000
"""How far an excerpt reaches to each side of the instant that it is about."""
EXCERPT_LINES = 480
"""Lines of an excerpt at most, without its header; an error frame takes two."""


def excerpt(frames: Sequence[Seen], around: int) -> Sequence[Seen]:
    """The frames within :data:`EXCERPT_NS` of an instant (ns), the closest ones that fill :data:`EXCERPT_LINES`.

    >>> from harness.frames import Frame, Received
    >>> seen = [Received(second * 1_000_000_000, "can", Frame(1)) for second in range(3)]
    >>> [each.time for each in excerpt(seen, 1_100_000_000)]
    [1000000000]
    """
    near = [each for each in frames if abs(each.time - around) <= EXCERPT_NS]
    closest = sorted(near, key=lambda each: abs(each.time - around))
    lines = accumulate(2 if isinstance(each, ErrorFrame) else 1 for each in closest)
    kept = [each for each, total in zip(closest, lines, strict=True) if total <= EXCERPT_LINES]
    return sorted(kept, key=lambda each: each.time)
