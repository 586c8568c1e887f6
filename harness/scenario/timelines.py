"""Piecewise-constant histories of several signals, as a Hypothesis strategy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hypothesis import strategies as st

from harness.errors import SignalError
from harness.scenario.values import values
from harness.signals.definitions import SignalDef, Value
from harness.signals.live import LiveSignal
from harness.units import Duration, ms
from harness.units import duration as checked

if TYPE_CHECKING:
    from harness.bench import Bench

Timeline = Sequence[tuple[Duration, Mapping[str, Value]]]
"""Times from the beginning, strictly increasing, and the signals that change then; the first entry, at 0, sets all."""


def timeline(
    *signals: SignalDef | LiveSignal | Mapping[str, st.SearchStrategy[Value]],
    duration: Duration,
    min_step: Duration = 10 * ms,
    max_changes: int = 20,
) -> st.SearchStrategy[Timeline]:
    """A piecewise-constant history of several signals.

    signals: each with all its :func:`~harness.scenario.values.values`, under the name ``Message.Signal``; or mappings
    of a name to a strategy of your own. duration: of the last change at most. min_step: times are multiples of it, so
    two changes are at least so far apart. max_changes: how many entries may follow the first, 0 or more.

    An entry names only signals whose value it changes. Shrinks to few changes, early ones, of few signals.

    Raises :class:`~harness.errors.UnitError` for what is no duration, :class:`~harness.errors.SignalError` without
    signals or for a name that comes twice.

    >>> from harness.units import s
    >>> door = SignalDef("Door", "Doors", start=0, length=1)
    >>> from hypothesis import find
    >>> three = find(timeline(door, duration=1 * s), lambda entries: len(entries) > 2)
    >>> at, first = three[0]
    >>> len(three), at, list(first), sorted(changes["Doors.Door"] for at, changes in three[1:])
    (3, 0 s, ['Doors.Door'], [0, 1])
    """
    span, step = checked(duration, "duration"), checked(min_step, "min_step", zero=False)
    if max_changes < 0:
        raise SignalError(f"a timeline has 0 or more changes, not {max_changes}")
    strategies = _by_name(signals)
    slots = span // step
    changes: st.SearchStrategy[list[tuple[int, dict[str, Value]]]] = st.just([])
    if slots and max_changes:
        change = st.tuples(st.integers(1, slots), st.fixed_dictionaries({}, optional=strategies))
        changes = st.lists(change, unique_by=lambda each: each[0], max_size=min(slots, max_changes))

    return _timelines(strategies, changes, step)


@st.composite
def _timelines(
    draw: st.DrawFn,
    strategies: dict[str, st.SearchStrategy[Value]],
    changes: st.SearchStrategy[list[tuple[int, dict[str, Value]]]],
    step: int,
) -> Timeline:
    # A composite, not a map: Hypothesis then shows the timeline itself as the failing case.
    present = draw(st.fixed_dictionaries(strategies))
    entries: list[tuple[Duration, Mapping[str, Value]]] = [(Duration(0), dict(present))]
    for slot, wanted in sorted(draw(changes), key=lambda change: change[0]):
        news = {name: value for name, value in wanted.items() if value != present[name]}
        if news:
            entries.append((Duration(slot * step), news))
            present.update(news)
    return entries


def play(bench: Bench, scenario: Timeline) -> None:
    """Set the signals of a timeline on a bench, from now on; returns in the instant of the last change.

    Raises what :meth:`~harness.bench.bench.Bench.set` raises.
    """
    begin = bench.now
    for at, news in scenario:
        bench.wait(until=begin + at)
        bench.set(news)


def _by_name(
    signals: Sequence[SignalDef | LiveSignal | Mapping[str, st.SearchStrategy[Value]]],
) -> dict[str, st.SearchStrategy[Value]]:
    found: dict[str, st.SearchStrategy[Value]] = {}
    for signal in signals:
        if isinstance(signal, Mapping):
            named = dict(signal)
        else:
            named = {signal.full_name if isinstance(signal, SignalDef) else signal.name: values(signal)}
        for name, strategy in named.items():
            if name in found:
                raise SignalError(f"signal {name!r} comes twice in a timeline")
            found[name] = strategy
    if not found:
        raise SignalError("a timeline needs at least one signal")
    return found
