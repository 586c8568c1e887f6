"""All signals of a recording as whole columns.

>>> from harness.frames import Frame, Received
>>> from harness.logs.columns import FrameColumns
>>> from harness.signals.definitions import MessageDef, SignalDef
>>> class Drive:
...     channels, start, problems = ["body"], None, []
...     def blocks(self):
...         yield FrameColumns.of([Received(5_000, "body", Frame(0x123, b"\\x01"))], ["body"])
>>> lamp = SignalDef("BrakeLamp", "Lamps", start=0, length=1, choices={0: "Off", 1: "On"})
>>> signals = read_signals(Drive(), {"body": [MessageDef("Lamps", 0x123, 1, (lamp,))]})
>>> signals["body.Lamps.BrakeLamp"].value.tolist(), signals["BrakeLamp"].text.tolist()
([1], ['On'])
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from harness.errors import UnknownSignalError, nearest
from harness.logs.decode import Blocks, Decoder
from harness.logs.problems import LogProblem
from harness.signals.column import SignalColumn
from harness.signals.database import Database, load_database
from harness.signals.definitions import MessageDef

if TYPE_CHECKING:
    import polars

Source = str | Path | Database | Iterable[MessageDef]
"""Where the messages of a channel come from: a database or its file, or the messages themselves."""


class Recording(Blocks, Protocol):
    """A recording that also knows when it began, and what is wrong with it."""

    @property
    def start(self) -> int | None:
        """Unix time of its time 0 in ns; None where it does not tell."""

    @property
    def problems(self) -> Sequence[LogProblem]:
        """What was wrong with it, as far as it was read."""


class Signals(Mapping[str, SignalColumn]):
    """The signals of a recording by path ``channel.Message.Signal``.

    Looking up also takes ``Message.Signal`` and ``Signal`` where only one signal has that name. A signal that no
    frame carried has a column of length 0.

    unknown, undecodable, frames: as counted by :class:`~harness.logs.decode.Decoder`. start: Unix time of the
    recording's time 0 in ns; None where it does not tell. end: time of its last data frame in ns, 0 for none.
    problems: what was wrong with the recording; what was lost cannot be judged. protection: paths of alive counters
    and checksums, as far as known; comparisons leave them out.
    """

    def __init__(
        self,
        columns: Mapping[str, SignalColumn],
        *,
        start: int | None = None,
        end: int = 0,
        frames: int = 0,
        unknown: Counter[tuple[str, int]] | None = None,
        undecodable: Counter[tuple[str, int]] | None = None,
        problems: Sequence[LogProblem] = (),
        protection: Collection[str] = (),
    ) -> None:
        self.start = start
        self.end = end
        self.frames = frames
        self.unknown = unknown or Counter()
        self.undecodable = undecodable or Counter()
        self.problems = tuple(problems)
        self.protection = frozenset(protection)
        self._columns = dict(columns)
        self._meant: dict[str, list[str]] = {}
        for path in self._columns:
            parts = path.split(".")
            for first in range(len(parts)):
                self._meant.setdefault(".".join(parts[first:]), []).append(path)

    def __getitem__(self, name: str) -> SignalColumn:
        """The column of a signal.

        Raises :class:`~harness.errors.UnknownSignalError` with the nearest names, or with those to choose from.
        """
        meant = self._meant.get(name, [])
        if len(meant) == 1:
            return self._columns[meant[0]]
        if meant:
            raise UnknownSignalError(f"signal {name!r} exists {len(meant)} times: write one of {', '.join(meant)}")
        raise UnknownSignalError(f"no signal {name!r} was decoded{nearest(name, self._meant)}")

    def __contains__(self, name: object) -> bool:
        return len(self._meant.get(name, [])) == 1 if isinstance(name, str) else False

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return f"<{len(self)} signals of {self.frames} frames>"

    def to_polars(self, *, wide: bool = False) -> polars.DataFrame:
        """One row per sample, or with ``wide`` one per instant, see :func:`harness.logs.export.to_polars`."""
        from harness.logs.export import to_polars

        return to_polars(self, wide=wide)

    def to_mf4(self, path: str | Path) -> Path:
        """An MF4 file with a channel per signal, see :func:`harness.logs.export.write_mf4`."""
        from harness.logs.export import write_mf4

        return write_mf4([self], path, start=self.start)


def read_signals(
    log: Recording,
    databases: Mapping[str, Source],
    signals: Collection[str] | None = None,
    *,
    protection: Collection[str] = (),
) -> Signals:
    """Decode a whole recording into memory: up to 16 bytes per sample of a signal and 8 per frame for the times.

    databases: by name of the recording's channels: a database file, a database, or messages. signals: those wanted,
    as ``channel.Message.Signal``, ``Message.Signal`` or ``Signal``; None for all. For a recording that does not fit
    into memory name the signals, or go through it with :func:`~harness.logs.decode.decode_log`. protection: see
    :class:`Signals`.

    Raises :class:`~harness.errors.UnknownSignalError` with the nearest names,
    :class:`~harness.errors.DatabaseError` for a file that does not load.
    """
    decoder = Decoder({channel: _messages(source) for channel, source in databases.items()}, signals)
    columns = decoder.whole(log)
    return Signals(
        columns,
        start=log.start,
        end=decoder.end,
        frames=decoder.frames,
        unknown=decoder.unknown,
        undecodable=decoder.undecodable,
        problems=log.problems,
        protection=protection,
    )


def _messages(source: Source) -> Iterable[MessageDef]:
    if isinstance(source, (str, Path)):
        source = load_database(source)
    return source.messages if isinstance(source, Database) else source
