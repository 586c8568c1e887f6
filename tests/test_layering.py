"""The rules of ARCHITECTURE.md that a machine can check: layers, lengths of files, what nobody may import."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "harness"

LAYERS = (
    ("cli", "plugin", "pytest_support", "interface", "serve", "doctor", "screen"),
    ("scenario", "offline"),
    ("bench",),
    ("evidence", "requirements"),
    ("ecu", "monitors", "temporal", "logs", "adapter", "instruments"),
    ("restbus",),
    ("signals", "bus", "plant", "protection"),
    ("loop", "frames", "wall", "lease", "pseudo_terminal"),
    ("units", "inexact", "errors", "memo"),
)
"""From top to bottom; a module imports from its own line or from a lower one."""

RANK = {part: len(LAYERS) - line for line, parts in enumerate(LAYERS) for part in parts}
FACADE = "harness"
"""``harness/__init__.py`` offers names of every layer, loaded when they are used; no module below imports from it."""

CLOCKS = {"time", "threading", "queue", "asyncio", "sched"}
MAY_READ_CLOCKS = {"wall", "lease", "adapter", "instruments", "interface", "serve", "doctor", "screen"}
"""The wall clock, what lives on it, and what talks to hardware."""
LONGEST = 400

SOURCES = sorted(PACKAGE.rglob("*.py"))


def part_of(path: Path) -> str:
    """The layer's part that a file belongs to: the first name below ``harness``."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, anywhere in it, with the line. Those for the type checker only count too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            yield node.module or "", node.lineno
            if node.module == FACADE:
                yield from ((f"{FACADE}.{alias.name}", node.lineno) for alias in node.names)


def violations(path: Path) -> list[str]:
    own = part_of(path)
    found = []
    for name, line in imports(path):
        first, _, rest = name.partition(".")
        if first != FACADE:
            continue
        part = rest.partition(".")[0]
        if not part:
            found.append(f"{path.name}:{line} imports from the façade {FACADE!r}")
        elif part not in RANK:
            found.append(f"{path.name}:{line} imports {name}, which is on no line of LAYERS")
        elif RANK[part] > RANK[own]:
            found.append(f"{path.name}:{line} ({own}) imports upwards: {name}")
    return found


def test_every_part_has_a_line() -> None:
    assert {part_of(path) for path in SOURCES} - {"__init__"} <= set(RANK)


def test_imports_point_downwards() -> None:
    found = [each for path in SOURCES if part_of(path) != "__init__" for each in violations(path)]
    assert found == []


def test_an_upward_import_would_be_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules[__name__], "PACKAGE", tmp_path)
    low = tmp_path / "frames.py"
    low.write_text("def late():\n    from harness.bench import Bench\nimport harness.units\nfrom harness import ms\n")
    text = "\n".join(violations(low))
    assert "frames.py:2 (frames) imports upwards: harness.bench" in text
    assert "frames.py:4 imports from the façade 'harness'" in text
    assert "frames.py:3" not in text


def test_nobody_reads_a_clock() -> None:
    quiet = [path for path in SOURCES if part_of(path) not in MAY_READ_CLOCKS]
    found = [f"{path}:{line}: {name}" for path in quiet for name, line in imports(path) if name in CLOCKS]
    assert found == []


def test_every_file_can_be_read_in_one_go() -> None:
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in SOURCES}
    assert {str(path): length for path, length in lengths.items() if length > LONGEST} == {}
