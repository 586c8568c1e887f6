"""Allure results of tests on a bench. Imported only in a run with ``--alluredir``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import allure_commons
import pytest
from allure_commons.model2 import TestResult

from harness.evidence.allure_results import (
    add_identity,
    add_label,
    add_link,
    add_parameter,
    attach,
    attach_failure,
    attach_plots,
    attach_verdicts,
    render_steps,
    report_between_tests,
    set_verdict,
)
from harness.evidence.record import WorldRecord
from harness.evidence.verdict_table import FEW, judged, verdict_fragment
from harness.evidence.verdicts import Verdict
from harness.pytest_support.labels import description, description_html, labels, title_of
from harness.pytest_support.steps import Steps
from harness.pytest_support.worlds import Worlds
from harness.requirements import Requirement


class AllureSink:
    """Turns what a test leaves behind into its Allure result, from the thread that runs the tests."""

    def __init__(self, listener: Any, worlds: Worlds, title: str) -> None:
        self.steps = Steps(listener, worlds)
        self.title = title
        self.bench = bench_name(worlds.bench_file)
        allure_commons.plugin_manager.register(self.steps)

    def close(self) -> None:
        """Stop listening."""
        allure_commons.plugin_manager.unregister(self.steps)

    def begin(self, item: pytest.Item, requirements: Sequence[Requirement]) -> None:
        """A test's set-up begins: say where it belongs, whatever becomes of it."""
        self.steps.begin()
        result = self.steps.result
        if result is not None:
            add_identity(result, "bench", self.bench)  # the same test on another bench is another result
            for name, value in labels(item, requirements, self.title):
                add_label(result, name, value)
            for each in requirements:
                if each.url:
                    add_link(result, each.url, each.id)

    def finish(
        self,
        item: pytest.Item,
        requirements: Sequence[Requirement],
        command: str,
        records: Sequence[WorldRecord],
        *,
        failed: bool,
    ) -> None:
        """The test, or a set-up that failed, is over: write labels, description and steps.

        failed: attach frames and values around the failure too.
        """
        result = self.steps.result
        if result is None:
            return
        for record in records:
            add_label(result, "world", record.world)
        result.name = title_of(item) or result.name
        hashes = records[0].hashes if len(records) == 1 else {}
        told = (_doc(item), requirements, command, hashes)
        checks = judged(records)
        result.description = description(*told)
        picture = attach_plots(records, render_steps(result, records, self.steps.marks))
        result.descriptionHtml = description_html(*told, verdict_fragment(checks), picture)
        if failed or len(checks) > FEW:
            attach_verdicts(result, checks)
        if failed and records:
            attach_failure(result, next((each for each in reversed(records) if each.red is not None), records[-1]))

    def parameters(self, values: Mapping[str, str]) -> None:
        """Show values that are no part of the test's identity."""
        result = self.steps.result
        for name, value in values.items() if result is not None else ():
            add_parameter(_there(result), name, value)

    def recording(self, name: str, body: bytes) -> None:
        """Attach recorded frames to the test."""
        attach(_there(self.steps.result), name, body, "application/octet-stream", name.rpartition(".")[2])

    def verdict(self, verdict: Verdict, message: str | None) -> None:
        """Set the result's status; ``None`` keeps Allure's own message."""
        result = self.steps.result
        if result is not None:
            allures = result.statusDetails.message if result.statusDetails is not None else ""
            set_verdict(result, verdict, message if message is not None else allures)

    def between_tests(self, name: str, verdict: Verdict, message: str) -> None:
        """Write a result of its own for what went wrong between two tests."""
        report_between_tests(name, verdict, message)


def bench_name(path: Path) -> str:
    """The name of the bench in a bench file, read without judging the rest: what is wrong there has its own place."""
    try:
        name = tomllib.loads(path.read_text(encoding="utf-8")).get("name")
    except (OSError, ValueError):
        name = None
    return name if isinstance(name, str) else path.stem


def _doc(item: pytest.Item) -> str | None:
    return getattr(getattr(item, "function", None), "__doc__", None)


def _there(result: TestResult | None) -> TestResult:
    assert result is not None, "there is a test running, so there is a result"
    return result
