"""The body network with its ECUs for tests: everything else is played through the rest-bus."""

from __future__ import annotations

from functools import cache
from itertools import pairwise
from pathlib import Path

from harness import Duration, ms, s
from harness.bench import Bench, Blueprint
from harness.ecu import Ecu

BENCH_FILE = Path(__file__).parent / "body.toml"
PHASES = (0 * ms, 3.7 * ms, 11.3 * ms, 18.9 * ms, 41.1 * ms)
"""Delays before a stimulus: phases of the 10, 20, 50 and 100 ms cycles."""


@cache
def blueprint() -> Blueprint:
    """The bench file, read once."""
    return Blueprint.load(BENCH_FILE)


def car(**models: type[Ecu]) -> Bench:
    """A car with the key off whose networks have just come up. models: other classes than the bench file's."""
    bench = Bench(blueprint(), models=models)
    bench.wait(200 * ms)
    return bench


def switched_on(bench: Bench) -> Bench:
    """The car with the key on and the lamp check over."""
    bench.set("KeyPosition", "On")
    bench.wait_until(bench.signal("LampTest") == "Active", timeout=200 * ms)
    bench.wait_until(bench.signal("LampTest") == "Inactive", timeout=3 * s)
    return bench


def edges(bench: Bench, signal: str, to: str, since: int = 0) -> list[int]:
    """Ends of the frames, ns, in which a signal became ``to``, from ``since`` on."""
    samples = bench.signal(signal).history
    return [
        after.time for before, after in pairwise(samples)
        if after.time >= since and after.text == to != before.text
    ]  # fmt: skip


def periods(times: list[int]) -> list[Duration]:
    """Times between neighbours."""
    return [Duration(after - before) for before, after in pairwise(times)]
