"""The table ``[monitors]`` of a bench file: what is watched in every world of the bench, and the limits."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, fields
from pathlib import Path

from harness.bench.table import Table
from harness.errors import ConfigError, nearest
from harness.monitors.contract import KINDS
from harness.monitors.e2e_machine import E2ELimits
from harness.monitors.rules import ContractLimits, CycleLimits, Route


@dataclass(frozen=True, slots=True)
class MonitorsSpec:
    """What a bench file says about monitors.

    contract: whether the bus contract watches every world of the bench. properties: files of properties that do;
    absolute. limits: those of every bus contract on this bench, unless it says otherwise itself.
    """

    contract: bool = False
    properties: tuple[Path, ...] = ()
    limits: ContractLimits = field(default_factory=ContractLimits)


def monitors_of(table: Table, *, sleeps: bool) -> MonitorsSpec:
    """Read the table. sleeps: whether the network falls silent as a whole.

    Raises :class:`~harness.errors.BenchFileError` with the place.
    """
    properties = table.take("properties", (str, list), [])
    paths = [properties] if isinstance(properties, str) else properties
    if not all(isinstance(each, str) for each in paths):
        raise table.error(f"{table.where}.properties must be a file name or a list of them, not {properties!r}")
    spec = MonitorsSpec(
        contract=table.take("contract", bool, False),
        properties=tuple((table.path.parent / each).resolve() for each in paths),
        limits=_limits(table, sleeps),
    )
    table.done()
    return spec


def _limits(table: Table, sleeps: bool) -> ContractLimits:
    given = ContractLimits()
    load = _number(table, "load", given.load or 0.0)
    without = table.take("without", list, [])
    for kind in without:
        if kind not in KINDS:
            raise table.error(f"{table.where}.without: no kind {kind!r}{nearest(str(kind), KINDS)}")
    e2e = _inner(table, "e2e")
    default = _e2e(e2e, E2ELimits())
    return ContractLimits(
        cycles=_cycles(table, given.cycles),
        cycle_of={name: _own_cycles(own, given.cycles) for name, own in table.tables("cycle").items()},
        silence=_number(table, "silence", given.silence),
        load=load or None,
        load_window=table.duration("load_window", given.load_window) or given.load_window,
        error_frames=table.take("error_frames", int, given.error_frames),
        e2e=default,
        e2e_of={name: _own_e2e(Table(e2e.path, f"{e2e.where}.{name}", own), default) for name, own in _rest(e2e)},
        routes=tuple(_route(source, own) for source, own in table.tables("routes").items()),
        awake=_awake(_inner(table, "awake")),
        network_sleeps=sleeps,
        without=frozenset(without),
    )


def _awake(table: Table) -> dict[str, str]:
    found = {channel: table.take(channel, str) for channel in tuple(table.content)}
    for channel, text in found.items():
        if not re.fullmatch(r"\w+\.\w+ == .+", text):
            raise table.error(f"{table.where}.{channel} must be written 'Message.Signal == Label', not {text!r}")
    table.done()
    return found


def _inner(table: Table, key: str) -> Table:
    return Table(table.path, f"{table.where}.{key}", table.take(key, dict, {}))


def _rest(table: Table) -> list[tuple[str, object]]:
    """What is left in a table are messages by name."""
    return [(name, table.content.pop(name)) for name in tuple(table.content)]


def _number(table: Table, key: str, default: float, least: float = 0.0) -> float:
    value = float(table.take(key, (int, float), default))
    if not value >= least:
        raise table.error(f"{table.where}.{key} must be at least {least:g}, not {value:g}")
    return value


def _cycles(table: Table, default: CycleLimits) -> CycleLimits:
    return CycleLimits(
        relative=_number(table, "relative", default.relative),
        absolute=table.duration("absolute", default.absolute) or default.absolute,
        first=_number(table, "first", default.first, 1.0),
    )


def _own_cycles(table: Table, default: CycleLimits) -> CycleLimits:
    found = _cycles(table, default)
    table.done()
    return found


def _e2e(table: Table, default: E2ELimits) -> E2ELimits:
    values = {
        each.name: table.take(each.name, bool if each.type == "bool" else int, getattr(default, each.name))
        for each in fields(E2ELimits)
    }
    try:
        return E2ELimits(**values)
    except ConfigError as error:
        raise table.error(f"{table.where}: {error}") from error


def _own_e2e(table: Table, default: E2ELimits) -> E2ELimits:
    found = _e2e(table, default)
    table.done()
    return found


def _route(source: str, table: Table) -> Route:
    route = Route(source, table.take("to", str, required=True), table.duration("within"))
    table.done()
    return route
