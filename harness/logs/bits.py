"""Raw and physical values of one signal out of many payloads at once: words, shifts, scale and offset.

A payload is a row of 64-bit words. A signal of up to 64 bits lies in one of them or in two neighbours, so two shifts
bring it to the top and down again; the arithmetic is the codec's (:mod:`harness.signals.compile`), on arrays.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness.signals.definitions import SignalDef
from harness.signals.layout import Place, place_of

Numbers = NDArray[np.generic]
"""int64, uint64 or float64; Python's own integers (dtype object) where 64 bits do not suffice."""

WORD = 64
_INT64 = -(1 << 63), (1 << 63) - 1
_UINT64 = 0, (1 << 64) - 1


class Words:
    """The payloads of ``n`` frames as words: ``little(j)`` and ``big(j)`` are bytes ``8j`` to ``8j + 7`` as uint64[n].

    fetch: gives word ``j`` in little-endian order; asked once per word, and only for words that hold a signal.

    >>> words = Words(lambda j: np.array([0x0201, 0x0403], "<u8"))
    >>> [hex(number) for number in words.big(0).tolist()]
    ['0x102000000000000', '0x304000000000000']
    >>> words.subset(np.array([1])).little(0).tolist() == [0x0403]
    True
    """

    __slots__ = ("_big", "_fetch", "_little")

    def __init__(self, fetch: Callable[[int], NDArray[np.uint64]]) -> None:
        self._fetch = fetch
        self._little: dict[int, NDArray[np.uint64]] = {}
        self._big: dict[int, NDArray[np.uint64]] = {}

    def little(self, word: int) -> NDArray[np.uint64]:
        """Bytes ``8 * word`` and following, the first one least significant."""
        found = self._little.get(word)
        if found is None:
            found = self._little[word] = self._fetch(word)
        return found

    def big(self, word: int) -> NDArray[np.uint64]:
        """Bytes ``8 * word`` and following, the first one most significant."""
        found = self._big.get(word)
        if found is None:
            found = self._big[word] = self.little(word).byteswap()
        return found

    def subset(self, rows: NDArray[np.intp]) -> Words:
        """The same of some of the frames."""
        return Words(lambda word: self.little(word)[rows])


def raw_reader(signal: SignalDef) -> Callable[[Words], Numbers]:
    """A function that reads the raw values of a signal: int64, uint64 for 64 bits without sign, float64 for floats.

    Signals of more than 64 bits give Python integers (dtype object).

    >>> nibble = SignalDef("Nibble", "M", start=4, length=4, signed=True)
    >>> raw_reader(nibble)(Words(lambda j: np.array([0x70, 0xF0], np.uint64))).tolist()
    [7, -1]
    """
    place = place_of(signal)
    if place.bits > WORD:
        return _long_reader(place, signal.signed)
    top = _top_reader(place)
    if signal.is_float:
        return _float_reader(top, place.bits)
    if place.bits == WORD:
        return (lambda words: top(words).view(np.int64)) if signal.signed else top
    kind: type[np.int64 | np.uint64] = np.int64 if signal.signed else np.uint64
    down = kind(WORD - place.bits)

    def read(words: Words) -> Numbers:
        bits = top(words).view(kind)
        np.right_shift(bits, down, out=bits)
        return bits.view(np.int64)

    return read


def _top_reader(place: Place) -> Callable[[Words], NDArray[np.uint64]]:
    """A function that brings the bits to the top of a word, in an array of its own; what is below is undefined."""
    bits = place.bits
    if place.order == "little":
        word, at = divmod(8 * place.first + place.shift, WORD)
        beyond = at + bits - WORD
        if beyond <= 0:
            return _shifted_up(Words.little, word, -beyond)
        low_up, low_down, high_up = np.uint64(at - beyond), np.uint64(at), np.uint64(WORD - beyond)
        return lambda words: words.little(word + 1) << high_up | words.little(word) >> low_down << low_up
    word, at = divmod(8 * place.last + 8 - place.shift - bits, WORD)
    if at + bits <= WORD:
        return _shifted_up(Words.big, word, at)
    up, down = np.uint64(at), np.uint64(WORD - at)
    return lambda words: words.big(word) << up | words.big(word + 1) >> down


def _shifted_up(
    order: Callable[[Words, int], NDArray[np.uint64]], word: int, shift: int
) -> Callable[[Words], NDArray[np.uint64]]:
    if shift == 0:
        return lambda words: order(words, word).copy()
    up = np.uint64(shift)
    return lambda words: order(words, word) << up


def _float_reader(top: Callable[[Words], NDArray[np.uint64]], bits: int) -> Callable[[Words], Numbers]:
    if bits == WORD:
        return lambda words: top(words).view(np.float64)
    whole, real = {16: (np.uint16, np.float16), 32: (np.uint32, np.float32)}[bits]
    down = np.uint64(WORD - bits)
    return lambda words: (top(words) >> down).astype(whole).view(real).astype(np.float64)


def _long_reader(place: Place, signed: bool) -> Callable[[Words], Numbers]:
    count = place.last // 8 + 1
    sign = 1 << place.bits - 1 if signed else 0
    if place.order == "little":
        down = 8 * place.first + place.shift
        weights = [(Words.little, word, WORD * word) for word in range(count)]
    else:
        down = WORD * count - 8 * (place.last + 1) + place.shift
        weights = [(Words.big, word, WORD * (count - 1 - word)) for word in range(count)]

    def read(words: Words) -> Numbers:
        payload = np.zeros((), object)
        for order, word, weight in weights:
            payload = payload + (order(words, word).astype(object) << weight)
        bits: Numbers = (payload >> down & place.mask ^ sign) - sign
        return bits

    return read


def scaling(signal: SignalDef) -> Callable[[Numbers], Numbers]:
    """A function that makes physical values of raw ones, equal to the codec's in every bit and in kind.

    >>> scaling(SignalDef("Level", "Tank", start=0, length=8, scale=0.5))(np.array([3])).tolist()
    [1.5]
    """
    scale, offset = signal.scale, signal.offset
    scaled = scale != 1
    # As the codec has it: 0.0 makes a float of an integer, and 0.0 of -0.0; nothing else.
    shifted = bool(offset) or (isinstance(offset, float) and (isinstance(scale, int) or scale < 0))
    if not scaled and not shifted:
        return lambda raw: raw
    whole_scale = scale if isinstance(scale, int) else 1
    whole_offset = offset if isinstance(offset, int) else 0
    if signal.is_float or (scaled and isinstance(scale, float)):
        return _float_scaling(float(scale), float(offset), scaled, shifted)
    whole = _whole_scaling(signal, whole_scale, whole_offset)
    if isinstance(offset, int):
        return whole
    return lambda raw: whole(raw).astype(np.float64) + offset


def _float_scaling(scale: float, offset: float, scaled: bool, shifted: bool) -> Callable[[Numbers], Numbers]:
    def to_physical(raw: Numbers) -> Numbers:
        numbers = (raw * scale if scaled else raw).astype(np.float64, copy=False)  # type: ignore[operator]
        if not shifted:
            return numbers
        if not scaled:
            return numbers + offset
        numbers += offset
        return numbers

    return to_physical


def _whole_scaling(signal: SignalDef, scale: int, offset: int) -> Callable[[Numbers], Numbers]:
    low, high = sorted(int(raw) * scale + offset for raw in signal.raw_range)
    for kind, (lowest, highest) in ((np.int64, _INT64), (np.uint64, _UINT64)):
        if signal.length <= WORD and lowest <= low and high <= highest:
            # Arithmetic modulo 2**64: right whenever the result fits, whatever happens in between.
            factor, summand = np.uint64(scale % (1 << WORD)), np.uint64(offset % (1 << WORD))
            return lambda raw, kind=kind: (raw.view(np.uint64) * factor + summand).view(kind)  # type: ignore[misc]
    return lambda raw: raw.astype(object) * scale + offset
