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
"""Rows of the fragment at most: what did not pass first, then the last ones."""

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
    """The events that came to a verdict, in the order of the journals."""
    return [event for record in records for event in record.events if event.verdict is not None]


def claim_of(event: Event) -> Claim:
    """What an event claims; of one that only says what happened, such as an incident, that is what was seen."""
    return event.claim if event.claim is not None else Claim("", event.title)


def verdict_page(events: Sequence[Event]) -> str:
    """The table as an HTML page, what did not pass marked."""
    kept = _kept(events, ROWS)
    red = [number for number, event in enumerate(kept) if event.verdict is not Verdict.PASSED]
    left_out = f"<p>{len(events) - len(kept)} checks that passed are left out.</p>" if len(kept) < len(events) else ""
    head = f"<p>{len(events)} {'check' if len(events) == 1 else 'checks'}: {_counts(events)}</p>"
    return page("Verdicts", head, table(_HEAD, [_row(event) for event in kept], numbers=(1, 5), marked=red), left_out)


def verdict_fragment(events: Sequence[Event]) -> str:
    """The table as a piece of HTML for a page of whatever colours, at most :data:`FEW` rows; "" for no events.

    Columns in which nothing stands are left out.
    """
    kept = _kept(events, FEW)
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
    more = len(events) - len(kept)
    note = f"<p>and {more} more that passed: attachment <i>verdicts</i></p>" if more else ""
    return f'<table style="display:table;width:100%;font-size:13px"><tr>{head}</tr>{"".join(rows)}</table>{note}'


def _kept(events: Sequence[Event], limit: int) -> list[Event]:
    """All that did not pass, and of the others the last ones that there is room for; in their order."""
    passed = [number for number, event in enumerate(events) if event.verdict is Verdict.PASSED]
    room = max(0, limit - (len(events) - len(passed)))
    out = set(passed[: max(0, len(passed) - room)])
    return [event for number, event in enumerate(events) if number not in out]


def _counts(events: Sequence[Event]) -> str:
    found = [event.verdict for event in events]
    return ", ".join(coloured(each, f"{found.count(each)} {each}") for each in Verdict if each in found)


def _texts(event: Event) -> tuple[str, ...]:
    claim = claim_of(event)
    return str(event.verdict), time_text(event.time), claim.expected, claim.actual, claim.tolerance, claim.margin


def _row(event: Event) -> tuple[str, ...]:
    verdict, *others = _texts(event)
    return coloured(event.verdict, verdict), *others
