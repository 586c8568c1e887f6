"""Payload to signals and back, compiled per message on first use.

>>> from harness.signals.definitions import MessageDef, SignalDef
>>> speed = SignalDef("Speed", "Wheel", start=0, length=16, scale=0.01, unit="km/h", maximum=300, minimum=0)
>>> gear = SignalDef("Gear", "Wheel", start=16, length=2, choices={0: "P", 1: "D"})
>>> codec = MessageDef("Wheel", 0x123, 3, (speed, gear)).codec
>>> codec.encode({"Speed": 12.5, "Gear": "D"}).hex()
'e20401'
>>> codec.decode(b"\\xe2\\x04\\x01")
{'Speed': 12.5, 'Gear': 1}
>>> codec.signal_raw("Gear")(b"\\xe2\\x04\\x01"), codec.text("Gear", 1)
(1, 'D')
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from harness.errors import DecodeError, UnknownSignalError, ValueRangeError, nearest
from harness.signals.branches import Decoder, DecoderBranches, Encoder, EncoderBranches, unknown_number
from harness.signals.compile import (
    compile_source,
    decode_source,
    encode_source,
    raw_source,
    switch_source,
)
from harness.signals.layout import Selection, overlapping, root_selection
from harness.signals.writer import Writer, make_writer

if TYPE_CHECKING:
    from harness.signals.definitions import SignalDef


class Codec:
    """Decodes and encodes the payload of one message.

    The functions are compiled when they are first called, each by itself, and then replace the attribute: look them
    up on the codec rather than keep one from before its first call, which works but goes a longer way.

    ``decode(data)`` gives the physical values of exactly the signals that the frame carries (multiplexed ones only
    when selected), numbers also where a value table has a label. ``decode_raw(data)`` gives raw values.
    Both raise :class:`~harness.errors.DecodeError` when the payload is shorter than the message or a multiplexer has
    a number that selects nothing. Bytes beyond the message's length are ignored.

    ``encode(values, strict=True)`` takes physical numbers or labels, ``encode_raw(values, strict=True)`` raw values,
    of exactly the signals that the multiplexers select. Bits of no signal are 0. Raises
    :class:`~harness.errors.ValueRangeError` for a value outside range or bits, for an unknown multiplexer number, and
    for two signals that share bits and differ there; :class:`~harness.errors.UnknownSignalError` for a signal that is
    missing, unknown or not selected. ``encode_raw`` knows no range but the bits.
    With ``strict=False`` a value is sent as far as the bits go, a missing one is the start value, a superfluous one
    is ignored, and of signals that share bits the last wins.
    """

    __slots__ = (
        "_always",
        "_checks",
        "_compiled",
        "_labels",
        "_length",
        "_message",
        "_readers",
        "_shared",
        "_signals",
        "_writers",
        "decode",
        "decode_raw",
        "encode",
        "encode_raw",
    )

    decode: Callable[[bytes], dict[str, int | float]]
    decode_raw: Callable[[bytes], dict[str, int | float]]
    encode: Encoder
    encode_raw: Encoder

    def __init__(self, message: str, length: int, signals: Sequence[SignalDef], container: bool = False) -> None:
        self._message = message
        self._length = length
        self._signals = {signal.name: signal for signal in signals}
        self._always: Selection | None = None
        self._compiled: set[str] = set()
        self._labels: dict[tuple[str, str], int | float] = {}
        self._shared: dict[tuple[SignalDef, ...], bool] = {}
        self._checks: Decoder | None = None
        self._readers: dict[str, Callable[[bytes], int | float | None]] = {}
        self._writers: dict[str, Writer] = {}
        self.decode = partial(self._first_decode, True)
        self.decode_raw = partial(self._first_decode, False)
        self.encode = partial(self._first_encode, True)
        self.encode_raw = partial(self._first_encode, False)
        if container:
            self._checks = self.decode = self.decode_raw = self._refuse
            self.encode = self.encode_raw = self._refuse_values

    def signal_raw(self, name: str) -> Callable[[bytes], int | float | None]:
        """A function that reads one signal's raw value from a payload and nothing else: the fast path.

        It gives None for a frame that does not carry the signal (another multiplexer number is selected), and raises
        :class:`~harness.errors.DecodeError` as :attr:`decode` does. Raises
        :class:`~harness.errors.UnknownSignalError` for a signal that the message does not have.
        """
        reader = self._readers.get(name)
        if reader is None:
            signal, tree = self._signal(name), self._root().tree
            path: list[tuple[SignalDef, frozenset[int]]] = []
            above = signal
            while above.multiplexer is not None:
                numbers = frozenset(above.multiplexer_ids)
                above = self._signal(above.multiplexer)
                if above.name in tree.numbers:
                    path.insert(0, (above, numbers))
            source = raw_source(signal, self._length, path, fit=self._fit, absent=self._absent)
            reader = self._readers[name] = compile_source(source, f"read {self._message}.{name}")
        return reader

    def text(self, name: str, raw: int | float) -> str | None:
        """The label of a signal's raw value; None where its value table has none."""
        return self._signal(name).text(raw)

    def decodable(self, data: bytes) -> str | None:
        """Why :attr:`decode` would refuse this payload; None when it would not. Looks at length and multiplexers only.

        >>> from harness.signals.definitions import MessageDef
        >>> MessageDef("Wheel", 0x123, 3).codec.decodable(b"\\x00")
        "message 'Wheel' has 3 bytes, the frame has 1"
        """
        if len(data) < self._length:
            return self._too_short(data)
        if self._checks is None:
            if not self._root().pending:
                return None
            self._checks = self._decoder(self._root(), lambda selection, checked: _nothing, checked=True)
        try:
            self._checks(data)
        except DecodeError as error:
            return str(error)
        return None

    def writer(self, name: str) -> Writer:
        """A function that puts one raw value into a payload in place: ``write(data: bytearray, raw)``.

        The other bits stay as they are. A multiplexed signal is written whether or not it is selected. The function
        raises :class:`~harness.errors.ValueRangeError` when the bits cannot hold the value.

        >>> from harness.signals.definitions import MessageDef, SignalDef
        >>> counter = SignalDef("Counter", "Wheel", start=4, length=4)
        >>> data = bytearray(b"\\xff")
        >>> MessageDef("Wheel", 0x123, 1, (counter,)).codec.writer("Counter")(data, 3)
        >>> data.hex()
        '3f'
        """
        writer = self._writers.get(name)
        if writer is None:
            writer = self._writers[name] = make_writer(self._signal(name))
        return writer

    def selected(self, values: Mapping[str, Any]) -> tuple[SignalDef, ...]:
        """The signals of a frame whose multiplexers have these values (physical or labels).

        A multiplexer that is not among the values has its start value; an unknown number selects nothing.
        """
        raws = {
            name: self._signals[name].to_raw(value, strict=False)
            for name, value in values.items()
            if name in self._root().tree.numbers
        }
        return self._selected(raws, strict=False)

    def _signal(self, name: str) -> SignalDef:
        try:
            return self._signals[name]
        except KeyError:
            close = nearest(name, self._signals)
            raise UnknownSignalError(f"message '{self._message}' has no signal {name!r}{close}") from None

    def _refuse(self, data: bytes) -> NoReturn:
        raise DecodeError(f"message '{self._message}' is an AUTOSAR container of other messages: not supported")

    def _refuse_values(self, values: Mapping[str, Any], *, strict: bool = True) -> NoReturn:
        self._refuse(b"")

    def _root(self) -> Selection:
        if self._always is None:
            self._always = root_selection(tuple(self._signals.values()))
        return self._always

    # --- decoding

    def _first_decode(self, scaled: bool, data: bytes) -> dict[str, int | float]:
        def leaf(selection: Selection, checked: bool) -> Decoder:
            source = decode_source(selection.signals, self._length, scaled=scaled, checked=checked, fit=self._fit)
            return compile_source(source, f"decode {self._message}")

        name = "decode" if scaled else "decode_raw"
        if name not in self._compiled:
            self._compiled.add(name)
            setattr(self, name, self._decoder(self._root(), leaf, checked=True))
        decoded: dict[str, int | float] = getattr(self, name)(data)
        return decoded

    def _decoder(self, selection: Selection, leaf: Callable[[Selection, bool], Decoder], *, checked: bool) -> Decoder:
        """A function for a selection: a leaf when it is complete, else a switch over the next multiplexer."""
        if not selection.pending:
            return leaf(selection, checked)
        multiplexer = selection.pending[0]
        branches = DecoderBranches(
            self._message, multiplexer, selection, lambda inner: self._decoder(inner, leaf, checked=False)
        )
        source = switch_source(multiplexer, self._length, checked=checked, fit=self._fit, branches=branches)
        return compile_source(source, f"switch {self._message}.{multiplexer.name}")

    def _fit(self, data: bytes) -> bytes:
        if len(data) < self._length:
            raise DecodeError(self._too_short(data))
        return data[: self._length]

    def _too_short(self, data: bytes) -> str:
        return f"message '{self._message}' has {self._length} bytes, the frame has {len(data)}"

    def _absent(self, data: bytes) -> None:
        reason = self.decodable(data)
        if reason is not None:
            raise DecodeError(reason)

    # --- encoding

    def _first_encode(self, scaled: bool, values: Mapping[str, Any], *, strict: bool = True) -> bytes:
        name = "encode" if scaled else "encode_raw"
        if name not in self._compiled:
            self._compiled.add(name)
            setattr(self, name, self._encoder(self._root(), scaled))
        encoder: Encoder = getattr(self, name)
        return encoder(values, strict=strict)

    def _encoder(self, selection: Selection, scaled: bool) -> Encoder:
        slow = partial(self._encode_slowly, scaled)
        if not selection.pending:
            if self._shares_bits(selection.signals):
                return slow
            source = encode_source(selection.signals, self._length, scaled=scaled, slow=slow)
            encoder: Encoder = compile_source(source, f"encode {self._message}")
            return encoder
        name = selection.pending[0].name
        branches = EncoderBranches(selection, scaled, slow, lambda inner: self._encoder(inner, scaled))

        def encode(values: Mapping[str, Any], *, strict: bool = True) -> bytes:
            try:
                return branches[values.get(name)](values, strict=strict)
            except TypeError:  # a value that is not even hashable
                return slow(values, strict=strict)

        return encode

    def _encode_slowly(self, scaled: bool, values: Mapping[str, Any], *, strict: bool = True) -> bytes:
        """Everything that the compiled function leaves: labels, rounding, force, and the errors."""
        if strict and scaled and (plain := self._without_labels(values)) is not None:
            return self.encode(plain)
        raws: dict[str, int | float] = {}
        for name, value in values.items():
            signal = self._signals.get(name)
            if signal is not None:
                raws[name] = signal.to_raw(value, strict=strict) if scaled else _raw(signal, value, strict)
            elif strict:
                self._signal(name)
        selected = self._selected(raws, strict=strict)
        if strict:
            self._check_names(raws, selected)
        payload = bytearray(self._length)
        for signal in selected:
            self.writer(signal.name)(payload, raws.get(signal.name, signal.start_raw))
        if strict and self._shares_bits(selected):
            self._check_shared(bytes(payload), raws, selected)
        return bytes(payload)

    def _without_labels(self, values: Mapping[str, Any]) -> dict[str, Any] | None:
        """The values with known labels as physical numbers; None when there is no label to replace."""
        labels = {name: value for name, value in values.items() if isinstance(value, str)}
        replaced: dict[str, Any] = {}
        for name, label in labels.items():
            signal = self._signal(name)
            number = self._labels.get((name, label))
            if number is None:
                number = self._labels[name, label] = signal.to_physical(signal.raw_of_label(label))
            replaced[name] = number
        return {**values, **replaced} if replaced else None

    def _shares_bits(self, signals: tuple[SignalDef, ...]) -> bool:
        shares = self._shared.get(signals)
        if shares is None:
            shares = self._shared[signals] = overlapping(signals) is not None
        return shares

    def _selected(self, raws: Mapping[str, int | float], *, strict: bool) -> tuple[SignalDef, ...]:
        selection = self._root()
        while selection.pending:
            multiplexer = selection.pending[0]
            if multiplexer.name not in raws and strict:
                raise self._missing([multiplexer.name])
            number = int(multiplexer.to_physical(raws.get(multiplexer.name, multiplexer.start_raw)))
            known = selection.tree.numbers[multiplexer.name]
            if number not in known and strict:
                raise ValueRangeError(unknown_number(self._message, multiplexer, number, known))
            selection = selection.select(number)
        return selection.signals

    def _missing(self, names: Sequence[str]) -> UnknownSignalError:
        return UnknownSignalError(f"message '{self._message}' needs a value of {', '.join(names)} too")

    def _check_names(self, raws: Mapping[str, int | float], selected: Sequence[SignalDef]) -> None:
        names = {signal.name for signal in selected}
        missing = [signal.name for signal in selected if signal.name not in raws]
        if missing:
            raise self._missing(missing)
        superfluous = [name for name in raws if name not in names]
        if superfluous:
            raise UnknownSignalError(
                f"message '{self._message}' carries no {', '.join(superfluous)} with these multiplexer values"
            )

    def _check_shared(self, payload: bytes, raws: Mapping[str, int | float], selected: Sequence[SignalDef]) -> None:
        for signal in selected:
            held = self.signal_raw(signal.name)(payload)
            if held != raws[signal.name]:
                raise ValueRangeError(
                    f"signal '{signal.full_name}' shares bits with another signal of its message that asks for other "
                    f"values: raw {raws[signal.name]} would be sent as {held}"
                )


def _nothing(data: bytes) -> None:
    """A complete selection: nothing more to check."""


def _raw(signal: SignalDef, value: object, strict: bool) -> int | float:
    if isinstance(value, (int, float)):
        return signal.fit_raw(value, strict=strict)
    raise ValueRangeError(f"signal '{signal.full_name}' takes a raw number, not {value!r} ({type(value).__name__})")
