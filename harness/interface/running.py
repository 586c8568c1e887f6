"""Buses that run in this process, for as long as somebody is connected to them.

python-can names a bus by strings, so two instances of one program find each other by name, and something has to know
the names. That is the one table of a whole process in the harness; nothing else reads it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import TypeVar

from can import CanInitializationError

from harness.bus.simulated import SimBus
from harness.errors import HarnessError
from harness.wall import WallLoop

Made = TypeVar("Made")

Key = tuple[str, str]
"""Bench file ("" for a bus without a vehicle) and channel; a vehicle is one for all its channels."""


@dataclass(eq=False, slots=True)
class Running:
    """A loop on the wall clock with its buses. epoch_ns: its time 0 as Unix time, ns. users: connected instances."""

    loop: WallLoop
    buses: dict[str, SimBus]
    epoch_ns: int
    users: int = 0
    connected: int = 0

    def name(self) -> str:
        """A name for the next node that joins."""
        self.connected += 1
        return f"python-can {self.connected}"


_LOCK = Lock()
_RUNNING: dict[Key, Running] = {}


def join(bench: str, channel: str, bitrate: int, data_bitrate: int | None) -> tuple[Running, SimBus]:
    """The bus of that name; made, and its time started, when it is the first to ask.

    bench: path of a bench file, whose whole vehicle is then simulated; "" for a bus with nobody else on it. bitrate,
    data_bitrate: of a bus without a vehicle, bit/s. Raises ``can.CanInitializationError`` for another bit rate than
    the bus already has, and for a bench file or channel that does not exist.
    """
    with _LOCK:
        key = _key(bench, channel)
        running = _RUNNING.get(key)
        if running is None:
            running = _RUNNING[key] = _vehicle(bench) if bench else _bus(channel, bitrate, data_bitrate)
        bus = running.buses.get(channel)
        if bus is None:
            _drop(key, running)
            known = ", ".join(running.buses)
            raise CanInitializationError(f"bench {bench} has no channel {channel!r}; it has {known}")
        if not bench and (bus.bitrate, bus.data_bitrate) != (bitrate, data_bitrate):
            raise CanInitializationError(
                f"channel {channel!r} runs at {bus.bitrate} bit/s, data phase {bus.data_bitrate or 'none'}; "
                f"not at {bitrate} and {data_bitrate or 'none'}: every node of a bus needs the same bit rates"
            )
        running.users += 1
        return running, bus


def leave(bench: str, channel: str) -> None:
    """An instance is done; the last one stops the bus."""
    with _LOCK:
        key = _key(bench, channel)
        running = _RUNNING[key]
        running.users -= 1
        _drop(key, running)


def names() -> list[str]:
    """The channels without a vehicle that run."""
    with _LOCK:
        return [channel for bench, channel in _RUNNING if not bench]


def _key(bench: str, channel: str) -> Key:
    return (str(Path(bench).resolve()), "") if bench else ("", channel)


def _drop(key: Key, running: Running) -> None:
    if running.users == 0:
        del _RUNNING[key]
        running.loop.close()


def _started(loop: WallLoop, buses: dict[str, SimBus]) -> Running:
    loop.start()
    return Running(loop, buses, time.time_ns() - loop.elapsed)


def _bus(channel: str, bitrate: int, data_bitrate: int | None) -> Running:
    loop = WallLoop()
    return _started(loop, {channel: _made(lambda: SimBus(loop, channel, bitrate=bitrate, data_bitrate=data_bitrate))})


def _vehicle(path: str) -> Running:
    from harness.bench import Blueprint
    from harness.bench.file import Policy
    from harness.bench.world import World

    loop = WallLoop()
    world = _made(lambda: World(Blueprint.load(path), 0, {}, None, loop=loop))
    # A program that joins may send what no database knows: diagnostics, say. Nobody asked us to judge that.
    world.incidents.policy = Policy.ignoring()
    return _started(loop, {name: channel.bus for name, channel in world.channels.items()})


def _made(make: Callable[[], Made]) -> Made:
    try:
        return make()
    except HarnessError as error:
        raise CanInitializationError(str(error)) from error
