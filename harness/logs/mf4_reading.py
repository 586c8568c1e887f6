"""Reading MF4: bus events as ASAM's bus logging (ASAM MDF 4.1, bus logging 1.0) lays them out, through asammdf.

Data, remote and error frames are channel groups of their own, often one for each bus, direction and size; they are read
a chunk at a time and merged by time.
"""

from __future__ import annotations

import logging
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from traceback import walk_tb
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree
from xml.parsers.expat import ExpatError

import numpy as np
from numpy.typing import NDArray

from harness.errors import HarnessError, LogError, MissingExtra
from harness.frames import FD_LENGTHS
from harness.logs.columns import BRS, ERROR, ESI, FD, REMOTE, TX, FrameColumns
from harness.logs.problems import Problems
from harness.logs.source import Channels, Piece, Told, dated

if TYPE_CHECKING:
    from asammdf import MDF

KINDS = {"CAN_DataFrame": 0, "CAN_RemoteFrame": REMOTE, "CAN_ErrorFrame": ERROR}
CHUNK = 50_000
_HEADER_END = 168
_LOCAL_TIME = 1
_LINEAR = 1
_EXTENDED_BIT, _ID_BITS = 0x8000_0000, 0x1FFF_FFFF


class Mf4Source:
    """One pass over an MF4 file, see :class:`harness.logs.source.Source`."""

    def __init__(self, path: Path, channels: Channels, problems: Problems) -> None:
        if find_spec("asammdf") is None:
            raise MissingExtra(f"reading {path.name}", "mf4")
        self._path, self._channels, self._problems = path, channels, problems
        self.told = Told()
        self.fraction = 0.0
        self._read = 0

    def pieces(self) -> Generator[Piece, None, None]:
        """The frames of all groups, merged by time.

        Raises :class:`~harness.errors.LogError` where asammdf cannot open the file at all.
        """
        with self._opened() as mdf:
            self._describe(mdf)
            found = [(index, name) for index, group in enumerate(mdf.groups) for name in KINDS if _holds(group, name)]
            for index, _ in found:
                if not _inside(mdf.groups[index]):
                    raise LogError(f"{self._path} is damaged: the records of group {index} do not hold its channels")
            total = sum(mdf.groups[index].channel_group.cycles_nr for index, _ in found)
            for columns in _merged([self._chunks(mdf, index, name) for index, name in found]):
                self.fraction = min(1.0, self._read / total)
                yield Piece(columns, lambda row, columns=columns: f"{columns.time[row] / 1e9:.6f} s")  # type: ignore[misc]
        self.fraction = 1.0

    def _opened(self) -> MDF:
        """Raises :class:`~harness.errors.LogError` where asammdf cannot open the file at all."""
        from asammdf import MDF

        if self._path.stat().st_size < _HEADER_END:
            raise LogError(f"{self._path} is no MF4 file: it ends inside its header")
        try:
            with self._heard("header"):
                return MDF(self._path)
        except Exception as error:  # asammdf and the packers that it uses have no kind of their own
            _let_go(error)
            raise LogError(f"{self._path} is no MF4 file that asammdf can read: {_said(error)}") from error

    def _describe(self, mdf: MDF) -> None:
        header: Any = mdf.header
        self.told.start = dated(int(header.abs_time))
        self.told.zone_known = self.told.start is not None and not header.time_flags & _LOCAL_TIME
        try:
            tree = ElementTree.fromstring(header.comment or "<HDcomment/>")
        except (ElementTree.ParseError, ExpatError):
            return  # a comment without form says nothing that we could use
        for element in tree.iter():
            if element.tag.rpartition("}")[2] == "e" and (element.text or "").strip():
                self.told.line(f"{element.get('name')}: {(element.text or '').strip()}")

    def _chunks(self, mdf: MDF, index: int, name: str) -> Iterator[FrameColumns]:
        """The frames of one group, in the order of the file."""
        count = mdf.groups[index].channel_group.cycles_nr
        for offset in range(0, count, CHUNK):
            try:
                with self._heard(f"group {index}, record {offset}"):
                    columns = self._chunk(mdf, index, name, offset)
            except HarnessError:
                raise
            except Exception as error:  # noqa: BLE001  as above; all of it is told
                self._problems.add(
                    "damaged",
                    f"group {index}, record {offset}",
                    f"damaged or cut: {_said(error)}; its last {count - offset} frames are left out",
                )
                return
            missing = min(CHUNK, count - offset) - len(columns)
            if missing > 0:
                place = f"group {index}, record {offset + len(columns)}"
                self._problems.add("truncated", place, "the file ends before its last frames")
            self._read += len(columns)
            if len(columns):
                yield columns

    @contextmanager
    def _heard(self, position: str) -> Iterator[None]:
        """What asammdf would only write to stderr, as problems: it goes on with less, and nobody would know."""
        logger = logging.getLogger("asammdf")
        usual, logger.handlers = logger.handlers, [_Heard(self._problems, position)]
        try:
            yield
        finally:
            logger.handlers = usual

    def _chunk(self, mdf: MDF, index: int, name: str, offset: int) -> FrameColumns:
        window: Any = {"group": index, "record_offset": offset, "record_count": CHUNK}
        records: Any = mdf.get(name, samples_only=True, **window)[0]
        time = _nanoseconds(mdf, index, window)[: len(records)]
        records = records[: len(time)]
        count, names = len(records), records.dtype.names or ()

        def field(what: str, default: int = 0) -> NDArray[np.int64]:
            """A field as numbers; some tools have a conversion of the direction to text."""
            if f"{name}.{what}" not in names:
                return np.full(count, default, np.int64)
            values = records[f"{name}.{what}"]
            if values.dtype.kind in "SUO":
                values = np.char.strip(values.astype(np.bytes_)) == b"Tx"
            numbers: NDArray[np.int64] = values.astype(np.int64)
            return numbers

        identifier = field("ID")
        extended = (field("IDE") != 0) | (identifier & _EXTENDED_BIT != 0)
        flags = (field("EDL") != 0) * FD | (field("BRS") != 0) * BRS | (field("ESI") != 0) * ESI
        flags |= (field("Dir") != 0) * TX | KINDS[name]
        asked = np.array(FD_LENGTHS, np.int64)[np.clip(field("DLC"), 0, 15)]
        asked = np.where(flags & FD, asked, np.minimum(asked, 8))
        data = np.zeros((count, 8), np.uint8)
        length = asked
        if name != "CAN_RemoteFrame" and f"{name}.DataBytes" in names:
            held = records[f"{name}.DataBytes"]
            length = np.clip(field("DataLength") if f"{name}.DataLength" in names else asked, 0, held.shape[1])
            data = np.zeros((count, 8 if held.shape[1] <= 8 else 64), np.uint8)
            data[:, : held.shape[1]] = np.where(np.arange(held.shape[1]) < length[:, None], held, 0)
        buses = field("BusChannel", 1).astype(np.uint16)
        return FrameColumns(
            time,
            self._channels.indices(buses),
            (identifier & _ID_BITS | extended * np.int64(_EXTENDED_BIT)).astype(np.uint32),
            flags.astype(np.uint8),
            length.astype(np.uint8),
            data,
        )


def _holds(group: Any, name: str) -> bool:
    return group.channel_group.cycles_nr > 0 and any(channel.name == name for channel in group.channels)


def _inside(group: Any) -> bool:
    """Whether all channels lie inside the group's records: else asammdf reads memory that is not its own."""
    size = group.channel_group.samples_byte_nr
    return all(
        channel.byte_offset + -(-(channel.bit_offset + channel.bit_count) // 8) <= size for channel in group.channels
    )


def _nanoseconds(mdf: MDF, index: int, window: dict[str, Any]) -> NDArray[np.int64]:
    """The times of some records. Whole numbers do not become seconds in between, which would cost their last digits."""
    master = mdf.masters_db[index]
    raw: Any = mdf.get(index=master, samples_only=True, raw=True, **window)[0]
    conversion: Any = mdf.groups[index].channels[master].conversion
    linear = conversion is not None and conversion.conversion_type == _LINEAR
    factor, offset = (conversion.a, conversion.b) if linear else (1.0, 0.0)
    step = round(factor * 1e9)
    if raw.dtype.kind in "ui" and step and abs(factor * 1e9 / step - 1) < 1e-12:
        time: NDArray[np.int64] = raw.astype(np.int64) * step + round(offset * 1e9)
    else:
        time = np.rint((raw.astype(np.float64) * factor + offset) * 1e9).astype(np.int64)
    return time


def _merged(groups: list[Iterator[FrameColumns]]) -> Iterator[FrameColumns]:
    """Frames of all groups by time, in as much memory as a chunk of each takes."""
    held = [next(group, None) for group in groups]
    while left := [index for index, block in enumerate(held) if block is not None]:
        blocks = [held[index] for index in left]
        # Up to here every group is known; the group that is known the least far is then read on.
        until = min(int(block.time.max()) for block in blocks if block is not None)
        taken = []
        for index in left:
            block = held[index]
            assert block is not None
            due = block.time <= until
            taken.append(block[due])
            rest = block[~due]
            held[index] = rest if len(rest) else next(groups[index], None)
        whole = FrameColumns.join(taken)
        yield whole[np.argsort(whole.time, kind="stable")]


class _Heard(logging.Handler):
    """Takes errors that are logged for problems at a position."""

    def __init__(self, problems: Problems, position: str) -> None:
        super().__init__(logging.ERROR)
        self._problems, self._position = problems, position

    def emit(self, record: logging.LogRecord) -> None:
        """The last line of a message: what comes before is the way to it through asammdf's code."""
        lines = record.getMessage().strip().splitlines() or [""]
        self._problems.add("asammdf", self._position, f"asammdf could not read all: {lines[-1]}")


def _let_go(error: Exception) -> None:
    """Close the temporary file of asammdf's object, which it left half made and which would complain when collected."""
    for frame, _ in walk_tb(error.__traceback__):
        made: Any = frame.f_locals.get("self")
        if type(made).__name__ in ("MDF3", "MDF4") and hasattr(made, "_tempfile"):
            made._tempfile.close()
            made._closed = True


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
