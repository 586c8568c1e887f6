"""What happens around every test that uses the harness: worlds, verdicts, evidence."""

from __future__ import annotations

import gc
import sys
from collections.abc import Generator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.runner import call_and_report

from harness.errors import HarnessError, IntegrityError, LogError, StimulatesRecording
from harness.evidence.environment import describe_world
from harness.evidence.events import Event
from harness.evidence.json_sink import describe_bench, facts_of, plain_message
from harness.evidence.record import WorldRecord
from harness.evidence.verdicts import Verdict, verdict_of
from harness.pytest_support.bench_faults import explained
from harness.pytest_support.labels import known_requirements
from harness.pytest_support.phase_verdicts import failure_verdict, names_incidents, verdict_of_phase
from harness.pytest_support.recorders import Recorders, with_exactness
from harness.pytest_support.recordings import as_skip, recording_of
from harness.pytest_support.replay import replay_command
from harness.pytest_support.requirements import requirement_ids, requirements_of
from harness.pytest_support.rigs import rigs_of
from harness.pytest_support.tracebacks import hide_harness
from harness.pytest_support.watches import watched_by_markers, watched_by_options
from harness.pytest_support.worlds import Worlds
from harness.requirements import Requirement

if TYPE_CHECKING:
    from harness.pytest_support.allure_sink import AllureSink
    from harness.pytest_support.properties import Property

_GARBAGE_THRESHOLD = 20_000


class Run:
    """Looks after the tests that use the harness, in the process that runs them."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config
        self.seed: int | None = config.getoption("--harness-seed")
        self.requirements = requirements_of(config)
        self.worlds = Worlds(self._bench_file(), self.seed or 0, recording_of(config))
        self.worlds.everywhere = watched_by_options(config)
        self.claims: dict[str, list[str]] = {}
        self.environment: dict[str, str] = {}
        self.recordings: list[str] = []
        self.benches: dict[str, dict[str, Any]] = {}
        """Benches on which tests ran, with the fingerprints of their files, by path."""
        self.safe_states: list[str] = []
        """How real benches were left, a line each."""
        self.allure = self._allure_sink()
        self._wants_facts = self.allure is not None or bool(config.getoption("--evidence"))
        self._facts: dict[str, Any] | None = None
        """What the running test leaves behind for ``evidence.json``."""
        self._recorded = 0
        """Recordings of the tests before it."""
        default = "failed" if self.allure is not None else "none"
        self.recorders = self.worlds.recorders = Recorders(config, config.getoption("--record") or default)
        self._red = False
        self._last: pytest.Item | None = None
        self.worlds.rigs = rigs_of(config)
        self._look_for_garbage_less_often()

    def _look_for_garbage_less_often(self) -> None:
        """Until the end of the run: a world makes objects by the thousand, keeps most, and drops all at once.

        After every 700 new ones, as Python does by itself, the search takes a tenth of the run and finds nothing.
        """
        before = gc.get_threshold()
        gc.set_threshold(max(before[0], _GARBAGE_THRESHOLD) if before[0] else 0, *before[1:])
        self.config.add_cleanup(lambda: gc.set_threshold(*before))

    def _bench_file(self) -> Path:
        given = self.config.getoption("--bench")
        if given:
            return self.config.invocation_params.dir / str(given)
        return self.config.rootpath / str(self.config.getini("harness_bench"))

    def _allure_sink(self) -> AllureSink | None:
        listener = self.config.pluginmanager.get_plugin("allure_listener")
        if listener is None:
            return None
        from harness.pytest_support.allure_sink import AllureSink

        sink = AllureSink(listener, self.worlds, self.requirements.title or "Vehicle tests")
        self.config.add_cleanup(sink.close)
        return sink

    def collected(self, items: Sequence[pytest.Item]) -> None:
        """Take note of which test speaks for which requirement, before any is deselected."""
        for item in items:
            self.claims[item.nodeid] = requirement_ids(item)

    def _requirements(self, item: pytest.Item) -> list[Requirement]:
        return known_requirements(requirement_ids(item), self.requirements)

    # -- one test --------------------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Give the test its share of worlds that are open already, and look after what happens outside of it."""
        self._red = interrupted = False
        self._facts = None
        self._recorded = len(self.recordings)
        if item.nodeid in self.claims:
            self.recorders.begin_test(item.nodeid)
            self.worlds.rigs.module = item.location[0]
        self.worlds.begin()
        self._report_between(item)
        try:
            return (yield)
        except (KeyboardInterrupt, pytest.exit.Exception):
            interrupted = True
            self._interrupted(item)
            raise
        finally:
            self._end_recordings(interrupted or self._red)
            self.worlds.shares = []
            self._last = item
            self.worlds.collect_between()
            self._report_between(item)
            if self.worlds.rigs.ended_by:
                item.session.shouldstop = self.worlds.rigs.why_ended  # whatever the test made of it

    def _interrupted(self, item: pytest.Item) -> None:
        """End the fixtures of a test on a real bench now: pytest would do so when the bench has been given back."""
        if self.worlds.rigs:
            self.worlds.interrupted = True
            call_and_report(item, "teardown", nextitem=None)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Label the test before anything can go wrong in it."""
        if item.nodeid in self.claims:
            item.user_properties += [("requirement", identifier) for identifier in requirement_ids(item)]
            if self.allure is not None:
                self.allure.begin(item, self._requirements(item))
        self.worlds.mark(watched_by_markers(item))
        try:
            return (yield)
        except StimulatesRecording as error:
            raise as_skip(self.worlds.judge(error)) or error from None
        except (Exception, pytest.fail.Exception) as error:
            self._explain(error)
            raise

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, object, object]:
        """What a fixture finds at its end is held against the bench as well."""
        try:
            return (yield)
        except (Exception, pytest.fail.Exception) as error:
            self._explain(error)
            raise

    def _explain(self, error: BaseException) -> None:
        """Raise what a failure of a fixture is instead, where the bench is the reason for it."""
        stopped = [each.world.bench.world.loop.failure for each in self.worlds.shares]
        red = explained(self.worlds.shares, error, [each for each in stopped if each is not None])
        if red is not error:
            raise red from error

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Run the test, judge what its worlds saw, and write the evidence."""
        __tracebackhide__ = True
        if item.nodeid not in self.claims:
            outcome = yield
            self.worlds.end_watching()
            red = as_skip(self.worlds.judge(None))  # it may have asked for a bench while it ran
            if red is not None:
                raise red
            return outcome
        failure: BaseException | None = None
        outcome = None
        tested = self._property(item)
        with tested if tested is not None else nullcontext():
            try:
                outcome = yield
            except (KeyboardInterrupt, pytest.exit.Exception):
                raise
            except BaseException as error:  # noqa: BLE001  # raised again below, unless something worse outweighs it
                failure = error
        if tested is not None:
            failure = tested.reason(failure)
        self.worlds.end_watching()
        failure = as_skip(self.worlds.judge(failure))
        self._leave_evidence(item, failure, tested)
        if failure is not None:
            raise failure
        return outcome

    def _property(self, item: pytest.Item) -> Property | None:
        if "hypothesis" not in sys.modules:
            return None
        from harness.pytest_support.properties import property_of

        seed = self.seed if self.config.getoption("--hypothesis-seed", None) is None else None
        return property_of(item, self.worlds, self.allure.steps if self.allure is not None else None, seed)

    def _leave_evidence(self, item: pytest.Item, failure: BaseException | None, tested: Property | None) -> None:
        """Write the evidence. What goes wrong with that is raised, but does not hide why the test failed."""
        try:
            with self.worlds.still():
                self._write_evidence(item, failure, tested)
        except Exception as error:
            if failure is None:
                raise
            failure.add_note(f"its evidence is not complete: {type(error).__name__}: {error}")

    def _write_evidence(self, item: pytest.Item, failure: BaseException | None, tested: Property | None) -> None:
        records = [share.record(loads=self._wants_facts) for share in self.worlds.shares]
        records = [record for record in records if record.events or not record.since]
        if records and not self.environment:
            self.environment = describe_world(records[0])
        failed = failure is not None and not isinstance(failure, (pytest.skip.Exception, pytest.xfail.Exception))
        if failure is not None and failed:
            records = _with_failure(records, failure)
        command = self._command(item, records, tested)
        if self._wants_facts:
            self._take_facts(records, command)
        if self.allure is not None:
            self.allure.finish(item, self._requirements(item), command, records, failed=failed)
            if tested is not None:
                self.allure.parameters(tested.parameters())
        if self.recorders.wants(red=failed):
            self._keep_recordings(
                self.recorders.finish([share.world.bench for share in self.worlds.shares if share.ran])
            )

    def _take_facts(self, records: Sequence[WorldRecord], command: str) -> None:
        root = self.config.rootpath
        self._facts = facts_of(records, command, root)
        for record in records:
            path = str(record.path)
            if path not in self.benches:
                self.benches[path] = describe_bench(record, root)

    def _command(self, item: pytest.Item, records: Sequence[WorldRecord], tested: Property | None) -> str:
        command = replay_command(item, self.worlds, shared=any(record.since for record in records))
        return " ".join(filter(None, (command, tested.reproduction if tested is not None else "")))

    def _keep_recordings(self, paths: Sequence[Path]) -> None:
        """Attach recordings to the running test, or leave them where they are and have the summary name them."""
        for path in paths:
            if self.allure is None:
                self.recordings.append(path.relative_to(self.config.rootpath).as_posix())
            else:
                for each in with_exactness(path):
                    self.allure.recording(each.name, each.read_bytes())
                    each.unlink()

    def _end_recordings(self, red: bool) -> None:
        """The test's fixtures have ended too: of a test that came to no verdict the recordings are still running."""
        try:
            if self.recorders.wants(red=red):
                paths = self.recorders.finish([share.world.bench for share in self.worlds.shares if share.ran])
                self.recordings += [path.relative_to(self.config.rootpath).as_posix() for path in paths]
        except LogError as error:
            self.worlds.between.append(error)
        finally:
            self.recorders.end_test()

    # -- verdicts --------------------------------------------------------------------------------------------------

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Put the verdict into pytest's report, where every summary and every worker's controller finds it."""
        mine = item.nodeid in self.claims
        if mine and call.excinfo is not None and not self.config.getoption("--full-trace"):
            hide_harness(call.excinfo.value)
            call.excinfo = pytest.ExceptionInfo.from_exception(call.excinfo.value)
        error = call.excinfo.value if call.excinfo is not None else None
        if mine and call.when == "setup" and isinstance(error, (Exception, pytest.fail.Exception)):
            self._leave_evidence(item, error, None)  # its fixtures are still there
        report = yield
        if not mine:
            return report
        if hasattr(report, "wasxfail") and self._is_unexpected(item, error):
            del report.wasxfail
            report.outcome = "failed"
        verdict = verdict_of_phase(report, error)
        facts: dict[str, Any] = {"requirements": requirement_ids(item), "verdict": verdict.value if verdict else None}
        collected = [line for share in self.worlds.shares for line in share.collected] if call.when == "call" else []
        if collected:
            facts["collected"] = (len(collected), collected[0])
        if verdict not in (None, Verdict.PASSED):
            facts["message"] = plain_message(str(error) if error is not None else report.longreprtext)
        facts["recordings"] = self.recordings[self._recorded :]
        if self._wants_facts and call.when == "call":
            facts["evidence"] = self._facts
        elif self._wants_facts and call.when == "setup":
            facts["evidence"] = self._facts or facts_of([], self._command(item, [], None), self.config.rootpath)
        report.harness = facts  # type: ignore[attr-defined]  # pytest sends extra attributes of reports along
        if verdict not in (None, Verdict.PASSED):
            self._note_red(item, report, error, verdict)
        return report

    def _is_unexpected(self, item: pytest.Item, error: BaseException | None) -> bool:
        """An expected failure is one of the product. A bench that cannot run the test is none, nor is an incident."""
        if isinstance(error, IntegrityError):
            return not any(names_incidents(mark) for mark in item.iter_markers("xfail"))
        return self.worlds.troubled or (isinstance(error, HarnessError) and not isinstance(error, AssertionError))

    def _note_red(
        self, item: pytest.Item, report: pytest.TestReport, error: BaseException | None, verdict: Verdict
    ) -> None:
        for properties in (item.user_properties, report.user_properties):
            properties.append(("verdict", verdict.value))
        if self.allure is not None and not self._red:
            self.allure.verdict(verdict, str(error) if isinstance(error, HarnessError) else None)
        self._red = True

    def _report_between(self, item: pytest.Item) -> None:
        """Report what went wrong between two tests as a red result of its own."""
        name = f"between tests, after {item.name}"
        errors, self.worlds.between = self.worlds.between, []
        for error in errors:
            # A worker of pytest-xdist may only report on the test it was given.
            own = not hasattr(self.config, "workerinput")
            node = f"{item.location[0]}::{name}" if own else item.nodeid
            text = f"{type(error).__name__}: {error}"
            report = pytest.TestReport(
                node, (item.location[0], None, name), {}, "failed", text, "call", user_properties=[("verdict", "error")]
            )
            verdict = verdict_of(error)
            facts: dict[str, Any] = {"requirements": [], "verdict": verdict.value, "message": plain_message(text)}
            if own and self._wants_facts:
                command = replay_command(item, self.worlds, shared=True)
                facts["evidence"] = facts_of([], command, self.config.rootpath)
            report.harness = facts  # type: ignore[attr-defined]
            item.ihook.pytest_runtest_logreport(report=report)
            if self.allure is not None:
                self.allure.between_tests(name, verdict, text)

    # -- the end ---------------------------------------------------------------------------------------------------

    @property
    def output(self) -> dict[str, Any]:
        """What the summary needs to know, in a form that a worker of pytest-xdist can send."""
        return {
            "claims": self.claims,
            "environment": self.environment,
            "recordings": self.recordings,
            "benches": self.benches,
            "safe_states": self.safe_states,
            "left": self.worlds.rigs.safe_states,
        }

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Give real benches back in their safe state; a worker hands over to its controller."""
        self._give_back()
        if self.worlds.rigs.ended_by:
            session.exitstatus = 128 + self.worlds.rigs.ended_by
        if hasattr(self.config, "workerinput"):
            self.config.workeroutput["harness"] = self.output  # type: ignore[attr-defined]  # pytest-xdist's own

    @pytest.hookimpl(tryfirst=True)
    def pytest_keyboard_interrupt(self) -> None:
        """The safe state comes first: pytest takes up to a second to show where it was interrupted."""
        self._give_back()

    def _give_back(self) -> None:
        try:
            self.worlds.end_all()
            if self._last is not None:
                self._report_between(self._last)
        except KeyboardInterrupt:
            self.worlds.interrupted = True  # once more: the run is ending already
        finally:
            self.safe_states += self.worlds.rigs.close()


def _with_failure(records: Sequence[WorldRecord], failure: BaseException) -> list[WorldRecord]:
    """The records with what ended the test as the last event, unless a world itself has written that down.

    An expectation has; a bare ``assert``, or an exception that nobody foresaw, has not.
    """
    if not records or (isinstance(failure, HarnessError) and any(record.red is not None for record in records)):
        return list(records)
    first, _, rest = str(failure).strip().partition("\n")
    kind = "" if isinstance(failure, (AssertionError, pytest.fail.Exception)) else type(failure).__name__
    title = ": ".join(filter(None, (kind, first))) or type(failure).__name__
    details = (("message", rest.strip()),) if rest.strip() else ()
    event = Event(records[-1].ended, "note", title, failure_verdict(failure), details)
    return [*records[:-1], replace(records[-1], events=[*records[-1].events, event])]
