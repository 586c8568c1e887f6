"""One test's journal as steps and attachments of its Allure result.

Rendered after the test has run, by the test's own thread: Allure keeps its state per thread, and anything told to it
from another one ends in the wrong test. Imported only in a run with ``--alluredir``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import allure_commons
from allure_commons.model2 import (
    Attachment,
    GlobalAttachment,
    Globals,
    Label,
    Link,
    Parameter,
    StatusDetails,
    TestResult,
    TestStepResult,
)
from allure_commons.types import ParameterMode
from allure_commons.utils import now

from harness.evidence.decoded import changes_page
from harness.evidence.events import Event
from harness.evidence.excerpt import excerpt
from harness.evidence.lanes import plot_name, plot_of
from harness.evidence.plot import render
from harness.evidence.record import WorldRecord
from harness.evidence.verdict_table import verdict_page
from harness.evidence.verdicts import Verdict
from harness.logs.asc_writing import asc_text

STATUS = {
    Verdict.PASSED: "passed",
    Verdict.FAILED: "failed",
    Verdict.BLOCKED: "broken",
    Verdict.INCONCLUSIVE: "broken",
    Verdict.ERROR: "broken",
}
"""Allure's own words; what is *broken* is told apart by category."""

STEPS_FIRST, STEPS_LAST = 60, 340
"""Events kept from a long journal's beginning and end."""
PLOTS = 8
"""Plots of one test at most."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A step that the test opened or closed itself, and how long each world's journal was at that moment."""

    step: TestStepResult
    opened: bool
    lengths: tuple[int, ...]


Rendered = Sequence[Sequence[TestStepResult | None]]
"""Per record and event its step; None for what was left out of a long journal."""


def render_steps(result: TestResult, records: Sequence[WorldRecord], marks: Sequence[Mark] = ()) -> Rendered:
    """Write the journals as steps into ``result``, inside the steps that the test opened itself where there are any."""
    began = result.start or 0
    rendered = [_steps(record, began) for record in records]
    done = [0] * len(records)
    open_steps: list[Any] = [result]
    contents: list[list[TestStepResult]] = [[]]

    def emit(upto: Sequence[int]) -> None:
        for index, steps in enumerate(rendered):
            end = upto[index] if index < len(upto) else done[index]
            contents[-1] += [step for step in steps[done[index] : end] if step is not None]
            done[index] = max(done[index], end)

    for mark in marks:
        emit(mark.lengths)
        if mark.opened:
            contents[-1].append(mark.step)
            open_steps.append(mark.step)
            contents.append([])
        elif open_steps[-1] is mark.step:
            open_steps.pop().steps = contents.pop()
    emit([len(steps) for steps in rendered])
    while open_steps:
        open_steps.pop().steps = contents.pop()
    return rendered


def _steps(record: WorldRecord, began: int) -> list[TestStepResult | None]:
    events = record.events
    steps: list[TestStepResult | None] = []
    previous = events[0].time if events else 0
    left_out = [index for index in range(STEPS_FIRST, len(events) - STEPS_LAST) if not _matters(events[index])]
    for index, event in enumerate(events):
        if left_out and left_out[0] <= index <= left_out[-1] and not _matters(event):
            note = TestStepResult(name=f"… {len(left_out)} more", status="passed", start=began, stop=began)
            steps.append(note if index == left_out[0] else None)
        else:
            steps.append(_step(event, previous, began))
        previous = event.time
    return steps


def _matters(event: Event) -> bool:
    """Whether an event is shown however long the journal is: what did not pass, and plots that were asked for."""
    return event.verdict not in (None, Verdict.PASSED) or event.kind == "plot"


def _step(event: Event, previous: int, began: int) -> TestStepResult:
    """A step whose duration is the world's time that passed up to the event."""
    return TestStepResult(
        name=f"{event.time / 1e9:.4f} s  {event.title}",
        status=STATUS[event.verdict] if event.verdict is not None else "passed",
        parameters=[Parameter(name=name, value=value) for name, value in event.details],
        start=began + previous // 1_000_000,
        stop=began + event.time // 1_000_000,
    )


def attach_plots(records: Sequence[WorldRecord], rendered: Rendered) -> str | None:
    """Attach a plot to every step that did not pass, and to those that asked for one; the first :data:`PLOTS`.

    Returns the first plot of what did not pass; None where there is none.
    """
    wanted = [
        (record, event, step)
        for record, steps in zip(records, rendered, strict=True)
        for event, step in zip(record.events, steps, strict=True)
        if step is not None and _matters(event)
    ]
    first: str | None = None
    shown: list[tuple[object, ...]] = []
    for record, event, step in wanted:
        plot = plot_of(record, event)
        # A monitor says at its end once more what it said at the instant of the violation.
        same = () if plot is None else (id(record), plot.start, plot.window, *(lane.name for lane in plot.lanes))
        if plot is not None and same not in shown and len(shown) < PLOTS:
            shown.append(same)
            picture = render(plot)
            attach(step, plot_name(event), picture, "image/svg+xml", "svg")
            first = first or (picture if event.kind != "plot" else None)
    return first


def attach_verdicts(result: TestResult, events: Sequence[Event]) -> None:
    """Attach the table of what was judged."""
    if events:
        attach(result, "verdicts", verdict_page(events), "text/html", "html")


def attach_failure(result: TestResult, record: WorldRecord) -> None:
    """Attach the frames and decoded values around the instant of the verdict to the step that failed."""
    around = record.red.time if record.red is not None else record.ended
    frames = excerpt(record.frames, around)
    target = _failed_step(result) or result
    if frames:
        values = changes_page(record, frames, around, record.red)
        attach(target, f"values around {around / 1e9:.4f} s", values, "text/html", "html")
        attach(
            target,
            f"frames around {around / 1e9:.4f} s.asc",
            asc_text(frames, list(record.traces)),
            "text/plain",
            "asc",
        )


def _failed_step(item: Any) -> Any:
    for status in (STATUS[Verdict.FAILED], STATUS[Verdict.ERROR]):
        for step in reversed(item.steps):
            if step.status == status:
                return _failed_step(step) or step
    return None


def attach(target: Any, name: str, body: str | bytes, mime_type: str, extension: str) -> None:
    """Write a body as an attachment of a test result or a step."""
    target.attachments.append(Attachment(source=_written(body, extension), name=name, type=mime_type))


def attach_to_run(*attachments: tuple[str, str, str, str]) -> None:
    """Attach to the whole run, in this order: name, body, MIME type and extension of each.

    All at once: attachments that are told one by one are shown in the order of their random file names.
    """
    at: int = now()  # type: ignore[no-untyped-call]
    found = [
        GlobalAttachment(source=_written(body, extension), name=name, type=mime_type, timestamp=at)
        for name, body, mime_type, extension in attachments
    ]
    allure_commons.plugin_manager.hook.report_globals(globals_item=Globals(attachments=found))


def _written(body: str | bytes, extension: str) -> str:
    file_name = f"{uuid4()}-attachment.{extension}"
    allure_commons.plugin_manager.hook.report_attached_data(body=body, file_name=file_name)
    return file_name


def add_label(result: TestResult, name: str, value: str) -> None:
    """Add a label once."""
    if not any(label.name == name and label.value == value for label in result.labels):
        result.labels.append(Label(name=name, value=value))


def add_link(result: TestResult, url: str, name: str) -> None:
    """Add a requirement's link."""
    result.links.append(Link(type="requirement", url=url, name=name))


def add_parameter(result: TestResult, name: str, value: str) -> None:
    """Show a value without making it part of the test's identity, so that its history goes on when it changes."""
    result.parameters.append(Parameter(name=name, value=value, excluded=True))


def add_identity(result: TestResult, name: str, value: str) -> None:
    """Make a value part of the test's identity, so that two values are two tests; as a label it is shown already."""
    add_label(result, name, value)
    result.parameters.append(Parameter(name=name, value=value, mode=ParameterMode.HIDDEN.value))


def set_verdict(result: TestResult, verdict: Verdict, message: str) -> None:
    """Set status and message; what is not about the product begins with its verdict, by which it is categorised."""
    result.status = STATUS[verdict]
    prefix = "" if verdict in (Verdict.PASSED, Verdict.FAILED) else f"{verdict.upper()}: "
    trace = result.statusDetails.trace if result.statusDetails is not None else None
    result.statusDetails = StatusDetails(message=f"{prefix}{message}", trace=trace)


def report_between_tests(name: str, verdict: Verdict, message: str) -> None:
    """Write a result of its own for what went wrong while no test was running."""
    at: int = now()  # type: ignore[no-untyped-call]
    result = TestResult(uuid=str(uuid4()), name=name, fullName=name, historyId=name, start=at, stop=at)
    set_verdict(result, verdict, message)
    add_label(result, "suite", "between tests")
    allure_commons.plugin_manager.hook.report_result(result=result)
