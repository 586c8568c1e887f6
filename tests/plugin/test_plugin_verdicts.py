"""Every way for a test to end, in the terminal, in the exit code, in JUnit and in Allure."""

from __future__ import annotations

import pytest
from plugin_project import Outcome, Project

BROKEN = {"blocked": "BLOCKED", "inconclusive": "INCONCLUSIVE", "error": "ERROR"}

EXPECTED = {
    "test_passes": "passed",
    "test_fails": "failed",
    "test_blocked": "blocked",
    "test_inconclusive": "inconclusive",
    "test_error": "error",
    "test_model_breaks": "error",
    "test_swallowed": "failed",
    "test_blocked_in_setup": "blocked",
    "test_property_fails": "failed",
    "test_property_passes": "passed",
    "test_property_blocked": "blocked",
}


def test_summary_line_and_exit_code(sample: Outcome) -> None:
    assert sample.code == 1
    assert "suites/test_sample.py .FBIEEFsBF.B" in sample.out
    assert "3 failed, 2 passed, 1 skipped, 1 deselected, 2 errors, 3 blocked, 1 inconclusive" in sample.out
    assert "verdicts 2 passed, 3 failed, 3 blocked, 1 inconclusive, 2 error" in sample.flat


@pytest.mark.parametrize(("name", "verdict"), EXPECTED.items())
def test_allure_status(sample: Outcome, name: str, verdict: str) -> None:
    result = sample.results[name]
    if verdict in BROKEN:
        assert result["status"] == "broken"
        assert result["statusDetails"]["message"].startswith(f"{BROKEN[verdict]}: ")
    else:
        assert result["status"] == verdict


@pytest.mark.parametrize(("name", "verdict"), EXPECTED.items())
def test_junit(sample: Outcome, name: str, verdict: str) -> None:
    case = sample.junit[name]
    tags = [child.tag for child in case if child.tag != "properties"]
    assert tags == {"passed": [], "failed": ["failure"]}.get(verdict, ["error"])
    properties = [(each.attrib["name"], each.attrib["value"]) for each in case.iter("property")]
    assert ("requirement", "LMP-1") in properties
    assert (("verdict", verdict) in properties) == (verdict != "passed")


def test_junit_counts(sample: Outcome) -> None:
    counts = {name: sample.suite[name] for name in ("tests", "failures", "errors", "skipped")}
    assert counts == {"tests": "12", "failures": "3", "errors": "6", "skipped": "1"}


@pytest.mark.parametrize("verbose", [False, True])
def test_words_and_colours_of_single_tests(project: Project, verbose: bool) -> None:
    project.suite("def test_a(bench):\n    raise Blocked('supply is off')\n")
    outcome = project.run(*(["-v"] if verbose else []))
    assert outcome.code == 1
    assert ("test_a BLOCKED" in outcome.out) == verbose
    assert "supply is off" in outcome.out
    assert "1 blocked in" in outcome.out


def test_an_incident_that_the_test_swallowed_is_red_with_its_cause(sample: Outcome) -> None:
    message = sample.results["test_swallowed"]["statusDetails"]["message"]
    assert message.startswith("identifier 0x7AB is in no database of channel 'can'")


def test_a_model_that_breaks_shows_the_model(sample: Outcome) -> None:
    assert "lamp_model.py:" in sample.out
    assert "RuntimeError: hazard is not wired" in sample.out


def test_the_harness_is_not_in_the_traceback(sample: Outcome, project: Project) -> None:
    assert "harness/bench" not in sample.out
    project.suite("def test_a(bench):\n    bench.plant['pressure'] = 3\n")
    assert "harness/bench" in project.run("--full-trace").out


def test_a_swallowed_incident_outweighs_skip_blocked_and_inconclusive(project: Project) -> None:
    project.suite(
        """
@pytest.mark.parametrize("end", [lambda: pytest.skip("x"), lambda: pytest.xfail("x"), lambda: 1 / 0])
@pytest.mark.parametrize("error", [None, Blocked("x"), Inconclusive("x")])
def test_a(bench, end, error):
    try:
        bench.send("can", Frame(0x7AB))
        bench.wait(1 * s)
    except Exception:
        pass
    if error is not None:
        raise error
    end()
"""
    )
    outcome = project.run()
    assert outcome.code == 1
    # 1 / 0 is an error by itself; the incident stands beside it as a note.
    assert "8 failed, 1 error in" in outcome.out
    assert "also in this world: IntegrityError: identifier 0x7AB" in outcome.out


def test_expected_failure_does_not_hide_a_bench_that_cannot_run_the_test(project: Project) -> None:
    project.suite(
        """
@pytest.mark.xfail
def test_blocked(bench):
    raise Blocked("supply is off")

@pytest.mark.xfail
def test_failed(bench):
    bench.expect(bench.signal("BrakeLamp") == "On", within=20 * ms)
"""
    )
    outcome = project.run(allure=True)
    assert "1 xfailed, 1 blocked in" in outcome.out
    assert outcome.code == 1
    assert outcome.results["test_blocked"]["status"] == "broken"


def test_expected_failure_does_not_hide_an_incident_unless_it_names_it(project: Project) -> None:
    project.suite(
        """
from harness.errors import IntegrityError

def break_it(bench):
    bench.send("can", Frame(0x7AB))
    bench.wait(1 * s)

@pytest.mark.xfail
def test_incident(bench):
    break_it(bench)

@pytest.mark.xfail(raises=ExpectationFailed)
def test_beside(bench):
    with pytest.raises(IntegrityError):
        break_it(bench)
    raise ExpectationFailed("known")

@pytest.mark.xfail(raises=AssertionError)
def test_too_wide(bench):
    break_it(bench)

@pytest.mark.xfail(raises=IntegrityError)
def test_named(bench):
    break_it(bench)
"""
    )
    assert "3 failed, 1 xfailed in" in project.run().out


def test_a_bench_that_a_test_asks_for_while_it_runs_is_judged_too(project: Project) -> None:
    project.suite(
        """
@pytest.mark.parametrize("name", ["bench", "open_bench"])
def test_a(request, name):
    bench = request.getfixturevalue(name)
    with contextlib.suppress(HarnessError), bench() if name == "open_bench" else contextlib.nullcontext(bench) as bench:
        bench.send("can", Frame(0x7AB))
        bench.wait(1 * s)
"""
    )
    project.write("suites/test_it.py", "import contextlib\n" + (project.folder / "suites/test_it.py").read_text())
    outcome = project.run()
    # The plugin wakes up with the first of them, and has to wait for its teardown.
    assert "1 failed, 1 passed, 1 error in" in outcome.out


def test_a_stopped_world_blocks_the_tests_after_it(project: Project) -> None:
    project.suite(
        """
@pytest.fixture(scope="module")
def shared(open_bench):
    with open_bench() as bench:
        yield bench

def test_a(shared):
    shared.set("HazardSwitch", "On")
    shared.wait(1 * s)

def test_b(shared):
    shared.wait(1 * s)

def test_c(bench):
    bench.wait(1 * s)
"""
    )
    outcome = project.run()
    assert "1 passed, 1 error, 1 blocked in" in outcome.out
    assert "Blocked: this world was stopped in an earlier test: Lamp.hazard" in outcome.out


def test_evidence_that_cannot_be_written_does_not_hide_the_failure(project: Project) -> None:
    project.suite(
        """
def test_fails(bench):
    bench.expect(bench.signal("BrakeLamp") == "On", within=20 * ms)

def test_passes(bench):
    bench.wait(20 * ms)
"""
    )
    project.write("reports", "a file where a folder should be")
    outcome = project.run("--record", "all")
    assert "1 failed, 1 error in" in outcome.out
    assert "ExpectationFailed: expect BrakeLamp == On within 20 ms" in outcome.out
    assert "its evidence is not complete: LogError: recording" in outcome.out


def test_worlds_closed_by_hand_are_judged(project: Project) -> None:
    project.suite(
        """
def test_a(open_bench):
    with open_bench() as bench:
        try:
            bench.send("can", Frame(0x7AB))
            bench.wait(1 * s)
        except Exception:
            pass
"""
    )
    assert "1 failed" in project.run().out


def test_a_failure_that_is_caught_outside_of_its_world_is_red_too(project: Project) -> None:
    project.suite(
        """
def break_it(bench):
    bench.send("can", Frame(0x7AB))
    bench.wait(1 * s)

def test_caught(open_bench):
    with pytest.raises(HarnessError), open_bench() as bench:
        break_it(bench)

def test_other_error(open_bench):
    with pytest.raises(ZeroDivisionError), open_bench() as bench:
        with pytest.raises(HarnessError):
            break_it(bench)
        1 / 0

@settings(max_examples=3)
@given(number=st.integers(0, 100))
def test_example(open_bench, number):
    with pytest.raises(HarnessError), open_bench() as bench:
        break_it(bench)

@pytest.fixture
def quiet(open_bench):
    with pytest.raises(HarnessError), open_bench() as bench:
        break_it(bench)

def test_fixture(quiet):
    pass

def test_an_expectation_may_be_caught(open_bench):
    with pytest.raises(ExpectationFailed), open_bench() as bench:
        bench.expect(bench.signal("BrakeLamp") == "On", within=20 * ms)
"""
    )
    outcome = project.run()
    assert "4 failed, 1 passed in" in outcome.out
    assert outcome.out.count("IntegrityError: identifier 0x7AB is in no database of channel 'can'\n") == 4


def test_what_the_policy_collects_is_shown_in_the_summary(project: Project) -> None:
    project.suite(
        """
@pytest.fixture(scope="module")
def shared(open_bench):
    with open_bench() as bench:
        yield bench

def test_a(shared):
    shared.set_policy(unknown_frame="collect")
    for _ in range(3):
        shared.send("can", Frame(0x7AB))
    shared.wait(10 * ms)

def test_b(shared):
    shared.wait(10 * ms)
"""
    )
    outcome = project.run()
    assert outcome.code == 0
    (line,) = [line for line in outcome.out.splitlines() if line.startswith("collected ") and "0x7AB" in line]
    assert "3 in suites/test_it.py::test_a, first " in line


def test_what_goes_wrong_between_two_tests_is_a_red_result_of_its_own(project: Project) -> None:
    project.suite(
        """
@pytest.fixture(scope="module")
def shared(open_bench):
    with open_bench() as bench:
        yield bench
        try:
            bench.send("can", Frame(0x7AB))
            bench.wait(1 * s)
        except Exception:
            pass

def test_a(shared):
    shared.wait(1 * s)

def test_b(shared):
    shared.wait(1 * s)
"""
    )
    outcome = project.run(allure=True)
    assert outcome.code == 1
    assert "1 failed, 2 passed in" in outcome.out
    assert "between tests, after test_b" in outcome.out
    assert outcome.results["test_b"]["status"] == "passed"
    assert outcome.results["between tests, after test_b"]["status"] == "failed"


def test_an_incident_between_fixture_and_test_belongs_to_the_test_that_ran(project: Project) -> None:
    project.suite(
        """
@pytest.fixture(scope="module")
def shared(open_bench):
    with open_bench() as bench:
        yield bench

def test_a(shared):
    shared.wait(1 * s)

def test_b(shared):
    try:
        shared.send("can", Frame(0x7AB))
        shared.wait(1 * s)
    except Exception:
        pass
"""
    )
    outcome = project.run("-v")
    assert "test_a PASSED" in outcome.out
    assert "test_b FAILED" in outcome.out
    assert "1 failed, 1 passed in" in outcome.out, "and nothing between tests"
