"""Two recordings compared signal by signal: the back-to-back test of two versions of a software.

Signals are compared as they are on the bus: a value holds until the next frame. What is compared is the time that both
recordings cover; there every nanosecond counts, not only instants at which both happen to have a frame.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from harness.errors import ExpectationFailed, Inconclusive, LogError
from harness.logs.signals import Signals
from harness.offline.alignment import shift_of
from harness.offline.sides import Absence, Sides, SignalDifference
from harness.offline.tolerance import EXACT, Tolerance, Tolerances, parse_tolerance, selected
from harness.units import time_text

REST_NS = 1_000_000_000
"""Two recordings are not called equal when one is longer than the other by more than this, ns."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """What two recordings have in common and where they differ.

    shift: ns by which things happen later in the second one. begin, end: the time that both cover, ns on the first
    one's clock, both included. compared: paths of the signals that both have. ignored: paths that were left out.
    different: signals that differ, the largest share of time first. absent: messages that one of them lacks.
    """

    shift: int
    begin: int
    end: int
    compared: Sequence[str] = ()
    ignored: Sequence[str] = ()
    different: Sequence[SignalDifference] = ()
    absent: Sequence[Absence] = ()
    names: tuple[str, str] = field(default=("first", "second"))

    @property
    def equal(self) -> bool:
        """Whether nothing differs and nothing is absent."""
        return not self.different and not self.absent

    def __str__(self) -> str:
        from harness.offline.diff_text import text_of

        return text_of(self)


def compare(
    one: Signals,
    other: Signals,
    *,
    tolerances: Mapping[str, Tolerance | float] | Sequence[str] = (),
    default: Tolerance = EXACT,
    align: str = "time",
    ignore: Iterable[str] = (),
    protection: bool = False,
    damaged: Literal["inconclusive", "ignore"] = "inconclusive",
    names: tuple[str, str] = ("first", "second"),
) -> Comparison:
    """Compare two recordings signal by signal.

    one, other: decoded with the same databases (:func:`~harness.offline.recordings.load_signals`). tolerances: by
    name or pattern, as :class:`Tolerance`, as a number in the signal's unit, or as texts ``"Wheel.Speed=0.5,20ms"``;
    of several that mean a signal the last one counts. default: for all other signals; exact unless given. align: see
    :func:`~harness.offline.alignment.shift_of`. ignore: names or patterns of signals that are left out, as
    ``"*Counter"``. protection: compare alive counters and checksums too, which differ by their phase. damaged: what it
    means that nothing differs while one of them is damaged; ``ignore``: it is equal. names: what to call the two.

    A message that only one recording has is absent from the other; also one that begins later in it, or that comes
    cyclically and ends earlier. Not counted is the tolerance in time, nor another phase: one and a half cycles.

    Raises :class:`~harness.errors.UnknownSignalError` for a name that means no signal,
    :class:`~harness.errors.UnitError` for a tolerance that is none, :class:`~harness.errors.LogError` when they cannot
    be aligned, cover no common time or have no signal in common that could be compared, and
    :class:`~harness.errors.Inconclusive` for two that are equal as far as they could be read.
    """
    paths = list(dict.fromkeys([*one, *other]))
    allowed = Tolerances(_given(tolerances), paths, default)
    left_out = selected(ignore, paths)
    if not protection:
        left_out |= (one.protection | other.protection).intersection(paths)
    shift = shift_of(one, other, align)
    begin, end = max(0, -shift), min(one.end, other.end - shift)
    if end < begin:
        raise LogError(
            f"the recordings cover no common time: {names[0]} ends at {time_text(one.end)}, {names[1]} at "
            f"{time_text(other.end)}, and is shifted by {time_text(shift)}"
        )
    sides = Sides(one, other, shift, begin, end)
    compared: list[str] = []
    different: list[SignalDifference] = []
    missing: list[Absence] = []
    for path in paths:
        if path in left_out:
            continue
        missing += sides.absences(path, names, allowed[path].time)
        if sides.both(path):
            compared.append(path)
            found = sides.difference(path, allowed[path])
            different += [found] if found is not None else []
    different.sort(key=lambda each: (-each.share, each.path))
    absent = _by_message(missing, [path for path in paths if path not in left_out])
    comparison = Comparison(shift, begin, end, compared, sorted(left_out), different, absent, names)
    if comparison.equal:
        _doubt(comparison, one, other, damaged)
    return comparison


def _doubt(equal: Comparison, one: Signals, other: Signals, damaged: Literal["inconclusive", "ignore"]) -> None:
    """Nothing differs: because everything was compared?"""
    if not equal.compared:
        raise LogError(
            f"no signal was compared: {equal.names[0]} and {equal.names[1]} have no frame of a message that the "
            f"databases know, or only of signals that are ignored ({len(equal.ignored)})"
        )
    for name, signals in zip(equal.names, (one, other), strict=True):
        if signals.problems and damaged == "inconclusive":
            raise Inconclusive(
                f"nothing differs in what could be read, but {name} is damaged at {signals.problems[0]}: what was lost "
                "cannot be compared (ignore damage: compare what is left)"
            )
    rest = one.end - other.end
    if abs(rest) > REST_NS and damaged == "inconclusive":
        longer = equal.names[rest < 0]
        raise Inconclusive(
            f"nothing differs in the {time_text(equal.end - equal.begin)} that both cover, but {longer} is longer by "
            f"{time_text(abs(rest))} (ignore damage: compare what is there)"
        )


def _given(tolerances: Mapping[str, Tolerance | float] | Sequence[str]) -> Iterable[tuple[str, Tolerance]]:
    if isinstance(tolerances, Mapping):
        return [(name, each if isinstance(each, Tolerance) else Tolerance(each)) for name, each in tolerances.items()]
    return [parse_tolerance(text) for text in tolerances]


def _by_message(missing: Sequence[Absence], paths: Iterable[str]) -> list[Absence]:
    """A message as one, where the same is missing of all its signals."""
    signals = Counter(path.rpartition(".")[0] for path in paths)
    alike = Counter((each.path.rpartition(".")[0], each.what, each.start, each.end) for each in missing)
    found: dict[Absence, None] = {}
    for each in missing:
        message = each.path.rpartition(".")[0]
        whole = alike[message, each.what, each.start, each.end] == signals[message]
        found[replace(each, path=message) if whole else each] = None
    return list(found)


def assert_same(one: Signals, other: Signals, **how: Any) -> Comparison:
    """:func:`compare`, and :class:`~harness.errors.ExpectationFailed` with the table when anything differs."""
    found = compare(one, other, **how)
    if not found.equal:
        raise ExpectationFailed(str(found), found)
    return found
