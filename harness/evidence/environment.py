"""What a run was made with: versions, databases, bench, seed; and how Allure sorts what did not pass."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryFile

from harness.errors import ReportError
from harness.evidence.record import WorldRecord
from harness.evidence.verdicts import Verdict

PACKAGES = ("vehicle-harness", "pytest", "hypothesis", "python-can", "cantools", "autosar-e2e", "allure-pytest")

_CATEGORIES = (
    ("Failed: the product did not do what was expected", ["failed"], ".*"),
    ("Blocked: the bench could not run the test", ["broken"], f"^{Verdict.BLOCKED.upper()}:.*"),
    ("Inconclusive: the measurement is weaker than the claim", ["broken"], f"^{Verdict.INCONCLUSIVE.upper()}:.*"),
    ("Error: the harness or the test itself broke", ["broken"], ".*"),
)
"""Name, Allure status, regular expression on the message; a result belongs to the first that matches."""


def describe_software() -> dict[str, str]:
    """The versions of everything that took part, by name."""
    found = {"Python": platform.python_version(), "system": f"{platform.system()} {platform.machine()}"}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def describe_world(record: WorldRecord) -> dict[str, str]:
    """A world's bench, seed and databases (by the first 16 digits of their SHA-256)."""
    found = {"bench": f"{record.name} ({record.path.name})", "seed": str(record.seed), "world": record.world}
    if record.recording is not None:
        path, sha256 = record.recording
        found[f"recording {path.name}"] = f"sha256 {sha256}"
    for databases in record.databases.values():
        found |= {each.path.name: f"sha256 {each.sha256[:16]}" for each in databases}
    return found


def environment_properties(values: Mapping[str, str]) -> str:
    """Values as the text of ``environment.properties``.

    >>> environment_properties({"database a.dbc": "sha256 12"})
    'database\\\\ a.dbc = sha256 12\\n'
    """
    return "".join(f"{_key(name)} = {' '.join(value.split())}\n" for name, value in values.items())


def _key(name: str) -> str:
    """A name as a Java property file needs it: separators escaped."""
    return "".join(f"\\{letter}" if letter in " :=\\" else letter for letter in name)


def categories() -> list[dict[str, object]]:
    """Allure's categories, one per verdict that is not *passed*."""
    return [
        {"name": name, "matchedStatuses": statuses, "messageRegex": pattern} for name, statuses, pattern in _CATEGORIES
    ]


def write_run_files(
    folder: Path, values: Mapping[str, str], bench: str = "", metrics: Sequence[Mapping[str, object]] = ()
) -> None:
    """Write ``environment.properties``, ``categories.json`` and the metrics of a bench into a results folder.

    metrics: see :mod:`harness.evidence.metrics`; no file where there are none. bench: its name.
    """
    if metrics:
        path = folder / f"{re.sub(r'[^A-Za-z0-9_-]+', '-', bench)}-perf.json"
        path.write_text(json.dumps(metrics, ensure_ascii=False), encoding="utf-8")
    (folder / "environment.properties").write_text(environment_properties(values), encoding="utf-8")
    (folder / "categories.json").write_text(json.dumps(categories(), indent=1), encoding="utf-8")


def check_results_folder(folder: Path) -> None:
    """Make the folder, and try to write there before hours of testing end in a folder that cannot be written.

    Raises :class:`~harness.errors.ReportError`.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryFile(dir=folder):  # of a name of its own: another run may try there, too
            pass
    except OSError as error:
        reason = error.strerror or str(error)
        raise ReportError(f"results folder {folder} cannot be written: {reason}; name another one") from error
