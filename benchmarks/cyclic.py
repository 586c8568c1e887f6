"""Cyclic frames on the wall clock while the test computes: how late, how many lost; python-can's send_periodic beside.

Run ``python -m benchmarks.cyclic`` (60 s per scene, or ``--seconds``; ``--quick`` for 8). Every scene is a process of
its own that computes in pure Python and changes payloads while 50 or 200 messages of 10 ms go out, a system call per
frame: through an interface that does nothing but that (:mod:`benchmarks.datagram_bus`), or over ``udp_multicast``,
which gives every frame back. Another process listens; the kernel stamps the frames while they are sent.

Every deviation from the absolute grid counts, and is given for the whole run and for the half of its seconds in which
the host took the least time away (steal in ``/proc/stat``). The grid begins when the channel process says that the
first frame was due, and goes on by the kernel's clock. send_periodic knows none, so there it begins with the first
frame itself, and every frame stands for the next cycle.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import can

from benchmarks import datagram_bus
from benchmarks.cyclic_listener import GROUP, Recorded, Result, judge, listen, percentile
from harness.adapter.client import Adapter, Batch
from harness.adapter.items import Sent
from harness.adapter.spec import AdapterSpec
from harness.adapter.statistics import Statistics
from harness.bench import Blueprint
from harness.loop import Loop, Owner
from harness.protection import ProtectionSpec
from harness.restbus import MessagePlan, SendType
from harness.signals.definitions import MessageDef, SignalDef
from harness.wall import clock_ns

MS = 1_000_000
CYCLE_NS = 10 * MS
FIRST_PORT = 43_600
UPDATES_EVERY_S = 0.004
"""So often the test changes a payload."""
ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True)
class Scene:
    """One measurement.

    peer: python-can's send_periodic instead of ours. vehicle: the reference vehicle's messages. multicast: over
    ``udp_multicast``.
    """

    title: str
    messages: int
    spread: bool = False
    peer: bool = False
    vehicle: bool = False
    multicast: bool = False

    @property
    def interface(self) -> str:
        """python-can's name of what is sent through."""
        return "udp_multicast" if self.multicast else datagram_bus.NAME

    def where(self, port: int) -> tuple[object, dict[str, Any]]:
        """python-can's channel, and its options."""
        return (GROUP, {"port": port}) if self.multicast else (port, {})


@dataclass(slots=True)
class Cost:
    """What a scene took: processor seconds per second of the channel process (or of the peer's whole process)."""

    share: float = 0.0
    threads: int = 0
    processes: int = 0
    own: Statistics | None = None
    scheduling: str = ""
    beginnings: dict[int, int] = field(default_factory=dict)
    """When the first frame of each identifier was due, clock_ns, on the channel that is listened to."""
    updates: float = 0.0


# -- what is sent -----------------------------------------------------------------------------------------------------


def plans(count: int, spread: bool) -> list[MessagePlan]:
    """Messages of 10 ms with a value of four bytes, an alive counter and a CRC-8 (AUTOSAR profile 11)."""
    made = []
    for index in range(count):
        name = f"Message{index}"
        signals = (
            SignalDef("Crc", name, start=0, length=8),
            SignalDef("Counter", name, start=8, length=4),
            SignalDef("Value", name, start=16, length=32),
        )
        message = MessageDef(name, 0x100 + index, 8, signals, cycle_time_ns=CYCLE_NS)
        protection = ProtectionSpec("P11", message.id, None, "Counter", "Crc")
        delay = index * CYCLE_NS // count if spread else 0
        made.append(
            MessagePlan(message, CYCLE_NS, send_type=SendType.CYCLIC, start_delay_ns=delay, protection=protection)
        )
    return made


def vehicle() -> dict[str, dict[str, tuple[MessagePlan, ...]]]:
    """All messages of the reference vehicle by channel and node."""
    blueprint = Blueprint.load(ROOT / "benches" / "virtual.toml")
    return {channel.name: dict(channel.plans) for channel in blueprint.channels}


# -- the test's process -----------------------------------------------------------------------------------------------


def compute(end: float, update: Callable[[int], object]) -> float:
    """Pure Python until ``end`` (monotonic), with changes in between; returns changes per second."""
    value = updates = 0
    begin = now = time.monotonic()
    due = begin
    while now < end:
        for _ in range(500):
            value = (value * 1103515245 + 12345) & 0xFFFF_FFFF
        now = time.monotonic()
        if now >= due:
            due = now + UPDATES_EVERY_S
            update(value)
            updates += 1
    return updates / (now - begin)


def ours(scene: Scene, port: int, seconds: float) -> Cost:
    """The harness: a channel process per channel."""
    by_channel = vehicle() if scene.vehicle else {"can": {"ECU": tuple(plans(scene.messages, scene.spread))}}
    adapters = []
    for number, (channel, nodes) in enumerate(by_channel.items()):
        where, options = scene.where(port + number)
        data_bitrate = 2_000_000 if scene.multicast else None
        spec = AdapterSpec(channel, scene.interface, str(where), 500_000, data_bitrate, options)
        adapters.append(Adapter(spec, nodes))
    messages = []
    firsts: list[dict[int, Sent]] = []
    for adapter, nodes in zip(adapters, by_channel.values(), strict=True):
        adapter.open()
        first: dict[int, Sent] = {}
        firsts.append(first)
        adapter.begin(clock_ns(), partial(_keep_first, first))
        for node in nodes:
            transmitter = adapter.transmitter(node, Loop(), Owner(node))
            transmitter.start()
            messages += [each for each in transmitter.messages if each.plan.message.signals]
    picker = random.Random(0)

    def update(value: int) -> None:
        message = picker.choice(messages)
        signal = next(iter(message.values))
        low, high = message.plan.message.signal(signal).physical_range
        message.update({signal: low + value % 100 / 100 * (high - low)})

    pids = [adapter.pid for adapter in adapters if adapter.pid is not None]
    before = [processor_s(pid) for pid in pids]
    begin = time.monotonic()
    updates = compute(begin + seconds, update)
    spent = sum(processor_s(pid) - at for pid, at in zip(pids, before, strict=True))
    cost = Cost(
        share=spent / (time.monotonic() - begin),
        threads=threading.active_count() + sum(threads_of(pid) for pid in pids),
        processes=1 + len(pids),
        own=adapters[0].statistics(),
        scheduling=adapters[0].scheduling,
        beginnings={key: sent.time - sent.late_ns for key, sent in firsts[0].items()},
        updates=updates,
    )
    for adapter in adapters:
        adapter.end()
        adapter.close()
    return cost


def _keep_first(first: dict[int, Sent], batch: Batch) -> None:
    for item in batch.items:
        if isinstance(item, Sent):
            first.setdefault(item.frame.id, item)


def theirs(scene: Scene, port: int, seconds: float) -> Cost:
    """python-can's send_periodic: a thread per message in the test's own process; nothing is protected."""
    with datagram_bus.DatagramBus(port) as bus:
        tasks: list[Any] = []
        for index in range(scene.messages):
            message = can.Message(arbitration_id=0x100 + index, is_extended_id=False, data=bytes(8))
            tasks.append(bus.send_periodic(message, CYCLE_NS / 1e9))
        picker = random.Random(0)

        def update(value: int) -> None:
            index = picker.randrange(len(tasks))
            data = b"\0\0" + value.to_bytes(4, "little") + b"\0\0"
            tasks[index].modify_data(can.Message(arbitration_id=0x100 + index, is_extended_id=False, data=data[:8]))

        before = time.process_time()
        begin = time.monotonic()
        updates = compute(begin + seconds, update)
        share = (time.process_time() - before) / (time.monotonic() - begin)
        cost = Cost(share, threading.active_count(), 1, updates=updates)
        bus.stop_all_periodic_tasks()
        for task in tasks:
            task.thread.join()
    return cost


def processor_s(pid: int) -> float:
    """Processor time of a process so far, s; 0 where there is no ``/proc``."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def threads_of(pid: int) -> int:
    """Threads of a process; 0 where there is no ``/proc``."""
    try:
        return len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return 0


# -- running ----------------------------------------------------------------------------------------------------------


def _play(scene: Scene, port: int, seconds: float, pipe: Connection) -> None:
    with datagram_bus.installed():
        pipe.send((theirs if scene.peer else ours)(scene, port, seconds))


def measure(scene: Scene, port: int, seconds: float) -> tuple[Result, Cost]:
    """Play a scene in a fresh process, with a listener beside it."""
    context = multiprocessing.get_context("spawn")
    ear, ear_end = context.Pipe()
    voice, voice_end = context.Pipe()
    listener = context.Process(target=listen, args=(port, ear_end), daemon=True)
    player = context.Process(target=_play, args=(scene, port, seconds, voice_end))
    listener.start()
    ear.recv()
    player.start()
    voice_end.close()  # so that a player that breaks is noticed
    cost: Cost = voice.recv()
    player.join()
    ear.send("end")
    heard: Recorded = ear.recv()
    listener.join()
    nodes = next(iter(vehicle().values())) if scene.vehicle else {"ECU": tuple(plans(scene.messages, scene.spread))}
    cycles = {
        plan.message.id: plan.cycle_ns
        for each in nodes.values()
        for plan in each
        if plan.cycle_ns and plan.send_type == SendType.CYCLIC
    }
    result = judge(heard, cycles, None if scene.peer else cost.beginnings)
    return result, cost


SCENES = (
    Scene("50 messages, all due at once", 50),
    Scene("50 messages, spread phases", 50, spread=True),
    Scene("50 messages, send_periodic", 50, peer=True),
    Scene("200 messages, all due at once", 200),
    Scene("200 messages, spread phases", 200, spread=True),
    Scene("200 messages, send_periodic", 200, peer=True),
    Scene("50 messages, spread phases, udp_multicast", 50, spread=True, multicast=True),
    Scene("the reference vehicle's messages, two channels, udp_multicast", 0, vehicle=True, multicast=True),
)


def rows_of(scene: Scene, result: Result, cost: Cost, limit: str) -> list[tuple[str, str, str]]:
    """Rows of (figure, measured, target)."""
    quiet, every, lost = result.quiet(), result.all(), sum(result.lost.values())
    rows = [
        (f"cyclic, {scene.title}: p99 late, quiet seconds, ms", f"{percentile(quiet, 99):.2f}", limit),
        ("  p99 / max of the whole run, ms", f"{percentile(every, 99):.2f} / {percentile(every, 100):.2f}", ""),
        ("  frames lost, of all", f"{lost} of {result.frames + lost}", ""),
        ("  drift, ppm", f"{result.drift_ppm:.2f}", ""),
        ("  processor time, threads, processes", f"{cost.share:.1%}, {cost.threads}, {cost.processes}", ""),
        ("  changes of payloads per second", f"{cost.updates:.0f}", ""),
    ]
    if not scene.peer:
        in_quiet = sum(result.lost.get(second, 0) for second in result.quiet_seconds)
        rows.insert(2, ("  frames lost in the quiet seconds", str(in_quiet), "0"))
    steal = [result.steal.get(second, 0.0) for second in sorted(result.by_second)]
    rows.append(("  ticks stolen per second: quiet half, worst", f"{max_of_quiet(result):.0f}, {max(steal):.0f}", ""))
    if cost.own is not None:
        rows.append(("  by the harness' own account (first channel)", str(cost.own.total), ""))
        rows.append(("  scheduling of the channel process", cost.scheduling, ""))
    if result.missed:
        rows.append(("  frames that this benchmark's listener missed", str(result.missed), "0"))
    return rows


def max_of_quiet(result: Result) -> float:
    """The most that the host took away in one of the quiet seconds, ticks."""
    return max(result.steal.get(second, 0.0) for second in result.quiet_seconds)


def run(quick: bool, seconds: float | None = None, only: str = "") -> Iterator[tuple[str, str, str]]:
    """Rows of (figure, measured, target), as they come."""
    seconds = seconds or (8.0 if quick else 60.0)
    quiet: dict[tuple[int, bool], float] = {}
    for number, scene in enumerate(scene for scene in SCENES if only in scene.title):
        result, cost = measure(scene, FIRST_PORT + 4 * number, seconds)
        limit = "" if scene.peer else {50: "<= 1.5", 200: "<= 3"}.get(scene.messages, "<= 1.5")
        yield from rows_of(scene, result, cost, limit)
        late = percentile(result.quiet(), 99)
        quiet[scene.messages, scene.peer] = max(late, quiet.get((scene.messages, scene.peer), 0.0))
        if scene.peer and (scene.messages, False) in quiet:
            part = quiet[scene.messages, False] / late
            yield f"cyclic, {scene.messages} messages: p99 of ours / send_periodic's", f"{part:.3f}", "<= 0.2"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="8 s per scene")
    parser.add_argument("--seconds", type=float, default=None, help="length of each scene (default: 60)")
    parser.add_argument("--only", default="", help="scenes whose title contains this")
    options = parser.parse_args()
    if sys.platform != "linux":
        raise SystemExit("the listener needs the stamps of Linux' kernel")
    for figure, measured, target in run(options.quick, options.seconds, options.only):
        print(f"{figure:65} {measured:>20}   {target}", flush=True)


if __name__ == "__main__":
    main()
