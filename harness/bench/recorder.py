"""Recording a world while it runs: every frame and every error frame goes to a file as it happens."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from harness.bench.world import TESTER
from harness.errors import LogError
from harness.logs.writing import open_writer
from harness.units import time_text

if TYPE_CHECKING:
    from harness.bench.bench import Bench
    from harness.bench.world import World


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
        absent = (name for name, node in world.nodes.items() if node.absent)
        self._writer = open_writer(
            path,
            list(world.channels),
            metadata={**describe(world), **(metadata or {})},
            own={TESTER, *absent},
            rotate=rotate,
        )
        write = self._writer.write
        self._cancel = [
            cancel
            for channel in world.channels.values()
            for cancel in (channel.bus.observe_first(write), channel.bus.observe_errors(write))
        ]

    @property
    def paths(self) -> Sequence[Path]:
        """The files, more than one when the recording rotates."""
        return tuple(self._writer.paths)

    def close(self) -> Sequence[Path]:
        """End the recording and return its files. Raises :class:`~harness.errors.LogError` as writing does."""
        self._leave()
        self._writer.close(self._loop.now)
        return self.paths

    def discard(self) -> None:
        """End the recording and delete its files."""
        self._leave()
        self._writer.discard()

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
    instant from which on frames are recorded, where that is not the world's beginning.
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
    return found
