"""The plant as a test sees it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from harness.adapter.stimulation import Operation
from harness.bench.signal import value_text
from harness.bench.stimulus import Confirmed
from harness.errors import Blocked
from harness.plant import Plant
from harness.units import Quantity

if TYPE_CHECKING:
    from harness.bench.bench import Bench
    from harness.bench.served import Served
    from harness.bench.world import World
    from harness.instruments.roles import PowerSupply


class BenchPlant:
    """The plant as a test sees it: reading a role gives its number, setting one is a stimulus.

    Its filling is what this process simulates, the plant of a served vehicle, or for a voltage a power supply; a role
    without any blocks the test. While a supply is spoken to, the world goes on; a voltage that it makes took effect at
    some instant from the call to the supply's confirmation, 10 to 100 ms later.
    """

    def __init__(self, bench: Bench, plant: Plant) -> None:
        self._bench = bench
        self._plant = plant

    @property
    def world(self) -> World:
        """The plant's world."""
        return self._bench.world

    def __getitem__(self, role: str) -> float:
        self._plant.role(role)
        with self.world.loop.held():
            self.world.acts(f"plant {role}")
        supply = self._supply(role)
        if supply is not None:
            return supply.voltage()
        served = self._served(role)
        if served is not None:
            return served.ask(Operation.PLANT_READ, role)[0]
        with self.world.loop.held():
            return self._plant[role]

    def __setitem__(self, role: str, value: float | Quantity) -> None:
        unit = self._plant.role(role).unit
        with self.world.loop.held():
            self.world.acts(f"set plant {role}")
        number = self._plant.checked(role, value)
        supply = self._supply(role)
        served = self._served(role) if supply is None else None
        if supply is not None:
            called = self.world.loop.now
            supply.set_voltage(number)
            confirmed = self.world.loop.present
            self.world.loop.run_until(confirmed)
            title = f"set plant {role} = {value_text(number, unit)}"
            self._bench.stimulated(title, (Confirmed(confirmed),), kind="plant", at=called, gradual=True)
        elif served is None:
            with self.world.loop.held():
                self.world.loop.call(partial(self._plant.__setitem__, role, number))
                self._bench.stimulated(f"set plant {role} = {value_text(self._plant[role], unit)}", (), kind="plant")
        else:
            _, at = served.ask(Operation.PLANT, role, number)
            self._bench.stimulated(f"set plant {role} = {value_text(number, unit)}", (), kind="plant", at=at)

    def setter(self, role: str) -> Callable[[float | Quantity], object]:
        """What sets a role from a callback, which may not wait: a served vehicle that refuses stops the world.

        Raises :class:`~harness.errors.Blocked` where nothing that can be set at once makes it.
        """
        self._plant.role(role)
        self.world.acts(f"set plant {role}")
        served = self._served(role)
        if served is None:
            return partial(self._plant.__setitem__, role)
        return lambda value: served.tell(Operation.PLANT, role, self._plant.checked(role, value))

    def _supply(self, role: str) -> PowerSupply | None:
        """The power supply that makes this voltage; None where none does."""
        name = self.world.blueprint.file.plant_supplies.get(role)
        return None if name is None else self._bench.instruments.supply(name)

    def _served(self, role: str) -> Served | None:
        """The served vehicle whose plant it is; None where it is this process' own."""
        live = self.world.live
        if live is not None and live.served is not None:
            return live.served
        if not self.world.senses_plant:
            raise Blocked(f"plant {role}: no node is simulated on this bench, and it has no actuator for this role")
        return None
