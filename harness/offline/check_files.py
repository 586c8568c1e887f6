"""Recordings that were judged, for other tools: CSV, JSON, JUnit."""

from __future__ import annotations

import csv
import json
import math
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from harness.errors import ReportError
from harness.evidence.verdicts import Verdict
from harness.monitors.monitor import Violation
from harness.offline.check import Checked, CheckResult
from harness.offline.check_text import margin_text

WHOLE = "recording as a whole"
VERSION = 1
"""Of the JSON file; it changes when a reader of the old form could be misled."""

_HEAD = (
    "recording", "family", "check", "requirement", "verdict", "violations", "margin", "unit", "time_margin_ms",
    "first_s", "channel", "message", "signals", "expected", "actual", "doubt",
)  # fmt: skip


def csv_text(checked: Sequence[Checked]) -> str:
    """A row per recording and check, and one for each recording as a whole."""
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_HEAD)
    for recording in checked:
        for each in recording.results:
            writer.writerow(_row(recording, each))
        whole = dict(zip(_HEAD, [str(recording.path), "recording", WHOLE], strict=False))
        whole |= {"verdict": recording.verdict.value, "doubt": recording.reason}
        writer.writerow([whole.get(name, "") for name in _HEAD])
    return file.getvalue()


def _row(recording: Checked, result: CheckResult) -> list[str]:
    outcome, first = result.outcome, result.first
    margin = _finite(outcome.margin)
    return [
        str(recording.path), result.family, outcome.check, result.requirement, _verdict(result.verdict),
        str(outcome.count), "" if margin is None else repr(margin), outcome.unit,
        "" if outcome.time_margin is None else repr(outcome.time_margin / 1e6),
        "" if first is None else repr(first.time / 1e9), first.channel if first else "", first.message if first else "",
        " ".join(first.signals) if first else "", first.expected if first else "", first.actual if first else "",
        outcome.doubt,
    ]  # fmt: skip


def json_of(checked: Sequence[Checked], bench: Mapping[str, Any], command: str) -> dict[str, Any]:
    """Everything: recordings with their fingerprints, checks, violations that were kept, statistics.

    bench: as :func:`harness.evidence.json_sink.describe_bench` describes it. command: what made this.
    """
    return {
        "version": VERSION,
        "command": command,
        "bench": dict(bench),
        "recordings": [_recording(each) for each in checked],
    }


def _recording(checked: Checked) -> dict[str, Any]:
    return {
        "file": str(checked.path),
        "sha256": checked.sha256,
        "verdict": checked.verdict.value,
        "reason": checked.reason,
        "begin_ns": checked.begin,
        "end_ns": checked.end,
        "frames": checked.frames,
        "channels": dict(checked.channels),
        "unknown": [
            {"channel": channel, "key": key, "frames": count} for (channel, key), count in checked.unknown.items()
        ],
        "problems": [{"position": each.position, "text": each.text, "count": each.count} for each in checked.problems],
        "remarks": list(checked.remarks),
        "checks": [_check(each) for each in checked.results],
    }


def _check(result: CheckResult) -> dict[str, Any]:
    outcome = result.outcome
    return {
        "family": result.family,
        "check": outcome.check,
        "requirement": result.requirement,
        "verdict": _verdict(result.verdict),
        "violations": outcome.count,
        "judged_ns": outcome.judged_ns,
        "margin": _finite(outcome.margin),
        "unit": outcome.unit,
        "time_margin_ns": outcome.time_margin,
        "doubt": outcome.doubt,
        "statistics": dict(outcome.statistics),
        "first": [_violation(each) for each in outcome.violations],
    }


def _violation(violation: Violation) -> dict[str, Any]:
    return {
        "kind": violation.kind,
        "check": violation.check,
        "time_ns": violation.time,
        "window_ns": [violation.start, violation.end],
        "expected": violation.expected,
        "actual": violation.actual,
        "margin": _finite(violation.margin),
        "unit": violation.unit,
        "channel": violation.channel,
        "message": violation.message,
        "signals": list(violation.signals),
        "frame": None if violation.seen is None else str(violation.seen.frame),
    }


def junit_text(checked: Sequence[Checked]) -> str:
    """A test suite per recording, a test case per check; what cannot be told is an error, as in a run of pytest."""
    root = ET.Element("testsuites")
    for recording in checked:
        suite = ET.SubElement(root, "testsuite", name=recording.path.name)
        counts = {"failure": 0, "error": 0, "skipped": 0}
        for each in recording.results:
            case = ET.SubElement(suite, "testcase", classname=each.family, name=each.outcome.check)
            counts_as = _JUNIT.get(each.verdict, "error")
            if counts_as:
                counts[counts_as] += 1
                ET.SubElement(case, counts_as, message=_message(each)).text = _details(each)
        whole = ET.SubElement(suite, "testcase", classname="recording", name=WHOLE)
        if recording.reason or recording.verdict not in (Verdict.PASSED, Verdict.FAILED):
            counts_as = "failure" if recording.verdict is Verdict.FAILED else "error"
            counts[counts_as] += 1
            text = f"{recording.verdict.value.upper()}: {recording.reason}"
            ET.SubElement(whole, counts_as, message=text).text = "\n".join(recording.remarks)
        suite.set("tests", str(len(recording.results) + 1))
        suite.set("failures", str(counts["failure"]))
        suite.set("errors", str(counts["error"]))
        suite.set("skipped", str(counts["skipped"]))
        suite.set("time", f"{(recording.end - recording.begin) / 1e9:.6f}")
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


_JUNIT: Mapping[Verdict | None, str] = {Verdict.PASSED: "", Verdict.FAILED: "failure", None: "skipped"}


def _message(result: CheckResult) -> str:
    first = result.first
    if first is not None:
        return f"{first.check} at {first.time / 1e9:.6f} s: expected {first.expected}, actual {first.actual}"
    if result.verdict is None:
        return "nothing to judge"
    return f"{_verdict(result.verdict).upper()}: {result.outcome.doubt}"


def _details(result: CheckResult) -> str:
    lines = [f"{result.outcome.count} violations"] if result.outcome.count else []
    if margin := margin_text(result.outcome):
        lines.append(f"worst margin {margin}")
    lines += [
        f"{each.time / 1e9:.6f} s  expected {each.expected}, actual {each.actual}" for each in result.outcome.violations
    ]
    return "\n".join(lines)


def _verdict(verdict: Verdict | None) -> str:
    return "not judged" if verdict is None else verdict.value


def _finite(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else float(number)


def write_text(path: Path, text: str) -> None:
    """Write a file. Raises :class:`~harness.errors.ReportError` when it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{path} cannot be written: {error.strerror or error}; name another file") from error


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON. Raises :class:`~harness.errors.ReportError` when it cannot be written."""
    write_text(path, json.dumps(content, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
