"""The hardware of a bench: taken, opened, and brought into its safe state again. It lives for a whole run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Self

from harness.adapter.client import Adapter
from harness.adapter.line import Line
from harness.bench.file import BenchFile, NodeState
from harness.bench.served import greet
from harness.errors import HarnessError
from harness.lease import Holder, Lease, take

if TYPE_CHECKING:
    from harness.bench.blueprint import Blueprint
    from harness.restbus import MessagePlan

Progress = Callable[[Holder, str, int], object]


class Rig:
    """The adapters and instruments of a bench file, all or none of them.

    wait_ns: how long to wait for a bench that somebody else has. progress: told about that, see
    :func:`harness.lease.take`. command: what the lease says of this run.

    A context manager. :meth:`open` raises :class:`~harness.errors.Blocked` where something is missing or in use.
    """

    def __init__(
        self, blueprint: Blueprint, *, wait_ns: int = 0, progress: Progress | None = None, command: str = "a test run"
    ) -> None:
        self.blueprint = blueprint
        self.file: BenchFile = blueprint.file
        self.lines: dict[str, Line] = {}
        """The open channels, by name."""
        self.module = ""
        """The file of the test that is running."""
        self._wait_ns, self._progress, self._command = wait_ns, progress, command
        self._lease: Lease | None = None
        self._reset_for: object = None

    def open(self) -> Self:
        """Take the bench and open everything."""
        self._lease = take(
            resources(self.file), self.file.name, self._command, wait_ns=self._wait_ns, progress=self._progress
        )
        try:
            for spec in self.file.channels:
                if spec.adapter is not None:
                    plans = self._plans(spec.name)
                    drifts = {node: self.file.node(node).drift_ppm for node in plans}
                    adapter = Adapter(spec.adapter, plans, drifts)
                    adapter.open()
                    self.lines[spec.name] = Line(adapter)
            if self.file.served is not None:
                self.lines[self.file.served].begin()
                greet(self.lines[self.file.served])
        except BaseException:
            self.close()
            raise
        return self

    def _plans(self, channel: str) -> dict[str, tuple[MessagePlan, ...]]:
        """What the nodes that are not real send on a channel."""
        plan = next(each for each in self.blueprint.channels if each.name == channel)
        nodes = {node: plans for node, plans in plan.plans.items() if self.file.node(node).state is not NodeState.REAL}
        return nodes

    def reset_is_due(self) -> bool:
        """Whether the device is to be reset for the world that begins now, by the scope that the bench file gives."""
        wanted: object = {"test": object(), "module": self.module, "run": "run"}[self.file.reset.scope]
        due = wanted != self._reset_for
        self._reset_for = wanted
        return due

    def close(self) -> list[str]:
        """Silence every channel and give the bench back. Returns what could not be confirmed. May be called twice."""
        troubles = []
        lines, self.lines = self.lines, {}
        for name, line in lines.items():
            line.release()
            try:
                if not line.adapter.close():
                    troubles.append(
                        f"channel {name} ({line.adapter.spec}): its process did not confirm that it is silent"
                    )
            except HarnessError as error:
                troubles.append(f"channel {name}: {error}")
        if self._lease is not None:
            self._lease.release()
            self._lease = None
        return troubles

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()


def resources(file: BenchFile) -> tuple[str, ...]:
    """What only one run at a time may have of a bench: its adapters and ports, links resolved."""
    found = []
    for channel in file.channels:
        if channel.adapter is not None:
            where = channel.adapter.where
            real = str(Path(where).resolve()) if "/" in where else where
            port = channel.adapter.options.get("port")
            found.append(f"{channel.adapter.interface}:{real}{f':{port}' if port is not None else ''}")
    return tuple(dict.fromkeys(found))
