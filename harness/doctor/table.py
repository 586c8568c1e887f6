"""Findings as a table for people, by rich where it is installed and somebody looks at a terminal; and as JSON."""

from __future__ import annotations

import json
import re
import shutil
import sys
import textwrap
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import groupby
from typing import Any, TextIO

from harness.doctor.finding import Finding, Mark, can_run

JSON_VERSION = 1
"""Of the structure that ``--json`` prints; a key that is added does not change it."""
WORDS = {Mark.OK: "ok", Mark.WARN: "warn", Mark.FAIL: "FAIL", Mark.SKIP: "skip"}
_STYLES = {Mark.OK: "green", Mark.WARN: "yellow", Mark.FAIL: "bold red", Mark.SKIP: "dim"}
_GLUE = "\N{NO-BREAK SPACE}"
_NARROWEST = 60
_WIDEST = 140  # longer lines are hard to read


def show(findings: Sequence[Finding], end: str, output: TextIO = sys.stdout) -> None:
    """Print the table, and ``end`` below it: coloured on a terminal if rich is there, else as plain text."""
    width = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size().columns))
    findings = condensed(findings)
    if output.isatty() and find_spec("rich") is not None:
        _show_rich(findings, end, output, width)
    else:
        print(plain(findings, width), end, sep="\n\n", file=output)


def condensed(findings: Sequence[Finding]) -> list[Finding]:
    """The same, with what was not looked at on each subject, and needs nothing done, in one line.

    >>> skips = [Finding("body", check, Mark.SKIP, "nothing was heard") for check in ("database", "nodes")]
    >>> [each.text for each in condensed(skips)]
    ['not checked: database, nodes']
    """
    shown = []
    for subject, group in groupby(findings, lambda each: each.subject):
        every = list(group)
        skips = [each for each in every if each.mark is Mark.SKIP and not each.todo]
        if len(skips) > 1:
            every = [each for each in every if each not in skips]
            names = ", ".join(each.check for each in skips)
            every.append(Finding(subject, "others", Mark.SKIP, f"not checked: {names}"))
        shown += every
    return shown


def plain(findings: Sequence[Finding], width: int) -> str:
    """The table as text; what to do about a finding stands below it, behind an arrow.

    >>> print(plain([Finding("body", "echo", Mark.WARN, "none", "take another adapter")], 60))
    body  warn  echo  none
                      > take another adapter
    """
    subjects = max(len(each.subject) for each in findings)
    checks = max(len(each.check) for each in findings)
    indent = subjects + 2 + 4 + 2 + checks + 2
    lines: list[str] = []
    for subject, group in groupby(findings, lambda each: each.subject):
        shown = subject
        for each in group:
            begin = f"{shown:<{subjects}}  {WORDS[each.mark]:<4}  {each.check:<{checks}}  "
            lines += _wrapped(each.text, width, begin, " " * indent)
            if each.todo:
                lines += _wrapped(each.todo, width, f"{'':{indent}}> ", " " * (indent + 2))
            shown = ""
    return "\n".join(lines)


def summary(findings: Sequence[Finding], bench: str | None) -> str:
    """The last line: whether the bench is ready to run, or what is wrong with the machine.

    >>> summary([Finding("body", "traffic", Mark.FAIL, "nothing")], "slcan")
    "bench 'slcan' is not ready: body traffic"
    """
    wrong = ", ".join(f"{each.subject} {each.check}" for each in findings if each.mark is Mark.FAIL)
    doubts = sum(each.mark is Mark.WARN for each in findings)
    doubted = f", with {doubts} warning{'' if doubts == 1 else 's'}" if doubts else ""
    if bench is None:
        return f"to be mended: {wrong}" if wrong else f"nothing is in the way on this machine{doubted}"
    return f"bench {bench!r} is not ready: {wrong}" if wrong else f"bench {bench!r} is ready{doubted}"


def as_json(findings: Sequence[Finding], bench: dict[str, Any] | None, *, active: bool) -> str:
    """Everything for programs. bench: its name and path; None: only the machine was looked at."""
    content = {
        "version": JSON_VERSION,
        "bench": bench,
        "active": active,
        "can_run": can_run(findings),
        "findings": [each.to_json() for each in findings],
    }
    return json.dumps(content, indent=2, ensure_ascii=False, default=str)


def _wrapped(text: str, width: int, begin: str, further: str) -> list[str]:
    # Paths and identifiers stay whole, as somebody is going to copy them; so do numbers with their units.
    wrapper = textwrap.TextWrapper(
        width, initial_indent=begin, subsequent_indent=further, break_long_words=False, break_on_hyphens=False
    )
    return [line.replace(_GLUE, " ") for line in wrapper.wrap(_glued(text))] or [begin]


def _glued(text: str) -> str:
    """The text with numbers held to their units, so that no line ends between them."""
    return re.sub(r"(?<=\d) (?=(ns|µs|ms|s|kbit/s|Mbit/s)\b)", _GLUE, text)


def _show_rich(findings: Sequence[Finding], end: str, output: TextIO, width: int) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, width=width, show_edge=False, pad_edge=False)
    for name in ("", "state", "check"):
        table.add_column(name, no_wrap=True)
    table.add_column("found, and what to do", ratio=1)
    for subject, group in groupby(findings, lambda each: each.subject):
        shown = subject
        for each in group:
            style = _STYLES[each.mark]
            text = Text(_glued(each.text), style="dim" if each.mark is Mark.SKIP else "")
            if each.todo:
                text.append(f"\n> {_glued(each.todo)}", style="cyan")
            table.add_row(Text(shown, style="bold"), Text(WORDS[each.mark], style=style), each.check, text)
            shown = ""
        table.add_section()
    console = Console(file=output, width=width, highlight=False)
    console.print(table)
    console.print(Text(f"\n{end}", style="green" if can_run(findings) else "bold red"))
