"""The bench file: a TOML text that says what stands on the bench.

Per channel the database and the port, per node whether it is ``simulated``, ``real`` or ``absent``, and what the
database does not say (cycle times, send types, protection). See ``docs/bench-file.md`` for every key.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, cast

from harness.errors import BenchFileError, UnitError, nearest
from harness.protection import ProtectionSpec
from harness.units import parse_duration

Handling = Literal["fail", "collect", "ignore"]

MOST_DRIFT_PPM = 500_000
"""A clock that is further off than that is a slip of the pen."""


class NodeState(StrEnum):
    """What stands for a node on this bench."""

    SIMULATED = "simulated"
    REAL = "real"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class ChannelSpec:
    """One channel: its databases, and the port behind it. Bit rates in bit/s; no data rate: classic CAN."""

    name: str
    databases: tuple[Path, ...]
    port: str = "simulated"
    bitrate: int = 500_000
    data_bitrate: int | None = None
    strict: bool = True


@dataclass(frozen=True, slots=True)
class NodeSpec:
    """One node: what stands for it, its model as ``module:Class``, its clock's drift (ppm) and restart policy (ns)."""

    name: str
    state: NodeState = NodeState.ABSENT
    model: str | None = None
    drift_ppm: float = 0.0
    restart_after: int | None = 100_000_000
    parameters: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Policy:
    """What a frame means that should not be there: ``fail`` the test, ``collect`` it for the summary, ``ignore`` it."""

    unknown_frame: Handling = "fail"
    undecodable: Handling = "fail"
    protection: Handling = "fail"


@dataclass(frozen=True, slots=True)
class BenchFile:
    """A bench file as values; paths are absolute."""

    path: Path
    name: str
    channels: tuple[ChannelSpec, ...]
    nodes: tuple[NodeSpec, ...]
    models: Path
    plant: str | None = None
    cycles: Mapping[str, int] = field(default_factory=dict)
    send_types: Mapping[str, str] = field(default_factory=dict)
    protections: Mapping[str, ProtectionSpec] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    sleep_after: int | None = None

    def node(self, name: str) -> NodeSpec:
        """The node's entry, or an absent node when the file does not name it."""
        return next((node for node in self.nodes if node.name == name), NodeSpec(name))


class _Table:
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

    def tables(self, key: str) -> dict[str, _Table]:
        content = self.take(key, dict, {})
        return {name: _Table(self.path, f"{key}.{name}", value) for name, value in content.items()}

    def done(self) -> None:
        for key in self.content:
            where = f"{self.where}." if self.where else ""
            hint = nearest(key, self.known) or f"; known here: {', '.join(sorted(self.known))}"
            raise self.error(f"unknown key '{where}{key}'{hint}")


_KINDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list", dict: "a table"}
_HANDLINGS = ("fail", "collect", "ignore")


def load_bench_file(path: str | Path) -> BenchFile:
    """Read a bench file. Raises :class:`~harness.errors.BenchFileError` with the place and the nearest known key."""
    file = Path(path).resolve()
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        near = sorted(each.name for each in file.parent.glob("*.toml")) if file.parent.is_dir() else []
        there = f"; the folder holds {', '.join(near)}" if near else "; there is no TOML file in that folder"
        raise BenchFileError(f"bench file {file} does not exist{there}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BenchFileError(f"bench file {file} cannot be read: {error}") from error
    except tomllib.TOMLDecodeError as error:
        raise BenchFileError(f"{file}: not valid TOML: {error}") from error
    return _bench(file, _Table(file, "", content))


def _bench(file: Path, top: _Table) -> BenchFile:
    name = top.take("name", str, file.stem)
    models = file.parent / top.take("models", str, ".")
    channels = tuple(_channel(name, table) for name, table in top.tables("channels").items())
    if not channels:
        raise top.error("the bench has no channel: add a table such as [channels.powertrain]")
    nodes = tuple(_node(name, table) for name, table in top.tables("nodes").items())
    plant = _Table(file, "plant", top.take("plant", dict, {}))
    plant_model = plant.take("model", str)
    plant.done()
    cycles = _Table(file, "cycle", top.take("cycle", dict, {}))
    send_types = _Table(file, "sendtype", top.take("sendtype", dict, {}))
    policy = _Table(file, "policy", top.take("policy", dict, {}))
    restbus = _Table(file, "restbus", top.take("restbus", dict, {}))
    bench = BenchFile(
        path=file,
        name=name,
        channels=channels,
        nodes=nodes,
        models=models.resolve(),
        plant=plant_model,
        cycles={message: cycles.as_duration(message, text) for message, text in cycles.content.items()},
        send_types={message: send_types.take(message, str) for message in tuple(send_types.content)},
        protections={message: _protection(table) for message, table in top.tables("protect").items()},
        policy=Policy(
            **{key: cast(Handling, policy.choice(key, _HANDLINGS, "fail")) for key in Policy.__dataclass_fields__}
        ),
        sleep_after=restbus.duration("sleep_after"),
    )
    for table in (policy, restbus, top):
        table.done()
    return bench


def _channel(name: str, table: _Table) -> ChannelSpec:
    database = table.take("database", (str, list), required=True)
    paths = [database] if isinstance(database, str) else database
    if not paths or not all(isinstance(each, str) for each in paths):
        raise table.error(f"{table.where}.database must be a file name or a list of them, not {database!r}")
    spec = ChannelSpec(
        name=name,
        databases=tuple((table.path.parent / each).resolve() for each in paths),
        port=table.choice("port", ("simulated",), "simulated"),
        bitrate=table.rate("bitrate", 500_000) or 500_000,
        data_bitrate=table.rate("data_bitrate", None),
        strict=table.take("strict", bool, True),
    )
    table.done()
    return spec


def _node(name: str, table: _Table) -> NodeSpec:
    model = table.take("model", str)
    default = NodeState.SIMULATED if model else NodeState.ABSENT
    state = NodeState(table.choice("state", tuple(NodeState), default))
    if state is NodeState.SIMULATED and model is None:
        raise table.error(f"{table.where} is simulated, so it needs a model, for instance model = 'simulators.vcu:Vcu'")
    if model is not None and model.count(":") != 1:
        raise table.error(f"{table.where}.model must be written 'module:Class', not {model!r}")
    restart: int | None = 100_000_000
    if table.content.get("restart_after") == "never":
        table.take("restart_after", str)
        restart = None
    else:
        restart = table.duration("restart_after", restart)
    drift = float(table.take("drift_ppm", (int, float), 0.0))
    if not abs(drift) <= MOST_DRIFT_PPM:
        raise table.error(f"{table.where}.drift_ppm must lie within ±{MOST_DRIFT_PPM}, not {drift:g}")
    spec = NodeSpec(
        name=name,
        state=state,
        model=model,
        drift_ppm=drift,
        restart_after=restart,
        parameters=table.take("parameters", dict, {}),
    )
    table.done()
    return spec


def _protection(table: _Table) -> ProtectionSpec:
    spec = ProtectionSpec(
        profile=table.take("profile", str, required=True),
        data_id=table.take("data_id", int, required=True),
        mode=table.take("mode", str),
        counter=table.take("counter", str, required=True),
        crc=table.take("crc", str, required=True),
    )
    table.done()
    return spec
