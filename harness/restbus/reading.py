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
    too short. counter: its alive counter; None for those two.
    """

    __slots__ = ("_data", "_plan", "_texts", "counter", "crc_ok", "problem")

    def __init__(self, plan: MessagePlan, data: bytes) -> None:
        message, protector = plan.message, plan.protector
        self._plan, self._data = plan, data
        self._texts: dict[str, str | None] | None = None
        self.problem: str | None = None
        self.counter: int | None = None
        self.crc_ok = True
        if len(data) < message.length:
            self.problem = message.codec.decodable(data)
            self.crc_ok = protector is None
            return
        if plan.multiplexers and not message.container:
            self.problem = message.codec.decodable(data)
        if protector is not None:
            self.crc_ok, self.counter = protector.check(data)

    def __missing__(self, signal: str) -> Number | None:
        value = self[signal] = self._plan.readers[signal](self._data)
        return value

    def text(self, signal: str) -> str | None:
        """The label of a signal's value; None where the value table has none, or the frame does not carry it."""
        if self._texts is None:
            self._texts = {}
        elif signal in self._texts:
            return self._texts[signal]
        codec = self._plan.message.codec
        raw = codec.signal_raw(signal)(self._data)
        text = self._texts[signal] = None if raw is None else codec.text(signal, raw)
        return text
