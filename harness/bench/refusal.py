"""Why hardware could not be opened, remembered for a while: not every test of a run has to find it out anew."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from harness.errors import Blocked
from harness.units import rough_text, time_text
from harness.wall import clock_ns

AGAIN_NS = 5_000_000_000
"""So long after a refusal it is tried again, ns: a test that opens nothing is over in milliseconds, and an adapter that
was plugged in again is found within these."""


class Refusal:
    """What was refused last.

    >>> refusal = Refusal(clock=lambda: 0)
    >>> for _ in range(2):
    ...     try:
    ...         with refusal.trying():
    ...             raise Blocked("no adapter")
    ...     except Blocked as error:
    ...         print(error)
    no adapter
    no adapter (0 s ago; it is tried again after 5 s)
    """

    def __init__(self, clock: Callable[[], int] = clock_ns) -> None:
        self._clock = clock
        self._error: Blocked | None = None
        self._at = 0

    @contextmanager
    def trying(self) -> Iterator[None]:
        """A block that opens something. Raises :class:`~harness.errors.Blocked` instead, when that was refused lately.

        Every other error goes by unremembered.
        """
        ago = self._clock() - self._at
        if self._error is not None and ago < AGAIN_NS:
            again = f"{rough_text(ago)} ago; it is tried again after {time_text(AGAIN_NS)}"
            raise Blocked(f"{self._error} ({again})") from self._error
        self._error = None
        try:
            yield
        except Blocked as error:
            self._error, self._at = error, self._clock()
            raise
