"""A channel between two worlds: what waits for the next one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from harness.adapter.items import Batch, Heard, Reopened, Report, Sent, State, Trouble
from harness.adapter.line import Line
from harness.bus.port import ErrorState
from harness.errors import AdapterLost, Blocked
from harness.frames import Frame

SECOND = 1_000_000_000
OLD, ANSWER, NEW = Frame(1), Frame(2), Frame(3)


class Adapter:
    """An adapter whose reports the test makes. begun: how many worlds began on it; begins: what each finds there."""

    def __init__(self, *begins: tuple[Report, ...], reconnect: bool = False) -> None:
        self.spec = SimpleNamespace(reconnect=reconnect)
        self.begun, self.pid = 0, 4711
        self.comes_back: tuple[Report, ...] = ()
        self._begins = begins
        self._receive: Callable[[Batch], object] | None = None

    def begin(self, origin_ns: int, receive: Callable[[Batch], object], *, reconnect: bool) -> None:
        assert reconnect is self.spec.reconnect
        self._receive = receive
        found = self._begins[self.begun : self.begun + 1]
        self.begun += 1
        if found:
            self.report(*found[0])

    def recover(self) -> None:
        self.report(*self.comes_back)

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


def test_a_world_does_not_begin_on_an_adapter_that_is_gone_although_it_may_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("harness.adapter.line.RETURN_S", 0.01)
    with pytest.raises(AdapterLost, match=r"pulled \(still\)"):
        line_on(Adapter((Trouble(1, "pulled (still)", False, lost=True),), reconnect=True))


OFF, ON = State(3, ErrorState.BUS_OFF, "too many errors"), State(4, ErrorState.ACTIVE, "")


@pytest.mark.parametrize("back", [ON, Heard(4, OLD), Sent(4, "PEDAL", OLD), Reopened(4)])
def test_an_adapter_that_is_bus_off_is_asked_back_before_the_next_world(back: Report) -> None:
    adapter = Adapter()
    line = line_on(adapter)
    line.hand_over(lambda batch: None)
    adapter.report(OFF)
    adapter.comes_back = (back,)
    line.begin()
    assert adapter.begun == 2
    line.begin()  # it is there: nobody has to ask
    assert adapter.begun == 3


def test_one_that_stays_bus_off_blocks_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.adapter.line.RETURN_S", 0.01)
    adapter = Adapter()
    line = line_on(adapter)
    adapter.report(OFF)
    adapter.comes_back = (Trouble(4, "the way back from bus-off: it needs the right CAP_NET_ADMIN", False),)
    for _ in range(2):
        with pytest.raises(Blocked, match=r"bus-off since an earlier test, .* \(the way back .* CAP_NET_ADMIN\)"):
            line.begin()
    assert adapter.begun == 1


def test_one_that_a_new_process_has_opened_has_forgotten_it() -> None:
    adapter = Adapter()
    line = line_on(adapter)
    adapter.report(OFF)
    adapter.pid += 1
    line.begin()
    assert adapter.begun == 2
