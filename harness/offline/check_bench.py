"""What a recording is judged by: the messages, limits and properties of a bench, made ready once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.bench.blueprint import Blueprint
from harness.bench.contract import contract_limits, frame_length, known_keys, message_rules
from harness.bus.length import INTERMISSION
from harness.bus.length_columns import FrameTimes
from harness.errors import UnknownSignalError, nearest
from harness.frames import Frame
from harness.loop import Loop
from harness.monitors.blocks import ContractColumns
from harness.monitors.blocks_traffic import Durations
from harness.monitors.check import Check
from harness.monitors.contract import BusContract, contract_checks
from harness.signals.definitions import MessageDef
from harness.signals.live import LiveSignal
from harness.signals.network import Network
from harness.temporal.properties import Property, load_properties


@dataclass(frozen=True, slots=True)
class CheckBench:
    """A bench as far as recordings are judged by it.

    contract: what the bus contract demands; None for no contract. properties: in the order of their files.
    """

    blueprint: Blueprint
    contract: BusContract | None
    properties: Sequence[Property]

    @classmethod
    def load(
        cls, bench: Path, properties: Sequence[Path] = (), contract: BusContract | None = None, *, own: bool = True
    ) -> CheckBench:
        """Read a bench file, its databases, and files of properties.

        properties: beside those that the bench file's ``[monitors]`` names (``own=False``: instead of them). Raises
        :class:`~harness.errors.ConfigError`, :class:`~harness.errors.SignalError` for what is wrong in one of them.
        """
        blueprint = Blueprint.load(bench, code=False)
        loop = Loop()  # nothing runs: it says that these signals are of one world
        networks = {channel.name: Network(channel.name, channel.databases, loop) for channel in blueprint.channels}
        files = [*(blueprint.file.monitors.properties if own else ()), *properties]
        found = [each for file in files for each in load_properties(file, lambda name: signal_of(networks, name))]
        return cls(blueprint, contract, found)

    def described(self) -> dict[str, object]:
        """The bench with the fingerprints of its files."""
        file = self.blueprint.file
        return {
            "name": file.name,
            "file": str(file.path),
            "sha256": hashlib.sha256(file.path.read_bytes()).hexdigest(),
            "databases": [
                {"channel": channel.name, "file": database.path.name, "sha256": database.sha256}
                for channel in self.blueprint.channels
                for database in channel.databases
            ],
        }

    @property
    def messages(self) -> Mapping[str, Sequence[MessageDef]]:
        """All messages by channel."""
        return {
            channel.name: [message for database in channel.databases for message in database.messages]
            for channel in self.blueprint.channels
        }

    @property
    def awake(self) -> Mapping[str, str]:
        """By channel, what says that its network is awake; nothing without a contract."""
        return {} if self.contract is None else contract_limits(self.blueprint, self.contract).awake

    def known(self, channels: Collection[str]) -> dict[str, frozenset[int]]:
        """The identifiers that each of these channels knows."""
        return {each.name: known_keys(each) for each in self.blueprint.channels if each.name in channels}

    def checks(self, channels: Collection[str], early: int = 0) -> list[Check]:
        """Fresh checks of the contract on these channels; a route to another channel cannot be judged.

        early: how much earlier than its original a copy on another channel may be stamped, ns.
        """
        if self.contract is None:
            return []
        here = [channel for channel in self.blueprint.channels if channel.name in channels]
        limits = contract_limits(self.blueprint, self.contract)
        ends = [(route, {path.partition(".")[0] for path in (route.source, route.copy)}) for route in limits.routes]
        away = {channel.name for channel in self.blueprint.channels} - set(channels)
        return contract_checks(
            [rule for rule in message_rules(self.blueprint) if rule.channel in channels],
            replace(limits, routes=tuple(route for route, names in ends if not names & away)),
            {channel.name: frame_length(channel.lengths) for channel in here},
            self.known(channels),
            early=early,
        )

    def columns(self, channels: Collection[str], early: int = 0) -> ContractColumns:
        """The contract over a recording that holds these channels. early: see :meth:`checks`."""
        durations = {
            channel.name: _durations(FrameTimes(channel.lengths.times))
            for channel in self.blueprint.channels
            if channel.name in channels
        }
        return ContractColumns(self.checks(channels, early), durations, self.known(channels))


def _durations(times: FrameTimes) -> Durations:
    gap = times.times.time(INTERMISSION)

    def durations(like: Frame, data: NDArray[np.uint8]) -> NDArray[np.int64]:
        found = times.of(like, data)
        return found + gap if found.any() else found

    return durations


def signal_of(networks: Mapping[str, Network], name: str) -> LiveSignal:
    """The signal behind ``Signal``, ``Message.Signal`` or ``channel.Message.Signal``, as ``bench.signal`` finds it.

    Raises :class:`~harness.errors.UnknownSignalError` with the nearest names, or with those to choose from.
    """
    channel, dot, rest = name.partition(".")
    if dot and channel in networks:
        return networks[channel].signal(rest)
    message, dot, signal = name.rpartition(".")
    found = [
        (network, definition)
        for network in networks.values()
        for owner, definition in network.with_signal(signal)
        if not dot or owner.name == message
    ]
    if len(found) == 1:
        network, definition = found[0]
        return network.signal(definition.full_name)
    if found:
        names = ", ".join(f"{network.channel}.{definition.full_name}" for network, definition in found)
        raise UnknownSignalError(f"signal {name!r} is ambiguous; write one of {names}")
    known = (
        each.full_name if dot else each.name
        for network in networks.values()
        for owner in network.messages
        for each in owner.signals
    )
    raise UnknownSignalError(f"the bench has no signal {name!r}{nearest(name, known)}")
