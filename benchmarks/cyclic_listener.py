"""Listening to cyclic frames from a process of its own, and judging how late they were.

The kernel stamps the frames while they are sent, so it does not matter when they are read.
"""

from __future__ import annotations

import socket
import statistics
import struct
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path

import msgpack  # type: ignore[import-untyped]

GROUP = "239.74.163.61"
"""Multicast group of the scenes over ``udp_multicast``."""
SETTLE_S = 0.5
"""Left out at the beginning of every scene."""
LOOK_S = 0.01
_SO_TIMESTAMPNS, _SO_RXQ_OVFL = 35, 40


@dataclass(frozen=True, slots=True)
class Grid:
    """When one message is due: ``delay`` after the scene's beginning and every ``cycle``, ns."""

    delay: int
    cycle: int


@dataclass(slots=True)
class Result:
    """Deviations from the grid, ns, by second of the run; frames, lost frames, drift."""

    by_second: dict[int, list[int]] = field(default_factory=dict)
    frames: int = 0
    lost: int = 0
    overrun: int = 0
    drift_ppm: float = 0.0
    steal: dict[int, float] = field(default_factory=dict)

    def quiet(self) -> list[int]:
        """Deviations in the half of the seconds in which the host took the least away."""
        seconds = sorted(self.by_second, key=lambda second: self.steal.get(second, 0.0))
        return [each for second in seconds[: (len(seconds) + 1) // 2] for each in self.by_second[second]]

    def all(self) -> list[int]:
        """All deviations."""
        return [each for second in self.by_second.values() for each in second]


def listen(port: int, pipe: Connection) -> None:
    """Collect (stamp in ns, identifier) of all frames, and the host's steal by second, until told to end."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
    sock.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
    sock.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
    sock.bind(("", port))
    member = socket.inet_aton(GROUP) + struct.pack("@I", socket.INADDR_ANY)
    sock.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
    sock.setblocking(False)
    seen: list[tuple[int, int]] = []
    steal: list[tuple[int, int]] = []
    lost, ended = 0, threading.Event()

    def watch() -> None:
        while not ended.wait(0.25):
            steal.append((time.time_ns(), stolen()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    pipe.send("listening")
    # Looked at now and then, so that no frame wakes this process: the kernel has stamped them.
    while not pipe.poll(LOOK_S):
        while True:
            try:
                data, ancillary, _, _ = sock.recvmsg(4096, 128)
            except BlockingIOError:
                break
            stamp = 0
            for _, kind, content in ancillary:
                if kind == _SO_TIMESTAMPNS:
                    whole, fraction = struct.unpack("@ll", content)
                    stamp = whole * 1_000_000_000 + fraction
                elif kind == _SO_RXQ_OVFL:
                    lost = struct.unpack("@I", content)[0]
            key = int.from_bytes(data[:4], "big") if len(data) <= 68 else msgpack.unpackb(data)["arbitration_id"]
            seen.append((stamp, key))
    ended.set()
    watcher.join()
    pipe.send((seen, steal, lost))


def stolen() -> int:
    """Ticks that the host took from all processors so far; 0 where nobody says."""
    try:
        return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8])
    except (OSError, IndexError):
        return 0


# -- judging ----------------------------------------------------------------------------------------------------------


def judge(
    seen: Sequence[tuple[int, int]], steal: Sequence[tuple[int, int]], grids: Mapping[int, Grid], *, common: bool
) -> Result:
    """Deviations of all frames from their grids; the first :data:`SETTLE_S` s are left out.

    common: all messages have one beginning, that of the most punctual frame of all, and a cycle may be left out. Else
    each has its own, its first frame's, and every frame stands for the next cycle, as send_periodic leaves out none.
    """
    stamps: dict[int, list[int]] = {key: [] for key in grids}
    for stamp, key in seen:
        if key in stamps:
            stamps[key].append(stamp)
    first = min(each[0] for each in stamps.values() if each)
    begin, end = first + round(SETTLE_S * 1e9), max(each[-1] for each in stamps.values() if each)
    result, slopes = Result(), []
    earliest = min(map(partial(_beginning, first), stamps.values(), grids.values()))
    for key, each in stamps.items():
        grid = grids[key]
        start = earliest + grid.delay if common else each[0]
        late = _by_grid(each, start, grid.cycle) if common else _by_number(each, start, grid.cycle)
        inside = [(stamp, number, by) for stamp, (number, by) in zip(each, late, strict=True) if begin <= stamp < end]
        for stamp, _, by in inside:
            result.by_second.setdefault((stamp - first) // 1_000_000_000, []).append(by)
        due = inside[-1][1] - inside[0][1] + 1 if common else (end - begin) // grid.cycle
        result.frames += len(inside)
        result.lost += max(0, due - len(inside))
        quarter = max(1, len(inside) // 4)
        rise = min(by for *_, by in inside[-quarter:]) - min(by for *_, by in inside[:quarter])
        slopes.append(rise / ((end - begin) * 0.75) * 1e6)
    result.drift_ppm = statistics.median(slopes)
    for (before, taken), (after, now_taken) in pairwise(steal):
        second = ((before + after) // 2 - first) // 1_000_000_000
        result.steal[second] = result.steal.get(second, 0.0) + now_taken - taken
    return result


def _beginning(first: int, stamps: Sequence[int], grid: Grid) -> int:
    """Where the grid of all messages begins by the most punctual frame of this one; near ``first``."""
    half = grid.cycle // 2
    return first + min((stamp - first - grid.delay + half) % grid.cycle - half for stamp in stamps)


def _by_grid(stamps: Sequence[int], start: int, cycle: int) -> Iterator[tuple[int, int]]:
    """The cycle to which each frame belongs, the latest that was due but none twice, and how late it was in it, ns."""
    number = -1
    for stamp in stamps:
        number = max(number + 1, (stamp - start) // cycle)
        yield number, stamp - start - number * cycle


def _by_number(stamps: Sequence[int], start: int, cycle: int) -> Iterator[tuple[int, int]]:
    for number, stamp in enumerate(stamps):
        yield number, stamp - start - number * cycle


def percentile(values: Sequence[int], percent: float) -> float:
    """In ms."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] / 1e6 if ordered else 0.0
