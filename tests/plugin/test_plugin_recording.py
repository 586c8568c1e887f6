"""Recordings of tests: ``--record``, ``--record-format``, ``--record-rotate``."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import can
import pytest
from plugin_project import Project

TWO = """
def test_a(bench):
    bench.wait(1 * s)

def test_b(bench):
    bench.wait(1 * s)
    assert 0
"""


def recordings(project: Project) -> list[str]:
    folder = project.folder / "reports" / "recordings"
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


def times(project: Project, name: str) -> list[float]:
    with can.LogReader(project.folder / "reports" / "recordings" / name) as reader:
        return [message.timestamp for message in reader]


@pytest.mark.parametrize(("option", "names"), [("failed", ["suites-test_it-test_b.blf"]), ("none", [])])
def test_only_what_was_asked_for_is_left(project: Project, option: str, names: list[str]) -> None:
    project.suite(TWO)
    project.run("--record", option)
    assert recordings(project) == names


def test_the_head_names_the_test_and_its_world(project: Project) -> None:
    project.suite(TWO)
    project.run("--record", "failed", "--record-format", "asc", "--harness-seed", "4")
    head = (project.folder / "reports" / "recordings" / "suites-test_it-test_b.asc").read_text()
    for line in ("test: suites/test_it.py::test_b", "seed: 4", "bench: lamp", "channel 1: can", "vehicle-harness: "):
        assert f"// {line}" in head
    assert "// database lamp.dbc: " in head and "// bench file: lamp.toml sha256 " in head


def test_tests_of_the_same_name_have_files_of_their_own(project: Project) -> None:
    project.suite("@pytest.mark.parametrize('x', [1, 'a b', 'a/b'])\ndef test_a(bench, x):\n    bench.wait(1 * s)\n")
    project.write("suites/test_other.py", "def test_a(bench):\n    assert 0\n")
    for folder in ("front", "rear"):
        project.write(f"suites/{folder}/__init__.py", "")
        project.write(f"suites/{folder}/test_it.py", "def test_a(bench):\n    pass\n")
    project.run("--record", "all")
    names = recordings(project)
    assert len(names) == 6
    assert {"suites-test_it-test_a-1.blf", "suites-test_other-test_a.blf"} <= set(names)


def test_each_test_has_its_slice_of_a_world_that_lives_longer(project: Project) -> None:
    project.suite(
        """
@pytest.fixture(scope="module")
def car(open_bench):
    with open_bench() as bench:
        bench.wait(1 * s)
        yield bench

def test_a(car):
    car.wait(1 * s)

def test_b(car):
    car.wait(1 * s)

def test_c():
    pass

def test_d(car):
    car.wait(1 * s)
"""
    )
    project.run("--record", "all")
    assert recordings(project) == [
        "suites-test_it-test_a.blf",
        "suites-test_it-test_b.blf",
        "suites-test_it-test_d.blf",
    ]
    spans = [(times(project, name)[0], times(project, name)[-1]) for name in recordings(project)]
    assert [(int(begin), int(end)) for begin, end in spans] == [(0, 1), (2, 2), (3, 3)]
    everything = [time for name in recordings(project) for time in times(project, name)]
    assert everything == sorted(set(everything))


def test_two_worlds_in_one_test_have_a_file_each(project: Project) -> None:
    project.suite(
        """
def test_a(bench, open_bench):
    with open_bench() as other:
        bench.wait(1 * s)
        other.wait(2 * s)
    assert 0
"""
    )
    project.run("--record", "failed")
    assert recordings(project) == ["suites-test_it-test_a-1.blf", "suites-test_it-test_a-2.blf"]
    assert [int(times(project, name)[-1] + 0.1) for name in recordings(project)] == [1, 2]


def test_of_a_property_the_kept_example_is_recorded(project: Project) -> None:
    project.suite(
        """
@given(st.integers(1, 9))
def test_a(open_bench, seconds):
    with open_bench() as bench:
        bench.wait(seconds * s)
        assert seconds < 4
"""
    )
    outcome = project.run("--record", "failed")
    assert "1 failed" in outcome.out
    assert recordings(project) == ["suites-test_it-test_a.blf"]
    assert int(times(project, "suites-test_it-test_a.blf")[-1] + 0.1) == 4, "the smallest failing example"


def test_long_recordings_rotate(project: Project) -> None:
    project.suite("def test_a(bench):\n    bench.wait(20 * s)\n")
    outcome = project.run("--record", "all", "--record-rotate", "20kB", "--record-format", "log")
    names = recordings(project)
    assert names[:2] == ["suites-test_it-test_a.log", "suites-test_it-test_a_002.log"]
    assert all(f"reports/recordings/{name} (recording)" in outcome.out for name in names[:2])
    everything = [time for name in names for time in times(project, name)]
    assert everything == sorted(everything)


def test_with_allure_recordings_are_attached_and_not_left_behind(project: Project) -> None:
    project.suite(TWO)
    outcome = project.run("--record-rotate", "500B", allure=True)
    attached = [each["name"] for each in outcome.results["test_b"]["attachments"] if each["name"].endswith(".blf")]
    assert attached[:2] == ["suites-test_it-test_b.blf", "suites-test_it-test_b_002.blf"]
    assert recordings(project) == []


def test_a_failing_setup_leaves_its_recording(project: Project) -> None:
    project.suite(
        """
@pytest.fixture
def driving(bench):
    bench.wait(1 * s)
    assert 0

def test_a(driving):
    pass
"""
    )
    outcome = project.run("--record", "failed")
    assert recordings(project) == ["suites-test_it-test_a.blf"]
    assert "reports/recordings/suites-test_it-test_a.blf (recording)" in outcome.out


def test_an_interrupted_run_keeps_what_it_recorded(project: Project) -> None:
    project.suite("def test_a(bench):\n    bench.wait(1 * s)\n    raise KeyboardInterrupt\n")
    project.run("--record", "failed")
    assert recordings(project) == ["suites-test_it-test_a.blf"]
    assert len(times(project, "suites-test_it-test_a.blf")) > 90


def test_two_workers_do_not_get_in_each_others_way(project: Project) -> None:
    project.suite(TWO)
    project.write("suites/test_other.py", "from harness import *\n" + TWO)
    project.run("--record", "all", "-n", "2", fresh=True)
    files, tests = ("test_it", "test_other"), ("test_a", "test_b")
    assert recordings(project) == [f"suites-{file}-{test}.blf" for file in files for test in tests]
    assert all(len(times(project, name)) > 90 for name in recordings(project))


def test_a_killed_run_leaves_the_recording_of_the_running_test(project: Project) -> None:
    project.suite(
        """
def test_a(bench):
    bench.wait(1 * s)

def test_b(bench):
    bench.wait(5300 * ms)
    print("waiting", flush=True)
    import sys
    sys.stdin.readline()
"""
    )
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-s", "--record", "failed"],
        cwd=project.folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None and process.stdin is not None
    while "waiting" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.wait(30)
    process.stdin.close()
    process.stdout.close()
    assert recordings(project) == ["suites-test_it-test_b.unfinished-1.blf"]
    assert times(project, "suites-test_it-test_b.unfinished-1.blf")[-1] > 4.3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, a disk that is always full")
def test_a_full_disk_is_red_and_does_not_hide_a_failure(project: Project) -> None:
    project.suite(TWO)
    folder = project.folder / "reports" / "recordings"
    folder.mkdir(parents=True)
    for test in "ab":
        (folder / f"suites-test_it-test_{test}.unfinished-1.blf").symlink_to("/dev/full")
    outcome = project.run("--record", "all")
    assert "1 failed, 1 error in" in outcome.out
    assert "LogError: recording" in outcome.out and "No space left on device" in outcome.out


@pytest.mark.parametrize("size", ["much", "0", "-1MB", "3 parsecs"])
def test_a_size_that_is_none_is_refused(project: Project, size: str) -> None:
    project.suite(TWO)
    outcome = project.run("--record", "all", f"--record-rotate={size}")
    assert outcome.code == 4
    assert f"--record-rotate: {size!r} is no size" in outcome.out


def test_a_recording_is_not_recorded_again(project: Project) -> None:
    project.suite("def test_a(bench):\n    bench.wait(500 * ms)\n")
    project.run("--record", "all")
    recorded = project.folder / "reports" / "recordings" / "suites-test_it-test_a.blf"
    recorded.rename(project.folder / "drive.blf")
    project.suite("def test_a(bench):\n    bench.wait(400 * ms)\n")
    outcome = project.run("--record", "all", "--trace", "drive.blf", fresh=True)
    assert "1 passed" in outcome.out
    assert recordings(project) == []


def test_mf4(project: Project) -> None:
    pytest.importorskip("asammdf")
    project.suite(TWO)
    project.run("--record", "failed", "--record-format", "mf4", fresh=True)
    assert recordings(project) == ["suites-test_it-test_b.mf4"]
    assert len(times(project, "suites-test_it-test_b.mf4")) > 90
