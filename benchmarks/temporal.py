"""Temporal properties over columns against rtamt's discrete-time offline evaluation, on the same values.

Run ``python -m benchmarks temporal`` (``--quick`` for a tenth of the samples). rtamt needs Python below 3.13.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.loop import Loop
from harness.signals.column import SignalColumn
from harness.signals.database import Database
from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.network import Network
from harness.temporal.formula import Formula
from harness.temporal.offline import judge, robustness
from harness.temporal.operators import always, eventually
from harness.units import ms

CYCLE = 10_000_000
"""Time between two samples, ns."""

A = SignalDef("a", "Both", start=0, length=64, is_float=True)
B = SignalDef("b", "Both", start=64, length=64, is_float=True)
DATABASE = Database(Path("benchmark.dbc"), "", (), (MessageDef("Both", 1, 16, (A, B), cycle_time_ns=CYCLE),))


def run(quick: bool) -> list[tuple[str, str, str]]:
    """Rows of (figure, measured, target)."""
    count = 100_000 if quick else 1_000_000
    rng = np.random.default_rng(1)
    a, b = (np.cumsum(rng.normal(size=count)) for _ in range(2))
    rows = []
    for samples in (8, 50):
        network = Network("bench", [DATABASE], Loop())
        one, two = network.signal("a"), network.signal("b")
        formula = always((one > 1) >> eventually(two > 2, within=samples * 10 * ms))
        grid = np.arange(count) * CYCLE
        columns = {one.path: SignalColumn(A, grid, a, a), two.path: SignalColumn(B, grid, b, b)}
        end = int(grid[-1]) + CYCLE - 1
        ours, values = _best(lambda: robustness(formula, columns, 0, end, clip=True).lo, 7)  # noqa: B023
        judged, _ = _best(lambda: judge(formula, columns, 0, end), 5)  # noqa: B023
        name = f"always((a > x) >> eventually(b > y, {samples} samples)), {count:,} samples"
        rows.append((f"temporal: {name}: values, ms", f"{ours * 1e3:.0f}", ""))
        rows.append((f"temporal: {name}: verdict, ms", f"{judged * 1e3:.0f}", ""))
        theirs = _rtamt(samples, a, b)
        if theirs is None:
            rows.append(("temporal: rtamt is not installed", "", ""))
            continue
        seconds, reference = theirs
        if not np.allclose(values, reference, rtol=0, atol=1e-300):
            raise AssertionError("rtamt comes to other values")
        rows.append((f"temporal: {name}, times rtamt", f"{seconds / ours:.0f}", ">= 100"))
    _, jitter = _with_jitter(formula, columns, rng)
    rows.append(("temporal: the same with jitter in the time stamps, ms", f"{jitter * 1e3:.0f}", ""))
    return rows


def _with_jitter(formula: Formula, columns: dict[str, SignalColumn], rng: np.random.Generator) -> tuple[object, float]:
    """Time stamps of a real bus: no window ends where another begins."""
    count = len(next(iter(columns.values())))
    time_ns = np.arange(count) * CYCLE + rng.integers(0, CYCLE // 5, count)
    late = {path: SignalColumn(each.definition, time_ns, each.raw, each.value) for path, each in columns.items()}
    seconds, found = _best(lambda: robustness(formula, late, 0, int(time_ns[-1])), 5)
    return found, seconds


def _rtamt(samples: int, a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]] | None:
    """Seconds and values; None without rtamt."""
    try:
        import rtamt
    except ImportError:
        return None
    specification = rtamt.StlDiscreteTimeSpecification()
    specification.declare_var("a", "float")
    specification.declare_var("b", "float")
    specification.spec = f"always((a > 1.0) implies (eventually[0:{samples}] (b > 2.0)))"
    specification.parse()
    dataset = {"time": list(range(len(a))), "a": a.tolist(), "b": b.tolist()}
    seconds, found = _best(lambda: specification.evaluate(dataset), 1)
    return seconds, np.array([value for _, value in found])


def _best(work: Callable[[], object], turns: int) -> tuple[float, object]:
    """The shortest of several turns, s, and what came out of the last one."""
    shortest, found = float("inf"), None
    for _ in range(turns):
        gc.collect()
        started = time.perf_counter()
        found = work()
        shortest = min(shortest, time.perf_counter() - started)
    return shortest, found
