"""A world: one loop, its channels, nodes and plant, assembled from a blueprint. No module state, no globals."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import TypeVar

from harness.bench.accounting import Accounting
from harness.bench.blueprint import Blueprint, ChannelPlan
from harness.bench.file import NodeSpec, NodeState
from harness.bench.integrity import Guard, Incidents
from harness.bench.live import Live
from harness.bench.live_bus import LiveBus
from harness.bench.observed import ObservedIncidents
from harness.bench.recorded import Playback, Recording
from harness.bench.sleep import SleepFollower
from harness.bus.controller import Controller
from harness.bus.heard import HeardBus
from harness.bus.port import Port
from harness.bus.simulated import SimBus
from harness.ecu import Ecu, EcuContext, Link
from harness.errors import (
    BenchFileError,
    ConfigError,
    HarnessError,
    SimulationError,
    StimulatesRecording,
    UnitError,
    UnknownSignalError,
    nearest,
)
from harness.evidence.events import Event
from harness.evidence.verdicts import verdict_of
from harness.loop import Loop, Owner
from harness.plant import Plant
from harness.restbus import Transmitter, TxMessage
from harness.signals.network import Network
from harness.units import time_text

Built = TypeVar("Built")

TESTER = "tester"
"""Name of the controller through which a test sends raw frames."""


class Channel:
    """One channel of a world: the simulated bus, what was seen on it, and the guard that judges every frame."""

    def __init__(self, plan: ChannelPlan, bus: SimBus, network: Network, guard: Guard) -> None:
        self.name = plan.name
        self.plan = plan
        self.bus = bus
        self.network = network
        self.guard = guard
        self.follower: SleepFollower | None = None


class Node:
    """One node of a world: its controllers and transmitters per channel, and its model when it is simulated."""

    def __init__(self, name: str, spec: NodeSpec) -> None:
        self.name = name
        self.spec = spec
        self.owner = Owner(name, spec.drift_ppm)
        self.controllers: dict[str, Controller] = {}
        self.transmitters: dict[str, Transmitter] = {}
        self.ecu: Ecu | None = None

    @property
    def absent(self) -> bool:
        """Whether the rest-bus sends for this node."""
        return self.spec.state is NodeState.ABSENT


class World:
    """A running vehicle in virtual time. Tests do not see it: they talk to the :class:`~harness.bench.bench.Bench`.

    models: other model classes than the bench file's, by node; plant: another plant class. Both are how a suite is
    proved able to fail: with a faulty variant in place of the right one. Raises
    :class:`~harness.errors.ConfigError` for a node that is not simulated here, and for what is no such class.

    recording: what the channels are fed from instead of nodes; see :mod:`harness.bench.recorded`.
    loop: on which it runs; None: in virtual time. live: the real channels; then the loop is theirs.
    """

    def __init__(
        self,
        blueprint: Blueprint,
        seed: int,
        models: Mapping[str, type[Ecu]],
        plant: type[Plant] | None,
        recording: Recording | None = None,
        loop: Loop | None = None,
        live: Live | None = None,
    ) -> None:
        self.blueprint = blueprint
        self.seed = seed
        self.recording = recording
        self.live = live
        self.accounting: Accounting | None = None
        """How exactly it is measured, or was when it was recorded; None: every instant is exact, or taken for it."""
        if live is not None:
            self.accounting = live.accounting
        elif recording is not None:
            self.accounting = Accounting.of(recording.exactness)
        self.loop: Loop = live.loop if live is not None else Loop() if loop is None else loop
        self.journal: list[Event] = []
        self.stopped: HarnessError | None = None
        """Why it had stopped before the running test began, which then can do nothing in it; None: it had not."""
        self.used: set[str] = set()
        """The channels whose messages, or which themselves, a test has named."""
        policy = blueprint.file.policy
        if recording is None and live is None:
            self.incidents = Incidents(self.loop, policy, self.journal)
        else:
            self.incidents = observed = ObservedIncidents(self.loop, policy, self.journal, blueprint.file.strict_policy)
            observed.accounting = self.accounting
            observed.late_limit = blueprint.file.late_limit
            observed.times, observed.ours = self._times, self._is_ours
        plant = plant or blueprint.plant
        self.plant: Plant = _build(f"plant {plant.__qualname__}", plant)
        self.channels: dict[str, Channel] = {}
        self._testers: dict[str, Controller] = {}
        for spec, plan in zip(blueprint.file.channels, blueprint.channels, strict=True):
            if live is not None and spec.adapter is not None:
                bus: SimBus = live.bus(spec, plan)
            else:
                kind = SimBus if recording is None else HeardBus
                bus = kind(
                    self.loop, spec.name, bitrate=spec.bitrate, data_bitrate=spec.data_bitrate, lengths=plan.lengths
                )
            network = Network(plan.name, plan.databases, self.loop)
            guard = Guard(network, self.incidents, None if isinstance(bus, LiveBus) else bus.lengths)
            bus.observe(guard.receive)
            bus.observe_errors(network.trace.append_error)
            self.channels[spec.name] = Channel(plan, bus, network, guard)
        self.nodes = {name: self._attach(name) for name in blueprint.nodes}
        if live is not None:
            live.begin(self)
        if recording is None:
            with self.loop.held():
                self._start(models, plant)
        else:
            if models or plant is not blueprint.plant:
                self.acts("other models or another plant")
            self.playback = Playback(self, recording)

    # -- assembly --------------------------------------------------------------------------------------------------

    def _start(self, models: Mapping[str, type[Ecu]], plant: type[Plant]) -> None:
        """Bring plant, models and rest-bus to life."""
        blueprint = self.blueprint
        if self.senses_plant:
            _build(f"plant {plant.__qualname__}", lambda: self.plant.start(self.loop))
        chosen = {**blueprint.models, **models}
        for name, model in models.items():
            self._check_replacement(name, model)
        for node in self.nodes.values():
            if node.spec.state is NodeState.SIMULATED:
                node.ecu = self._model(node, chosen[node.name])
        for node in self.nodes.values():
            if node.ecu is not None:
                _build(_who(node, type(node.ecu)), node.ecu.power_on)
            elif node.absent:
                for transmitter in node.transmitters.values():
                    transmitter.start()
        if blueprint.file.sleep_after is not None:
            self._follow_network(blueprint.file.sleep_after)

    def _check_replacement(self, name: str, model: object) -> None:
        state = self.node(name).spec.state
        if state is not NodeState.SIMULATED:
            raise ConfigError(f"models: {name} is {state} on bench {self.blueprint.file.name!r}, so it has no model")
        if not (isinstance(model, type) and issubclass(model, Ecu)):
            raise ConfigError(f"models: {name} takes a class derived from Ecu, not {model!r}")

    def _attach(self, name: str) -> Node:
        spec = self.blueprint.file.node(name)
        if spec.state is NodeState.REAL and self.recording is None and self.live is None:
            raise BenchFileError(
                f"{self.blueprint.file.path}: node {name!r} is real, but every channel here is simulated; "
                "make it simulated or absent"
            )
        node = Node(name, spec)
        for channel in self.channels.values():
            if channel.plan.connects(name):
                plans = channel.plan.plans.get(name, ())
                controller = channel.bus.attach(name, restart_after=spec.restart_after)
                node.controllers[channel.name] = controller
                node.transmitters[channel.name] = transmitter = self._transmitter(node, channel, controller)
                channel.guard.protect(plans, transmitter)
        return node

    def _transmitter(self, node: Node, channel: Channel, controller: Controller) -> Transmitter:
        if self.live is not None and isinstance(channel.bus, LiveBus) and node.spec.state is not NodeState.REAL:
            return self.live.transmitter(channel.bus, node.name, node.owner)
        return Transmitter(self.loop, controller, channel.plan.plans.get(node.name, ()), node.owner)

    @property
    def senses_plant(self) -> bool:
        """Whether anything in this process senses the plant, so that its roles mean something here."""
        return self.live is None or any(node.spec.state is NodeState.SIMULATED for node in self.nodes.values())

    def _model(self, node: Node, model: type[Ecu]) -> Ecu:
        links = {
            name: Link(controller, self.channels[name].plan.messages, node.transmitters[name])
            for name, controller in node.controllers.items()
        }
        context = EcuContext(
            node.name, self.loop, node.owner, links, self.plant, node.spec.parameters,
            names=self.blueprint.names.get(node.name),
        )  # fmt: skip
        return _build(_who(node, model), lambda: model(context))

    def _follow_network(self, sleep_after: int) -> None:
        awake = [node.name for node in self.nodes.values() if not node.absent]
        for channel in self.channels.values():
            absent = (node.transmitters.get(channel.name) for node in self.nodes.values() if node.absent)
            followers = [transmitter for transmitter in absent if transmitter is not None]
            channel.follower = SleepFollower(self.loop, channel.bus, followers, awake, sleep_after)

    # -- what a test may do ----------------------------------------------------------------------------------------

    def acts(self, what: str) -> None:
        """A test is about to do something to this world.

        Raises :class:`~harness.errors.StimulatesRecording` where that is a recording; and stops it, since what comes
        after a stimulus that did not take place means nothing.
        """
        if self.recording is not None:
            name = self.recording.path.name
            error = StimulatesRecording(f"{what}: the world is the recording {name}, which can only be watched")
            self.loop.failure = self.loop.failure or error
            raise error
        self.must_run()
        if self.live is not None:
            self.live.accounting.acting.act(self.loop.now, max(0, self.live.loop.present - self.loop.now))

    def must_run(self) -> None:
        """Raise, and write down, why it had stopped before the running test began; nothing where it had not."""
        if self.stopped is not None:
            self.journal.append(Event(self.loop.now, "incident", str(self.stopped), verdict_of(self.stopped)))
            raise self.stopped

    def instant(self, end: int) -> int:
        """When a wait for an instant ends; on a real bench one that is over ends now, and the test was late, ns.

        Raises :class:`~harness.errors.UnitError` for one that is over where time waits for the test.
        """
        present = self.loop.present
        if end >= present:
            return end
        if self.live is None:
            raise UnitError(f"wait until {time_text(end)}: that is over, it is {time_text(present)} already")
        self.live.accounting.acting.act(present, present - end)
        return present

    def _times(self, channel: str, message: str, since: int) -> list[int]:
        """When frames of a message of a channel came, from ``since`` ns on."""
        found = self.channels[channel]
        plan = found.plan.messages.get(message)
        return [] if plan is None else [rx.time for rx in found.network.trace.since(plan.message.key, since)]

    def _is_ours(self, channel: str, message: str) -> bool:
        """Whether the bench of this world, or of its recording, sends a message of a channel itself."""
        own = self.accounting.own if self.accounting is not None else ()
        plans = self.channels[channel].plan.plans
        return any(each.message.name == message for node in own for each in plans.get(node, ()))

    def uses(self, channel: str, key: int) -> None:
        """A test looks at a message: in a recording or on a real bus, what is wrong with its frames is then red."""
        self.used.add(channel)
        if isinstance(self.incidents, ObservedIncidents):
            self.incidents.use(channel, key)

    # -- looking things up -----------------------------------------------------------------------------------------

    def channel(self, name: str) -> Channel:
        """The channel of that name. Raises :class:`~harness.errors.ConfigError` with the nearest ones."""
        try:
            found = self.channels[name]
            self.used.add(name)
            return found
        except KeyError:
            hint = nearest(name, self.channels) or f"; there are {', '.join(self.channels)}"
            raise ConfigError(f"bench {self.blueprint.file.name!r} has no channel {name!r}{hint}") from None

    def node(self, name: str) -> Node:
        """The node of that name. Raises :class:`~harness.errors.ConfigError` with the nearest ones."""
        try:
            return self.nodes[name]
        except KeyError:
            hint = nearest(name, self.nodes) or f"; there are {', '.join(self.nodes)}"
            raise ConfigError(f"bench {self.blueprint.file.name!r} has no node {name!r}{hint}") from None

    def tester(self, channel: str) -> Port:
        """The port through which the test sends raw frames on a channel; attached on first use."""
        if channel not in self._testers:
            self._testers[channel] = self.channel(channel).bus.attach(TESTER)
        return self._testers[channel]

    def tx(self, name: str) -> TxMessage:
        """The sending side of a message, ``Message`` or ``channel.Message``, whichever node sends it."""
        found = self._senders.get(name, [])
        if len(found) == 1:
            self.uses(found[0].channel, found[0].key)
            return found[0]
        if found:
            names = ", ".join(f"{tx.channel}.{tx.name}" for tx in found)
            raise UnknownSignalError(f"message {name!r} is sent on several channels; name one of {names}")
        known = (each for each in self._senders if ("." in each) is ("." in name))
        raise UnknownSignalError(f"no node of this bench sends a message {name!r}{nearest(name, known)}")

    @cached_property
    def _senders(self) -> dict[str, list[TxMessage]]:
        """By ``Message`` and by ``channel.Message``."""
        senders: dict[str, list[TxMessage]] = {}
        for tx in self._transmitted():
            senders.setdefault(tx.name, []).append(tx)
            senders[f"{tx.channel}.{tx.name}"] = [tx]
        return senders

    def tx_of(self, name: str) -> list[TxMessage]:
        """The sending side of one message, or of all messages of a node."""
        if name in self.nodes:
            return [tx for tx in self._transmitted() if tx.node == name]
        return [self.tx(name)]

    def _transmitted(self) -> Iterator[TxMessage]:
        for node in self.nodes.values():
            for transmitter in node.transmitters.values():
                yield from transmitter.messages


def _who(node: Node, model: type[Ecu]) -> str:
    return f"model {model.__qualname__} of node {node.name}"


def _build(who: str, step: Callable[[], Built]) -> Built:
    """Do one step of bringing a model to life, and say which model it was that could not be built."""
    try:
        return step()
    except HarnessError:
        raise
    except Exception as error:
        raise SimulationError(f"the {who} cannot be built: {type(error).__name__}: {error}") from error
