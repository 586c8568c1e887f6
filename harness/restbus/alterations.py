"""What a disturbance does to finished frames: small values that can be pickled, so that it works in any process."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.protection import ProtectionSpec, bits_of

if TYPE_CHECKING:
    from harness.restbus.plan import MessagePlan
    from harness.signals.definitions import MessageDef


@dataclass(slots=True, eq=False)
class Alteration:
    """Changes or suppresses the next ``count`` frames (None: all), and then leaves them alone.

    Called with a frame's payload and its counter (None: not protected), as a
    :data:`~harness.restbus.message.Tamper`. used: how many frames it has touched.
    """

    count: int | None
    used: int = field(default=0, init=False)

    def __call__(self, data: bytes, counter: int | None) -> bytes | None:
        """The payload to send instead, None to send nothing; ``data`` itself when the frame is left alone."""
        if self.count is not None and self.used >= self.count:
            return data
        self.used += 1
        return self._altered(data, counter)

    def _altered(self, data: bytes, counter: int | None) -> bytes | None:
        raise NotImplementedError


@dataclass(slots=True, eq=False)
class Suppression(Alteration):
    """Nothing is sent.

    >>> silence = Suppression(count=1)
    >>> silence(b"\\x01", None), silence(b"\\x01", None)
    (None, b'\\x01')
    """

    def _altered(self, data: bytes, counter: int | None) -> bytes | None:
        return None


@dataclass(slots=True, eq=False)
class FlippedBit(Alteration):
    """One bit of the payload is inverted. bit: byte * 8 + bit in the byte."""

    bit: int

    def _altered(self, data: bytes, counter: int | None) -> bytes:
        return bit_flipped(data, self.bit)


@dataclass(slots=True, eq=False)
class OtherLength(Alteration):
    """The payload is cut, or filled with zeros, to ``length`` bytes."""

    length: int

    def _altered(self, data: bytes, counter: int | None) -> bytes:
        return data[: self.length].ljust(self.length, b"\0")


@dataclass(slots=True, eq=False)
class ShiftedCounter(Alteration):
    """The counter is wrong by ``offset`` more in each frame, under a right checksum. plan: of the protected message."""

    offset: int
    plan: MessagePlan

    def _altered(self, data: bytes, counter: int | None) -> bytes:
        payload, protector = bytearray(data), self.plan.protector
        assert protector is not None
        # The deviations add up: a constant one would be wrong once, and then count on as it should.
        protector.protect(payload, ((counter or 0) + self.used * self.offset) % protector.counter_modulo)
        return bytes(payload)


def crc_bit(message: MessageDef, protection: ProtectionSpec) -> int:
    """The lowest bit of a protected message's CRC, as byte * 8 + bit in the byte."""
    return bits_of(message.signal(protection.crc))[0]


def bit_flipped(data: bytes, bit: int) -> bytes:
    """The payload with one bit inverted.

    >>> bit_flipped(b"\\x00\\x01", 8).hex()
    '0000'
    """
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)
