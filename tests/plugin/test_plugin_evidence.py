"""``evidence.json``, metrics and the identity of results, in real runs."""

from __future__ import annotations

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from plugin_project import Outcome, Project

from harness.evidence.json_sink import VERSION, schema

SUITE = """
@pytest.mark.requirement("LMP-1")
@pytest.mark.parametrize("pedal", [4, 40])
def test_lamp(bench, pedal):
    bench.set("BrakePedal", pedal * percent)
    bench.wait(200 * ms)
    bench.expect(bench.signal("BrakeLamp") == "On", within=80 * ms)
    bench.stays(bench.signal("Level") <= 10, during=100 * ms)

def test_bare_assert(bench):
    bench.wait(200 * ms)
    assert bench.signal("Level").value == 3, "level is wrong"

def test_unfit(bench):
    bench.plant["pressure"] = 3

@pytest.fixture
def unfit(bench):
    bench.plant["pressure"] = 3

def test_unfit_before_it_begins(unfit):
    pass

def test_skipped(bench):
    pytest.skip("not today")
"""


def run_of(outcome: Outcome, name: str = "evidence.json") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((outcome.folder / name).read_text())
    return found


def by_name(run: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {test["node"].rpartition("::")[2]: test for test in run["tests"]}


@pytest.fixture(scope="module")
def outcome(make_project: Any) -> Outcome:
    project: Project = make_project()
    project.suite(SUITE)
    return project.run("--evidence", "evidence.json", "--harness-seed", "7", "--record", "failed", allure=True)


def test_it_keeps_to_its_schema(outcome: Outcome) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(schema())
    judge = jsonschema.Draft202012Validator(schema())
    run = run_of(outcome)
    assert list(judge.iter_errors(run)) == []
    assert run["version"] == VERSION == schema()["properties"]["version"]["const"]
    wrong = deepcopy(run)
    wrong["tests"][0]["verdict"] = "green"
    assert list(judge.iter_errors(wrong)) != []
    wrong = deepcopy(run)
    del wrong["tests"][0]["worlds"]
    assert list(judge.iter_errors(wrong)) != []


def test_what_it_says_of_a_run(outcome: Outcome) -> None:
    run = run_of(outcome)
    assert run["verdicts"] == {"passed": 1, "failed": 2, "blocked": 2, "inconclusive": 0, "error": 0}
    (bench,) = run["benches"]
    assert (bench["name"], bench["file"], len(bench["sha256"])) == ("lamp", "bench/lamp.toml", 64)
    assert [each["file"] for each in bench["databases"]] == ["lamp.dbc"]
    assert run["software"].keys() >= {"Python", "vehicle-harness", "pytest"}
    assert {each["id"]: each["state"] for each in run["requirements"]}["LMP-1"] == "failed"
    assert [test["node"] for test in run["tests"]] == sorted(test["node"] for test in run["tests"])


def test_what_it_says_of_a_test(outcome: Outcome) -> None:
    tests = by_name(run_of(outcome))
    failed = tests["test_lamp[40]"]
    assert (failed["verdict"], failed["requirements"]) == ("failed", ["LMP-1"])
    assert failed["message"].startswith("stays Level <= 10 % during 100 ms: violated after 0 s")
    assert failed["command"].endswith("--bench bench/lamp.toml --harness-seed 7")
    reaction, level = failed["checks"]
    assert (reaction["verdict"], level["verdict"]) == ("passed", "failed")
    assert reaction["measures"][0]["name"] == "reaction time of BrakeLamp == On"
    assert (level["tolerance"], level["margin"], level["signals"]) == ("± 0.25 %", "-30 %", ["can.Lamps.Level"])
    (world,) = failed["worlds"]
    assert world["seed"] == 7 and 0 < world["bus_load"]["can"] < 0.2 and len(world["frames_sha256"]["can"]) == 64
    assert tests["test_lamp[4]"]["message"] == ""


def test_a_plain_assert_is_a_check_that_did_not_pass(outcome: Outcome) -> None:
    (check,) = by_name(run_of(outcome))["test_bare_assert"]["checks"]
    assert (check["verdict"], check["actual"]) == ("failed", "level is wrong")


def test_a_test_that_came_to_no_world_has_its_command_too(outcome: Outcome) -> None:
    tests = by_name(run_of(outcome))
    for name in ("test_unfit", "test_unfit_before_it_begins"):
        assert tests[name]["verdict"] == "blocked"
        assert "no role 'pressure'" in tests[name]["message"]
        assert tests[name]["command"].endswith(f'::{name}" --bench bench/lamp.toml --harness-seed 7')
    assert tests["test_skipped"]["verdict"] is None


def test_metrics_of_the_run(outcome: Outcome) -> None:
    found = json.loads((outcome.folder / "results" / "lamp-perf.json").read_text())
    by_key: dict[str, list[float]] = {}
    for each in found:
        assert each.keys() >= {"id", "key", "value", "start", "stop", "unit", "title", "better", "groupTitle"}
        by_key.setdefault(each["key"], []).append(each["value"])
    assert len(by_key["reaction time of BrakeLamp == On, lamp"]) == 2
    assert by_key["margin of stays Level <= 10 % during 100 ms, lamp"] == [6]
    assert all(0 < value < 20 for value in by_key["bus load of can, lamp"])
    assert len({each["id"] for each in found}) == len(found)


def test_workers_tell_the_same_as_one_process(project: Project) -> None:
    project.suite(SUITE)
    runs = []
    for name, workers in (("one.json", "0"), ("many.json", "2")):
        run = run_of(project.run("--evidence", name, "-n", workers, fresh=True), name)
        for test in run["tests"]:
            assert test.pop("duration_s") >= 0
        runs.append(run)
    assert runs[0] == runs[1]


def test_recordings_are_named(project: Project) -> None:
    project.suite(SUITE)
    tests = by_name(run_of(project.run("--evidence", "evidence.json", "--record", "failed", "-k", "test_lamp")))
    assert tests["test_lamp[4]"]["recordings"] == []
    (recording,) = tests["test_lamp[40]"]["recordings"]
    assert (project.folder / recording).is_file()


def test_without_the_option_there_is_none_and_a_place_that_cannot_be_written_is_refused(project: Project) -> None:
    project.suite(SUITE)
    project.run()
    assert not list(project.folder.rglob("evidence.json"))
    (project.folder / "file").write_text("")
    outcome = project.run("--evidence", "file/evidence.json")
    assert outcome.code == 4 and "cannot be written" in outcome.out


def test_the_same_test_on_two_benches_is_two_results(project: Project) -> None:
    project.suite("@pytest.mark.parametrize('x', [1])\ndef test_a(bench, x):\n    pass\n")
    lamp = project.folder / "bench" / "lamp.toml"
    (project.folder / "bench" / "rack.toml").write_text(lamp.read_text().replace('"lamp"', '"rack 7"', 1))
    found = []
    for bench in ("lamp", "rack", "lamp"):
        outcome = project.run("--bench", f"bench/{bench}.toml", "--clean-alluredir", allure=True)
        (result,) = outcome.results.values()
        found.append((result["historyId"], result["testCaseId"], labels(result)["bench"]))
    first, other, again = found
    assert first == again
    assert first[0] != other[0] and first[1] == other[1]
    assert (first[2], other[2]) == ("lamp", "rack 7")


def labels(result: dict[str, Any]) -> dict[str, str]:
    return {label["name"]: label["value"] for label in result["labels"]}


def test_the_place_is_relative_to_where_pytest_was_called(project: Project, tmp_path: Path) -> None:
    project.suite("def test_a(bench):\n    pass\n")
    project.run("--evidence", str(tmp_path / "deep" / "evidence.json"))
    assert json.loads((tmp_path / "deep" / "evidence.json").read_text())["verdicts"]["passed"] == 1


def test_metrics_of_a_run_on_another_bench_do_not_replace_those_of_the_first(project: Project) -> None:
    project.suite("def test_a(bench):\n    bench.wait(200 * ms)\n")
    lamp = project.folder / "bench" / "lamp.toml"
    (project.folder / "bench" / "rack.toml").write_text(lamp.read_text().replace('"lamp"', '"rack 7"', 1))
    for bench in ("lamp", "rack"):
        project.run("--bench", f"bench/{bench}.toml", allure=True)
    files = sorted((project.folder / "results").glob("*-perf.json"))
    assert [path.name for path in files] == ["lamp-perf.json", "rack-7-perf.json"]
    assert [json.loads(path.read_text())[0]["key"] for path in files] == [
        "bus load of can, lamp",
        "bus load of can, rack 7",
    ]


def test_a_set_up_that_fails_leaves_evidence_like_a_test(project: Project) -> None:
    project.suite(
        """
@pytest.fixture
def pressed(bench):
    bench.wait(1 * s)
    bench.set("BrakePedal", 40 * percent)
    bench.expect(bench.signal("BrakeLamp") == "On", within=20 * ms)

def test_a(pressed):
    pass
"""
    )
    outcome = project.run("--evidence", "evidence.json", allure=True)
    (check,) = by_name(run_of(outcome))["test_a"]["checks"]
    assert (check["verdict"], check["expected"]) == ("failed", "BrakeLamp == On within 20 ms")
    result = outcome.results["test_a"]
    assert result["name"] == "A" and "Run again" in result["description"] and "<table" in result["descriptionHtml"]
    names = {each["name"].partition(" ")[0] for each in result["steps"][-1]["attachments"]}
    assert names == {"plot", "values", "frames"}
    assert {each["name"] for each in result["attachments"]} >= {"verdicts"}


def test_what_goes_wrong_between_tests_and_in_tear_down_is_counted_once(project: Project) -> None:
    project.suite(
        """
@pytest.fixture(scope="module")
def shared(open_bench):
    with open_bench() as bench:
        yield bench
        bench.send("can", Frame(0x7AB))
        bench.wait(1 * s)

@pytest.fixture
def checked(bench):
    yield
    assert bench.signal("Level").value == 3

def test_first(checked):
    pass

def test_last(shared):
    shared.wait(1 * s)
"""
    )
    outcome = project.run("--evidence", "evidence.json")
    run = run_of(outcome)
    assert outcome.code == 1
    assert sum(run["verdicts"].values()) == len(run["tests"])
    assert f"verdicts      {run['verdicts']['passed']} passed" in outcome.out or not run["verdicts"]["passed"]
    assert by_name(run)["test_first"]["verdict"] == "failed"
    assert all(test["message"] for test in run["tests"] if test["verdict"] == "failed")
    assert run["verdicts"]["failed"] == 2


def test_a_test_during_which_its_worker_dies_is_an_error(project: Project) -> None:
    project.suite(
        "import os\n\ndef test_dies(bench):\n    os._exit(3)\n\ndef test_lives(bench):\n    bench.wait(1 * ms)\n"
    )
    outcome = project.run("--evidence", "evidence.json", "-n", "1", fresh=True)
    tests = by_name(run_of(outcome))
    assert (tests["test_dies"]["verdict"], tests["test_lives"]["verdict"]) == ("error", "passed")
    assert "crashed" in tests["test_dies"]["message"] and "1 passed, 1 error" in outcome.out


def test_a_run_that_does_not_begin_leaves_no_evidence_of_an_earlier_one(project: Project) -> None:
    project.suite("def test_a(bench):\n    pass\n")
    assert run_of(project.run("--evidence", "evidence.json"))["verdicts"]["passed"] == 1
    project.suite("def test_a(bench)\n    pass\n")
    assert project.run("--evidence", "evidence.json").code == 2
    assert not (project.folder / "evidence.json").exists()
