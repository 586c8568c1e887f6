"""What an expectation claimed, in the columns of the verdict table and as numbers to follow over the runs."""

from __future__ import annotations

from harness.evidence.events import Claim, Limit, Measure
from harness.signals.predicate import Predicate
from harness.units import time_text


def reaction(predicate: Predicate, since: int, within: int, at: int | None, seen: str) -> Claim:
    """The claim that a predicate comes true in time. at: when it did, ns; None: it did not. seen: the last samples."""
    text = predicate.describe()
    measures: tuple[Measure, ...] = ()
    margin = ""
    if at is not None and at <= since + within:
        taken = at - since
        margin = time_text(within - taken)
        actual = f"after {time_text(taken)}: {_values(seen)}"
        measures = (Measure(f"reaction time of {text}", taken / 1e6, "ms", "lower"),)
    elif at is not None:
        margin = time_text(within - (at - since))
        actual = f"only after {time_text(at - since)}: {_values(seen)}"
    else:
        actual = f"not seen; last: {_values(seen)}"
    window = (since, since + within) if not measures or at is None else (since, at)
    return _claim(predicate, f"{text} within {time_text(within)}", actual, margin, window, measures)


def span(
    predicate: Predicate, claimed: str, since: int, during: int, at: int | None, margin: float | None, seen: str
) -> Claim:
    """The claim that a predicate holds, or does not, for a time. claimed: in words, ``never Gear == R during 1 s``.

    at: when it was violated, ns; None: it was not. margin: the smallest distance to the limit. seen: the samples.
    """
    unit = predicate.unit
    distance = margin_text(margin, unit)
    if at is not None:
        actual = f"violated after {time_text(at - since)}: {_values(seen)}"
        return _claim(predicate, claimed, actual, distance, (at, at), ())
    measures = (Measure(f"margin of {claimed}", float(margin), unit),) if margin is not None else ()
    return _claim(predicate, claimed, f"held; last: {_values(seen)}", distance, (since, since + during), measures)


def untold(predicate: Predicate, claimed: str, why: str, since: int, until: int) -> Claim:
    """A claim of which nothing can be said. claimed: what was claimed; why: why it cannot be told."""
    return _claim(predicate, claimed, why, "", (since, max(since, until)), ())


def _claim(
    predicate: Predicate,
    expected: str,
    actual: str,
    margin: str,
    window: tuple[int, int],
    measures: tuple[Measure, ...],
) -> Claim:
    return Claim(
        expected=expected,
        actual=actual,
        tolerance=tolerance_text(predicate),
        margin=margin,
        signals=tuple(signal.path for signal in predicate.signals),
        limits=tuple(Limit(path, value) for path, value in predicate.limits),
        window=window,
        measures=measures,
    )


def margin_text(margin: float | None, unit: str) -> str:
    """A distance to a limit for a reader; "" for None.

    A limit that is just missed, by nothing or by the smallest number that there is, has a distance of 0.

    >>> margin_text(0.25, "bar"), margin_text(-0.0, "%"), margin_text(-2.3e-308, ""), margin_text(None, "%")
    ('0.25 bar', '0 %', '0', '')
    """
    if margin is None:
        return ""
    return f"{margin if abs(margin) > 1e-300 else 0.0:.6g} {unit}".rstrip()


def tolerance_text(predicate: Predicate) -> str:
    """How far a value may be off and still count: ``± 0.25 %``; "" where values are told apart exactly."""
    tolerance = predicate.tolerance
    if not tolerance:
        return ""
    return f"± {tolerance:.4g}{f' {predicate.unit}' if predicate.unit else ''}"


def _values(seen: str) -> str:
    """The values of a line of samples, without its time."""
    return seen.partition("  ")[2] or seen
