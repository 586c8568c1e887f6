"""Findings as a table for people, by rich where it is installed and somebody looks at a terminal; and as JSON."""

from __future__ import annotations

import json
import re
import shutil
import textwrap
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from itertools import groupby
from typing import Any, TextIO

from harness.doctor.finding import Finding, Mark, can_run

JSON_VERSION = 1
"""Of the structure that ``--json`` prints; a key that is added does not change it."""
WORDS = {Mark.OK: "ok", Mark.WARN: "warn", Mark.FAIL: "FAIL", Mark.SKIP: "skip"}
_STYLES = {Mark.OK: "green", Mark.WARN: "yellow", Mark.FAIL: "bold red", Mark.SKIP: "dim"}
_GLUE = "\N{NO-BREAK SPACE}"
_STATE = 4  # characters
_NARROWEST = 60
_WIDEST = 140  # longer lines are hard to read


def show(findings: Sequence[Finding], end: str, output: TextIO) -> None:
    """Print the table, and ``end`` below it: coloured on a terminal if rich is there, else as plain text."""
    width = max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size().columns))
    lines = [*lines_of(condensed(findings), width), (), *(((line, ""),) for line in _wrapped(end, width))]
    if not output.isatty() or find_spec("rich") is None:
        print("\n".join(map(_plain, lines)), file=output)
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=output, width=width, highlight=False)
    for line in lines:
        console.print(Text.assemble(*line), soft_wrap=True)


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


Line = Sequence[tuple[str, str]]
"""Pieces of text, each with its style as rich writes it."""


def lines_of(findings: Sequence[Finding], width: int) -> Iterator[Line]:
    """The table, line by line; what to do about a finding stands below it, behind a ``>``.

    >>> finding = Finding("body", "echo", Mark.WARN, "none", "take another adapter")
    >>> print("\\n".join(map(_plain, lines_of([finding], 60))))
    body  warn  echo  none
                      > take another adapter
    """
    subjects = max(len(each.subject) for each in findings)
    checks = max(len(each.check) for each in findings)
    margin = " " * (subjects + 2 + _STATE + 2 + checks + 2)
    room = width - len(margin)
    subject = None
    for each in findings:
        if subject not in (None, each.subject):
            yield ()
        first, *further = _wrapped(each.text, room)
        yield (
            (f"{each.subject if each.subject != subject else '':<{subjects}}  ", "bold"),
            (f"{WORDS[each.mark]:<{_STATE}}  ", _STYLES[each.mark]),
            (f"{each.check:<{checks}}  ", ""),
            (first, ""),
        )
        yield from (((margin, ""), (line, "")) for line in further)
        todo = _wrapped(each.todo, room - 2) if each.todo else []
        yield from (((margin, ""), ("  " if line else "> ", "cyan"), (text, "cyan")) for line, text in enumerate(todo))
        subject = each.subject


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


def _plain(line: Line) -> str:
    return "".join(text for text, _ in line).rstrip()


def _wrapped(text: str, width: int) -> list[str]:
    """Lines of at most ``width``. Paths and identifiers stay whole, as somebody will copy them; so do 5 ms."""
    glued = re.sub(r"(?<=\d) (?=(ns|µs|ms|s|kbit/s|Mbit/s)\b)", _GLUE, text)
    lines = textwrap.wrap(glued, width, break_long_words=False, break_on_hyphens=False)
    return [line.replace(_GLUE, " ") for line in lines] or [""]
