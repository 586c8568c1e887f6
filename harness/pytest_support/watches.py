"""What is watched in tests that did not ask for it in their own text: by the marker ``watch``, by ``--watch``."""

from __future__ import annotations

import pytest

from harness.bench.watching import Properties
from harness.monitors.contract import BusContract

CONTRACT = "contract"
"""The value of ``--watch`` that stands for the bus contract; any other is a file of properties."""


def watched_by_markers(item: pytest.Item) -> list[object]:
    """What the markers of a test, its class and its module want to be watched, the module's first."""
    marks = list(item.iter_markers("watch"))
    return [each for mark in reversed(marks) for each in mark.args]


def watched_by_options(config: pytest.Config) -> list[object]:
    """What ``--watch`` wants to be watched in every world of the run. Raises for a file that does not exist."""
    found: list[object] = []
    for value in config.getoption("--watch"):
        path = config.invocation_params.dir / value
        if value == CONTRACT:
            found.append(BusContract())
        elif path.is_file():
            found.append(Properties(path.resolve()))
        else:
            raise pytest.UsageError(f"--watch {value}: there is no such file, and only {CONTRACT!r} is no file")
    return found
