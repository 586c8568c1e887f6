"""The payload of a message that is being sent: raw values, multiplexer selection, and the bytes that carry them."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import ValueRangeError
from harness.restbus.plan import MessagePlan
from harness.signals.writer import Writer

_NOTHING = object()


class Payload:
    """Values of all signals of a message, also of those that the present multiplexer values do not select.

    Setting a multiplexed signal selects its branch: the multiplexer gets the number that carries the signal, unless
    the same call sets the multiplexer too. A value of a branch is kept while another branch is sent.
    """

    __slots__ = ("_given", "_loaded", "_plan", "_raws", "_source", "data")

    def __init__(self, plan: MessagePlan) -> None:
        self._plan = plan
        self.reset()

    def reset(self) -> None:
        """Back to the start values."""
        self._raws: dict[str, int | float] = dict(self._plan.start_values)
        self._loaded = False
        self.data = bytearray(self._plan.start_payload)
        # What set() was last given, by signal: mostly it is the same again. Empty for a multiplexed message.
        self._given: dict[str, object] = {}
        self._source: bytes | None = None  # what load() took over last, as long as nothing else was set

    @property
    def raws(self) -> dict[str, int | float]:
        """Raw values by signal name."""
        if self._loaded:
            self._loaded = False
            self._raws.update(self._plan.message.codec.decode_raw(bytes(self.data)))
        return self._raws

    def load(self, data: bytes) -> bool:
        """Take over a whole payload, cut or filled with zeros to the message's length; decoded only when needed.

        Returns whether it is another one than the last time.
        """
        if data == self._source:
            return False
        length = self._plan.message.length
        self.data[:] = data[:length].ljust(length, b"\0")
        self._given.clear()
        self._loaded = True
        self._source = data
        return True

    def set(self, values: Mapping[str, object], *, force: bool = False) -> list[str]:
        """Take over physical values or labels; returns the names of signals whose raw value changed.

        Raises :class:`~harness.errors.UnknownSignalError`, :class:`~harness.errors.ValueRangeError` (not with
        ``force``: then the value is sent as far as the bits go), :class:`~harness.errors.UnitError`, and
        :class:`~harness.errors.SignalError` for counter and CRC of a protected message. Then nothing has changed.
        """
        given, slots = self._given, self._plan.slots
        fresh: list[tuple[str, object, int | float, Writer]] = []
        for name, value in values.items():
            if not force and given.get(name, _NOTHING) == value:
                continue
            slot = slots[name]
            fresh.append((name, value, slot.forced(value) if force else slot.to_raw(value), slot.write))
        if not fresh:
            return []
        if self._plan.multiplexers:
            return self._set_selecting({name: raw for name, _, raw, _ in fresh}, force)
        raws, data = self.raws, self.data
        changed = []
        for name, value, raw, write in fresh:
            # A strict set() of a value that was forced must be checked, so it is not remembered.
            given[name] = _NOTHING if force else value
            if raws[name] != raw:
                raws[name] = raw
                write(data, raw)
                changed.append(name)
        if changed:
            self._source = None
        return changed

    def _set_selecting(self, fresh: dict[str, int | float], force: bool) -> list[str]:
        self._select(fresh, force)
        raws, plan = self.raws, self._plan
        changed = [name for name, raw in fresh.items() if raws[name] != raw]
        raws.update(fresh)
        self._source = None
        if any(name in plan.multiplexers for name in changed):
            self.data[:] = plan.payload_of(raws)
        else:
            for name in changed:
                plan.slots[name].write(self.data, raws[name])
        return changed

    def _select(self, fresh: dict[str, int | float], force: bool) -> None:
        """Add to ``fresh`` the multiplexer values that select all signals in it."""
        message, multiplexers = self._plan.message, self._plan.multiplexers
        explicit = [name for name in fresh if name in multiplexers]
        allowed: dict[str, frozenset[int]] = {}
        todo = [message.signal(name) for name in fresh]
        for signal in todo:  # grows: a multiplexer may itself be multiplexed
            above = signal.multiplexer
            if above is None:
                continue
            if above not in allowed:
                todo.append(message.signal(above))
            allowed[above] = allowed.get(above, multiplexers[above]) & frozenset(signal.multiplexer_ids)
            if not allowed[above]:
                raise ValueRangeError(
                    f"message {message.name!r} cannot carry {', '.join(map(repr, fresh))} in one frame: "
                    f"no value of multiplexer {above!r} selects them together"
                )
        for name in dict.fromkeys([*allowed, *explicit]):
            multiplexer, numbers = message.signal(name), allowed.get(name, multiplexers[name])
            present = int(multiplexer.to_physical(fresh.get(name, self.raws[name])))
            if present in numbers:
                continue
            if name not in explicit:
                fresh[name] = multiplexer.to_raw(min(numbers), strict=False)
            elif not force:
                known = ", ".join(map(str, sorted(numbers)[:12]))
                raise ValueRangeError(f"multiplexer {multiplexer.full_name!r} must be {known} here, not {present}")
