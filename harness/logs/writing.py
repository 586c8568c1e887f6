"""Writing recordings: what was seen on channels, as files that CAN tools read.

============  =======================================  ==================================================
suffix        format                                   written by
============  =======================================  ==================================================
``.blf``      Vector's binary format                   :mod:`harness.logs.blf_writing`
``.asc``      Vector's text format                     :mod:`harness.logs.asc_writing`
``.log``      ``candump -L`` of can-utils              :mod:`harness.logs.candump_writing`
``.mf4``      ASAM MDF 4 with bus events               :mod:`harness.logs.mf4_writing`, extra ``[mf4]``
============  =======================================  ==================================================

Times count from the beginning of the world; ``docs/recordings.md`` says what each format cannot hold.

>>> import tempfile
>>> from harness.frames import Frame, Received
>>> path = Path(tempfile.mkdtemp()) / "drive.asc"
>>> writer = open_writer(path, ["body"], metadata={"test": "suites/test_lamps.py::test_brake"})
>>> writer.write(Received(1_500_000, "body", Frame(0x1A0, b"\\x01\\xff"), "BCM"))
>>> writer.close()
>>> print(path.read_text().splitlines()[4])
// test: suites/test_lamps.py::test_brake
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

from harness.errors import LogError
from harness.logs.writer import Head, LogWriter, Seen, StreamWriter

__all__ = ["FORMATS", "LogWriter", "Seen", "open_writer", "write_seen"]

FORMATS = ("blf", "asc", "log", "mf4")
"""The formats that can be written, by suffix."""


def open_writer(
    path: str | Path,
    channels: Sequence[str],
    *,
    metadata: Mapping[str, str] | None = None,
    start: int | None = None,
    own: Collection[str] = (),
    rotate: int | None = None,
) -> LogWriter:
    """Begin a recording; the suffix of ``path`` decides its format, and its folder is made where needed.

    channels: all names, in the order of their numbers, which count from 1. metadata: names and one-line values for
    the head of the file, such as ``{"bench": "virtual", "test": "suites/...", "database body.dbc": "<sha256>"}``;
    candump has no room for it. start: Unix time of time 0 in ns; None: in virtual time, which has none. own: names of
    the nodes whose frames are the tester's own (``Tx``). rotate: from this size (bytes) on the next file is begun,
    ``name_002.blf`` after ``name.blf``, each complete with head and metadata; None or 0: one file.

    Raises :class:`~harness.errors.LogError` for another suffix, and when the file cannot be written;
    :class:`~harness.errors.MissingExtra` for MF4 without asammdf.
    """
    path = Path(path)
    head = Head(tuple(channels), dict(metadata or {}), start, own)
    suffix = path.suffix.lower().removeprefix(".")
    if suffix == "blf":
        from harness.logs.blf_writing import BlfEncoder

        return StreamWriter(path, head, BlfEncoder, rotate=rotate or None)
    if suffix == "asc":
        from harness.logs.asc_writing import AscEncoder

        return StreamWriter(path, head, AscEncoder, rotate=rotate or None)
    if suffix == "log":
        from harness.logs.candump_writing import CandumpEncoder

        return StreamWriter(path, head, CandumpEncoder, rotate=rotate or None)
    if suffix == "mf4":
        from harness.logs.mf4_writing import mf4_writer

        return mf4_writer(path, head, rotate=rotate or None)
    known = ", ".join(f".{each}" for each in FORMATS)
    raise LogError(f"recording {path}: its name must end in one of {known}")


def write_seen(
    path: str | Path,
    seen: Iterable[Seen],
    channels: Sequence[str],
    *,
    metadata: Mapping[str, str] | None = None,
    start: int | None = None,
    own: Collection[str] = (),
) -> None:
    """Write frames in the order of time as one recording. Arguments and errors as :func:`open_writer`."""
    writer = open_writer(path, channels, metadata=metadata, start=start, own=own)
    try:
        for each in seen:
            writer.write(each)
    finally:
        writer.close()
