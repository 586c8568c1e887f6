"""How late a channel process stamps and hands over is measured by whoever does it."""

from __future__ import annotations

from queue import Empty
from typing import Any, NoReturn

import pytest

from harness.adapter.items import Batch, Heard, Item
from harness.adapter.outbox import LONGEST_BEAT_S, Outbox
from harness.adapter.receiver import BEAT_S, HOST_BEAT_S, Receiver
from harness.adapter.spec import Capabilities
from harness.errors import AdapterLost
from harness.frames import Frame

MS = 1_000_000


class Clock:
    """Time that passes when somebody waits."""

    def __init__(self) -> None:
        self.now = 1000 * MS

    def __call__(self) -> int:
        return self.now


class Driver:
    """Comes back from each receive after so many ns, with a frame or without."""

    spec = "slcan:/dev/ttyACM0"

    def __init__(self, clock: Clock, stamps: Any, takes: int, *, frame: bool) -> None:
        self.capabilities = Capabilities(
            stamps, MS, echo=False, error_frames=False, overruns=False, fd=False, kernel_cyclic=False
        )
        self._clock, self._takes, self._frame = clock, takes, frame

    def receive(self, timeout_s: float) -> Item | None:
        came = self._frame and self._clock.now == 1000 * MS
        self._clock.now += self._takes
        return Heard(self._clock.now, Frame(0x123)) if came else None


@pytest.mark.parametrize("frame", [True, False])
@pytest.mark.parametrize(
    ("stamps", "takes", "late"),
    [("host", 8 * MS, 7 * MS), ("host", MS // 2, 0), ("kernel", 8 * MS, 0)],
)
def test_a_reader_that_makes_the_stamps_says_how_late_it_was(stamps: str, takes: int, late: int, frame: bool) -> None:
    clock = Clock()
    outbox = Outbox(clock)
    driver: Any = Driver(clock, stamps, takes, frame=frame)
    Receiver(driver, outbox, clock)._read(clock())
    assert HOST_BEAT_S < BEAT_S and outbox._batch().late_ns == late


def test_a_quiet_reader_rings_no_more_often_than_before() -> None:
    clock = Clock()
    outbox = Outbox(clock)
    driver: Any = Driver(clock, "host", MS, frame=False)
    receiver = Receiver(driver, outbox, clock)
    rung = []
    for _ in range(40):
        receiver._read(clock())
        rung.append(outbox._rung)
        outbox._rung = False
    assert sum(rung) == 10


def test_whoever_hands_over_says_how_late_that_was(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    outbox = Outbox(clock)
    sent: list[Batch] = []

    def nothing(timeout: float) -> NoReturn:
        clock.now += 20 * MS
        raise Empty

    class Connection:
        def send(self, batch: Batch) -> None:
            sent.append(batch)
            raise AdapterLost("enough")

    monkeypatch.setattr(outbox, "_bell", type("Bell", (), {"get": staticmethod(nothing)})())
    connection: Any = Connection()
    with pytest.raises(AdapterLost):
        outbox.deliver(connection)
    assert sent[0].late_ns == 20 * MS - round(LONGEST_BEAT_S * 1e9)
