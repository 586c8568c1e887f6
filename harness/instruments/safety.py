"""The safe state of a bench: reached in a declared order, confirmed one by one, and said in one line."""

from __future__ import annotations

import signal
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from threading import RLock, current_thread, main_thread
from types import FrameType
from typing import Any, NoReturn, Protocol


class HasSafeState(Protocol):
    """An instrument, or a channel."""

    @property
    def name(self) -> str:
        """Its name on the bench."""

    def safe(self) -> str:
        """Reach the safe state, and return what was confirmed ("" for none needed); raise when it cannot be."""


@dataclass(frozen=True, slots=True)
class SafeResult:
    """What became of one of them. text: the state that was confirmed, or the reason why it could not be."""

    name: str
    confirmed: bool
    text: str


@dataclass(frozen=True, slots=True)
class SafeReport:
    """What became of all of them, in the order in which they were reached.

    >>> print(SafeReport((SafeResult("supply", True, "off"), SafeResult("relay", True, "main open"))))
    safe state confirmed: supply off, relay main open
    >>> print(SafeReport((SafeResult("supply", False, "no answer"), SafeResult("relay", True, "main open"))))
    safe state NOT confirmed: supply (no answer); confirmed: relay main open
    """

    results: tuple[SafeResult, ...] = ()

    @property
    def confirmed(self) -> bool:
        """Whether nothing is left that could not be confirmed."""
        return all(result.confirmed for result in self.results)

    def __str__(self) -> str:
        good = ", ".join(f"{result.name} {result.text}" for result in self.results if result.confirmed)
        bad = ", ".join(f"{result.name} ({result.text})" for result in self.results if not result.confirmed)
        if bad:
            return f"safe state NOT confirmed: {bad}" + (f"; confirmed: {good}" if good else "")
        return f"safe state confirmed: {good or 'nothing has one to reach'}"

    def to_json(self) -> dict[str, Any]:
        """As values that JSON knows."""
        return {"results": [asdict(result) for result in self.results]}

    @classmethod
    def from_json(cls, content: Mapping[str, Any]) -> SafeReport:
        """The inverse of :meth:`to_json`. Raises ``KeyError`` or ``TypeError`` when it is none."""
        return cls(tuple(SafeResult(**each) for each in content["results"]))


class Safety:
    """All that has a safe state, in the order in which it is to be reached."""

    def __init__(self, members: Iterable[HasSafeState] = ()) -> None:
        self._members = list(members)
        self._lock = RLock()
        self.report: SafeReport | None = None
        """What :meth:`reach` found last; None before."""

    def add(self, member: HasSafeState) -> None:
        """One more, the last one to be reached."""
        self._members.append(member)

    def reach(self) -> SafeReport:
        """Bring all of them into the safe state. May be called at any time, from any thread, again and again.

        One that fails never keeps the others from being reached. Neither does Ctrl-C, nor another signal that raises:
        the one that it interrupted is tried once more, the others follow, and then the interrupt goes on;
        :attr:`report` is there all the same.
        """
        with self._lock:
            interrupts: list[BaseException] = []
            results = [result for member in self._members if (result := _reach(member, interrupts)) is not None]
            self.report = SafeReport(tuple(results))
        if interrupts:
            raise interrupts[0]
        return self.report


def _reach(member: HasSafeState, interrupts: list[BaseException]) -> SafeResult | None:
    reason = ""
    for _ in range(2):
        try:
            text = member.safe()
        except Exception as error:  # noqa: BLE001  # its reason goes into the report
            text = str(error).removeprefix(f"{member.name} on ") or type(error).__name__
            return SafeResult(member.name, False, text)
        except BaseException as interrupt:  # noqa: BLE001  # raised again when all have been reached
            interrupts.append(interrupt)
            reason = f"interrupted by {type(interrupt).__name__}"
        else:
            return SafeResult(member.name, True, text) if text else None
    return SafeResult(member.name, False, reason)


@contextmanager
def raising_on_sigterm() -> Iterator[None]:
    """In this block SIGTERM raises ``SystemExit(143)`` in the main thread, so that ``finally`` blocks run.

    Does nothing when it is entered from another thread. The former handler is put back at the end.
    """
    if current_thread() is not main_thread():
        yield
        return

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
