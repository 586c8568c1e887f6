"""The served vehicle: a world on the wall clock, its buses bridged to lines."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from harness.bench.blueprint import Blueprint
from harness.bench.file import NodeState, Policy
from harness.bench.world import World
from harness.bus.controller import Controller
from harness.errors import ConfigError, HarnessError, ValueRangeError
from harness.frames import Frame, Received
from harness.serve.line import Line
from harness.serve.stimulation import Answer, Operation, Request, Status, subject_of
from harness.units import time_text
from harness.wall import WallLoop

OUTSIDE = "outside"
"""Name of the node that stands for everybody behind a line."""
PROTOCOL = 1.0


class Vehicle:
    """One life of the vehicle: from factory-new to the next :attr:`Operation.NEW_VEHICLE`.

    Only the simulated nodes of the bench run; what is absent there is what the tester plays. answer: sends a frame to
    the tester on a channel without the bus.
    """

    def __init__(self, blueprint: Blueprint, lines: Mapping[str, Line]) -> None:
        self.loop = WallLoop()
        self.world = World(blueprint, 0, {}, None, loop=self.loop)
        # What a tester does wrong on purpose is its own affair, and its own guard judges what it sees.
        self.world.incidents.policy = Policy.ignoring()
        self.worst_ns = 0
        """How late a frame was handed to its line at worst, ns."""
        self._outside: dict[str, Controller] = {}
        for node in self.world.nodes.values():
            if node.spec.state is not NodeState.SIMULATED:
                for transmitter in node.transmitters.values():
                    transmitter.stop()
        for name, line in lines.items():
            self._outside[name] = controller = self.world.channel(name).bus.attach(OUTSIDE)
            controller.subscribe(partial(self._pass_on, line))
        self.loop.start()

    def receive(self, channel: str, frame: Frame) -> None:
        """A frame came from outside: it contends for the bus as a node's own would."""
        with self.loop.held():
            self._outside[channel].send(frame)

    def close(self) -> None:
        """Stop its time."""
        self.loop.close()

    def _pass_on(self, line: Line, rx: Received) -> None:
        line.send(rx)
        self.worst_ns = max(self.worst_ns, self.loop.elapsed - rx.time)


class Server:
    """Serves the simulated nodes of a bench on lines, one per channel, until it is closed.

    Raises :class:`~harness.errors.ConfigError` for a line on a channel that the bench does not have, and for a bench
    of which no node is simulated.
    """

    def __init__(self, blueprint: Blueprint, lines: Mapping[str, Line]) -> None:
        known = [channel.name for channel in blueprint.channels]
        for name in lines:
            if name not in known:
                raise ConfigError(f"{blueprint.file.path} has no channel {name!r}; it has {', '.join(known)}")
        if not any(spec.state is NodeState.SIMULATED for spec in blueprint.file.nodes):
            raise ConfigError(f"{blueprint.file.path}: no node is simulated, so there is nothing to serve")
        self.lines = dict(lines)
        self._blueprint = blueprint
        self.vehicle = Vehicle(blueprint, self.lines)
        self.vehicles = 1
        """How many vehicles have lived so far."""
        for name, line in self.lines.items():
            line.start(partial(self._receive, name))

    def close(self) -> None:
        """Stop everything."""
        for line in self.lines.values():
            line.close()
        self.vehicle.close()

    @property
    def failure(self) -> HarnessError | None:
        """What stopped the vehicle; None while it runs."""
        return self.vehicle.loop.failure

    def report(self) -> str:
        """One line per channel, and how late the server was."""
        vehicle = self.vehicle
        lines = [
            f"{name}: {line.counts.sent} sent, {line.counts.received} received, {line.counts.lost} lost, "
            f"{line.counts.refused} refused{f' ({line.counts.trouble})' if line.counts.trouble else ''}"
            for name, line in self.lines.items()
        ]
        return "\n".join(
            [
                *lines,
                f"lateness: {vehicle.loop.lateness}; frames handed out at worst {time_text(vehicle.worst_ns)} late",
            ]
        )

    # -- what comes from outside -----------------------------------------------------------------------------------

    def _receive(self, channel: str, frame: Frame) -> None:
        request = Request.of(frame)
        if request is None:
            if self.failure is None:
                self.vehicle.receive(channel, frame)
            return
        status, value = self._serve(request)
        answer = Answer(request.operation, request.number, status, value).frame()
        self.lines[channel].send(Received(0, channel, answer))

    def _serve(self, request: Request) -> tuple[Status, float]:
        try:
            operation = Operation(request.operation)
        except ValueError:
            return Status.UNKNOWN_OPERATION, 0.0
        if operation is Operation.HELLO:
            return Status.DONE, PROTOCOL
        if operation is Operation.LATENESS:
            worst, self.vehicle.worst_ns = self.vehicle.worst_ns, 0
            return Status.DONE, worst / 1e9
        if operation is Operation.NEW_VEHICLE:
            self.vehicle.close()
            self.vehicle = Vehicle(self._blueprint, self.lines)
            self.vehicles += 1
            return Status.DONE, 0.0
        if operation is Operation.PLANT:
            return self._set_plant(request), 0.0
        return self._switch(operation, request.subject), 0.0

    def _set_plant(self, request: Request) -> Status:
        plant = self.vehicle.world.plant
        role = next((name for name in plant if subject_of(name) == request.subject), None)
        if role is None:
            return Status.UNKNOWN_SUBJECT
        try:
            number = plant.checked(role, request.value)
        except ValueRangeError:
            return Status.VALUE_REFUSED
        self.vehicle.loop.call(partial(plant.__setitem__, role, number))
        return Status.DONE

    def _switch(self, operation: Operation, subject: int) -> Status:
        nodes = self.vehicle.world.nodes.values()
        node = next((each for each in nodes if each.ecu is not None and subject_of(each.name) == subject), None)
        if node is None or node.ecu is None:
            return Status.UNKNOWN_SUBJECT
        call = self.vehicle.loop.call
        if operation is Operation.RESET:
            call(node.ecu.reset)
        elif operation is Operation.POWER_OFF:
            call(node.ecu.power_off)
        for controller in node.controllers.values():
            call(partial(controller.power, operation is not Operation.POWER_OFF))
        if operation is Operation.POWER_ON:
            call(node.ecu.power_on)
        return Status.DONE
