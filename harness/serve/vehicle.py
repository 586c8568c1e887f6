"""One life of a served vehicle: a world on the wall clock, its buses bridged to lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from harness.bench.blueprint import Blueprint
from harness.bench.file import NodeState, Policy
from harness.bench.world import World
from harness.bus.controller import Controller
from harness.errors import HarnessError
from harness.frames import Frame, Received
from harness.serve.lateness import Account
from harness.serve.line import Line
from harness.wall import WallLoop

OUTSIDE = "outside"
"""Name of the node that stands for everybody behind a line."""

REMEMBERED = 256
"""Frames that a channel remembers; nobody here looks back, and what is kept costs the garbage collector time."""


class Vehicle:
    """A factory-new vehicle, whose time begins with :meth:`start`, until :meth:`close`.

    Only the simulated nodes of the bench run; what is absent there is what the tester plays. broken: called once, from
    a thread of the vehicle's own, when something in it raised. Raises :class:`~harness.errors.HarnessError` when it
    cannot be built.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        lines: Mapping[str, Line],
        account: Account,
        broken: Callable[[HarnessError], None],
    ) -> None:
        self.loop = _Time(broken)
        self.world = World(blueprint, 0, {}, None, loop=self.loop)
        # What a tester does wrong on purpose is its own affair, and its own guard judges what it sees.
        self.world.incidents.policy = Policy.ignoring()
        for channel in self.world.channels.values():
            channel.network.trace.limit = REMEMBERED
        self._account = account
        self._outside: dict[str, Controller] = {}
        for node in self.world.nodes.values():
            if node.spec.state is not NodeState.SIMULATED:
                for transmitter in node.transmitters.values():
                    transmitter.stop()
        for name, line in lines.items():
            self._outside[name] = controller = self.world.channel(name).bus.attach(OUTSIDE)
            controller.subscribe(partial(self._pass_on, line))

    @property
    def failure(self) -> HarnessError | None:
        """What stopped the vehicle; None while it runs."""
        return self.loop.failure

    def start(self) -> None:
        """Let its time begin."""
        self.loop.start()

    def close(self) -> None:
        """Stop its time. Returns when it sends nothing any more."""
        self.loop.close()

    def receive(self, channel: str, frame: Frame, late_ns: Callable[[], int]) -> None:
        """A frame came from outside: it contends for the bus as a node's own would. late_ns: how late that is by now.

        A vehicle that stands takes nothing. Raises :class:`~harness.errors.BusError` for what its bus does not carry,
        and what broke the vehicle meanwhile.
        """
        with self.loop.held():
            if self.loop.runs:
                self._outside[channel].send(frame)
                self._account.add(self._account.taken, late_ns())

    def _pass_on(self, line: Line, rx: Received) -> None:
        line.send(rx)
        self._account.add(self._account.sent, self.loop.elapsed - rx.time)


class _Time(WallLoop):
    """A wall clock that tells when its world has broken."""

    def __init__(self, broken: Callable[[HarnessError], None]) -> None:
        super().__init__()
        self._broken = broken

    @property
    def runs(self) -> bool:
        """Whether time passes."""
        return not self._closing and self.failure is None

    def _drive(self) -> None:
        super()._drive()
        # Whichever thread ran the callback that raised: the bench thread ends, so it is told here and once.
        if self.failure is not None:
            self._broken(self.failure)
