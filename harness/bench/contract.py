"""The bus contract of a bench: its messages' rules and limits, from the databases and what the bench file adds."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from harness.bench.blueprint import Blueprint, ChannelPlan
from harness.bench.file import NodeState
from harness.bus.length import INTERMISSION, Lengths
from harness.errors import BusError
from harness.frames import Frame
from harness.monitors.check import Check
from harness.monitors.contract import BusContract, contract_checks
from harness.monitors.rules import ContractLimits, MessageRule
from harness.restbus.sendtypes import SendType

_EVENTS = SendType.ON_CHANGE | SendType.ON_WRITE | SendType.IF_ACTIVE | SendType.REPEATED


def message_rules(blueprint: Blueprint) -> tuple[MessageRule, ...]:
    """The rule of every message that a node of the bench sends, in the order of channels and nodes; made once."""
    if not blueprint.rules:
        blueprint.rules.extend(_rules(blueprint))
    return tuple(blueprint.rules)


def _rules(blueprint: Blueprint) -> Iterator[MessageRule]:
    follows = blueprint.file.sleep_after is not None
    return (
        MessageRule(
            channel=channel.name,
            message=plan.message,
            sender=node,
            cycle_ns=plan.cycle_ns,
            events=bool(plan.send_type & _EVENTS),
            min_delay_ns=plan.min_delay_ns,
            start_delay_ns=plan.start_delay_ns,
            protection=plan.protection,
            protector=plan.protector,
            reading=plan.readings.__getitem__,
            follows=follows and blueprint.file.node(node).state is NodeState.ABSENT,
        )
        for channel in blueprint.channels
        for node, plans in channel.plans.items()
        for plan in plans
    )


def contract_limits(blueprint: Blueprint, contract: BusContract) -> ContractLimits:
    """The limits of a contract on a bench: what the contract says, else the bench file's ``[monitors]``."""
    return contract.limits(blueprint.file.monitors.limits)


def bench_checks(
    blueprint: Blueprint,
    contract: BusContract,
    busy: Mapping[str, Callable[[int], int]] | None = None,
    early: int = 0,
) -> Sequence[Check]:
    """Fresh checks of a contract for one world.

    busy: by channel, for how long its bus had been busy up to an instant; left out, frames are measured one by one.
    early: how much earlier than its original a copy on another channel may be stamped, ns.
    Raises :class:`~harness.errors.ConfigError` for a wrong route.
    """
    return contract_checks(
        message_rules(blueprint),
        contract_limits(blueprint, contract),
        {channel.name: frame_length(channel.lengths) for channel in blueprint.channels},
        {channel.name: known_keys(channel) for channel in blueprint.channels},
        busy,
        early,
    )


def known_keys(channel: ChannelPlan) -> frozenset[int]:
    """The identifiers that the databases of a channel know."""
    return frozenset(message.key for database in channel.databases for message in database.messages)


def frame_length(lengths: Lengths) -> Callable[[Frame], int]:
    """A function: how long a frame occupies a channel with its intermission, ns; 0 for what it cannot carry.

    >>> from harness.bus.length import BitTimes
    >>> frame_length(Lengths(BitTimes(500_000, None)))(Frame(0x123))
    96000
    """

    gap = lengths.times.time(INTERMISSION)

    def length(frame: Frame) -> int:
        try:
            return lengths[frame][1] + gap
        except BusError:
            return 0

    return length
