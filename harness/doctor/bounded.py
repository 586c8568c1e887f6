"""Work that may hang, in a thread of its own: it is given up after a while, and dies with the process."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread
from typing import Generic, TypeVar

from harness.errors import AdapterError

Found = TypeVar("Found")


class Attempt(Generic[Found]):
    """``work`` begins at once, in a thread. what: what it is, for the message when it hangs.

    >>> Attempt(lambda: 6 * 7, "arithmetic").result(1.0)
    42
    """

    def __init__(self, work: Callable[[], Found], what: str) -> None:
        self._what = what
        self._found: list[Found] = []
        self._error: Exception | None = None
        self._thread = Thread(target=self._run, args=(work,), name=f"doctor: {what}", daemon=True)
        self._thread.start()

    def result(self, limit_s: float) -> Found:
        """What it returned, or the exception that it raised, here.

        Raises :class:`~harness.errors.AdapterError` when there is neither after ``limit_s`` s.
        """
        try:
            self._thread.join(limit_s)
        except KeyboardInterrupt:
            self._thread.join(limit_s)  # so that what it has opened is closed
            raise
        if self._error is not None:
            raise self._error
        if not self._found:
            raise AdapterError(f"{self._what} hangs: no answer for {limit_s:g} s; unplug it and plug it in again")
        return self._found[0]

    def _run(self, work: Callable[[], Found]) -> None:
        try:
            self._found.append(work())
        except Exception as error:  # noqa: BLE001  # handed on by result()
            self._error = error
