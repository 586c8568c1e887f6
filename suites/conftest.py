"""Fixtures that all suites share."""

from __future__ import annotations

import pytest

from harness import Duration, ms

PHASES = (0 * ms, 2.1 * ms, 4.3 * ms, 6.7 * ms, 9.9 * ms, 13.2 * ms, 18.6 * ms)


@pytest.fixture(params=PHASES, ids=str)
def phase(request: pytest.FixtureRequest) -> Duration:
    """A delay before the stimulus: a test that takes it runs at seven phases of the 10 ms and 20 ms cycles.

    Time limits hold for every phase, so ``bench.wait(phase)`` goes before the stimulus of every deadline.
    """
    delay: Duration = request.param
    return delay
