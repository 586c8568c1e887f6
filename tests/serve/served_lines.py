"""Lines without an outside: what a served vehicle hands out is kept, what a tester sends is handed in by the test."""

from __future__ import annotations

from threading import Condition, get_ident

from harness.adapter.stimulation import Answer, Operation, Request, subject_of
from harness.frames import Frame, Received
from harness.serve.line import LineCounts, Receive
from harness.wall import clock_ns

WAIT_S = 30.0
"""Only what hangs exceeds it."""


class KeptLine:
    """A line whose outgoing frames are kept in the order in which they were handed over."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.counts = LineCounts()
        self.seen: list[Received] = []
        self.closed = False
        self._arrived = Condition()
        self._receive: Receive | None = None

    def start(self, receive: Receive) -> None:
        self._receive = receive

    def send(self, rx: Received) -> None:
        with self._arrived:
            self.seen.append(rx)
            self._arrived.notify_all()

    def stop(self) -> None:
        self._receive = None

    def close(self) -> None:
        self.stop()
        self.closed = True

    def hand_in(self, frame: Frame) -> None:
        """A tester's frame comes, in this thread."""
        assert self._receive is not None
        self._receive(frame, clock_ns())

    def wait(self, count: int, after: int = 0) -> list[Received]:
        """The frames from number ``after`` on, as soon as there are ``count`` of them."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.seen) >= after + count, WAIT_S), "nothing comes"
            return self.seen[after:]

    def answers(self, count: int = 1, after: int = 0) -> list[Answer]:
        """The answers since number ``after`` of :attr:`seen`, as soon as there are ``count`` of them."""

        def found() -> list[Answer]:
            return [each for rx in self.seen[after:] if (each := Answer.of(rx.frame)) is not None]

        with self._arrived:
            assert self._arrived.wait_for(lambda: len(found()) >= count, WAIT_S), f"only {found()}"
            return found()

    def ask(self, operation: int, name: str = "", value: float = 0.0, number: int = 7) -> Answer:
        """Hand a request in, and wait for its answer."""
        after = len(self.seen)
        self.hand_in(Request(operation, number, subject_of(name) if name else 0, value).frame())
        count = 1
        while True:
            answer = self.answers(count, after)[count - 1]
            if (answer.operation, answer.number) == (operation, number):
                return answer
            assert answer.operation == Operation.BROKEN, f"not asked for, by thread {get_ident()}: {answer}"
            count += 1
