"""Recording a world while it runs: every frame and every error frame goes to a file as it happens.

Beside the recording of a real bench lies a file that says how exactly it was measured (:mod:`harness.logs.exactness`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from harness.bench.doubts import BEFORE_NS
from harness.bench.exactness import ExactnessFile
from harness.bench.world import TESTER
from harness.errors import LogError
from harness.logs.exactness import SUFFIX, forget
from harness.logs.writing import open_writer
from harness.loop import DEADLINE
from harness.units import time_text

if TYPE_CHECKING:
    from harness.bench.bench import Bench
    from harness.bench.world import World

LOOK_NS = 1_000_000_000
"""How often what is new about the exactness of a world is written, ns."""


class Recorder:
    """Writes what is seen on the channels of a bench, from its making to :meth:`close`; a context manager.

    path: the file; its suffix decides the format, see :func:`~harness.logs.writing.open_writer`. rotate: size in bytes
    from which on the next file is begun; None or 0: one file. metadata: goes into the head of the file beside what the
    bench is (see :func:`describe`), such as ``{"test": "suites/..."}``.

    Times are the world's, also in a recording that begins later; when it ends is noted, too, since the buses may be
    silent for a while before. ``Tx`` are the frames of the test and of absent nodes, for which the rest-bus sends. A
    process that is killed leaves what was seen up to the last second, or the last thousand frames; a file that cannot
    take more (full disk) stops the world with :class:`~harness.errors.LogError`, so the test that runs is red.

    ::

        with Bench.open("benches/virtual.toml") as bench, Recorder(bench, "reports/drive.blf"):
            bench.wait(10 * s)
    """

    def __init__(
        self, bench: Bench, path: str | Path, *, rotate: int | None = None, metadata: Mapping[str, str] | None = None
    ) -> None:
        world = bench.world
        self._loop = world.loop
        self._accounting = world.accounting
        self._exactness: list[ExactnessFile] = []
        self._looked, self._begun = world.loop.now, 0
        self._closed = False
        absent = (name for name, node in world.nodes.items() if node.absent)
        self._writer = open_writer(
            path,
            list(world.channels),
            metadata={**describe(world), **(metadata or {})},
            own={TESTER, *absent},
            rotate=rotate,
        )
        try:
            self._look()
        except LogError:
            self._writer.discard()
            raise
        write = self._writer.write
        self._cancel = [
            cancel
            for channel in world.channels.values()
            for cancel in (channel.bus.observe_first(write), channel.bus.observe_errors(write))
        ]
        if self._accounting is not None:
            self._cancel.append(world.loop.every(LOOK_NS, self._look, phase=DEADLINE).cancel)

    @property
    def paths(self) -> Sequence[Path]:
        """The files, more than one when the recording rotates."""
        return tuple(self._writer.paths)

    def close(self) -> Sequence[Path]:
        """End the recording and return its files. Raises :class:`~harness.errors.LogError` as writing does."""
        self._leave()
        if not self._closed:
            self._closed = True
            self._writer.close(self._loop.now)
            self._look()
        return self.paths

    def discard(self) -> None:
        """End the recording and delete its files."""
        self._leave()
        self._closed = True
        paths = self.paths
        self._writer.discard()
        for path in paths:
            forget(path)

    def _look(self) -> None:
        """Write what is new about the exactness, beside each file of the recording."""
        before, paths = self._begun, self.paths
        for path in paths[before:]:
            if self._accounting is None:
                forget(path)  # what an earlier recording of that name has left
            else:
                self._exactness.append(ExactnessFile(path, self._accounting, self._looked - BEFORE_NS))
        self._begun = len(paths)
        self._looked = self._loop.now
        # What was late at the end of a file may be told when the next one has begun.
        for each in self._exactness[max(0, before - 2) :]:
            each.update()

    def _leave(self) -> None:
        for cancel in self._cancel:
            cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self.close()


def describe(world: World) -> dict[str, str]:
    """What a recording says of the world it comes from.

    ``bench``: its name. ``bench file``: file name and SHA-256. ``seed``. ``database <file>``: SHA-256. ``begins``: the
    instant from which on frames are recorded, where that is not the world's beginning. ``exactness``: where it is told,
    of a real bench.
    """
    file = world.blueprint.file
    try:
        digest = hashlib.sha256(file.path.read_bytes()).hexdigest()
    except OSError as error:
        raise LogError(f"bench file {file.path} cannot be read for the head of the recording: {error}") from error
    found = {"bench": file.name, "bench file": f"{file.path.name} sha256 {digest}", "seed": str(world.seed)}
    found |= {f"database {name}": sha256 for name, sha256 in world.blueprint.hashes().items()}
    if world.loop.now:
        found["begins"] = time_text(world.loop.now)
    if world.accounting is not None:
        found["exactness"] = f"in the file beside this one, with {SUFFIX} behind its name"
    return found
