"""Stimulation frames: how a tester moves the plant of a served vehicle, and gets a new vehicle.

They stand in no vehicle database, and no simulated node sees them. Both have 8 bytes and a 29-bit identifier:

=================  ==============================================================================================
0x1FFFFFF0         tester to server: operation (1 byte), number (1), subject (2, little endian), value (4, IEEE 754)
0x1FFFFFF1         server to tester: operation + 0x80 (1), number of the request (1), status (2), value (4)
=================  ==============================================================================================

The subject is a name's CRC-16/XMODEM (``binascii.crc_hqx(name, 0)``): of a role of the plant, or of a node.
"""

from __future__ import annotations

import struct
from binascii import crc_hqx
from dataclasses import dataclass
from enum import IntEnum

from harness.frames import Frame

REQUEST_ID, ANSWER_ID = 0x1FFF_FFF0, 0x1FFF_FFF1
PROTOCOL = 2
"""Version of what is written here; the answer to :attr:`Operation.HELLO`."""
_LAYOUT = struct.Struct("<BBHf")
_SINGLE = struct.Struct("<f")
_LARGEST = 3.4028234663852886e38
_ANSWER = 0x80


class Operation(IntEnum):
    """What the tester asks for. The answer's value is 0 unless said otherwise, and it goes to the asking channel."""

    HELLO = 0
    """Is a server there? Answers with the version of this protocol, :data:`PROTOCOL`."""
    PLANT = 1
    """Set the role ``subject`` to ``value``, in the role's unit."""
    RESET = 2
    """Reset the node ``subject``."""
    POWER_OFF = 3
    """Take the power from the node ``subject``."""
    POWER_ON = 4
    """Give it back."""
    NEW_VEHICLE = 5
    """A factory-new vehicle: all nodes, all memories, the plant.

    The answer goes out on *every* channel, and then the new vehicle's time begins: on each channel, frames before the
    answer are the old vehicle's, frames after it the new one's. What the tester sends before it has the answer is lost.
    """
    LATENESS = 6
    """How late was the vehicle at worst, as a tester sees it, since this was last asked, or it is new? In seconds."""
    PLANT_READ = 7
    """What is the role ``subject``? Answers with its value, in the role's unit."""
    BROKEN = 8
    """Never asked for: the server tells on every channel, with number 0, that a model broke and the vehicle stands."""


class Status(IntEnum):
    """What became of a request."""

    DONE = 0
    UNKNOWN_SUBJECT = 1
    VALUE_REFUSED = 2
    UNKNOWN_OPERATION = 3
    BROKEN = 4

    @property
    def text(self) -> str:
        """The status in words.

        >>> Status.VALUE_REFUSED.text
        'the role does not take this value'
        """
        return _TEXTS[self]


_TEXTS = {
    Status.DONE: "done",
    Status.UNKNOWN_SUBJECT: "the served vehicle has no such role, or no such simulated node",
    Status.VALUE_REFUSED: "the role does not take this value",
    Status.UNKNOWN_OPERATION: "the server does not know this operation",
    Status.BROKEN: "a model of the served vehicle broke, and the vehicle stands still; the server has printed why",
}


@dataclass(frozen=True, slots=True)
class Request:
    """A request. number: 0 to 255, comes back in the answer. subject: see :func:`subject_of`; 0 for none."""

    operation: int
    number: int = 0
    subject: int = 0
    value: float = 0.0

    def frame(self) -> Frame:
        """As a frame.

        >>> Request.of(Request(Operation.PLANT, 7, subject_of("cell_temperature"), 61.0).frame())
        Request(operation=1, number=7, subject=43808, value=61.0)
        """
        return Frame(REQUEST_ID, _LAYOUT.pack(self.operation, self.number, self.subject, self.value), extended=True)

    @classmethod
    def of(cls, frame: Frame) -> Request | None:
        """The request in a frame; None when it holds none."""
        if frame.id != REQUEST_ID or not frame.extended or len(frame.data) != _LAYOUT.size:
            return None
        operation, number, subject, value = _LAYOUT.unpack(frame.data)
        return cls(operation, number, subject, _rounded(value))


@dataclass(frozen=True, slots=True)
class Answer:
    """What the server answers to a request of that number."""

    operation: int
    number: int
    status: Status
    value: float = 0.0

    def frame(self) -> Frame:
        """As a frame."""
        data = _LAYOUT.pack(self.operation | _ANSWER, self.number, self.status, self.value)
        return Frame(ANSWER_ID, data, extended=True)

    @classmethod
    def of(cls, frame: Frame) -> Answer | None:
        """The answer in a frame; None when it holds none."""
        if frame.id != ANSWER_ID or not frame.extended or len(frame.data) != _LAYOUT.size:
            return None
        operation, number, status, value = _LAYOUT.unpack(frame.data)
        if not operation & _ANSWER or status not in tuple(Status):
            return None
        return cls(operation & ~_ANSWER, number, Status(status), _rounded(value))


def subject_of(name: str) -> int:
    """The number that stands for a name."""
    return crc_hqx(name.encode(), 0)


def _rounded(value: float) -> float:
    """What a single-precision number stands for: 2.8, and not 2.799999952316284, which would lie below a limit of 2.8.

    The shortest decimal number that is this one in single precision; nine digits always do.
    """
    for digits in range(6, 9):
        short = float(f"{value:.{digits}g}")
        if abs(short) <= _LARGEST and _SINGLE.pack(short) == _SINGLE.pack(value):
            return short
    return value
