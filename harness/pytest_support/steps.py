"""The steps and attachments that a test tells Allure itself: where they belong in the journal, and which to forget.

Imported only in a run with ``--alluredir``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import allure_commons
from allure_commons.logger import AllureFileLogger
from allure_commons.model2 import Attachment, Status, TestResult, TestResultContainer, TestStepResult

from harness.evidence.allure_results import Mark
from harness.plugin import FIXTURES
from harness.pytest_support.worlds import Worlds


@dataclass(slots=True)
class Told:
    """What one example told Allure: its steps, attachments, and the content of the attached files."""

    steps: list[TestStepResult]
    attachments: list[Attachment]
    marks: list[Mark]
    bodies: dict[str, bytes | str] = field(default_factory=dict)


class Steps:
    """Listens to ``allure.step`` and ``allure.attach`` while a test runs.

    Allure knows nothing of examples: it would pile up the steps and attached files of all of them in one result. So
    files are held back while an example runs, and only those of the kept example are written.
    """

    def __init__(self, listener: Any, worlds: Worlds) -> None:
        self._reporter = listener.allure_logger
        self._worlds = worlds
        self.marks: list[Mark] = []
        self._bodies: dict[str, bytes | str] | None = None
        self._files: AllureFileLogger | None = None
        self._before = (0, 0)

    @property
    def result(self) -> TestResult | None:
        """Allure's result of the running test."""
        result: TestResult | None = self._reporter.get_test(None)
        return result

    def begin(self) -> None:
        """A test begins."""
        self.marks = []

    @allure_commons.hookimpl(tryfirst=True)
    def report_container(self, container: TestResultContainer) -> None:
        """Leave out what pytest calls when a fixture of the harness ends, unless that went wrong."""
        container.afters = [
            each for each in container.afters
            if each.name.partition("::")[0] not in FIXTURES or each.status in (Status.FAILED, Status.BROKEN)
        ]  # fmt: skip

    # -- told by the test ------------------------------------------------------------------------------------------

    @allure_commons.hookimpl(trylast=True)
    def start_step(self, uuid: str, title: str, params: object) -> None:
        """A step was opened; Allure's own listener has put it where it belongs."""
        self._mark(uuid, opened=True)

    @allure_commons.hookimpl(tryfirst=True)
    def stop_step(self, uuid: str) -> None:
        """A step is about to be closed."""
        self._mark(uuid, opened=False)

    def _mark(self, uuid: str, *, opened: bool) -> None:
        step = self._reporter.get_item(uuid)
        if isinstance(step, TestStepResult):
            lengths = tuple(len(share.world.bench.journal) - share.first_event for share in self._worlds.shares)
            self.marks.append(Mark(step, opened, lengths))

    # -- examples --------------------------------------------------------------------------------------------------

    def begin_example(self) -> None:
        """An example begins: hold its files back."""
        result = self.result
        self._before = (len(result.steps), len(result.attachments)) if result is not None else (0, 0)
        self.marks = []
        self._bodies = {}
        plugins = allure_commons.plugin_manager.get_plugins()
        self._files = next((each for each in plugins if isinstance(each, AllureFileLogger)), None)
        if self._files is not None:
            allure_commons.plugin_manager.unregister(self._files)

    def end_example(self) -> Told:
        """The example is over: take its steps and attachments out of the result."""
        if self._files is not None:
            allure_commons.plugin_manager.register(self._files)
        bodies, self._bodies = self._bodies or {}, None
        result = self.result
        if result is None:
            return Told([], [], [])
        steps, attachments = self._before
        told = Told(result.steps[steps:], result.attachments[attachments:], self.marks, bodies)
        del result.steps[steps:], result.attachments[attachments:]
        self.marks = []
        return told

    def tell_again(self, told: object) -> None:
        """Put the kept example's steps and attachments into the result, and write its files."""
        result = self.result
        if isinstance(told, Told) and result is not None:
            result.steps += told.steps
            result.attachments += told.attachments
            self.marks = told.marks
            for file_name, body in told.bodies.items():
                allure_commons.plugin_manager.hook.report_attached_data(body=body, file_name=file_name)

    @allure_commons.hookimpl
    def report_attached_data(self, body: bytes | str, file_name: str) -> None:
        """A body was attached: keep it while an example runs."""
        if self._bodies is not None:
            self._bodies[file_name] = body

    @allure_commons.hookimpl
    def report_attached_file(self, source: str, file_name: str) -> None:
        """A file was attached: keep its content while an example runs, it may be gone afterwards."""
        if self._bodies is not None:
            self._bodies[file_name] = Path(source).read_bytes()

    @allure_commons.hookimpl
    def report_globals(self, globals_item: object) -> None:
        """Something for the whole run is not the example's: let it through."""
        if self._bodies is not None and self._files is not None:
            self._files.report_globals(globals_item)  # type: ignore[no-untyped-call]
