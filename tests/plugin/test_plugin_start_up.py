"""A run that does not use the harness pays nothing for it; one that cannot work says so at its beginning."""

from __future__ import annotations

from plugin_project import Project

PLAIN = """
import sys

def test_a():
    with open("modules.txt", "w") as file:
        print(*sorted(sys.modules), sep="\\n", file=file)
"""


def modules(project: Project, *options: str) -> set[str]:
    assert project.run(*options, fresh=True).code == 0
    return set((project.folder / "modules.txt").read_text().split())


def test_nothing_but_the_plugins_own_file_is_imported_in_a_run_that_does_not_use_it(project: Project) -> None:
    project.write("suites/test_plain.py", PLAIN)
    without = modules(project, "-p", "no:harness")
    assert modules(project) - without == {"harness", "harness.plugin"}


def test_a_run_on_a_bench_without_alluredir_imports_neither_allure_nor_hypothesis_nor_python_can(
    project: Project,
) -> None:
    project.write("suites/test_plain.py", PLAIN.replace("test_a()", "test_a(bench)"))
    found = modules(project, "-p", "no:allure_pytest")
    roots = {name.partition(".")[0] for name in found}
    assert not roots & {"allure", "allure_commons", "hypothesis"}
    assert "harness.pytest_support.run" in found


def test_a_results_folder_that_cannot_be_written_is_refused_at_the_beginning(project: Project) -> None:
    project.suite("def test_a(bench):\n    pass\n")
    project.write("results", "a file")
    outcome = project.run("--alluredir", "results/below")
    assert outcome.code == 4
    assert "results folder results/below cannot be written: Not a directory; name another one" in outcome.out
    assert "Traceback" not in outcome.out


def test_a_missing_bench_file_is_an_error_that_names_it(project: Project) -> None:
    project.suite("def test_a(bench):\n    pass\n")
    outcome = project.run("--bench", "nowhere.toml")
    assert outcome.code == 4
    assert "--bench nowhere.toml: there is no such file" in outcome.out
    assert "Traceback" not in outcome.out


def test_the_bench_option_stands_above_the_ini_option(project: Project) -> None:
    project.suite('def test_a(bench):\n    assert bench.name == "other"\n')
    other = (project.folder / "bench" / "lamp.toml").read_text().replace('name = "lamp"', 'name = "other"')
    project.write("bench/other.toml", other)
    assert project.run("--bench", "bench/other.toml").code == 0
    assert project.run().code == 1


def test_every_test_has_a_world_of_its_own_with_the_seed_of_the_run(project: Project) -> None:
    project.suite(
        """
@pytest.mark.parametrize("number", [1, 2])
def test_a(bench, number):
    assert bench.now == 0 and bench.seed == 9
    bench.wait(1 * s)
"""
    )
    assert "2 passed" in project.run("--harness-seed", "9").out


def test_garbage_is_looked_for_less_often_only_in_a_run_on_a_bench(project: Project) -> None:
    body = "import gc\n\ndef test_a({}):\n    assert (gc.get_threshold()[0] >= 20_000) is {}\n"
    project.write("suites/test_plain.py", body.format("", False))
    assert project.run(fresh=True).code == 0
    project.write("suites/test_plain.py", body.format("bench", True))
    assert project.run(fresh=True).code == 0
