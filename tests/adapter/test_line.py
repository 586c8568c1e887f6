"""A channel between two worlds: what waits for the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from harness.adapter.items import Batch, Heard, Reopened, Report, Trouble
from harness.adapter.line import Line
from harness.errors import AdapterLost, Blocked
from harness.frames import Frame

SECOND = 1_000_000_000
OLD, ANSWER, NEW = Frame(1), Frame(2), Frame(3)


class Adapter:
    """An adapter whose reports the test makes. begun: how many worlds began on it; begins: what each finds there."""

    def __init__(self, *begins: tuple[Report, ...]) -> None:
        self.spec = SimpleNamespace()
        self.begun = 0
        self._begins = begins
        self._receive: Callable[[Batch], object] | None = None

    def begin(self, origin_ns: int, receive: Callable[[Batch], object]) -> None:
        self._receive = receive
        found = self._begins[self.begun : self.begun + 1]
        self.begun += 1
        if found:
            self.report(*found[0])

    def send(self, node: str, frame: Frame) -> None:
        self.report(Heard(5, OLD), Heard(7, OLD), Heard(7, ANSWER), Heard(7, NEW))

    def report(self, *items: Report) -> None:
        assert self._receive is not None
        self._receive(Batch(0, 0, items))


def line_on(adapter: Adapter) -> Line:
    unchecked: Any = adapter
    line = Line(unchecked)
    line.begin()
    return line


def is_answer(frame: Frame) -> str | None:
    return "it" if frame is ANSWER else None


@pytest.mark.parametrize(("forget", "left"), [(False, [OLD, OLD, ANSWER, NEW]), (True, [ANSWER, NEW])])
def test_what_came_before_the_answer_is_forgotten_on_request_whatever_its_stamp(
    forget: bool, left: list[Frame]
) -> None:
    line = line_on(Adapter())
    assert line.ask(Frame(9), is_answer, SECOND, "tester", forget=forget) == (7, "it")
    batches: list[Batch] = []
    line.hand_over(batches.append)
    assert [item.frame for batch in batches for item in batch.items if isinstance(item, Heard)] == left


def test_no_answer_blocks() -> None:
    with pytest.raises(Blocked, match=r"no answer on .* within 1 ms"):
        line_on(Adapter()).wait_for(is_answer, 1_000_000)


def test_a_lost_adapter_gives_no_answer() -> None:
    adapter = Adapter()
    line = line_on(adapter)
    adapter.report(Trouble(1, "pulled", True))
    with pytest.raises(AdapterLost, match="pulled"):
        line.wait_for(is_answer, SECOND)


def test_a_world_waits_for_an_adapter_that_is_being_put_in_again() -> None:
    adapter = Adapter((Trouble(1, "pulled (still)", True),))
    threading.Timer(0.05, adapter.report, [Reopened(2)]).start()
    line = line_on(adapter)
    assert adapter.begun == 2
    batches: list[Batch] = []
    line.hand_over(batches.append)
    assert not batches


def test_an_adapter_that_does_not_come_back_is_told_to_the_world() -> None:
    adapter = Adapter((Trouble(1, "pulled (still)", True),))
    line = line_on(adapter)
    assert adapter.begun == 1
    batches: list[Batch] = []
    line.hand_over(batches.append)
    assert [item.text for batch in batches for item in batch.items if isinstance(item, Trouble)] == ["pulled (still)"]
