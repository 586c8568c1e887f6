"""Allure results of recordings that were judged: one result per sort of checks, and one per property."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import md5
from html import escape
from pathlib import Path
from uuid import uuid4

import allure_commons
from allure_commons.logger import AllureFileLogger
from allure_commons.model2 import TestResult
from allure_commons.utils import now

from harness.evidence.allure_results import (
    add_identity,
    add_label,
    attach_failure,
    attach_plots,
    attach_verdicts,
    render_steps,
    set_verdict,
)
from harness.evidence.environment import check_results_folder, describe_software, write_run_files
from harness.evidence.events import Claim, Event
from harness.evidence.record import WorldRecord
from harness.evidence.verdict_table import verdict_fragment
from harness.evidence.verdicts import Verdict, worst
from harness.frames import ErrorFrame
from harness.monitors.monitor import Violation
from harness.offline.check import PROPERTIES, Checked, CheckResult
from harness.offline.check_bench import CheckBench
from harness.offline.check_text import margin_text
from harness.signals.trace import Trace


def write_allure(folder: Path, bench: CheckBench, checked: Sequence[Checked], command: str) -> None:
    """Write results into a folder, beside those that are there. Raises :class:`~harness.errors.ReportError`."""
    check_results_folder(folder)
    logger = AllureFileLogger(str(folder))  # type: ignore[no-untyped-call]
    allure_commons.plugin_manager.register(logger)
    try:
        for recording in checked:
            for name, results in _groups(recording.results):
                _write(bench, recording, name, results, command)
            if recording.reason:
                _write(bench, recording, "recording as a whole", [], command)
    finally:
        allure_commons.plugin_manager.unregister(logger)
    facts = {f"recording {each.path.name}": f"sha256 {each.sha256}" for each in checked}
    file = bench.blueprint.file
    write_run_files(
        folder, {"bench": f"{file.name} ({file.path.name})", "world": "recording", **facts} | describe_software()
    )


def _groups(results: Sequence[CheckResult]) -> Iterator[tuple[str, list[CheckResult]]]:
    for family in dict.fromkeys(each.family for each in results if each.family != PROPERTIES):
        own = [each for each in results if each.family == family and each.verdict is not None]
        if own:
            yield family, own
    for each in results:
        if each.family == PROPERTIES:
            yield each.outcome.check, [each]


def _write(bench: CheckBench, recording: Checked, name: str, results: Sequence[CheckResult], command: str) -> None:
    file = bench.blueprint.file
    at: int = now()  # type: ignore[no-untyped-call]
    full = f"{recording.path.name}: {name}"
    identity = md5(f"{file.name}\0{full}".encode(), usedforsecurity=False).hexdigest()
    result = TestResult(
        uuid=str(uuid4()), name=name, fullName=full, historyId=identity, testCaseId=identity, start=at,
        stop=at + (recording.end - recording.begin) // 1_000_000,
    )  # fmt: skip
    labels = [("epic", "Recordings"), ("feature", recording.path.name), ("bench", file.name), ("world", "recording")]
    labels += [("story", each.requirement) for each in results if each.requirement]
    labels += [("requirement", each.requirement) for each in results if each.requirement]
    for label, value in labels:
        add_label(result, label, value)
    add_identity(result, "bench", file.name)
    record = _record(bench, recording, results)
    result.descriptionHtml = _description(recording, command, verdict_fragment(record.events))
    verdict = worst([each.verdict for each in results if each.verdict is not None]) or recording.verdict
    first = next((each.first for each in results if each.first is not None), None)
    doubt = next((each.outcome.doubt for each in results if each.outcome.doubt), recording.reason)
    set_verdict(result, verdict, _message(first) if first is not None else doubt)
    attach_plots([record], render_steps(result, [record]))
    attach_verdicts(result, record.events)
    if first is not None:
        attach_failure(result, record)
    allure_commons.plugin_manager.hook.report_result(result=result)


def _record(bench: CheckBench, recording: Checked, results: Sequence[CheckResult]) -> WorldRecord:
    """What was judged as the journal of a world, which holds the frames around the first violations."""
    blueprint = bench.blueprint
    traces = {channel.name: Trace(channel.name, history_ns=1 << 62) for channel in blueprint.channels}
    seen = {each for result in results for each in result.around if each.channel in traces}
    for each in sorted(seen, key=lambda frame: frame.time):
        if isinstance(each, ErrorFrame):
            traces[each.channel].append_error(each)
        else:
            traces[each.channel].append(each)
    return WorldRecord(
        name=blueprint.file.name,
        path=blueprint.file.path,
        seed=0,
        databases={channel.name: channel.databases for channel in blueprint.channels},
        traces=traces,
        events=sorted((_event(recording, result) for result in results), key=lambda event: event.time),
        since=min((each.time for each in seen), default=recording.begin),
        recording=(recording.path, recording.sha256),
        protective=blueprint.protective,
    )


def _event(recording: Checked, result: CheckResult) -> Event:
    outcome, first = result.outcome, result.first
    if first is None:
        told = "held" if result.verdict is Verdict.PASSED else f"cannot be told: {outcome.doubt}"
        claim = Claim(outcome.check, told, margin=margin_text(outcome))
        return Event(
            recording.end, "expectation", f"{outcome.check}: {told}", result.verdict, tuple(outcome.statistics), claim
        )
    claim = Claim(
        first.expected,
        first.actual,
        margin=margin_text(outcome),
        signals=first.signals,
        window=(first.start, first.end),
    )
    count = f" ({outcome.count:,} violations)" if outcome.count > 1 else ""
    return Event(first.time, "incident", f"{_message(first)}{count}", result.verdict, tuple(outcome.statistics), claim)


def _message(violation: Violation) -> str:
    where = f" on {violation.channel}" if violation.channel else ""
    return f"{violation.check}{where}: expected {violation.expected}, actual {violation.actual}"


def _description(recording: Checked, command: str, table: str) -> str:
    facts = (
        ("recording", f"{recording.path} (sha256 {recording.sha256})"),
        ("channels", ", ".join(f"{name} = {own}" for name, own in recording.channels.items())),
        ("frames", f"{recording.frames:,}"),
        ("again", command),
    )
    rows = "".join(f"<tr><td>{escape(name)}</td><td><code>{escape(text)}</code></td></tr>" for name, text in facts)
    remarks = "".join(f"<li>{escape(remark)}</li>" for remark in recording.remarks)
    return f"{table}<table>{rows}</table>{f'<ul>{remarks}</ul>' if remarks else ''}"
