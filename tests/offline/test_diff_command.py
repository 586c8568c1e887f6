"""``harness decode``, ``export`` and ``diff`` on recordings of the reference vehicle's body bus."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars
import pytest

from harness.cli import main
from harness.frames import Frame, Received
from harness.logs import open_log, read_signals
from harness.logs.writing import open_writer
from harness.signals.database import load_database

ROOT = Path(__file__).parents[2]
BENCH = ROOT / "benches" / "virtual.toml"
BODY = load_database(ROOT / "dbc" / "body.dbc")
LAMPS = BODY.message("LampStatus")
MS = 1_000_000


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Writes a recording in which the brake lamp goes on at an instant."""

    def write(
        name: str, lamp_on: int, *, channels: tuple[str, ...] = ("powertrain", "body"), key: int = LAMPS.id
    ) -> Path:
        path = tmp_path_factory.mktemp("recordings") / name
        names = [signal.name for signal in LAMPS.signals]
        writer = open_writer(path, channels)
        for cycle in range(40):
            time = cycle * 50 * MS
            values = dict.fromkeys(names, 0) | {"BrakeLamp": int(time >= lamp_on), LAMPS.signals[-1].name: 0}
            data = LAMPS.codec.encode(values, strict=False)
            writer.write(Received(time, "body", Frame(key, data), "BCM"))
        writer.close()
        return path

    return write


def harness(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    try:
        code = main([str(each) for each in arguments])
    except SystemExit as error:
        code = int(str(error.code))
    out, err = capsys.readouterr()
    return code, out, err


def test_equal_recordings_end_with_0(record: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    one, other = record("a.blf", 500 * MS), record("b.blf", 500 * MS)
    code, out, err = harness(capsys, "diff", one, other, "--bench", BENCH)
    assert (code, err) == (0, "") and out.startswith("equal: ")


def test_what_differs_stands_in_a_table_and_ends_with_1(
    record: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    one, other = record("a.blf", 500 * MS), record("b.blf", 700 * MS)
    code, out, err = harness(capsys, "diff", one, other, "--bench", BENCH)
    assert (code, err) == (1, "")
    assert "body.LampStatus.BrakeLamp  500 ms    On / Off" in out
    assert harness(capsys, "diff", one, other, "--bench", BENCH, "--tolerance", "BrakeLamp=200ms")[0] == 0
    assert harness(capsys, "diff", one, other, "--bench", BENCH, "--ignore", "*Lamp")[0] == 0
    assert harness(capsys, "diff", one, other, "--bench", BENCH, "--signal", "BrakeLampMonitor")[0] == 0
    code, out, _ = harness(capsys, "diff", one, other, "--bench", BENCH, "--align", "first:BrakeLamp")
    assert code == 0 and "shifted by 200 ms" in out
    code, out, _ = harness(capsys, "diff", one, other, "--bench", BENCH, "--align", "shift", "--json")
    assert code == 0 and json.loads(out)["shift_ns"] == 200 * MS


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--tolerance", "BrakeLmap=1"], "did you mean"),
        (["--tolerance", "BrakeLamp"], "names no signal"),
        (["--align", "sometime"], "align is 'time'"),
        (["--channel", "body"], "write the bench's name and the recording's"),
        (["--channel", "boddy=2"], "boddy"),
        (["--bench", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_a_wrong_option_ends_with_2(
    record: Callable[..., Path], capsys: pytest.CaptureFixture[str], options: list[str], text: str
) -> None:
    log = record("a.blf", 500 * MS)
    code, out, err = harness(capsys, "diff", log, log, "--bench", BENCH, *options)
    assert (code, out) == (2, "") and err.startswith("harness diff: ") and text in err


def test_no_recording_ends_with_2(
    record: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text.blf").write_text("no recording")
    for bad in (tmp_path / "none.blf", tmp_path / "text.blf"):
        code, out, err = harness(capsys, "diff", record("a.blf", 0), bad, "--bench", BENCH)
        assert (code, out) == (2, "") and bad.name in err
    assert harness(capsys, "diff", bad)[0] == 2


def test_a_recording_that_does_not_fit_the_bench_is_told(
    record: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    log = record("a.blf", 0, key=0x7AB)
    code, _, err = harness(capsys, "decode", log, "--bench", BENCH)
    assert code == 0
    assert "40 of 40 frames have identifiers of no database: body 0x7AB (40); do bench and recording belong" in err


def test_decode_prints_what_every_signal_did(record: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = harness(capsys, "decode", record("a.blf", 500 * MS), "--bench", BENCH, "--signal", "BrakeLamp")
    assert (code, err) == (0, "")
    assert [line.split() for line in out.splitlines()] == [
        ["signal", "samples", "first", "last", "lowest", "highest"],
        ["body.LampStatus.BrakeLamp", "40", "0", "s", "1.95", "s", "Off", "On"],
    ]
    code, _, err = harness(capsys, "decode", record("a.blf", 0), "--bench", BENCH, "--signal", "BrakeLmap")
    assert code == 2 and "did you mean" in err


@pytest.mark.parametrize("suffix", [".mf4", ".parquet", ".csv"])
def test_export_writes_what_other_tools_read(
    record: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str], suffix: str
) -> None:
    log, output = record("a.blf", 500 * MS), tmp_path / "out" / f"signals{suffix}"
    code, out, err = harness(capsys, "export", log, "--bench", BENCH, "--signal", "BrakeLamp", "-o", output)
    assert (code, err) == (0, "") and "from 40 frames" in out
    column = read_signals(open_log(log, wanted=["powertrain", "body"]), {"body": BODY})["BrakeLamp"]
    if suffix == ".mf4":
        from asammdf import MDF

        with MDF(output) as mdf:
            found = mdf.get("body.LampStatus.BrakeLamp", raw=True)
            assert found.samples.tolist() == column.raw.tolist()
    elif suffix == ".parquet":
        frame = polars.read_parquet(output)
        assert frame["label"].to_list() == column.text.tolist()
        assert frame["time"].cast(polars.Int64).to_list() == column.time.tolist()
    else:
        head, *rows = output.read_text(encoding="utf-8").splitlines()
        assert head == "time_s,signal,value,label"
        assert rows[10] == "0.500000000,body.LampStatus.BrakeLamp,1.0,On" and len(rows) == 40


def test_export_knows_three_formats(
    record: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = harness(capsys, "export", record("a.blf", 0), "--bench", BENCH, "-o", tmp_path / "a.xlsx")
    assert code == 2 and ".mf4, .parquet, .csv" in err


def test_nothing_compared_is_not_equal(record: Callable[..., Path], capsys: pytest.CaptureFixture[str]) -> None:
    one, other = record("a.blf", 500 * MS), record("b.blf", 500 * MS)
    code, out, err = harness(capsys, "diff", one, other, "--bench", BENCH, "--ignore", "*")
    assert (code, out) == (2, "") and "no signal was compared" in err
    strange = record("c.blf", 500 * MS, key=0x7AA)
    code, out, err = harness(capsys, "diff", strange, strange, "--bench", BENCH)
    assert (code, out) == (2, "") and "no signal was compared" in err


def test_a_damaged_recording_is_not_called_equal(
    record: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    one, cut = record("a.asc", 500 * MS), record("b.asc", 500 * MS)
    cut.write_text(cut.read_text().partition("\n 1.500000000")[0] + "\n 1.500000000 2  BCMGARBAGE  Rx d 0\n")
    code, out, err = harness(capsys, "diff", one, cut, "--bench", BENCH)
    assert (code, out) == (2, "") and "nothing differs in what could be read, but" in err and "b.asc is damaged" in err
    assert harness(capsys, "diff", one, cut, "--bench", BENCH, "--damaged", "ignore")[0] == 0
    other = record("c.asc", 100 * MS)
    assert harness(capsys, "diff", other, cut, "--bench", BENCH)[0] == 1, "a difference is one, whatever was lost"


@pytest.mark.parametrize("command", ["diff", "decode"])
def test_without_numpy_the_extra_is_named(record: Callable[..., Path], command: str) -> None:
    log = str(record("a.blf", 0))
    recordings = [log] * 2 if command == "diff" else [log]
    arguments = [command, *recordings, "--bench", str(BENCH)]
    script = f"import sys; sys.modules['numpy'] = None; from harness.cli import main; sys.exit(main({arguments!r}))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert f"harness {command}: reading recordings needs an optional package" in done.stderr
    assert "pip install 'vehicle-harness[logs]'" in done.stderr
