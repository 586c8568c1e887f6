"""Numbers and dates that cannot be: a problem with its line, never a traceback, a wrapped number or a silent gap."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

pytest.importorskip("numpy")

from harness.errors import HarnessError
from harness.frames import Frame, Received
from harness.logs.reading import Log, open_log
from harness.logs.writing import write_seen

ASC = "date Tue Nov 14 22:13:20.000 2023\nbase hex  timestamps absolute\n"
TRC = ";$FILEVERSION=2.1\n;$STARTTIME=45000.5\n;$COLUMNS=N,O,T,B,I,d,R,L,D\n"
GOOD = {
    "asc": "0.5 1  1A0             Rx   d 1 01\n",
    "log": "(1700000000.5) can0 1A0#01\n",
    "trc": "1 500.0 DT 1 01A0 Rx - 1 01\n",
}
HEAD = {"asc": ASC, "log": "", "trc": TRC}


def opened(path: Path, text: str) -> Log:
    path.write_text(text)
    return open_log(path, zone=ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(
    ("form", "line"),
    [
        ("asc", "9999999999.5 1  1A0             Rx   d 1 01"),
        ("asc", "0.5 1  1ZZA0             Rx   d 1 01"),
        ("asc", "nan 1  1A0             Rx   d 1 01"),
        ("log", "(9999999999.5) can0 1A0#01"),
        ("trc", "2 1059.9.0 DT 1 01A0 Rx - 1 01"),
        ("trc", "2 1e99 DT 1 01A0 Rx - 1 01"),
        ("trc", "2 NaN DT 1 01A0 Rx - 1 01"),
        ("trc", "2 Infinity DT 1 01A0 Rx - 1 01"),
    ],
)
def test_a_line_with_such_a_time_or_identifier_is_told(tmp_path: Path, form: str, line: str) -> None:
    log = opened(tmp_path / f"a.{form}", HEAD[form] + GOOD[form] + line + "\n")
    assert len(list(log.frames())) == 1
    (problem,) = log.problems
    assert problem.position == f"line {(HEAD[form] + GOOD[form]).count(chr(10)) + 1}"


@pytest.mark.parametrize("date", ["Tue Feb 31 22:13:20.000 2023", "Tue Nov 14 25:13:20.000 2023"])
def test_a_date_that_no_calendar_has_is_told(tmp_path: Path, date: str) -> None:
    log = opened(tmp_path / "a.asc", f"date {date}\nbase hex  timestamps absolute\n{GOOD['asc']}")
    assert log.start is None and len(list(log.frames())) == 1
    assert "date" in log.problems[0].text


@pytest.mark.parametrize(
    "text", [ASC.replace("2023", "9999") + GOOD["asc"], TRC.replace("45000.5", "9e9") + GOOD["trc"]]
)
def test_a_date_far_away_is_none(tmp_path: Path, text: str) -> None:
    log = opened(tmp_path / "a.txt", text)
    assert log.start is None and len(list(log.frames())) == 1


def test_damage_to_mf4_is_an_error_or_a_problem_and_nothing_on_stderr(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("asammdf")
    path = tmp_path / "a.mf4"
    write_seen(path, [Received(time * 1000, "body", Frame(0x100, bytes(8))) for time in range(300)], ["body"])
    whole, generator = path.read_bytes(), random.Random(1)
    for _ in range(60):
        content = bytearray(whole)
        for _ in range(4):
            content[generator.randrange(len(content))] = generator.randrange(256)
        path.write_bytes(content)
        with suppress(HarnessError):
            list(open_log(path).frames())
    assert capfd.readouterr().err == ""
