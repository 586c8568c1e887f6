"""What a world knows of the lateness of a served vehicle: what that says itself, and how long its answer took."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.adapter.stimulation import Answer, Operation, Request, Status
from harness.bench.accounting import Accounting
from harness.bench.served import POLL_NS, USUAL_NS, Served
from harness.errors import Blocked
from harness.frames import Frame, Received
from harness.loop import Loop

MS = 1_000_000


class Far:
    """A served vehicle that is reached after ``way`` ns, and says that it was ``late`` ns late."""

    def __init__(self, *, way: int, late: int) -> None:
        self.way, self.late = way, late
        self.status = Status.DONE
        self.deaf = False
        self.loop = Loop()
        self.accounting = Accounting({"can": 0}, ["served vehicle"])
        line = SimpleNamespace(adapter=SimpleNamespace(send=self._send, spec="can"))
        self.served = Served(self.loop, cast(Any, line), self.accounting)

    def _send(self, node: str, frame: Frame, sent: Callable[[Received], object]) -> None:
        request = Request.of(frame)
        assert request is not None
        if self.deaf:
            return
        sent(Received(self.loop.now, "can", frame, node))
        answer = Answer(request.operation, request.number, self.status, self.late / 1e9).frame()
        self.loop.after(self.way, lambda: self.served.hear(self.loop.now, answer))

    def tell(self, status: Status) -> None:
        """Set a role from a callback; the vehicle answers with this status, as late as ever."""
        self.status = status
        self.loop.at(0, lambda: self.served.tell(Operation.PLANT, "supply_voltage", 6.0))
        self.loop.run_until(2 * self.way)

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


def test_what_was_told_before_frames_were_lost_takes_no_answer_of_a_later_question() -> None:
    far = Far(way=MS, late=0)
    far.deaf = True
    far.loop.at(0, lambda: far.served.tell(Operation.PLANT, "supply_voltage", 6.0))
    far.loop.run_until(MS)
    far.served.forgive()
    far.deaf = False
    for _ in range(300):  # the numbers of requests come round
        assert far.served.ask(Operation.PLANT_READ, "supply_voltage")[0] == 0.0


def test_what_a_callback_tells_it_has_to_take() -> None:
    Far(way=MS, late=0).tell(Status.DONE)
    with pytest.raises(Blocked, match="plant supply_voltage = 6: "):
        Far(way=MS, late=0).tell(Status.VALUE_REFUSED)
