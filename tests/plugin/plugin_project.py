"""A user's project on the lamp bench, run by a pytest of its own; and what it left behind."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import hypothesis  # noqa: F401  # imported for the processes that are forked from this one
import pytest

import harness.pytest_support.allure_sink
import harness.pytest_support.run
import harness.pytest_support.summary  # noqa: F401

LAMP = Path(__file__).parents[1] / "bench" / "data"
SAMPLE = Path(__file__).parent / "sample_suite.py"

INI = """
[pytest]
testpaths = suites
harness_bench = bench/lamp.toml
addopts = --strict-markers -p no:cacheprovider
markers = slow: takes long
"""

REQUIREMENTS = """
title = "Lamp"
link = "https://alm.example.org/{id}"

[LMP-1]
asil = "B"
text = "The brake lamp lights within 80 ms of the pedal passing 3 %."

[LMP-2]
asil = "D"
text = "Nobody tests this."

[LMP-3]
text = "This takes long."
"""


@dataclass
class Outcome:
    """What one run of pytest left behind."""

    code: int
    out: str
    folder: Path

    @cached_property
    def results(self) -> dict[str, dict[str, Any]]:
        """Allure results by the name of the test function."""
        found = [json.loads(path.read_text()) for path in (self.folder / "results").glob("*-result.json")]
        by_name = {each["fullName"].rpartition("#")[2]: each for each in found}
        assert len(by_name) == len(found), "one result per test"
        return by_name

    @cached_property
    def junit(self) -> dict[str, ET.Element]:
        """JUnit's test cases by name."""
        return {case.attrib["name"]: case for case in ET.parse(self.folder / "junit.xml").iter("testcase")}

    @cached_property
    def suite(self) -> Mapping[str, str]:
        """JUnit's counts."""
        element = next(ET.parse(self.folder / "junit.xml").iter("testsuite"))
        return element.attrib

    def attachment(self, item: Mapping[str, Any], part: str) -> str:
        """The text of the attachment whose name contains ``part``."""
        (source,) = [each["source"] for each in item["attachments"] if part in each["name"]]
        return (self.folder / "results" / source).read_text()

    def matrix(self) -> dict[str, Any]:
        """The requirement matrix of the run, by id."""
        texts = [path.read_text() for path in (self.folder / "results").glob("*-attachment.json")]
        (found,) = [json.loads(text) for text in texts if '"requirements"' in text]
        return {row["id"]: row for row in found["requirements"]}

    @property
    def flat(self) -> str:
        """The output with every run of blanks as one."""
        return " ".join(self.out.split())


class Project:
    """A folder with the lamp bench, a requirement file and suites."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(LAMP, folder / "bench", ignore=shutil.ignore_patterns("__pycache__"))
        (folder / "pytest.ini").write_text(INI)
        self.write("suites/requirements.toml", REQUIREMENTS)

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def suite(self, body: str) -> None:
        """Write a suite with the usual imports."""
        head = "import pytest\nfrom harness import *\nfrom hypothesis import given, settings, strategies as st\n"
        self.write("suites/test_it.py", f'"""Brake lamps."""\n{head}\n{body}')

    def run(self, *options: str, allure: bool = False, fresh: bool = False) -> Outcome:
        """Run pytest here, in a process of its own. fresh: with an interpreter of its own too, which takes longer."""
        files = ("--alluredir", "results", "--junitxml=junit.xml") if allure else ()
        # Hypothesis has other defaults where it finds itself in continuous integration.
        environment = {name: text for name, text in os.environ.items() if name not in ("CI", "PYTEST_ADDOPTS")}
        if fresh or not hasattr(os, "fork"):
            done = subprocess.run(
                [sys.executable, "-m", "pytest", *files, *options],
                cwd=self.folder, env=environment, capture_output=True, text=True, timeout=110,
            )  # fmt: skip
            return Outcome(done.returncode, done.stdout + done.stderr, self.folder)
        return self._run_forked([*files, *options], environment)

    def _run_forked(self, options: list[str], environment: Mapping[str, str]) -> Outcome:
        # What takes longest is importing pytest, Hypothesis and the harness: a forked process has them already.
        output = self.folder.parent / "output.txt"
        child = os.fork()
        if child == 0:
            code = 99
            try:
                stream = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
                os.dup2(stream, 1)
                os.dup2(stream, 2)
                sys.stdout = os.fdopen(1, "w", buffering=1)
                sys.stderr = os.fdopen(2, "w", buffering=1)
                os.chdir(self.folder)
                os.environ.clear()
                os.environ.update(environment)
                warnings.resetwarnings()
                # Its imports say that they came before pytest could rewrite their asserts, which is so.
                code = int(pytest.main([*options, "-W", "ignore::pytest.PytestAssertRewriteWarning"]))
            finally:
                sys.stdout.flush()
                sys.stderr.flush()
                os._exit(code)
        _, status = os.waitpid(child, 0)
        return Outcome(os.waitstatus_to_exitcode(status), output.read_text(), self.folder)
