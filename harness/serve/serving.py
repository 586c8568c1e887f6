"""Serving a bench on the lines that the command line asks for."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from threading import Event
from urllib.parse import parse_qsl

import can

from harness.adapter.echoes import ECHOING
from harness.bench.blueprint import Blueprint
from harness.errors import ConfigError, HarnessError
from harness.serve.line import InterfaceLine, Line
from harness.serve.server import Server

_LOOK_S = 0.2


def serve(chosen: argparse.Namespace, end: Event) -> int:
    """Serve until ``end`` is set, ``--seconds`` are over, or the vehicle breaks; returns the exit code.

    Raises :class:`~harness.errors.ConfigError` for what cannot be served, or an interface that cannot be opened.
    """
    blueprint = Blueprint.load(chosen.bench)
    lines: dict[str, Line] = {}
    for channel, line in _lines(chosen, blueprint):
        lines[channel] = line
    server = Server(blueprint, lines)
    try:
        for channel, line in lines.items():
            print(f"{channel} {line.name}", flush=True)
        print("serving", flush=True)
        failure = _wait(server, end, chosen.seconds)
        print(server.report(), flush=True)
    finally:
        server.close()
    if failure is not None:
        print(f"harness simulate: {failure}", file=sys.stderr)
        return 1
    return 0


def _wait(server: Server, end: Event, seconds: float | None) -> HarnessError | None:
    loops = None if seconds is None else max(1, round(seconds / _LOOK_S))
    while server.failure is None and not end.wait(_LOOK_S):
        if loops is not None:
            loops -= 1
            if not loops:
                break
    return server.failure


def _lines(chosen: argparse.Namespace, blueprint: Blueprint) -> Iterator[tuple[str, Line]]:
    specs = {spec.name: spec for spec in blueprint.file.channels}
    options = dict(_pair(text, "--option") for text in chosen.option)
    wanted = dict(_pair(text) for text in chosen.channel) or {name: name for name in specs}
    for name, where in wanted.items():
        spec = specs.get(name)
        if spec is None:
            raise ConfigError(f"{chosen.bench} has no channel {name!r}; it has {', '.join(specs)}")
        if chosen.slcan:
            yield name, _adapter()
        else:
            fd = spec.data_bitrate is not None
            rates = {"bitrate": spec.bitrate} | ({"data_bitrate": spec.data_bitrate} if fd else {})
            place, _, own = where.partition("?")
            bus = _open(chosen.interface, place, {"fd": fd, **rates, **options, **dict(parse_qsl(own, True, True))})
            yield name, InterfaceLine(bus, f"{chosen.interface}:{where}", fd=fd, echoing=chosen.interface in ECHOING)


def _open(interface: str, channel: str, options: dict[str, object]) -> can.BusABC:
    try:
        options = {key: int(str(value)) if str(value).isdecimal() else value for key, value in options.items()}
        return can.Bus(interface=interface, channel=channel, **options)  # type: ignore[arg-type]
    except (can.CanError, OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"interface {interface!r} cannot open {channel!r}: {type(error).__name__}: {error}"
        ) from error


def _adapter() -> Line:
    try:
        from harness.serve.slcan import SlcanLine
    except ImportError as error:
        raise ConfigError(
            f"an emulated adapter needs pseudo-terminals, which this system has none of: {error}"
        ) from error
    return SlcanLine()


def _pair(text: str, option: str = "") -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if option and not equals:
        raise ConfigError(f"{option} takes KEY=VALUE, not {text!r}")
    return name, value if equals else name
