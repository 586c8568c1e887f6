"""The plant: what ECUs sense and drive beside the bus, by role.

A role is a name with a unit ("cell_temperature" in °C). Tests set roles, ECU models read and write them; in a world
that has no filling for a role the test ends *blocked* and says which one is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from numbers import Real
from typing import ClassVar

from harness.errors import Blocked, SimulationError, ValueRangeError, nearest
from harness.loop import Loop, Owner, Timer
from harness.units import Quantity, in_unit


@dataclass(frozen=True, slots=True)
class Role:
    """One quantity of the plant. ``minimum``/``maximum`` in ``unit``, ``None`` for no limit; flags are 0 or 1."""

    name: str
    unit: str
    default: float
    doc: str = ""
    minimum: float | None = None
    maximum: float | None = None


class Plant:
    """A set of roles with their present values; subclasses add physics.

    A subclass lists its :attr:`roles` and overrides :meth:`step` or :meth:`start`.

    >>> class Cabin(Plant):
    ...     roles = (Role("cabin_temperature", "degC", 20.0, "air in the cabin"),)
    >>> cabin = Cabin()
    >>> cabin["cabin_temperature"] = 25.5
    >>> cabin["cabin_temperature"]
    25.5
    """

    roles: ClassVar[tuple[Role, ...]] = ()

    def __init__(self) -> None:
        self.values: dict[str, float] = {role.name: role.default for role in self.roles}
        """Present values in the units of their roles. Models may read here; writing goes through ``plant[...] =``."""
        self.owner = Owner("plant")
        self._roles = {role.name: role for role in self.roles}
        self._watchers: dict[str, list[Callable[[float], object]]] = {}
        self._loop: Loop | None = None

    def start(self, loop: Loop) -> None:
        """Called once when the world begins. Override to start integrating; call ``super().start(loop)`` first."""
        self._loop = loop

    @property
    def loop(self) -> Loop:
        """The loop of the world. Raises :class:`~harness.errors.SimulationError` before :meth:`start`."""
        if self._loop is None:
            raise SimulationError(f"{type(self).__name__} has not been started: the world calls start(loop)")
        return self._loop

    def every(self, period: int, callback: Callable[[], object]) -> Timer:
        """Run ``callback()`` every ``period`` ns, for instance ``self.every(5 * ms, self.step)``."""
        return self.loop.every(int(period), callback, owner=self.owner)

    def role(self, name: str) -> Role:
        """The role of that name. Raises :class:`~harness.errors.Blocked` when this world has none."""
        try:
            return self._roles[name]
        except KeyError:
            raise Blocked(
                f"this world's plant ({type(self).__name__}) has no role {name!r}{nearest(name, self._roles)}"
            ) from None

    def __getitem__(self, name: str) -> float:
        try:
            return self.values[name]
        except KeyError:
            self.role(name)
            raise

    def checked(self, name: str, value: float | Quantity) -> float:
        """A value for a role as a number in its unit, before it is set.

        Raises :class:`~harness.errors.Blocked`, :class:`~harness.errors.UnitError`,
        :class:`~harness.errors.ValueRangeError`.
        """
        role = self.role(name)
        if not isinstance(value, (Real, Quantity)):
            raise ValueRangeError(f"role {name!r} takes a number or a quantity, not {value!r}")
        number = float(in_unit(value, role.unit, f"role {name!r}"))
        low, high = role.minimum, role.maximum
        if number != number or (low is not None and number < low) or (high is not None and number > high):
            raise ValueRangeError(f"role {name!r} takes {low} to {high} {role.unit}, not {number:g}")
        return number

    def __setitem__(self, name: str, value: float | Quantity) -> None:
        number = self.checked(name, value)
        if number != self.values[name]:
            self.values[name] = number
            for watcher in tuple(self._watchers.get(name, ())):
                watcher(number)

    def __iter__(self) -> Iterator[str]:
        return iter(self._roles)

    def __contains__(self, name: object) -> bool:
        return name in self._roles

    def on_change(self, name: str, callback: Callable[[float], object]) -> Callable[[], None]:
        """Call ``callback(value)`` at once whenever the role gets another value; returns the function that ends it."""
        self.role(name)
        watchers = self._watchers.setdefault(name, [])
        watchers.append(callback)
        return lambda: watchers.remove(callback)
