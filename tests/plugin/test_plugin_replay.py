"""The command that runs one test again, typed into a shell."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from plugin_project import INI, Project

SUITE = """
@pytest.fixture(scope="module")
def shared(open_bench):
    with open_bench() as bench:
        yield bench

def test_shared_one(shared):
    shared.set("BrakePedal", 40 * percent)
    shared.wait(100 * ms)

def test_shared_two(shared):
    shared.stays(shared.signal("BrakeLamp") == "Off", during=100 * ms)

@pytest.mark.parametrize("name", ['say "$HOME" `id`', "two words", "it's"])
def test_odd_name(bench, name):
    bench.stays(bench.signal("Level") > 3, during=50 * ms, after=bench.now)

@pytest.mark.slow
def test_slow(bench):
    bench.expect(bench.signal("BrakeLamp") == "On", within=50 * ms)

def test_watched(bench):
    bench.set("BrakePedal", 40 * percent)
    bench.wait(200 * ms)

@given(pedal=st.integers(0, 100))
def test_property(open_bench, pedal):
    with open_bench(seed=pedal) as bench:
        bench.set("BrakePedal", pedal)
        bench.stays(bench.signal("Level") <= 30, during=200 * ms)
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash")
def test_every_command_reproduces_verdict_message_and_frames(project: Project) -> None:
    project.suite(SUITE)
    project.write("limits.toml", '[[property]]\nname = "level is low"\nformula = "Level <= 35"\n')
    project.write("pytest.ini", INI.replace("-p no", "-m 'not slow' -p no"))
    options = ("-m", "slow or not slow", "--watch", "limits.toml")
    project.run(*options, "--harness-seed", "4", "--evidence", "first.json")
    tests = evidence(project.folder / "first.json")
    assert len(tests) == 8
    for node, test in tests.items():
        again = replay(project.folder, test["command"])
        assert node in again, test["command"]
        for key in ("verdict", "message", "worlds", "checks"):
            assert again[node][key] == test[key], test["command"]


def evidence(path: Path) -> dict[str, Any]:
    return {test["node"]: test for test in json.loads(path.read_text())["tests"]}


def replay(folder: Path, command: str) -> dict[str, Any]:
    path = folder / "again.json"
    path.unlink(missing_ok=True)
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    line = f"{command} --evidence again.json"
    subprocess.run(["bash", "-c", line], cwd=folder, env=environment, capture_output=True, check=False)
    return evidence(path) if path.exists() else {}
