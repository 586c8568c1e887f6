"""One line of the doctor's table, and how a check becomes one whatever happens."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from harness.errors import HarnessError


class Mark(StrEnum):
    """What a finding means: as it should be; to be known; in the way of every run; not looked at, for a reason."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found. subject: what it is about, a channel or an instrument by name, or "machine".

    text: what was found. todo: what to do about it, "" when there is nothing to do. facts: the same as numbers and
    names, for programs; JSON values, lengths of time in ns.
    """

    subject: str
    check: str
    mark: Mark
    text: str
    todo: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """As values that JSON knows."""
        return {
            "subject": self.subject,
            "check": self.check,
            "state": str(self.mark),
            "text": self.text,
            "todo": self.todo,
            "facts": dict(self.facts),
        }


def examined(subject: str, check: str, look: Callable[[], Finding]) -> Finding:
    """What a check finds; a check that breaks is a finding too.

    >>> examined("body", "echo", lambda: Finding("body", "echo", Mark.OK, "comes back")).mark
    <Mark.OK: 'ok'>
    >>> print(examined("body", "echo", lambda: 1 / 0).text)
    this check broke: ZeroDivisionError: division by zero (<doctest ..., line 1)
    """
    try:
        return look()
    except HarnessError as error:
        return refused(subject, check, error)
    except Exception as error:  # noqa: BLE001  # becomes a finding
        return broken(subject, check, error)


def refused(subject: str, check: str, error: Exception) -> Finding:
    """What an error says that nobody here has made: of the harness' own ones, the last clause is what to do."""
    if not isinstance(error, HarnessError):
        return Finding(subject, check, Mark.FAIL, "".join(traceback.format_exception_only(error)).strip())
    text, _, todo = str(error).removeprefix(f"channel {subject!r}: ").rpartition("; ")
    return Finding(subject, check, Mark.FAIL, text or todo, todo if text else "")


def broken(subject: str, check: str, error: Exception) -> Finding:
    """A check that broke: the last line of its traceback, and where."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    what = "".join(traceback.format_exception_only(error)).strip().splitlines()[-1]
    where = f"{last.filename.rpartition('/')[2]}, line {last.lineno}"
    return Finding(subject, check, Mark.FAIL, f"this check broke: {what} ({where})", "report this as a fault of doctor")


def can_run(findings: Iterable[Finding]) -> bool:
    """Whether nothing is in the way of a run."""
    return not any(finding.mark is Mark.FAIL for finding in findings)
