"""Reading recordings: one way for all formats, in blocks of columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from harness.errors import LogError, nearest
from harness.frames import ErrorFrame, Received
from harness.logs.asc_reading import AscSource
from harness.logs.blf_reading import BlfSource
from harness.logs.candump_reading import CandumpSource
from harness.logs.columns import FrameColumns
from harness.logs.mapping import map_channels
from harness.logs.mf4_reading import Mf4Source
from harness.logs.ordering import blocks
from harness.logs.problems import LogProblem, Problems
from harness.logs.source import Channels, Source, natural
from harness.logs.trc_reading import TrcSource

BLOCK = 200_000
"""Frames in a block, unless told otherwise: some 10 MB."""

_PEEKED = 20_000
_SECOND = 1_000_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

TEXTS: dict[str, type[AscSource | TrcSource | CandumpSource]] = {
    "asc": AscSource,
    "trc": TrcSource,
    "candump": CandumpSource,
}
FORMATS: dict[str, type[Source]] = {"blf": BlfSource, "mf4": Mf4Source, **TEXTS}
MARKS = {b"LOGG": "blf", b"MDF ": "mf4", b"UnFinMF ": "mf4"}
_SNIFFED = 65_536


class Log:
    """A recording, opened by :func:`open_log`; it can be read several times.

    path, format: the file, and what it is: ``blf``, ``asc``, ``candump``, ``mf4`` or ``trc``.
    start: Unix epoch of time 0 in ns; None where the recording has no date.
    channels: their names, behind the numbers in :attr:`FrameColumns.channel`. Those of the first 20,000 frames are
    known from the beginning, in natural order, and all where one of the bench is not among these; others are appended
    when they are met.
    channel_names: names that the file itself gives to channels, by those of :attr:`own_channels`.
    metadata: what else the file says of itself.
    end: ns at which the recording ends, which may be after its last frame; None where the file does not tell, and
    until :meth:`blocks` has come to its end.
    fraction: how much of the file was read, 0 to 1, for progress bars.
    """

    def __init__(self, path: Path, format: str, zone: tzinfo = UTC) -> None:
        self.path, self.format = path, format
        self.fraction = 0.0
        self._problems = Problems()
        self._names: dict[str, str] = {}
        found = Channels()
        source = FORMATS[format](path, found, Problems())
        rows = 0
        self._all_known = True
        with closing(source.pieces()) as pieces:
            for piece in pieces:
                rows += len(piece.columns)
                if rows >= _PEEKED:
                    self._all_known = False
                    break
        self._channels = Channels(sorted(found.names, key=natural))
        told = source.told
        self.start = told.start if told.start is None or told.zone_known else _in_zone(told.start, zone)
        self.end = told.end
        self.metadata: Mapping[str, str] = told.metadata
        self.channel_names: Mapping[str, str] = told.channel_names

    @property
    def own_channels(self) -> list[str]:
        """Channels by the names in the file, in the order of their numbers."""
        return list(self._channels.names)

    @property
    def channels(self) -> list[str]:
        """Channels by the bench's names where :meth:`rename` gave some, else by those in the file."""
        return [self._names.get(own) or self._unlike(own) for own in self._channels.names]

    def rename(self, channels: Mapping[str, str]) -> None:
        """Call channels by other names: the bench's to that in the file, as in ``{"body": "2"}``.

        Raises :class:`~harness.errors.LogError` when the file has no such channel, or one gets two names.
        """
        names: dict[str, str] = {}
        for bench, own in channels.items():
            if own not in self._channels.names:
                has = ", ".join(self._channels.names) or "none"
                raise LogError(
                    f"{self.path}: no channel {own!r} for {bench!r}; it has {has}{nearest(own, self._channels.names)}"
                )
            if own in names:
                raise LogError(f"{self.path}: channel {own!r} cannot be both {names[own]!r} and {bench!r}")
            names[own] = bench
        self._names = names

    def look_further(self) -> bool:
        """Go through the whole file for channels whose first frame comes late; whether there are any."""
        if self._all_known:
            return False
        self._all_known = True
        before = len(self._channels.names)
        with closing(FORMATS[self.format](self.path, self._channels, Problems()).pieces()) as pieces:
            for _ in pieces:
                pass
        late = len(self._channels.names) > before
        self._channels = Channels(sorted(self._channels.names, key=natural))
        return late

    @property
    def named(self) -> int:
        """How many channels have a name of the bench."""
        return len(self._names)

    def _unlike(self, own: str) -> str:
        """The file's own name, told from those of the bench."""
        return f"{own} (in the file)" if own in self._names.values() else own

    @property
    def problems(self) -> list[LogProblem]:
        """What was wrong with the file, as far as it was read."""
        return list(self._problems.found)

    def blocks(self, size: int = BLOCK) -> Iterator[FrameColumns]:
        """The whole recording in blocks of at most ``size`` frames; memory does not grow with the file.

        In the order of time: frames out of order by up to 0.1 s are put right, since recorders of several channels
        write such files; where time runs back by more, it stands in :attr:`problems` and the frames come as they are.
        """
        self._problems.clear()
        source = FORMATS[self.format](self.path, self._channels, self._problems)
        with closing(source.pieces()) as pieces:
            for block in blocks(pieces, size, self._problems):
                self.fraction = source.fraction
                yield block
        self.end = source.told.end
        self.fraction = 1.0

    def frames(self) -> Iterator[Received | ErrorFrame]:
        """The recording frame by frame: some hundred times slower than :meth:`blocks`."""
        for block in self.blocks():
            yield from block.frames(self.channels)


def open_log(
    path: str | Path,
    *,
    wanted: Sequence[str] | None = None,
    channels: Mapping[str, str] | None = None,
    zone: tzinfo = UTC,
) -> Log:
    """Open a recording. What it is, is told by its content, among text formats by its suffix.

    channels: the bench's names of channels, each with that in the file: ``{"body": "2"}``. wanted: all channels of the
    bench; those that are not given are then found as :func:`~harness.logs.mapping.map_channels` tells. None: channels
    that are not given keep the file's names. zone: where the recorder's clock stood; BLF, ASC and TRC files hold its
    wall clock and no zone, and Vector's tools write local time.

    Raises :class:`~harness.errors.LogError` for what is no recording or does not fit the bench, and
    :class:`~harness.errors.MissingExtra` when its format needs a package that is not installed.
    """
    path = Path(path)
    try:
        log = Log(path, _format(path), zone)
    except OSError as error:
        raise LogError(f"recording {path} cannot be read: {error.strerror or error}") from error
    given = channels or {}
    while True:
        try:
            log.rename(given if wanted is None else map_channels(log, wanted, given))
        except LogError:
            if not log.look_further():
                raise
        else:
            if wanted is None or log.named >= len(wanted) or not log.look_further():
                return log


def _format(path: Path) -> str:
    """What a file is, by how it begins."""
    with path.open("rb") as file:
        head = file.read(_SNIFFED)
    if not head.strip():
        raise LogError(f"recording {path} is empty")
    for mark, name in MARKS.items():
        if head.startswith(mark):
            return name
    lines = [line.strip() for line in head.decode("latin-1").splitlines() if line.strip()]
    for name, source in TEXTS.items():
        if source.recognises(lines):
            return name
    raise LogError(
        f"{path} is no recording that can be read: neither BLF nor MF4, nor text as ASC, candump or TRC; "
        f"it begins with {lines[0][:60] if head.isascii() else head[:16]!r}"
    )


def _in_zone(wall_clock: int, zone: tzinfo) -> int:
    """The instant at which clocks in a zone show what clocks in UTC show at ``wall_clock``."""
    moment = _EPOCH + timedelta(seconds=wall_clock // _SECOND)
    offset = moment.replace(tzinfo=zone).utcoffset() or timedelta()
    return wall_clock - int(offset.total_seconds()) * _SECOND
