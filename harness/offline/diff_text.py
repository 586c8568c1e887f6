"""A comparison of two recordings as text for people and as values for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from harness.offline.sides import Instant, SignalDifference
from harness.signals.definitions import SignalDef
from harness.units import time_text

if TYPE_CHECKING:
    from harness.offline.diff import Comparison

SCHEMA = "vehicle-harness/diff/1"


def text_of(found: Comparison, limit: int = 40) -> str:
    """A table of what differs, the largest share of time first. limit: rows of a kind that are shown; 0: all."""
    one, other = found.names
    compared = f"{len(found.compared)} signals compared over {time_text(found.end - found.begin)}"
    shifted = f", {other} shifted by {time_text(found.shift)}" if found.shift else ""
    ignored = f", {len(found.ignored)} ignored" if found.ignored else ""
    lines = [compared + shifted + ignored]
    if found.equal:
        return f"equal: {lines[0]}"
    if found.absent:
        lines += ["", f"{len(found.absent)} absent on one side:"]
        rows = [
            (each.path, each.what, f"{time_text(each.start)} to {time_text(each.end)}")
            for each in found.absent[: limit or None]
        ]
        lines += [*aligned(rows), *_more(len(found.absent), limit)]
    if found.different:
        lines += ["", f"{len(found.different)} different (values: {one} / {other}):"]
        head = ("signal", "first at", "values", "largest", "at", "values", "share", "longest", "tolerance")
        shown = [_row(each) for each in found.different[: limit or None]]
        lines += [*aligned([head, *shown]), *_more(len(found.different), limit), *_hint(found.different)]
    return "\n".join(lines)


def _row(each: SignalDifference) -> tuple[str, ...]:
    signal, largest = each.definition, each.largest
    size = "" if signal.choices else f"{largest.size:.6g}{_unit(signal)}"
    return (
        each.path,
        time_text(each.first.time),
        _values(signal, each.first),
        size,
        time_text(largest.time),
        _values(signal, largest),
        f"{100 * each.share:.3g} %",
        time_text(each.longest_ns),
        str(each.tolerance),
    )


def _values(signal: SignalDef, instant: Instant) -> str:
    return f"{value_text(signal, instant.one)} / {value_text(signal, instant.other)}{_unit(signal)}"


def value_text(signal: SignalDef, value: int | float) -> str:
    """A physical value as its label, else as a number with up to six digits."""
    label = signal.text(signal.to_raw(value, strict=False)) if signal.choices and value == value else None
    return label or (str(value) if isinstance(value, int) else f"{value:.6g}")


def _unit(signal: SignalDef) -> str:
    return f" {signal.unit}" if signal.unit and not signal.choices else ""


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Lines of a table, its columns one below the other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def _more(count: int, limit: int) -> list[str]:
    return [f"  and {count - limit} more"] if 0 < limit < count else []


def _hint(different: Sequence[SignalDifference]) -> list[str]:
    longest = max(each.longest_ns for each in different)
    if longest > 100_000_000:
        return []
    return [f"No difference lasts longer than {time_text(longest)}: a tolerance in time may explain them all."]


def json_of(found: Comparison) -> dict[str, Any]:
    """The comparison as values; times in ns on the first recording's clock. The schema is in docs/compare-runs.md."""
    return {
        "schema": SCHEMA,
        "equal": found.equal,
        "recordings": list(found.names),
        "shift_ns": found.shift,
        "begin_ns": found.begin,
        "end_ns": found.end,
        "compared": list(found.compared),
        "ignored": list(found.ignored),
        "absent": [
            {"path": each.path, "what": each.what, "start_ns": each.start, "end_ns": each.end} for each in found.absent
        ],
        "different": [
            {
                "path": each.path,
                "unit": each.definition.unit,
                "tolerance": {
                    "absolute": each.tolerance.absolute,
                    "relative": each.tolerance.relative,
                    "time_ns": each.tolerance.time,
                },
                "first": _instant(each.definition, each.first),
                "largest": _instant(each.definition, each.largest),
                "differing_ns": each.differing_ns,
                "longest_ns": each.longest_ns,
                "compared_ns": each.compared_ns,
                "share": each.share,
            }
            for each in found.different
        ],
    }


def _instant(signal: SignalDef, instant: Instant) -> dict[str, Any]:
    values = [{"value": _number(each), "text": value_text(signal, each)} for each in (instant.one, instant.other)]
    return {"time_ns": instant.time, "values": values, "size": _number(instant.size)}


def _number(value: int | float) -> int | float | None:
    """JSON has neither NaN nor infinity: null; the text says which."""
    return value if isinstance(value, int) or abs(value) < float("inf") else None
