"""What frames contain: known identifiers, right lengths, values in their ranges, no reserved entries of value tables.

Only those signals are looked at whose bits can hold more than the database allows. For each message a function is
compiled that says of right payloads that they are right; what it does not know is looked at in detail and remembered.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import NamedTuple

from harness.frames import Received, id_text
from harness.memo import Memo
from harness.monitors.check import Check
from harness.monitors.monitor import Kind, Outcome, Violation
from harness.monitors.rules import KEPT, NOTHING, MessageRule
from harness.signals.compile import compile_source, range_source
from harness.signals.definitions import SignalDef

_REMEMBERED = 1024
_REMEMBERED_PAGES = 256
RESERVED = ("reserved", "invalid", "not used", "notused", "unused", "undefined", "error reserved")
"""A label of the value table that begins so, in whatever case, names an entry that nobody may send."""


class Fault(NamedTuple):
    """What is wrong with a payload. signal: its name; "" for the whole. margin: distance to the limit, negative."""

    kind: Kind
    signal: str
    expected: str
    actual: str
    margin: float | None = None
    unit: str = ""


class Demand(NamedTuple):
    """What is demanded of one signal's raw value: from low to high, or in the table. It can be violated.

    low, high: raw values, both allowed. allowed: raw values that are allowed wherever they lie (labelled ones).
    reserved: raw values that are not, wherever they lie. words: whether it has nothing but labels, so that a value
    without a label is reserved.
    """

    signal: SignalDef
    low: float
    high: float
    allowed: frozenset[int]
    reserved: frozenset[int]
    words: bool

    @property
    def certain(self) -> tuple[float, float]:
        """A range of raw values, ends included, that are right for certain; others may be."""
        low, high = max(self.low, self.signal.raw_range[0]), min(self.high, self.signal.raw_range[1])
        if self.words:
            runs: list[list[int]] = []
            for raw in sorted(self.allowed):
                if runs and raw == runs[-1][-1] + 1:
                    runs[-1].append(raw)
                else:
                    runs.append([raw])
            longest = max(runs, key=len)
            return longest[0], longest[-1]
        for raw in sorted(self.reserved):
            if low <= raw <= high:
                low, high = (raw + 1, high) if raw - low < high - raw else (low, raw - 1)
        return low, high

    def fault(self, raw: int | float) -> Fault | None:
        """What is wrong with a raw value; None when it is right. NaN is never right."""
        signal = self.signal
        if raw in self.reserved:
            return Fault("reserved", signal.name, _table(signal), f"{raw} = {signal.text(raw) or 'no entry'}")
        if raw in self.allowed:
            return None
        if self.words:
            return Fault("reserved", signal.name, _table(signal), f"{raw}, which has no entry")
        if self.low <= raw <= self.high:
            return None
        value = signal.to_physical(raw)
        low, high = signal.physical_range
        margin = min(value - low, high - value) if value == value else None  # from NaN there is no distance
        expected = f"{low:g} to {high:g} {signal.unit}".rstrip()
        return Fault("range", signal.name, expected, f"{value:g} {signal.unit}".rstrip(), margin, signal.unit)


def demand_of(signal: SignalDef) -> Demand | None:
    """What can be violated about a signal; None where its bits hold nothing but what is allowed.

    A signal with a value table and no unit is one of words: what has no label is reserved. A label such as
    ``Reserved`` or ``Invalid`` (:data:`RESERVED`) makes its own value reserved. The declared range is widened by half a
    step, which rounding may cost; where range and bits have nothing in common the database is wrong, and nothing is
    demanded.

    >>> demand_of(SignalDef("Level", "Tank", start=0, length=8)) is None
    True
    >>> demand_of(SignalDef("Gear", "Box", start=0, length=2, choices={0: "P", 1: "D"})).fault(3).kind
    'reserved'
    """
    lowest, highest = signal.raw_range
    marked = frozenset(raw for raw, label in signal.choices.items() if label.strip().casefold().startswith(RESERVED))
    labelled = frozenset(signal.choices) - marked
    words = bool(labelled) and not signal.unit and not signal.is_float
    low, high = float("-inf"), float("inf")
    scale = signal.scale
    if scale and (signal.minimum is not None or signal.maximum is not None):
        minimum, maximum = signal.physical_range
        bounds = sorted(((minimum - signal.offset) / scale, (maximum - signal.offset) / scale))
        low, high = bounds[0] - 0.5, bounds[1] + 0.5
    if words:
        if not marked and highest - lowest < len(labelled) and all(lowest <= raw <= highest for raw in labelled):
            return None
    elif low <= lowest and highest <= high and not marked and not signal.is_float:
        return None
    return Demand(signal, low, high, labelled, marked, words)


def _table(signal: SignalDef) -> str:
    entries = [label for raw, label in signal.choices.items() if not label.strip().casefold().startswith(RESERVED)]
    more = f" or {len(entries) - 8} more" if len(entries) > 8 else ""
    return "one of " + ", ".join(entries[:8]) + more


Reader = tuple[Demand, Callable[[bytes], "int | float | None"]]
"""A demand, and what reads its signal's raw value; None where a payload does not carry it."""


class Payloads:
    """What the payloads of one message say about their contents: found out once, for all worlds and checks."""

    def __init__(self, rule: MessageRule) -> None:
        self.message = message = rule.message
        own = (rule.protection.counter, rule.protection.crc) if rule.protection else ()
        self.demands = [demand for each in message.signals if each.name not in own and (demand := demand_of(each))]
        self._readers = (
            []
            if message.container
            else [(demand, message.codec.signal_raw(demand.signal.name)) for demand in self.demands]
        )
        self._longest = message.longest
        self._multiplexers = [message.codec.signal_raw(each.name) for each in message.signals if each.is_multiplexer]
        self._pages: dict[tuple[float | None, ...], list[Reader]] = {}
        self.faulty = Memo(self.faults, _REMEMBERED)
        """The faults of payloads that have come, mostly wrong ones."""
        self.certain: Callable[[bytes], bool] = self._compile() or self._faultless
        """Whether a payload is right; False may be said of a right one, too, if seldom."""
        self.known: set[bytes] = set()
        """Right payloads, many of which come round again."""

    @classmethod
    def of(cls, rule: MessageRule) -> Payloads:
        """Those of a rule, always the same object."""
        found = rule.shared.get("payloads")
        if not isinstance(found, cls):
            found = rule.shared["payloads"] = cls(rule)
        return found

    def right(self, data: bytes) -> bool:
        """Whether a payload is right; quick for nearly all that are. False may be said of a right one, too."""
        if not self.certain(data):
            return False
        if len(self.known) >= _REMEMBERED:
            self.known.clear()
        self.known.add(data)
        return True

    def _faultless(self, data: bytes) -> bool:
        return not self.faulty[data]

    def _compile(self) -> Callable[[bytes], bool] | None:
        """A function that says of nearly every right payload that it is right, and of no wrong one.

        What it does not know goes the long way. There is none for a multiplexed message.
        """
        if self._multiplexers or self.message.container:
            return None
        ranges = [(demand.signal, *demand.certain) for demand in self.demands]
        return compile_source(range_source(ranges, self.message.length), f"contents {self.message.name}")

    def faults(self, data: bytes) -> tuple[Fault, ...]:
        """All that is wrong with a payload."""
        message = self.message
        if not message.length <= len(data) <= self._longest:
            return (Fault("undecodable", "", f"{message.length} bytes", f"{len(data)} bytes"),)
        if message.container:
            return ()
        problem = message.codec.decodable(data)
        if problem is not None:
            return (Fault("undecodable", "", "a known multiplexer number", problem),)
        found = []
        for demand, read in self._carried(data):
            raw = read(data)
            fault = None if raw is None else demand.fault(raw)
            if fault is not None:
                found.append(fault)
        return tuple(found)

    def _carried(self, data: bytes) -> list[Reader]:
        """What is demanded of the signals that a payload carries; the same for all with these multiplexer numbers."""
        if not self._multiplexers:
            return self._readers
        page = tuple([read(data) for read in self._multiplexers])
        carried = self._pages.get(page)
        if carried is None:
            if len(self._pages) >= _REMEMBERED_PAGES:
                self._pages.clear()
            carried = self._pages[page] = [each for each in self._readers if each[1](data) is not None]
        return carried


class Contents(Check):
    """Length, ranges and value tables of one message. One violation for every fault of a frame.

    A frame that is too short or that its multiplexer does not explain is *undecodable*; nothing else is then judged. So
    is one that is too long, beyond the padding that CAN FD's lengths need. kinds: what is judged at all.
    """

    family = "contents"

    def __init__(self, rule: MessageRule, kinds: Container[str] = ("undecodable", "range", "reserved")) -> None:
        super().__init__()
        self.rule = rule
        self.title = f"contents of {rule.message.name}"
        self._kinds = kinds
        self.payloads = Payloads.of(rule)
        self._known = self.payloads.known

    @property
    def demands(self) -> list[Demand]:
        """What is demanded of its signals."""
        return self.payloads.demands

    def faults(self, data: bytes) -> tuple[Fault, ...]:
        """All that is wrong with a payload, of the kinds that are judged."""
        return tuple(fault for fault in self.payloads.faults(data) if fault.kind in self._kinds)

    def wants(self, channel: str) -> Container[int]:
        """Its own identifier on its own channel."""
        return (self.rule.message.key,) if channel == self.rule.channel else ()

    def receive(self, rx: Received) -> Sequence[Violation]:
        """Judge one frame."""
        frame = rx[2]
        data = frame[1]
        if data in self._known or self.payloads.right(data) or frame.remote:
            return NOTHING
        faults = [fault for fault in self.payloads.faulty[data] if fault.kind in self._kinds]
        return self.note(*[violation_of(self.rule, rx, fault) for fault in faults]) if faults else NOTHING

    def finish(self, time: int) -> Sequence[Outcome]:
        """How much was wrong."""
        return self.outcome(time - self.began)


def violation_of(rule: MessageRule, rx: Received, fault: Fault) -> Violation:
    """A fault of a frame's payload as a violation."""
    name = rule.message.name
    subject = f"{name}.{fault.signal}" if fault.signal else name
    check = {"range": f"range of {subject}", "reserved": f"value table of {subject}"}.get(
        fault.kind, f"length of {name}"
    )
    signals = (f"{rule.channel}.{subject}",) if fault.signal else ()
    return Violation(
        fault.kind, check, rx.time, rx.time, rx.time, fault.expected, fault.actual, fault.margin, fault.unit,
        rule.channel, name, signals, rx,
    )  # fmt: skip


class _AllBut:
    """Every identifier but these."""

    def __init__(self, known: Container[int]) -> None:
        self._known = known

    def __contains__(self, key: object) -> bool:
        return key not in self._known


class KnownFrames(Check):
    """Nothing on a channel but what its databases know."""

    family = "known frames"

    def __init__(self, channel: str, known: Container[int]) -> None:
        super().__init__()
        self.channel = channel
        self.title = f"known frames on {channel}"
        self._strange = _AllBut(known)
        self._counts: dict[int, int] = {}

    def wants(self, channel: str) -> Container[int]:
        """All that is not known."""
        return self._strange if channel == self.channel else ()

    def receive(self, rx: Received) -> Sequence[Violation]:
        """A frame that nobody knows."""
        key = rx.frame.key
        self._counts[key] = self._counts.get(key, 0) + 1
        expected = f"an identifier of a database of {self.channel}"
        seen = str(rx.frame)
        return self.note(
            Violation(
                "unknown_frame", self.title, rx.time, rx.time, rx.time, expected, seen, channel=self.channel, seen=rx
            )
        )  # fmt: skip

    def add(self, key: int, count: int) -> None:
        """Take more such frames of an identifier, of which only the number is kept."""
        self._counts[key] = self._counts.get(key, 0) + count
        self.count += count

    def finish(self, time: int) -> Sequence[Outcome]:
        """Which identifiers were unknown, the most frequent first."""
        counts = sorted(self._counts.items(), key=lambda each: (-each[1], each[0]))
        statistics = tuple((id_text(key), f"{count} frames") for key, count in counts[:KEPT])
        return self.outcome(time - self.began, statistics=statistics)
