"""Which compiled function a frame needs, by the number of its multiplexer; made when a number first occurs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from harness.errors import DecodeError
from harness.signals.layout import Selection

if TYPE_CHECKING:
    from harness.signals.definitions import SignalDef

Decoder = Callable[[bytes], Any]
"""Gives values for a payload that has the length of its message."""


class Encoder(Protocol):
    """Makes a payload from values by signal name."""

    def __call__(self, values: Mapping[str, Any], *, strict: bool = True) -> bytes: ...


class DecoderBranches(dict[float, Decoder]):
    """The functions behind the numbers of a multiplexer, made when a number first occurs."""

    def __init__(
        self, message: str, multiplexer: SignalDef, selection: Selection, build: Callable[[Selection], Decoder]
    ) -> None:
        super().__init__()
        self._message = message
        self._multiplexer = multiplexer
        self._selection = selection
        self._build = build
        self._built: dict[tuple[SignalDef, ...], Decoder] = {}

    def __missing__(self, number: float) -> Decoder:
        tree = self._selection.tree
        known = tree.numbers[self._multiplexer.name]
        if number not in known:
            raise DecodeError(unknown_number(self._message, self._multiplexer, int(number), known))
        inner = self._selection.select(int(number))
        # Thousands of numbers may select the same signals: they share one function.
        function = self._built.get(inner.signals)
        if function is None:
            function = self._built[inner.signals] = self._build(inner)
        self[number] = function
        return function


class EncoderBranches(dict[object, Encoder]):
    """The encoders behind the values of a multiplexer, made when a value first occurs."""

    def __init__(
        self, selection: Selection, scaled: bool, slow: Encoder, build: Callable[[Selection], Encoder]
    ) -> None:
        super().__init__()
        self._selection = selection
        self._scaled = scaled
        self._slow = slow
        self._build = build

    def __missing__(self, value: object) -> Encoder:
        # Only whole numbers are remembered; labels, fractions and errors need care, and care has its own function.
        if not isinstance(value, int):
            return self._slow
        multiplexer = self._selection.pending[0]
        raw = multiplexer.to_raw(value, strict=False) if self._scaled else value
        number = int(multiplexer.to_physical(raw))
        if number not in self._selection.tree.numbers[multiplexer.name]:
            return self._slow
        encoder = self[value] = self._build(self._selection.select(number))
        return encoder


def unknown_number(message: str, multiplexer: SignalDef, number: int, known: frozenset[int]) -> str:
    """What to tell about a multiplexer number that selects nothing."""
    numbers = sorted(known)
    shown = ", ".join(map(str, numbers[:12])) + (f", … ({len(numbers)} numbers)" if len(numbers) > 12 else "")
    return f"multiplexer '{message}.{multiplexer.name}' has number {number}; known are {shown}"
