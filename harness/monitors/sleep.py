"""A network that falls silent as a whole is asleep; what tells that from a message or a node that is missing."""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from harness.errors import DecodeError
from harness.frames import Received
from harness.monitors.check import Check
from harness.monitors.monitor import Outcome, Violation
from harness.monitors.rules import NOTHING
from harness.signals.definitions import MessageDef, SignalDef
from harness.units import time_text

NEVER = -(1 << 62)
"""A time before all others."""

SPREAD_NS = 20_000_000
"""Within so much of each other the nodes of a network fall asleep."""


class Sleeper(Protocol):
    """A message whose frames show that its network is awake."""

    @property
    def last(self) -> int:
        """When its last frame ended, ns."""

    @property
    def cycle(self) -> int:
        """Its cycle time, ns."""


Said = tuple[int, str]
"""When a network said something about itself, ns, and what: the label."""


@dataclass(frozen=True, slots=True, eq=False)
class Statement:
    """The signal of a message that says whether its network is awake. label: what it says while it is."""

    message: MessageDef
    signal: SignalDef
    label: str

    @classmethod
    def of(cls, stated: str, messages: Iterable[MessageDef]) -> Statement | None:
        """From ``Message.Signal == Label``; None when none of the messages has that signal."""
        name, _, label = stated.partition(" == ")
        for message in messages:
            for signal in message.signals:
                if signal.full_name == name:
                    return cls(message, signal, label.strip('"'))
        return None

    def said(self, rx: Received) -> Said | None:
        """What a frame of the message says; None for one that does not carry the signal."""
        if rx.frame.remote:
            return None
        try:
            raw = self.message.codec.signal_raw(self.signal.name)(rx.frame.data)
        except DecodeError:
            return None  # its length is judged elsewhere; it says nothing about the network
        return None if raw is None else (rx.time, self.signal.text(raw) or f"{raw:g}")


class NetworkSleep(Check):
    """Tells one channel's silence as a whole from one message's: the first is sleep, the second a fault.

    A gap is therefore certain only :attr:`settle` ns after the longest allowed one: is any of the nodes that keep the
    network awake heard until then, later than :data:`SPREAD_NS` after it began to be too long, the network is awake.
    A network whose nodes are all dead cannot be told from one that sleeps, unless it says of itself that it is awake
    (statement; None: it does not). Is that its last word before it falls silent, then that is a violation: once for
    each silence, and only after it has been awake for longer than :attr:`settle`, as not all nodes wake at once.

    Every half :attr:`period`, counted from the begin, it asks whether anybody was heard within the last one; if
    nobody was, the network slept then, and what wakes up after that begins its cycles anew.
    """

    family = "network sleep"

    def __init__(self, channel: str, statement: Statement | None = None) -> None:
        super().__init__()
        self.channel = channel
        self.statement = statement
        self.said: Said | None = None
        """The last word of the network about itself; None before the first."""
        self.title = f"sleep of {channel}"
        self._awake: list[Sleeper] = []
        self.period = 1 << 62
        """How long a silence is sleep, ns: two of the shortest cycles of the nodes that keep the network awake."""
        self.slept = NEVER
        """When it was asleep last, as far as is known, ns."""
        self._look = 0
        self._times = 0

    def listen_to(self, sleeper: Sleeper) -> None:
        """A message of a node that keeps the network awake."""
        self._awake.append(sleeper)
        self._awake.sort(key=lambda each: each.cycle)  # the fastest is asked first, and mostly knows
        self.period = 2 * self._awake[0].cycle

    @property
    def step(self) -> int:
        """How often it looks, ns."""
        return self.period // 2

    @property
    def settle(self) -> int:
        """How long a gap stays open before it is certain, ns."""
        return SPREAD_NS + self.period

    @property
    def look(self) -> int | None:
        """When to look next, ns; None without anybody to listen to."""
        return self._look if self._awake else None

    @property
    def due(self) -> int | None:
        """The next look that the fastest message does not answer already, as it was heard within a period before."""
        if not self._awake:
            return None
        look = self._look
        answered = self._awake[0].last + self.period - look
        return look if answered <= 0 else look - -answered // self.step * self.step

    def wants(self, channel: str) -> Container[int]:
        """What says that the network is awake; the checks of the messages know when they were heard."""
        stated = self.statement
        return () if stated is None or channel != self.channel else (stated.message.key,)

    def begin(self, time: int) -> None:
        """Look from here."""
        super().begin(time)
        self._look = time + self.period  # the first whole one

    def receive(self, rx: Received) -> Sequence[Violation]:
        """Does it say that it is awake?"""
        if self.statement is not None:
            self.said = self.statement.said(rx) or self.said
        return NOTHING

    def advance(self, time: int) -> Sequence[Violation]:
        """Has anybody been heard?"""
        found: list[Violation] = []
        while (look := self.due) is not None and look <= time:
            if not self.awake(look + 1):
                found += self.silent(look, self.slept, max(each.last for each in self._awake), self.said)
                self.slept = look
                self._times += 1
            self._look = look + self.step
        return found

    def silent(self, look: int, slept: int, heard: int, said: Said | None) -> Sequence[Violation]:
        """It is found asleep at ``look``; slept: asleep last before; heard: last heard (all ns); said: last word."""
        stated = self.statement
        if stated is None or said is None or said[1] != stated.label:
            return NOTHING
        if look - max(slept, self.began) <= self.settle:
            return NOTHING
        name = stated.signal.full_name
        violation = Violation(
            "silence", self.title, look, heard, look,
            f"{name} says not {stated.label} before the network falls silent",
            f"silent since {time_text(heard)}, last word {stated.label} at {time_text(said[0])}",
            None, "", self.channel, stated.message.name, (f"{self.channel}.{name}",),
        )  # fmt: skip
        return self.note(violation)

    @property
    def sleepers(self) -> Sequence[Sleeper]:
        """The messages of the nodes that keep the network awake."""
        return self._awake

    def pass_over(self, looks: int, asleep: int) -> None:
        """So many looks were made elsewhere, and that many of them found it asleep; :attr:`slept` is theirs, too."""
        self._look += looks * self.step
        self._times += asleep

    def awake(self, time: int) -> bool:
        """Whether somebody has been heard within the last :attr:`period` before ``time`` (ns)."""
        awake, since = self._awake, time - self.period
        return bool(awake) and (awake[0].last >= since or any(each.last >= since for each in awake))

    def heard(self, since: int) -> bool:
        """Whether somebody has been heard later than a spread after ``since`` (ns)."""
        return any(each.last > since + SPREAD_NS for each in self._awake)

    def finish(self, time: int) -> Sequence[Outcome]:
        """How long it slept."""
        slept = (self._times + 1) * (self.period // 2) if self._times else 0
        return self.outcome(time - self.began, statistics=[("asleep", time_text(slept))])
