"""The pytest plugin: options, the marker ``requirement``, the fixtures ``bench`` and ``open_bench``.

It is inert in a run that uses none of them: nothing but this file is imported at start-up. The first test that is
collected with one of them loads :mod:`harness.pytest_support`, where everything happens.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from harness.bench import Bench
    from harness.pytest_support.run import Run
    from harness.pytest_support.summary import Summary

FIXTURES = frozenset({"bench", "open_bench"})


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the command line options and ini options."""
    group = parser.getgroup("harness", "vehicle-harness")
    group.addoption("--bench", metavar="FILE", help="bench file (default: ini option harness_bench)")
    group.addoption(
        "--wait-for-bench",
        metavar="TIME",
        help="wait up to so long (10m, 90s) for a real bench that somebody else has (default: not at all)",
    )
    group.addoption(
        "--harness-seed",
        type=int,
        metavar="N",
        help="seed of every world (default: 0), and of Hypothesis unless --hypothesis-seed is given",
    )
    group.addoption(
        "--record",
        choices=("failed", "all", "none"),
        help="which tests' frames to write to files (default: failed with --alluredir, none without)",
    )
    group.addoption(
        "--record-format",
        choices=("blf", "asc", "log", "mf4"),
        default="blf",
        help="format of recordings (default: blf; log is candump's, mf4 needs the extra [mf4])",
    )
    group.addoption(
        "--record-rotate",
        metavar="SIZE",
        help="begin the next file of a recording at this size, such as 100MB (default: one file per test)",
    )
    group.addoption(
        "--trace-file",
        metavar="RECORDING",
        help="feed every bench from a recording (.blf, .asc, .log, .mf4) instead of simulated nodes: tests that only "
        "watch are run, those that stimulate are skipped; `--trace RECORDING` is the same",
    )
    group.addoption(
        "--channel",
        action="append",
        default=[],
        metavar="NAME=RECORDED",
        help="the bench's channel NAME is RECORDED in the recording, a name or a number; repeat if need be",
    )
    group.addoption(
        "--damaged",
        choices=("inconclusive", "fail", "ignore"),
        default="inconclusive",
        help="what damage in the recording means for a test that has watched it (default: inconclusive)",
    )
    group.addoption(
        "--watch",
        metavar="FILE",
        action="append",
        default=[],
        help="watch every world of the run: a file of properties, or `contract` for the bus contract; may be repeated",
    )
    group.addoption("--evidence", metavar="FILE", help="write the run as JSON for other tools (docs/report.md)")
    parser.addini("harness_bench", "bench file, relative to the ini file", default="benches/virtual.toml")
    parser.addini(
        "harness_requirements", "requirement file, relative to the ini file", default="suites/requirements.toml"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker, and find out now rather than in every test what the options cannot keep."""
    config.addinivalue_line(
        "markers",
        'requirement(id): the test speaks for this requirement, e.g. requirement("VEH-020"); repeat if need be',
    )
    config.addinivalue_line(
        "markers",
        "watch(*watched): watch this while the test runs: bus_contract(), a formula's text, a function of the bench",
    )
    config.pluginmanager.register(Gate(config), "harness-gate")
    if config.getoption("trace") or config.getoption("--trace-file"):
        from harness.pytest_support.recordings import take_recording

        take_recording(config)
    bench = config.getoption("--bench")
    if bench and not (config.invocation_params.dir / bench).is_file():
        raise pytest.UsageError(f"--bench {bench}: there is no such file")
    if getattr(config.option, "tx", None):
        from harness.pytest_support.rigs import refuse_workers

        refuse_workers(
            config, config.invocation_params.dir / bench if bench else config.rootpath / config.getini("harness_bench")
        )
    evidence = config.getoption("--evidence")
    results = [config.getoption("--alluredir", None), evidence and (config.invocation_params.dir / evidence).parent]
    for folder in filter(None, results):
        from harness.errors import ReportError
        from harness.evidence.environment import check_results_folder

        try:
            check_results_folder(Path(folder))
        except ReportError as error:
            raise pytest.UsageError(str(error)) from error
    if evidence and not hasattr(config, "workerinput"):
        # A run that breaks before its first test must not leave an earlier one's.
        (config.invocation_params.dir / evidence).unlink(missing_ok=True)


@pytest.fixture(scope="session")
def open_bench(request: pytest.FixtureRequest) -> Callable[..., AbstractContextManager[Bench]]:
    """Opens worlds: ``with open_bench() as bench: ...``. The form for ``@given``: a fresh world per example."""
    return run_of(request.config).worlds.open


@pytest.fixture
def bench(open_bench: Callable[..., AbstractContextManager[Bench]]) -> Iterator[Bench]:
    """One fresh world for this test, on the bench file of the run."""
    with open_bench() as bench:
        yield bench


def run_of(config: pytest.Config) -> Run:
    """The part of the plugin that looks after tests on a bench; made when it is first asked for."""
    run: Run | None = config.pluginmanager.get_plugin("harness-run")
    if run is None:
        from harness.pytest_support.run import Run

        run = Run(config)
        config.pluginmanager.register(run, "harness-run")
    return run


def summary_of(config: pytest.Config) -> Summary:
    """The part of the plugin that sums up; in the process that shows the results to the user."""
    summary: Summary | None = config.pluginmanager.get_plugin("harness-summary")
    if summary is None:
        from harness.pytest_support.summary import Summary

        summary = Summary(config)
        config.pluginmanager.register(summary, "harness-summary")
    return summary


class Gate:
    """Watches for the first sign that a test uses the harness, in this process or in a worker of pytest-xdist."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    @pytest.hookimpl(wrapper=True)
    def pytest_pycollect_makeitem(self) -> Generator[None, object, object]:
        """Refuse a test that names an unknown requirement, as an error in its collection."""
        found = yield
        for item in found if isinstance(found, list) else ():
            if isinstance(item, pytest.Item) and item.get_closest_marker("requirement") is not None:
                from harness.pytest_support.requirements import check_markers

                check_markers(item)
        return found

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Begin when a collected test uses a fixture or the marker; before other plugins deselect any."""
        mine = [item for item in items if uses_harness(item)]
        if mine:
            run_of(self.config).collected(mine)
            if not hasattr(self.config, "workerinput"):
                summary_of(self.config)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Wake up when a worker reports a test that used the harness; of one that died, pytest-xdist itself reports."""
        if hasattr(self.config, "workerinput"):
            return
        if hasattr(report, "harness"):
            summary_of(self.config).take(report)
        elif report.failed and report.when not in ("setup", "call", "teardown"):
            summary = self.config.pluginmanager.get_plugin("harness-summary")
            if summary is not None:
                summary.take_crash(report)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take what a worker of pytest-xdist has to say when it ends."""
        output = getattr(node, "workeroutput", {}).get("harness")
        if output is not None:
            summary_of(self.config).merge(output)

    @pytest.hookimpl(tryfirst=True)
    def pytest_report_teststatus(self, report: Any) -> tuple[str, str, Any] | None:
        """Give verdicts that pytest does not know their own word, letter and count."""
        verdict = getattr(report, "harness", {}).get("verdict")
        if verdict in ("blocked", "inconclusive"):
            return verdict, verdict[0].upper(), (verdict.upper(), {"yellow": True})
        if verdict == "error":
            return "error", "E", ("ERROR", {"red": True})
        return None


def uses_harness(item: pytest.Item) -> bool:
    """Whether a test uses one of the fixtures or speaks for a requirement."""
    return (
        not FIXTURES.isdisjoint(getattr(item, "fixturenames", ())) or item.get_closest_marker("requirement") is not None
    )
