"""The served vehicle as a world reaches it: stimulation frames and answers, of which the guard sees neither."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING

from harness.adapter.stimulation import PROTOCOL, Answer, Operation, Request, Status, subject_of
from harness.errors import AdapterLost, Blocked, SimulationError, ValueRangeError
from harness.frames import Frame, Received
from harness.units import time_text

if TYPE_CHECKING:
    from harness.adapter.line import Line
    from harness.bench.accounting import Accounting
    from harness.loop import Loop

ANSWER_LIMIT_NS = 2_000_000_000
"""A served vehicle that has not answered by then is gone, or stands."""

POLL_NS = 50_000_000
"""How often it is asked how late it was, ns."""

USUAL_NS = 2_000_000
"""An answer takes so long, ns; one that takes longer shows that it, or what is between us, was late."""

SENT_LIMIT_NS = 30_000_000_000
"""For how long a request may wait to be sent."""

REPETITIONS = 2
"""How often a new vehicle is asked for again."""

OTHERS_LIMIT_NS = 500_000_000
"""For how long the same answer is waited for on the other channels."""

TESTER = "tester"
_NUMBER = 255  # of requests that no world makes


class Served:
    """The served vehicle, seen from one world. line: over which it is asked."""

    def __init__(self, loop: Loop, line: Line, accounting: Accounting) -> None:
        self._loop = loop
        self._line = line
        self._accounting = accounting
        self._number = 0
        self._answers: dict[int, Answer] = {}
        self._told: dict[int, str] = {}  # requests whose answers nobody waits for, and what they ask for
        self._told_at = 0  # when it last said how late it was
        self._unanswered: dict[int, int | None] = {}  # requests in their order: their numbers, and when they were sent

    def start(self) -> None:
        """Ask it how late it was, again and again."""
        self._loop.every(POLL_NS, self._poll)

    def hear(self, time: int, frame: Frame) -> bool:
        """Take a frame if it is an answer; whether it was one. Raises what a vehicle has to say that broke."""
        answer = Answer.of(frame)
        if answer is None:
            return Request.of(frame) is not None  # our own, on an interface with echo
        if answer.operation == Operation.BROKEN:
            raise SimulationError(f"the served vehicle broke: {Status.BROKEN.text}")
        if answer.operation == Operation.LATENESS:
            for late in self._accounting.served.values():
                late.note(time, max(round(answer.value * 1e9), self._on_the_way(time, answer.number)))
            self._told_at = time
        self._answered(answer.number)
        told = self._told.pop(answer.number, None)
        if told is None:
            self._answers[answer.number] = answer
        elif answer.status is not Status.DONE:
            raise Blocked(f"{told}: {answer.status.text}")
        return True

    def _on_the_way(self, time: int, number: int) -> int:
        """How late what is between us and it was at that time, as far as an answer shows it, ns."""
        sent = self._unanswered.get(number)
        return 0 if sent is None else max(0, time - sent - USUAL_NS)

    def _answered(self, number: int) -> None:
        """It answers in order: what it has left out, it never got."""
        if number not in self._unanswered:
            return
        left_out = []
        while (first := next(iter(self._unanswered))) != number:
            left_out.append(self._unanswered.pop(first))
        del self._unanswered[number]
        if left_out:
            raise Blocked(
                f"the served vehicle on {self._line.adapter.spec} answers, but has left out {len(left_out)} requests "
                f"since {time_text(left_out[0] or 0)}: it was started anew meanwhile, or frames are being lost"
            )

    def forgive(self) -> None:
        """Frames were lost on the way, which is known: what has not been answered yet need not be."""
        self._unanswered.clear()

    def ask(self, operation: Operation, subject: str = "", value: float = 0.0) -> tuple[float, int]:
        """Ask for something, wait for the answer, and return its value and when the request was on the bus, ns.

        Raises :class:`~harness.errors.Blocked` when there is no answer, or the served vehicle has no such role or
        node, :class:`~harness.errors.ValueRangeError` for a value that the role does not take.
        """
        at = self._loop.now
        sent: list[Received] = []
        request = Request(operation, self._next(), subject_of(subject) if subject else 0, value)
        self._told.pop(request.number, None)
        number = self._send(request, sent)
        # From when the request was on the bus: the world may be behind the clock.
        self._loop.run_until(at + SENT_LIMIT_NS, lambda: bool(sent) or number in self._answers)
        began = sent[0].time if sent else self._loop.now
        self._loop.run_until(began + ANSWER_LIMIT_NS, lambda: number in self._answers)
        answer = self._answers.pop(number, None)
        what = f"{operation.name.lower().replace('_', ' ')} {subject}".strip()
        if answer is None:
            raise self._gone(what)
        if answer.status is Status.VALUE_REFUSED:
            raise ValueRangeError(f"{subject} = {value:g}: {answer.status.text}")
        if answer.status is not Status.DONE:
            raise Blocked(f"{what}: {answer.status.text}")
        return answer.value, sent[0].time if sent else at

    def tell(self, operation: Operation, subject: str, value: float) -> None:
        """As :meth:`ask`, from a callback: does not wait for the answer. One that is not "done" stops the world."""
        request = Request(operation, self._next(), subject_of(subject), value)
        self._told[request.number] = f"{operation.name.lower()} {subject} = {value:g}"
        self._send(request, [])

    def settle(self) -> None:
        """Learn how late it was up to now."""
        if self._told_at < self._loop.now:
            self.ask(Operation.LATENESS)

    def _poll(self) -> None:
        # Counted from when it was asked: the test's own process may have stood still meanwhile.
        oldest = next(iter(self._unanswered.values()), None)
        if oldest is not None and self._loop.now - oldest > ANSWER_LIMIT_NS:
            raise self._gone("lateness")
        self._send(Request(Operation.LATENESS, self._next()), [])

    def _gone(self, what: str) -> Blocked:
        return Blocked(
            f"the served vehicle does not answer on {self._line.adapter.spec} within {time_text(ANSWER_LIMIT_NS)} "
            f"({what}): is `harness simulate` still running?"
        )

    def _send(self, request: Request, sent: list[Received]) -> int:
        number = request.number

        def was_sent(rx: Received) -> None:
            sent.append(rx)
            if number in self._unanswered:
                self._unanswered[number] = rx.time

        with self._loop.held():
            self._answers.pop(number, None)
            self._unanswered[number] = None
            self._line.adapter.send(TESTER, request.frame(), was_sent)
        return number

    def _next(self) -> int:
        self._number = (self._number + 1) % _NUMBER
        return self._number


def renew(line: Line, others: Iterable[Line]) -> dict[str, int]:
    """Ask for a factory-new vehicle before a world begins.

    Returns by channel from when on (ns of the clock) frames are the new vehicle's; those of the former one wait on the
    lines no more. Asks again where an answer may have been lost, as after a flood of frames. Raises
    :class:`~harness.errors.Blocked` without an answer.
    """
    number = _NUMBER
    while True:
        try:
            begins = {line.adapter.spec.channel: _ask(line, Operation.NEW_VEHICLE, number)[0]}
            break
        except AdapterLost:
            raise
        except Blocked:
            if number == _NUMBER - REPETITIONS:
                raise
            number -= 1  # so that a late answer is not taken for that of the next request
    for other in others:
        with suppress(Blocked):  # a channel on which nothing is served
            answer = other.wait_for(_answer_to(Operation.NEW_VEHICLE, number), OTHERS_LIMIT_NS, forget=True)
            begins[other.adapter.spec.channel] = answer[0]
    return begins


def greet(line: Line) -> None:
    """See whether a server is there that speaks our protocol. Raises :class:`~harness.errors.Blocked`."""
    version = _ask(line, Operation.HELLO)[1].value
    if version != PROTOCOL:
        raise Blocked(
            f"the served vehicle on {line.adapter.spec} speaks version {version:g} of the stimulation protocol, "
            f"this harness version {PROTOCOL}: run the same version on both sides"
        )


def _ask(line: Line, operation: Operation, number: int = _NUMBER) -> tuple[int, Answer]:
    try:
        time, answer = line.ask(
            Request(operation, number).frame(), _answer_to(operation, number), ANSWER_LIMIT_NS, TESTER,
            forget=operation is Operation.NEW_VEHICLE,
        )  # fmt: skip
    except AdapterLost:
        raise
    except Blocked as error:
        raise Blocked(
            f"no served vehicle answers on {line.adapter.spec}: start it with `harness simulate` ({error})"
        ) from error
    if answer.status is not Status.DONE:
        raise Blocked(f"{operation.name.lower()}: {answer.status.text}")
    return time, answer


def _answer_to(operation: Operation, number: int) -> Callable[[Frame], Answer | None]:
    def found(frame: Frame) -> Answer | None:
        answer = Answer.of(frame)
        return answer if answer is not None and (answer.operation, answer.number) == (operation, number) else None

    return found
