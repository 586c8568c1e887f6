"""A node's switches, as a test uses them: reset, power, sleep, bus-off."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from harness.adapter.stimulation import Operation
from harness.bench.file import NodeState
from harness.bench.still import still
from harness.bus.port import ErrorState
from harness.errors import Blocked, ConfigError

if TYPE_CHECKING:
    from harness.bench.bench import Bench
    from harness.bench.world import Node, World

RESET_GRACE_NS = 20_000_000
"""How much later than the answer to a reset frames may be stamped that were sent before it, ns.

For so long the node is being switched on a real bench.
"""


@still
class NodeControl:
    """One node of the bench. Each switch is a stimulus of its own in the journal, effective at once."""

    def __init__(self, bench: Bench, node: Node) -> None:
        self._bench = bench
        self._node = node

    @property
    def name(self) -> str:
        """The node's name, as in the database."""
        return self._node.name

    @property
    def world(self) -> World:
        """The node's world."""
        return self._bench.world

    def reset(self) -> None:
        """Restart the node: timers and received values are gone, its non-volatile memory stays.

        An absent node counts from 0 again, and keeps what the test has set.
        """
        self._switch("reset", self._reset, Operation.RESET)

    def power_off(self) -> None:
        """Take the node's supply away: it neither sends, receives nor acknowledges."""
        self._switch("power off", self._power_off, Operation.POWER_OFF)

    def power_on(self) -> None:
        """Give the node its supply back; it starts as after a reset."""
        self._switch("power on", self._power_on, Operation.POWER_ON)

    def _reset(self) -> None:
        if self._node.ecu is not None:
            self._node.ecu.reset()
        else:
            for transmitter in self._node.transmitters.values():
                transmitter.reset(keep_values=True)
            self._start_absent()

    def _power_off(self) -> None:
        if self._node.ecu is not None:
            self._node.ecu.power_off()
        else:
            for transmitter in self._node.transmitters.values():
                transmitter.reset(keep_values=True)
        for controller in self._node.controllers.values():
            controller.power(False)

    def _power_on(self) -> None:
        for controller in self._node.controllers.values():
            controller.power(True)
        if self._node.ecu is not None:
            self._node.ecu.power_on()
        else:
            self._start_absent()

    def _start_absent(self) -> None:
        for channel, transmitter in self._node.transmitters.items():
            follower = self._bench.world.channels[channel].follower
            if not transmitter.powered:
                continue
            if follower is not None:
                follower.start(transmitter)
            else:
                transmitter.start()

    def error_state(self, channel: str) -> ErrorState:
        """The state of the node's controller on a channel: active, passive or bus-off (ISO 11898-1, 8.3.4)."""
        self._bench.world.acts(f"error state of {self.name}")
        if self._node.spec.state is NodeState.REAL:
            raise Blocked(f"error state of {self.name}: the node is real, and nothing on this bench can look into it")
        try:
            return self._node.controllers[channel].state
        except KeyError:
            there = ", ".join(self._node.controllers)
            raise ConfigError(f"node {self.name} has no controller on {channel!r}; it has one on {there}") from None

    def restart(self) -> None:
        """Ask the node's controllers to leave bus-off; they are back after 128 times 11 recessive bits."""
        self._switch("restart after bus-off", self._restart)

    def _restart(self) -> None:
        for controller in self._node.controllers.values():
            if controller.state is ErrorState.BUS_OFF:
                controller.restart()

    def _switch(self, what: str, switch: Callable[[], None], asked: Operation | None = None) -> None:
        world = self._bench.world
        world.acts(f"{what} of {self.name}")
        if self._node.spec.state is NodeState.REAL:
            served = world.live.served if world.live is not None else None
            if served is None or asked is None:
                raise Blocked(f"{what} of {self.name}: the node is real and nothing on this bench can do that")
            self._bench.excuses.switching(self.name)
            self._resetting(True)
            try:
                _, at = served.ask(asked, self.name)
            except BaseException:
                self._is_over()
                raise
            for controller in self._node.controllers.values():
                controller.power(asked is not Operation.POWER_OFF)
            # What it sent before may still be on its way on another channel.
            world.loop.after(RESET_GRACE_NS, self._is_over)
            self._bench.stimulated(f"{what} of {self.name}", (), at=at)
        else:
            self._bench.stimulated(f"{what} of {self.name}", ())
            world.loop.call(switch)
            self._bench.excuses.switch(self.name)
            if world.live is not None:
                # What it sends comes from the channel's process, which hears of it a moment later.
                self._bench.excuses.switching(self.name)
                world.loop.after(RESET_GRACE_NS, lambda: self._bench.excuses.switch(self.name))

    def _is_over(self) -> None:
        """A real node has been switched."""
        self._resetting(False)
        self._bench.excuses.switch(self.name)

    def _resetting(self, on: bool) -> None:
        """Whether the node's counters may begin anew at any time; after that, they may once more."""
        for transmitter in self._node.transmitters.values():
            transmitter.resetting = on
            transmitter.reset()
