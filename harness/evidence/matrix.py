"""The requirement matrix: requirement -> tests -> verdict, with what is *not covered* and what was *not run*."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

from harness.evidence.tables import Html, coloured, page, table
from harness.evidence.verdicts import Verdict, worst
from harness.requirements import Requirement, Requirements

NOT_COVERED = "not covered"
"""No test names the requirement."""
NOT_COLLECTED = "not collected"
"""No test that was collected names it, but only a part of the suites was: the others may."""
NOT_RUN = "not run"
"""Tests name it, but none of them came to a verdict: deselected, skipped, or the run ended before."""


@dataclass(frozen=True, slots=True)
class Row:
    """One requirement with its tests; a test's verdict is ``None`` when it did not run.

    partial: only a part of the suites was collected.
    """

    requirement: Requirement
    tests: Mapping[str, Verdict | None]
    partial: bool = False

    @property
    def verdict(self) -> Verdict | None:
        """The worst verdict of the tests that ran."""
        return worst(verdict for verdict in self.tests.values() if verdict is not None)

    @property
    def state(self) -> str:
        """The verdict as a word, or :data:`NOT_COVERED`, :data:`NOT_COLLECTED`, :data:`NOT_RUN`."""
        if not self.tests:
            return NOT_COLLECTED if self.partial else NOT_COVERED
        return self.verdict.value if self.verdict is not None else NOT_RUN


@dataclass(slots=True)
class Matrix:
    """Which tests speak for which requirement, and what became of them.

    partial: only a part of the suites was collected, so that nothing can be said to be *not covered*.

    >>> known = Requirements({"VEH-1": Requirement("VEH-1", "Lamp on."), "VEH-2": Requirement("VEH-2", "Lamp off.")})
    >>> matrix = Matrix(known)
    >>> matrix.claim("test_lamp", ["VEH-1"])
    >>> matrix.judge("test_lamp", Verdict.PASSED)
    >>> [row.state for row in matrix.rows()]
    ['passed', 'not covered']
    """

    requirements: Requirements
    claims: dict[str, tuple[str, ...]] = field(default_factory=dict)
    verdicts: dict[str, Verdict] = field(default_factory=dict)
    partial: bool = False

    def claim(self, test: str, requirements: Sequence[str]) -> None:
        """Note that a test was collected which speaks for these requirements; it may be said twice."""
        if requirements:
            self.claims[test] = tuple(dict.fromkeys(requirements))

    def judge(self, test: str, verdict: Verdict) -> None:
        """Note a verdict of a test; of several (call, then teardown) the worst stands."""
        self.verdicts[test] = worst((verdict, self.verdicts.get(test, Verdict.PASSED))) or verdict

    def rows(self) -> list[Row]:
        """One row per requirement, in the order of the requirement file."""
        tests: dict[str, dict[str, Verdict | None]] = {identifier: {} for identifier in self.requirements}
        for test in sorted(self.claims):
            for identifier in self.claims[test]:
                tests.setdefault(identifier, {})[test] = self.verdicts.get(test)
        return [
            Row(self.requirements.entries.get(identifier, Requirement(identifier, "")), tests[identifier], self.partial)
            for identifier in tests
        ]

    def states(self) -> dict[str, list[str]]:
        """Ids of the requirements by their state, bad news first; empty states are left out."""
        order = (*sorted(Verdict, key=lambda each: each is Verdict.PASSED), NOT_RUN, NOT_COLLECTED, NOT_COVERED)
        found: dict[str, list[str]] = {str(state): [] for state in order}
        for row in self.rows():
            found[row.state].append(row.requirement.id)
        return {state: ids for state, ids in found.items() if ids}

    def to_json(self) -> str:
        """The matrix for other tools: a list of requirements with id, asil, text, state, and tests with verdicts.

        ``partial``: only a part of the suites was collected.
        """
        rows = [
            {
                "id": row.requirement.id,
                "asil": row.requirement.asil,
                "text": row.requirement.text,
                "state": row.state,
                "tests": {test: verdict.value if verdict else NOT_RUN for test, verdict in row.tests.items()},
            }
            for row in self.rows()
        ]
        whole = {"title": self.requirements.title, "partial": self.partial, "requirements": rows}
        return json.dumps(whole, ensure_ascii=False, indent=1)

    def to_html(self) -> str:
        """The matrix as a static HTML page."""
        rows = self.rows()
        title = f"Requirements{f' of {self.requirements.title}' if self.requirements.title else ''}"
        counts = ", ".join(f"{len(ids)} {state}" for state, ids in self.states().items())
        head = ("id", "ASIL", "requirement", "state", "tests")
        cells = [(row.requirement.id, row.requirement.asil, row.requirement.text, *_outcome(row)) for row in rows]
        body = table(head, cells)
        warning = "<p><b>Only part of the suites was collected.</b></p>" if self.partial else ""
        return page(title, warning, f"<p>{len(rows)} requirements: {counts}</p>", body)


def _outcome(row: Row) -> tuple[Html, Html]:
    """State and tests as cells; the cases of one parametrised test share a line."""
    groups: dict[str, list[Verdict | None]] = {}
    for test, verdict in row.tests.items():
        groups.setdefault(test.partition("[")[0], []).append(verdict)
    lines = (f"{_counts(verdicts)} <code>{_breakable(test)}</code>" for test, verdicts in groups.items())
    return coloured(row.verdict, row.state.replace(" ", "\N{NO-BREAK SPACE}")), Html("<br>".join(lines))


def _breakable(test: str) -> str:
    """A test's id as HTML that may be broken where its parts end, not in the middle of a word."""
    return re.sub("/|::|_", r"\g<0><wbr>", escape(test))


def _counts(verdicts: Sequence[Verdict | None]) -> str:
    found = []
    for each in (*Verdict, None):
        if count := verdicts.count(each):
            word = each.value if each is not None else NOT_RUN
            found.append(coloured(each, word if len(verdicts) == 1 else f"{count} {word}"))
    return ", ".join(found)
