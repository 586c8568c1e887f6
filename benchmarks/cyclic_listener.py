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
from itertools import pairwise
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import msgpack  # type: ignore[import-untyped]

from harness.restbus.schedule import MOST_LATE
from harness.wall import clock_ns

GROUP = "239.74.163.61"
"""Multicast group of the scenes over ``udp_multicast``."""
SETTLE_S = 0.5
"""Left out at the beginning of every scene."""
LOOK_S = 0.01
SAMPLE_S = 0.25
CLOCKS_NS = 200_000
"""How far the two clocks may seem apart, ns."""
_SO_TIMESTAMPNS, _SO_RXQ_OVFL = 35, 40


class Sample(NamedTuple):
    """Both clocks in one instant, ns, and the processor ticks that the host has taken away so far."""

    real: int
    monotonic: int
    stolen: int


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was heard: (stamp, identifier) of all frames, stamps by the real-time clock, ns; samples over the run.

    missed: frames that the listener itself had no room for.
    """

    seen: list[tuple[int, int]]
    samples: list[Sample]
    missed: int

    def monotonic(self) -> Iterator[tuple[int, int]]:
        """The same with stamps by the monotonic clock, which the schedule follows."""
        samples = iter(self.samples)
        sample = next(samples)
        for stamp, key in self.seen:
            while stamp > sample.real + SAMPLE_S * 1e9 and (later := next(samples, None)) is not None:
                sample = later
            yield stamp - sample.real + sample.monotonic, key


@dataclass(slots=True)
class Result:
    """Deviations from the grid, ns, and lost frames, by second of the run (of a peer all in second 0); drift.

    steal: processor ticks that the host took away, by second.
    """

    by_second: dict[int, list[int]] = field(default_factory=dict)
    lost: dict[int, int] = field(default_factory=dict)
    frames: int = 0
    missed: int = 0
    drift_ppm: float = 0.0
    steal: dict[int, float] = field(default_factory=dict)

    def lose(self, second: int, frames: int) -> None:
        """So many frames are missing."""
        if frames:
            self.lost[second] = self.lost.get(second, 0) + frames

    @property
    def quiet_seconds(self) -> list[int]:
        """The half of the seconds in which the host took the least away."""
        seconds = sorted(self.by_second, key=lambda second: self.steal.get(second, 0.0))
        return seconds[: (len(seconds) + 1) // 2]

    def quiet(self) -> list[int]:
        """Deviations in these seconds."""
        return [each for second in self.quiet_seconds for each in self.by_second[second]]

    def all(self) -> list[int]:
        """All deviations."""
        return [each for second in self.by_second.values() for each in second]


def listen(port: int, pipe: Connection) -> None:
    """Record all frames at a port until told to end, and send the :class:`Recorded` back."""
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
    samples = [_sample()]
    missed, ended = 0, threading.Event()

    def watch() -> None:
        while not ended.wait(SAMPLE_S):
            samples.append(_sample())

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
                    missed = struct.unpack("@I", content)[0]
            key = int.from_bytes(data[:4], "big") if len(data) <= 68 else msgpack.unpackb(data)["arbitration_id"]
            seen.append((stamp, key))
    ended.set()
    watcher.join()
    pipe.send(Recorded(seen, samples, missed))


def _sample() -> Sample:
    return Sample(time.time_ns(), clock_ns(), stolen())


def stolen() -> int:
    """Ticks that the host took from all processors so far; 0 where nobody says."""
    try:
        return int(Path("/proc/stat").read_text().split("\n", 1)[0].split()[8])
    except (OSError, IndexError):
        return 0


# -- judging ----------------------------------------------------------------------------------------------------------


def judge(heard: Recorded, cycles: Mapping[int, int], beginnings: Mapping[int, int] | None) -> Result:
    """Deviations of all frames from their grids; the first :data:`SETTLE_S` s are left out.

    cycles, beginnings: cycle time, ns, and when the first frame was due, clock_ns, by identifier. beginnings None: with
    the first frame itself, and every frame stands for the next cycle; else a cycle may be left out.
    """
    stamps: dict[int, list[int]] = {key: [] for key in cycles}
    for stamp, key in heard.monotonic():
        if key in stamps:
            stamps[key].append(stamp)
    first = min(each[0] for each in stamps.values() if each)
    begin, end = first + round(SETTLE_S * 1e9), max(each[-1] for each in stamps.values() if each)
    result, slopes = Result(missed=heard.missed), []
    for key, each in stamps.items():
        cycle = cycles[key]
        late = _by_number(each, cycle) if beginnings is None else _by_grid(each, beginnings[key], cycle)
        inside = [(stamp, number, by) for stamp, (number, by) in zip(each, late, strict=True) if begin <= stamp < end]
        for stamp, _, by in inside:
            result.by_second.setdefault((stamp - first) // 1_000_000_000, []).append(by)
        result.frames += len(inside)
        if beginnings is None:
            result.lose(0, max(0, (end - begin) // cycle - len(inside)))
        for (_, before, _), (stamp, number, _) in pairwise(inside):
            result.lose((stamp - first) // 1_000_000_000, number - before - 1)
        quarter = max(1, len(inside) // 4)
        rise = min(by for *_, by in inside[-quarter:]) - min(by for *_, by in inside[:quarter])
        slopes.append(rise / ((end - begin) * 0.75) * 1e6)
    result.drift_ppm = statistics.median(slopes)
    for earlier, later in pairwise(heard.samples):
        second = ((earlier.monotonic + later.monotonic) // 2 - first) // 1_000_000_000
        result.steal[second] = result.steal.get(second, 0.0) + later.stolen - earlier.stolen
    return result


def _by_grid(stamps: Sequence[int], beginning: int, cycle: int) -> Iterator[tuple[int, int]]:
    """The cycle to which each frame belongs, and how late it was in it, ns.

    That is the next one, unless the frame comes so late that the harness has left some out: then the oldest that it
    does not leave out.
    """
    number = -1
    for stamp in stamps:
        number = max(number + 1, (stamp + CLOCKS_NS - beginning) // cycle - MOST_LATE)
        yield number, stamp - beginning - number * cycle


def _by_number(stamps: Sequence[int], cycle: int) -> Iterator[tuple[int, int]]:
    for number, stamp in enumerate(stamps):
        yield number, stamp - stamps[0] - number * cycle


def percentile(values: Sequence[int], percent: float) -> float:
    """In ms."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))] / 1e6 if ordered else 0.0
