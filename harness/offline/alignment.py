"""How far one recording lies behind another: by their start, by an event, or by what happens in both."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.errors import ConfigError, LogError
from harness.logs.signals import Signals
from harness.signals.column import SignalColumn

MOST_CHANGES = 300
"""Signals that change more often (counters, noisy measurements) say little about when something happened."""
_NEAR = 5_000_000
"""Changes whose distances differ by less (ns) speak for the same shift."""


def shift_of(one: Signals, other: Signals, align: str) -> int:
    """How much later things happen in ``other``, ns: subtract it from its times to compare.

    align: ``time``: both begin at their own time 0, so 0. ``first:Signal``: the first change of a signal is one
    instant. ``first:Signal=On``: the first instant at which it has that value (a number or a label). ``shift``: the
    shift on which most changes of all signals agree, by value and within 5 ms.

    Raises :class:`~harness.errors.ConfigError` for another word, :class:`~harness.errors.LogError` when the event is
    not in both recordings or nothing changes in both, :class:`~harness.errors.UnknownSignalError` for the signal.
    """
    if align == "time":
        return 0
    if align == "shift":
        return _most_agreed(one, other)
    kind, _, event = align.partition(":")
    if kind != "first" or not event:
        raise ConfigError(f"align is 'time', 'shift', 'first:Signal' or 'first:Signal=value', not {align!r}")
    name, sign, value = event.partition("=")
    wanted = value if sign else None
    return _first(other[name], wanted, name, "second") - _first(one[name], wanted, name, "first")


def _first(column: SignalColumn, wanted: str | None, name: str, which: str) -> int:
    if wanted is None:
        rows = changes(column)
    elif column.definition.choices and wanted in column.definition.choices.values():
        rows = np.flatnonzero(column.raw == column.definition.raw_of_label(wanted))
    else:
        try:
            number = float(wanted)
        except ValueError:
            labels = ", ".join(column.definition.choices.values())
            known = f"; its labels are {labels}" if labels else ""
            raise ConfigError(f"signal {name!r} has neither number nor label {wanted!r}{known}") from None
        rows = np.flatnonzero(column.value == number)
    if len(rows) == 0:
        event = "changes" if wanted is None else f"is {wanted}"
        raise LogError(f"the recordings cannot be aligned: signal {name!r} never {event} in the {which} one")
    return int(column.time[rows[0]])


def changes(column: SignalColumn) -> NDArray[np.intp]:
    """The samples that differ from the one before; the first sample is none."""
    return np.flatnonzero(column.value[1:] != column.value[:-1]) + 1


def _most_agreed(one: Signals, other: Signals) -> int:
    found = [_distances(one[path], other[path]) for path in one if path in other]
    distances = np.sort(np.concatenate([np.empty(0, np.int64), *found]))
    if len(distances) == 0:
        raise LogError(
            f"the recordings cannot be aligned by shift: no signal changes in both (more than {MOST_CHANGES} changes "
            "of one signal do not count); align them with 'time' or 'first:Signal'"
        )
    last = np.searchsorted(distances, distances + _NEAR, "right")
    support = last - np.arange(len(distances))
    # Of equally supported shifts the smallest one: the recordings are rather aligned than not.
    best = np.flatnonzero(support == support.max())
    medians = distances[(best + last[best] - 1) // 2]
    return int(medians[np.argmin(np.abs(medians))])


def _distances(one: SignalColumn, other: SignalColumn) -> NDArray[np.int64]:
    """By how much every change in one recording lies behind every change to the same value in the other."""
    first, second = changes(one), changes(other)
    if not (0 < len(first) <= MOST_CHANGES and 0 < len(second) <= MOST_CHANGES):
        return np.empty(0, np.int64)
    apart = other.time[second][:, None] - one.time[first][None, :]
    agreeing: NDArray[np.int64] = apart[other.value[second][:, None] == one.value[first][None, :]]
    return agreeing
