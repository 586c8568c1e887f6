"""The documents: every file that they show is written into a folder, and pytest runs there as the reader would."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```\w+ path=(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ON_THE_REFERENCE_VEHICLE = f"""[pytest]
harness_bench = {ROOT / "benches" / "virtual.toml"}
harness_requirements = {ROOT / "suites" / "requirements.toml"}
"""


def files_of(document: Path) -> dict[str, str]:
    return dict(BLOCK.findall(document.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    "document", [each for each in DOCUMENTS if files_of(each)], ids=lambda path: path.relative_to(ROOT).as_posix()
)
def test_the_examples_run_as_they_stand(document: Path, tmp_path: Path) -> None:
    files = files_of(document)
    files.setdefault("pytest.ini", ON_THE_REFERENCE_VEHICLE)
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", str(tmp_path)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    expected = sum(content.count("\ndef test_") for name, content in files.items() if name.startswith("test_"))
    assert run.returncode == 0, run.stdout + run.stderr
    passed = re.search(r"(\d+) passed", run.stdout)
    assert passed is not None and int(passed[1]) >= expected


def test_links_between_documents_lead_somewhere() -> None:
    for document in DOCUMENTS:
        for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
