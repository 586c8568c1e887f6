"""Python source for one message: straight-line functions that decode and encode exactly its signals.

A generated function knows every byte, shift, scale and limit as a literal, which is several times faster than looking
them up per frame. What it cannot handle in a straight line it hands on: a payload of the wrong length to ``fit``, a
value that is not plainly in range (a label, a fraction, an error) to ``slow``. The source is readable:
``print(decode_source(...)[0])``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import inf
from struct import Struct
from struct import error as StructError
from typing import TYPE_CHECKING, Any, Literal

from harness.signals.layout import FLOAT_CODES, INTEGER_CODES, SIGNS, Place, place_of

if TYPE_CHECKING:
    from harness.signals.definitions import SignalDef

_EXACT_BITS = 50
"""Up to this length a scaled value that lies in range rounds to a raw value that fits; a float has 53 bits."""

Source = tuple[str, dict[str, Any]]
"""Source of one function named ``function``, and the names it uses."""


def compile_source(source: Source, title: str) -> Callable[..., Any]:
    """Make the function; ``title`` names it in tracebacks."""
    text, names = source
    exec(compile(text, f"<{title}>", "exec"), names)
    function: Callable[..., Any] = names["function"]
    return function


class _Reader:
    """Expressions that read raw values from the payload ``d``, sharing words between signals."""

    def __init__(self, signals: Sequence[SignalDef], length: int) -> None:
        self.length = length
        self.prelude: list[str] = []
        self.names: dict[str, Any] = {"F": int.from_bytes}
        self._expressions: dict[str, str] = {}
        places = [(signal, place_of(signal)) for signal in signals]
        for order in ("little", "big"):
            mine = [(signal, place) for signal, place in places if place.order == order]
            floats = [(signal, place) for signal, place in mine if signal.is_float and place.is_aligned]
            if floats:
                self._unpack_floats(floats, order)
            wide = [(s, p) for s, p in mine if p.size > 1 and s.name not in self._expressions]
            if length <= 8 and (len(wide) > 1 or any(place.size > 2 for _, place in wide)):
                self._one_word(wide, order)
            elif len(wide) > 2:
                self._word_grid(wide, order)
        for signal, place in places:
            if signal.name not in self._expressions:
                self._expressions[signal.name] = self._typed(signal, _direct(place, length))

    def raw(self, signal: SignalDef) -> str:
        """An expression for the raw value, safe to multiply."""
        return self._expressions[signal.name]

    def _unpack_floats(self, floats: list[tuple[SignalDef, Place]], order: str) -> None:
        layout, at, variables = SIGNS[order], 0, []
        for signal, place in sorted(floats, key=lambda pair: pair[1].first):
            if place.first < at:
                continue  # overlaps the one before: read by itself
            layout += f"{place.first - at}x{FLOAT_CODES[place.bits]}"
            at = place.last + 1
            variables.append(f"{order[0]}f{place.first}")
            self._expressions[signal.name] = variables[-1]
        unpack = f"U{order}"
        self.names[unpack] = Struct(f"{layout}{self.length - at}x").unpack
        self.prelude.append(f"{', '.join(variables)}, = {unpack}(d)")

    def _one_word(self, wide: list[tuple[SignalDef, Place]], order: Literal["little", "big"]) -> None:
        word = order[0]
        self.prelude.append(f"{word} = F(d, {order!r})")
        for signal, place in wide:
            bits = _masked(word, place.shift_in(self.length, order), place, 8 * self.length)
            self._expressions[signal.name] = self._typed(signal, bits)

    def _word_grid(self, wide: list[tuple[SignalDef, Place]], order: str) -> None:
        layout, variables = SIGNS[order], []
        for base in range(0, self.length, 8):
            size = min(8, self.length - base)
            inside = [(s, p) for s, p in wide if base <= p.first and p.last < base + size]
            if not inside or size not in INTEGER_CODES:
                layout += f"{size}x"
                continue
            word = f"{order[0]}{base}"
            variables.append(word)
            layout += INTEGER_CODES[size]
            for signal, place in inside:
                shift = place.shift + 8 * (place.first - base if order == "little" else base + size - 1 - place.last)
                self._expressions[signal.name] = self._typed(signal, _masked(word, shift, place, 8 * size))
        if variables:
            unpack = f"W{order}"
            self.names[unpack] = Struct(layout).unpack
            self.prelude.append(f"{', '.join(variables)}, = {unpack}(d)")

    def _typed(self, signal: SignalDef, bits: str) -> str:
        if signal.is_float:
            self.names[f"P{signal.length}"] = Struct("<" + FLOAT_CODES[signal.length]).unpack
            return f"P{signal.length}(({bits}).to_bytes({signal.length // 8}, 'little'))[0]"
        if signal.signed:
            sign = 1 << signal.length - 1
            return f"(({bits}^{sign})-{sign})"
        return f"({bits})" if any(symbol in bits for symbol in ">&|") else bits


def _masked(word: str, shift: int, place: Place, width: int) -> str:
    shifted = f"{word}>>{shift}" if shift else word
    return shifted if shift + place.bits == width else f"{shifted}&{place.mask}"


def _direct(place: Place, length: int) -> str:
    """The bits of one signal without help from others."""
    first, last = place.first, place.last
    if place.size == 1:
        return _masked(f"d[{first}]", place.shift, place, 8)
    if place.size == 2:
        low, high = (first, last) if place.order == "little" else (last, first)
        return _masked(f"(d[{low}]|d[{high}]<<8)", place.shift, place, 16)
    if length <= 8:
        return _masked(f"F(d, {place.order!r})", place.shift_in(length, place.order), place, 8 * length)
    return _masked(f"F(d[{first}:{last + 1}], {place.order!r})", place.shift, place, 8 * place.size)


def _physical(signal: SignalDef, raw: str) -> str:
    """``raw * scale + offset`` without the steps that change nothing."""
    if signal.scale != 1:
        raw = f"{raw}*{signal.scale!r}"
    # 0.0 makes a float of an integer, and 0.0 of -0.0; nothing else.
    if signal.offset or (isinstance(signal.offset, float) and (isinstance(signal.scale, int) or signal.scale < 0)):
        raw = f"{raw}+{signal.offset!r}"
    return raw


def range_source(ranges: Sequence[tuple[SignalDef, float, float]], length: int) -> Source:
    """A function of a payload: whether it has so many bytes and every raw value lies in its range, ends included.

    ranges: signal, smallest and largest raw value, which may be infinite; NaN lies in no range.
    """
    reader = _Reader([signal for signal, _, _ in ranges], length)
    conditions = []
    for signal, low, high in ranges:
        raw, (lowest, highest) = reader.raw(signal), signal.raw_range
        above, below = signal.is_float or low > lowest, signal.is_float or high < highest
        if above or below:
            conditions.append(f"{f'{low!r} <= ' if above else ''}{raw}{f' <= {high!r}' if below else ''}")
    lines = [f"if len(d) != {length}: return False", *reader.prelude, f"return {' and '.join(conditions) or True}"]
    return _function("d", lines), {**reader.names, "inf": inf}


def _value(reader: _Reader, signal: SignalDef, scaled: bool) -> str:
    return _physical(signal, reader.raw(signal)) if scaled else reader.raw(signal)


def decode_source(
    signals: Sequence[SignalDef], length: int, *, scaled: bool, checked: bool, fit: Callable[[bytes], bytes]
) -> Source:
    """``function(d) -> {name: value}`` for exactly these signals; with ``checked`` it looks at the length first."""
    reader = _Reader(signals, length)
    items = ", ".join(f"{signal.name!r}: {_value(reader, signal, scaled)}" for signal in signals)
    return _function("d", [*_length_check(length, checked), *reader.prelude, f"return {{{items}}}"]), {
        **reader.names,
        "fit": fit,
    }


def switch_source(
    multiplexer: SignalDef,
    length: int,
    *,
    checked: bool,
    fit: Callable[[bytes], bytes],
    branches: Mapping[float, Callable[[bytes], Any]],
) -> Source:
    """``function(d)`` that reads the number of a multiplexer and hands on to the function of that number."""
    reader = _Reader([multiplexer], length)
    number = number_expression(multiplexer, reader.raw(multiplexer))
    body = [*_length_check(length, checked), *reader.prelude, f"return branches[{number}](d)"]
    return _function("d", body), {**reader.names, "fit": fit, "branches": branches}


def number_expression(multiplexer: SignalDef, raw: str) -> str:
    """A multiplexer selects by its physical value, cut to a whole number, as cantools has it."""
    if isinstance(multiplexer.scale, int) and not multiplexer.is_float:
        return _physical(multiplexer, raw)
    return f"int({_physical(multiplexer, raw)})"


def raw_source(
    signal: SignalDef,
    length: int,
    path: Sequence[tuple[SignalDef, frozenset[int]]],
    *,
    fit: Callable[[bytes], bytes],
    absent: Callable[[bytes], None],
) -> Source:
    """``function(d) -> raw value`` of one signal; ``path`` are the multiplexers above it with the numbers it needs."""
    lines = _length_check(length, True)
    names: dict[str, Any] = {"F": int.from_bytes, "fit": fit, "absent": absent}
    for depth, (multiplexer, numbers) in enumerate(path):
        reader = _Reader([multiplexer], length)
        names |= reader.names
        number = number_expression(multiplexer, reader.raw(multiplexer))
        if len(numbers) == 1:
            test = f"{number} != {next(iter(numbers))}"
        else:
            names[f"numbers{depth}"] = numbers
            test = f"{number} not in numbers{depth}"
        lines += [*reader.prelude, f"if {test}: return absent(d)"]
    reader = _Reader([signal], length)
    names |= reader.names
    return _function("d", [*lines, *reader.prelude, f"return {reader.raw(signal)}"]), names


def encode_source(
    signals: Sequence[SignalDef],
    length: int,
    *,
    scaled: bool,
    slow: Callable[..., bytes],
) -> Source:
    """``function(v, *, strict=True) -> payload`` for exactly these signals, which must not overlap.

    Only the plain case is inlined: all names present and no other, every value a number of the expected kind, inside
    range and bits. Everything else ends in ``slow(v, strict=strict)``.
    """
    tests, raws = [f"len(v) == {len(signals)}"], []
    for index, signal in enumerate(signals):
        test, raw = _checked_raw(signal, f"a{index}", scaled)
        tests.append(test)
        raws.append(raw)
    payload, names = _payload(signals, raws, length)
    lines = [
        "if strict:",
        " try:",
        f"  if {' and '.join(tests)}:",
        f"   return {payload}",
        " except Unplain: pass",
        "return slow(v, strict=strict)",
    ]
    unplain = (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, StructError)
    names |= {"slow": slow, "Unplain": unplain}
    return _function("v, *, strict=True", lines), names


def _checked_raw(signal: SignalDef, name: str, scaled: bool) -> tuple[str, str]:
    """A test that binds ``name`` to a plainly allowed value, and the expression of its raw value."""
    raw_low, raw_high = signal.raw_range
    given = f"({name} := v[{signal.name!r}])"
    if not scaled or (signal.scale == 1 and isinstance(signal.scale, int) and isinstance(signal.offset, int)):
        # The raw value is the value, shifted: no division, and a fraction (which needs rounding) does not get far.
        offset = signal.offset if scaled else 0
        low, high = raw_low + offset, raw_high + offset
        raw = f"({name}-{offset})" if offset else name
    else:
        low, high = sorted(map(signal.to_physical, signal.raw_range))
        lessened = f"({name}-{signal.offset!r})" if signal.offset else name
        if isinstance(signal.scale, int) and isinstance(signal.offset, int) and not signal.is_float:
            lessened = f"({name}-{signal.offset!r})"
            raw = f"({lessened}//{signal.scale} if not {lessened}%{signal.scale} else round({lessened}/{signal.scale}))"
        elif signal.is_float:
            raw = f"{lessened}/{signal.scale!r}"
        else:
            raw = f"round({lessened}/{signal.scale!r})"
    if scaled:
        if signal.minimum is not None:
            low = max(low, signal.minimum)
        if signal.maximum is not None:
            high = min(high, signal.maximum)
    alike = 0.0 if signal.is_float else signal.scale if scaled else 0
    test = f"{_literal(low, alike)} <= {given} <= {_literal(high, alike)}"
    if raw.startswith("round") and signal.length > _EXACT_BITS:
        return f"{test} and {raw_low} <= ({name} := {raw}) <= {raw_high}", name
    return test, raw


def _literal(number: int | float, alike: int | float) -> str:
    """A limit, as an integer where it meets integers: Python compares equal kinds faster."""
    return repr(int(number) if isinstance(alike, int) and number == int(number) else float(number))


def _payload(signals: Sequence[SignalDef], raws: Sequence[str], length: int) -> tuple[str, dict[str, Any]]:
    """An expression that puts raw values together to a payload."""
    places = [place_of(signal) for signal in signals]
    names: dict[str, Any] = {"F": int.from_bytes}
    structure = _structure(signals, places, length)
    if structure is not None:
        layout, arranged = structure
        names["pack"] = Struct(layout).pack
        return f"pack({', '.join(raws[index] for index in arranged)})", names
    terms: dict[str, list[str]] = {"little": [], "big": []}
    wide = {place.order for place in places if place.size > 1}
    common: Literal["little", "big"] = "big" if wide == {"big"} else "little"
    for signal, place, raw in zip(signals, places, raws, strict=True):
        order = place.order if place.size > 1 else common
        if signal.is_float:
            names[f"B{signal.length}"] = Struct("<" + FLOAT_CODES[signal.length]).pack
            raw = f"F(B{signal.length}({raw}), 'little')"
        elif signal.signed:
            raw = f"({raw}&{place.mask})"
        shift = place.shift_in(length, order)
        terms[order].append(f"{raw}<<{shift}" if shift else f"({raw})" if " if " in raw else raw)
    numbers = {order: " | ".join(parts) for order, parts in terms.items() if parts}
    if not numbers:
        return repr(bytes(length)), names
    if len(numbers) == 2:
        turned = f"F(({numbers['little']}).to_bytes({length}, 'little'), 'big')"
        return f"({turned} | {numbers['big']}).to_bytes({length}, 'big')", names
    ((order_name, number),) = numbers.items()
    return f"({number}).to_bytes({length}, {order_name!r})", names


def _structure(signals: Sequence[SignalDef], places: Sequence[Place], length: int) -> tuple[str, list[int]] | None:
    """The :mod:`struct` layout of a payload of whole numbers of 1, 2, 4 or 8 bytes and floats; None for any other."""
    wide = {place.order for place in places if place.size > 1}
    if not signals or len(wide) > 1 or any(not p.is_aligned or p.size not in INTEGER_CODES for p in places):
        return None
    layout, at = SIGNS["big" if wide == {"big"} else "little"], 0
    order = sorted(range(len(places)), key=lambda index: places[index].first)
    for index in order:
        signal, place = signals[index], places[index]
        code = FLOAT_CODES[place.bits] if signal.is_float else INTEGER_CODES[place.size]
        layout += f"{place.first - at}x{code.lower() if signal.signed else code}"
        at = place.last + 1
    return f"{layout}{length - at}x", order


def _length_check(length: int, checked: bool) -> list[str]:
    return [f"if len(d) != {length}: d = fit(d)"] if checked else []


def _function(arguments: str, lines: Sequence[str]) -> str:
    return "\n".join([f"def function({arguments}):", *(f" {line}" for line in lines)])
