"""The command ``harness``, as a user types it."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from harness import cli
from harness.cli import main
from harness.errors import ReportError

LAMP = Path(__file__).parent / "bench" / "data"

SUITE = """
import pytest
from harness import ms

@pytest.mark.requirement("LMP-1")
def test_lamp(bench):
    bench.set("BrakePedal", 40)
    bench.expect(bench.signal("BrakeLamp") == "On", within={within} * ms)

@pytest.mark.slow
def test_slow(bench):
    pass
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with one suite, and an npm that builds nothing."""
    shutil.copytree(LAMP, tmp_path / "benches", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "benches" / "lamp.toml").rename(tmp_path / "benches" / "virtual.toml")
    (tmp_path / "pytest.ini").write_text("[pytest]\ntestpaths = tests\nmarkers = slow: long\n")
    (tmp_path / "suites").mkdir()
    (tmp_path / "suites" / "requirements.toml").write_text('title = "Lamp"\n[LMP-1]\ntext = "x"\n')
    (tmp_path / "suites" / "test_lamp.py").write_text(SUITE.format(within=80))
    (tmp_path / "other_test.py").write_text("def test_other():\n    pass\n")
    tools = tmp_path / "tools"
    tools.mkdir()
    for name, script in (("node", "echo v22.0.0"), ("npx", "echo npm error network >&2; exit 1")):
        (tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (tools / name).chmod(0o755 | stat.S_IEXEC)
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def harness(project: Path, *arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "harness.cli", *arguments], cwd=project, capture_output=True, text=True, timeout=100
    )
    return done.returncode, done.stdout + done.stderr


def test_run_without_network_keeps_results_and_says_how_to_build_the_report(project: Path) -> None:
    code, out = harness(project, "run")
    assert code == 0
    assert "1 passed" in out and "test_slow" not in out
    assert "requirements  1 of 1 covered" in out
    assert "npm error network" in out
    assert "The results are kept in reports/results. Build the report later with: harness report" in out
    assert list((project / "reports" / "results").glob("*-result.json"))
    assert (project / "reports" / "junit.xml").exists()


def test_the_exit_code_is_pytests(project: Path) -> None:
    (project / "suites" / "test_lamp.py").write_text(SUITE.format(within=20))
    assert harness(project, "run")[0] == 1
    assert harness(project, "run", "--nonsense")[0] == 4
    assert harness(project, "run", "-k", "nothing")[0] == 5


def test_every_pytest_option_passes_through_and_stands_above_the_defaults(project: Path) -> None:
    code, out = harness(project, "run", "-m", "slow", "-v", "-n0")
    assert code == 0
    assert "test_slow PASSED" in out and "test_lamp PASSED" not in out
    code, out = harness(project, "run", "other_test.py", "--bench", "benches/virtual.toml", "-n0")
    assert code == 0
    assert "other_test.py" in out and "test_lamp" not in out


def test_old_results_do_not_come_back(project: Path) -> None:
    results = project / "reports" / "results"
    results.mkdir(parents=True)
    (results / "old-result.json").write_text("{}")
    harness(project, "run")
    assert not (results / "old-result.json").exists()


def test_a_results_folder_that_cannot_be_written_is_refused_before_any_test(project: Path) -> None:
    (project / "reports").write_text("a file")
    code, out = harness(project, "run")
    assert code == 4
    assert "harness: results folder reports/results cannot be written: Not a directory" in out
    assert "test session starts" not in out


def test_report_without_results(project: Path) -> None:
    code, out = harness(project, "report")
    assert code == 1
    assert "reports/results holds no results: run the tests first (harness run)" in out


def test_report_names_the_file(
    project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def build(results: Path, output: Path, title: str, history: Path) -> Path:
        assert (results, title, history) == (Path("some"), "Lamp", Path("reports/history.jsonl"))
        output.mkdir(parents=True)
        (output / "index.html").write_text("x" * 100_000)
        return output / "index.html"

    monkeypatch.chdir(project)
    monkeypatch.setattr(cli, "build_report", build)
    assert main(["report", "some", "-o", "there/html"]) == 0
    assert "there/html/index.html (0.1 MB)" in capsys.readouterr().out


def test_report_that_fails(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def build(results: Path, output: Path, title: str, history: Path) -> Path:
        raise ReportError("no disk")

    monkeypatch.chdir(project)
    monkeypatch.setattr(cli, "build_report", build)
    assert main(["report", "some"]) == 1
    assert "no disk\nThe results are kept in some. Build the report later with: harness report some\n" in (
        capsys.readouterr().out
    )


def test_help_and_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    assert "run the suites and build the report" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("vehicle-harness 0.")


@pytest.mark.slow
def test_a_whole_run_with_a_real_report(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", os.environ["PATH"].partition(os.pathsep)[2])
    code, out = harness(project, "run")
    assert code == 0
    if "not built" in out:
        pytest.skip(out[out.index("not built") :])
    assert "reports/html/index.html" in out
    assert "googletagmanager" not in (project / "reports" / "html" / "index.html").read_text(encoding="utf-8")


def test_a_reader_who_leaves_early_sees_no_traceback() -> None:
    program = (
        "import sys; from harness import cli; from harness.offline import cli_decode\n"
        "def run_decode(options):\n    for _ in range(1000):\n        print('x' * 1000)\n    return 0\n"
        "cli_decode.run_decode = run_decode\n"
        "sys.exit(cli.main(['decode', 'drive.blf', '--bench', 'bench.toml']))"
    )
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None and running.stderr is not None
        running.stdout.read(10)
        running.stdout.close()
        assert running.stderr.read() == b""
        assert running.wait() == 141
