"""The plant of a bench with hardware: what makes a voltage there, and what the world does meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from harness.bench import Bench
from harness.units import ms


class Supply:
    """A supply that takes 20 ms for whatever it is asked, and notes whether the world stood still meanwhile."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.standing = 0
        self.stood: list[bool] = []

    @contextmanager
    def held(self) -> Iterator[None]:
        self.standing += 1
        yield
        self.standing -= 1

    def set_voltage(self, voltage: float) -> None:
        self.stood.append(bool(self.standing))
        self.bench.world.loop.run_until(self.bench.world.loop.now + 20 * ms)

    def voltage(self) -> float:
        self.stood.append(bool(self.standing))
        return 12.0


def test_the_world_goes_on_while_a_supply_is_spoken_to(lamp: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    supply = Supply(lamp)
    monkeypatch.setattr(lamp.world.loop, "held", supply.held)
    monkeypatch.setattr(lamp.plant, "_supply", lambda role: supply)
    lamp.wait(50 * ms)
    lamp.plant["temperature"] = 25
    assert lamp.plant["temperature"] == 12.0
    assert supply.stood == [False, False]
    assert lamp.latest is not None
    assert (lamp.latest.at, lamp.latest.delivered, lamp.now) == (50 * ms, 70 * ms, 70 * ms)
    assert lamp.latest.spread_ns == 20 * ms, "it took effect somewhere between call and confirmation"
