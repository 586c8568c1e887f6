"""End-to-end protection of messages: alive counter and CRC by AUTOSAR E2E profile, or a maker's own checksum.

The AUTOSAR functions (AUTOSAR FO R20-11, E2E Protocol Specification, document 849) come from the package
``autosar-e2e``. A profile fixes where counter and CRC stand relative to its header; the header's place follows from
the CRC signal, and everything else is checked against the message once, when the protector is made.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol, cast

from e2e import p01, p02, p04, p05, p06, p07, p11

from harness.errors import ConfigError, nearest
from harness.signals.definitions import MessageDef, SignalDef

ENTRY_POINTS = "harness.protectors"
"""Entry point group of makers' own checksums: each a callable ``(spec, message) -> Protector``."""


@dataclass(frozen=True, slots=True)
class ProtectionSpec:
    """How a message is protected.

    profile: ``P01``, ``P02``, ``P04``, ``P05``, ``P06``, ``P07``, ``P11``, or the name of an entry point in the group
    ``harness.protectors``.
    data_id: the message's data ID: 16 bits for P01, P05, P06, P11 (12 in mode ``nibble``), 32 for P04 and P07; for P02
    the list of 16 data IDs as one number, the ID of counter 0 in the highest byte.
    mode: how much of the data ID enters the CRC. P01: ``both`` (variant 1A, also when None), ``alt`` (1B), ``low``,
    ``nibble`` (1C); P11: ``both`` or ``nibble``; None for the other profiles.
    counter, crc: names of the signals that hold them.
    """

    profile: str
    data_id: int
    mode: str | None
    counter: str
    crc: str


class Check(NamedTuple):
    """What a receiver reads from a protected payload: whether the CRC is right, and the counter."""

    crc_ok: bool
    counter: int


class Protector(Protocol):
    """Protects and checks payloads of one message; it remembers no counter, so that sender and receivers share it."""

    counter_modulo: int
    """Number of counter values: 0 to ``counter_modulo - 1``, then 0 again. A maker whose counter begins elsewhere
    translates in :meth:`protect` and :meth:`check`."""

    def protect(self, data: bytearray, counter: int) -> None:
        """Write the counter and then the CRC into ``data``, which has the message's length."""

    def check(self, data: bytes) -> Check:
        """Read them back. A payload shorter than the message has a wrong CRC; bytes beyond it are ignored."""


def make_protector(spec: ProtectionSpec, message: MessageDef) -> Protector:
    """The protector of a message.

    Raises :class:`~harness.errors.ConfigError` when the profile is unknown, the data ID or mode does not suit it, the
    signals do not exist, or do not stand where the profile puts them.

    >>> counter = SignalDef("Alive", "Brake", start=8, length=4)
    >>> crc = SignalDef("Crc", "Brake", start=0, length=8)
    >>> brake = MessageDef("Brake", 0x123, 8, (crc, counter))
    >>> protector = make_protector(ProtectionSpec("P01", 0x123, None, "Alive", "Crc"), brake)
    >>> data = bytearray(8)
    >>> protector.protect(data, 0)
    >>> data.hex(), protector.check(bytes(data)).crc_ok
    ('cc00000000000000', True)
    """
    profile = PROFILES.get(spec.profile.upper())
    if profile is not None:
        return E2EProtector(profile, spec, message)
    from importlib.metadata import entry_points  # slow to import, and seldom needed

    makers = entry_points(group=ENTRY_POINTS)
    if spec.profile in makers.names:
        factory = cast("Callable[[ProtectionSpec, MessageDef], Protector]", makers[spec.profile].load())
        return factory(spec, message)
    known = [*PROFILES, *sorted(makers.names)]
    raise ConfigError(
        f"message {message.name!r}: no protection profile {spec.profile!r}{nearest(spec.profile, known)}; "
        f"known are {', '.join(known)} (makers' own come from the entry point group {ENTRY_POINTS!r})"
    )


def protection_of(message: MessageDef) -> ProtectionSpec | None:
    """The protection that the database declares for a message; None where it declares none.

    Read from the message attributes ``E2EProfile``, ``E2EDataId``, ``E2EMode``, ``E2ECounterSignal``,
    ``E2ECrcSignal``; a profile that is empty or ``None`` means unprotected. Raises
    :class:`~harness.errors.ConfigError` when the data ID is no whole number.
    """
    attributes = message.attributes
    profile = str(attributes.get("E2EProfile", "")).strip()
    if profile.casefold() in ("", "none", "no"):
        return None
    data_id = attributes.get("E2EDataId", 0)
    if isinstance(data_id, str):
        try:
            data_id = int(data_id, 0)
        except ValueError:
            raise ConfigError(f"message {message.name!r}: E2EDataId must be a whole number, not {data_id!r}") from None
    return ProtectionSpec(
        profile=profile,
        data_id=int(data_id),
        mode=str(attributes.get("E2EMode", "")).strip() or None,
        counter=str(attributes.get("E2ECounterSignal", "")),
        crc=str(attributes.get("E2ECrcSignal", "")),
    )


class _Profile(NamedTuple):
    """One AUTOSAR profile. ``crc`` and ``counter``: byte of the field in the header and its bytes or ``NIBBLE``."""

    protect: Callable[..., None]
    check: Callable[..., bool]
    crc: tuple[int, int]
    counter: tuple[int, int]
    modulo: int
    header: int  # bytes
    data_id_bits: int
    order: str = "big"
    fields: tuple[tuple[int, int], ...] = ()  # what else stands in the header: first byte, bytes
    modes: Mapping[str, int] = {}  # a constant
    movable: bool = True


NIBBLE = 0  # The counter of P01, P02 and P11 is the low half of its byte.

_P01_MODES = {
    "both": p01.E2E_P01_DATAID_BOTH,
    "alt": p01.E2E_P01_DATAID_ALT,
    "low": p01.E2E_P01_DATAID_LOW,
    "nibble": p01.E2E_P01_DATAID_NIBBLE,
}
_P11_MODES = {"both": p11.E2E_P11_DATAID_BOTH, "nibble": p11.E2E_P11_DATAID_NIBBLE}

# Counters of P01 and P11 go from 0 to 14: 15 means "invalid" (E2E Protocol Specification, 6.2 and 6.8).
PROFILES: Mapping[str, _Profile] = {
    "P01": _Profile(p01.e2e_p01_protect, p01.e2e_p01_check, (0, 1), (1, NIBBLE), 15, 2, 16, modes=_P01_MODES),
    "P02": _Profile(p02.e2e_p02_protect, p02.e2e_p02_check, (0, 1), (1, NIBBLE), 16, 2, 128, movable=False),
    "P04": _Profile(p04.e2e_p04_protect, p04.e2e_p04_check, (8, 4), (2, 2), 1 << 16, 12, 32, fields=((0, 2), (4, 4))),
    "P05": _Profile(p05.e2e_p05_protect, p05.e2e_p05_check, (0, 2), (2, 1), 256, 3, 16, order="little"),
    "P06": _Profile(p06.e2e_p06_protect, p06.e2e_p06_check, (0, 2), (4, 1), 256, 5, 16, fields=((2, 2),)),
    "P07": _Profile(p07.e2e_p07_protect, p07.e2e_p07_check, (0, 8), (12, 4), 1 << 32, 20, 32, fields=((8, 4), (16, 4))),
    "P11": _Profile(p11.e2e_p11_protect, p11.e2e_p11_check, (0, 1), (1, NIBBLE), 15, 2, 16, modes=_P11_MODES),
}
"""The AUTOSAR profiles of the package ``autosar-e2e``."""


class E2EProtector:
    """One AUTOSAR E2E profile on one message. Made by :func:`make_protector`."""

    __slots__ = ("_check", "_first", "_last", "_latest", "_length", "_nibble", "_protect", "counter_modulo")

    def __init__(self, profile: _Profile, spec: ProtectionSpec, message: MessageDef) -> None:
        where = f"message {message.name!r}, protection {spec.profile}"
        options = _options(profile, spec, where) | {"length": message.length}
        offset = _header_offset(profile, spec, message, where)
        if profile.movable:
            options["offset"] = offset
        self._protect = partial(profile.protect, increment_counter=False, **options)
        self._check = partial(profile.check, **options)
        self.counter_modulo = profile.modulo
        self._length = message.length
        first, width = profile.counter
        self._first = offset + first
        self._last = self._first + max(width, 1)
        self._nibble = width == NIBBLE
        self._latest: tuple[bytes, Check] = (b"", Check(False, 0))

    def protect(self, data: bytearray, counter: int) -> None:
        """Write the counter (0 to ``counter_modulo - 1``), what else the header holds, and the CRC."""
        first = self._first
        if self._nibble:
            data[first] = data[first] & 0xF0 | counter
        elif self.counter_modulo == 256:
            data[first] = counter
        else:
            data[first : self._last] = counter.to_bytes(self._last - first, "big")
        self._protect(data)

    def check(self, data: bytes) -> Check:
        """Whether the CRC fits, and the counter; a short payload gives ``Check(False, 0)``."""
        # All receivers of a frame ask about the same object, one after the other: calculate once.
        known, check = self._latest
        if data is known:
            return check
        if len(data) < self._length:
            return Check(False, 0)
        valid = self._check(bytearray(data))  # Some of the package's checks refuse what they could not write to.
        field = data[self._first : self._last]
        check = Check(valid, field[0] & 0x0F if self._nibble else int.from_bytes(field, "big"))
        if type(data) is bytes:  # A bytearray could be changed meanwhile.
            self._latest = data, check
        return check


def _options(profile: _Profile, spec: ProtectionSpec, where: str) -> dict[str, object]:
    options: dict[str, object] = {}
    bits = profile.data_id_bits
    mode = None if spec.mode is None else spec.mode.casefold()
    if profile.modes:
        mode = mode or "both"
        if mode not in profile.modes:
            raise ConfigError(f"{where}: mode must be one of {', '.join(profile.modes)}, not {spec.mode!r}")
        options["data_id_mode"] = profile.modes[mode]
        bits = 12 if mode == "nibble" else bits
    elif mode is not None:
        raise ConfigError(f"{where}: this profile has no modes; leave mode out (it is {spec.mode!r})")
    if not 0 <= spec.data_id < 1 << bits:
        raise ConfigError(f"{where}: the data ID must be 0 to 0x{(1 << bits) - 1:X}, not {spec.data_id:#x}")
    if bits == 128:
        options["data_id_list"] = spec.data_id.to_bytes(16, "big")
    else:
        options["data_id"] = spec.data_id
    return options


def _header_offset(profile: _Profile, spec: ProtectionSpec, message: MessageDef, where: str) -> int:
    """Byte at which the header starts, from the CRC signal; everything else must agree with it."""
    signals = {signal.name: signal for signal in message.signals}
    for role, name in (("CRC", spec.crc), ("counter", spec.counter)):
        if name not in signals:
            raise ConfigError(f"{where}: the message has no {role} signal {name!r}{nearest(name, signals)}")
    crc, counter = signals[spec.crc], signals[spec.counter]
    offset = min(bits_of(crc)) // 8 - profile.crc[0]
    if offset < 0 or (offset and not profile.movable) or offset + profile.header > message.length:
        raise ConfigError(
            f"{where}: the header has {profile.header} bytes with the CRC in byte {profile.crc[0]}, which does not fit "
            f"a message of {message.length} bytes whose CRC signal {crc.name!r} stands in byte {min(bits_of(crc)) // 8}"
        )
    for role, signal, (first, width) in (("CRC", crc, profile.crc), ("counter", counter, profile.counter)):
        wanted = _field_bits(offset + first, width, profile.order)
        if bits_of(signal) != wanted:
            raise ConfigError(
                f"{where}: the {role} must be {_place_text(wanted, profile.order)}, "
                f"but signal {signal.name!r} is {_place_text(bits_of(signal), signal.byte_order)}"
            )
    fixed = [_field_bits(offset + first, width, profile.order) for first, width in profile.fields]
    if spec.mode is not None and spec.mode.casefold() == "nibble":
        fixed.append(tuple(range(8 * (offset + 1) + 4, 8 * (offset + 2))))  # the data ID's third nibble
    reserved = {bit for field in (*fixed, bits_of(crc), bits_of(counter)) for bit in field}
    for signal in message.signals:
        bits = bits_of(signal)
        if signal is not crc and signal is not counter and bits not in fixed and not reserved.isdisjoint(bits):
            raise ConfigError(f"{where}: signal {signal.name!r} shares bits with the protection header")
    return offset


def bits_of(signal: SignalDef) -> tuple[int, ...]:
    """The bits of a signal in the payload (byte * 8 + bit in the byte), least significant first.

    >>> bits_of(SignalDef("Speed", "Wheel", start=7, length=10, byte_order="big_endian"))
    (14, 15, 0, 1, 2, 3, 4, 5, 6, 7)
    """
    if signal.byte_order == "little_endian":
        return tuple(range(signal.start, signal.start + signal.length))
    bits = [signal.start]
    while len(bits) < signal.length:
        bits.append(bits[-1] - 1 if bits[-1] % 8 else bits[-1] + 15)
    return tuple(reversed(bits))


def _field_bits(first: int, width: int, order: str) -> tuple[int, ...]:
    if width == NIBBLE:
        return tuple(range(8 * first, 8 * first + 4))
    in_order = range(first, first + width) if order == "little" else range(first + width - 1, first - 1, -1)
    return tuple(8 * byte + bit for byte in in_order for bit in range(8))


def _place_text(bits: tuple[int, ...], order: str) -> str:
    first = min(bits) // 8
    last = max(bits) // 8
    where = f"byte {first}" if first == last else f"bytes {first} to {last} ({order.replace('_', ' ')})"
    return f"{len(bits)} bits in {where}" + (f" from bit {min(bits) % 8}" if first == last and len(bits) < 8 else "")
