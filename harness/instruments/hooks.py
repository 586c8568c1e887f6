"""Where an instrument says what it does, what it reads, and that it broke."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from harness.errors import InstrumentError


def _ignore(*_: object) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """The ears of whoever opened the instrument. They are called from any thread, and must not wait.

    note: one line about what the instrument did, for the run's evidence. line: one line that a console read
    (:func:`harness.wall.clock_ns` of its end, text). failure: a thread of the instrument has ended with this error.
    """

    note: Callable[[str], object] = _ignore
    line: Callable[[int, str], object] = _ignore
    failure: Callable[[InstrumentError], object] = _ignore
