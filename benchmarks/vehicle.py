"""The reference vehicle: how fast it drives in virtual time, what each layer costs, and what a fresh world costs.

Run ``python -m benchmarks.vehicle`` (``--quick`` for a sample).
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import pstats
import statistics
import subprocess
import sys
import time
from pathlib import Path

from harness.bench import Bench, Blueprint
from harness.units import Duration, ms, s

ROOT = Path(__file__).parent.parent
BENCH = ROOT / "benches" / "virtual.toml"

_LAYERS = (
    ("bus", "harness/bus/"),
    ("rest-bus", "harness/restbus/"),
    ("protection", "harness/protection"),
    ("ECU base", "harness/ecu/"),
    ("ECU models", "simulators/"),
    ("recording, guard, signals", "harness/signals/"),
    ("recording, guard, signals", "harness/bench/"),
    ("loop", "harness/loop"),
)

_COLD = """
import time
start = time.perf_counter()
from harness.bench import Bench, Blueprint
imported = time.perf_counter()
with Bench(Blueprint.load({bench!r})) as bench:
    pass
print(imported - start, time.perf_counter() - imported)
"""


def run(quick: bool) -> list[tuple[str, str, str]]:
    """Rows of (figure, measured, target)."""
    blueprint = Blueprint.load(BENCH)
    span = (5 if quick else 30) * s
    rows = []
    speeds, frames = [], 0
    for _ in range(2 if quick else 3):
        bench = driving(blueprint)
        before = sum(len(channel.network.trace) for channel in bench.world.channels.values())
        start = time.process_time()
        bench.wait(span)
        elapsed = time.process_time() - start
        frames = sum(len(channel.network.trace) for channel in bench.world.channels.values()) - before
        speeds.append(span / 1e9 / elapsed)
    rows.append(("vehicle driving, all models, both buses, times real time", f"{max(speeds):.1f}", ">= 20"))
    rows.append(("  frames per second of vehicle time", f"{frames / (span / 1e9):.0f}", ""))
    rows += [(f"  share of {layer}", f"{share:.0%}", "") for layer, share in _shares(blueprint, span)]
    rows.append(("fresh world, warm, ms (median)", f"{_warm(blueprint, 20 if quick else 100):.2f}", "< 2"))
    imports, cold = _cold()
    rows.append(("fresh world, first in a process, ms", f"{cold:.0f}", "< 300"))
    rows.append(("  importing the harness before that, ms", f"{imports:.0f}", ""))
    return rows


def driving(blueprint: Blueprint) -> Bench:
    """The vehicle in Drive with the accelerator at 30 %."""
    bench = Bench(blueprint)
    bench.set("KeyPosition", "On")
    bench.wait_until(bench.signal("DriveState") == "Ready", timeout=3 * s)
    bench.set("BrakePedal", 20)
    bench.wait(100 * ms)
    bench.set("GearRequest", "D")
    bench.wait_until(bench.signal("DriveState") == "Drive", timeout=1 * s)
    bench.set({"BrakePedal": 0, "AcceleratorPedal": 30})
    bench.wait(500 * ms)
    return bench


def _shares(blueprint: Blueprint, span: Duration) -> list[tuple[str, float]]:
    """Self time by layer, from a profile; C functions count for the layer that calls them."""
    bench = driving(blueprint)
    profile = cProfile.Profile()
    profile.runcall(bench.wait, Duration(span // 5))
    stats = pstats.Stats(profile)
    spent: dict[str, float] = {}
    for (file, _, name), (_, _, own, _, callers) in stats.stats.items():  # type: ignore[attr-defined]
        if file == "~":
            for (caller, _, _), (_, _, share, _) in callers.items():
                spent[_layer(caller)] = spent.get(_layer(caller), 0.0) + share
        else:
            spent[_layer(file, name)] = spent.get(_layer(file, name), 0.0) + own
    total = sum(spent.values())
    return sorted(((layer, own / total) for layer, own in spent.items()), key=lambda each: -each[1])


def _layer(file: str, name: str = "") -> str:
    return next((layer for layer, part in _LAYERS if part in file), "generated codecs, libraries")


def _warm(blueprint: Blueprint, count: int) -> float:
    times = []
    for _ in range(count):
        gc.collect()
        start = time.process_time()
        with Bench(blueprint):
            times.append(time.process_time() - start)
    return statistics.median(times) * 1e3


def _cold() -> tuple[float, float]:
    """Import time and first world, ms; the best of three processes."""
    found = []
    for _ in range(3):
        command = [sys.executable, "-c", _COLD.format(bench=str(BENCH))]
        printed = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout
        imports, cold = map(float, printed.split())
        found.append((imports * 1e3, cold * 1e3))
    return min(found, key=lambda pair: pair[1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter runs")
    for figure, measured, target in run(parser.parse_args().quick):
        print(f"{figure:65} {measured:>12}   {target}")


if __name__ == "__main__":
    main()
