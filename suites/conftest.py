"""Fixtures that all suites share."""

from __future__ import annotations

import pytest

from harness import Bench, Duration, ms

PHASES = (0 * ms, 2.1 * ms, 4.3 * ms, 9.9 * ms, 16.7 * ms)
NODES = ("PEDAL", "VCU", "BMS", "INV", "ESP", "GW", "BCM", "IC", "HVAC", "SRS", "STALK", "DOORS", "KEY")


@pytest.fixture(params=PHASES, ids=str)
def phase(bench: Bench, request: pytest.FixtureRequest) -> Duration:
    """Run a test at five phases of the cycles: time limits hold for every one of them.

    The nodes of the bench start one after the other, ``phase`` apart, so that their cycles are shifted against each
    other. The test itself waits once more, ``bench.wait(phase)``, before the stimulus from which a limit counts.
    """
    delay: Duration = request.param
    for node in NODES:
        bench.wait(delay)
        bench.node(node).reset()
    return delay
