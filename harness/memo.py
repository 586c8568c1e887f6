"""Results of a function, remembered by argument."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TypeVar

Argument = TypeVar("Argument")
Value = TypeVar("Value")


class Memo(dict[Argument, Value]):
    """``memo[argument]`` calls the function once per argument; later on it costs a look-up in a dictionary.

    limit: how many results are kept; when there are more, all are forgotten. What the function raises comes up each
    time.

    >>> lengths = Memo(len)
    >>> lengths["frame"], lengths["frame"], dict(lengths)
    (5, 5, {'frame': 5})
    """

    __slots__ = ("_function", "_limit")

    def __init__(self, function: Callable[[Argument], Value], limit: int = sys.maxsize) -> None:
        super().__init__()
        self._function = function
        self._limit = limit

    def __missing__(self, argument: Argument) -> Value:
        value = self._function(argument)
        if len(self) >= self._limit:
            self.clear()
        self[argument] = value
        return value
