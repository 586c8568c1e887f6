"""Runs on a bench with a real channel, here python-can's ``virtual`` bus: how they end, also from outside."""

from __future__ import annotations

import json
import re
import signal

import pytest
from plugin_project import Outcome, Project

from harness.evidence.json_sink import schema
from harness.logs.exactness import read_exactness

BENCH = """
name = "mixed"

[channels.can]
database = "lamp.dbc"
port = "can"
interface = "virtual"
channel = "FOLDER"

[nodes.LAMP]
model = "lamp_model:Lamp"

[plant]
model = "lamp_model:Garage"

[tester]
late_limit = "60 s"                    # however busy this machine is

[monitors]
absolute = "60 s"
"""

ENDING = """
import os, signal, threading, time
from pathlib import Path

def come(number):
    # Channel processes get it too: as from a terminal on Ctrl-C, and from a service manager at the end.
    pid = os.getpid()
    for each in (*Path(f"/proc/{pid}/task/{pid}/children").read_text().split(), pid):
        os.kill(int(each), number)

def undo(bench):
    bench.set("BrakePedal", 0)
    bench.wait(10 * ms)
    Path("undone").touch()

@pytest.fixture
def undoing(bench):
    yield
    undo(bench)

@pytest.fixture
def sets_up(bench):
    try:
        come(NUMBER)
        time.sleep(60)
    finally:
        undo(bench)

@pytest.fixture
def tears_down(bench):
    yield
    try:
        come(NUMBER)
        time.sleep(60)
    finally:
        undo(bench)
"""

WAITS = """
def test_a(bench, undoing):
    threading.Timer(0.05, come, [NUMBER]).start()
    bench.wait(60 * s)
"""
CATCHES = """
def test_a(bench, undoing):
    threading.Timer(0.05, come, [NUMBER]).start()
    while True:
        try:
            time.sleep(60)
        except Exception:
            pass
"""
PROPERTY = """
@given(st.integers())
def test_a(open_bench, number):
    with open_bench() as bench:
        try:
            come(NUMBER)
            bench.wait(60 * s)
        finally:
            undo(bench)
"""
IN_A_MODEL = """
def test_a(bench, undoing):
    bench.world.plant.on_change("lamp_failed", lambda on: come(NUMBER))
    bench.plant["lamp_failed"] = 1
    bench.wait(60 * s)
"""
SETS_UP = "def test_a(sets_up): pass\n"
TEARS_DOWN = "def test_a(tears_down): pass\n"
OTHER = "def test_b(): Path('another').touch()\n"


@pytest.fixture
def live(project: Project) -> Project:
    # A channel of its own: other runs of these tests on this machine have theirs.
    project.write("bench/mixed.toml", BENCH.replace("FOLDER", str(project.folder)))
    return project


def ended(project: Project, body: str, number: int) -> Outcome:
    project.suite(f"NUMBER = {int(number)}\n{ENDING}\n{body}\n{OTHER}")
    return project.run("--bench", "bench/mixed.toml", "-W", "error")


@pytest.mark.parametrize("body", [WAITS, CATCHES, PROPERTY, IN_A_MODEL, SETS_UP, TEARS_DOWN])
def test_ctrl_c_ends_fixtures_while_the_bench_is_there(live: Project, body: str) -> None:
    outcome = ended(live, body, signal.SIGINT)
    assert outcome.code == 2, outcome.out
    assert (live.folder / "undone").exists(), outcome.out
    assert "mixed: safe state confirmed: can silent" in outcome.flat
    assert "INTERNALERROR" not in outcome.out and "Traceback" not in outcome.out
    assert not (live.folder / "another").exists()


@pytest.mark.parametrize("body", [WAITS, CATCHES, PROPERTY, IN_A_MODEL, SETS_UP, TEARS_DOWN])
def test_a_signal_ends_the_run_whatever_the_test_makes_of_it(live: Project, body: str) -> None:
    outcome = ended(live, body, signal.SIGTERM)
    assert outcome.code == 128 + signal.SIGTERM, outcome.out
    assert (live.folder / "undone").exists(), outcome.out
    assert "the run was ended by SIGTERM" in outcome.flat
    assert "mixed: safe state confirmed: can silent" in outcome.flat
    assert "INTERNALERROR" not in outcome.out
    assert not (live.folder / "another").exists()


def test_whoever_catches_ctrl_c_in_a_callback_is_not_passed(live: Project) -> None:
    outcome = judged(
        live,
        "import os, signal\n\n"
        "def test_a(bench):\n"
        "    bench.world.plant.on_change('lamp_failed', lambda on: os.kill(os.getpid(), signal.SIGINT))\n"
        "    try:\n"
        "        bench.plant['lamp_failed'] = 1\n"
        "    except KeyboardInterrupt:\n"
        "        pass\n"
        "    bench.wait(50 * ms)\n",
    )
    assert verdicts(outcome) == {"test_a": "blocked"}
    assert "was cut off at t = " in outcome.flat, outcome.out


PROCESSES = """
import os, signal, time
import harness.adapter.client
import harness.restbus.alterations
from pathlib import Path

def channel_process():
    pid = os.getpid()
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text())
"""


SHARED = """
@pytest.fixture(scope='module')
def shared(open_bench):
    with open_bench() as bench:
        yield bench

"""


def verdicts(outcome: Outcome) -> dict[str, str]:
    tests = json.loads((outcome.folder / "evidence.json").read_text())["tests"]
    return {each["node"].partition("::")[2]: each["verdict"] for each in tests}


def judged(project: Project, body: str, *, bench: str = "bench/mixed.toml") -> Outcome:
    project.suite(f"{PROCESSES}\n{body}")
    return project.run("--bench", bench, "-W", "error", "--evidence", "evidence.json")


def test_a_bench_that_is_lost_is_why_the_test_failed(live: Project) -> None:
    outcome = judged(
        live,
        "def test_a(bench):\n"
        "    bench.wait(50 * ms)\n"
        "    os.kill(channel_process(), signal.SIGKILL)\n"
        "    time.sleep(0.5)\n"
        "    assert bench.signal('BrakeLamp').text == 'On'\n",
    )
    assert verdicts(outcome) == {"test_a": "blocked"}
    assert "SIGKILL" in outcome.flat and "The test ended with: " in outcome.flat, outcome.out


def test_what_a_frame_said_before_the_bench_was_lost_is_the_products(live: Project) -> None:
    outcome = judged(
        live,
        "def test_a(bench):\n"
        "    bench.signal('BrakePedal')\n"
        "    bench.wait(50 * ms)\n"
        "    bench.world.tx('Pedals').tamper = harness.restbus.alterations.OtherLength(1, 1)\n"
        "    try:\n"
        "        bench.wait(1 * s)\n"
        "    finally:\n"
        "        os.kill(channel_process(), signal.SIGKILL)\n",
    )
    assert verdicts(outcome) == {"test_a": "failed"}


def test_what_a_device_did_with_a_broken_rest_bus_says_nothing(live: Project) -> None:
    body = (
        "def test_a(bench):\n"
        "    bench.wait(50 * ms)\n"
        "    os.kill(channel_process(), signal.SIGSTOP)\n"
        "    time.sleep(0.3)\n"
        "    os.kill(channel_process(), signal.SIGCONT)\n"
        "    bench.wait(100 * ms)\n"
    )
    bench = (live.folder / "bench/mixed.toml").read_text()
    live.write("bench/narrow.toml", bench.replace('absolute = "60 s"', ""))
    outcome = judged(live, body, bench="bench/narrow.toml")
    assert verdicts(outcome) == {"test_a": "inconclusive"}
    assert re.search(r"left out frames of its own \(.*\d+ of can.Pedals", outcome.flat), outcome.out
    assert verdicts(judged(live, body)) == {"test_a": "passed"}, "its cycle permits that"


def test_an_adapter_that_is_not_there_is_not_tried_by_every_test(live: Project) -> None:
    bench = (live.folder / "bench/mixed.toml").read_text()
    live.write("bench/none.toml", bench.replace('"virtual"', '"slcan"').replace('channel = "', 'channel = "/none'))
    tests = {f"test_{number}": "blocked" for number in range(3)}
    outcome = judged(live, "\n".join(f"def {name}(bench): pass\n" for name in tests), bench="bench/none.toml")
    assert verdicts(outcome) == tests
    evidence = json.loads((live.folder / "evidence.json").read_text())["tests"]
    assert ["it is tried again after 5 s" in each["message"] for each in evidence] == [False, True, True]


def test_the_evidence_tells_how_exact_the_bench_was_and_how_it_was_left(live: Project) -> None:
    judged(live, "def test_a(bench):\n    bench.wait(100 * ms)\n")
    run = json.loads((live.folder / "evidence.json").read_text())
    (world,) = run["tests"][0]["worlds"]
    assert world["exactness"]["uncertainty_ns"] > 0
    assert {"can, sent", "can, received", "can, process"} <= set(world["exactness"]["parts"])
    assert run["safe_states"] == [{"bench": "mixed", "confirmed": True, "text": "safe state confirmed: can silent"}]
    jsonschema = pytest.importorskip("jsonschema")
    assert list(jsonschema.Draft202012Validator(schema()).iter_errors(run)) == []


def test_one_world_at_a_time(live: Project) -> None:
    outcome = judged(
        live,
        SHARED + "def test_a(shared):\n    shared.wait(5 * ms)\n\n"
        "def test_b(shared, bench): pass\n\n"
        "def test_c(shared):\n    shared.wait(5 * ms)\n",
    )
    assert verdicts(outcome) == {"test_a": "passed", "test_b": "blocked", "test_c": "passed"}
    assert "a world is open on bench 'mixed' already" in outcome.flat


def test_a_failing_example_does_not_come_again_on_a_real_bench(live: Project) -> None:
    outcome = judged(
        live,
        "from hypothesis import assume\n\n"
        "COUNT = []\n\n"
        "@given(st.integers(0, 9))\n"
        "def test_a(open_bench, number):\n"
        "    assume(number > 0)\n"
        "    with open_bench() as bench:\n"
        "        COUNT.append(number)\n"
        "        bench.wait(5 * ms)\n"
        "        assert len(COUNT) > 1, 'it came once'\n\n"
        "def test_b():\n    assert len(COUNT) == 1\n",
    )
    assert verdicts(outcome)["test_a"] == "failed"
    assert "it came once" in outcome.flat and "in the example number=" in outcome.flat and "Flaky" not in outcome.out
    assert "1 failed, 1 passed" in outcome.flat, outcome.out


def test_a_reset_that_failed_is_due_again(live: Project) -> None:
    reset = '[reset]\nby = "diagnostic"\nscope = "run"\nchannel = "can"\nid = 0x7E0\nanswer_id = 0x7E8\n'
    bench = (live.folder / "bench/mixed.toml").read_text()
    live.write("bench/reset.toml", f"{bench}\n{reset}\n[policy]\nunknown_frame = 'ignore'\n")
    body = "def test_a(bench): pass\n\ndef test_b(bench): pass\n"
    outcome = judged(live, body, bench="bench/reset.toml")
    assert verdicts(outcome) == {"test_a": "blocked", "test_b": "blocked"}
    assert outcome.out.count("reset by diagnostic request to 0x7E0: no answer") == 2


def test_a_channel_process_that_stands_keeps_the_bench_from_nothing_else(live: Project) -> None:
    outcome = judged(
        live,
        "def test_a(bench):\n    bench.wait(5 * ms)\n\n"
        "@pytest.fixture\n"
        "def last(bench):\n"
        "    yield\n"
        "    harness.adapter.client.ANSWER_S = 1.0  # it is not going to answer\n"
        "    os.kill(channel_process(), signal.SIGSTOP)\n\n"
        "def test_b(last): pass\n",
    )
    assert "INTERNALERROR" not in outcome.out and "Traceback" not in outcome.out
    assert "mixed: safe state NOT confirmed: can (" in outcome.flat
    assert verdicts(outcome) == {"test_a": "passed", "test_b": "passed", "between tests, after test_b": "blocked"}


def test_a_disturbance_is_given_the_time_that_a_real_channel_takes(live: Project) -> None:
    outcome = judged(
        live,
        "def test_a(bench):\n"
        "    bench.wait(20 * ms)\n"
        "    with bench.disturb(Silence('Pedals')):\n"
        "        pass\n"
        "    with bench.disturb(WrongCrc('Pedals')):\n"
        "        pass\n\n"
        "def test_b(bench):\n"
        "    bench.world.tx('Pedals').stop()\n"
        "    with bench.disturb(Silence('Pedals')):\n"
        "        pass\n",
    )
    assert verdicts(outcome) == {"test_a": "passed", "test_b": "failed"}


def test_whoever_only_reads_in_a_world_that_stopped_in_an_earlier_test_is_blocked(live: Project) -> None:
    outcome = judged(
        live,
        SHARED + "def test_a(shared):\n"
        "    shared.wait(50 * ms)\n"
        "    os.kill(channel_process(), signal.SIGKILL)\n"
        "    shared.wait(5 * s)\n\n"
        "def test_b(shared):\n    assert shared.signal('BrakeLamp').text == 'Off'\n\n"
        "def test_c(): pass\n\n"
        "@pytest.mark.watch('BrakePedal < 90')\n"
        "def test_d(shared):\n    assert shared.traffic('Pedals').frames\n",
    )
    assert verdicts(outcome) == {"test_a": "blocked", "test_b": "blocked", "test_d": "blocked"}
    assert outcome.flat.count("this world was stopped in an earlier test: ") >= 2


def test_what_comes_up_at_the_very_end_is_told_once(live: Project) -> None:
    outcome = judged(live, "def test_a(bench):\n    bench.set('HazardSwitch', 'On')\n")
    assert verdicts(outcome) == {"test_a": "error"}
    assert "hazard is not wired at t = " in outcome.flat and "also in this world" not in outcome.out


RECORDED = """
def test_a(bench):
    bench.wait(100 * ms)
    assert 0
"""


def test_a_recording_says_how_exact_it_is(live: Project) -> None:
    live.suite(RECORDED)
    outcome = live.run("--bench", "bench/mixed.toml", "--record", "failed")
    folder = live.folder / "reports" / "recordings"
    assert sorted(path.name for path in folder.iterdir()) == [
        "suites-test_it-test_a.blf", "suites-test_it-test_a.blf.exactness"
    ], outcome.out  # fmt: skip
    told = read_exactness(folder / "suites-test_it-test_a.blf")
    assert told is not None and told.stamps["can"] > 0 and set(told.own) == {"LAMP", "PEDAL"}
    assert {each.kind for each in told.late} >= {"channel", "nodes"}


def test_both_are_attached_or_neither_is_left(live: Project) -> None:
    live.suite(RECORDED)
    outcome = live.run("--bench", "bench/mixed.toml", allure=True)
    attached = [each["name"] for each in outcome.results["test_a"]["attachments"]]
    assert [name for name in attached if name.startswith("suites-test_it")] == [
        "suites-test_it-test_a.blf", "suites-test_it-test_a.blf.exactness"
    ]  # fmt: skip
    live.run("--bench", "bench/mixed.toml", "--record", "none")
    assert list((live.folder / "reports" / "recordings").iterdir()) == []
