"""What a world knows of the lateness of a served vehicle: what that says itself, and how long its answer took."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.adapter.stimulation import Answer, Operation, Request, Status
from harness.bench.accounting import Accounting
from harness.bench.served import POLL_NS, USUAL_NS, Served
from harness.frames import Frame, Received
from harness.loop import Loop

MS = 1_000_000


class Far:
    """A served vehicle that is reached after ``way`` ns, and says that it was ``late`` ns late."""

    def __init__(self, *, way: int, late: int) -> None:
        self.way, self.late = way, late
        self.loop = Loop()
        self.accounting = Accounting({"can": 0}, ["served vehicle"])
        line = SimpleNamespace(adapter=SimpleNamespace(send=self._send, spec="can"))
        self.served = Served(self.loop, cast(Any, line), self.accounting)

    def _send(self, node: str, frame: Frame, sent: Callable[[Received], object]) -> None:
        request = Request.of(frame)
        assert request is not None
        sent(Received(self.loop.now, "can", frame, node))
        answer = Answer(Operation.LATENESS, request.number, Status.DONE, self.late / 1e9).frame()
        self.loop.after(self.way, lambda: self.served.hear(self.loop.now, answer))

    def known(self) -> int:
        self.served.start()
        self.loop.run_until(POLL_NS + 2 * self.way)
        return self.accounting.late(0, self.loop.now)


@pytest.mark.parametrize(
    ("way", "late", "known"),
    [
        pytest.param(USUAL_NS, 0, 0, id="as usual"),
        pytest.param(USUAL_NS, 7 * MS, 7 * MS, id="it was late"),
        pytest.param(USUAL_NS + 11 * MS, 0, 11 * MS, id="the way was long"),
        pytest.param(USUAL_NS + 11 * MS, 7 * MS, 11 * MS, id="the way was long as it was late"),
    ],
)
def test_it_is_as_late_as_it_says_or_as_its_answer_shows(way: int, late: int, known: int) -> None:
    assert Far(way=way, late=late).known() == known
