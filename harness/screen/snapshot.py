"""What is to be shown at one instant: values only, filtered and sorted, made from what has been observed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import ceil, isfinite
from typing import Any

from harness.bus.port import ErrorState
from harness.frames import id_text
from harness.screen.observed import Observation, ObservedChannel, ObservedMessage, Unknown
from harness.signals.definitions import SignalDef

JITTER_SHARE = 0.99
"""Of the gaps, so many are no further from the nominal cycle than the jitter says."""


class Sort(StrEnum):
    """By what messages are sorted."""

    ID = "id"
    NAME = "name"
    SENDER = "sender"
    CYCLE = "cycle"
    JITTER = "jitter"
    COUNT = "count"
    AGE = "age"
    WRONG = "wrong"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What somebody wants to see.

    text: words of which one has to occur in the name of a message or of one of its signals, in its sender, channel or
    identifier, whatever the case; "" for everything. unseen: also messages of which no frame has come.
    """

    text: str = ""
    sort: Sort = Sort.ID
    unseen: bool = False


@dataclass(frozen=True, slots=True)
class SignalRow:
    """A signal's newest value. text: its label, "" without. protective: it is a counter or checksum of its message."""

    name: str
    value: int | float
    text: str
    unit: str
    decimals: int
    protective: bool

    @property
    def shown(self) -> str:
        """The value as people read it.

        >>> SignalRow("BrakePedal", 40.0, "", "%", 1, False).shown, SignalRow("Gear", 4, "D", "", 0, False).shown
        ('40.0 %', 'D')
        """
        if self.text:
            return self.text
        number = f"{self.value:.{self.decimals}f}" if self.decimals >= 0 else f"{self.value:.6g}"
        return f"{number} {self.unit}" if self.unit else number


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message. cycle_ns: nominal. mean_ns: of the newest gaps. jitter_ns: 99 of 100 of them are no further from the
    nominal cycle. stale: it should have come again long ago. protected: whether it has a counter and a checksum.
    Numbers are None as long as they are not known, or where there is none.
    """

    channel: str
    key: int
    name: str
    sender: str
    cycle_ns: int | None
    mean_ns: int | None
    jitter_ns: int | None
    count: int
    age_ns: int | None
    stale: bool
    protected: bool
    crc_wrong: int
    counter_wrong: int
    undecodable: int
    pauses: int
    problem: str
    data: bytes
    signals: tuple[SignalRow, ...]

    @property
    def wrong(self) -> int:
        """How many frames of it were wrong in any way."""
        return self.crc_wrong + self.counter_wrong + self.undecodable


@dataclass(frozen=True, slots=True)
class UnknownRow:
    """An identifier that no database has."""

    key: int
    count: int
    age_ns: int
    data: bytes


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """A channel. load, peak: busy share, 0 to 1. known, seen: messages of its databases, and those that have come.

    trouble: why its adapter is gone; "" while it is there. stamps: who stamps its frames; ``host`` stamps are late
    when this computer is busy, which then looks like jitter.
    """

    name: str
    adapter: str
    stamps: str
    bitrate: int
    data_bitrate: int | None
    load: float
    peak: float
    frames_per_s: int
    count: int
    known: int
    seen: int
    unknown: tuple[UnknownRow, ...]
    other_unknown: int
    stimulations: int
    errors: Mapping[str, int]
    state: ErrorState
    state_text: str
    overruns: int
    trouble: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything at one instant. span_ns: since the observation began. hidden: messages that the filter left out."""

    bench: str
    span_ns: int
    wanted: Wanted
    channels: tuple[ChannelRow, ...]
    messages: tuple[MessageRow, ...]
    hidden: int = 0


def snapshot(observation: Observation, now: int, wanted: Wanted) -> Snapshot:
    """What is to be shown at ``now`` ns. Nobody may change the observation meanwhile."""
    channels = tuple(_channel(each, now) for each in observation.channels.values())
    every = [
        message
        for channel in observation.channels.values()
        for _, message in sorted(channel.messages.items())
        if message.count or wanted.unseen
    ]
    words = wanted.text.casefold().split()
    rows = [row for message in every if (row := _message(message, now, words)) is not None]
    rows.sort(key=_ORDER[wanted.sort])
    return Snapshot(
        observation.bench, now - observation.begun, wanted, channels, tuple(rows), hidden=len(every) - len(rows)
    )


def _channel(channel: ObservedChannel, now: int) -> ChannelRow:
    load, frames = channel.load.at(now)
    return ChannelRow(
        name=channel.name,
        adapter=str(channel.spec.adapter),
        stamps=channel.stamps,
        bitrate=channel.spec.bitrate,
        data_bitrate=channel.spec.data_bitrate,
        load=load,
        peak=max(load, channel.load.peak),
        frames_per_s=frames,
        count=channel.count,
        known=len(channel.messages),
        seen=sum(message.count > 0 for message in channel.messages.values()),
        unknown=tuple(_unknown(key, each, now) for key, each in sorted(channel.unknown.items())),
        other_unknown=channel.other_unknown,
        stimulations=channel.stimulations,
        errors=dict(channel.errors),
        state=channel.state,
        state_text=channel.state_text,
        overruns=channel.overruns,
        trouble=channel.trouble,
    )


def _unknown(key: int, unknown: Unknown, now: int) -> UnknownRow:
    return UnknownRow(key, unknown.count, max(0, now - unknown.last_at), unknown.frame.data)


def _message(message: ObservedMessage, now: int, words: list[str]) -> MessageRow | None:
    """The row of a message; None when the filter leaves it out."""
    plan = message.plan
    definition = plan.message
    names = {signal.name for signal in definition.signals}
    if words:
        own = f"{definition.name} {message.sender} {message.channel} {id_text(definition.key)}".casefold()
        if not any(word in own for word in words):
            names = {name for name in names if any(word in name.casefold() for word in words)}
            if not names:
                return None
    gaps = message.gaps
    mean = round(sum(gaps) / len(gaps)) if gaps else None
    jitter = None
    if gaps and plan.cycle_ns is not None:
        cycle = plan.cycle_ns
        jitter = sorted(abs(gap - cycle) for gap in gaps)[ceil(JITTER_SHARE * len(gaps)) - 1]
    age = None if message.last_at is None else max(0, now - message.last_at)
    patience = message.patience_ns
    return MessageRow(
        channel=message.channel,
        key=definition.key,
        name=definition.name,
        sender=message.sender,
        cycle_ns=plan.cycle_ns,
        mean_ns=mean,
        jitter_ns=jitter,
        count=message.count,
        age_ns=age,
        stale=age is not None and patience is not None and age > patience,
        protected=plan.protector is not None,
        crc_wrong=message.crc_wrong,
        counter_wrong=message.counter_wrong,
        undecodable=message.undecodable,
        pauses=message.pauses,
        problem=message.problem,
        data=message.data,
        signals=tuple(_signals(message, names)),
    )


def _signals(message: ObservedMessage, names: set[str]) -> Iterator[SignalRow]:
    own = message.plan.protection
    protective = () if own is None else (own.counter, own.crc)
    if message.count == 0:
        return
    for signal in message.plan.message.signals:
        if signal.name not in names:
            continue
        value = message.pages[signal.name]
        if value is not None:
            text = message.pages.text(signal.name) or ""
            yield SignalRow(signal.name, value, text, signal.unit, _decimals(signal), signal.name in protective)


def _decimals(signal: SignalDef) -> int:
    """How many decimals show every step of a signal; -1 where none of them is enough."""
    if signal.is_float:
        return -1
    for decimals in range(7):
        step, offset = signal.scale * 10**decimals, signal.offset * 10**decimals
        if abs(step - round(step)) < 1e-6 and abs(offset - round(offset)) < 1e-6:
            return decimals
    return -1


_NEVER = float("inf")


# What is equal stays in the order of channels and identifiers.
_ORDER: Mapping[Sort, Callable[[MessageRow], Any]] = {
    Sort.ID: lambda row: 0,
    Sort.NAME: lambda row: row.name.casefold(),
    Sort.SENDER: lambda row: row.sender.casefold(),
    Sort.CYCLE: lambda row: _NEVER if row.cycle_ns is None else row.cycle_ns,
    Sort.JITTER: lambda row: 1 if row.jitter_ns is None else -row.jitter_ns,
    Sort.COUNT: lambda row: -row.count,
    Sort.AGE: lambda row: 1 if row.age_ns is None else -row.age_ns,
    Sort.WRONG: lambda row: -row.wrong,
}


def as_json(shot: Snapshot) -> dict[str, Any]:
    """A snapshot for other programs: times in ms, rounded to the microsecond; null for what is not known."""
    return {
        "bench": shot.bench,
        "seconds": round(shot.span_ns / 1e9, 3),
        "channels": [_channel_json(row) for row in shot.channels],
        "messages": [_message_json(row) for row in shot.messages],
    }


def _channel_json(row: ChannelRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "adapter": row.adapter,
        "stamps": row.stamps,
        "bitrate": row.bitrate,
        "data_bitrate": row.data_bitrate,
        "load": round(row.load, 4),
        "peak_load": round(row.peak, 4),
        "frames_per_second": row.frames_per_s,
        "frames": row.count,
        "messages_known": row.known,
        "messages_seen": row.seen,
        "unknown": [
            {"id": id_text(each.key), "count": each.count, "age_ms": _ms(each.age_ns), "data": each.data.hex()}
            for each in row.unknown
        ],
        "frames_of_further_unknown": row.other_unknown,
        "stimulation_frames": row.stimulations,
        "error_frames": dict(row.errors),
        "state": row.state.value,
        "state_text": row.state_text,
        "overruns": row.overruns,
        "trouble": row.trouble or None,
    }


def _message_json(row: MessageRow) -> dict[str, Any]:
    return {
        "channel": row.channel,
        "id": id_text(row.key),
        "name": row.name,
        "sender": row.sender or None,
        "cycle_ms": _ms(row.cycle_ns),
        "mean_ms": _ms(row.mean_ns),
        "jitter_p99_ms": _ms(row.jitter_ns),
        "count": row.count,
        "age_ms": _ms(row.age_ns),
        "stale": row.stale,
        "pauses": row.pauses,
        "protected": row.protected,
        "crc_wrong": row.crc_wrong,
        "counter_wrong": row.counter_wrong,
        "undecodable": row.undecodable,
        "problem": row.problem or None,
        "data": row.data.hex(),
        "signals": {each.name: _signal_json(each) for each in row.signals},
    }


def _signal_json(row: SignalRow) -> dict[str, Any]:
    value = row.value if isfinite(row.value) else None  # JSON has no infinity
    return {"value": value, "label": row.text or None, "unit": row.unit or None}


def _ms(time_ns: int | None) -> float | None:
    return None if time_ns is None else round(time_ns / 1e6, 3)
