"""What the plugin costs a pytest run that does not use it: modules imported, and seconds.

Run ``python -m benchmarks.startup``.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def run(quick: bool) -> list[tuple[str, str, str]]:
    """Rows of (figure, measured, target)."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "test_empty.py").write_text("def test_nothing():\n    pass\n")
        with_plugin, without = [], []
        for _ in range(3 if quick else 15):
            with_plugin.append(_seconds(folder))
            without.append(_seconds(folder, "-p", "no:harness"))
        modules = _modules(folder) - _modules(folder, "-p", "no:harness")
    heavy = sorted({name.partition(".")[0] for name in modules} - {"harness"})
    difference = (statistics.median(with_plugin) - statistics.median(without)) * 1e3
    spread = statistics.quantiles(without, n=4)
    return [
        ("pytest start-up: modules imported by the unused plugin", str(len(modules)), ""),
        ("  of them from other packages", ", ".join(heavy) or "none", "none"),
        ("pytest start-up: difference of medians, ms", f"{difference:.1f}", "within the spread"),
        ("  spread without the plugin (quartiles), ms", f"{(spread[2] - spread[0]) * 1e3:.1f}", ""),
    ]


def _command(folder: str, *options: str) -> list[str]:
    # Allure's and Hypothesis' own plugins are installed beside ours and are not what is measured.
    return [
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:allure_pytest",
        "-p",
        "no:hypothesispytest",
        *options,
        folder,
    ]


def _seconds(folder: str, *options: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", *_command(folder, *options)], capture_output=True, check=True, cwd=folder)
    return time.perf_counter() - start


def _modules(folder: str, *options: str) -> set[str]:
    code = f"import pytest, sys; pytest.main({_command(folder, *options)[1:]!r}); print('MODULES', *sys.modules)"
    printed = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder
    ).stdout
    return set(printed.partition("MODULES ")[2].split())


def main() -> None:
    """Print the table."""
    for figure, measured, target in run(quick=False):
        print(f"{figure:65} {measured:>12}   {target}")


if __name__ == "__main__":
    main()
