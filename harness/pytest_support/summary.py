"""What the user reads at the end of a run: verdicts, requirements, slowest tests, where the evidence lies."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from _pytest.junitxml import xml_key

from harness.evidence.environment import describe_software, write_run_files
from harness.evidence.json_sink import evidence, write_evidence
from harness.evidence.matrix import NOT_COLLECTED, NOT_COVERED, NOT_RUN, Matrix
from harness.evidence.metrics import metrics
from harness.evidence.verdicts import Verdict
from harness.pytest_support.collection import is_partial
from harness.pytest_support.replay import quoted
from harness.pytest_support.requirements import requirements_of

SLOWEST = 5
"""How many of the slowest tests are named, if they take longer than :data:`SLOW_S`."""
SLOW_S = 0.5
NAMED = 8
"""How many requirements of one state are named in a line."""

_COLOURS = {"passed": "green", "failed": "red", "error": "red", "blocked": "yellow", "inconclusive": "yellow"}


class Summary:
    """Collects the verdicts of all tests that used the harness, over all workers, and shows them."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.matrix = Matrix(requirements_of(config), partial=is_partial(config))
        self.durations: dict[str, float] = {}
        self.environment: dict[str, str] = {}
        self.recordings: list[str] = []
        self.benches: dict[str, dict[str, Any]] = {}
        self.safe_states: list[str] = []
        self.left: list[dict[str, Any]] = []
        """How real benches were left, for ``evidence.json``."""
        self.tests: dict[str, dict[str, Any]] = {}
        """What ``evidence.json`` says of each test, by node, in a run that writes it."""
        self.collected: dict[str, tuple[int, str]] = {}
        """How many problems with frames the policy collected, and the first of them, by test."""
        self.unfit: list[tuple[Verdict, pytest.TestReport]] = []
        """Tests that are blocked or inconclusive, which pytest's own failure sections leave out."""

    def take(self, report: pytest.TestReport) -> None:
        """Take a report of one phase of a test that used the harness."""
        facts: Mapping[str, Any] = report.harness  # put there by Run
        self.matrix.claim(report.nodeid, facts["requirements"])
        self.durations[report.nodeid] = self.durations.get(report.nodeid, 0.0) + report.duration
        self._take_evidence(report.nodeid, facts)
        if "collected" in facts:
            self.collected[report.nodeid] = facts["collected"]
        if facts["verdict"] is None:
            return
        verdict = Verdict(facts["verdict"])
        self.matrix.judge(report.nodeid, verdict)
        if verdict in (Verdict.BLOCKED, Verdict.INCONCLUSIVE):
            self.unfit.append((verdict, report))

    def take_crash(self, report: pytest.TestReport) -> None:
        """Take the report of a test during which its worker died: it has no verdict of its own."""
        facts: dict[str, Any] = {"requirements": [], "verdict": Verdict.ERROR.value, "message": report.longreprtext}
        if report.nodeid not in self.tests:
            command = f"pytest {quoted(report.nodeid, always=True)}"
            facts["evidence"] = {"command": command, "worlds": [], "checks": [], "checks_left_out": 0}
        report.harness = facts  # type: ignore[attr-defined]
        self.take(report)

    def _take_evidence(self, node: str, facts: Mapping[str, Any]) -> None:
        if facts.get("evidence"):
            test = self.tests.setdefault(node, {"message": "", "recordings": []})
            test |= {"requirements": list(facts["requirements"]), **facts["evidence"]}
        if node in self.tests:
            test = self.tests[node]
            test["message"] = test["message"] or facts.get("message", "")
            test["recordings"] = facts.get("recordings", test["recordings"])

    def merge(self, output: Mapping[str, Any]) -> None:
        """Take what the process that ran the tests, or one of several, knows at its end."""
        for test, requirements in output["claims"].items():
            self.matrix.claim(test, requirements)
        self.environment |= {name: text for name, text in output["environment"].items() if name not in self.environment}
        self.recordings += output["recordings"]
        self.benches |= output["benches"]
        self.safe_states += output["safe_states"]
        self.left += output["left"]

    # -- hooks -----------------------------------------------------------------------------------------------------

    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Make JUnit's *failure* an *error* where the product is not to blame."""
        verdict = getattr(report, "harness", {}).get("verdict")
        junit = self.config.stash.get(xml_key, None)
        if junit is None or report.when != "call" or verdict not in ("blocked", "inconclusive", "error"):
            return
        for node in junit.node_reporter(report).nodes:
            if node.tag == "failure":
                node.tag = "error"
                junit.stats["failure"] -= 1
                junit.stats["error"] += 1

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Write what belongs to the whole run into Allure's results."""
        run = self.config.pluginmanager.get_plugin("harness-run")
        if run is not None:
            self.merge(run.output)
        tests = self._tests()
        if path := self.config.getoption("--evidence"):
            self._write_json(self.config.invocation_params.dir / path, tests)
        folder = self.config.getoption("--alluredir", None)
        if folder and not self.config.getoption("--collect-only"):
            benches = "-".join(sorted({each["name"] for each in self.benches.values()}))
            left = {f"bench, {index}": line for index, line in enumerate(self.safe_states, start=1)}
            write_run_files(Path(folder), self.environment | left | describe_software(), benches, metrics(tests))
            if self.matrix.claims:
                from harness.evidence.allure_results import attach_to_run

                attach_to_run(
                    ("requirement matrix", self.matrix.to_html(), "text/html", "html"),
                    ("requirement matrix for other tools", self.matrix.to_json(), "application/json", "json"),
                )

    def _tests(self) -> list[dict[str, Any]]:
        return [
            {
                "node": node,
                "verdict": verdict.value if (verdict := self.matrix.verdicts.get(node)) is not None else None,
                "duration_s": round(self.durations[node], 6),
                **test,
            }
            for node, test in sorted(self.tests.items())
        ]

    def _write_json(self, path: Path, tests: Sequence[Mapping[str, Any]]) -> None:
        rows = json.loads(self.matrix.to_json())["requirements"]
        run = evidence(
            title=self.matrix.requirements.title,
            software=describe_software(),
            benches=[self.benches[each] for each in sorted(self.benches)],
            requirements=rows,
            tests=tests,
            safe_states=self.left,
        )
        write_evidence(path, run)

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the summary."""
        for verdict, report in self.unfit:
            terminalreporter.write_sep("_", f"{verdict.upper()} {report.head_line}", yellow=True)
            terminalreporter.write_line(report.longreprtext)
        if not self.matrix.verdicts and not self.safe_states:
            return
        terminalreporter.write_sep("=", "vehicle-harness")
        self._write_verdicts(terminalreporter)
        self._write_requirements(terminalreporter)
        self._write_collected(terminalreporter)
        for index, line in enumerate(self.safe_states):
            terminalreporter.write_line(f"{'' if index else 'bench':14}{line}", yellow="NOT" in line)
        self._write_slowest(terminalreporter)
        self._write_evidence(terminalreporter)

    def _write_verdicts(self, out: pytest.TerminalReporter) -> None:
        out.write("verdicts      ")
        counts = Counter(self.matrix.verdicts.values())
        found = [(str(verdict), counts[verdict]) for verdict in Verdict if verdict in counts]
        for index, (word, count) in enumerate(found):
            out.write(", " if index else "")
            out.write(f"{count} {word}", **{_COLOURS[word]: True})
        out.write_line("" if found else "none")

    def _write_requirements(self, out: pytest.TerminalReporter) -> None:
        if not self.matrix.claims:
            return
        states = self.matrix.states()
        total = sum(len(ids) for ids in states.values())
        covered = total - len(states.get(NOT_COVERED, ())) - len(states.get(NOT_COLLECTED, ()))
        part = "; only part of the suites was collected" if self.matrix.partial else ""
        out.write_line(f"requirements  {covered} of {total} covered by the collected tests{part}")
        for state, ids in states.items():
            named = "" if state == Verdict.PASSED else ", ".join(ids[:NAMED])
            more = f" and {len(ids) - NAMED} more" if named and len(ids) > NAMED else ""
            markup = {_COLOURS.get(state, "yellow" if state == NOT_RUN else "light"): True}
            out.write_line(f"{'':14}{len(ids):3} {state:<14}{named}{more}".rstrip(), **markup)

    def _write_collected(self, out: pytest.TerminalReporter) -> None:
        for index, (test, (count, first)) in enumerate(list(self.collected.items())[:NAMED]):
            out.write_line(f"{'' if index else 'collected':14}{count:6} in {test}, first {first}", yellow=True)
        if len(self.collected) > NAMED:
            out.write_line(f"{'':14}and in {len(self.collected) - NAMED} more tests", yellow=True)

    def _write_slowest(self, out: pytest.TerminalReporter) -> None:
        slow = sorted(((seconds, test) for test, seconds in self.durations.items() if seconds >= SLOW_S), reverse=True)
        for index, (seconds, test) in enumerate(slow[:SLOWEST]):
            out.write_line(f"{'' if index else 'slowest':14}{seconds:6.2f} s  {test}")

    def _write_evidence(self, out: pytest.TerminalReporter) -> None:
        lines = []
        if folder := self.config.getoption("--alluredir", None):
            lines.append(f"{folder} (Allure results)")
        if junit := self.config.getoption("--junitxml", None):
            lines.append(f"{junit} (JUnit)")
        if evidence_file := self.config.getoption("--evidence"):
            lines.append(f"{evidence_file} (JSON)")
        lines += [f"{each} (recording)" for each in self.recordings[:NAMED]]
        if len(self.recordings) > NAMED:
            lines.append(f"and {len(self.recordings) - NAMED} more recordings")
        for index, line in enumerate(lines):
            out.write_line(f"{'' if index else 'evidence':14}{line}")
