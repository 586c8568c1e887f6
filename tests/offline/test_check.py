"""``harness check``: recordings of the lamp bench, right ones and wrong ones, judged without test code."""

from __future__ import annotations

import csv
import json
import struct
import xml.etree.ElementTree as ET
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest

pytest.importorskip("numpy")

from harness.bench import Bench, WrongCrc
from harness.bench.recorder import Recorder
from harness.cli import main
from harness.errors import LogError
from harness.evidence.verdicts import Verdict
from harness.frames import ErrorFrame, Frame, Received
from harness.logs.writing import write_seen
from harness.monitors.contract import bus_contract
from harness.offline.check import Checked, CheckResult, check_recording
from harness.offline.check_bench import CheckBench
from harness.offline.check_text import text_of
from harness.offline.cli_check import Bar
from harness.units import ms, percent, s

LAMP = Path(__file__).parents[1] / "bench" / "data" / "lamp.toml"
MS = 1_000_000

PROPERTIES = """
[[property]]
name = "The lamp follows the pedal"
formula = "always((BrakePedal > 3 * percent) >> eventually(BrakeLamp == 'On', within=80 * ms))"
requirement = "LMP-1"

[[property]]
name = "The level stays low"
formula = "always(Level < 30 * percent)"
"""


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds; the pedal is pressed at 1 s."""
    path = tmp_path_factory.mktemp("drive") / "drive.blf"
    with Bench.open(LAMP) as bench, Recorder(bench, path):
        bench.wait(1 * s)
        bench.set("BrakePedal", 40 * percent)
        bench.wait(2 * s)
    return path


@pytest.fixture(scope="module")
def seen(drive: Path) -> list[Received | ErrorFrame]:
    from harness.logs.reading import open_log

    return list(open_log(drive, channels={"can": "1"}).frames())


@pytest.fixture(scope="module")
def properties(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("properties") / "properties.toml"
    path.write_text(PROPERTIES, encoding="utf-8")
    return path


def checked(path: Path, *properties: Path, **options: str) -> Checked:
    return check_recording(path, CheckBench.load(LAMP, properties, bus_contract()), **options)  # type: ignore[arg-type]


def result(found: Checked, check: str) -> CheckResult:
    return next(each for each in found.results if each.outcome.check == check)


def write(path: Path, seen: list[Received | ErrorFrame], channels: tuple[str, ...] = ("can",)) -> Path:
    write_seen(path, seen, channels)
    return path


# -- what is judged ---------------------------------------------------------------------------------------------------


def test_a_right_recording_passes(drive: Path, properties: Path) -> None:
    found = checked(drive)
    assert found.verdict is Verdict.PASSED and found.channels == {"can": "1"}
    assert found.frames == pytest.approx(453, abs=5) and found.remarks == ()
    assert "every 10 ms" not in text_of(found)


def test_properties_have_verdict_margin_and_the_first_violation(drive: Path, properties: Path) -> None:
    found = checked(drive, properties, surroundings=True)  # type: ignore[arg-type]
    follows, low = (result(found, name) for name in ("The lamp follows the pedal", "The level stays low"))
    assert follows.verdict is Verdict.PASSED and follows.requirement == "LMP-1"
    assert follows.outcome.time_margin == pytest.approx(40 * MS, abs=20 * MS)
    assert low.verdict is Verdict.FAILED and low.first is not None
    assert low.first.time == pytest.approx(1_040 * MS, abs=20 * MS)
    assert any(frame.time == low.first.time for frame in low.around), "the frames around it are kept"


def test_a_disturbed_recording_fails_where_it_was_disturbed(tmp_path: Path) -> None:
    path = tmp_path / "disturbed.blf"
    with Bench.open(LAMP) as bench, Recorder(bench, path):
        bench.wait(1 * s)
        with bench.disturb(WrongCrc("Pedals", count=3)):
            bench.wait(100 * ms)
        bench.wait(500 * ms)
    found = checked(path)
    protection = result(found, "protection of Pedals")
    assert found.verdict is Verdict.FAILED and protection.outcome.count >= 3
    assert protection.first is not None and protection.first.time == pytest.approx(1_000 * MS, abs=15 * MS)
    text = text_of(found)
    assert "checksum of Pedals: " in text and "expected  a right checksum" in text and "frame     0x0A0 [4]" in text


def test_nan_is_out_of_range(tmp_path: Path) -> None:
    database = (LAMP.parent / "lamp.dbc").read_text()
    database = (
        database.replace(
            "BO_ 400 Switch",
            'BO_ 500 Heat: 4 LAMP\n SG_ Current : 0|32@1- (1,0) [0|10] "A" PEDAL\n\nBO_ 400 Switch',
        )
        + "SIG_VALTYPE_ 500 Current : 1;\n"
    )
    (tmp_path / "lamp.dbc").write_text(database)
    (tmp_path / "heat.toml").write_text('[channels.can]\ndatabase = "lamp.dbc"\n')
    frames = [
        Received(n * MS, "can", Frame(500, struct.pack("<f", value))) for n, value in ((1, 3.0), (2, float("nan")))
    ]
    contract = bus_contract(without=["cycle", "silence"])
    found = check_recording(
        write(tmp_path / "nan.asc", list(frames)), CheckBench.load(tmp_path / "heat.toml", [], contract)
    )
    heat = result(found, "contents of Heat")
    assert heat.first is not None and heat.first.actual == "nan A" and heat.outcome.count == 1


# -- recordings that are odd ------------------------------------------------------------------------------------------


def test_an_empty_recording_cannot_be_told(tmp_path: Path) -> None:
    found = checked(write(tmp_path / "none.asc", []))
    assert found.verdict is Verdict.INCONCLUSIVE and "no frame" in found.reason


@pytest.mark.parametrize("content", [b"", b"This is a letter, not a recording.\n" * 9])
@pytest.mark.parametrize("name", ["letter.blf", "letter.asc", "letter.txt"])
def test_what_is_no_recording_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(LogError, match="letter"):
        checked(path)


@pytest.mark.parametrize(
    "damaged, verdict",
    [("inconclusive", Verdict.INCONCLUSIVE), ("fail", Verdict.FAILED), ("ignore", Verdict.PASSED)],
)
def test_a_truncated_recording_is_judged_as_far_as_it_goes(
    drive: Path, tmp_path: Path, damaged: str, verdict: Verdict
) -> None:
    cut = tmp_path / "cut.blf"
    cut.write_bytes(drive.read_bytes()[:-500])
    found = checked(cut, damaged=damaged)
    assert found.verdict is verdict and found.frames > 100
    assert "damaged at byte" in found.remarks[0]


def test_time_that_runs_backwards_is_noted(seen: list[Received | ErrorFrame], tmp_path: Path) -> None:
    late = [*seen[:200], *(each._replace(time=each.time - 500 * MS) for each in seen[200:])]
    found = checked(write(tmp_path / "backwards.log", late))
    assert found.verdict is not Verdict.PASSED
    assert any("damaged at" in remark for remark in found.remarks)


def test_a_channel_that_is_missing_is_not_judged(seen: list[Received | ErrorFrame], tmp_path: Path) -> None:
    (tmp_path / "lamp.dbc").write_bytes((LAMP.parent / "lamp.dbc").read_bytes())
    two = '[channels.can]\ndatabase = "lamp.dbc"\n[channels.second]\ndatabase = "lamp.dbc"\n'
    (tmp_path / "two.toml").write_text(two)
    path, bench = write(tmp_path / "one.asc", list(seen)), CheckBench.load(tmp_path / "two.toml", [], bus_contract())
    found = check_recording(path, bench)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.reason == "channel second is not in the recording: nothing of it was judged"
    chosen = check_recording(path, bench, channels={"can": "1"})
    assert chosen.verdict is Verdict.PASSED
    assert found.remarks == chosen.remarks == ("not in the recording, so not judged: second",)


def test_channels_that_nobody_asked_for_are_counted(seen: list[Received | ErrorFrame], tmp_path: Path) -> None:
    other = [Received(10 * MS, "x", Frame(0x7AB)), *seen]
    path = write(tmp_path / "more.asc", sorted(other, key=lambda each: each.time), ("can", "x"))
    found = checked(path)
    assert found.verdict is Verdict.PASSED
    assert found.remarks == ("channel 2 is none of the bench's: 1 frames were not judged",)


def test_a_database_that_does_not_fit_is_told_with_what_would(
    seen: list[Received | ErrorFrame], tmp_path: Path
) -> None:
    strange = [Received(each.time, "x", Frame(0x600 + n % 3)) for n, each in enumerate(seen)]
    both = sorted([*strange, *(each._replace(channel="y") for each in seen)], key=lambda each: each.time)
    found = checked(write(tmp_path / "swapped.asc", list(both), ("x", "y")))
    assert found.verdict is Verdict.BLOCKED and "frames are unknown" in found.reason
    unknown, fit = found.remarks[1:]
    assert unknown.startswith(f"3 identifiers are in no database, {len(seen)} of {len(both)} frames: can 0x600")
    assert "with --channel can=2 the databases explain 50% of the frames instead of 0%" in fit
    again = checked(tmp_path / "swapped.asc", channels={"can": "2"})  # type: ignore[arg-type]
    assert again.verdict is Verdict.PASSED


def test_frames_of_known_parameter_groups_are_remarked(tmp_path: Path) -> None:
    (tmp_path / "truck.dbc").write_text('VERSION ""\n\nBU_: ECM\n\nBO_ 2565866750 EEC1: 8 ECM\n', encoding="utf-8")
    bench = tmp_path / "truck.toml"
    bench.write_text('name = "truck"\n[channels.can]\ndatabase = "truck.dbc"\n', encoding="utf-8")
    frames = [
        Received(time * 10 * MS, "can", Frame(key, bytes(8), extended=True))
        for time, key in enumerate((0x0CF00400, 0x18F00417, 0x18FEF100, 0x18EAFF00))
    ]
    path = write(tmp_path / "a.asc", frames)
    found = check_recording(path, CheckBench.load(bench, [], bus_contract()))
    assert any(remark.startswith("50% of the frames differ from known ones in their J1939") for remark in found.remarks)


def test_a_few_unknown_frames_are_a_violation(seen: list[Received | ErrorFrame], tmp_path: Path) -> None:
    more = sorted([*seen, *(Received(n * 100 * MS, "can", Frame(0x7AB)) for n in range(1, 26))], key=lambda e: e.time)
    found = checked(write(tmp_path / "strange.asc", list(more)))
    assert found.verdict is Verdict.FAILED and found.unknown == {("can", 0x7AB): 25}
    assert result(found, "known frames on can").outcome.count == 25


# -- the command ------------------------------------------------------------------------------------------------------


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    monkeypatch.chdir(tmp_path)
    return lambda *words: main(["check", *map(str, words), "--bench", str(LAMP)])


def test_a_table_for_the_terminal(
    check: Callable[..., int], drive: Path, properties: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(drive, "--properties", properties) == 1
    out = capsys.readouterr().out
    rows = [line.split() for line in out.splitlines()]
    assert next(row for row in rows if row[:2] == ["cycle", "times"])[:5] == ["cycle", "times", "passed", "2", "-"]
    assert "The level stays low: violated at 1.0" in out and "expected  Level < 30 %" in out
    assert "statistics" not in out
    assert check(drive, "--statistics") == 0
    statistics = capsys.readouterr().out.partition("statistics")[2]
    assert "gaps mean 10 ms" in statistics


def test_files_for_other_tools(check: Callable[..., int], drive: Path, properties: Path, tmp_path: Path) -> None:
    names = {"--csv": "out/c.csv", "--json": "out/c.json", "--junit": "out/c.xml", "--allure": "out/allure"}
    words = [word for pair in names.items() for word in pair]
    assert check(drive, "--properties", properties, *words) == 1
    rows = {row["check"]: row for row in csv.DictReader(StringIO((tmp_path / "out/c.csv").read_text()))}
    assert rows["The level stays low"]["verdict"] == "failed" and rows["cycle time of Pedals"]["verdict"] == "passed"
    content = json.loads((tmp_path / "out/c.json").read_text())
    (recording,) = content["recordings"]
    assert content["version"] == 1 and recording["verdict"] == "failed" and len(recording["sha256"]) == 64
    assert content["command"].startswith("harness check ") and content["bench"]["databases"][0]["channel"] == "can"
    suite = ET.parse(tmp_path / "out/c.xml").getroot()[0]
    assert suite.attrib["failures"] == "1" and suite.attrib["errors"] == "0"
    assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
    results = [json.loads(path.read_text()) for path in (tmp_path / "out/allure").glob("*-result.json")]
    by_name = {each["name"]: each for each in results}
    assert by_name["cycle times"]["status"] == "passed" and by_name["The level stays low"]["status"] == "failed"
    labels = {(each["name"], each["value"]) for each in by_name["The lamp follows the pedal"]["labels"]}
    assert {("world", "recording"), ("requirement", "LMP-1")} <= labels
    (step,) = by_name["The level stays low"]["steps"]
    assert {"image/svg+xml"} <= {each["type"] for each in step["attachments"]}, "a plot of what went wrong"


def test_several_recordings_at_a_time_say_the_same(
    check: Callable[..., int], drive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy.blf"
    copy.write_bytes(drive.read_bytes()[:-500])
    assert check(drive, copy) == 3
    one = capsys.readouterr().out
    assert check(drive, copy, "--jobs", "2") == 3
    assert capsys.readouterr().out == one
    assert "copy.blf   INCONCLUSIVE" in one


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_progress_is_a_bar_on_a_terminal_and_a_few_lines_elsewhere() -> None:
    drawn, told = Terminal(), StringIO()
    for out in (drawn, told):
        with Bar(out, "drive.blf") as bar:
            for step in range(51):
                bar.show(step / 100)
    assert "\rdrive.blf  [###############...............]  50%" in drawn.getvalue()
    assert drawn.getvalue().endswith("\r"), "it is wiped away"
    assert told.getvalue() == "drive.blf: 25 % read\ndrive.blf: 50 % read\n"


@pytest.mark.parametrize(
    "formula, text",
    [
        ("always(BrakeLmap == 'On')", "no signal 'BrakeLmap'; did you mean one of 'BrakeLamp'"),
        ("always(BrakePedal > 3 * kmh)", "km/h"),
        ("eventually(BrakeLamp == 'On', between=(80 * ms, 20 * ms))", "empty"),
        ("always(BrakeLamp == ", "property 1"),
    ],
)
def test_a_wrong_formula_is_told_before_anything_is_read(
    check: Callable[..., int], drive: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], formula: str, text: str
) -> None:
    (tmp_path / "wrong.toml").write_text(f'[[property]]\nname = "wrong"\nformula = """{formula}"""\n')
    assert check(drive, "--properties", tmp_path / "wrong.toml") == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize(
    "words, text",
    [
        (["nowhere.blf"], "nowhere.blf"),
        (["DRIVE", "--channel", "body=2"], "the bench has no channel 'body'"),
        (["DRIVE", "--channel", "can=2"], "the recording has no channel '2'"),
        (["DRIVE", "--channel", "can"], "--channel can"),
        (["DRIVE", "--without", "cylce"], "no such kind; did you mean 'cycle'?"),
        (["DRIVE", "--properties", "none.toml"], "none.toml"),
    ],
)
def test_usage_errors_have_their_own_exit_code(
    check: Callable[..., int], drive: Path, capsys: pytest.CaptureFixture[str], words: list[str], text: str
) -> None:
    assert check(*(str(drive) if word == "DRIVE" else word for word in words)) == 2
    assert text in capsys.readouterr().err


def test_a_recording_that_cannot_be_read_does_not_hide_the_others(
    check: Callable[..., int], drive: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("nowhere.blf", drive) == 2
    out, err = capsys.readouterr()
    assert "drive.blf: passed" in out and "nowhere.blf" in err


def test_what_cannot_be_read_or_is_damaged_is_in_every_file(
    check: Callable[..., int], drive: Path, tmp_path: Path
) -> None:
    letter, half = tmp_path / "letter.blf", tmp_path / "half.blf"
    letter.write_text("This is a letter.\n" * 9, encoding="utf-8")
    half.write_bytes(drive.read_bytes()[: drive.stat().st_size // 2])
    files = {form: tmp_path / f"found.{form}" for form in ("csv", "json", "junit")}
    options = [f"--{form}={path}" for form, path in files.items()]
    assert check(letter, half, "--damaged=fail", *options) == 2
    table = list(csv.DictReader(StringIO(files["csv"].read_text(encoding="utf-8"))))
    whole = {Path(row["recording"]).name: row["verdict"] for row in table if row["family"] == "recording"}
    assert whole == {"letter.blf": "error", "half.blf": "failed"}
    recordings = json.loads(files["json"].read_text(encoding="utf-8"))["recordings"]
    assert [each["verdict"] for each in recordings] == ["error", "failed"]
    suites = ET.parse(files["junit"]).getroot().findall("testsuite")
    assert [(each.get("errors"), each.get("failures")) for each in suites] == [("1", "0"), ("0", "1")]


def test_properties_alone(
    check: Callable[..., int], drive: Path, properties: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(drive, "--no-contract", "--properties", properties) == 1
    assert "cycle times" not in capsys.readouterr().out
