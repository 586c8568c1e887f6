"""MF4: ASAM MDF 4 with bus events, as asammdf and python-can read them. Needs asammdf (extra ``[mf4]``).

An MF4 file cannot be written frame by frame so that a kill leaves a readable one. So the frames go into a BLF file
beside it, ``drive.mf4.blf``, which is turned into the MF4 file and deleted at the end; it is what a killed process
leaves. Conversion takes a block of the recording into memory at a time.

Classic data frames, CAN FD frames, remote frames and error frames are one channel group each, with the names of the
ASAM bus logging standard. Times are seconds as 64-bit floats: exact to the nanosecond for 52 days.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree

from harness.errors import LogError, MissingExtra
from harness.frames import EXTENDED, FD_LENGTHS
from harness.logs.blf_writing import BlfEncoder
from harness.logs.writer import Head, StreamWriter

if TYPE_CHECKING:
    import numpy as np
    from asammdf import MDF
    from numpy.typing import NDArray

    from harness.logs.columns import FrameColumns
    from harness.logs.reading import Log

_DATA, _REMOTE, _ERROR = "CAN_DataFrame", "CAN_RemoteFrame", "CAN_ErrorFrame"


def mf4_writer(path: Path, head: Head, *, rotate: int | None = None) -> StreamWriter:
    """A writer of MF4 files; arguments as for :class:`~harness.logs.writer.StreamWriter`.

    Raises :class:`~harness.errors.MissingExtra` without asammdf.
    """
    if find_spec("asammdf") is None:
        raise MissingExtra(f"writing {path.name}", "mf4")
    return StreamWriter(path, head, BlfEncoder, rotate=rotate, working=_spool, finished=_finish)


def _spool(path: Path) -> Path:
    return path.with_name(f"{path.name}.blf")


def _finish(path: Path) -> None:
    spool = _spool(path)
    convert(spool, path)
    spool.unlink()


def convert(source: str | Path, path: str | Path) -> None:
    """Write a recording as an MF4 file with all its frames and metadata.

    source: in any format that can be read; with its channels as it numbers or names them. Equal recordings give equal
    files. Raises :class:`~harness.errors.LogError` when the file cannot be written, and what reading raises.
    """
    from asammdf import MDF

    from harness.logs.reading import open_log

    log = open_log(source)
    with MDF(version="4.10") as mdf:
        groups: dict[str, int] = {}
        for block in log.blocks():
            _append(mdf, groups, block, _numbers(log))
        _describe(mdf, log)  # now the end is known, too
        try:
            mdf.save(path, overwrite=True, compression=1, add_history_block=False)
        except OSError as error:
            raise LogError(
                f"recording {path} cannot be written: {error.strerror or error}; its frames are in {source}"
            ) from error


def _describe(mdf: MDF, log: Log) -> None:
    from datetime import UTC, datetime

    from asammdf.blocks.v4_blocks import FileHistory

    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    mdf.header.start_time = epoch  # says that the time is UTC
    mdf.header.abs_time = log.start or 0
    root = ElementTree.Element("HDcomment")
    ElementTree.SubElement(root, "TX").text = "recording"
    properties = ElementTree.SubElement(root, "common_properties")
    names = {f"channel {own}": name for own, name in log.channel_names.items()}
    ends = {} if log.end is None else {"ends": f"{log.end} ns"}
    for key, value in {**names, **log.metadata, **ends}.items():
        ElementTree.SubElement(properties, "e", name=key).text = value
    mdf.header.comment = ElementTree.tostring(root, encoding="unicode")
    history = FileHistory()
    history.comment = "<FHcomment><TX>recorded</TX><tool_id>vehicle-harness</tool_id></FHcomment>"
    # Not the time of the conversion: the same recording gives the same bytes.
    history.time_stamp = epoch
    mdf.file_history.append(history)


def _numbers(log: Log) -> list[int]:
    """Number of each channel of a recording: its own where it has one, else its place."""
    return [int(own) if own.isdigit() else place for place, own in enumerate(log.own_channels, start=1)]


def _append(mdf: MDF, groups: dict[str, int], block: FrameColumns, numbers: list[int]) -> None:
    from harness.logs.columns import ERROR, FD, REMOTE

    flags = block.flags
    errors = flags & ERROR != 0
    remote = ~errors & (flags & REMOTE != 0)
    wide = ~errors & ~remote & (flags & FD != 0)
    classic = ~(errors | remote | wide)
    for group, name, rows, width in (
        ("classic", _DATA, classic, 8),
        ("fd", _DATA, wide, 64),
        ("remote", _REMOTE, remote, 0),
        ("error", _ERROR, errors, 8),
    ):
        if rows.any():
            _extend(mdf, groups, group, name, _records(block[rows], name, width, numbers), block.time[rows] / 1e9)


def _records(block: FrameColumns, name: str, width: int, numbers: list[int]) -> NDArray[np.void]:
    """The frames as ASAM's bus logging lays them out; width: bytes of payload, 0 for none."""
    import numpy as np

    from harness.logs.columns import BRS, ESI, FD, TX

    codes = np.zeros(65, np.uint8)
    for code, smallest in enumerate(FD_LENGTHS):
        codes[smallest:] = code
    length = block.length if width else np.zeros(len(block), np.uint8)
    fields: dict[str, NDArray[Any]] = {
        "BusChannel": np.array([0, *numbers], np.uint8)[1:][block.channel],
        "ID": block.key & np.uint32(EXTENDED - 1),
        "IDE": (block.key >> np.uint32(31)).astype(np.uint8),
        "DLC": codes[block.length],
        "DataLength": np.minimum(length, width).astype(np.uint8),
        "Dir": (block.flags & TX != 0).astype(np.uint8),
        "EDL": (block.flags & FD != 0).astype(np.uint8),
        "BRS": (block.flags & BRS != 0).astype(np.uint8),
        "ESI": (block.flags & ESI != 0).astype(np.uint8),
    }
    if width:
        data = block.data[:, :width]
        fields["DataBytes"] = np.zeros((len(block), width), np.uint8)
        fields["DataBytes"][:, : data.shape[1]] = data
    layout = [(f"{name}.{field}", values.dtype, values.shape[1:]) for field, values in fields.items()]
    records = np.zeros(len(block), layout)
    for field, values in fields.items():
        records[f"{name}.{field}"] = values
    return records


def _extend(
    mdf: MDF, groups: dict[str, int], group: str, name: str, records: NDArray[np.void], seconds: NDArray[np.float64]
) -> None:
    from asammdf import Signal
    from asammdf.blocks.v4_blocks import SourceInformation
    from asammdf.blocks.v4_constants import BUS_TYPE_CAN, SOURCE_BUS

    if group in groups:
        mdf.extend(groups[group], [(seconds, None), (records, None)])
        return
    source = SourceInformation(source_type=SOURCE_BUS, bus_type=BUS_TYPE_CAN)
    index = mdf.append(Signal(records, seconds, name=name, source=source), acq_name=f"{name} {group}")
    assert index is not None
    groups[group] = index
