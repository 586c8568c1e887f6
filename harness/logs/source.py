"""The seam between the formats and :class:`harness.logs.reading.Log`: a file as pieces of columns."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.errors import LogError
from harness.logs.columns import FrameColumns
from harness.logs.problems import Problems

MOST_CHANNELS = 256

EARLIEST_DATE = 631_152_000 * 10**9
"""1990, ns since 1970. Earlier dates stand for none: clocks that were never set, recordings of simulated time."""

LATEST = 1 << 62
"""ns, some 146 years. Later times and dates (2116) are damage, and 64 bits hold the sum of two earlier ones."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


class Told:
    """What a recording tells of itself in lines ``key: value``; ``channel 1: body`` is the name of a channel,
    ``start: 2023-11-14T22:13:20.000Z`` the date with its zone, and ``ends: 2000000000 ns`` when recording ended.

    >>> told = Told()
    >>> told.line("channel 1: body"), told.line("test: suites/test_lamp.py::test_on"), told.line("see above")
    (True, True, False)
    >>> told.channel_names, told.metadata
    ({'1': 'body'}, {'test': 'suites/test_lamp.py::test_on'})
    """

    def __init__(self) -> None:
        self.start: int | None = None
        """Unix epoch of time 0 in ns, None where the file does not tell."""
        self.end: int | None = None
        """ns at which the recording ends, where the file tells; known when it was read to its end."""
        self.zone_known = False
        """Whether :attr:`start` is an instant; else it is what a clock showed somewhere, read as UTC."""
        self.metadata: dict[str, str] = {}
        self.channel_names: dict[str, str] = {}
        """Names that the file gives to its channels, by those that the frames have."""

    def line(self, text: str) -> bool:
        """Take one line; False when it is none of these."""
        found = re.fullmatch(r"\s*([\w][\w .-]*?)\s*:\s+(.*?)\s*", text)
        if found is None:
            return False
        key, value = found[1], found[2]
        channel = re.fullmatch(r"channel (\S+)", key)
        if channel is not None:
            self.channel_names[channel[1]] = value
        elif key == "start" and (date := _with_zone(value)) is not None:
            self.start, self.zone_known = epoch_ns(date), True
        elif key == "ends" and (end := re.fullmatch(r"(\d{1,18}) ns", value)) is not None:
            self.end = int(end[1])
        else:
            self.metadata[key] = value
        return True


def _with_zone(text: str) -> datetime | None:
    try:
        date = datetime.fromisoformat(text)
    except ValueError:
        return None
    return date if date.tzinfo is not None else None


class Source(Protocol):
    """One pass over a file of one format.

    told: what the file says of itself, known after the first piece. fraction: how much was read, 0 to 1.
    """

    told: Told
    fraction: float

    def __init__(self, path: Path, channels: Channels, problems: Problems) -> None: ...

    def pieces(self) -> Generator[Piece, None, None]:
        """The file from its beginning to its end; closed when the iterator is."""
        ...


def dated(instant: int) -> int | None:
    """A date in ns since 1970, or None for one that stands for none.

    >>> dated(0), dated(1_700_000_000_000_000_000)
    (None, 1700000000000000000)
    """
    return instant if EARLIEST_DATE <= instant < LATEST else None


def epoch_ns(moment: datetime) -> int:
    """An instant in whole microseconds as ns since 1970, exactly.

    >>> epoch_ns(datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC))
    1700000000000000000
    """
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1000


def natural(name: str) -> tuple[tuple[int, str], ...]:
    """A key that sorts ``can2`` before ``can10``."""
    return tuple((int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name))
