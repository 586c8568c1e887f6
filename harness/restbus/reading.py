"""What one payload of a message says: found out once, for the guard and all receivers of the frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.restbus.plan import MessagePlan
    from harness.restbus.slots import Number


class Reading(dict[str, "Number | None"]):
    """The physical values of one payload by signal name, each decoded when it is first asked for.

    None for a signal that a multiplexed frame does not carry. An unknown name raises
    :class:`~harness.errors.UnknownSignalError`.

    problem: why the payload cannot be understood: too short, or a multiplexer number that selects nothing; None when
    it can. crc_ok: whether the CRC is right; True for a message without protection, False for a protected one that is
    too short. intact: no problem, and the CRC is right.
    counter: its alive counter; None for those two. following: the counter that has to come next.
    """

    __slots__ = ("_plan", "_texts", "counter", "crc_ok", "data", "following", "intact", "problem")

    def __init__(self, plan: MessagePlan, data: bytes) -> None:
        message, protector = plan.message, plan.protector
        self.data = data
        self._plan = plan
        self._texts: dict[str, str | None] | None = None
        self.problem: str | None = None
        self.counter: int | None = None
        self.following: int | None = None
        self.crc_ok = True
        if len(data) < message.length:
            self.problem = message.codec.decodable(data)
            self.crc_ok = protector is None
        else:
            if plan.multiplexers and not message.container:
                self.problem = message.codec.decodable(data)
            if protector is not None:
                self.crc_ok, self.counter = protector.check(data)
                self.following = (self.counter + 1) % protector.counter_modulo
        self.intact = self.problem is None and self.crc_ok

    def __missing__(self, signal: str) -> Number | None:
        value = self[signal] = self._plan.readers[signal](self.data)
        return value

    def text(self, signal: str) -> str | None:
        """The label of a signal's value; None where the value table has none, or the frame does not carry it."""
        if self._texts is None:
            self._texts = {}
        elif signal in self._texts:
            return self._texts[signal]
        codec = self._plan.message.codec
        raw = codec.signal_raw(signal)(self.data)
        text = self._texts[signal] = None if raw is None else codec.text(signal, raw)
        return text


class Pages:
    """The newest payloads of a message: one of every set of multiplexer values, so just one when it has none.

    ``pages[signal]`` is the value in the newest of them that carries the signal; None when none does.
    """

    __slots__ = ("_pages", "_plan")

    def __init__(self, plan: MessagePlan) -> None:
        self._plan = plan
        self._pages: dict[tuple[Number | None, ...], Reading] = {}

    def add(self, reading: Reading) -> None:
        """Take the newest payload."""
        page = tuple([reading[name] for name in self._plan.multiplexers])
        self._pages.pop(page, None)  # so that the newest page is the last
        self._pages[page] = reading

    def __getitem__(self, signal: str, /) -> Number | None:
        carrier = self._carrier(signal)
        return None if carrier is None else carrier[signal]

    def text(self, signal: str) -> str | None:
        """The label of :meth:`__getitem__`'s value; None where there is none."""
        carrier = self._carrier(signal)
        return None if carrier is None else carrier.text(signal)

    def _carrier(self, signal: str) -> Reading | None:
        self._plan.readers[signal]  # raises for an unknown name
        return next((page for page in reversed(self._pages.values()) if page[signal] is not None), None)
