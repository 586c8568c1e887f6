"""A node's switches, as a test uses them: reset, power, sleep, bus-off."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.bench.file import NodeState
from harness.bus.port import ErrorState
from harness.errors import Blocked, ConfigError

if TYPE_CHECKING:
    from harness.bench.bench import Bench
    from harness.bench.world import Node


class NodeControl:
    """One node of the bench. Each switch is a stimulus of its own in the journal, effective at once."""

    def __init__(self, bench: Bench, node: Node) -> None:
        self._bench = bench
        self._node = node

    @property
    def name(self) -> str:
        """The node's name, as in the database."""
        return self._node.name

    def reset(self) -> None:
        """Restart the node: timers and received values are gone, its non-volatile memory stays."""
        self._note("reset")
        if self._node.ecu is not None:
            self._node.ecu.reset()
        else:
            for transmitter in self._node.transmitters.values():
                transmitter.stop()
                transmitter.start()

    def power_off(self) -> None:
        """Take the node's supply away: it neither sends, receives nor acknowledges."""
        self._note("power off")
        if self._node.ecu is not None:
            self._node.ecu.power_off()
        else:
            for transmitter in self._node.transmitters.values():
                transmitter.stop()
        for controller in self._node.controllers.values():
            controller.power(False)

    def power_on(self) -> None:
        """Give the node its supply back; it starts as after a reset."""
        self._note("power on")
        for controller in self._node.controllers.values():
            controller.power(True)
        if self._node.ecu is not None:
            self._node.ecu.power_on()
        else:
            for transmitter in self._node.transmitters.values():
                transmitter.start()

    def error_state(self, channel: str) -> ErrorState:
        """The state of the node's controller on a channel: active, passive or bus-off (ISO 11898-1, 8.3.4)."""
        try:
            return self._node.controllers[channel].state
        except KeyError:
            there = ", ".join(self._node.controllers)
            raise ConfigError(f"node {self.name} has no controller on {channel!r}; it has one on {there}") from None

    def restart(self) -> None:
        """Ask the node's controllers to leave bus-off; they are back after 128 times 11 recessive bits."""
        self._note("restart after bus-off")
        for controller in self._node.controllers.values():
            if controller.state is ErrorState.BUS_OFF:
                controller.restart()

    def _note(self, what: str) -> None:
        if self._node.spec.state is NodeState.REAL:
            raise Blocked(f"{what} of {self.name}: the node is real and this bench has no instrument that can do it")
        self._bench.stimulated(f"{what} of {self.name}", ())
