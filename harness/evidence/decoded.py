"""Frames as values: which signals changed when, for the reader of a failure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from harness.errors import DecodeError
from harness.evidence.events import Event
from harness.evidence.record import Seen, WorldRecord
from harness.evidence.tables import Html, coloured, page, table
from harness.frames import ErrorFrame, Received, id_text
from harness.signals.definitions import MessageDef
from harness.units import time_text

ROWS = 300
"""Rows of the changes at most."""
_HEAD = ("time", "from the verdict", "channel", "message")


@dataclass(frozen=True, slots=True)
class Change:
    """One frame that changed something: when (ns), where, whose, and ``name = value`` per signal with a new value.

    first: these are the first values of a cyclic message, which tell a state rather than a change.
    """

    time: int
    channel: str
    message: str
    values: tuple[str, ...]
    first: bool = False


def changes(record: WorldRecord, frames: Sequence[Seen]) -> list[Change]:
    """What the frames changed, one entry per frame that brought a new value; counters and checksums left out.

    The values of a message's first frame count as new; where the message is cyclic, they are marked as ``first``.
    A frame that cannot be decoded is an entry with the reason.
    """
    last: dict[tuple[str, str], float | int] = {}
    found: list[Change] = []
    met: set[tuple[str, str]] = set()
    for received in frames:
        message = record.message(received)
        name = message.name if message is not None else id_text(received.frame.key)
        first = False
        if isinstance(received, ErrorFrame):
            values: tuple[str, ...] = (f"error frame ({received.kind})",)
        elif message is None:
            values = ("not in the database",)
        else:
            values = _new_values(record, message, received, last)
            first = bool(message.cycle_time_ns) and (received.channel, name) not in met
            met.add((received.channel, name))
        if values:
            found.append(Change(received.time, received.channel, name, values, first))
    return found


def _new_values(
    record: WorldRecord, message: MessageDef, received: Received, last: dict[tuple[str, str], float | int]
) -> tuple[str, ...]:
    if received.frame.remote:
        return ("remote frame",)
    try:
        physical = message.codec.decode(received.frame.data)
    except DecodeError as error:
        return (str(error),)
    fresh = []
    for name, value in physical.items():
        key = (f"{received.channel}.{message.name}", name)
        if ".".join(key) not in record.protective and last.get(key) != value:
            signal = message.signal(name)
            label = signal.text(signal.to_raw(value, strict=False)) if signal.choices else None
            shown = label if label is not None else f"{value:.6g}{f' {signal.unit}' if signal.unit else ''}"
            fresh.append(f"{name} = {shown}")
        last[key] = value
    return tuple(fresh)


def changes_page(record: WorldRecord, frames: Sequence[Seen], around: int, verdict: Event | None = None) -> str:
    """The changes as an HTML page, from the instant ``around`` (ns) backwards; the last ones before it are marked.

    What came after the instant, and the state in which the frames begin, are tables of their own below. Where there
    are more than :data:`ROWS` changes, those closest to the instant are kept. verdict: the event that the page is
    about, shown on top; the signals that it names are set in bold.
    """
    found = changes(record, frames)
    closest = sorted((row for row in found if not row.first), key=lambda row: abs(row.time - around))[:ROWS]
    before = sorted((row for row in closest if row.time <= around), key=lambda row: -row.time)
    named = frozenset(re.findall(r"\w+", verdict.title)) if verdict is not None else frozenset()

    def rows(of: Sequence[Change]) -> list[tuple[str, ...]]:
        return [
            (time_text(row.time), f"{(row.time - around) / 1e6:+.3f} ms", row.channel, row.message, _marked(row, named))
            for row in of
        ]

    marked = [number for number, row in enumerate(before) if row.time == before[0].time]
    parts = [
        _judged(verdict, around),
        table((*_HEAD, "new values, the latest first"), rows(before), numbers=(0, 1), marked=marked),
    ]
    if after := sorted((row for row in closest if row.time > around), key=lambda row: row.time):
        parts += ["<h3>After the verdict</h3>", table((*_HEAD, "new values"), rows(after), numbers=(0, 1))]
    if state := [row for row in found if row.first]:
        parts += ["<h3>State at the beginning</h3>", table((*_HEAD, "first values"), rows(state), numbers=(0, 1))]
    return page("Values around the verdict", *parts)


def _judged(verdict: Event | None, around: int) -> str:
    at = f"Verdict at {time_text(around)}."
    if verdict is None:
        return f"<p>{at}</p>"
    details = "".join(f"<br>{escape(name)}: {escape(value)}" for name, value in verdict.details)
    return f"<p>{coloured(verdict.verdict, verdict.title)}<br>{at}{details}</p>"


def _marked(row: Change, named: frozenset[str]) -> Html:
    """The values as a cell, those of the named signals in bold."""
    return Html(
        ", ".join(
            f"<b>{escape(each)}</b>" if each.partition(" = ")[0] in named else escape(each) for each in row.values
        )
    )
