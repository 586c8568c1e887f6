"""``harness doctor`` from outside: options, exit codes, and the whole way against a vehicle that is served apart."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from doctor_rig import Talker, frames_of

from harness.bench.blueprint import Blueprint
from harness.doctor import cli_doctor, detection
from harness.doctor.examination import Examination
from harness.doctor.finding import Finding
from harness.frames import Frame

ROOT = Path(__file__).parents[2]
MakeBench = Callable[..., Blueprint]
Plug = Callable[[list[Frame]], Talker]


def doctor(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    cli_doctor.add_options(parser)
    return cli_doctor.run(parser.parse_args(arguments))


def test_a_bench_that_is_ready(bench: MakeBench, talker: Plug, capsys: pytest.CaptureFixture[str]) -> None:
    adapter = talker(frames_of(bench(), "BMS", "ESP"))
    path = str(bench("slcan", adapter.port).file.path)
    assert doctor(path, "--seconds", "0.5") == 0
    assert capsys.readouterr().out.endswith("bench 'rig' is ready, with 1 warning\n")


def test_a_bench_that_is_not(bench: MakeBench, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(str(bench("slcan", "/dev/ttyNobody0").file.path)) == 1
    assert "bench 'rig' is not ready: powertrain adapter" in capsys.readouterr().out


def test_json(bench: MakeBench, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(bench("slcan", "/dev/ttyNobody0").file.path)
    assert doctor(path, "--json") == 1
    content = json.loads(capsys.readouterr().out)
    assert content["bench"] == {"name": "rig", "path": path}
    assert [(each["check"], each["state"]) for each in content["findings"]] == [("lease", "ok"), ("adapter", "fail")]


def test_a_wrong_bench_file_is_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(str(tmp_path / "none.toml")) == 2
    assert "harness doctor: bench file" in capsys.readouterr().err
    (tmp_path / "bad.toml").write_text("[channels.a]\ndatabase = 'none.dbc'\n")
    assert doctor(str(tmp_path / "bad.toml")) == 2


def test_ctrl_c(bench: MakeBench, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(examination: Examination) -> list[Finding]:
        raise KeyboardInterrupt

    monkeypatch.setattr(Examination, "findings", interrupt)
    assert doctor(str(bench().file.path)) == 130
    assert capsys.readouterr().err == "harness doctor: interrupted\n"


@pytest.mark.parametrize("seconds", ["0", "-1", "1e9", "nan", "long"])
def test_a_listening_time_that_is_none(seconds: str) -> None:
    with pytest.raises(SystemExit) as caught:
        doctor("bench.toml", "--seconds", seconds)
    assert caught.value.code == 2


def test_without_a_bench_the_machine_is_listed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(detection, "LIMIT_S", 0.0)
    assert doctor("--json") in (0, 1)  # as this machine is
    content = json.loads(capsys.readouterr().out)
    assert content["bench"] is None
    assert {"packages", "serial ports", "SocketCAN"} <= {each["subject"] for each in content["findings"]}


# -- the whole way -----------------------------------------------------------------------------------------------------


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Path]:
    """A bench file of the reference vehicle, which another process serves behind two emulated adapters."""
    pytest.importorskip("harness.serve.slcan", reason="pseudo-terminals exist on POSIX only")
    links = tmp_path / "adapters"
    links.mkdir()
    text = (ROOT / "benches" / "slcan.toml").read_text(encoding="utf-8")
    text = text.replace("../reports/adapters", str(links)).replace('"../dbc', f'"{ROOT}/dbc')
    file = tmp_path / "slcan.toml"
    file.write_text(text.replace('models = ".."', f'models = "{ROOT}"'), encoding="utf-8")
    command = [sys.executable, "-m", "harness.cli", "simulate", str(ROOT / "benches" / "virtual.toml")]
    with subprocess.Popen([*command, "--slcan", "--links", str(links)], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            while server.stdout.readline() not in ("serving\n", ""):
                pass
            yield file
        finally:
            server.terminate()
            server.communicate()


def test_a_served_vehicle(served: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = doctor(str(served), "--active", "--json")
    findings = json.loads(capsys.readouterr().out)["findings"]
    found = {(each["subject"], each["check"]): each["state"] for each in findings}
    assert code == 0, findings
    assert found["powertrain", "served"] == "ok"
    assert found["powertrain", "adapter"] == found["body", "adapter"] == "ok"
    # Whether anything is heard depends on whether the vehicle is still awake; what is heard is right.
    assert "fail" not in found.values()
