"""The tables ``[instruments.NAME]`` of a bench file."""

from __future__ import annotations

from functools import partial

from harness.bench.live_spec import expanded
from harness.bench.table import Table
from harness.instruments.spec import InstrumentSpec


def instruments_of(top: Table) -> tuple[InstrumentSpec, ...]:
    """Read the tables, in the order of the file: their safe states are reached in that order.

    Raises :class:`~harness.errors.BenchFileError` with the place, and two instruments on one port.
    """
    tables = top.tables("instruments")
    if not tables:
        return ()
    from harness.instruments.table import instrument_spec  # loads drivers: most benches have none

    specs: dict[str, InstrumentSpec] = {}
    for name, table in tables.items():
        spec = instrument_spec(name, table, partial(expanded, table, "port"))
        twin = next((each.name for each in specs.values() if each.port == spec.port and "loop:" not in spec.port), None)
        if twin is not None:
            raise table.error(f"{table.where}.port: {spec.port} is the port of instrument {twin!r} already")
        specs[name] = spec
    return tuple(specs.values())
