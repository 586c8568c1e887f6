"""Watching through the plugin: the marker on a test, a class and a module, the option, and the bench file."""

from __future__ import annotations

from plugin_project import Project

STUMBLES = """
class Stumbling(Ecu):
    node = "LAMP"

    def start(self):
        self.set(BrakeLamp="Off", Level=0)
        self.after(105 * ms, self.tx("Lamps").stop)
        self.after(155 * ms, self.tx("Lamps").start)
"""


def test_markers_watch_tests_classes_and_modules(project: Project) -> None:
    project.suite(
        """
pytestmark = pytest.mark.watch("Level <= 90")

def test_module(bench):
    bench.set("BrakePedal", 100)
    bench.wait(1 * s)

@pytest.mark.watch(bus_contract(), lambda bench: bench.signal("Level") <= 40)
def test_own(bench):
    bench.set("BrakePedal", 50)
    bench.wait(1 * s)

@pytest.mark.watch("Level <= 30")
class TestClass:
    def test_class(self, bench):
        bench.set("BrakePedal", 35)
        bench.wait(1 * s)

    def test_good(self, bench):
        bench.set("BrakePedal", 25)
        bench.wait(1 * s)

def test_swallowed(bench):
    bench.set("BrakePedal", 100)
    try:
        bench.wait(1 * s)
    except Exception:
        pass

@pytest.mark.xfail(reason="lamp too bright")
def test_expected(bench):
    bench.set("BrakePedal", 100)
    bench.wait(1 * s)

@settings(max_examples=5)
@given(st.sampled_from([10, 20, 100]))
def test_property(open_bench, level):
    with open_bench() as bench:
        bench.set("BrakePedal", level)
        bench.wait(200 * ms)
"""
    )
    run = project.run("-rA", allure=True)
    assert run.suite["failures"] == "5", run.out
    assert "5 failed, 1 passed, 1 xfailed" in run.flat
    for name, limit in (("module", 90), ("own", 40), ("class", 30), ("swallowed", 90), ("property", 90)):
        failed = run.junit[f"test_{name}"].find("failure")
        assert failed is not None, name
        assert f"Level &lt;= {limit} %" in (failed.text or "") or f"Level <= {limit} %" in (failed.text or ""), name
    (good,) = [step for step in run.results["test_good"]["steps"] if "watch Level <= 30 %" in step["name"]] or [None]
    assert good is not None


def test_option_watches_every_world(project: Project) -> None:
    project.write("low.toml", '[[property]]\nname = "never bright"\nformula = "Level <= 40"\n')
    project.suite(
        STUMBLES
        + """
def test_good(bench):
    bench.wait(1 * s)

def test_bright(bench):
    bench.set("BrakePedal", 50)
    bench.wait(1 * s)

def test_stumbles(open_bench):
    with open_bench(models={"LAMP": Stumbling}) as bench:
        bench.wait(1 * s)

def test_without_bench():
    pass

def test_at_once(bench):
    pass
"""
    )
    assert "5 passed" in project.run().flat
    run = project.run("--watch", "contract", "--watch", "low.toml")
    assert "2 failed, 3 passed" in run.flat
    assert "never bright" in run.out
    assert "cycle time of Lamps" in run.out


def test_option_with_a_file_that_does_not_exist(project: Project) -> None:
    project.suite("def test_good(bench): pass")
    run = project.run("--watch", "contracts")
    assert run.code != 0
    assert "--watch contracts: there is no such file" in run.out


def test_bench_file_watches_the_whole_run(project: Project) -> None:
    file = project.folder / "bench" / "lamp.toml"
    file.write_text(file.read_text() + "[monitors]\ncontract = true\n")
    project.suite(
        STUMBLES
        + """
@pytest.fixture(scope="module")
def shared(open_bench):
    with open_bench() as bench:
        yield bench

def test_stumbles(open_bench):
    with open_bench(models={"LAMP": Stumbling}) as bench:
        bench.wait(1 * s)

def test_first(shared):
    shared.wait(100 * ms)

def test_second(shared):
    shared.world.tx("Lamps").stop()
    shared.wait(100 * ms)
"""
    )
    run = project.run()
    assert "2 failed, 1 passed" in run.flat
    assert run.flat.count("cycle time of Lamps: expected every 20 ms") >= 2


def test_inconclusive(project: Project) -> None:
    project.suite(
        """
@pytest.mark.watch("Level <= 90")
def test_nothing(bench):
    pass

@pytest.mark.watch("Level <= 90")
def test_fails_anyway(bench):
    assert 1 == 2

@pytest.mark.watch("Level <= 90")
def test_skips(bench):
    pytest.skip("not now")
"""
    )
    run = project.run()
    assert "1 failed, 1 skipped, 1 inconclusive" in run.flat


def test_a_wrong_formula_is_an_error_of_the_test(project: Project) -> None:
    project.suite(
        """
@pytest.mark.watch("Levle <= 90")
def test_typo(bench):
    bench.wait(1 * s)
"""
    )
    run = project.run()
    assert "did you mean 'Level'" in run.flat
    assert run.code == 1
