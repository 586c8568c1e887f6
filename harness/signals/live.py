"""Live signals: the present value of a signal, its history, and predicates about it.

A live signal decodes when somebody looks, only the one signal, and each frame once.

>>> from pathlib import Path
>>> from harness.frames import Frame
>>> from harness.loop import Loop
>>> from harness.signals.database import Database
>>> from harness.signals.network import Network
>>> from harness.units import percent
>>> pedal = SignalDef("BrakePedal", "Pedals", start=0, length=8, scale=0.5, unit="%")
>>> pedals = Database(Path("car.dbc"), "", (), (MessageDef("Pedals", 0x100, 1, (pedal,), cycle_time_ns=10_000_000),))
>>> network = Network("body", [pedals], Loop())
>>> brake = network.signal("BrakePedal")
>>> brake.value, brake.valid, brake.invalid_reason
(None, False, 'never received')
>>> _ = network.receive(Received(0, "body", Frame(0x100, b"\\x50")))
>>> brake.value, brake.raw, brake.unit, brake.age, brake.valid
(40.0, 80, '%', 0 s, True)
>>> brake >= 3 * percent
BrakePedal >= 3 %
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from harness.errors import DecodeError, PredicateTruthError
from harness.frames import Received, id_text
from harness.signals import comparison
from harness.signals.arithmetic import Expression
from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.predicate import Comparable, Predicate
from harness.units import Duration, Measured, Quantity, time_text

if TYPE_CHECKING:
    from harness.signals.network import Network

MISSED_CYCLES = 5
"""A cyclic signal is no longer valid when its last frame is older than this many cycle times."""


class Sample(NamedTuple):
    """One value of a signal, as one frame carried it.

    time: end of that frame, ns. raw: the bits as a number. value: physical value in the signal's unit.
    text: label of the value table; None where it has none.
    """

    time: int
    raw: int | float
    value: int | float
    text: str | None


class LiveSignal(Comparable):
    """One signal on one channel, as it is now.

    Get it from :meth:`harness.signals.network.Network.signal`. For a multiplexed signal the last frame that carried
    it counts; frames that cannot be decoded do not count.

    Comparing gives a :class:`~harness.signals.predicate.Predicate`, not a bool: ``lamp == "On"``, ``speed > 5 * kmh``,
    ``front == rear``; a bare number is in the signal's own unit. It is hashable by identity, so it may be a key of a
    dict; it has no truth value, and ``in`` a list raises, as both would compare it.
    """

    __slots__ = ("_found", "_frames", "_newest", "_read", "_short_name", "definition", "message", "network")

    def __init__(self, network: Network, message: MessageDef, definition: SignalDef) -> None:
        self.network = network
        self.message = message
        self.definition = definition
        self._frames = network.trace.of(message.key)
        self._read = message.codec.signal_raw(definition.name)
        self._newest: Received | None = None
        self._found: tuple[Received, Sample] | None = None
        self._short_name: str | None = None

    # -- what it is ------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """``Message.Signal``."""
        return self.definition.full_name

    @property
    def short_name(self) -> str:
        """The signal's own name, or ``Message.Signal`` where its channel has several of that name."""
        if self._short_name is None:
            self._short_name = self.network.short_name(self.definition)
        return self._short_name

    @property
    def path(self) -> str:
        """``channel.Message.Signal``: unique in a world."""
        return f"{self.network.channel}.{self.definition.full_name}"

    @property
    def channel(self) -> str:
        """Name of the channel on which it is seen."""
        return self.network.channel

    @property
    def unit(self) -> str:
        """The unit as written in the database, "" where there is none."""
        return self.definition.unit

    # -- what it shows now -----------------------------------------------------------------------------------------

    @property
    def sample(self) -> Sample | None:
        """The last sample, however old; None before the first."""
        found = self._latest()
        return found[1] if found else None

    @property
    def value(self) -> int | float | None:
        """Physical value in :attr:`unit`, also where a label stands for it; None before the first frame."""
        found = self._latest()
        return found[1].value if found else None

    @property
    def raw(self) -> int | float | None:
        """The bits as a number; None before the first frame."""
        found = self._latest()
        return found[1].raw if found else None

    @property
    def text(self) -> str | None:
        """Label of the present value; None where its value table has none, and before the first frame."""
        found = self._latest()
        return found[1].text if found else None

    @property
    def frame(self) -> Received | None:
        """The frame that the present value comes from."""
        found = self._latest()
        return found[0] if found else None

    @property
    def time(self) -> Duration | None:
        """End of that frame since the world began."""
        found = self._latest()
        return Duration(found[1].time) if found else None

    @property
    def age(self) -> Duration | None:
        """Time since the end of that frame."""
        found = self._latest()
        return Measured(self.network.loop.now - found[1].time) if found else None

    @property
    def timeout(self) -> Duration | None:
        """Age up to which (included) the value is valid: five cycle times; None for a message that is not cyclic.

        A message is cyclic when the database gives a cycle time and a send type that sends in every state
        (``cyclic``, ``cyclicAndOnChange``, ``cyclicAndSpontaneous`` …) or none at all.
        """
        cycle, send_type = self.message.cycle_time_ns, self.message.send_type.casefold()
        always = not send_type or (send_type.startswith("cyclic") and "ifactive" not in send_type)
        return Duration(MISSED_CYCLES * cycle) if cycle and always else None

    @property
    def valid(self) -> bool:
        """Whether the value was received and is not too old; :attr:`invalid_reason` says what is wrong."""
        return self.invalid_reason is None

    @property
    def invalid_reason(self) -> str | None:
        """Why the value is not valid, for people; None when it is."""
        age, limit = self.age, self.timeout
        if age is None:
            return f"never received{self._newest_problem()}"
        if limit is not None and age > limit:
            return f"last received {age} ago, which is more than {MISSED_CYCLES} cycles{self._newest_problem()}"
        return None

    @property
    def history(self) -> list[Sample]:
        """All samples that the channel still remembers (60 s unless told otherwise), oldest first."""
        with self.network.loop.held():
            return [sample for rx in self._frames if (sample := self.sample_of(rx)) is not None]

    def sample_at(self, time: int) -> Sample | None:
        """The last sample at or before ``time`` ns; None when there was none, or none that is remembered."""
        with self.network.loop.held():
            found = self._latest()
            if found is not None and found[1].time <= time:
                return found[1]
            for rx in reversed(self._frames):
                if rx.time <= time and (sample := self.sample_of(rx)) is not None:
                    return sample
            return None

    def samples_since(self, time: int) -> list[Sample]:
        """The samples at or after ``time`` ns, oldest first."""
        with self.network.loop.held():
            frames = self.network.trace.since(self.message.key, time)
        return [sample for rx in frames if (sample := self.sample_of(rx)) is not None]

    def sample_of(self, rx: Received) -> Sample | None:
        """The sample in one frame of the message; None when it does not carry the signal or cannot be decoded."""
        try:
            raw = self._read(rx.frame.data)
        except DecodeError:
            # Not lost: the world judges every frame by Network.problem(). Here it only carries no value.
            return None
        if raw is None:
            return None
        return Sample(rx.time, raw, self.definition.to_physical(raw), self.definition.text(raw))

    def _latest(self) -> tuple[Received, Sample] | None:
        with self.network.loop.held():
            if self._frames and (newest := self._frames[-1]) is not self._newest:
                for rx in reversed(self._frames):
                    if rx is self._newest:
                        break
                    if (sample := self.sample_of(rx)) is not None:
                        self._found = rx, sample
                        break
                self._newest = newest
            return self._found

    def _newest_problem(self) -> str:
        if not self._frames:
            return ""
        newest = self._frames[-1]
        reason = self.network.problem(newest)
        if reason is None and self.sample_of(newest) is None:
            reason = f"{id_text(self.message.key)} does not carry it"
        return f"; the frame at {time_text(newest.time)}: {reason}" if reason else ""

    # -- calculating -----------------------------------------------------------------------------------------------

    def expression(self) -> Expression:
        """The signal as a number to calculate with: ``front - rear``, ``abs(speed - target)``, ``2 * torque``."""
        return Expression.of(self)

    def __add__(self, other: object) -> Expression:
        return self.expression() + other

    __radd__ = __add__

    def __sub__(self, other: object) -> Expression:
        return self.expression() - other

    def __rsub__(self, other: object) -> Expression:
        return self.expression().__rsub__(other)

    def __mul__(self, factor: float) -> Expression:
        return self.expression() * factor

    __rmul__ = __mul__

    def __neg__(self) -> Expression:
        return -self.expression()

    def __abs__(self) -> Expression:
        return abs(self.expression())

    # -- predicates ------------------------------------------------------------------------------------------------

    def _compare(self, operator: comparison.Operator, other: object) -> Predicate:
        if isinstance(other, LiveSignal):
            return comparison.compare_signals(self, operator, other)
        if isinstance(other, Expression):
            return self.expression()._compare(operator, other)
        return comparison.compare(self, operator, other)

    def __bool__(self) -> bool:
        raise PredicateTruthError(
            f"signal {self.short_name} has no truth value: compare it in an expectation, "
            f'bench.expect(bench.signal("{self.short_name}") == ..., within=80 * ms), or look at its .value or .text'
        )

    def near(self, value: float | Quantity, tolerance: float | Quantity) -> Predicate:
        """Holds while the value differs by at most ``tolerance`` (a span, 0 or more; at least half a step is forgiven).

        Raises :class:`~harness.errors.UnitError`, :class:`~harness.errors.ValueRangeError`.
        """
        return comparison.near(self, value, tolerance)

    def between(self, low: float | Quantity, high: float | Quantity) -> Predicate:
        """Holds while the value lies between the two limits, both included.

        Raises :class:`~harness.errors.UnitError`, :class:`~harness.errors.ValueRangeError`.
        """
        return comparison.between(self, low, high)

    def changes(self, to: str | float | Quantity | None = None, frm: str | float | Quantity | None = None) -> Predicate:
        """Holds in the instant in which the value changes, ``to`` and ``frm`` a given value or (None) any.

        The first value ever seen is no change. Raises :class:`~harness.errors.UnitError`,
        :class:`~harness.errors.ValueRangeError`.
        """
        return comparison.Changes(self, to, frm)

    def received(self) -> Predicate:
        """Holds in the instant in which a frame with this signal ends."""
        return comparison.ReceivedNow(self)

    def __repr__(self) -> str:
        sample = self.sample
        if sample is None:
            return f"<{self.path}: never received>"
        unit = f" {self.unit}" if self.unit else ""
        shown = f"{sample.text} ({sample.raw})" if sample.text is not None else f"{sample.value:.10g}{unit}"
        return f"<{self.path}: {shown} at {time_text(sample.time)}>"
