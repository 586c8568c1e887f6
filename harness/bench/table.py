"""A TOML table that is read key by key, so that no key of a bench file is silently ignored."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from harness.errors import BenchFileError, UnitError, nearest
from harness.units import parse_duration

_KINDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list", dict: "a table"}


class Table:
    """A TOML table that is read key by key; what is left over at the end is an error, with the nearest known key."""

    def __init__(self, path: Path, where: str, content: object) -> None:
        self.path, self.where = path, where
        if not isinstance(content, dict):
            raise self.error(f"{where} must be a table, not {content!r}")
        self.content = dict(content)
        self.known: list[str] = []

    def error(self, text: str) -> BenchFileError:
        return BenchFileError(f"{self.path}: {text}")

    def take(self, key: str, kind: type | tuple[type, ...], default: Any = None, *, required: bool = False) -> Any:
        self.known.append(key)
        if key not in self.content:
            if required:
                raise self.error(f"{self.where} needs the key {key!r}")
            return default
        value = self.content.pop(key)
        kinds = kind if isinstance(kind, tuple) else (kind,)
        # bool is an int in Python, but `bitrate = true` is a mistake.
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            names = " or ".join(_KINDS.get(each, each.__name__) for each in kinds)
            raise self.error(f"{self.where}.{key} must be {names}, not {value!r}")
        return value

    def duration(self, key: str, default: int | None = None) -> int | None:
        text = self.take(key, str)
        return default if text is None else self.as_duration(key, text)

    def as_duration(self, key: str, text: object) -> int:
        if not isinstance(text, str):
            raise self.error(f"{self.where}.{key} must be a duration such as '100 ms', not {text!r}")
        try:
            value = int(parse_duration(text))
        except UnitError as error:
            raise self.error(f"{self.where}.{key}: {error}") from error
        if value <= 0:
            raise self.error(f"{self.where}.{key} must be more than zero, not {text!r}")
        return value

    def rate(self, key: str, default: int | None) -> int | None:
        """A bit rate as ``500_000`` or ``"500 kbit/s"``, ``"2 Mbit/s"``."""
        value = self.take(key, (int, str))
        if value is None:
            return default
        if isinstance(value, str):
            number, _, unit = value.partition(" ")
            factor = {"bit/s": 1, "kbit/s": 1_000, "Mbit/s": 1_000_000}.get(unit.strip())
            if factor is None or not number.replace(".", "", 1).isdigit():
                raise self.error(f"{self.where}.{key} must be a bit rate such as '500 kbit/s', not {value!r}")
            value = round(float(number) * factor)
        if not 10_000 <= value <= 20_000_000:
            raise self.error(f"{self.where}.{key} must lie between 10 kbit/s and 20 Mbit/s, not {value} bit/s")
        return cast(int, value)

    def choice(self, key: str, choices: tuple[str, ...], default: str) -> str:
        value = self.take(key, str, default)
        if value not in choices:
            raise self.error(f"{self.where}.{key} must be one of {', '.join(choices)}, not {value!r}")
        return cast(str, value)

    def tables(self, key: str) -> dict[str, Table]:
        content = self.take(key, dict, {})
        where = f"{self.where}.{key}" if self.where else key
        return {name: Table(self.path, f"{where}.{name}", value) for name, value in content.items()}

    def done(self) -> None:
        for key in self.content:
            where = f"{self.where}." if self.where else ""
            hint = nearest(key, self.known) or f"; known here: {', '.join(sorted(self.known))}"
            raise self.error(f"unknown key '{where}{key}'{hint}")
