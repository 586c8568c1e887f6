"""Small static HTML tables for reports: no script, styles inline, so that every viewer shows them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from harness.evidence.verdicts import Verdict

COLOURS = {
    Verdict.PASSED: "#1a7f37",
    Verdict.FAILED: "#cf222e",
    Verdict.BLOCKED: "#9a6700",
    Verdict.INCONCLUSIVE: "#9a6700",
    Verdict.ERROR: "#8250df",
}
"""Text colours that can be read on white and on a dark background."""

_STYLE = """
body{font:13px/1.45 system-ui,sans-serif;margin:0;color:#1f2328;background:#fff}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;vertical-align:top;padding:3px 8px;border-bottom:1px solid #d8dee4}
th{background:#f6f8fa;white-space:nowrap}
td.number{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}
tr.mark td{background:#fff1f0}
td:first-child{white-space:nowrap}
code{font:12px ui-monospace,monospace;overflow-wrap:break-word}
td:last-child{width:45%}
p{margin:0 0 8px}
""".strip()


class Html(str):
    """Text that is HTML already and goes into a table as it is; any other text is escaped."""


def page(title: str, *parts: str) -> str:
    """A whole HTML document with the common style."""
    body = "\n".join(parts)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f"<style>{_STYLE}</style></head><body>\n{body}\n</body></html>\n"
    )


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: Sequence[int] = (), marked: Sequence[int] = ()
) -> str:
    """An HTML table. ``numbers``: columns set right-aligned; ``marked``: rows with a coloured background (from 0).

    >>> table(("signal", "value"), [("Speed", "3 < 4")])
    '<table><tr><th>signal</th><th>value</th></tr><tr><td>Speed</td><td>3 &lt; 4</td></tr></table>'
    """
    cells = [f"<tr>{''.join(f'<th>{escape(each)}</th>' for each in head)}</tr>"]
    for number, row in enumerate(rows):
        columns = (
            f"<td{' class=number' if column in numbers else ''}>{each if isinstance(each, Html) else escape(each)}</td>"
            for column, each in enumerate(row)
        )
        cells.append(f"<tr{' class=mark' if number in marked else ''}>{''.join(columns)}</tr>")
    return f"<table>{''.join(cells)}</table>"


def coloured(verdict: Verdict | None, text: str) -> Html:
    """A word in the colour of its verdict; grey where there is none."""
    colour = COLOURS[verdict] if verdict is not None else "#656d76"
    return Html(f'<b style="color:{colour}">{escape(text)}</b>')
