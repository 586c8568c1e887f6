"""What explains a violation of the bus contract: declared disturbances, switched nodes, forced values, nothing else.

A violation is a consequence of what the test did when it concerns a message that was disturbed, whose sender was
switched, or that a gateway copies from such a message, and its interval reaches into that. The check then begins
anew from there, so that what does not come back is found all the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.bench.contract import message_rules
from harness.bus.port import ErrorState
from harness.frames import ErrorFrame, Received
from harness.monitors.monitor import Violation

if TYPE_CHECKING:
    from harness.bench.disturb import Disturbance
    from harness.bench.world import World

_LATE = frozenset({"cycle", "silence", "latency"})
_ORDER = frozenset({"crc", "counter", "e2e"})
_AFTER = 2
"""So many cycles after a disturbance its message may still suffer from it."""
_ON_THE_WIRE_NS = 1_000_000
"""A frame that was on the wire when its sender was switched, or a disturbance ended, ends within this."""


class Excuses:
    """Knows what the test has done in a world. tester: name of the controller through which it sends raw frames."""

    def __init__(self, world: World, tester: str) -> None:
        self._world = world
        self._tester = tester
        self._sources = {route.copy: route.source for route in world.blueprint.file.monitors.limits.routes}
        self._plans = {
            f"{channel.name}.{name}": plan
            for channel in world.blueprint.channels
            for name, plan in channel.messages.items()
        }
        self._senders = {
            f"{channel.name}.{plan.message.name}": node
            for channel in world.blueprint.channels
            for node, plans in channel.plans.items()
            for plan in plans
        }
        self._switched: list[tuple[int, str]] = []  # when the test switched which node
        self._switching: set[str] = set()  # nodes of a real bench that are about to be switched
        self._alone: dict[str, int] = {}  # since when a channel has nobody to acknowledge
        self._was_alone: dict[str, int] = {}  # until when it had nobody
        self.forced: set[str] = set()
        """Messages (``channel.Message``) that the test has sent values outside their range in."""

    def switching(self, node: str) -> None:
        """The test has asked for a node to be switched on a real bench: that takes a moment, until :meth:`switch`."""
        self._switching.add(node)

    def switch(self, node: str) -> None:
        """The test has just switched a node."""
        now = self._world.loop.now
        self._switching.discard(node)
        self._switched.append((now, node))
        for name, channel in self._world.channels.items():
            if sum(each.powered for each in channel.bus.controllers) < 2:
                self._alone.setdefault(name, now)
            elif name in self._alone:
                del self._alone[name]
                self._was_alone[name] = now

    def until(self, violation: Violation) -> int | None:
        """Up to when (ns) the violation is explained; None when it is not."""
        if violation.kind == "property":
            return None
        if self._by_frame(violation):
            return violation.time
        if violation.kind in ("load", "error_frame"):
            return self._by_bus(violation)
        path = f"{violation.channel}.{violation.message}"
        concerned = [path, *([self._sources[path]] if path in self._sources else ())]
        if violation.kind in ("range", "reserved"):
            return violation.time if not self.forced.isdisjoint(concerned) else None
        if violation.kind not in _LATE | _ORDER:
            return None
        if violation.kind in _LATE and (self._by_sleep(violation) or self._unacknowledged(violation)):
            return violation.time
        if violation.kind == "silence" and violation.signals and (until := self._by_senders(violation)) is not None:
            return until
        found = [self._by_message(violation, each, own=each == path) for each in concerned]
        return max((until for until in found if until is not None), default=None)

    def _by_frame(self, violation: Violation) -> bool:
        """Whether the frame itself was made by a disturbance or by the test."""
        rx = violation.seen
        if not isinstance(rx, Received):
            return False
        if rx.sender == self._tester and violation.kind != "unknown_frame":
            return True
        if violation.kind == "cycle":
            return False  # what a disturbance made of a frame does not make it late
        trace = self._world.channels[rx.channel].network.trace
        kind = "counter" if violation.kind == "e2e" else violation.kind
        return any(each.covers(kind, rx, trace) for each in self._disturbances)

    def _by_bus(self, violation: Violation) -> int | None:
        error = violation.seen
        if isinstance(error, ErrorFrame) and any(
            node == error.sender and error.time - _ON_THE_WIRE_NS < time <= error.time for time, node in self._switched
        ):
            return violation.time  # it was sending when it was switched off
        if self._unacknowledged(violation):
            return violation.time
        covering = (each for each in self._disturbances if self._overlaps(each, violation, _ON_THE_WIRE_NS))
        return violation.time if any(each.burdens(violation.channel) for each in covering) else None

    def _unacknowledged(self, violation: Violation) -> bool:
        """Whether the test has left nobody on the channel to acknowledge frames, within the violation's interval."""
        channel = violation.channel
        return channel in self._alone or violation.start - _ON_THE_WIRE_NS < self._was_alone.get(
            channel, -_ON_THE_WIRE_NS
        )

    def _by_sleep(self, violation: Violation) -> bool:
        """Whether the network said within the violation's interval that it is not awake."""
        channel = self._world.channels[violation.channel]
        stated = self._world.blueprint.file.monitors.limits.awake.get(violation.channel)
        if stated is None:
            return False
        name, _, label = stated.partition(" == ")
        message, signal = channel.network.find(name)
        read = message.codec.signal_raw(signal.name)
        before = violation.start - _AFTER * (message.cycle_time_ns or 0)
        return any(
            signal.text(raw) != label.strip('"')
            for rx in channel.network.trace.since(message.key, before)
            if rx.time <= violation.time and (raw := read(rx.frame.data)) is not None
        )

    def _by_senders(self, violation: Violation) -> int | None:
        """Up to when a network's silence is explained, as everybody who would have sent within it is; None if not."""
        silent = violation.time - violation.start
        found = [
            self._by_message(violation, rule.path, own=True)
            for rule in message_rules(self._world.blueprint)
            if rule.channel == violation.channel and rule.cycle_ns and rule.cycle_ns <= silent and not rule.follows
        ]
        explained = [until for until in found if until is not None]
        return max(explained, default=None) if len(explained) == len(found) else None

    def _by_message(self, violation: Violation, path: str, *, own: bool) -> int | None:
        plan, sender = self._plans.get(path), self._senders.get(path, "")
        if plan is None:
            return None
        channel = path.partition(".")[0]
        grace = _AFTER * (plan.cycle_ns or 0)
        slack = self._slack(violation, own, grace)
        found = [
            min(violation.time, time + slack)
            for time, node in self._switched
            if node == sender and violation.start - slack < time <= violation.time
        ]
        gateway = self._senders.get(f"{violation.channel}.{violation.message}", "")
        concerned = [sender] if own else [sender, gateway]
        if any(node in self._switching or self._is_off(node, channel) for node in concerned):
            found.append(violation.time)
        late = violation.kind in _LATE
        for each in self._disturbances:
            if each.disrupts(channel, plan.message.key, sender) or (not own and each.destroys(gateway)):
                end = each.aftermath + grace
            elif (late and each.burdens(channel)) or (not (own and late) and each.spoils(channel, plan.message.key)):
                end = grace
            else:
                continue
            if self._overlaps(each, violation, end):
                over = _over(each)
                found.append(violation.time if over is None else min(violation.time, over + end))
        return max(found, default=None)

    def _slack(self, violation: Violation, own: bool, grace: int) -> int:
        """How long after a switch a violation may begin and still be its consequence, ns.

        What is still missing counts from its own excuse on, and must not be excused by the same switch for ever.
        """
        if violation.kind in _ORDER:
            return _ON_THE_WIRE_NS
        if violation.kind == "latency" or not own:
            return grace  # a gateway refuses the first frame after a reset, as its counter does not follow
        return 1 if violation.seen is not None else 0

    def _is_off(self, sender: str, channel: str) -> bool:
        """Whether the node has no power by the test's hand, or is bus-off by declared bit faults."""
        node = self._world.nodes.get(sender)
        controller = node.controllers.get(channel) if node is not None else None
        if controller is None:
            return False
        if not controller.powered:
            return any(name == sender for _, name in self._switched)
        if controller.state is not ErrorState.BUS_OFF:
            return False
        return any(each.destroys(sender) for each in self._disturbances)

    @property
    def _disturbances(self) -> list[Disturbance]:
        return self._world.incidents.disturbances

    def _overlaps(self, disturbance: Disturbance, violation: Violation, grace: int) -> bool:
        began, over = disturbance.began, _over(disturbance)
        if began is None or began > violation.time:
            return False
        return over is None or violation.start < over + grace


def _over(disturbance: Disturbance) -> int | None:
    """Since when (ns) it has done nothing more, its block being over or its frames used up; None while it may."""
    return disturbance.ended if disturbance.spent is None else disturbance.spent
