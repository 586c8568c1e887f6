"""The marker, the requirement file, and the matrix over one process and over workers."""

from __future__ import annotations

import pytest
from plugin_project import SAMPLE, Outcome, Project

MATRIX = {"LMP-1": "failed", "LMP-2": "not covered", "LMP-3": "not run"}


def states(outcome: Outcome) -> dict[str, str]:
    return {identifier: row["state"] for identifier, row in outcome.matrix().items()}


def test_matrix_in_the_report(sample: Outcome) -> None:
    assert states(sample) == MATRIX
    row = sample.matrix()["LMP-1"]
    assert row["asil"] == "B"
    assert row["tests"]["suites/test_sample.py::test_passes"] == "passed"
    assert row["tests"]["suites/test_sample.py::test_blocked_in_setup"] == "blocked"
    assert row["tests"]["suites/test_sample.py::test_skipped"] == "not run"
    assert sample.matrix()["LMP-3"]["tests"] == {"suites/test_sample.py::test_slow": "not run"}


def test_matrix_page(sample: Outcome) -> None:
    (page,) = [
        text for path in (sample.folder / "results").glob("*-attachment.html")
        if "Requirements of Lamp" in (text := path.read_text())
    ]  # fmt: skip
    assert "3 requirements: 1 failed, 1 not run, 1 not covered" in page
    assert "<script" not in page


def test_matrix_in_the_terminal(sample: Outcome) -> None:
    assert (
        "requirements 2 of 3 covered by the collected tests 1 failed LMP-1 1 not run LMP-3 1 not covered LMP-2"
        in sample.flat
    )


def test_two_workers_give_the_same(project: Project) -> None:
    pytest.importorskip("xdist")
    project.write("suites/test_sample.py", SAMPLE.read_text())
    outcome = project.run("-m", "not slow", "-n", "2", allure=True, fresh=True)
    assert outcome.code == 1
    assert states(outcome) == MATRIX
    assert "verdicts 2 passed, 3 failed, 3 blocked, 1 inconclusive, 2 error" in outcome.flat
    assert "seed = 0" in (outcome.folder / "results" / "environment.properties").read_text()
    assert len(outcome.results) == 12
    assert {name: outcome.suite[name] for name in ("failures", "errors")} == {"failures": "3", "errors": "6"}


def test_what_goes_wrong_between_tests_of_a_worker_is_red_too(project: Project) -> None:
    pytest.importorskip("xdist")
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
    pass

def test_b(shared):
    pass
"""
    )
    outcome = project.run("-n", "1", fresh=True)
    assert outcome.code == 1
    assert "1 failed, 2 passed in" in outcome.out
    assert "between tests, after test_b" in outcome.out


def test_an_unknown_id_is_an_error_of_the_collection_that_names_the_nearest(project: Project) -> None:
    project.suite('@pytest.mark.requirement("LMP-11")\ndef test_a(bench):\n    pass\n')
    for options in ((), ("-n", "1")):
        outcome = project.run(*options, fresh=True)
        assert outcome.code != 0
        assert "suites/test_it.py::test_a: requirement 'LMP-11' is not in" in outcome.out
        assert "did you mean one of 'LMP-1', " in outcome.flat
        assert "INTERNALERROR" not in outcome.out


@pytest.mark.parametrize(
    ("marker", "message"),
    [
        ("pytest.mark.requirement", "a requirement marker takes ids"),
        ("pytest.mark.requirement(7)", "a requirement marker takes ids"),
        ('pytest.mark.requirement(id="LMP-1")', "a requirement marker takes ids"),
    ],
)
def test_a_marker_without_id_is_an_error(project: Project, marker: str, message: str) -> None:
    project.suite(f"@{marker}\ndef test_a(bench):\n    pass\n")
    outcome = project.run()
    assert outcome.code == 2
    assert message in outcome.out


def test_a_missing_or_broken_requirement_file(project: Project) -> None:
    project.suite('@pytest.mark.requirement("LMP-1")\ndef test_a(bench):\n    pass\n')
    project.write("suites/requirements.toml", '[LMP-1]\ntext = "x"\nasli = "B"\n')
    outcome = project.run()
    assert outcome.code == 2
    assert "unknown key 'asli'; did you mean 'asil'?" in outcome.out
    (project.folder / "suites" / "requirements.toml").unlink()
    outcome = project.run()
    assert outcome.code == 2
    assert "names a requirement, but there is no" in outcome.out


def test_another_file_by_ini_option(project: Project) -> None:
    project.suite('@pytest.mark.requirement("OTHER-1")\ndef test_a():\n    pass\n')
    project.write("other.toml", '[OTHER-1]\ntext = "x"\n')
    outcome = project.run("-o", "harness_requirements=other.toml")
    assert outcome.code == 0
    assert "requirements 1 of 1 covered" in outcome.flat


def test_a_requirement_that_only_a_plain_test_names_counts(project: Project) -> None:
    project.suite('@pytest.mark.requirement("LMP-2")\ndef test_a():\n    pass\n')
    assert states(project.run(allure=True))["LMP-2"] == "passed"


PART = "only part of the suites was collected"


def test_with_a_path_what_lies_elsewhere_is_not_collected(project: Project) -> None:
    project.suite('@pytest.mark.requirement("LMP-1")\ndef test_a(bench):\n    pass\n')
    project.write("suites/more/test_more.py", 'import pytest\n@pytest.mark.requirement("LMP-2")\ndef test_b(): pass\n')
    outcome = project.run("suites/test_it.py", allure=True)
    assert states(outcome) == {"LMP-1": "passed", "LMP-2": "not collected", "LMP-3": "not collected"}
    assert f"requirements 1 of 3 covered by the collected tests; {PART}" in outcome.flat
    assert "2 not collected LMP-2, LMP-3" in outcome.flat and "not covered" not in outcome.flat


@pytest.mark.parametrize(
    ("options", "partial"),
    [
        ((), False),
        (("suites",), False),
        ((".",), False),
        (("suites/more", "suites/"), False),
        (("-k", "test_a"), False),
        (("-o", "testpaths=s*"), False),
        (("-o", "testpaths=other", "suites"), False),
        (("suites/more",), True),
        (("suites/test_it.py::test_a",), True),
        (("--ignore=suites/more",), True),
    ],
)
def test_which_runs_are_partial(project: Project, options: tuple[str, ...], partial: bool) -> None:
    project.suite('@pytest.mark.requirement("LMP-1")\ndef test_a(): pass\n')
    project.write("suites/more/test_more.py", 'import pytest\n@pytest.mark.requirement("LMP-2")\ndef test_b(): pass\n')
    outcome = project.run(*options)
    assert outcome.code == 0
    assert (PART in outcome.flat) is partial
    assert ("not collected" in outcome.flat) is partial
