"""Files of temporal properties::

[[property]]
name = "The brake lamp follows the pedal"
formula = "always((BrakePedal > 3 * percent) >> eventually(BrakeLamp == 'On', within=80 * ms))"
requirement = "VEH-001"                      # optional
doc = "ECE R13-H, 5.2.22: within 80 ms"      # optional
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.errors import ConfigError, SignalError, UnitError, nearest
from harness.temporal.formula import Formula
from harness.temporal.parse import Resolve, parse

_KEYS = ("name", "formula", "requirement", "doc")


@dataclass(frozen=True, slots=True)
class Property:
    """A named formula. requirement: identifier of the requirement that it checks, doc: why; both "" for none."""

    name: str
    formula: Formula
    requirement: str = ""
    doc: str = ""


def load_properties(path: Path | str, signal: Resolve) -> list[Property]:
    """The properties of a file, in their order; signals by the names that ``signal`` knows, as ``bench.signal`` does.

    Raises :class:`~harness.errors.ConfigError` for a file that is missing or has no such form. What is wrong with a
    formula raises as :func:`harness.temporal.parse.parse` does, with the file and the property's name before it.
    """
    file = Path(path)
    try:
        with file.open("rb") as source:
            content = tomllib.load(source)
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: no file of properties can be read: {error}") from error
    unknown = sorted(set(content) - {"property"})
    entries = content.get("property")
    if unknown or not isinstance(entries, list) or not entries:
        found = f", not {unknown[0]!r}{nearest(unknown[0], ['property'])}" if unknown else ""
        raise ConfigError(f"{file}: a file of properties has one or more tables [[property]]{found}")
    found_names: set[str] = set()
    properties = []
    for number, entry in enumerate(entries, 1):
        one = _property(f"{file}: property {number}", entry, signal)
        if one.name in found_names:
            raise ConfigError(f"{file}: property {number}: the name {one.name!r} is taken")
        found_names.add(one.name)
        properties.append(one)
    return properties


def _property(place: str, entry: object, signal: Resolve) -> Property:
    if not isinstance(entry, Mapping):
        raise ConfigError(f"{place} is no table: write [[property]] and below it name = ... and formula = ...")
    for key, value in entry.items():
        if key not in _KEYS:
            raise ConfigError(f"{place} has an unknown key {key!r}{nearest(key, _KEYS)}")
        if not isinstance(value, str):
            raise ConfigError(f"{place}: {key} is a text, not {value!r}")
    for key in ("name", "formula"):
        if not str(entry.get(key, "")).strip():
            raise ConfigError(f"{place} has no {key}")
    try:
        formula = parse(entry["formula"], signal)
    except (SignalError, UnitError) as error:
        raise type(error)(f"{place} ({entry['name']}): {error}") from None
    return Property(entry["name"], formula, entry.get("requirement", ""), entry.get("doc", ""))
