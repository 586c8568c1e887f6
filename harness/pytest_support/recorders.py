"""Recording tests while they run: ``--record``, ``--record-format``, ``--record-rotate``.

Each world that a test uses is recorded from the test's beginning to its end, into a file that is called
``<test>.unfinished-<n>.<format>`` as long as the test runs: what a killed run leaves. At the end of the test the file
gets its name, or is deleted when nobody wants it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Sequence
from importlib.util import find_spec
from pathlib import Path

import pytest

from harness.bench import Bench
from harness.bench.recorder import Recorder
from harness.errors import LogError, MissingExtra
from harness.evidence.environment import describe_software
from harness.logs.exactness import beside, forget

RECORDINGS = Path("reports") / "recordings"
"""Where recordings go, below the root directory; with ``--alluredir`` they are attached instead."""

_NAMED = 120
_UNFINISHED = re.compile(r"\.unfinished-\d+")
_BYTES = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9}


class Recorders:
    """The recordings of the running test, one per world that it uses. mode: ``failed``, ``all`` or ``none``."""

    def __init__(self, config: pytest.Config, mode: str) -> None:
        self.mode = mode
        self.folder = config.rootpath / RECORDINGS
        self._form = config.getoption("--record-format")
        try:
            self._rotate = parse_size(config.getoption("--record-rotate"))
        except ValueError as error:
            raise pytest.UsageError(f"--record-rotate: {error}") from error
        if mode != "none" and self._form == "mf4" and find_spec("asammdf") is None:
            raise pytest.UsageError(f"--record-format: {MissingExtra('mf4', 'mf4')}")
        worker = getattr(config, "workerinput", {}).get("workerid")
        self._prefix = f"{worker}-" if worker else ""
        self._software = {name: text for name, text in describe_software().items() if name in _TOLD} if self.on else {}
        self._test = ""
        self._begun = 0
        self._running: dict[Bench, Recorder] = {}
        self._failed: dict[Bench, LogError] = {}

    @property
    def on(self) -> bool:
        """Whether anything is recorded."""
        return self.mode != "none"

    def wants(self, *, red: bool) -> bool:
        """Whether the recordings of a test are kept."""
        return self.mode == "all" or (self.mode == "failed" and red)

    def begin_test(self, node: str) -> None:
        """A test begins; node: its id."""
        self._test = node
        self._begun = 0

    def attach(self, bench: Bench) -> None:
        """The running test uses a world from now on. A file that cannot be made is told by :meth:`finish`."""
        if not self.on or bench.world.recording is not None or not self._test:
            return
        self._begun += 1
        path = self.folder / f"{self._prefix}{stem_of(self._test)}.unfinished-{self._begun}.{self._form}"
        metadata = {"test": self._test, **self._software}
        try:
            self._running[bench] = Recorder(bench, path, rotate=self._rotate, metadata=metadata)
        except LogError as error:
            self._failed[bench] = error  # the test is worth running all the same

    def keep_only(self, benches: Collection[Bench]) -> None:
        """Nobody will ask for the recordings of other worlds, as those of a property's earlier examples."""
        for bench in [each for each in self._running if each not in benches]:
            self._running.pop(bench).discard()
        self._failed = {bench: error for bench, error in self._failed.items() if bench in benches}

    def finish(self, benches: Sequence[Bench]) -> list[Path]:
        """End the recordings of these worlds, which are wanted, and return their files; the others are discarded.

        Raises :class:`~harness.errors.LogError`.
        """
        self.keep_only(benches)
        failed, self._failed = list(self._failed.values()), {}
        if failed:
            raise failed[0]
        recorded = [bench for bench in benches if bench in self._running]
        found: list[Path] = []
        for number, bench in enumerate(recorded, start=1):
            name = f"{stem_of(self._test)}{f'-{number}' if len(recorded) > 1 else ''}"
            for part in self._running.pop(bench).close():
                found.append(_renamed(part, name + _UNFINISHED.split(part.name)[-1]))
        return found

    def end_test(self) -> None:
        """The test has ended, its fixtures too: what is still recorded is not wanted."""
        self.keep_only(())
        self._test = ""


_TOLD = ("vehicle-harness", "Python", "system")


def with_exactness(path: Path) -> list[Path]:
    """A recording and the file beside it that says how exact it is, if there is one."""
    return [each for each in (path, beside(path)) if each == path or each.exists()]


def _renamed(path: Path, name: str) -> Path:
    try:
        if beside(path).exists():
            beside(path).replace(beside(path.with_name(name)))
        else:
            forget(path.with_name(name))  # what an earlier run has left
        return path.replace(path.with_name(name))
    except OSError as error:
        raise LogError(f"recording {path} cannot be called {name}: {error.strerror or error}") from error


def stem_of(node: str) -> str:
    """A test's id as the beginning of a file name; a digest tells apart what would else be called the same.

    >>> stem_of("suites/test_lamps.py::TestBrake::test_on[40 %]")
    'suites-test_lamps-TestBrake-test_on-40-...'
    """
    file, _, test = node.partition("::")
    # With the folders: two of them may have a file of the same name.
    whole = f"{'-'.join(Path(file).with_suffix('').parts)}-{test.replace('::', '-').replace('[', '-').replace(']', '')}"
    clean = re.sub(r"[^\w.-]+", "_", whole).strip("_")[:_NAMED]
    if clean != whole:
        clean += f"-{hashlib.sha256(node.encode()).hexdigest()[:8]}"
    return clean


def parse_size(text: str | None) -> int | None:
    """A size in bytes as people write it; None for None.

    >>> parse_size("100MB"), parse_size("64 kB"), parse_size(None)
    (100000000, 64000, None)
    >>> parse_size("much")
    Traceback (most recent call last):
    ValueError: 'much' is no size: give a number with B, kB, MB or GB, such as 100MB
    """
    if text is None:
        return None
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*", text)
    factor = _BYTES.get(found[2].upper()) if found else None
    if found is None or factor is None or float(found[1]) * factor < 1:
        raise ValueError(f"{text!r} is no size: give a number with B, kB, MB or GB, such as 100MB")
    return int(float(found[1]) * factor)
