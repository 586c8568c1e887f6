"""What is wrong with a recording: kept while it is read, so that neither a frame nor the fault is lost."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class LogProblem:
    """Something in a recording that could not be read, or that no recording should hold.

    position: where it is, ``byte 1234`` or ``line 17`` of the file; of several of one kind the first.
    text: what it is, and what was made of it. count: how often it was seen, at least 1.

    >>> str(LogProblem("line 17", "is no frame", 3))
    'line 17: is no frame (and 2 more of this kind)'
    """

    position: str
    text: str
    count: int = 1

    def __str__(self) -> str:
        more = f" (and {self.count - 1} more of this kind)" if self.count > 1 else ""
        return f"{self.position}: {self.text}{more}"


class Problems:
    """Collects problems, one for each kind, so that a file of nothing but faults does not fill the memory.

    >>> problems = Problems()
    >>> for line in (17, 18):
    ...     problems.add("garbage", f"line {line}", "is no frame")
    >>> [str(problem) for problem in problems.found]
    ['line 17: is no frame (and 1 more of this kind)']
    """

    def __init__(self) -> None:
        self.found: list[LogProblem] = []
        self._index: dict[str, int] = {}

    def add(self, kind: str, position: str, text: str, count: int = 1) -> None:
        """Note a problem; of those of one ``kind`` the first keeps its position and text, the others are counted."""
        index = self._index.setdefault(kind, len(self.found))
        if index == len(self.found):
            self.found.append(LogProblem(position, text, count))
        else:
            known = self.found[index]
            self.found[index] = replace(known, count=known.count + count)

    def clear(self) -> None:
        """Forget all, in place: whoever holds :attr:`found` sees it."""
        self.found.clear()
        self._index.clear()
