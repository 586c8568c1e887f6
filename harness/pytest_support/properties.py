"""Tests with ``@given``: settings that suit worlds in virtual time, no retries for a broken bench, one kept example.

Everything is set on the test for the duration of its call and taken back afterwards: the user's Hypothesis profile is
never touched. Imported only when a test that uses the harness turns out to be a property.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import wraps
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, Phase, is_hypothesis_test, settings
from hypothesis.errors import UnsatisfiedAssumption

from harness.errors import HarnessError
from harness.pytest_support.open_world import Share
from harness.pytest_support.worlds import Worlds

if TYPE_CHECKING:
    from harness.pytest_support.steps import Steps

LIVE_EXAMPLES = 3
"""Examples of a property on a real bench."""

VALUE_LIMIT = 500
"""Characters of a drawn value that a report shows."""


class Ended(BaseException):
    """Ends a property at once; the reason is its cause.

    No ``Exception``, since those Hypothesis tries again and shrinks: a bench that cannot run an example will not run
    a smaller one either, and on a real one no example comes again the same way.
    """


@dataclass(slots=True)
class Example:
    """What one example left behind: its drawn values as text, its worlds, and the steps that the test told Allure."""

    values: dict[str, str]
    failed: bool
    shares: list[Share] = field(default_factory=list)
    told: object = None


class Property:
    """One property under test; a context manager around the call phase."""

    def __init__(self, item: pytest.Function, worlds: Worlds, steps: Steps | None, seed: int | None) -> None:
        self.test: Any = getattr(item.obj, "__func__", item.obj)
        self._given_seed: object = item.config.getoption("--hypothesis-seed", None)
        self.worlds = worlds
        self.steps = steps
        self.seed = seed
        self.examples = 0
        """Examples that were run, those of shrinking included."""
        self.kept: Example | None = None
        """The last failing example, which is the smallest; the first one where none failed."""
        self._inner: Callable[..., object] = self.test.hypothesis.inner_test
        self._settings: settings = self.test._hypothesis_internal_use_settings
        self._own_seed: object = self.test._hypothesis_internal_use_seed

    def __enter__(self) -> Property:
        self.test.hypothesis.inner_test = self._recorded(self._inner)
        self.test._hypothesis_internal_use_settings = bench_settings(
            self._settings, bypass_database=self._seeds, live=self.worlds.live
        )
        if self._seeds:
            self.test._hypothesis_internal_use_seed = self.seed
        return self

    def __exit__(self, *_: object) -> None:
        self.test.hypothesis.inner_test = self._inner
        self.test._hypothesis_internal_use_settings = self._settings
        self.test._hypothesis_internal_use_seed = self._own_seed
        if self.kept is not None:
            self.worlds.shares = self.kept.shares
            if self.steps is not None:
                self.steps.tell_again(self.kept.told)

    @property
    def _seeds(self) -> bool:
        return self.seed is not None and self._own_seed is None

    @property
    def reproduction(self) -> str:
        """The option that makes Hypothesis draw the same again; empty where nothing was drawn by chance."""
        drawn = getattr(self.test, "_hypothesis_internal_use_generated_seed", None)
        drawn = self._given_seed if drawn is None else drawn
        return f"--hypothesis-seed={drawn}" if drawn is not None else ""

    def reason(self, failure: BaseException | None) -> BaseException | None:
        """What the test ends with: for a property that was ended at once, why, and in which example."""
        if not isinstance(failure, Ended):
            return failure
        reason = failure.__cause__
        if reason is not None and self.kept is not None:
            reason.add_note(f"in the example {', '.join(f'{name}={text}' for name, text in self.kept.values.items())}")
        return reason

    def parameters(self) -> dict[str, str]:
        """What a report shows: the number of examples, and the values of the kept one where it failed."""
        found = {"examples": str(self.examples)}
        if self.kept is not None and self.kept.failed:
            found |= self.kept.values
        return found

    def _recorded(self, inner: Callable[..., object]) -> Callable[..., object]:
        drawn = tuple(self.test.hypothesis._given_kwargs)
        long_lived = list(self.worlds.shares)

        @wraps(inner)
        def example(*args: object, **kwargs: object) -> None:
            __tracebackhide__ = True
            self.examples += 1
            self.worlds.begin_example(long_lived)
            if self.steps is not None:
                self.steps.begin_example()
            failure: BaseException | None = None
            rejected = False
            try:
                inner(*args, **kwargs)
                self.worlds.judge_example()
            except UnsatisfiedAssumption:
                rejected = True
                raise
            except (Exception, pytest.fail.Exception) as error:
                failure = error
                broken = isinstance(error, HarnessError) and not isinstance(error, AssertionError)
                if broken or self.worlds.live:
                    raise Ended from error
                raise
            finally:
                told = self.steps.end_example() if self.steps is not None else None
                if failure is not None or (self.kept is None and not rejected):
                    values = {name: _shown(kwargs[name]) for name in drawn if name in kwargs}
                    self.kept = Example(values, failure is not None, list(self.worlds.shares), told)
                self.worlds.keep_recordings([*long_lived, *(self.kept.shares if self.kept is not None else ())])

        return example


def property_of(item: pytest.Item, worlds: Worlds, steps: Steps | None, seed: int | None) -> Property | None:
    """The item as a property, when it is one."""
    if isinstance(item, pytest.Function) and is_hypothesis_test(item.obj) and hasattr(item.obj, "hypothesis"):
        return Property(item, worlds, steps, seed)
    return None


def bench_settings(given: settings, *, bypass_database: bool, live: bool = False) -> settings:
    """Settings for a test whose examples are worlds, from those that the test would have had.

    No deadline (unless the test has one of its own), no health check for slow examples, no phase that blames lines of
    the harness; one failure only, that of the example which is kept. ``bypass_database``: neither replay nor save
    examples, so that a seed alone decides. live: examples take real time and wear out hardware: few of them, and a
    failing one is not shrunk, since it would not come again the same way.
    """
    changed: dict[str, Any] = {
        "suppress_health_check": {*given.suppress_health_check, HealthCheck.too_slow},
        "phases": [phase for phase in given.phases if phase is not Phase.explain],
        "report_multiple_bugs": False,
    }
    if live:
        changed["phases"] = [phase for phase in changed["phases"] if phase is not Phase.shrink]
        changed["max_examples"] = min(given.max_examples, LIVE_EXAMPLES)
        changed["suppress_health_check"] = set(HealthCheck)
    if given.deadline == settings().deadline:
        changed["deadline"] = None
    if bypass_database:
        changed["database"] = None
    return settings(given, **changed)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= VALUE_LIMIT else f"{text[:VALUE_LIMIT]}…"
