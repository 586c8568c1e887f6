"""Decoding all signals of a recording, values and timestamps, against asammdf on the same frames.

Timed here: from the frames as columns in memory to one array of times and one of physical values per signal
(``read_signals``); and the same from a BLF file, reading included. Timed there: ``extract_bus_logging`` on the opened
MF4 file with the database parsed already, then ``select`` of all channels as numbers (its fastest way to values). Both
in turns, by processor time, best of the turns. Before the clock runs, every time and every value is compared.

Two recordings of a million frames. *Real*: 50 s of a Volvo V40 (``../shared/data/traces``), repeated in time; nobody
publishes its database, so every identifier gets a message of bit fields as databases have them. *Synthetic*: random
payloads, 60 messages, ten of them multiplexed with eight numbers each, one signal in four with a value table.
"""

from __future__ import annotations

import csv
import gzip
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.logs.columns import FrameColumns
from harness.logs.mf4_writing import convert
from harness.logs.reading import open_log
from harness.logs.signals import Signals, read_signals
from harness.logs.writing import open_writer
from harness.signals.database import Database, load_database

VOLVO = Path(__file__).parents[2] / "shared" / "data" / "traces" / "files" / "ids" / "daga_clean.csv.gz"
CHANNELS = ["body"]
BLOCK = 200_000
TURNS = 3
TARGET = 8


class Frames:
    """A recording in memory, as blocks of columns."""

    channels, start, problems = CHANNELS, None, ()

    def __init__(
        self, times: NDArray[np.int64], keys: NDArray[np.uint32], length: NDArray[np.uint8], data: Any
    ) -> None:
        zeros = np.zeros(len(times), np.uint8)
        self._all = FrameColumns(times, zeros, keys, zeros, length, data)

    def __len__(self) -> int:
        return len(self._all)

    def blocks(self) -> Iterator[FrameColumns]:
        for first in range(0, len(self._all), BLOCK):
            yield self._all[first : first + BLOCK]


def run(quick: bool) -> list[tuple[str, str, str]]:
    """Rows of (figure, measured, target)."""
    count = 100_000 if quick else 1_000_000
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        makers = {"synthetic": _synthetic} | ({"real": _real} if VOLVO.exists() else {})
        for name, make in makers.items():
            rows += _measure(name, Path(folder), *make(Path(folder), count))
    return rows


def _measure(name: str, folder: Path, frames: Frames, database: Database) -> list[tuple[str, str, str]]:
    blf, mf4 = folder / f"{name}.blf", folder / f"{name}.mf4"
    _write(frames, blf)
    convert(blf, mf4)
    peer = _Peer(mf4, database.path)
    databases = {"body": database}
    samples = _compare(read_signals(frames, databases), peer)
    theirs, ours, from_file = _best(
        peer.decode,
        lambda: read_signals(frames, databases),
        lambda: read_signals(open_log(blf, wanted=CHANNELS), databases),
    )
    figure = f"decode: {name} log, {len(frames) / 1e6:g} M frames, {samples / 1e6:.1f} M values"
    speed = f"{len(frames) / ours / 1e6:.1f} M frames/s"
    return [
        (f"{figure}, times asammdf", f"{theirs / ours:.1f}", f">= {TARGET}"),
        (f"decode: {name} log, from BLF, times asammdf from MF4", f"{theirs / from_file:.1f}", ""),
        (f"decode: {name} log, {speed}, asammdf {len(frames) / theirs / 1e6:.1f}", f"{ours:.3f} s", ""),
    ]


class _Peer:
    """asammdf on an MF4 file."""

    def __init__(self, path: Path, database: Path) -> None:
        from asammdf import MDF
        from canmatrix.formats import loadp_flat  # type: ignore[import-untyped]

        self._mdf = MDF(path)
        self._files: Any = {"CAN": [(loadp_flat(str(database)), 0)]}

    def decode(self) -> list[Any]:
        """Every signal with its values as numbers and its timestamps."""
        extracted: Any = self._mdf.extract_bus_logging(database_files=self._files)
        wanted = [
            (None, group, index)
            for group, channels in enumerate(each.channels for each in extracted.groups)
            for index in range(1, len(channels))
        ]
        signals = extracted.select(wanted, ignore_value2text_conversions=True, copy_master=False)
        extracted.close()
        return list(signals)


def _compare(own: Signals, peer: _Peer) -> int:
    """Every value and time, equal; returns how many values there are."""
    found = {signal.name: signal for signal in peer.decode()}
    count = 0
    for path, column in own.items():
        theirs = found.pop(path.rpartition(".")[2], None)
        assert (theirs is None) == (len(column) == 0), path
        if theirs is not None:
            assert np.array_equal(np.round(theirs.timestamps * 1e9).astype(np.int64), column.time), path
            assert np.array_equal(theirs.samples.astype(np.float64), column.value.astype(np.float64)), path
            count += len(column)
    assert not found, f"only asammdf decodes {list(found)}"
    return count


def _best(*functions: Callable[[], object]) -> list[float]:
    """Seconds of processor time of each, in turns."""
    best = [float("inf")] * len(functions)
    for _ in range(TURNS):
        for index, function in enumerate(functions):
            begin = time.process_time()
            kept = function()
            best[index] = min(best[index], time.process_time() - begin)
            del kept
    return best


def _write(frames: Frames, path: Path) -> None:
    writer = open_writer(path, CHANNELS)
    for block in frames.blocks():
        for seen in block.frames(CHANNELS):
            writer.write(seen)
    writer.close()


def _real(folder: Path, count: int) -> tuple[Frames, Database]:
    with gzip.open(VOLVO, "rt") as file:
        rows = list(csv.reader(file))[1:]
    times = np.array([round(float(row[0]) * 1e9) for row in rows])
    keys = np.array([int(row[1], 16) for row in rows], np.uint32)
    length = np.array([len(row[3]) // 2 for row in rows], np.uint8)
    data = np.zeros((len(rows), 8), np.uint8)
    for row, line in zip(data, rows, strict=True):
        row[: len(line[3]) // 2] = bytearray.fromhex(line[3])
    span, laps = int(times[-1]) + 1_000_000, -(-count // len(rows))
    repeated = (times + span * np.arange(laps)[:, None]).ravel()[:count]
    shortest = {int(key): int(length[keys == key].min()) for key in np.unique(keys)}
    text = "".join(_plain(key, size, random.Random(key)) for key, size in shortest.items() if size)
    frames = Frames(
        repeated, np.tile(keys, laps)[:count], np.tile(length, laps)[:count], np.tile(data, (laps, 1))[:count]
    )
    return frames, _database(folder / "real.dbc", text)


def _synthetic(folder: Path, count: int) -> tuple[Frames, Database]:
    rng, random_ = np.random.default_rng(1), random.Random(1)
    keys = rng.integers(0x100, 0x13C, count).astype(np.uint32)
    data = rng.integers(0, 256, (count, 8), np.uint8)
    multiplexed = keys < 0x10A
    data[multiplexed, 0] &= 7
    text = "".join(_multiplexed(key) if key < 0x10A else _plain(key, 8, random_) for key in range(0x100, 0x13C))
    frames = Frames(np.arange(count) * 130_000, keys, np.full(count, 8, np.uint8), data)
    return frames, _database(folder / "synthetic.dbc", text)


def _plain(key: int, size: int, rng: random.Random) -> str:
    """A message of bit fields of both byte orders, with and without sign and scale, some with a value table."""
    lines: list[str] = []
    tables: list[str] = []
    at = 0
    while at < 8 * size:
        length = min(rng.choice([1, 1, 2, 4, 7, 8, 8, 10, 12, 16, 16]), 8 * size - at)
        name = f"M{key:X}_S{len(lines)}"
        motorola = length == 16 and at % 8 == 0
        start, order = (at + 7, 0) if motorola else (at, 1)
        # asammdf (8.8) loses the sign of signals of 8 bits across two bytes, so there are none.
        sign = "-" if length > 8 and rng.random() < 0.5 else "+"
        scale = rng.choice(["(1,0)", "(0.5,-40)", "(0.01,0)", "(0.125,10)"]) if length > 4 else "(1,0)"
        lines.append(f' SG_ {name} : {start}|{length}@{order}{sign} {scale} [0|0] "km/h" TESTER\n')
        if length <= 4:
            labels = " ".join(f'{raw} "State{raw}"' for raw in range(min(1 << length, 4)))
            tables.append(f"VAL_ {key} {name} {labels} ;\n")
        at += length
    return f"BO_ {key} M{key:X}: {size} ECU\n{''.join(lines)}\n\x00{''.join(tables)}\x00"


def _multiplexed(key: int) -> str:
    """A message with eight pages of three signals."""
    lines = [f' SG_ M{key:X}_Page M : 0|8@1+ (1,0) [0|7] "" TESTER\n']
    for page in range(8):
        for place, scale in enumerate(("(0.001,0)", "(0.5,-40)", "(1,0)")):
            start, name = 8 + 16 * place, f"M{key:X}_P{page}_{place}"
            lines.append(f' SG_ {name} m{page} : {start}|16@1+ {scale} [0|0] "V" TESTER\n')
    return f"BO_ {key} M{key:X}: 8 ECU\n{''.join(lines)}\n"


def _database(path: Path, text: str) -> Database:
    """Value tables stand after all messages."""
    parts = text.split("\x00")
    path.write_text('VERSION ""\n\nBU_: ECU TESTER\n\n' + "".join(parts[::2]) + "".join(parts[1::2]), encoding="ascii")
    return load_database(path)
