"""The tables ``[instruments.NAME]`` of a bench file."""

from __future__ import annotations

import os
import re
from functools import partial

from harness.bench.table import Table
from harness.instruments.spec import InstrumentSpec
from harness.instruments.table import instrument_spec


def instruments_of(top: Table) -> tuple[InstrumentSpec, ...]:
    """Read the tables, in the order of the file: their safe states are reached in that order.

    Raises :class:`~harness.errors.BenchFileError` with the place, and two instruments on one port.
    """
    specs: dict[str, InstrumentSpec] = {}
    for name, table in top.tables("instruments").items():
        spec = instrument_spec(name, table, partial(_port, table))
        twin = next((each.name for each in specs.values() if each.port == spec.port and "loop:" not in spec.port), None)
        if twin is not None:
            raise table.error(f"{table.where}.port: {spec.port} is the port of instrument {twin!r} already")
        specs[name] = spec
    return tuple(specs.values())


def _port(table: Table, text: str) -> str:
    """``$NAME`` is taken from the environment; ``./`` and ``../`` are relative to the bench file."""

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if name not in os.environ:
            raise table.error(f"{table.where}.port: the environment has no {name}; set it to the port")
        return os.environ[name]

    port = re.sub(r"\$(\w+)", value, text)
    return str((table.path.parent / port).absolute()) if port.startswith(("./", "../")) else port
