"""``evidence.json``: a whole run for other tools, in a form that does not change unnoticed.

Its shape is the JSON schema beside this file (``evidence.schema.json``, draft 2020-12); ``version`` changes when a
reader of the old one could be misled. What one test leaves behind is a mapping of plain values, so that a worker of
pytest-xdist can hand it to its controller.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from harness.errors import ReportError
from harness.evidence.events import Event, Measure
from harness.evidence.record import WorldRecord
from harness.evidence.verdict_table import claim_of, judged
from harness.evidence.verdicts import Verdict

VERSION = 1
"""Of the schema."""
MESSAGE = 4_000
"""Letters of a failure's message at most."""
CHECKS = 2_000
"""Checks kept of one test; what did not pass is never left out."""


def schema() -> dict[str, Any]:
    """The JSON schema of ``evidence.json``."""
    found: dict[str, Any] = json.loads(Path(__file__).with_name("evidence.schema.json").read_text(encoding="utf-8"))
    return found


def facts_of(records: Sequence[WorldRecord], command: str, root: Path) -> dict[str, Any]:
    """What one test leaves behind: its worlds, its checks, and the command that runs it again. root: of the project."""
    events = judged(records)
    red = sum(event.verdict is not Verdict.PASSED for event in events)
    room = max(0, CHECKS - red)
    kept = []
    for event in events:
        passed = event.verdict is Verdict.PASSED
        if not passed or room > 0:
            kept.append(_check(event))
            room -= passed
    return {
        "command": command,
        "worlds": [_world(record, root) for record in records],
        "checks": kept,
        "checks_left_out": len(events) - len(kept),
    }


def _world(record: WorldRecord, root: Path) -> dict[str, Any]:
    recording = record.recording
    return {
        "bench": record.name,
        "bench_file": shown_path(record.path, root),
        "seed": record.seed,
        "begin_ns": record.since,
        "end_ns": record.ended,
        "recording": None if recording is None else {"file": shown_path(recording[0], root), "sha256": recording[1]},
        "frames_sha256": record.hashes,
        "bus_load": dict(record.loads),
        "exactness": _exactness(record),
    }


def _exactness(record: WorldRecord) -> dict[str, Any] | None:
    if record.exactness is None:
        return None
    known, parts = record.exactness
    return {"uncertainty_ns": known, "parts": dict(parts)}


def _check(event: Event) -> dict[str, Any]:
    claim = claim_of(event)
    assert event.verdict is not None, "only events with a verdict are judged"
    return {
        "time_ns": event.time,
        "kind": event.kind,
        "title": event.title,
        "verdict": event.verdict.value,
        "expected": claim.expected,
        "actual": claim.actual,
        "tolerance": claim.tolerance,
        "margin": claim.margin,
        "signals": list(claim.signals),
        "window_ns": list(claim.window) if claim.window is not None else None,
        "measures": [_measure(each) for each in claim.measures if math.isfinite(each.value)],
    }


def _measure(measure: Measure) -> dict[str, Any]:
    return {"name": measure.name, "value": float(measure.value), "unit": measure.unit, "better": measure.better}


def describe_bench(record: WorldRecord, root: Path) -> dict[str, Any]:
    """A bench with the fingerprints of its files."""
    return {
        "name": record.name,
        "file": shown_path(record.path, root),
        "sha256": hashlib.sha256(record.path.read_bytes()).hexdigest() if record.path.is_file() else None,
        "databases": [
            {"channel": channel, "file": each.path.name, "sha256": each.sha256}
            for channel, databases in record.databases.items()
            for each in databases
        ],
    }


def plain_message(text: str) -> str:
    """Why a test did not pass, without what differs from run to run, and cut to :data:`MESSAGE` letters.

    >>> plain_message("assert 0 == 3\\n  where 0 = <Lamp object at 0x7f331cc65090>.level")
    'assert 0 == 3\\n  where 0 = <Lamp object>.level'
    """
    return re.sub(r" at 0x[0-9a-f]+", "", text)[:MESSAGE]


def shown_path(path: Path, root: Path) -> str:
    """A path as a reader elsewhere understands it: from the project's root on, where it lies below."""
    return (path.relative_to(root) if path.is_relative_to(root) else path).as_posix()


def evidence(
    *,
    title: str,
    software: Mapping[str, str],
    benches: Sequence[Mapping[str, Any]],
    requirements: Sequence[Mapping[str, Any]],
    tests: Sequence[Mapping[str, Any]],
    safe_states: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """A whole run. tests: of each ``node``, ``verdict``, ``requirements`` and more, see the schema. safe_states: how
    each real bench was left.
    """
    found = [test["verdict"] for test in tests]
    return {
        "version": VERSION,
        "title": title,
        "software": dict(software),
        "benches": list(benches),
        "safe_states": list(safe_states),
        "verdicts": {each.value: found.count(each.value) for each in Verdict},
        "requirements": list(requirements),
        "tests": list(tests),
    }


def write_evidence(path: Path, run: Mapping[str, Any]) -> None:
    """Write a run. Raises :class:`~harness.errors.ReportError` when the file cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(run, ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise ReportError(f"{path} cannot be written: {error.strerror or error}; name another file") from error
