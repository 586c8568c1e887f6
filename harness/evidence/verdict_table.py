"""The verdict table of a test: every check with time, expected, actual, tolerance, margin and verdict.

As a page of its own for an attachment, and as a fragment for the description on top of a test.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from harness.evidence.events import Claim, Event
from harness.evidence.record import WorldRecord
from harness.evidence.tables import coloured, page, table
from harness.evidence.verdicts import Verdict
from harness.units import time_text

ROWS = 400
"""Rows of the page at most; what did not pass is never left out."""
_CELL = "padding:3px 7px;white-space:normal"
_TIME = 1
"""The column of the table that is not broken into lines."""
FEW = 8
"""Rows of the fragment at most: the first that did not pass, then the last that did."""

_HEAD = ("verdict", "time", "expected", "actual", "tolerance", "margin")
_ON_ANY = {
    Verdict.PASSED: "#2da44e",
    Verdict.FAILED: "#e5484d",
    Verdict.BLOCKED: "#bf8700",
    Verdict.INCONCLUSIVE: "#bf8700",
    Verdict.ERROR: "#a475f9",
}
"""Text colours for a background that may be white or dark."""


def judged(records: Sequence[WorldRecord]) -> list[Event]:
    """The events that came to a verdict, in the order of the journals.

    What a monitor said at the instant of a violation is left out where it has said it once more at its end.
    """
    return [event for record in records for event in _once(record.events) if event.verdict is not None]


def _once(events: Sequence[Event]) -> list[Event]:
    def said(event: Event) -> tuple[object, ...]:
        return () if event.claim is None else (event.claim.actual, event.claim.window, event.verdict)

    at_the_end = {said(event) for event in events if event.kind == "expectation" and event.claim is not None}
    return [event for event in events if event.kind != "incident" or said(event) not in at_the_end]


def claim_of(event: Event) -> Claim:
    """What an event claims; of one that only says what happened, such as an incident, that is what was seen."""
    return event.claim if event.claim is not None else Claim("", event.title)


def verdict_page(events: Sequence[Event]) -> str:
    """The table as an HTML page, what did not pass marked."""
    kept = _kept(events, ROWS, all_red=True)
    red = [number for number, event in enumerate(kept) if event.verdict is not Verdict.PASSED]
    left_out = f"<p>{len(events) - len(kept)} checks that passed are left out.</p>" if len(kept) < len(events) else ""
    head = f"<p>{len(events)} {'check' if len(events) == 1 else 'checks'}: {_counts(events)}</p>"
    return page("Verdicts", head, table(_HEAD, [_row(event) for event in kept], numbers=(1, 5), marked=red), left_out)


def verdict_fragment(events: Sequence[Event]) -> str:
    """The table as a piece of HTML for a page of whatever colours, at most :data:`FEW` rows; "" for no events.

    Columns in which nothing stands are left out.
    """
    kept = _kept(events, FEW, all_red=False)
    if not kept:
        return ""
    texts = [_texts(event) for event in kept]
    columns = [number for number in range(len(_HEAD)) if any(row[number] for row in texts)]
    rows = []
    for event, row in zip(kept, texts, strict=True):
        weight = "" if event.verdict is Verdict.PASSED else "font-weight:600"
        colour = _ON_ANY[event.verdict] if event.verdict is not None else "inherit"
        first, *others = (row[number] for number in columns)
        cells = [f'<td style="{_CELL};color:{colour};{weight}">{escape(first)}</td>']
        cells += [
            f'<td style="{_CELL};{weight}{";white-space:nowrap" if column == _TIME else ""}">{escape(text)}</td>'
            for column, text in zip(columns[1:], others, strict=True)
        ]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    head = "".join(f'<th style="padding:3px 7px;text-align:left">{_HEAD[number]}</th>' for number in columns)
    more, red = len(events) - len(kept), _red(events) - _red(kept)
    which = f", {red} of which did not pass" if red else " that passed"
    note = f"<p>and {more} more{which}: attachment <i>verdicts</i></p>" if more else ""
    return f'<table style="display:table;width:100%;font-size:13px"><tr>{head}</tr>{"".join(rows)}</table>{note}'


def _kept(events: Sequence[Event], limit: int, *, all_red: bool) -> list[Event]:
    """What did not pass, and of what passed the last ones that there is room for; in their order.

    all_red: whether everything that did not pass is kept, or only the first ones that there is room for.
    """
    red = [number for number, event in enumerate(events) if event.verdict is not Verdict.PASSED]
    passed = [number for number, event in enumerate(events) if event.verdict is Verdict.PASSED]
    shown = red if all_red else red[:limit]
    room = max(0, limit - len(shown))
    chosen = {*shown, *passed[max(0, len(passed) - room) :]}
    return [events[number] for number in sorted(chosen)]


def _red(events: Sequence[Event]) -> int:
    return sum(event.verdict is not Verdict.PASSED for event in events)


def _counts(events: Sequence[Event]) -> str:
    found = [event.verdict for event in events]
    return ", ".join(coloured(each, f"{found.count(each)} {each}") for each in Verdict if each in found)


def _texts(event: Event) -> tuple[str, ...]:
    claim = claim_of(event)
    return str(event.verdict), time_text(event.time), claim.expected, claim.actual, claim.tolerance, claim.margin


def _row(event: Event) -> tuple[str, ...]:
    verdict, *others = _texts(event)
    return coloured(event.verdict, verdict), *others
