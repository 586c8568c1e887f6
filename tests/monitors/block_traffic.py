"""A small vehicle's traffic with all sorts of faults, and the folds of a contract over it, as they run online."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from harness.bus.length import BitTimes, Lengths
from harness.frames import ErrorFrame, Frame, Received
from harness.monitors.check import Check
from harness.monitors.contract import contract_checks
from harness.monitors.monitor import Outcome, Violation
from harness.monitors.rules import ContractLimits, MessageRule, Route
from harness.protection import ProtectionSpec, make_protector
from harness.signals.definitions import MessageDef, SignalDef

MS = 1_000_000
Seen = Received | ErrorFrame

GEAR = SignalDef("Gear", "Box", start=16, length=3, choices={0: "P", 1: "R", 2: "N", 3: "D", 7: "Reserved"})
LEVEL = SignalDef("Level", "Box", start=24, length=16, scale=0.5, offset=-40, minimum=-40, maximum=215, unit="degC")
SPEED = SignalDef("Speed", "Box", start=40, length=12, signed=True, minimum=-100, maximum=300, unit="km/h")
WIDE = SignalDef("Wide", "Heat", start=0, length=32, is_float=True, minimum=0, maximum=10, unit="A")
PAGE = SignalDef("Page", "Pages", start=0, length=2, is_multiplexer=True)
FIRST = SignalDef("First", "Pages", start=8, length=8, maximum=100, minimum=0, multiplexer="Page", multiplexer_ids=(0,))
SECOND = SignalDef(
    "Second", "Pages", start=8, length=8, maximum=9, minimum=0, multiplexer="Page", multiplexer_ids=(1, 2)
)


def _protected(
    name: str, key: int, profile: str, signals: tuple[SignalDef, ...] = ()
) -> tuple[MessageDef, ProtectionSpec]:
    crc = SignalDef("Crc", name, start=0, length=8)
    alive = SignalDef("Alive", name, start=8, length=4)
    own = tuple(replace(signal, message=name) for signal in signals)
    return MessageDef(name, key, 8, (crc, alive, *own)), ProtectionSpec(profile, 0x123, None, "Alive", "Crc")


BOX, BOX_SPEC = _protected("Box", 0x100, "P01", (GEAR, LEVEL, SPEED))
COPY, COPY_SPEC = _protected("BoxCopy", 0x200, "P11")
HEAT = MessageDef("Heat", 0x110, 4, (WIDE,))
PAGES = MessageDef("Pages", 0x18F00011, 2, (PAGE, FIRST, SECOND), extended=True)
BUTTON = MessageDef("Button", 0x120, 1, (SignalDef("Button", "Button", start=0, length=8),))
LONG = MessageDef("Long", 0x130, 12, (SignalDef("Long", "Long", start=64, length=8, minimum=0, maximum=99),), fd=True)


def rules() -> tuple[MessageRule, ...]:
    return (
        MessageRule("a", BOX, "TCU", 10 * MS, protection=BOX_SPEC, protector=make_protector(BOX_SPEC, BOX)),
        MessageRule("a", HEAT, "TCU", 40 * MS, start_delay_ns=5 * MS),
        MessageRule("a", PAGES, "HEATER", 25 * MS, events=True, min_delay_ns=4 * MS),
        MessageRule("a", BUTTON, "HEATER"),
        MessageRule("b", COPY, "GW", 10 * MS, protection=COPY_SPEC, protector=make_protector(COPY_SPEC, COPY)),
        MessageRule("b", LONG, "GW", 20 * MS, follows=True),
    )


KNOWN = {
    "a": frozenset({BOX.key, HEAT.key, PAGES.key, BUTTON.key}),
    "b": frozenset({COPY.key, LONG.key}),
}
BIT_TIMES = {"a": BitTimes(500_000, None), "b": BitTimes(500_000, 2_000_000)}
LIMITS = ContractLimits(
    load=0.02,
    load_window=100 * MS,
    error_frames=1,
    routes=(Route("a.Box", "b.BoxCopy", 3 * MS),),
    awake={"a": "Box.Gear == D"},
)


def lengths() -> Mapping[str, Callable[[Frame], int]]:
    def of(times: BitTimes) -> Callable[[Frame], int]:
        known = Lengths(times)
        gap = times.time(3)
        return lambda frame: known[frame][1] + gap

    return {name: of(times) for name, times in BIT_TIMES.items()}


def checks(limits: ContractLimits, early: int = 0) -> list[Check]:
    return contract_checks(rules(), limits, lengths(), KNOWN, early=early)


@dataclass
class Faults:
    """How often, per frame, something goes wrong; 0 for never."""

    lost: float = 0.0
    late: float = 0.0
    crc: float = 0.0
    counter: float = 0.0
    value: float = 0.0
    length: float = 0.0
    silence: float = 0.0
    sleep: float = 0.0
    unknown: float = 0.0
    error: float = 0.0
    remote: float = 0.0
    uncopied: float = 0.0
    crowded: float = 0.0
    ahead: float = 0.0


@dataclass
class Car:
    """Traffic of a second or so; everything by chance, from one seed."""

    seed: int
    faults: Faults
    span: int = 1000 * MS
    seen: list[Seen] = field(default_factory=list)

    def drive(self) -> list[Seen]:
        rng = self.rng = random.Random(self.seed)
        asleep = self._times(self.faults.sleep, 400 * MS)
        for rule in rules():
            silent = [*asleep, *self._times(self.faults.silence, 200 * MS)]
            time = rule.start_delay_ns + rng.randrange(8 * MS)
            counter = rng.randrange(15)
            while time < self.span:
                dead = any(begin <= time < end for begin, end in silent) or self._happens("lost")
                if not dead and rule.message is not COPY:
                    self._send(rule, time + rng.randrange(200_000), counter)
                counter = counter if self._happens("counter") else (counter + 1) % 15
                time += rule.cycle_ns or rng.randrange(1, 200) * MS
                if self._happens("late"):
                    time += rng.randrange(-3, 4) * MS
        for _ in range(int(self.faults.unknown * 200)):
            self._add("ab"[rng.randrange(2)], rng.randrange(self.span), Frame(rng.choice([0x7, 0x8, 0x700]), bytes(3)))
        for _ in range(int(self.faults.error * 30)):
            error = ErrorFrame(rng.randrange(self.span), "ab"[rng.randrange(2)], "", Frame(0))
            self.seen.append(error)
        self.seen.sort(key=lambda each: each.time)
        return self.seen

    def _happens(self, fault: str) -> bool:
        return self.rng.random() < getattr(self.faults, fault)

    def _times(self, often: float, longest: int) -> list[tuple[int, int]]:
        starts = [self.rng.randrange(self.span) for _ in range(3) if self.rng.random() < often]
        return [(start, start + self.rng.randrange(longest)) for start in starts]

    def _add(self, channel: str, time: int, frame: Frame) -> None:
        self.seen.append(Received(time, channel, frame))

    def _send(self, rule: MessageRule, time: int, counter: int) -> None:
        rng, message = self.rng, rule.message
        if self._happens("remote") and not message.fd:
            self._add(
                rule.channel, time, Frame(message.id, extended=message.extended, remote=True, length=message.length)
            )
            return
        data = bytearray(message.length)
        if message is BOX:
            data[2] = rng.randrange(4)
            data[3:5] = rng.randrange(500).to_bytes(2, "little")
        if self._happens("value"):
            data[:] = rng.randbytes(message.length)
        if rule.protector is not None:
            rule.protector.protect(data, counter)
        if self._happens("crc"):
            data[0] ^= 1 << rng.randrange(8)
        if self._happens("length"):
            del data[rng.randrange(len(data)) :]
            if message.fd:
                del data[8:]
        frame = Frame(message.id, bytes(data), extended=message.extended, fd=message.fd, brs=message.fd)
        self._add(rule.channel, time, frame)
        if self._happens("crowded"):
            for number in range(70):
                self._add(rule.channel, time + number * 1000, frame)
        if message is BOX and not self._happens("uncopied"):
            copy = bytearray(8)
            rules()[4].protector.protect(copy, counter)  # type: ignore[union-attr]
            delay = 3 * MS + rng.randrange(2) if self._happens("late") else MS
            if self.faults.ahead and self._happens("ahead"):
                delay = -rng.randrange(min(time, 2 * MS) + 1)  # stamped by another adapter
            self._add("b", time + delay, Frame(COPY.id, bytes(copy)))


def fold(checks: Sequence[Check], seen: Sequence[Seen], begin: int, end: int) -> tuple[list[Violation], list[Outcome]]:
    """The checks as they run online: every frame at its instant, every deadline after the frames of its instant."""
    found: list[Violation] = []
    for check in checks:
        check.begin(begin)

    def over(time: int) -> None:
        """All that is due at or before an instant."""
        while True:
            due = [each.due for each in checks if each.due is not None and each.due <= time]
            if not due:
                return
            for check in checks:
                if check.due is not None and check.due <= min(due):
                    found.extend(check.advance(min(due)))

    index = 0
    while index < len(seen):
        now = seen[index].time
        over(now - 1)
        while index < len(seen) and seen[index].time == now:
            each = seen[index]
            for check in checks:
                if isinstance(each, ErrorFrame):
                    found.extend(check.receive_error(each))
                elif (wanted := check.wants(each.channel)) is None or each.frame.key in wanted:
                    found.extend(check.receive(each))
            index += 1
    over(end)
    return found, [outcome for check in checks for outcome in check.finish(end)]
