"""Judges mutants: puts each into every world of a pytest run of the suites, and sees which test notices.

That run happens in a process of its own, which collects the suites once and then runs a few of their tests for every
mutant that it is asked about.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, redirect_stdout
from dataclasses import dataclass, field
from io import StringIO
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

import pytest
from control_mutants import CONTROLS
from mutant import Mutant
from tables import MUTANTS

from harness import Bench
from harness.ecu import Ecu
from harness.evidence.verdicts import verdict_of
from harness.plugin import run_of

ROOT = Path(__file__).resolve().parents[3]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a mutant.

    verdict: *caught*: a test marked with its requirement failed, spoke of what it was to speak of, and passes without
    the mutant (slow tests have to show that elsewhere). *survived*: all of them passed. *other reason*: one failed, but
    of something else. *broken*: one ended otherwise, or fails without the mutant too, or there is none.
    test: the one that noticed, as pytest names it. message: what it failed with. tried: how many were run.
    """

    verdict: Literal["caught", "survived", "other reason", "broken"]
    test: str = ""
    message: str = ""
    tried: int = 0


class Judge:
    """Answers about one mutant after the other. A context manager around the process with the run of the suites."""

    def __enter__(self) -> Self:
        processes = get_context("spawn")
        self._connection, theirs = processes.Pipe()
        self._process = processes.Process(target=_serve, args=(theirs,), daemon=True)
        self._process.start()
        theirs.close()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()
        self._process.join()

    def judge(self, mutant: Mutant) -> Outcome:
        """Let the suites run on this mutant. Raises :class:`RuntimeError` when they cannot run at all."""
        self._connection.send(mutant.fault)
        answer = self._connection.recv()
        if isinstance(answer, str):
            raise RuntimeError(f"the suites cannot be run:\n{answer}")
        assert isinstance(answer, Outcome)
        return answer


def _serve(connection: Connection) -> None:
    """Collect the suites and answer until nobody asks any more."""
    from hypothesis import Phase, settings

    os.environ.pop("PYTEST_ADDOPTS", None)  # they are meant for the run that asks
    settings.register_profile("mutants", database=None, phases=[Phase.explicit, Phase.generate])
    options = ["-q", "-s", "-m", "", "-p", "no:cacheprovider", "--hypothesis-profile=mutants", "--harness-seed=0"]
    options += ["-W", "ignore:Module already imported:pytest.PytestAssertRewriteWarning"]
    where = [f"--rootdir={ROOT}", f"--config-file={ROOT / 'pyproject.toml'}", str(ROOT / "suites")]
    with redirect_stdout(StringIO()) as output:
        served = _Served(connection)
        pytest.main([*options, *where], plugins=[served])
    if not served.ended:
        connection.send(output.getvalue())


@dataclass(eq=False)
class _Served:
    """The plugin of the run: instead of running all tests once it runs some of them for every mutant."""

    connection: Connection
    ended: bool = False
    mutant: Mutant | None = None
    failure: tuple[str, str] | None = None
    """Verdict and message of the test that is running, once it has not passed."""
    sound: dict[str, str] = field(default_factory=dict)
    """By test: what is wrong with it without a mutant; empty when nothing is."""

    def pytest_configure(self, config: pytest.Config) -> None:
        # Later than the plugin of the harness, so that the fixture below is taken instead of its own.
        config.pluginmanager.register(sys.modules[__name__], "faulty-worlds")
        config.stash[_SERVED] = self

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        by_name = {mutant.fault: mutant for mutant in (*MUTANTS, *(control for _, control in CONTROLS))}
        while not self.ended:
            try:
                wanted = by_name[self.connection.recv()]
                self.connection.send(self.judged(wanted, session.items))
            except EOFError:
                self.ended = True
        return True

    def judged(self, mutant: Mutant, items: list[pytest.Item]) -> Outcome:
        """Run the tests that are to notice the mutant until one does."""
        tests = [item for item in items if _speaks_for(item, mutant)]
        if not tests:
            return Outcome("broken", message=f"no test {mutant.test} is marked with {mutant.requirement}")
        for number, item in enumerate(tests, start=1):
            failure = self.run(item, mutant)
            if failure is None:
                continue
            verdict, message = failure
            if verdict != "failed":
                return Outcome("broken", item.nodeid, f"{verdict}: {message}", number)
            if mutant.shows not in message:
                return Outcome("other reason", item.nodeid, message, number)
            if item.nodeid not in self.sound and item.get_closest_marker("slow") is None:
                anyway = self.run(item, None)
                self.sound[item.nodeid] = "" if anyway is None else anyway[1]
            if self.sound.get(item.nodeid):
                return Outcome("broken", item.nodeid, f"fails anyway: {self.sound[item.nodeid]}", number)
            return Outcome("caught", item.nodeid, message, number)
        return Outcome("survived", tried=len(tests))

    def run(self, item: pytest.Item, mutant: Mutant | None) -> tuple[str, str] | None:
        """Run one test in worlds with a mutant; its verdict and message when it does not pass."""
        self.mutant, self.failure = mutant, None
        item.ihook.pytest_runtest_protocol(item=item, nextitem=None)
        return self.failure

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> Generator[None, object, object]:
        """Note what went wrong first."""
        if call.excinfo is not None and self.failure is None:
            error = call.excinfo.value
            self.failure = verdict_of(error).value, str(error)
        return (yield)


_SERVED = pytest.StashKey[_Served]()


@pytest.fixture(scope="session")
def open_bench(request: pytest.FixtureRequest) -> Callable[..., AbstractContextManager[Bench]]:
    """Opens worlds with the mutant of the moment in them."""
    served = request.config.stash[_SERVED]
    worlds = run_of(request.config).worlds

    def open_faulty(*arguments: Any, **keywords: Any) -> AbstractContextManager[Bench]:
        mutant = served.mutant
        if mutant is not None and issubclass(mutant.model, Ecu):
            keywords["models"] = {mutant.node: mutant.model}
        elif mutant is not None:
            keywords["plant"] = mutant.model
        return worlds.open(*arguments, **keywords)

    return open_faulty


def _speaks_for(item: pytest.Item, mutant: Mutant) -> bool:
    marked = any(mutant.requirement in mark.args for mark in item.iter_markers("requirement"))
    return marked and getattr(item, "originalname", "") == mutant.test
