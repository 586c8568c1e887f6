"""The bus contract: every check that a database implies, assembled for the messages of a bench or of a recording.

>>> bus_contract(load=0.6).limits(ContractLimits()).load
0.6
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

from harness.errors import ConfigError, nearest
from harness.frames import Frame
from harness.monitors.check import Check
from harness.monitors.contents import Contents, KnownFrames
from harness.monitors.cycle import CycleCheck, NodeCheck
from harness.monitors.e2e import E2ECheck
from harness.monitors.latency import LatencyCheck
from harness.monitors.load import ErrorFrames, LoadCheck, MeasuredLoad
from harness.monitors.monitor import Kind
from harness.monitors.rules import ContractLimits, MessageRule
from harness.monitors.sleep import NetworkSleep, Statement
from harness.units import Duration, duration

KINDS: tuple[str, ...] = tuple(kind for kind in get_args(Kind) if kind != "property")
"""What a contract can leave out: all kinds of violations but those of properties."""


@dataclass(frozen=True, slots=True)
class BusContract:
    """A bus contract to be watched; made by :func:`bus_contract`. None: as the bench file says, or else the default."""

    relative: float | None = None
    absolute: int | None = None
    first: float | None = None
    silence: float | None = None
    load: float | None = None
    load_window: int | None = None
    error_frames: int | None = None
    without: frozenset[str] = frozenset()

    def limits(self, given: ContractLimits) -> ContractLimits:
        """The limits of a bench with what this contract says otherwise."""
        cycles = self._given("relative", "absolute", "first")
        own = self._given("silence", "load", "load_window", "error_frames")
        return replace(given, cycles=replace(given.cycles, **cycles), without=given.without | self.without, **own)

    def _given(self, *names: str) -> dict[str, Any]:
        return {name: value for name in names if (value := getattr(self, name)) is not None}


def bus_contract(
    *,
    relative: float | None = None,
    absolute: Duration | None = None,
    first: float | None = None,
    silence: float | None = None,
    load: float | None = None,
    load_window: Duration | None = None,
    error_frames: int | None = None,
    without: Collection[str] = (),
) -> BusContract:
    """Everything that the databases demand of the bus, in one line: ``with bench.watch(bus_contract()): ...``.

    Cycle time of every cyclic message (off by ``relative`` of it or by ``absolute``, whichever is more; the first frame
    within ``first`` cycles), no node silent for ``silence`` of its shortest cycles, no unknown identifier, no wrong
    length, no value out of range, no reserved entry of a value table, E2E protection with AUTOSAR's state machine,
    bus load of at most ``load`` (0 to 1) in every ``load_window``, at most ``error_frames`` on a channel, latency
    of the routes that the bench file names. What is left out is as the bench file's ``[monitors]`` says.

    without: kinds of violations not to look for, of ``cycle silence unknown_frame undecodable range reserved crc
    counter e2e load error_frame latency``. Raises :class:`~harness.errors.ConfigError` for an unknown one, and for
    limits that make no sense.
    """
    for kind in without:
        if kind not in KINDS:
            raise ConfigError(f"bus_contract(without={kind!r}): no such kind{nearest(kind, KINDS)}")
    for name, value, least in (
        ("relative", relative, 0),
        ("first", first, 0),
        ("silence", silence, 1),
        ("load", load, 0),
    ):
        if value is not None and not value >= least:
            raise ConfigError(f"bus_contract({name}={value}) must be at least {least}")
    return BusContract(
        relative,
        None if absolute is None else duration(absolute, "absolute"),
        first,
        silence,
        load,
        None if load_window is None else duration(load_window, "load_window", zero=False),
        error_frames,
        frozenset(without),
    )


def contract_checks(
    rules: Sequence[MessageRule],
    limits: ContractLimits,
    lengths: Mapping[str, Callable[[Frame], int]],
    known: Mapping[str, Collection[int]],
    busy: Mapping[str, Callable[[int], int]] | None = None,
    early: int = 0,
) -> list[Check]:
    """The checks of a contract, in the order in which a frame goes through them.

    lengths: by channel, how long a frame occupies it, ns; a channel left out has no load check. known: by channel, the
    identifiers that its databases know. busy: by channel, for how long the bus had been busy up to an instant, ns,
    where it knows that itself; its load is then taken from there. early: see
    :class:`~harness.monitors.latency.LatencyCheck`.
    Raises :class:`~harness.errors.ConfigError` for a route that names no message.
    """
    sleeps = _sleeps(rules, limits, known) if limits.network_sleeps else {}
    cycles = _cycle_checks(rules, limits, sleeps)
    found: list[Check] = []
    if "unknown_frame" not in limits.without:
        found += [KnownFrames(channel, keys) for channel, keys in known.items()]
    contents = {"undecodable", "range", "reserved"} - limits.without
    if contents:
        found += [Contents(rule, contents) for rule in rules]
    if not {"crc", "counter", "e2e"} <= limits.without:
        found += [
            E2ECheck(rule, limits.e2e_limits(rule.path), limits.cycle_limits(rule.path).tolerance(rule.cycle_ns or 0))
            for rule in rules
            if rule.protector is not None
        ]
    found += cycles
    found += sleeps.values()
    if "silence" not in limits.without:
        found += _node_checks(cycles, limits, sleeps)
    if "latency" not in limits.without:
        found += _latency_checks(rules, limits, sleeps, early)
    if "load" not in limits.without and limits.load is not None:
        measured = busy or {}
        found += [
            MeasuredLoad(channel, measured[channel], limits.load, limits.load_window)
            if channel in measured
            else LoadCheck(channel, length, limits.load, limits.load_window)
            for channel, length in lengths.items()
        ]
    if "error_frame" not in limits.without:
        found += [ErrorFrames(channel, limits.error_frames) for channel in known]
    return found


def _sleeps(
    rules: Sequence[MessageRule], limits: ContractLimits, channels: Collection[str]
) -> Mapping[str, NetworkSleep]:
    stated = {} if "silence" in limits.without else limits.awake
    messages = {channel: [rule.message for rule in rules if rule.channel == channel] for channel in stated}
    statements = {channel: Statement.of(text, messages[channel]) for channel, text in stated.items()}
    return {channel: NetworkSleep(channel, statements.get(channel)) for channel in channels}


def _cycle_checks(
    rules: Sequence[MessageRule], limits: ContractLimits, sleeps: Mapping[str, NetworkSleep]
) -> list[CycleCheck]:
    if "cycle" in limits.without and "silence" in limits.without:
        return []
    found = []
    for rule in rules:
        if rule.cycle_ns:
            sleep = sleeps.get(rule.channel)
            check = CycleCheck(rule, limits.cycle_limits(rule.path), sleep, judges="cycle" not in limits.without)
            if sleep is not None and not rule.follows:
                sleep.listen_to(check)
            found.append(check)
    return found


def _node_checks(
    cycles: Sequence[CycleCheck], limits: ContractLimits, sleeps: Mapping[str, NetworkSleep]
) -> list[NodeCheck]:
    by_node: dict[tuple[str, str], list[CycleCheck]] = {}
    for check in cycles:
        if check.rule.sender:
            by_node.setdefault((check.rule.sender, check.rule.channel), []).append(check)
    return [
        NodeCheck(node, channel, checks, limits.silence, sleeps.get(channel))
        for (node, channel), checks in by_node.items()
    ]


def _latency_checks(
    rules: Sequence[MessageRule], limits: ContractLimits, sleeps: Mapping[str, NetworkSleep], early: int
) -> list[LatencyCheck]:
    by_path = {rule.path: rule for rule in rules}
    found = []
    for route in limits.routes:
        for path in (route.source, route.copy):
            if path not in by_path:
                raise ConfigError(
                    f"the route {route.source} -> {route.copy}: no message {path!r}{nearest(path, by_path)}"
                )
        if route.within is not None:
            source, copy = by_path[route.source], by_path[route.copy]
            found.append(LatencyCheck(source, copy, route.within, sleeps.get(copy.channel), early))
    return found
