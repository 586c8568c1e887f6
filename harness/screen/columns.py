"""The columns of the table of messages, and which of them a terminal has room for."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.frames import id_text
from harness.screen.snapshot import MessageRow, Snapshot
from harness.screen.texts import age_text, cycle_text, protection_text, span_text

GAP = 2
"""Columns between two cells."""
LEAST_SIGNALS = 24
"""Characters below which a column of signals says nothing."""
_LONGEST_NAME = 30

Cell = tuple[str, str]
"""Text and style."""


@dataclass(frozen=True, slots=True)
class Column:
    """rank: the lower, the longer it stays when the terminal becomes narrow."""

    title: str
    width: int
    right: bool
    rank: int
    cell: Callable[[MessageRow], Cell]


def columns(shot: Snapshot, width: int) -> tuple[list[Column], int]:
    """The columns for a terminal of so many characters, and what is left for the signals; 0: no room for them.

    The name is always there. Signals have room before anything else has, as soon as there is some.
    """
    rows = shot.messages
    every = [
        Column("ID", _longest((id_text(row.key) for row in rows), 5), False, 3, lambda row: (id_text(row.key), "cyan")),
        Column("MESSAGE", _longest((row.name for row in rows), 7), False, 0, lambda row: (row.name, "bold")),
        Column("SENDER", _longest((row.sender for row in rows), 6), False, 9, lambda row: (row.sender or "–", "")),
        Column("CYCLE", 7, True, 7, lambda row: (cycle_text(row.cycle_ns), "dim")),
        Column("MEAN", 8, True, 5, lambda row: (span_text(row.mean_ns), "")),
        Column("P99", 8, True, 8, _jitter),
        Column("COUNT", 7, True, 6, lambda row: (str(row.count), "")),
        Column("AGE", 8, True, 1, _age),
        Column("E2E", _longest((protection_text(row) for row in rows), 3), False, 2, _protection),
    ]
    if len(shot.channels) > 1:
        every.insert(
            0, Column("CHANNEL", _longest((row.channel for row in rows), 7), False, 4, lambda row: (row.channel, "dim"))
        )
    chosen: set[str] = set()
    left = width
    for column in sorted(every, key=lambda each: each.rank):
        # The first three leave room for signals only when there is some; every other one must leave it.
        reserved = LEAST_SIGNALS + GAP if column.rank > 2 else 0
        if column.rank == 0 or left - column.width - GAP >= reserved:
            chosen.add(column.title)
            left -= column.width + GAP
        elif column.rank > 2:
            break
    return [each for each in every if each.title in chosen], left if left >= LEAST_SIGNALS else 0


def _longest(texts: Iterable[str], least: int) -> int:
    return min(_LONGEST_NAME, max([least, *map(len, texts)]))


def _age(row: MessageRow) -> Cell:
    if row.age_ns is None:
        return age_text(row), "dim"
    return age_text(row), "bold yellow" if row.stale else "green"


def _jitter(row: MessageRow) -> Cell:
    if row.jitter_ns is None or row.cycle_ns is None:
        return "–", "dim"
    return f"±{span_text(row.jitter_ns)}", "yellow" if row.jitter_ns * 5 > row.cycle_ns else ""


def _protection(row: MessageRow) -> Cell:
    return protection_text(row), "bold red" if row.wrong else "green"
