"""The earliest possible truth of a formula: what is certain about which instant, whatever comes next.

Of every part of a formula two sets of instants are kept, those where it is certainly true and those where it is
certainly false. Both only grow: an atom learns what it was over the time that has passed, and every operator passes
on what follows from that, also about instants that still lie in the future or whose other parts are not known yet. So
``p & eventually(q, within=10 s)`` is false at once where p is false.
"""

from __future__ import annotations

from itertools import product

from harness.temporal.formula import And, Formula, Not, Or, Until, Window
from harness.temporal.online_spans import FOREVER, Spans


class Node:
    """A part of a formula, with what is certain about it. An atom is told from outside, by :meth:`learn`."""

    __slots__ = ("false", "keep", "listeners", "true")

    def __init__(self) -> None:
        self.true = Spans()
        self.false = Spans()
        self.listeners: list[Node] = []
        self.keep: int = 0
        """For how long (ns) what was learnt is needed."""

    def where(self, truth: bool) -> Spans:
        """The instants where it certainly is that."""
        return self.true if truth else self.false

    def learn(self, truth: bool, start: int, end: int) -> None:
        """It is certain from start to end (ns, both included)."""
        for first, last in self.where(truth).add(start, end):
            for listener in self.listeners:
                listener.told(self, truth, first, last)

    def told(self, part: Node, truth: bool, start: int, end: int) -> None:
        """A part became certain there."""

    def forget(self, now: int) -> None:
        """Drop what nobody needs any more once ``now`` (ns) is over."""
        self.true.forget(now - self.keep)
        self.false.forget(now - self.keep)


class _Opposite(Node):
    __slots__ = ()

    def told(self, part: Node, truth: bool, start: int, end: int) -> None:
        self.learn(not truth, start, end)


class _Joined(Node):
    """All of the parts (``every``), or some."""

    __slots__ = ("every", "parts")

    def __init__(self, parts: list[Node], every: bool) -> None:
        super().__init__()
        self.parts = parts
        self.every = every

    def told(self, part: Node, truth: bool, start: int, end: int) -> None:
        common = [(start, end)]
        if truth is self.every:
            for other in self.parts:
                if other is not part:
                    common = [each for first, last in common for each in other.where(truth).inside(first, last)]
        for first, last in common:
            self.learn(truth, first, last)


class _Sliding(Node):
    """Every, or some, instant of the window [t + start, t + end]; end None: to the end of time."""

    __slots__ = ("end", "every", "start")

    def __init__(self, start: int, end: int | None, every: bool) -> None:
        super().__init__()
        self.start = start
        self.end = end
        self.every = every

    def told(self, part: Node, truth: bool, start: int, end: int) -> None:
        if truth is not self.every:  # one instant decides all windows that it lies in
            self.learn(truth, -FOREVER if self.end is None else start - self.end, end - self.start)
        elif self.end is not None and (whole := part.where(truth).around(start)) is not None:
            first = max(whole[0] - self.start, start - self.end)
            last = min(whole[1] - self.end, end - self.start)
            if first <= last:
                self.learn(truth, first, last)


class _Reaching(Node):
    """``left`` holds until ``right`` does, however late.

    What is certain here reaches backwards: from where it is decided (true: ``right`` is; false: both are false) through
    the instants that hand it on (true: ``left`` is; false: ``right`` is).
    """

    __slots__ = ("left", "right")

    def __init__(self, left: Node, right: Node) -> None:
        super().__init__()
        self.left = left
        self.right = right

    def told(self, part: Node, truth: bool, start: int, end: int) -> None:
        if truth:
            decided = [(start, end)] if part is self.right else []
        else:
            other = self.left if part is self.right else self.right
            decided = [(start, end)] if other is part else other.false.inside(start, end)
        passing = (self.left if truth else self.right).where(truth)
        for first, last in decided:
            before = passing.around(first - 1)
            self.learn(truth, before[0] if before else first, last)
        handing = self.left if truth else self.right
        if part is handing and (whole := passing.around(start)) is not None:
            known = self.where(truth).inside(whole[0], whole[1] + 1)
            if known:
                self.learn(truth, whole[0], known[-1][1])


class TruthNet:
    """The nodes of several formulas. atoms: those to be told, with the formulas that they stand for.

    offsets: how far (ns) from an instant the atoms are looked at. So, after a change of an atom or the first instant
    that counts, it takes a difference of two offsets until something becomes certain although nothing else happened:
    a deadline is one.
    """

    def __init__(self) -> None:
        self.atoms: dict[Formula, Node] = {}
        self.offsets: set[int] = {0}
        self._nodes: list[Node] = []

    @property
    def delays(self) -> list[int]:
        """The differences, ns, more than 0, ascending."""
        return sorted({late - early for early, late in product(self.offsets, repeat=2) if late > early})

    def add(self, formula: Formula, keep: int) -> Node:
        """The node of a formula. keep: for how long (ns) what is known of it is needed."""
        return self._node(formula, keep, {0})

    def forget(self, now: int) -> None:
        """Drop what nobody needs any more once ``now`` (ns) is over."""
        for node in self._nodes:
            node.forget(now)

    def _node(self, formula: Formula, keep: int, at: set[int]) -> Node:
        """at: the offsets (ns) at which those above look at it."""
        if isinstance(formula, Not):
            return self._listening(_Opposite(), keep, [self._node(formula.operand, keep, at)])
        if isinstance(formula, And | Or):
            return self._joined([self._node(part, keep, at) for part in formula.parts], keep, isinstance(formula, And))
        if isinstance(formula, Window):
            start, end = formula.start, formula.end
            below = keep - start if end is not None else (formula.operand.horizon or 0)
            ends = {start} if end is None else {start, end}
            operand = self._node(formula.operand, below, {a + b for a, b in product(at, ends)})
            return self._listening(_Sliding(start, end, formula.every), keep, [operand])
        if isinstance(formula, Until):
            return self._until(formula, keep, at)
        self.offsets |= at
        if formula not in self.atoms:
            node = self.atoms[formula] = self._listening(Node(), keep, [])
        node = self.atoms[formula]
        node.keep = max(node.keep, keep)
        return node

    def _until(self, formula: Until, keep: int, at: set[int]) -> Node:
        """left over [t, t + start - 1]; and at t + start: right within the rest, and left until right."""
        start, end = formula.start, formula.end
        ends = {0, max(start - 1, 0), start} | ({end} if end is not None else set())
        both = {a + b for a, b in product(at, ends)}
        left = self._node(formula.left, keep, both)
        right = self._node(formula.right, keep, both)
        node: Node = _Reaching(left, right)
        node = self._listening(node, keep, [left, right])
        if end is not None:
            soon = self._listening(_Sliding(0, end - start, False), keep, [right])
            node = self._joined([soon, node], keep, True)
        if start:
            later = self._listening(_Sliding(start, start, True), keep, [node])
            first = self._listening(_Sliding(0, start - 1, True), keep, [left])
            node = self._joined([first, later], keep, True)
        return node

    def _joined(self, parts: list[Node], keep: int, every: bool) -> Node:
        parts = list(dict.fromkeys(parts))
        return parts[0] if len(parts) == 1 else self._listening(_Joined(parts, every), keep, parts)

    def _listening(self, node: Node, keep: int, parts: list[Node]) -> Node:
        node.keep = keep
        self._nodes.append(node)
        for part in dict.fromkeys(parts):
            part.listeners.append(node)
        return node
