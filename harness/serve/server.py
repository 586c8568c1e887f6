"""The server: vehicles, one after the other, on lines to testers, and what the testers ask for."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Mapping
from functools import partial
from threading import Condition, Thread

from harness.adapter.stimulation import ANSWER_ID, PROTOCOL, REQUEST_ID, Answer, Operation, Request, Status, subject_of
from harness.bench.blueprint import Blueprint
from harness.bench.file import NodeState
from harness.bench.world import Node
from harness.errors import BusError, ConfigError, HarnessError, ValueRangeError
from harness.frames import Frame, Received
from harness.serve.lateness import Account
from harness.serve.line import Line
from harness.serve.vehicle import Vehicle
from harness.wall import clock_ns


class Server:
    """Serves the simulated nodes of a bench on lines, one per channel, until it is closed.

    tidy: called while no vehicle lives, before the next one is announced. Raises
    :class:`~harness.errors.ConfigError` for a line on a channel that the bench does not have, and for a bench of which
    no node is simulated.
    """

    def __init__(
        self, blueprint: Blueprint, lines: Mapping[str, Line], tidy: Callable[[], object] = lambda: None
    ) -> None:
        known = [channel.name for channel in blueprint.channels]
        for name in lines:
            if name not in known:
                raise ConfigError(f"{blueprint.file.path} has no channel {name!r}; it has {', '.join(known)}")
        if not any(spec.state is NodeState.SIMULATED for spec in blueprint.file.nodes):
            raise ConfigError(f"{blueprint.file.path}: no node is simulated, so there is nothing to serve")
        self.lines = dict(lines)
        self.account = Account()
        """How late the vehicles were."""
        self.failure: HarnessError | None = None
        """What broke the present vehicle; None while it runs."""
        self.broken = 0
        """How many vehicles broke so far."""
        self.fault: Exception | None = None
        """What went wrong in the server itself, which then is of no use any more."""
        self._blueprint = blueprint
        self._tidy = tidy
        self._turn = Condition()
        self._changing = False
        self._deaf = False
        self._change: Thread | None = None
        self.vehicle = self._built()
        self.vehicles = 1
        """How many vehicles have lived so far."""
        self.vehicle.start()
        for name, line in self.lines.items():
            line.start(partial(self._receive, name))

    def close(self) -> None:
        """Stop everything."""
        for line in self.lines.values():
            line.stop()
        if self._change is not None:
            self._change.join()
        self.vehicle.close()
        for line in self.lines.values():
            line.close()

    def report(self) -> str:
        """One line per channel, and how late the server was."""
        lines = [f"{name}: {line.counts}" for name, line in self.lines.items()]
        vehicles = f"vehicles: {self.vehicles}, of which {self.broken} broke"
        return "\n".join([*lines, vehicles, str(self.account)])

    # -- what comes from outside -----------------------------------------------------------------------------------

    def _receive(self, channel: str, frame: Frame, at: int) -> None:
        """A line has read a frame; at: when, ns of the clock. Called in the line's thread."""
        try:
            if frame.extended and frame.id in (REQUEST_ID, ANSWER_ID):
                self._asked(channel, frame, at)
            elif self._deaf:
                self.lines[channel].counts.refuse("sent before the new vehicle was announced")
            else:
                self.vehicle.receive(channel, frame, lambda: clock_ns() - at)
        except BusError as error:
            self.lines[channel].counts.refuse(str(error))
        except HarnessError as error:
            if self.vehicle.failure is None:
                self._fail(error)
        except Exception as error:  # noqa: BLE001  # a reader that ends would leave a server that is deaf
            self._fail(error)

    def _asked(self, channel: str, frame: Frame, at: int) -> None:
        request = Request.of(frame)
        if request is None:
            self.lines[channel].counts.refuse(f"no request of 8 bytes: {frame}")
            return
        with self._turn:
            self._turn.wait_for(lambda: not self._changing)
            if request.operation == Operation.NEW_VEHICLE:
                # In a thread of its own: all lines are read on meanwhile, so that no frame of before reaches it.
                self._changing = self._deaf = True
                self._change = Thread(target=self._renew, args=(request, channel), name="harness new vehicle")
                self._change.start()
                return
            try:
                status, value = self._serve(request)
            except HarnessError:
                if self.vehicle.failure is None:
                    raise
                status, value = Status.BROKEN, 0.0
            self._answer(channel, request, status, value)
            self.account.add(self.account.answered, clock_ns() - at)

    def _answer(self, channel: str, request: Request, status: Status, value: float = 0.0) -> None:
        answer = Answer(request.operation, request.number, status, value)
        self.lines[channel].send(Received(0, channel, answer.frame()))

    # -- one vehicle after the other -------------------------------------------------------------------------------

    def _built(self) -> Vehicle:
        return Vehicle(self._blueprint, self.lines, self.account, self._broke)

    def _renew(self, request: Request, asking: str) -> None:
        try:
            self.vehicle.close()
            try:
                vehicle = self._built()
            except HarnessError as error:
                self._broke(error)
                self._answer(asking, request, Status.BROKEN)
                return
            self._tidy()
            self.account.ask()
            self.vehicle, self.failure = vehicle, None
            self.vehicles += 1
            announced = clock_ns()
            self._deaf = False  # from its announcement on it hears, as soon as a tester can know of it
            for channel in self.lines:
                self._answer(channel, request, Status.DONE)
            vehicle.start()
            self.account.add(self.account.started, clock_ns() - vehicle.loop.elapsed - announced)
        except Exception as error:  # noqa: BLE001  # told, and ends the server
            self._fail(error)
        finally:
            with self._turn:
                self._changing = self._deaf = False
                self._turn.notify_all()

    def _broke(self, failure: HarnessError) -> None:
        """A model raised, and the vehicle stands still: tell everybody."""
        self.failure = failure
        self.broken += 1
        print(f"harness simulate: the vehicle broke: {failure}", file=sys.stderr)
        traceback.print_exception(failure)
        frame = Answer(Operation.BROKEN, 0, Status.BROKEN).frame()
        for channel, line in self.lines.items():
            line.send(Received(0, channel, frame))

    def _fail(self, error: Exception) -> None:
        """The server itself is at fault."""
        self.fault = self.fault or error
        traceback.print_exception(error)

    # -- requests --------------------------------------------------------------------------------------------------

    def _serve(self, request: Request) -> tuple[Status, float]:
        try:
            operation = Operation(request.operation)
        except ValueError:
            return Status.UNKNOWN_OPERATION, 0.0
        if operation is Operation.BROKEN:
            return Status.UNKNOWN_OPERATION, 0.0
        if operation is Operation.HELLO:
            return Status.DONE if self.failure is None else Status.BROKEN, PROTOCOL
        if self.failure is not None:
            return Status.BROKEN, 0.0
        if operation is Operation.LATENESS:
            with self.vehicle.loop.held():
                return Status.DONE, self.account.ask() / 1e9
        if operation in (Operation.PLANT, Operation.PLANT_READ):
            return self._plant(operation, request)
        return self._switch(operation, request.subject), 0.0

    def _plant(self, operation: Operation, request: Request) -> tuple[Status, float]:
        plant = self.vehicle.world.plant
        role = next((name for name in plant if subject_of(name) == request.subject), None)
        if role is None:
            return Status.UNKNOWN_SUBJECT, 0.0
        if operation is Operation.PLANT_READ:
            with self.vehicle.loop.held():
                return Status.DONE, plant[role]
        try:
            number = plant.checked(role, request.value)
        except ValueRangeError:
            return Status.VALUE_REFUSED, 0.0
        self.vehicle.loop.call(partial(plant.__setitem__, role, number))
        return Status.DONE, 0.0

    def _switch(self, operation: Operation, subject: int) -> Status:
        nodes = self.vehicle.world.nodes.values()
        node = next((each for each in nodes if each.ecu is not None and subject_of(each.name) == subject), None)
        if node is None or node.ecu is None:
            return Status.UNKNOWN_SUBJECT
        if operation is Operation.RESET:
            self.vehicle.loop.call(node.ecu.reset)
        else:
            self.vehicle.loop.call(partial(_power, node, operation is Operation.POWER_ON))
        return Status.DONE


def _power(node: Node, on: bool) -> None:
    """Give a simulated node its supply, or take it away."""
    assert node.ecu is not None
    if not on:
        node.ecu.power_off()
    for controller in node.controllers.values():
        controller.power(on)
    if on:
        node.ecu.power_on()
