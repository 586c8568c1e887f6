"""Serving a bench on the lines that the command line asks for."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Event
from urllib.parse import parse_qsl

import can

from harness.adapter.echoes import ECHOING
from harness.adapter.scheduling import hurry, settle
from harness.adapter.traits import traits_of
from harness.bench.blueprint import Blueprint
from harness.bench.file import NodeState
from harness.errors import ConfigError, MissingExtra
from harness.serve.alone import refuse_second
from harness.serve.line import InterfaceLine, Line
from harness.serve.server import Server

SHORT_COLLECTIONS = (1_000, 20, 1_000)
"""Thresholds of the garbage collector: often and short (under 1 ms), for a vehicle makes objects all the time."""

_LOOK_S = 0.2


def serve(chosen: argparse.Namespace, end: Event) -> int:
    """Serve until ``end`` is set or ``--seconds`` are over; returns the exit code.

    Raises :class:`~harness.errors.ConfigError` for what cannot be served, or an interface that cannot be opened.
    """
    blueprint = Blueprint.load(chosen.bench)
    lines: dict[str, Line] = {}
    scheduling = hurry()
    with ExitStack() as stack:
        for channel, line in _lines(chosen, blueprint, stack):
            lines[channel] = line
            stack.callback(line.close)
        settle()
        gc.set_threshold(*SHORT_COLLECTIONS)
        server = Server(blueprint, lines, tidy=gc.collect)
        stack.callback(server.close)
        for channel, line in lines.items():
            print(f"{channel} {line.name}", flush=True)
        print("serving", flush=True)
        _wait(server, end, chosen.seconds, ends_when_broken=chosen.end_when_broken)
        print(server.report())
        print(f"scheduling: {scheduling}", flush=True)
        return 1 if server.broken or server.fault else 0


def _wait(server: Server, end: Event, seconds: float | None, *, ends_when_broken: bool) -> None:
    looks = None if seconds is None else max(1, round(seconds / _LOOK_S))
    while server.fault is None and not (ends_when_broken and server.broken) and not end.wait(_LOOK_S):
        if looks is not None:
            looks -= 1
            if not looks:
                break


def _lines(chosen: argparse.Namespace, blueprint: Blueprint, stack: ExitStack) -> Iterator[tuple[str, Line]]:
    specs = {spec.name: spec for spec in blueprint.file.channels}
    options = dict(_pair(text, "--option") for text in chosen.option)
    wanted = dict(_pair(text) for text in chosen.channel) or {name: name for name in specs}
    for name in wanted:
        if name not in specs:
            raise ConfigError(f"{chosen.bench} has no channel {name!r}; it has {', '.join(specs)}")
    if chosen.slcan:
        yield from _adapters(wanted, chosen.links, stack)
        return
    if chosen.links is not None:
        raise ConfigError("--links goes with --slcan: only emulated adapters have terminals to link to")
    traits = traits_of(chosen.interface)
    for name, where in wanted.items():
        spec = specs[name]
        fd = spec.data_bitrate is not None
        rates = {"bitrate": spec.bitrate} | ({"data_bitrate": spec.data_bitrate} if fd else {})
        place, _, own = where.partition("?")
        bus = _open(chosen.interface, place, {"fd": fd, **rates, **options, **dict(parse_qsl(own, True, True))})
        try:
            refuse_second(bus, f"{chosen.interface}:{where}", _served(blueprint, name), fd=fd)
        except BaseException:
            bus.shutdown()
            raise
        yield (
            name,
            InterfaceLine(
                bus,
                f"{chosen.interface}:{where}",
                fd=fd,
                echoing=chosen.interface in ECHOING,
                stamping=traits.stamps == "kernel" and traits.clock == "unix",
            ),
        )


def _served(blueprint: Blueprint, channel: str) -> frozenset[int]:
    """Keys of the identifiers that the simulated nodes send on a channel."""
    plans = blueprint.channel(channel).plans
    nodes = [node for node in plans if blueprint.file.node(node).state is NodeState.SIMULATED]
    return frozenset(plan.message.key for node in nodes for plan in plans[node])


def _open(interface: str, channel: str, options: dict[str, object]) -> can.BusABC:
    try:
        options = {key: int(str(value)) if str(value).isdecimal() else value for key, value in options.items()}
        return can.Bus(interface=interface, channel=channel, **options)  # type: ignore[arg-type]
    except (can.CanError, OSError, ValueError, TypeError) as error:
        extra = traits_of(interface).extra
        if extra and isinstance(error, can.CanInterfaceNotImplementedError):
            raise MissingExtra(f"interface {interface!r}", extra) from error
        raise ConfigError(
            f"interface {interface!r} cannot open {channel!r}: {type(error).__name__}: {error}"
        ) from error


def _adapters(channels: Iterable[str], folder: Path | None, stack: ExitStack) -> Iterator[tuple[str, Line]]:
    try:
        from harness.serve.links import Links
        from harness.serve.slcan import SlcanLine
    except ImportError as error:
        raise ConfigError(
            f"an emulated adapter needs pseudo-terminals, which this system has none of: {error}"
        ) from error
    if folder is None:
        places: dict[str, Path | None] = dict.fromkeys(channels)
    else:
        links = Links(folder)
        stack.callback(links.close)
        # All of them first: a new terminal may have the number to which an old link of another channel leads.
        places = {name: links.free(name) for name in channels}
    for name, place in places.items():
        yield name, SlcanLine(place)


def _pair(text: str, option: str = "") -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if option and not equals:
        raise ConfigError(f"{option} takes KEY=VALUE, not {text!r}")
    return name, value if equals else name
