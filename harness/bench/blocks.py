"""Blocks of a test that begin with ``with``. Without that word nothing would be watched or disturbed, and all pass."""

from __future__ import annotations

from contextlib import AbstractContextManager
from types import TracebackType

from harness.errors import SignalError
from harness.loop import Loop


class Blocks:
    """The blocks that a test has asked for and not entered yet."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop
        self._waiting: list[_Block] = []

    def add(self, call: str, inner: AbstractContextManager[None]) -> AbstractContextManager[None]:
        """A block to be entered. call: what the test wrote for it, ``watch``."""
        block = _Block(self._loop, self._waiting, call, inner)
        self._waiting.append(block)
        return block

    def forgotten(self) -> list[SignalError]:
        """What is to be raised for those that were not entered since the last call."""
        calls = [block.call for block in self._waiting]
        self._waiting.clear()
        return [SignalError(f"bench.{call}(...) did nothing: write with bench.{call}(...):") for call in calls]


class _Block(AbstractContextManager[None]):
    def __init__(self, loop: Loop, waiting: list[_Block], call: str, inner: AbstractContextManager[None]) -> None:
        self._loop = loop
        self._waiting = waiting
        self._inner = inner
        self.call = call

    def __enter__(self) -> None:
        if self in self._waiting:
            self._waiting.remove(self)
        with self._loop.held():
            self._inner.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        with self._loop.held():
            return self._inner.__exit__(kind, error, trace)
