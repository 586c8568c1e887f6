"""Tests with @given: one result, one example, settings and seeds of their own, no retries for a broken bench."""

from __future__ import annotations

import hypothesis
from plugin_project import Outcome, Project


def parameters(result: dict) -> dict[str, str]:  # type: ignore[type-arg]
    """What is shown without being part of the test's identity; that is its bench alone."""
    assert [each["name"] for each in result["parameters"] if not each.get("excluded")] == ["bench"]
    return {each["name"]: each["value"] for each in result["parameters"] if each.get("excluded")}


def test_a_failing_property_is_one_result_with_its_smallest_example(sample: Outcome) -> None:
    result = sample.results["test_property_fails"]
    found = parameters(result)
    assert found["pedal"] == "43"
    assert int(found["examples"]) > 3
    assert "stays Level <= 42 % during 80 ms: violated" in result["statusDetails"]["message"]


def test_only_that_example_has_its_steps_and_attachments_in_the_report(sample: Outcome) -> None:
    pedal, look = sample.results["test_property_fails"]["steps"]
    assert pedal["name"].endswith("set BrakePedal = 43 %")
    assert sample.attachment(look, "note") == "pedal 43"
    (expectation,) = look["steps"]
    assert expectation["status"] == "failed"
    assert "Level = 43 %" in sample.attachment(expectation, "values around")


def test_a_passing_property_shows_one_example_and_their_number(sample: Outcome) -> None:
    result = sample.results["test_property_passes"]
    assert parameters(result) == {"examples": "50"}
    assert len(result["steps"]) == 2
    assert len(str(result)) < 5000


def test_no_attachment_of_any_other_example_is_left_behind(sample: Outcome) -> None:
    notes = list((sample.folder / "results").glob("*-attachment.txt"))
    assert len(notes) == 2, "one per property"


def test_a_blocked_property_ends_at_once(sample: Outcome) -> None:
    result = sample.results["test_property_blocked"]
    assert parameters(result)["examples"] == "3"
    assert result["statusDetails"]["message"].startswith("BLOCKED: ")


def test_a_harness_error_ends_a_property_at_once_also_from_an_explicit_example(project: Project) -> None:
    project.suite(
        """
from hypothesis import example
RUNS = []

@given(pedal=st.integers(0, 100))
def test_unknown(open_bench, pedal):
    RUNS.append(pedal)
    with open_bench() as bench:
        bench.signal("BrakeLmap")

@example(pedal=7)
@given(pedal=st.integers(0, 100))
def test_example(open_bench, pedal):
    RUNS.append(pedal)
    with open_bench() as bench:
        bench.signal("BrakeLmap")

def test_runs():
    assert len(RUNS) == 2 and RUNS[-1] == 7
"""
    )
    outcome = project.run()
    assert "1 passed, 2 errors in" in outcome.out
    assert "did you mean one of 'BrakeLamp', " in outcome.out


def test_of_several_failures_the_kept_one_is_told(project: Project) -> None:
    project.suite(
        """
@given(number=st.integers(0, 100))
def test_two_faults(open_bench, number):
    with open_bench():
        assert number < 50, "large"
        assert number % 7 != 3, "odd one out"
"""
    )
    outcome = project.run()
    assert "distinct failures" not in outcome.out
    assert ("AssertionError: large" in outcome.out) != ("AssertionError: odd one out" in outcome.out)


SETTINGS = """
from hypothesis import HealthCheck, Phase

SEEN = []

@settings(max_examples=3)
@given(st.integers())
def test_defaults(open_bench, number):
    pass

@settings(max_examples=3, deadline=5000)
@given(st.integers())
def test_own_deadline(open_bench, number):
    pass

@settings(max_examples=3)
@given(st.integers())
def test_plain(number):
    pass
"""

SPY = """
import hypothesis
import pytest
from hypothesis import settings

@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    current = pyfuncitem.obj._hypothesis_internal_use_settings
    print()
    print(pyfuncitem.name, current.deadline, sorted(each.name for each in current.suppress_health_check),
          [each.name for each in current.phases], current.database is None, current.max_examples)
    return (yield)

def pytest_sessionfinish():
    print("profile:", settings.get_current_profile_name(), settings().deadline)
"""


def test_settings_are_the_tests_own_and_the_profile_is_untouched(project: Project) -> None:
    project.suite(SETTINGS)
    project.write("conftest.py", SPY)
    out = project.run("-s").out
    user = hypothesis.settings()  # Hypothesis chooses another profile where the variable CI is set
    checks = sorted(each.name for each in user.suppress_health_check)
    mine, phases = sorted({*checks, "too_slow"}), [each.name for each in user.phases]
    rest = f"{user.database is None} 3"
    shorter = [name for name in phases if name != "explain"]
    assert f"test_defaults None {mine} {shorter} {rest}" in out
    assert f"test_own_deadline 0:00:05 {mine} {shorter} {rest}" in out
    assert f"test_plain {user.deadline} {checks} {phases} {rest}" in out
    assert f"profile: {hypothesis.settings.get_current_profile_name()} {user.deadline}" in out


SEEDED = """
from hypothesis import seed
import os

def note(name, value):
    with open(name, "a") as file:
        print(value, file=file)

@settings(max_examples=20)
@given(number=st.integers())
def test_a(open_bench, number):
    note("a.txt", number)

@seed(3)
@settings(max_examples=20)
@given(number=st.integers())
def test_b(open_bench, number):
    note("b.txt", number)
"""


def test_the_harness_seed_seeds_hypothesis_unless_it_has_a_seed_of_its_own(project: Project) -> None:
    project.suite(SEEDED)

    def drawn(*options: str) -> tuple[str, str]:
        assert project.run(*options).code == 0
        texts = []
        for name in ("a.txt", "b.txt"):
            texts.append((project.folder / name).read_text())
            (project.folder / name).unlink()
        return texts[0], texts[1]

    seven = drawn("--harness-seed", "7")
    assert drawn("--harness-seed", "7") == seven
    eight = drawn("--harness-seed", "8")
    assert eight[0] != seven[0] and eight[1] == seven[1], "@seed stands above the option"
    assert drawn("--harness-seed", "7", "--hypothesis-seed", "1")[0] == drawn("--hypothesis-seed", "1")[0] != seven[0]


def test_with_the_harness_seed_the_example_database_is_bypassed(project: Project) -> None:
    project.suite(
        """
@given(pedal=st.integers(0, 100))
def test_a(open_bench, pedal):
    assert pedal < 90
"""
    )
    project.run("--harness-seed", "1", fresh=True)
    assert not (project.folder / ".hypothesis" / "examples").exists()
    project.run(fresh=True)
    assert (project.folder / ".hypothesis" / "examples").exists()
    # A stored failure would be tried first.
    assert (
        project.run("--harness-seed", "1", allure=True, fresh=True).results["test_a"]["parameters"][1]["value"] != "1"
    )


def test_an_example_that_is_rejected_does_not_hide_an_incident(project: Project) -> None:
    project.suite(
        """
@settings(max_examples=20)
@given(number=st.integers(0, 100))
def test_a(open_bench, number):
    with open_bench() as bench:
        if number % 2:
            with pytest.raises(HarnessError):
                bench.send("can", Frame(0x7AB))
                bench.wait(1 * s)
            hypothesis.assume(False)
"""
    )
    project.write("suites/test_it.py", "import hypothesis\n" + (project.folder / "suites/test_it.py").read_text())
    outcome = project.run()
    assert "1 failed in" in outcome.out
    assert "identifier 0x7AB is in no database" in outcome.out
