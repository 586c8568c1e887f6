"""What a test reads from the samples that a signal has left behind."""

from __future__ import annotations

from itertools import pairwise

from harness import Bench, Duration


def times_of(bench: Bench, signal: str, label: str, since: Duration) -> list[Duration]:
    """When a signal took the value ``label``, from ``since`` on (times count since the world began)."""
    samples = bench.signal(signal).history
    return [
        Duration(after.time)
        for before, after in pairwise(samples)
        if after.text == label != before.text and after.time >= since
    ]


def intervals(times: list[Duration]) -> list[Duration]:
    """Time from each instant to the next."""
    return [after - before for before, after in pairwise(times)]
