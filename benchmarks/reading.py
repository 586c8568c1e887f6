"""Reading recordings as columns, beside python-can reading the same file frame by frame.

Run ``python -m benchmarks reading``. Both read the same file in turns, by processor time, and the best turn counts.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import can

from harness.frames import FD_LENGTHS

START = 1_700_000_000.0
FIVE_MILLION = 5_000_000


def run(quick: bool) -> list[tuple[str, str, str]]:
    """Rows of (figure, measured, target)."""
    rows = []
    with TemporaryDirectory() as folder:
        for name, suffix, fd, frames, target in (
            ("BLF, classic", "blf", False, 1_000_000, ">= 2.5 M/s"),
            ("BLF, classic and 40 % CAN FD", "blf", True, 400_000, ""),
            ("ASC, classic", "asc", False, 200_000, ""),
            ("candump, classic", "log", False, 200_000, ""),
        ):
            count = frames // 5 if quick else frames
            path = Path(folder, f"{fd}.{suffix}")
            with can.Logger(path) as logger:
                for message in _messages(count, fd):
                    logger(message)
            ours, theirs = _measure(path, count, turns=2 if quick else 3)
            rows.append(
                (f"reading {name}: M frames/s (times python-can's reader)", f"{ours:.2f} ({ours / theirs:.0f})", target)
            )
            if suffix == "blf" and not fd:
                rows.append((f"reading {name}: s for 5 million frames", f"{FIVE_MILLION / 1e6 / ours:.1f}", "<= 2"))
            path.unlink()
    return rows


def _messages(count: int, fd: bool) -> Iterator[can.Message]:
    """Traffic of two channels: 60 identifiers, some bytes of each payload changing as counters and signals do."""
    rng = random.Random(1)
    payloads = {
        identifier: bytearray(rng.randbytes(FD_LENGTHS[rng.randrange(9, 16)] if fd and identifier % 5 < 2 else 8))
        for identifier in range(0x100, 0x400, 13)
    }
    identifiers = list(payloads)
    now = START
    for _ in range(count):
        now += 0.00036
        identifier = identifiers[rng.randrange(len(identifiers))]
        data = payloads[identifier]
        data[0], data[1] = (data[0] + 1) & 255, rng.randrange(256)
        wide = len(data) > 8
        yield can.Message(
            timestamp=now,
            arbitration_id=identifier,
            is_extended_id=False,
            is_fd=wide,
            bitrate_switch=wide,
            data=data,
            channel=identifier % 2,
        )


def _measure(path: Path, frames: int, turns: int) -> tuple[float, float]:
    """Millions of frames per second of processor time, ours and python-can's."""

    def ours() -> int:
        from harness.logs.reading import open_log

        return sum(len(block) for block in open_log(path).blocks())

    def theirs() -> int:
        with can.LogReader(path) as reader:
            return sum(1 for _ in reader)

    best = [0.0, 0.0]
    for _ in range(turns):
        for index, read in enumerate((ours, theirs)):
            best[index] = max(best[index], frames / _seconds(read, frames) / 1e6)
    return best[0], best[1]


def _seconds(read: Callable[[], int], frames: int) -> float:
    begin = time.process_time()
    found = read()
    seconds = time.process_time() - begin
    assert found == frames, f"{found} of {frames} frames"
    return seconds
