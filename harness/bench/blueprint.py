"""A blueprint: everything of a bench that does not change from world to world, made ready once.

Databases are parsed, message plans and protections are derived, model classes are found. A world built from a
blueprint then costs milliseconds, which is what makes a fresh world per generated example affordable.
"""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from harness.bench.file import BenchFile, NodeState, load_bench_file
from harness.bus.length import BitTimes, Lengths
from harness.ecu import Ecu, Names
from harness.errors import BenchFileError, DatabaseError, HarnessWarning, nearest
from harness.monitors.rules import MessageRule
from harness.plant import Plant, Role
from harness.restbus import Catalogue, MessagePlan, Supplements, plan_messages
from harness.signals.database import Database, check_together, load_database
from harness.signals.definitions import MessageDef

Model = TypeVar("Model", Ecu, Plant)

REMARKS = 8
"""How many remarks on one database a warning holds."""


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """One channel made ready: its databases, the plans of its messages by name, and the same by sending node."""

    name: str
    databases: tuple[Database, ...]
    messages: Catalogue
    plans: Mapping[str, tuple[MessagePlan, ...]]
    members: frozenset[str]
    """All nodes of the channel, also those that only receive."""
    lengths: Lengths
    """Durations of frames, as far as some world has had to work them out."""
    protective: frozenset[str]
    """Counters and checksums of protected messages, by path ``channel.Message.Signal``."""

    def connects(self, node: str) -> bool:
        """Whether a node is on this channel."""
        return node in self.members or node in self.plans


@dataclass(frozen=True, slots=True)
class Blueprint:
    """A bench file with everything it names loaded and checked."""

    file: BenchFile
    channels: tuple[ChannelPlan, ...]
    nodes: tuple[str, ...]
    models: Mapping[str, type[Ecu]]
    plant: type[Plant]
    names: Mapping[str, Names]
    """What names mean to each simulated node."""
    rules: list[MessageRule] = field(default_factory=list, repr=False, compare=False)
    """What the bus contract demands of each message; filled when it is first asked for."""

    def channel(self, name: str) -> ChannelPlan:
        """The channel of that name, which the bench file must have."""
        return next(each for each in self.channels if each.name == name)

    @classmethod
    def load(cls, path: str | Path, *, code: bool = True) -> Blueprint:
        """Load a bench file and all that it names. Raises :class:`~harness.errors.ConfigError` with the place.

        code: False leaves out model and plant classes, for whoever only needs the messages; no world can be built then.
        """
        file = load_bench_file(path)
        channels = tuple(_channel(file, index) for index in range(len(file.channels)))
        _check_supplements(file, channels)
        nodes = sorted({node for channel in channels for node in channel.plans})
        known = {node for channel in channels for database in channel.databases for node in database.nodes} | set(nodes)
        for spec in file.nodes:
            if spec.name not in known:
                hint = nearest(spec.name, known)
                raise BenchFileError(f"{file.path}: no database has a node {spec.name!r}{hint}")
        models = {
            spec.name: _model(file, spec.model, f"nodes.{spec.name}.model", Ecu)
            for spec in file.nodes
            if code and spec.model is not None and spec.state is NodeState.SIMULATED
        }
        plant = _model(file, file.plant, "plant.model", Plant) if code and file.plant else Plant
        names = {node: _names(node, channels) for node in models}
        # Something else among the roles is told when the plant is built.
        roles = [role.name for role in plant.roles if isinstance(role, Role)]
        for role in file.plant_supplies if code else ():
            if role not in roles:
                there = nearest(role, roles) or f"; it has {', '.join(roles) or 'none'}"
                raise BenchFileError(f"{file.path}: plant.supplies.{role}: the plant has no such role{there}")
        return cls(file, channels, tuple(sorted({*nodes, *models})), models, plant, names)

    def hashes(self) -> dict[str, str]:
        """SHA-256 of the bench file's databases by file name, for the evidence."""
        return {database.path.name: database.sha256 for channel in self.channels for database in channel.databases}

    @property
    def protective(self) -> frozenset[str]:
        """Counters and checksums of protected messages of all channels, by path ``channel.Message.Signal``."""
        return frozenset().union(*(channel.protective for channel in self.channels))


def _channel(file: BenchFile, index: int) -> ChannelPlan:
    spec = file.channels[index]
    databases = tuple(_supplemented(load_database(path, strict=spec.strict), file) for path in spec.databases)
    check_together(databases)
    for database in databases:
        _warn_of_remarks(database)
    supplements = Supplements(cycles=file.cycles, send_types=file.send_types, protections=file.protections)
    every = [message for database in databases for message in database.messages]
    messages = Catalogue(plan_messages(every, supplements))
    sent: dict[str, list[MessagePlan]] = {}
    for plan in messages.values():
        if plan.message.fd and spec.data_bitrate is None:
            raise BenchFileError(
                f"{file.path}: message {plan.message.name!r} is CAN FD, but channels.{spec.name} has no data_bitrate"
            )
        sender = _sender(file, plan.message)
        if sender is not None:
            sent.setdefault(sender, []).append(plan)
    return ChannelPlan(
        name=spec.name,
        databases=databases,
        messages=messages,
        plans={node: tuple(plans) for node, plans in sorted(sent.items())},
        members=frozenset(node for database in databases for node in database.nodes),
        lengths=Lengths(BitTimes(spec.bitrate, spec.data_bitrate)),
        protective=frozenset(
            f"{spec.name}.{plan.message.name}.{signal}"
            for plan in messages.values()
            if plan.protection is not None
            for signal in (plan.protection.counter, plan.protection.crc)
        ),
    )


def _supplemented(database: Database, file: BenchFile) -> Database:
    """The database with the cycle times and send types of the bench file, by which live signals know what is stale."""
    if not any(message.name in file.cycles or message.name in file.send_types for message in database.messages):
        return database
    messages = (
        replace(
            message,
            cycle_time_ns=file.cycles.get(message.name, message.cycle_time_ns),
            send_type=file.send_types.get(message.name, message.send_type),
        )
        for message in database.messages
    )
    return replace(database, messages=tuple(messages))


def _names(node: str, channels: tuple[ChannelPlan, ...]) -> Names:
    own = [channel for channel in channels if channel.connects(node)]
    messages = {channel.name: channel.messages for channel in own}
    return Names(node, messages, {channel.name: channel.plans.get(node, ()) for channel in own})


def _warn_of_remarks(database: Database) -> None:
    """Say what was odd in a database, in one warning."""
    shown, more = database.remarks[:REMARKS], len(database.remarks) - REMARKS
    if shown:
        rest = f"\n  and {more} more" if more > 0 else ""
        warnings.warn(
            f"database {database.path}:" + "".join(f"\n  {remark}" for remark in shown) + rest,
            HarnessWarning,
            stacklevel=4,
        )


def _sender(file: BenchFile, message: MessageDef) -> str | None:
    """The node that sends a message on this bench; of several that the database names, the one that is not absent."""
    senders = [node for node in message.senders if node]
    present = [node for node in senders if file.node(node).state is not NodeState.ABSENT]
    if len(present) > 1:
        raise DatabaseError(
            f"message {message.name!r} is claimed by {' and '.join(present)}, but only one node can send it: "
            f"correct the database, or make the others absent in {file.path}"
        )
    return next(iter(present or senders), None)


def _check_supplements(file: BenchFile, channels: tuple[ChannelPlan, ...]) -> None:
    names = {message.name for channel in channels for database in channel.databases for message in database.messages}
    for table, content in (("cycle", file.cycles), ("sendtype", file.send_types), ("protect", file.protections)):
        for name in content:
            if name not in names:
                raise BenchFileError(f"{file.path}: [{table}] names the message {name!r}{nearest(name, names)}")


def _check_origin(file: BenchFile, where: str, module: ModuleType) -> None:
    """Refuse another module of the same name, which Python prefers once it is imported."""
    wanted = file.models.joinpath(*module.__name__.split("."))
    for path in (wanted.with_suffix(".py"), wanted / "__init__.py"):
        if path.is_file() and (module.__file__ is None or Path(module.__file__).read_bytes() != path.read_bytes()):
            raise BenchFileError(
                f"{file.path}: {where}: there is a module {module.__name__!r} already, "
                f"{module.__file__ or 'built-in'}, so {path} cannot be imported; give it another name"
            )


def _model(file: BenchFile, reference: str, where: str, base: type[Model]) -> type[Model]:
    """The class behind ``module:Class``, looked for in the folder that the bench file gives as ``models``."""
    module_name, _, class_name = reference.partition(":")
    folder = str(file.models)
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise BenchFileError(
            f"{file.path}: {where} = {reference!r}: cannot import {module_name!r} from {folder}: {error}"
        ) from error
    except Exception as error:
        raise BenchFileError(
            f"{file.path}: {where} = {reference!r}: {module_name!r} in {folder} breaks when it is imported: "
            f"{type(error).__name__}: {error}"
        ) from error
    _check_origin(file, f"{where} = {reference!r}", module)
    found: Any = getattr(module, class_name, None)
    if not (isinstance(found, type) and issubclass(found, base)):
        classes = [name for name, each in vars(module).items() if isinstance(each, type) and issubclass(each, base)]
        what = "is no class derived from" if found is not None else "does not exist; wanted is a class derived from"
        raise BenchFileError(
            f"{file.path}: {where} = {reference!r}: {class_name!r} {what} {base.__name__}{nearest(class_name, classes)}"
        )
    return found
