"""What a test reads from the samples that a signal has left behind."""

from __future__ import annotations

from itertools import pairwise

from harness import Bench, Duration, Inconclusive, Stimulus


def times_of(bench: Bench, signal: str, label: str, since: Duration) -> list[Duration]:
    """When a signal took the value ``label``, from ``since`` on (times count since the world began)."""
    samples = bench.signal(signal).history
    return [
        Duration(after.time)
        for before, after in pairwise(samples)
        if after.text == label != before.text and after.time >= since
    ]


def require_shorter(first: Stimulus | None, last: Stimulus | None, limit: Duration) -> None:
    """End the test inconclusive when from one stimulus to another it took ``limit`` or longer.

    In virtual time that cannot happen. A real bench may be too slow for a stimulus that has to be short.
    """
    assert first is not None and last is not None and first.delivered is not None and last.delivered is not None
    lasted = Duration(last.delivered - first.delivered)
    if lasted >= limit:
        raise Inconclusive(f"{first.title}: lasted {lasted} instead of less than {limit}, as this bench is too slow")


def intervals(times: list[Duration]) -> list[Duration]:
    """Time from each instant to the next."""
    return [after - before for before, after in pairwise(times)]
