"""State machines of ECU models."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

from harness.errors import SimulationError, nearest
from harness.loop import Owner, Timer
from harness.units import Duration, duration

if TYPE_CHECKING:
    from harness.ecu.ecu import Ecu


class StateMachine:
    """A state by name, with entry and exit actions and timers that end with the state.

    ``to("Ready")`` runs the ECU's ``exit_<old>()``, changes the state, and runs ``enter_ready()``, each where the ECU
    has such a method (names in lower case). The entry action of the initial state does not run: ``start()`` of the
    model makes the machine and sets what belongs to it. With several machines, ``prefix="door"`` makes it
    ``enter_door_open()``. Make the machine anew in ``start()``: a reset cancels its timers and forgets it.

    states: all states; given, another name raises :class:`~harness.errors.SimulationError`.

    >>> from harness.ecu import Ecu, on_signal
    >>> from harness.units import ms
    >>> class Battery(Ecu):
    ...     def start(self):
    ...         self.machine = StateMachine(self, "Off", states=("Off", "Precharge", "Ready", "Fault"))
    ...
    ...     @on_signal("KeyPosition")
    ...     def on_key(self, value, previous):
    ...         self.machine.to("Precharge")
    ...
    ...     def enter_precharge(self):  # cancelled when Precharge is left
    ...         self.machine.after(800 * ms, lambda: self.machine.to("Fault"))
    """

    def __init__(self, ecu: Ecu, initial: str, *, states: Collection[str] | None = None, prefix: str = "") -> None:
        self.state = initial
        """Name of the present state."""
        self.since = ecu.now
        """When it was entered, ns."""
        self._ecu = ecu
        self._states = states
        self._prefix = f"{prefix}_" if prefix else ""
        self._owner = Owner(f"{ecu.name}.{initial}", ecu.drift_ppm)
        self._leaving = False
        self._check(initial)
        ecu.adopt(self)

    @property
    def elapsed(self) -> int:
        """Time in the present state, ns."""
        return self._ecu.now - self.since

    def to(self, state: str) -> None:
        """Change to another state; nothing happens when it is the present one.

        An entry action may change the state again, an exit action may not (:class:`~harness.errors.SimulationError`).
        """
        self._check(state)
        if self._leaving:
            raise SimulationError(
                f"{self._ecu.name}: exit_{self._prefix}{self.state.lower()} tried to change the state to {state!r}; "
                "only an entry action or another callback may"
            )
        if state == self.state:
            return
        self._leaving = True
        self._run("exit")
        self._leaving = False
        self.cancel_timers()
        self.state = state
        self.since = self._ecu.now
        self._run("enter")

    def after(self, delay: Duration, callback: Callable[[], object]) -> Timer:
        """Run ``callback()`` after ``delay`` of the node's clock, unless the state is left before."""
        return self._ecu.loop.after(duration(delay, "after"), callback, owner=self._owner)

    def every(self, period: Duration, callback: Callable[[], object]) -> Timer:
        """Run ``callback()`` every ``period`` of the node's clock until the state is left."""
        return self._ecu.loop.every(duration(period, "every", zero=False), callback, owner=self._owner)

    def cancel_timers(self) -> None:
        """Cancel all timers that were started through this machine."""
        self._owner.cancel_timers()

    def _run(self, what: str) -> None:
        action = getattr(self._ecu, f"{what}_{self._prefix}{self.state.lower()}", None)
        if action is not None:
            action()

    def _check(self, state: str) -> None:
        if self._states is not None and state not in self._states:
            raise SimulationError(
                f"{self._ecu.name} has no state {state!r}{nearest(state, self._states)}; "
                f"there are {', '.join(self._states)}"
            )

    def __str__(self) -> str:
        return self.state
