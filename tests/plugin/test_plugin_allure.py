"""What a reviewer finds in the Allure results of a run."""

from __future__ import annotations

import json
from typing import Any

import can
import pytest
from plugin_project import Outcome, Project


def labels(result: dict[str, Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for label in result["labels"]:
        found.setdefault(label["name"], set()).add(label["value"])
    return found


def test_one_step_per_stimulus_and_expectation_with_numbers_and_units(sample: Outcome) -> None:
    steps = sample.results["test_passes"]["steps"]
    assert [step["status"] for step in steps] == ["passed", "passed"]
    assert steps[0]["name"] == "0.0000 s  set BrakePedal = 40 %"
    assert "expect BrakeLamp == On within 80 ms: after " in steps[1]["name"]
    assert "margin " in steps[1]["name"] and steps[1]["name"].endswith(" ms")


def test_a_step_lasts_as_long_as_the_world_took(sample: Outcome) -> None:
    _, expectation = sample.results["test_passes"]["steps"]
    assert 30 <= expectation["stop"] - expectation["start"] <= 80


def test_events_lie_inside_the_steps_that_the_test_opened(sample: Outcome) -> None:
    own, expectation = sample.results["test_fails"]["steps"]
    assert own["name"] == "press the pedal"
    assert [step["name"] for step in own["steps"]] == ["1.0000 s  set BrakePedal = 40 %"]
    assert expectation["status"] == "failed"


def test_labels(sample: Outcome) -> None:
    found = labels(sample.results["test_passes"])
    assert found["epic"] == {"Lamp"}
    assert found["feature"] == {"Brake lamps"}
    assert found["story"] == {"LMP-1 The brake lamp lights within 80 ms of the pedal passing 3 %."}
    assert found["requirement"] == {"LMP-1"}
    assert (found["asil"], found["severity"]) == ({"B"}, {"normal"})
    assert (found["bench"], found["world"]) == ({"lamp"}, {"virtual time"})
    (link,) = sample.results["test_passes"]["links"]
    assert link == {"type": "requirement", "url": "https://alm.example.org/LMP-1", "name": "LMP-1"}


def test_a_test_that_says_where_it_belongs_has_precedence(project: Project) -> None:
    project.suite(
        """
import allure

@allure.epic("My epic")
@allure.feature("My feature")
@allure.story("My story")
@allure.severity("minor")
@allure.title("My title")
@pytest.mark.requirement("LMP-2")
@pytest.mark.requirement("LMP-1")
def test_a(bench):
    pass

@pytest.mark.requirement("LMP-1")
@pytest.mark.requirement("LMP-2")
class TestBoth:
    @pytest.mark.parametrize("pedal", [3])
    def test_b(self, bench, pedal):
        pass
"""
    )
    outcome = project.run(allure=True)
    own = labels(outcome.results["test_a"])
    assert (own["epic"], own["feature"], own["story"]) == ({"My epic"}, {"My feature"}, {"My story"})
    assert (own["severity"], own["asil"]) == ({"minor"}, {"D"})
    assert outcome.results["test_a"]["name"] == "My title"
    derived = labels(outcome.results["test_b"])
    assert derived["requirement"] == {"LMP-1", "LMP-2"}
    assert derived["severity"] == {"blocker"}, "the highest ASIL counts"
    assert outcome.results["test_b"]["name"] == "B [3]"


def test_description_has_intent_requirement_and_the_command_to_run_it_again(sample: Outcome) -> None:
    text = sample.results["test_passes"]["description"]
    assert text.startswith("The lamp follows the pedal.")
    assert "> **LMP-1** (ASIL B) The brake lamp lights" in text
    assert 'pytest "suites/test_sample.py::test_passes" --bench bench/lamp.toml --harness-seed 5`' in text
    assert "Frames (SHA-256): can `" in text


def test_the_command_runs_it_again_with_the_same_frames(sample: Outcome) -> None:
    project = Project.__new__(Project)
    project.folder = sample.folder
    before = sample.results["test_fails"]["description"]
    (command,) = [line for line in before.splitlines() if line.startswith("Run again")]
    node, *options = command.split("`")[1].removeprefix("pytest ").split()
    again = project.run(node.strip('"'), *options, "--alluredir", "again", "--clean-alluredir")
    assert "1 failed in" in again.out
    (result,) = [json.loads(path.read_text()) for path in (sample.folder / "again").glob("*-result.json")]
    assert result["description"] == before


def test_a_failure_has_frames_and_values_at_its_step(sample: Outcome) -> None:
    _, expectation = sample.results["test_fails"]["steps"]
    frames = sample.attachment(expectation, "frames around 1.0289 s")
    assert len(frames.splitlines()) <= 500
    assert "// channel 1: can" in frames
    assert " 1.008914" not in frames.split("Start of measurement")[0]
    values = sample.attachment(expectation, "values around")
    assert "BrakePedal = 40 %" in values
    assert "PedalsCrc" not in values and "PedalsCounter" not in values
    assert "<script" not in values


def test_a_failure_has_its_recording_and_a_pass_has_none(sample: Outcome) -> None:
    (recording,) = [each for each in sample.results["test_fails"]["attachments"] if each["name"].endswith(".blf")]
    with can.BLFReader(str(sample.folder / "results" / recording["source"])) as reader:
        messages = list(reader)
    assert {message.arbitration_id for message in messages} == {0xA0, 0x12C}
    assert messages[-1].timestamp - messages[0].timestamp > 1.0
    assert "attachments" not in sample.results["test_passes"]


def test_environment_and_categories(sample: Outcome) -> None:
    environment = (sample.folder / "results" / "environment.properties").read_text()
    for line in ("bench = lamp (lamp.toml)", "seed = 5", "world = virtual time", "lamp.dbc = sha256 "):
        assert line in environment
    for name in ("Python", "vehicle-harness", "pytest", "hypothesis", "cantools", "python-can"):
        assert f"{name} = " in environment
    categories = json.loads((sample.folder / "results" / "categories.json").read_text())
    assert [each["name"].partition(":")[0] for each in categories] == ["Failed", "Blocked", "Inconclusive", "Error"]


def test_a_blocked_setup_is_described_too(sample: Outcome) -> None:
    result = sample.results["test_blocked_in_setup"]
    assert result["statusDetails"]["message"].startswith("BLOCKED: this world's plant (Garage) has no role 'pressure'")
    assert labels(result)["requirement"] == {"LMP-1"}
    assert "Run again" in result["description"]


def test_a_long_journal_keeps_its_beginning_and_its_end(project: Project) -> None:
    project.suite(
        """
def test_a(bench):
    for number in range(1000):
        bench.note(f"note {number}")
"""
    )
    steps = [step["name"] for step in project.run(allure=True).results["test_a"]["steps"]]
    assert len(steps) == 401
    assert steps[0].endswith("note 0") and steps[-1].endswith("note 999")
    assert steps[60] == "… 600 more"


def test_two_worlds_in_one_test(project: Project) -> None:
    project.suite(
        """
def test_a(bench, open_bench):
    bench.note("one")
    with open_bench(seed=7) as other:
        other.note("two")
        assert (bench.seed, other.seed) == (0, 7)
        bench.expect(bench.signal("BrakeLamp") == "On", within=20 * ms)
"""
    )
    result = project.run(allure=True).results["test_a"]
    assert [step["name"].split("  ")[1].split(":")[0] for step in result["steps"]] == [
        "one", "expect BrakeLamp == On within 20 ms", "two"
    ]  # fmt: skip
    (values,) = [each["name"] for each in result["steps"][1]["attachments"] if "values" in each["name"]]
    assert values == "values around 0.0200 s", "of the world in which it failed"


@pytest.mark.parametrize(("option", "names"), [("failed", {"test_b"}), ("all", {"test_a", "test_b"}), ("none", set())])
def test_record_option(project: Project, option: str, names: set[str]) -> None:
    project.suite(
        "def test_a(bench):\n    bench.wait(1 * s)\ndef test_b(bench):\n    bench.wait(1 * s)\n    assert 0\n"
    )
    outcome = project.run("--record", option, "--record-format", "asc", allure=True)
    recorded = {
        name for name, result in outcome.results.items()
        if any(each["name"].endswith(".asc") and "around" not in each["name"] for each in result.get("attachments", ()))
    }  # fmt: skip
    assert recorded == names
    alone = project.run("--record", option, "--record-format", "asc")
    files = {path.stem for path in (project.folder / "reports" / "recordings").glob("*")}
    assert files == {f"suites-test_it-{name}" for name in names}
    assert all(f"reports/recordings/suites-test_it-{name}.asc (recording)" in alone.out for name in names)


def test_without_alluredir_nothing_is_written(project: Project) -> None:
    project.suite("def test_a(bench):\n    bench.wait(1 * s)\n    assert 0\n")
    before = {path.relative_to(project.folder) for path in project.folder.rglob("*") if "__pycache__" not in path.parts}
    project.run("-p", "no:hypothesispytest")
    after = {path.relative_to(project.folder) for path in project.folder.rglob("*") if "__pycache__" not in path.parts}
    assert after == before


def test_a_plain_assert_that_fails_is_the_last_step_and_red_with_the_values(project: Project) -> None:
    project.suite(
        """
def test_a(bench):
    bench.wait(1 * s)
    level = 3
    assert level == 4, "level is wrong"

def test_b(bench):
    bench.wait(1 * s)
    {}["x"]

@given(st.integers(0, 100))
def test_c(open_bench, pedal):
    with open_bench() as bench:
        bench.wait(1 * s)
        assert pedal < 0

def test_d(bench):
    bench.expect(bench.signal("BrakeLamp") == "On", within=20 * ms)
"""
    )
    results = project.run(allure=True).results
    last = {name: result["steps"][-1] for name, result in results.items()}
    found = {name: (step["name"].partition("  ")[2], step["status"]) for name, step in last.items()}
    assert found["test_a"] == ("level is wrong", "failed")
    assert found["test_b"] == ("KeyError: 'x'", "broken")
    assert found["test_c"] == ("assert 0 < 0", "failed")
    assert found["test_d"][0].startswith("expect BrakeLamp == On") and len(results["test_d"]["steps"]) == 1
    assert last["test_a"]["parameters"] == [{"name": "message", "value": "assert 3 == 4"}]
    for name, step in last.items():
        kinds = [each["name"].split()[0] for each in step["attachments"]]
        assert kinds == (["plot", "values", "frames"] if name == "test_d" else ["values", "frames"])


def test_the_matrix_for_people_comes_before_the_one_for_tools(sample: Outcome) -> None:
    (path,) = (sample.folder / "results").glob("*-globals.json")
    assert [each["type"] for each in json.loads(path.read_text())["attachments"]] == ["text/html", "application/json"]


def test_tear_down_shows_the_fixtures_of_the_project_alone(project: Project) -> None:
    project.suite(
        """
@pytest.fixture
def mine(bench):
    yield bench

def test_a(mine):
    pass
"""
    )
    outcome = project.run(allure=True)
    texts = [path.read_text() for path in (outcome.folder / "results").glob("*-container.json")]
    names = {each["name"].partition("::")[0] for text in texts for each in json.loads(text).get("afters", ())}
    assert names == {"mine"}
