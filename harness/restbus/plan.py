"""Message plans: how a node sends each of its messages, from the database and what the bench file adds to it."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import partial, reduce
from operator import or_

from harness.errors import ConfigError, HarnessWarning
from harness.memo import Memo
from harness.protection import ProtectionSpec, Protector, make_protector, protection_of
from harness.restbus.reading import Reading
from harness.restbus.sendtypes import SendType, parse_send_type
from harness.restbus.slots import Number, Slot, reader_of, slot_of
from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.layout import root_selection
from harness.units import time_text

_EVENT = SendType.ON_CHANGE | SendType.ON_WRITE | SendType.IF_ACTIVE

STAGGER_SPAN = 50_000_000
"""Messages without a start delay begin at different instants of the first 50 ms, or of their cycle if shorter."""
_REMEMBERED_PAYLOADS = 512
_STAGGER_STEP = 250_000  # about one classic frame at 500 kbit/s


@dataclass(frozen=True, slots=True)
class Supplements:
    """What a bench file adds to the databases, by message name; it wins over the database.

    cycles: cycle time in ns. send_types: names as in :func:`~harness.restbus.sendtypes.parse_send_type`.
    """

    cycles: Mapping[str, int] = field(default_factory=dict)
    send_types: Mapping[str, str] = field(default_factory=dict)
    protections: Mapping[str, ProtectionSpec] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class MessagePlan:
    """How one message is sent: made once per bench, shared by every world.

    cycle_ns: cycle time; None when the message is not sent cyclically. fast_cycle_ns: cycle time of repetitions and of
    *if active*; None without. send_type: what makes it go out; ``send_types``: the same by signal name.
    repetitions: further frames after the one that a change or write sends, each ``fast_cycle_ns`` after the other.
    min_delay_ns: shortest time between two frames, 0 for none. start_delay_ns: from the start of the node to the first
    cyclic frame; the database's, or else a staggered one. ``send_types`` left out: every signal as the message.
    protection: how it is protected; None for not at all. protector: made from it; also receivers use it.
    """

    message: MessageDef
    cycle_ns: int | None = None
    fast_cycle_ns: int | None = None
    send_type: SendType = SendType.ON_REQUEST
    repetitions: int = 0
    min_delay_ns: int = 0
    start_delay_ns: int = 0
    protection: ProtectionSpec | None = None
    send_types: Mapping[str, SendType] = field(default_factory=dict)
    triggers: Mapping[str, int] = field(init=False, repr=False)
    """``send_types`` as plain integers for the hot path."""
    protector: Protector | None = field(init=False, repr=False)
    start_values: Mapping[str, int | float] = field(init=False, repr=False)
    """Raw values."""
    start_payload: bytes = field(init=False, repr=False)
    reacts: bool = field(init=False, repr=False)
    """Whether setting a signal can send a frame."""
    if_active: bool = field(init=False, repr=False)
    """Whether the send type holds *if active*."""
    multiplexers: Mapping[str, frozenset[int]] = field(init=False, repr=False)
    """The numbers that each multiplexer may have."""
    slots: Memo[str, Slot] = field(init=False, repr=False)
    """How to set each signal. An unknown name raises :class:`~harness.errors.UnknownSignalError`; here and below."""
    readers: Memo[str, Callable[[bytes], Number | None]] = field(init=False, repr=False)
    """How to read each signal's physical value from a payload."""
    readings: Memo[bytes, Reading] = field(init=False, repr=False)
    """What each payload says. While values do not change, a few payloads come round with the counter."""
    _selections: Memo[tuple[int | float, ...], tuple[SignalDef, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        message = self.message
        numbers = {
            name: frozenset(number for number in known if _reachable(message.signal(name), number))
            for name, known in root_selection(message.signals).tree.numbers.items()
        }
        raws = {signal.name: signal.start_raw for signal in message.signals}
        for name, known in numbers.items():
            multiplexer = message.signal(name)
            if known and int(multiplexer.to_physical(raws[name])) not in known:
                raws[name] = multiplexer.to_raw(min(known), strict=False)
        protector = make_protector(self.protection, message) if self.protection else None
        kinds = self.send_types or dict.fromkeys(raws, self.send_type)
        object.__setattr__(self, "triggers", {name: int(kind) for name, kind in kinds.items()})
        object.__setattr__(self, "reacts", bool(self.send_type & _EVENT))
        object.__setattr__(self, "if_active", bool(self.send_type & SendType.IF_ACTIVE))
        object.__setattr__(self, "multiplexers", numbers)
        object.__setattr__(self, "slots", Memo(self._slot))
        object.__setattr__(self, "readers", Memo(partial(reader_of, message)))
        object.__setattr__(self, "readings", Memo(partial(Reading, self), _REMEMBERED_PAYLOADS))
        object.__setattr__(self, "_selections", Memo(self._selection, _REMEMBERED_PAYLOADS))
        object.__setattr__(self, "start_values", raws)
        object.__setattr__(self, "start_payload", self.payload_of(raws))
        object.__setattr__(self, "protector", protector)

    def __reduce__(self) -> tuple[type[MessagePlan], tuple[object, ...]]:
        # What is derived holds functions, which cannot be pickled; it is derived again.
        return type(self), tuple(getattr(self, each.name) for each in fields(self) if each.init)

    def __repr__(self) -> str:
        return f"<plan of {self.message!r}>"

    def is_active(self, raws: Mapping[str, int | float]) -> bool:
        """Whether a signal of send type *if active* differs from its inactive value."""
        return any(
            kind & SendType.IF_ACTIVE and raws[name] != self.message.signal(name).inactive_raw
            for name, kind in self.send_types.items()
        )

    def selected(self, raws: Mapping[str, int | float]) -> tuple[SignalDef, ...]:
        """The signals that a frame with these raw values carries."""
        return self._selections[tuple([raws[name] for name in self.multiplexers])]

    def payload_of(self, raws: Mapping[str, int | float]) -> bytes:
        """The payload that carries these raw values, counter and CRC as they are there."""
        data = bytearray(self.message.length)
        for signal in self.selected(raws):
            self.slots[signal.name].write(data, raws[signal.name])
        return bytes(data)

    def _slot(self, name: str) -> Slot:
        own = self.protection
        return slot_of(self.message, name, own is not None and name in (own.counter, own.crc))

    def _selection(self, numbers: tuple[int | float, ...]) -> tuple[SignalDef, ...]:
        message = self.message
        if not numbers:
            return message.signals
        values = zip(self.multiplexers, numbers, strict=True)
        return message.codec.selected({name: message.signal(name).to_physical(raw) for name, raw in values})


class Catalogue(Mapping[str, MessagePlan]):
    """All messages of a channel by name, and which of them have a signal; made once per bench.

    A name that occurs twice is the later plan's.
    """

    def __init__(self, plans: Iterable[MessagePlan]) -> None:
        self._plans = {plan.message.name: plan for plan in plans}
        self._by_signal: dict[str, list[MessagePlan]] = {}
        for plan in self._plans.values():
            for signal in plan.start_values:
                self._by_signal.setdefault(signal, []).append(plan)

    def with_signal(self, signal: str) -> Iterable[MessagePlan]:
        """The messages that have a signal of this name; none for an unknown one."""
        return self._by_signal.get(signal, ())

    def __getitem__(self, name: str) -> MessagePlan:
        return self._plans[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._plans)

    def __len__(self) -> int:
        return len(self._plans)


def plan_messages(messages: Iterable[MessageDef], supplements: Supplements | None = None) -> list[MessagePlan]:
    """The plans of a node's messages, in the given order.

    Without a send type, a message with a cycle time is cyclic, and one without is sent on change. A message that
    claims to be cyclic without a cycle time, or to be repeated without fast cycle time or number of repetitions, gives
    a :class:`~harness.errors.HarnessWarning` and is then not sent cyclically, or not repeated. So does a send type in
    the database that is not known. Raises :class:`~harness.errors.ConfigError` for one in the supplements, and for
    protection that does not fit its message.
    """
    supplements = supplements or Supplements()
    return [_plan(message, supplements) for message in messages]


def stagger(message: MessageDef, cycle_ns: int | None) -> int:
    """A start delay, ns, for a message that declares none: the same in every run, different for most identifiers.

    It lies in the first :data:`STAGGER_SPAN`, or in the first cycle where that is shorter.

    >>> stagger(MessageDef("A", 0x100, 8), 10_000_000), stagger(MessageDef("B", 0x101, 8), 10_000_000)
    (2000000, 8250000)
    """
    span = min(cycle_ns or STAGGER_SPAN, STAGGER_SPAN)
    # Multiplicative hashing (Knuth, TAOCP 6.4): neighbouring identifiers land far apart.
    spread = message.key * 0x9E3779B1 & 0xFFFF_FFFF
    return (span * spread >> 32) // _STAGGER_STEP * _STAGGER_STEP


def _reachable(multiplexer: SignalDef, number: int) -> bool:
    """Whether the bits of a multiplexer can hold a number; some databases name one that they cannot."""
    return int(multiplexer.to_physical(multiplexer.to_raw(number, strict=False))) == number


def _plan(message: MessageDef, supplements: Supplements) -> MessagePlan:
    cycle = supplements.cycles.get(message.name, message.cycle_time_ns) or None
    fast = message.cycle_time_fast_ns or None
    own = {signal.name: _known(signal.send_type, f"signal {signal.full_name!r}") for signal in message.signals}
    named = supplements.send_types.get(message.name)
    if named is not None:
        declared = _of_bench_file(named, message)
    else:
        declared = _known(message.send_type, f"message {message.name!r}")
    if declared is None:
        # Databases fill in "Cyclic" for every signal by default: without a cycle time that says nothing.
        telling = [kind for kind in own.values() if kind is not None and (cycle or kind != SendType.CYCLIC)]
        if not telling:
            declared = SendType.CYCLIC if cycle else SendType.ON_CHANGE
        send_type = reduce(or_, telling, declared or SendType.ON_REQUEST)
    else:
        send_type = reduce(or_, (kind & ~SendType.CYCLIC for kind in own.values() if kind is not None), declared)
    protection = supplements.protections.get(message.name) or protection_of(message)
    by_signal = _by_signal(declared, own, protection)
    if send_type & SendType.CYCLIC and cycle is None:
        warnings.warn(
            f"message {message.name!r} claims to be cyclic but has no cycle time, so it is not sent cyclically; "
            f"give it one under [cycle] in the bench file, or another send type under [sendtype]",
            HarnessWarning,
            stacklevel=4,
        )
        send_type &= ~SendType.CYCLIC
    if send_type & SendType.IF_ACTIVE and fast is None:
        fast = cycle
        if fast is None:
            warnings.warn(
                f"message {message.name!r} claims to be cyclic if active but has no cycle time, so it is not",
                HarnessWarning,
                stacklevel=4,
            )
            send_type &= ~SendType.IF_ACTIVE
    repetitions = message.repetitions if message.cycle_time_fast_ns else 0
    if send_type & SendType.REPEATED and not repetitions:
        what = "repetitions" if fast else "fast cycle time"
        warnings.warn(
            f"message {message.name!r} claims to be repeated but has no {what}, so each change is sent once",
            HarnessWarning,
            stacklevel=4,
        )
    if send_type & SendType.CYCLIC and cycle and message.min_delay_ns > cycle:
        warnings.warn(
            f"message {message.name!r} has a cycle time of {time_text(cycle)}, but a minimum delay of "
            f"{time_text(message.min_delay_ns)} between two frames: the delay holds",
            HarnessWarning,
            stacklevel=4,
        )
    delay = message.start_delay_ns
    return MessagePlan(
        message=message,
        cycle_ns=cycle if send_type & SendType.CYCLIC else None,
        fast_cycle_ns=fast,
        send_type=send_type,
        repetitions=repetitions,
        min_delay_ns=message.min_delay_ns,
        start_delay_ns=stagger(message, cycle) if delay is None else delay,
        protection=protection,
        send_types=by_signal,
    )


def _by_signal(
    declared: SendType | None, own: Mapping[str, SendType | None], protection: ProtectionSpec | None
) -> dict[str, SendType]:
    """What each signal triggers: its own send type where it has one, else the message's."""
    own = {
        name: kind
        for name, kind in own.items()
        if protection is None or name not in (protection.counter, protection.crc)
    }
    whole = (declared or SendType.ON_REQUEST) & (_EVENT | SendType.REPEATED)
    if whole:
        whole |= SendType.REPEATED  # An event message repeats as soon as it declares repetitions and a fast cycle.
    if not any((kind or SendType.ON_REQUEST) & _EVENT for kind in own.values()):
        return dict.fromkeys(own, whole)
    return {name: whole if kind is None else kind for name, kind in own.items()}


def _known(name: str, what: str) -> SendType | None:
    try:
        return parse_send_type(name)
    except ConfigError as error:
        warnings.warn(f"{what}: {error}; it is taken as if none were given", HarnessWarning, stacklevel=5)
        return None


def _of_bench_file(name: str, message: MessageDef) -> SendType | None:
    try:
        return parse_send_type(name)
    except ConfigError as error:
        raise ConfigError(f"[sendtype] of message {message.name!r}: {error}") from error
