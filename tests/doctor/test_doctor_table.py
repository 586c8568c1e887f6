"""The table at the widths of real terminals, and the structure of the JSON."""

from __future__ import annotations

import io
import json

import pytest

from harness.doctor import table
from harness.doctor.finding import Finding, Mark

LONG = "slcan:/dev/serial/by-id/usb-Protofusion_Labs_CANable_b158aa7_003400225734570420393235-if00, opened in 4.7 ms"
FINDINGS = [
    Finding("bench", "lease", Mark.OK, "free"),
    Finding("powertrain", "adapter", Mark.OK, LONG),
    Finding("powertrain", "traffic", Mark.FAIL, "nothing within 2 s from BMS, ESP, GW, INV, VCU", "check " * 30),
    Finding("powertrain", "echo", Mark.WARN, "none", "take another adapter"),
    Finding("powertrain", "database", Mark.SKIP, "nothing to compare it with"),
    Finding("powertrain", "nodes", Mark.SKIP, "nothing"),
    Finding("powertrain", "ACK", Mark.SKIP, "nothing was sent", "--active sends"),
]


@pytest.mark.parametrize("width", [80, 120])
def test_no_line_is_wider_than_the_terminal_but_for_what_has_to_be_copied(width: int) -> None:
    lines = "\n".join("".join(text for text, _ in line) for line in table.lines_of(FINDINGS, width)).splitlines()
    wide = [line for line in lines if len(line) > width]
    assert all(line.split()[-1].startswith("slcan:/dev/serial/by-id/") for line in wide)
    assert not [line for line in lines if line.endswith((" 4.7", " 2"))]  # a number stays with its unit


def test_every_finding_is_there_in_its_order() -> None:
    text = "\n".join("".join(text for text, _ in line) for line in table.lines_of(FINDINGS, 200))
    places = [text.index(f"{each.check}  ") for each in FINDINGS]
    assert places == sorted(places)
    assert text.count("powertrain") == 1
    assert "\n\npowertrain" in text


def test_what_was_not_checked_is_one_line() -> None:
    shown = table.condensed(FINDINGS)
    assert [(each.check, each.text) for each in shown if each.mark is Mark.SKIP] == [
        ("ACK", "nothing was sent"),
        ("others", "not checked: database, nodes"),
    ]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_file_gets_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    output = io.StringIO()
    table.show(FINDINGS, "the end", output)
    assert "\x1b" not in output.getvalue()
    assert output.getvalue().endswith("\n\nthe end\n")


def test_a_terminal_gets_the_same_in_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain, coloured = io.StringIO(), Terminal()
    table.show(FINDINGS, "the end", plain)
    table.show(FINDINGS, "the end", coloured)
    assert "\x1b[1;31mFAIL" in coloured.getvalue()
    import re

    bare = re.sub(r"\x1b\[[0-9;]*m", "", coloured.getvalue())
    assert [line.rstrip() for line in bare.splitlines()] == plain.getvalue().splitlines()


def test_a_terminal_without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "find_spec", lambda name: None)
    output = Terminal()
    table.show(FINDINGS, "the end", output)
    assert "\x1b" not in output.getvalue()


def test_the_json_is_stable() -> None:
    content = json.loads(table.as_json(FINDINGS, {"name": "rig", "path": "/rig.toml"}, active=False))
    assert sorted(content) == ["active", "bench", "can_run", "findings", "version"]
    assert (content["version"], content["can_run"], content["active"]) == (1, False, False)
    assert sorted(content["findings"][0]) == ["check", "facts", "state", "subject", "text", "todo"]
    assert [each["state"] for each in content["findings"]] == ["ok", "ok", "fail", "warn", "skip", "skip", "skip"]


def test_the_last_line() -> None:
    assert table.summary(FINDINGS, "rig") == "bench 'rig' is not ready: powertrain traffic"
    good = [each for each in FINDINGS if each.mark is not Mark.FAIL]
    assert table.summary(good, "rig") == "bench 'rig' is ready, with 1 warning"
    assert table.summary([*good, good[2]], "rig").endswith("with 2 warnings")
    assert table.summary(good[:2], None) == "nothing is in the way on this machine"
    assert table.summary(FINDINGS, None) == "to be mended: powertrain traffic"
