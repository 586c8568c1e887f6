"""Formulas that watch: what a frame costs.

Run ``python -m benchmarks.online_temporal``. The brake-lamp property watches a minute of traffic: the pedal every
10 ms, the lamp every 20 ms and at once when it changes, both with a rolling counter, the pedal pressed twice a second.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from pathlib import Path

from harness.frames import Frame, Received
from harness.loop import Loop
from harness.signals.database import Database
from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.network import Network
from harness.temporal.online import FormulaMonitor
from harness.temporal.operators import always, eventually
from harness.units import ms

MS = 1_000_000
OFF_ON = {0: "Off", 1: "On"}
PEDALS = MessageDef(
    "Pedals",
    0x100,
    2,
    (SignalDef("BrakePedal", "Pedals", 0, 8, scale=0.4, unit="%"), SignalDef("Counter", "Pedals", 8, 4)),
    cycle_time_ns=10 * MS,
)
LAMPS = MessageDef(
    "Lamps",
    0x140,
    2,
    (SignalDef("BrakeLamp", "Lamps", 0, 1, choices=OFF_ON), SignalDef("LampCounter", "Lamps", 8, 4)),
    cycle_time_ns=20 * MS,
)


def run(quick: bool) -> list[tuple[str, str, str]]:
    """Rows of (figure, measured, target)."""
    seconds = 10 if quick else 60
    rows = []
    for what, moving in (("pressed twice a second", False), ("moving at every frame", True)):
        frames = _traffic(seconds, moving)
        best = min(_watch(frames) for _ in range(3))
        rows.append((f"brake lamp watched, pedal {what}, µs per frame", f"{best / len(frames) / 1e3:.2f}", "a few"))
    others = [Received(each.time, "body", Frame(0x200, each.frame.data)) for each in frames]
    best = min(_watch(others) for _ in range(3))
    rows.append(("the same, a frame of another message, µs", f"{best / len(others) / 1e3:.2f}", "nearly nothing"))
    return rows


def _traffic(seconds: int, moving: bool) -> list[Received]:
    rng = random.Random(1)
    frames = []
    lamp_at, lamp = 0, 0
    for cycle in range(seconds * 100):
        now = cycle * 10 * MS
        pressed = cycle // 25 % 2
        pedal = rng.randrange(20, 200) if moving and pressed else rng.randrange(5) if moving else 100 * pressed
        frames.append(Received(now, "body", Frame(0x100, bytes((pedal, cycle % 15)))))
        if pressed != lamp and now >= lamp_at:
            lamp, lamp_at = pressed, now + 30 * MS
        if cycle % 2:
            frames.append(Received(now + 3 * MS, "body", Frame(0x140, bytes((lamp, cycle % 15)))))
    return frames


def _watch(frames: list[Received]) -> int:
    network = Network("body", [Database(Path("car.dbc"), "", (), (PEDALS, LAMPS))], Loop())
    pedal, lamp = network.signal("BrakePedal"), network.signal("BrakeLamp")
    monitor = FormulaMonitor("brake lamp", always((pedal > 3) >> eventually(lamp == "On", within=80 * ms)))
    return _driven(monitor, frames, time.process_time_ns)


def _driven(monitor: FormulaMonitor, frames: list[Received], clock: Callable[[], int]) -> int:
    wanted = monitor.wants("body") or ()
    monitor.begin(0)
    began = clock()
    for rx in frames:
        if rx.frame.id in wanted:
            due = monitor.due
            if due is not None and due < rx.time:
                monitor.advance(due)
            monitor.receive(rx)
            if monitor.due == rx.time:
                monitor.advance(rx.time)
    spent = clock() - began
    outcome = monitor.finish(frames[-1].time + 1)[0]
    assert not outcome.count, outcome.violations[0]
    return spent


if __name__ == "__main__":
    for row in run(quick=False):
        print(*row)
