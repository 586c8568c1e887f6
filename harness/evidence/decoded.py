"""Frames as values: which signals changed when, for the reader of a failure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import DecodeError
from harness.evidence.record import Seen, WorldRecord
from harness.evidence.tables import page, table
from harness.frames import ErrorFrame, Received, id_text
from harness.signals.definitions import MessageDef
from harness.units import time_text

ROWS = 300
"""Rows of a table at most."""


@dataclass(frozen=True, slots=True)
class Change:
    """One frame that changed something: when (ns), where, whose, and ``name = value`` per signal with a new value."""

    time: int
    channel: str
    message: str
    values: tuple[str, ...]


def changes(record: WorldRecord, frames: Sequence[Seen]) -> list[Change]:
    """What the frames changed, one entry per frame that brought a new value; counters and checksums left out.

    A signal's first value counts as a change. A frame that cannot be decoded is an entry with the reason.
    """
    last: dict[tuple[str, str], float | int] = {}
    found: list[Change] = []
    for received in frames:
        message = record.message(received)
        name = message.name if message is not None else id_text(received.frame.key)
        if isinstance(received, ErrorFrame):
            values: tuple[str, ...] = (f"error frame ({received.kind})",)
        elif message is None:
            values = ("not in the database",)
        else:
            values = _new_values(message, received, last)
        if values:
            found.append(Change(received.time, received.channel, name, values))
    return found


def _new_values(message: MessageDef, received: Received, last: dict[tuple[str, str], float | int]) -> tuple[str, ...]:
    if received.frame.remote:
        return ("remote frame",)
    try:
        physical = message.codec.decode(received.frame.data)
    except DecodeError as error:
        return (str(error),)
    hidden = {message.attributes.get("E2ECounterSignal"), message.attributes.get("E2ECrcSignal")}
    fresh = []
    for name, value in physical.items():
        key = (f"{received.channel}.{message.name}", name)
        if name not in hidden and last.get(key) != value:
            signal = message.signal(name)
            label = signal.text(signal.to_raw(value, strict=False)) if signal.choices else None
            shown = label if label is not None else f"{value:.6g}{f' {signal.unit}' if signal.unit else ''}"
            fresh.append(f"{name} = {shown}")
        last[key] = value
    return tuple(fresh)


def changes_page(record: WorldRecord, frames: Sequence[Seen], around: int) -> str:
    """The changes as an HTML page; the last ones up to the instant ``around`` (ns) are marked.

    Where there are more than :data:`ROWS` of them, those closest to the instant are kept.
    """
    rows = changes(record, frames)
    if len(rows) > ROWS:
        rows = sorted(sorted(rows, key=lambda row: abs(row.time - around))[:ROWS], key=lambda row: row.time)
    before = [number for number, row in enumerate(rows) if row.time <= around]
    cells = [
        (time_text(row.time), f"{(row.time - around) / 1e6:+.3f} ms", row.channel, row.message, ", ".join(row.values))
        for row in rows
    ]
    head = ("time", "from the verdict", "channel", "message", "new values")
    body = table(head, cells, numbers=(0, 1), marked=[n for n in before if rows[n].time == rows[before[-1]].time])
    return page("Values around the verdict", f"<p>Verdict at {time_text(around)}.</p>", body)
