"""The seam between the formats and :class:`harness.logs.reading.Log`: a file as pieces of columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.errors import LogError
from harness.logs.columns import FrameColumns
from harness.logs.problems import Problems

MOST_CHANNELS = 256


class Piece(NamedTuple):
    """Some frames in the order of the file. position: where in the file the frame of a row stands."""

    columns: FrameColumns
    position: Callable[[int], str]


class Channels:
    """A recording's own names of its channels, numbered in the order in which they are found.

    >>> channels = Channels()
    >>> channels.index("can1"), channels.index("can0"), channels.index("can1")
    (0, 1, 0)
    """

    def __init__(self, names: list[str] | None = None) -> None:
        self.names = list(names or ())
        self._index = {name: index for index, name in enumerate(self.names)}

    def index(self, name: str) -> int:
        """The number of a channel, from now on its own. Raises :class:`~harness.errors.LogError` for the 257th."""
        index = self._index.get(name)
        if index is None:
            index = len(self.names)
            if index == MOST_CHANNELS:
                raise LogError(
                    f"more than {MOST_CHANNELS} channels: the last was {name!r}; is this a recording at all?"
                )
            self.names.append(name)
            self._index[name] = index
        return index

    def indices(self, numbers: NDArray[np.uint16]) -> NDArray[np.uint8]:
        """Channel numbers as a file gives them, as indices."""
        seen = np.flatnonzero(np.bincount(numbers)) if len(numbers) else np.zeros(0, np.intp)
        table = np.zeros(int(seen[-1]) + 1 if len(seen) else 1, np.uint8)
        for number in seen.tolist():
            table[number] = self.index(str(number))
        return table[numbers]


class Source(Protocol):
    """One pass over a file of one format.

    start: Unix epoch of time 0 in ns, None where the file does not tell; known, as is metadata, after the first piece.
    zone_known: whether ``start`` names an instant; else it is the wall clock of whoever recorded, read as UTC.
    channel_names: names that the file gives to its channels beside their numbers. fraction: how much was read, 0 to 1.
    """

    start: int | None
    zone_known: bool
    metadata: dict[str, str]
    channel_names: dict[str, str]
    fraction: float

    def __init__(self, path: Path, channels: Channels, problems: Problems) -> None: ...

    def pieces(self) -> Generator[Piece, None, None]:
        """The file from its beginning to its end; closed when the iterator is."""
        ...


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts ``can2`` before ``can10``."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name))
