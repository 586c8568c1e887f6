"""The plant as a test sees it."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from harness.bench.signal import value_text
from harness.plant import Plant
from harness.units import Quantity

if TYPE_CHECKING:
    from harness.bench.bench import Bench


class BenchPlant:
    """The plant as a test sees it: reading a role gives its number, setting one is a stimulus."""

    def __init__(self, bench: Bench, plant: Plant) -> None:
        self._bench = bench
        self._plant = plant

    def __getitem__(self, role: str) -> float:
        self._plant.role(role)
        self._bench.world.acts(f"plant {role}")
        return self._plant[role]

    def __setitem__(self, role: str, value: float | Quantity) -> None:
        unit = self._plant.role(role).unit
        self._bench.world.acts(f"set plant {role}")
        number = self._plant.checked(role, value)
        self._bench.world.loop.call(partial(self._plant.__setitem__, role, number))
        self._bench.stimulated(f"set plant {role} = {value_text(self._plant[role], unit)}", (), kind="plant")
