"""Text of a recording as arrays: its lines, their words, and the numbers in these, many lines at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from harness.logs.source import LATEST

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

STRETCH = 1 << 18
"""Bytes of text that are read at once."""

_PAD = 256
_SPACE, _NEWLINE, _DOT, _ZERO = 32, 10, 46, 48
_LONGEST_NAME = 16
_BAD = 255

_HEX = np.full(256, _BAD, np.uint8)
for _digit, _char in enumerate(b"0123456789abcdef"):
    _HEX[[_char, ord(chr(_char).upper())]] = _digit


@dataclass(frozen=True, slots=True, eq=False)
class Words:
    """Whole lines of text, divided into words.

    text: the bytes, and some spaces behind. begin, end: of each word. first: index of the first word of each line.
    count: words of each line. lines: where each line begins, and one more for the end.
    """

    text: NDArray[np.uint8]
    begin: Ints
    end: Ints
    first: Ints
    count: Ints
    lines: Ints

    @classmethod
    def of(cls, text: bytes) -> Words:
        """The words of whole lines."""
        whole = np.frombuffer(text + b" " * _PAD, np.uint8)
        gap = whole <= _SPACE
        edges = np.flatnonzero(gap[1:] != gap[:-1]) + 1
        if not gap[0]:
            edges = np.concatenate((np.zeros(1, np.int64), edges))
        begin, end = edges[0::2], edges[1::2]
        breaks = np.flatnonzero(whole[: len(text)] == _NEWLINE) + 1
        if not text.endswith(b"\n"):
            breaks = np.append(breaks, len(text))
        lines = np.concatenate((np.zeros(1, np.int64), breaks))
        first = np.searchsorted(begin, lines)
        return cls(whole, begin, end, first[:-1], np.diff(first), lines)

    def line(self, index: int) -> str:
        """One line without white space at its ends."""
        line = self.text[self.lines[index] : self.lines[index + 1]].tobytes().strip()
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            # Comments and names in the code page of some tool; what a frame is written in is ASCII.
            return line.decode("latin-1")

    def word(self, rows: Ints, number: int | Ints) -> tuple[Ints, Ints]:
        """Begin and end of the n-th word of lines that have as many."""
        index = self.first[rows] + number
        return self.begin[index], self.end[index]

    def whole(self, begin: Ints, end: Ints, digits: int, base: int = 16) -> tuple[Ints, Flags]:
        """Numbers of up to so many digits, and which of them are some."""
        value = np.zeros(len(begin), np.int64)
        good = (end > begin) & (end - begin <= digits)
        longest = int((end - begin).max(initial=0))
        for place in range(min(digits, longest)):
            at = begin + place
            inside = at < end
            digit = _HEX[self.text[np.minimum(at, len(self.text) - 1)]]
            good &= ~inside | (digit < base)
            value = np.where(inside, value * base + digit, value)
        return value, good

    def seconds(self, begin: Ints, end: Ints) -> tuple[Ints, Flags]:
        """Times as ``12.345678``, in ns, and which of the words are some, earlier than :data:`LATEST`.

        Digits beyond the ninth are left out.
        """
        dots = np.append(np.flatnonzero(self.text == _DOT), len(self.text))
        dot = np.minimum(dots[np.searchsorted(dots, begin)], end)
        full, good = self.whole(begin, dot, 10, 10)
        digits = np.clip(end - dot - 1, 0, 9)
        part, fine = self.whole(dot + 1, dot + 1 + digits, 9, 10)
        good &= (full < LATEST // 10**9) & ((digits == 0) | fine)
        return full * 10**9 + part * 10 ** (9 - digits), good

    def octets(self, begin: Ints, count: Ints, stride: int, width: int) -> tuple[NDArray[np.uint8], Flags]:
        """Bytes of two hexadecimal digits, one every ``stride`` characters: uint8[n, width], and which are all some.

        With a stride above 2 they have to stand apart.
        """
        data = np.zeros((len(begin), width), np.uint8)
        good = count <= width
        for number in range(min(width, int(count.max(initial=0)))):
            at = begin + number * stride
            np.minimum(at, len(self.text) - 3, out=at)
            high, low = _HEX[self.text[at]], _HEX[self.text[at + 1]]
            inside = number < count
            good &= ~inside | ((high != _BAD) & (low != _BAD))
            if stride > 2:
                good &= ~inside | (self.text[at + 2] <= _SPACE)
            data[:, number] = np.where(inside, high << 4 | low & 15, 0)
        return data, good

    def names(self, begin: Ints, end: Ints) -> tuple[list[str], NDArray[np.intp], Flags]:
        """Different words, in the order in which they are found; which of them each is; and which are short enough."""
        size = end - begin
        letters = self.text[begin[:, None] + np.arange(_LONGEST_NAME)]
        letters[np.arange(_LONGEST_NAME) >= size[:, None]] = 0
        words = letters.view(np.uint64)
        which = np.full(len(begin), -1, np.intp)
        found: list[str] = []
        left = np.arange(len(begin))
        while len(left):
            same = np.all(words[left] == words[left[0]], axis=1)
            which[left[same]] = len(found)
            found.append(letters[left[0]].tobytes().rstrip(b"\0").decode("utf-8", "replace"))
            left = left[~same]
        return found, which, size <= _LONGEST_NAME


def stretches(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """A text in stretches of whole lines, each with the number of its first line, from 1. The last may lack its end."""
    number, rest = 1, b""
    while more := file.read(STRETCH):
        text = rest + more
        cut = text.rfind(b"\n") + 1
        if cut == 0 and len(text) < 8 * STRETCH:
            rest = text
            continue
        cut = cut or len(text)
        yield number, text[:cut]
        number += text.count(b"\n", 0, cut)
        rest = text[cut:]
    if rest:
        yield number, rest
