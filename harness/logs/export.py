"""Decoded signals for other tools: a polars frame, and MF4 files with units and value tables."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.errors import LogError, MissingExtra
from harness.logs.bits import Numbers
from harness.signals.column import SignalColumn
from harness.signals.definitions import SignalDef

if TYPE_CHECKING:
    import polars
    from asammdf import MDF, Signal
    from asammdf.blocks.v4_blocks import FileHistory

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_polars(signals: Mapping[str, SignalColumn], *, wide: bool = False) -> polars.DataFrame:
    """Decoded signals as one frame, sorted by time.

    Long (the default): a row per sample with ``time`` (Duration in ns since the recording began), ``signal`` (its
    path), ``value`` (Float64: whole numbers of more than 53 bits are rounded) and ``label`` (null where the value
    table has none). ``wide``: a row per instant and a column per signal, null where the signal has no sample at that
    instant: ``.fill_null(strategy="forward")`` holds values, as the bus does. For wide frames name few signals. Of
    several samples in one instant the last one stays.

    Raises :class:`~harness.errors.MissingExtra` without polars.
    """
    _need_polars("a polars frame")
    import polars

    if wide:
        return _wide(signals)
    schema = {"time": polars.Duration("ns"), "signal": polars.Categorical(), "value": polars.Float64()}
    rows = [
        polars.DataFrame(
            {
                "time": polars.Series(column.time).cast(schema["time"]),
                "signal": polars.repeat(path, len(column), eager=True, dtype=schema["signal"]),
                "value": column.value.astype(np.float64),
                "label": polars.Series(
                    column.text.tolist() if column.definition.choices else [None] * len(column), dtype=polars.String()
                ),
            }
        )
        for path, column in signals.items()
    ]
    empty = polars.DataFrame(schema={**schema, "label": polars.String()})
    return polars.concat([empty, *rows]).sort("time", maintain_order=True)


def _need_polars(what: str) -> None:
    if find_spec("polars") is None:
        raise MissingExtra(what, "polars")


def _wide(signals: Mapping[str, SignalColumn]) -> polars.DataFrame:
    import polars

    times = [column.time for column in signals.values()]
    instants = np.unique(np.concatenate(times)) if times else np.empty(0, np.int64)
    columns = {"time": polars.Series(instants, dtype=polars.Int64).cast(polars.Duration("ns"))}
    for path, column in signals.items():
        value = column.value if column.value.dtype != object else column.value.astype(np.float64)
        # Counted from behind, so that np.unique's first is the last of an instant.
        time, behind = np.unique(column.time[::-1], return_index=True)
        sampled = value[::-1][behind]
        row = np.full(len(instants), -1)
        row[np.searchsorted(instants, time)] = np.arange(len(time))
        taken = sampled[np.maximum(row, 0)] if len(sampled) else np.zeros(len(instants), value.dtype)
        columns[path] = polars.Series(taken).set(polars.Series(row < 0), None)
    return polars.DataFrame(columns)


def write_table(parts: Iterable[Mapping[str, SignalColumn]], path: str | Path, *, start: int | None = None) -> Path:
    """Write decoded signals as a Parquet or CSV file, by its suffix, in the long form of :func:`to_polars`.

    parts: as for :func:`write_mf4`; a CSV file is written block by block, a Parquet file at the end. In a CSV file the
    time is in seconds with nine digits. start: not written, times count from the beginning of the recording.

    Raises :class:`~harness.errors.MissingExtra` without polars, :class:`~harness.errors.LogError` when the file cannot
    be written.
    """
    path = Path(path)
    _need_polars(f"writing {path.name}")  # before a file is made
    frames = (to_polars(part) for part in parts)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix.lower() == ".parquet":
            import polars

            polars.concat([to_polars({}), *frames]).write_parquet(path)
            return path
        with path.open("wb") as file:
            file.write(b"time_s,signal,value,label\n")
            for frame in frames:
                _with_seconds(frame).write_csv(file, include_header=False)
    except OSError as error:
        raise LogError(f"{path} cannot be written: {error}") from error
    return path


def _with_seconds(frame: polars.DataFrame) -> polars.DataFrame:
    import polars

    nanoseconds = polars.col("time").cast(polars.Int64)
    sign = polars.when(nanoseconds < 0).then(polars.lit("-")).otherwise(polars.lit(""))
    whole, fraction = nanoseconds.abs() // 1_000_000_000, nanoseconds.abs() % 1_000_000_000
    digits = fraction.cast(polars.String).str.zfill(9)
    return frame.with_columns(polars.concat_str(sign, whole, polars.lit("."), digits).alias("time"))


def write_mf4(parts: Iterable[Mapping[str, SignalColumn]], path: str | Path, *, start: int | None = None) -> Path:
    """Write decoded signals as an MF4 file (ASAM MDF 4.10, compressed) and return its path.

    parts: consecutive blocks by path ``channel.Message.Signal``, as :func:`~harness.logs.decode.decode_log` gives them
    (memory then holds one block), or one mapping of whole columns in a list. start: Unix time of time 0 in ns; None:
    the epoch.

    Signals that share their frames share a channel group, named ``channel.Message``. A channel holds raw values with
    unit, comment, and a linear conversion or the value table; it is found by the signal's name and by its path.
    A signal without samples is left out.

    Raises :class:`~harness.errors.MissingExtra` without asammdf, :class:`~harness.errors.LogError` when the file
    cannot be written or there is nothing to write.
    """
    try:
        from asammdf import MDF
    except ImportError as error:
        raise MissingExtra("writing MF4", "mf4") from error
    path = Path(path)
    with MDF(version="4.10") as mdf:
        mdf.header.start_time = _EPOCH  # says that the time is UTC
        mdf.header.abs_time = start or 0  # by itself, as a float of seconds would lose nanoseconds
        mdf.file_history.append(_history())
        groups: dict[_Group, int] = {}
        for part in parts:
            for group, columns in _grouped(part).items():
                _append(mdf, groups, group, columns)
        if not groups:
            raise LogError(f"nothing to write to {path}: no signal of the recording was decoded")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            written: Path = Path(mdf.save(path, overwrite=True, compression=2, add_history_block=False))
        except OSError as error:
            raise LogError(f"{path} cannot be written: {error}") from error
    return written


def _history() -> FileHistory:
    """Who wrote the file, not when: the same signals give the same bytes."""
    from asammdf.blocks.v4_blocks import FileHistory

    history = FileHistory()
    history.comment = "<FHcomment><TX>decoded</TX><tool_id>vehicle-harness</tool_id></FHcomment>"
    history.time_stamp = _EPOCH
    return history


_Group = tuple[str, str | None, tuple[int, ...]]
"""Signals that are in the same frames: ``channel.Message``, the multiplexer that selects them and for which numbers."""


def _grouped(part: Mapping[str, SignalColumn]) -> dict[_Group, dict[str, SignalColumn]]:
    groups: dict[_Group, dict[str, SignalColumn]] = {}
    for path, column in part.items():
        definition = column.definition
        if len(column):
            group = (path.rpartition(".")[0], definition.multiplexer, definition.multiplexer_ids)
            groups.setdefault(group, {})[path] = column
    return groups


def _append(mdf: MDF, groups: dict[_Group, int], group: _Group, columns: dict[str, SignalColumn]) -> None:
    seconds = next(iter(columns.values())).time / 1e9
    if group in groups:
        samples = [(seconds, None), *((_samples(column), None) for column in columns.values())]
        mdf.extend(groups[group], samples)
    else:
        channels = [_channel(path, column, seconds) for path, column in columns.items()]
        index = mdf.append(channels, acq_name=group[0], comment=group[0], common_timebase=True)
        assert index is not None
        groups[group] = index


def _samples(column: SignalColumn) -> Numbers:
    return column.raw if column.raw.dtype != object else column.value.astype(np.float64)


def _channel(path: str, column: SignalColumn, seconds: Numbers) -> Signal:
    from asammdf import Signal

    definition = column.definition
    conversion = None if column.raw.dtype == object else _conversion(definition)
    return Signal(
        _samples(column), seconds, unit=definition.unit, name=definition.name, comment=definition.comment,
        conversion=conversion, display_names={path: "path"},
    )  # fmt: skip


def _conversion(definition: SignalDef) -> dict[str, Any] | None:
    linear = {"a": float(definition.scale), "b": float(definition.offset)}
    if not definition.choices:
        return None if (definition.scale, definition.offset) == (1, 0) else linear
    table: dict[str, Any] = {}
    for position, (raw, label) in enumerate(definition.choices.items()):
        table |= {f"val_{position}": float(raw), f"text_{position}": label}
    return {**table, "default_addr": linear}
