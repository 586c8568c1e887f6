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

from harness.adapter.spec import AdapterSpec
from harness.bench.instruments import instruments_of
from harness.bench.live_spec import ResetSpec, adapter_of, refuse_twins, reset_of
from harness.bench.monitors import MonitorsSpec, monitors_of
from harness.bench.table import Table
from harness.errors import BenchFileError, nearest
from harness.instruments.spec import InstrumentSpec
from harness.protection import ProtectionSpec

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
    """One channel: its databases, and the port behind it. Bit rates in bit/s; no data rate: classic CAN.

    port: ``simulated``, or ``can``: whatever python-can knows, as ``adapter`` says.
    """

    name: str
    databases: tuple[Path, ...]
    port: str = "simulated"
    bitrate: int = 500_000
    data_bitrate: int | None = None
    strict: bool = True
    adapter: AdapterSpec | None = None


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
    """What a violation means, by its kind: ``fail`` the test, ``collect`` it for the summary, ``ignore`` it.

    unknown_frame, undecodable: frames that should not be there. protection: wrong checksums and counters. The others
    are the kinds of what is watched (:data:`harness.monitors.monitor.Kind`).
    """

    unknown_frame: Handling = "fail"
    undecodable: Handling = "fail"
    protection: Handling = "fail"
    cycle: Handling = "fail"
    silence: Handling = "fail"
    range: Handling = "fail"
    reserved: Handling = "fail"
    e2e: Handling = "fail"
    load: Handling = "fail"
    error_frame: Handling = "fail"
    latency: Handling = "fail"
    property: Handling = "fail"

    @classmethod
    def ignoring(cls) -> Policy:
        """The policy of a world that nobody tests: all kinds are ignored."""
        ignore: Handling = "ignore"
        return cls(**dict.fromkeys(cls.__dataclass_fields__, ignore))


@dataclass(frozen=True, slots=True)
class BenchFile:
    """A bench file as values; paths are absolute."""

    path: Path
    name: str
    channels: tuple[ChannelSpec, ...]
    nodes: tuple[NodeSpec, ...]
    models: Path
    plant: str | None = None
    plant_supplies: Mapping[str, str] = field(default_factory=dict)
    """Roles of the plant that are voltages, and the power supplies that make them."""
    cycles: Mapping[str, int] = field(default_factory=dict)
    send_types: Mapping[str, str] = field(default_factory=dict)
    protections: Mapping[str, ProtectionSpec] = field(default_factory=dict)
    policy: Policy = field(default_factory=Policy)
    sleep_after: int | None = None
    monitors: MonitorsSpec = field(default_factory=MonitorsSpec)
    served: str | None = None
    """The channel over which a served vehicle is stimulated; None: the vehicle is none that is served."""
    reset: ResetSpec = field(default_factory=ResetSpec)
    instruments: tuple[InstrumentSpec, ...] = ()
    """What stands on the bench beside the bus, in the order in which their safe states are reached."""
    probe: int | None = None
    """An identifier that may be sent on this bench without consequences, for `harness doctor --active`; None: none."""
    late_limit: int = 20_000_000
    """A failure during which the bench itself was later than this, ns, is inconclusive."""
    strict_policy: frozenset[str] = frozenset()
    """The kinds of problems for which the file itself says *fail*: these are red whoever uses the message."""

    @property
    def live(self) -> bool:
        """Whether any channel is a real one: then time is the clock's, and one run at a time has the bench."""
        return any(channel.adapter is not None for channel in self.channels)

    def node(self, name: str) -> NodeSpec:
        """The node's entry, or an absent node when the file does not name it."""
        return next((node for node in self.nodes if node.name == name), NodeSpec(name))


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
    return _bench(file, Table(file, "", content))


def _bench(file: Path, top: Table) -> BenchFile:
    name = top.take("name", str, file.stem)
    models = file.parent / top.take("models", str, ".")
    channels = tuple(_channel(name, table) for name, table in top.tables("channels").items())
    if not channels:
        raise top.error("the bench has no channel: add a table such as [channels.powertrain]")
    refuse_twins(top, [channel.adapter for channel in channels if channel.adapter is not None])
    nodes = tuple(_node(name, table) for name, table in top.tables("nodes").items())
    plant = Table(file, "plant", top.take("plant", dict, {}))
    plant_model = plant.take("model", str)
    supplies = Table(file, "plant.supplies", plant.take("supplies", dict, {}))
    plant.done()
    cycles = Table(file, "cycle", top.take("cycle", dict, {}))
    send_types = Table(file, "sendtype", top.take("sendtype", dict, {}))
    policy = Table(file, "policy", top.take("policy", dict, {}))
    strict = frozenset(key for key, handling in policy.content.items() if handling == "fail")
    is_served = "served" in top.content
    served_table = Table(file, "served", top.take("served", dict, {}))
    served = served_table.take("channel", str, required=is_served)
    if served is not None and served not in {channel.name for channel in channels if channel.adapter is not None}:
        raise served_table.error(f"served.channel = {served!r} is no channel of this bench with port = 'can'")
    tester = Table(file, "tester", top.take("tester", dict, {}))
    doctor = Table(file, "doctor", top.take("doctor", dict, {}))
    restbus = Table(file, "restbus", top.take("restbus", dict, {}))
    sleep_after = restbus.duration("sleep_after")
    bench = BenchFile(
        path=file,
        name=name,
        channels=channels,
        nodes=nodes,
        models=models.resolve(),
        plant=plant_model,
        plant_supplies={role: supplies.take(role, str) for role in tuple(supplies.content)},
        cycles={message: cycles.as_duration(message, text) for message, text in cycles.content.items()},
        send_types={message: send_types.take(message, str) for message in tuple(send_types.content)},
        protections={message: _protection(table) for message, table in top.tables("protect").items()},
        policy=Policy(
            **{key: cast(Handling, policy.choice(key, _HANDLINGS, "fail")) for key in Policy.__dataclass_fields__}
        ),
        sleep_after=sleep_after,
        monitors=monitors_of(Table(file, "monitors", top.take("monitors", dict, {})), sleeps=sleep_after is not None),
        served=served,
        reset=reset_of(Table(file, "reset", top.take("reset", dict, {})), served=served is not None),
        instruments=instruments_of(top),
        probe=doctor.take("probe", int),
        late_limit=tester.duration("late_limit", 20_000_000) or 0,
        strict_policy=strict,
    )
    for table in (policy, restbus, served_table, tester, doctor, top):
        table.done()
    _check_names(bench, top)
    return bench


def _check_names(bench: BenchFile, top: Table) -> None:
    """See that what the reset and the plant name stands in the file."""
    instruments = [each.name for each in bench.instruments]
    named = {f"plant.supplies.{role}": supply for role, supply in bench.plant_supplies.items()}
    if bench.reset.instrument:
        named["reset.instrument"] = bench.reset.instrument.partition(".")[0]
    for where, name in named.items():
        if name not in instruments:
            hint = nearest(name, instruments) or f"; there are {', '.join(instruments) or 'none'}"
            raise top.error(f"{where} = {name!r} is no instrument of this bench{hint}")
    channels = [each.name for each in bench.channels]
    if bench.reset.channel and bench.reset.channel not in channels:
        hint = nearest(bench.reset.channel, channels) or f"; there are {', '.join(channels)}"
        raise top.error(f"reset.channel = {bench.reset.channel!r} is no channel of this bench{hint}")


def _channel(name: str, table: Table) -> ChannelSpec:
    database = table.take("database", (str, list), required=True)
    paths = [database] if isinstance(database, str) else database
    if not paths or not all(isinstance(each, str) for each in paths):
        raise table.error(f"{table.where}.database must be a file name or a list of them, not {database!r}")
    bitrate = table.rate("bitrate", 500_000) or 500_000
    data_bitrate = table.rate("data_bitrate", None)
    port = table.choice("port", ("simulated", "can"), "simulated")
    spec = ChannelSpec(
        name=name,
        databases=tuple((table.path.parent / each).resolve() for each in paths),
        port=port,
        bitrate=bitrate,
        data_bitrate=data_bitrate,
        strict=table.take("strict", bool, True),
        adapter=adapter_of(name, table, bitrate, data_bitrate) if port == "can" else None,
    )
    table.done()
    return spec


def _node(name: str, table: Table) -> NodeSpec:
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


def _protection(table: Table) -> ProtectionSpec:
    spec = ProtectionSpec(
        profile=table.take("profile", str, required=True),
        data_id=table.take("data_id", int, required=True),
        mode=table.take("mode", str),
        counter=table.take("counter", str, required=True),
        crc=table.take("crc", str, required=True),
    )
    table.done()
    return spec
