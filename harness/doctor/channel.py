"""A channel under examination: what the bench file and the databases say of it, and what was heard on it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from harness.adapter.diagnosis import Diagnosis
from harness.adapter.spec import AdapterSpec
from harness.adapter.stimulation import ANSWER_ID, REQUEST_ID
from harness.bench.blueprint import Blueprint, ChannelPlan
from harness.bench.file import BenchFile, NodeState
from harness.doctor.listening import Listened
from harness.frames import EXTENDED
from harness.restbus import MessagePlan
from harness.signals.definitions import MessageDef

STIMULATION = frozenset({REQUEST_ID | EXTENDED, ANSWER_ID | EXTENDED})
"""Keys of frames between tester and served vehicle; they stand in no database."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One channel with an adapter, as the bench file describes it.

    known: its messages by key. own: the node that this bench plays, by the key of what it sends. real: what the real
    nodes send here.
    """

    file: BenchFile
    plan: ChannelPlan
    spec: AdapterSpec
    known: Mapping[int, MessageDef]
    own: Mapping[int, str]
    real: Mapping[str, tuple[MessagePlan, ...]]

    @property
    def name(self) -> str:
        """The channel's name on the bench."""
        return self.spec.channel

    @property
    def talkers(self) -> tuple[str, ...]:
        """The real nodes that have something to send cyclically."""
        return tuple(node for node, plans in self.real.items() if any(plan.cycle_ns for plan in plans))

    @property
    def sleeps(self) -> bool:
        """Whether this network falls asleep when nobody needs it."""
        return self.file.sleep_after is not None

    def diagnosis(self) -> Diagnosis:
        """A fold for what is heard here. Its beginning has to be set."""
        return Diagnosis(self.name, self.known, self.own, 0, talks=bool(self.talkers))


@dataclass(frozen=True, slots=True)
class Patient:
    """A channel that was listened to. excuse: why silence on it speaks against nothing, "" when it does."""

    subject: Subject
    heard: Listened
    excuse: str = ""

    @property
    def diagnosis(self) -> Diagnosis:
        """What was heard, folded."""
        return self.heard.diagnosis

    @property
    def keys(self) -> tuple[int, ...]:
        """The identifiers heard from others, lowest first; those of stimulation frames are not among them."""
        return tuple(sorted(key for key in self.diagnosis.heard if key not in STIMULATION))

    @property
    def frames(self) -> int:
        """Frames heard from others."""
        return self.diagnosis.heard.total()


def subjects_of(blueprint: Blueprint) -> Iterable[Subject]:
    """The channels of a bench that have an adapter."""
    for channel, plan in zip(blueprint.file.channels, blueprint.channels, strict=True):
        if channel.adapter is None:
            continue
        is_real = {node: blueprint.file.node(node).state is NodeState.REAL for node in plan.plans}
        yield Subject(
            file=blueprint.file,
            plan=plan,
            spec=channel.adapter,
            known={each.message.key: each.message for each in plan.messages.values()},
            own={each.message.key: node for node, plans in plan.plans.items() if not is_real[node] for each in plans},
            real={node: plans for node, plans in plan.plans.items() if is_real[node]},
        )
