"""Recordings that were judged, as a bench engineer reads them on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.evidence.verdicts import Verdict, worst
from harness.frames import ErrorFrame
from harness.monitors.monitor import Outcome, Violation
from harness.offline.check import PROPERTIES, Checked, CheckResult
from harness.units import time_text

SHOWN = 20
"""Checks whose first violation is shown, unless all are asked for."""
Row = tuple[str, ...]


def text_of(checked: Checked, *, statistics: bool = False, limit: int = SHOWN) -> str:
    """One recording: a line of summary, a table of its checks, violations, remarks. limit: 0 for all violations."""
    lines = [_head(checked)]
    if checked.reason:
        lines.append(f"  {checked.reason}")
    if checked.results:
        lines += ["", *_table(_HEAD, [*_families(checked.results), *_properties(checked.results)], (2, 3))]
    lines += _violations([each for each in checked.results if each.first is not None], limit)
    lines += _doubts(checked.results)
    if checked.remarks:
        lines += ["", "  remarks", *(f"    {remark}" for remark in checked.remarks)]
    if statistics:
        lines += _statistics(checked.results)
    return "\n".join(lines)


def summary_of(checked: Sequence[Checked]) -> str:
    """Several recordings in a line each."""
    rows = [
        (each.path.name, word(each.verdict), time_text(each.end - each.begin), f"{each.frames:,}",
         f"{sum(result.outcome.count for result in each.results):,}")
        for each in checked
    ]  # fmt: skip
    return "\n".join(_table(("recording", "verdict", "span", "frames", "violations"), rows, (2, 3, 4)))


def word(verdict: Verdict | None) -> str:
    """A verdict; what is not passed stands out in capitals.

    >>> word(Verdict.PASSED), word(Verdict.FAILED), word(None)
    ('passed', 'FAILED', 'nothing to judge')
    """
    if verdict is None:
        return "nothing to judge"
    return verdict.value if verdict is Verdict.PASSED else verdict.value.upper()


def margin_text(outcome: Outcome) -> str:
    """The worst margin of a check with its unit, "" for none.

    >>> margin_text(Outcome("x", margin=0.25, unit="ms")), margin_text(Outcome("x", time_margin=12_000_000))
    ('0.25 ms', '12 ms')
    """
    if outcome.time_margin is not None:
        return time_text(outcome.time_margin)
    margin = outcome.margin
    if outcome.violations and (margin is None or margin >= 0):
        own = [each.margin for each in outcome.violations if each.margin is not None]
        margin = min(own, default=None)
    if margin is None or abs(margin) == float("inf"):
        return ""
    unit = outcome.unit or next((each.unit for each in outcome.violations if each.margin is not None), "")
    shown = 0.0 if abs(margin) < 1e-300 else margin  # false at a distance of nothing: see harness.temporal.formula.TINY
    return f"{shown:.4g} {unit}".rstrip()


_HEAD = ("check", "verdict", "judged", "violations", "worst margin", "of")


def _head(checked: Checked) -> str:
    channels = ", ".join(f"{name} = {own}" for name, own in checked.channels.items())
    span = time_text(checked.end - checked.begin)
    return f"{checked.path}: {word(checked.verdict)}   {span}, {checked.frames:,} frames, {channels or 'no channel'}"


def _families(results: Sequence[CheckResult]) -> Iterator[Row]:
    """A row for all checks of one sort."""
    names = dict.fromkeys(each.family for each in results if each.family != PROPERTIES)
    for name in names:
        own = [each for each in results if each.family == name]
        judged = [each for each in own if each.verdict is not None]
        red = [each for each in judged if each.verdict is not Verdict.PASSED]
        verdict = worst(each.verdict for each in judged if each.verdict is not None)
        tight = min(judged, key=_distance, default=None)
        margin = margin_text(tight.outcome) if tight is not None else ""
        of = _subject(tight.outcome.check) if tight is not None and margin else ""
        count = sum(each.outcome.count for each in own)
        failed = f"{len(red)} of {len(judged)}" if red else str(len(judged))
        yield name, word(verdict), failed, f"{count:,}" if count else "-", margin, of


def _subject(check: str) -> str:
    """What a check is about: ``cycle time of BrakeStatus`` is about ``BrakeStatus``."""
    return check.removeprefix("latency from ").rpartition(" of ")[2]


def _distance(result: CheckResult) -> float:
    """By which checks of one sort are ordered; units differ between sorts only."""
    outcome = result.outcome
    if outcome.violations:
        own = [each.margin for each in outcome.violations if each.margin is not None]
        return min(own, default=-float("inf"))
    if outcome.time_margin is not None:
        return outcome.time_margin
    return outcome.margin if outcome.margin is not None else float("inf")


def _properties(results: Sequence[CheckResult]) -> Iterator[Row]:
    for each in results:
        if each.family == PROPERTIES:
            outcome = each.outcome
            count = f"{outcome.count:,}" if outcome.count else "-"
            yield outcome.check, word(each.verdict), "", count, margin_text(outcome), each.requirement


def _violations(red: Sequence[CheckResult], limit: int) -> Iterator[str]:
    shown = red if not limit else red[:limit]
    for each in shown:
        violation = each.first
        assert violation is not None, "only checks with violations are shown"
        yield ""
        yield from _violation(violation, each.outcome.count)
    if len(shown) < len(red):
        yield f"\n  and {len(red) - len(shown)} more checks with violations: --limit 0 shows all"


def _violation(violation: Violation, count: int) -> Iterator[str]:
    where = f" on {violation.channel}" if violation.channel else ""
    times = f"{count:,} violations, the first" if count > 1 else "violated"
    yield f"  {violation.check}: {times} at {time_text(violation.time)}{where}"
    if violation.end > violation.start:
        yield f"    from      {time_text(violation.start)} to {time_text(violation.end)}"
    yield f"    expected  {violation.expected}"
    yield f"    actual    {violation.actual}"
    seen = violation.seen
    if seen is not None:
        yield f"    frame     {'error frame' if isinstance(seen, ErrorFrame) else seen.frame}"
    if violation.signals:
        yield f"    signals   {', '.join(violation.signals)}"


def _doubts(results: Sequence[CheckResult]) -> Iterator[str]:
    for each in results:
        if each.verdict is Verdict.INCONCLUSIVE and each.outcome.doubt:
            yield f"\n  {each.outcome.check}: cannot be told\n    {each.outcome.doubt}"


def _statistics(results: Sequence[CheckResult]) -> Iterator[str]:
    rows = [
        (each.outcome.check, "; ".join(f"{name} {text}" for name, text in each.outcome.statistics))
        for each in results
        if each.outcome.statistics
    ]
    if rows:
        yield ""
        yield from _table(("check", "statistics"), rows, ())


def _table(head: Row, rows: Sequence[Row] | Iterator[Row], right: Sequence[int]) -> list[str]:
    """Rows in columns; those numbered in ``right`` end together."""
    every = [head, *rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(head))]
    lines = []
    for row in every:
        cells = [
            text.rjust(width) if column in right else text.ljust(width)
            for column, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    lines.insert(1, "  " + "  ".join("-" * width for width in widths))
    return lines
