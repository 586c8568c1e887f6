"""Adapters for the doctor's tests: fakes, and an emulated one that python-can's own driver opens."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from threading import Event, Thread

import pytest

from harness.adapter.items import Heard, Item
from harness.adapter.spec import AdapterSpec, Capabilities
from harness.bench.blueprint import Blueprint
from harness.doctor.examination import Examination
from harness.doctor.finding import Finding
from harness.frames import Frame, Received
from harness.wall import clock_ns

LISTEN_S = 0.1
CAPABLE = Capabilities(
    stamps="hardware", stamp_uncertainty_ns=100_000, echo=True, error_frames=True, overruns=True, fd=True,
    kernel_cyclic=False, listen_only=True, text="a fake",
)  # fmt: skip


def frames_of(blueprint: Blueprint, *nodes: str) -> list[Frame]:
    """What these nodes send, with start values."""
    plans = [plan for node in nodes for plan in blueprint.channels[0].plans[node]]
    return [
        Frame(plan.message.id, bytes(plan.start_payload), plan.message.extended, fd=plan.message.fd) for plan in plans
    ]


@dataclass
class FakeChannel:
    """An adapter that hears ``frames`` again and again; what else comes lies in ``items``. Sending is a fault."""

    spec: AdapterSpec
    frames: list[Frame] = field(default_factory=list)
    items: deque[Item] = field(default_factory=deque)
    capabilities: Capabilities = CAPABLE
    closed: bool = False
    at: int = 0

    def send(self, frame: Frame) -> bool:
        raise AssertionError(f"doctor sends {frame} unasked")

    def receive(self, timeout_s: float) -> Item | None:
        time.sleep(0.001)
        if self.items:
            return self.items.popleft()
        if not self.frames:
            return None
        self.at += 1
        return Heard(clock_ns(), self.frames[self.at % len(self.frames)])

    def close(self) -> None:
        self.closed = True


@dataclass
class Adapters:
    """Opens fakes. opened: all of them, in their order; make: how the next one is made."""

    make: Callable[[AdapterSpec], FakeChannel] = FakeChannel
    opened: list[FakeChannel] = field(default_factory=list)

    def __call__(self, spec: AdapterSpec) -> FakeChannel:
        channel = self.make(spec)
        self.opened.append(channel)
        return channel


def hearing(frames: Iterable[Frame] = (), items: Iterable[Item] = (), **capabilities: object) -> Adapters:
    """Adapters that hear these."""
    able = replace(CAPABLE, **capabilities)  # type: ignore[arg-type]
    return Adapters(lambda spec: FakeChannel(spec, list(frames), deque(items), able))


def examine(blueprint: Blueprint, adapters: Callable[[AdapterSpec], FakeChannel], **further: object) -> list[Finding]:
    """What doctor finds on a bench whose adapters are fakes."""
    chosen = {"seconds": LISTEN_S, "open_channel": adapters, **further}
    return Examination(blueprint, **chosen).findings()  # type: ignore[arg-type]


def one(findings: Iterable[Finding], check: str, subject: str = "powertrain") -> Finding:
    """The finding of a check."""
    found = [each for each in findings if (each.subject, each.check) == (subject, check)]
    assert len(found) == 1, found
    return found[0]


class Talker:
    """An emulated slcan adapter on whose bus frames come round, one each 2 ms."""

    def __init__(self, frames: list[Frame]) -> None:
        slcan = pytest.importorskip("harness.serve.slcan", reason="pseudo-terminals exist on POSIX only")
        self.line = slcan.SlcanLine()
        self.line.start(lambda frame, at: None)
        self.port = self.line.name
        self.listened_only = False
        self._frames = frames
        self._end = Event()
        self._thread = Thread(target=self._talk)
        self._thread.start()

    def _talk(self) -> None:
        at = 0
        while not self._end.wait(0.002):
            self.listened_only |= self.line.opened and self.line.listen_only
            if self._frames:
                at += 1
                self.line.send(Received(0, "powertrain", self._frames[at % len(self._frames)]))

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        self.line.close()
