"""CAN frames as values: what a node sends, and what was seen on a channel.

Both are named tuples, not dataclasses: they are made once per frame on the hot path, where a frozen dataclass costs
several times as much.
"""

from __future__ import annotations

from typing import NamedTuple

from harness.errors import BusError

EXTENDED = 1 << 31
"""Set in :attr:`Frame.key` for 29-bit identifiers, so that 0x123 standard and 0x123 extended never meet."""

FD_LENGTHS = (0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 20, 24, 32, 48, 64)
"""Payload length in bytes per DLC code, CAN FD (ISO 11898-1:2015, table 5)."""


class Frame(NamedTuple):
    """The content of one CAN frame. Checked by :func:`check_frame`, not on construction.

    id: identifier, 0 to 0x7FF, or to 0x1FFF_FFFF when ``extended``.
    data: payload; 0 to 8 bytes, with ``fd`` one of :data:`FD_LENGTHS`; empty for a remote frame.
    remote: remote transmission request (classic CAN only); ``length`` is then the requested length in bytes.
    brs: the data phase is sent at the data bit rate; esi: the sender is error passive. Both need ``fd``.
    length: payload bytes asked for by a remote frame (0 to 8); 0 otherwise.

    >>> Frame(0x123, b"\\x01\\x02").key == 0x123
    True
    """

    id: int
    data: bytes = b""
    extended: bool = False
    fd: bool = False
    brs: bool = False
    esi: bool = False
    remote: bool = False
    length: int = 0

    @property
    def key(self) -> int:
        """Identifier with bit 31 set when extended: one integer that tells every identifier from every other."""
        return self.id | EXTENDED if self.extended else self.id

    def __str__(self) -> str:
        kind = ("FD" if self.fd else "") + ("R" if self.remote else "")
        return (
            f"{id_text(self.key)}{' ' + kind if kind else ''} [{len(self.data)}] {self.data.hex(' ').upper()}".rstrip()
        )


class Received(NamedTuple):
    """A frame as it was seen on a channel.

    time: end of the frame (last bit of EOF) in nanoseconds since the world began.
    channel: name of the channel. frame: its content.
    sender: name of the node whose controller sent it; "" where the port cannot know (a real bus, a log).
    """

    time: int
    channel: str
    frame: Frame
    sender: str = ""


class ErrorFrame(NamedTuple):
    """An error frame as it was seen on a channel.

    time: end of the error delimiter, ns. kind: ``bit``, ``stuff``, ``crc``, ``form`` or ``ack`` (ISO 11898-1, 10.11).
    frame: the frame it destroyed. sender: the node that was sending.
    """

    time: int
    channel: str
    kind: str
    frame: Frame
    sender: str = ""


def id_text(key: int) -> str:
    """An identifier key as engineers write it: three digits for 11 bits, eight and an ``x`` for 29.

    >>> id_text(0x1A0), id_text(EXTENDED | 0x18FF1234)
    ('0x1A0', '0x18FF1234x')
    """
    return f"0x{key & ~EXTENDED:08X}x" if key & EXTENDED else f"0x{key:03X}"


def check_frame(frame: Frame, *, fd: bool) -> None:
    """Refuse what no bus would carry; ``fd`` says whether the channel speaks CAN FD.

    Raises :class:`~harness.errors.BusError`.

    >>> check_frame(Frame(0x800), fd=False)
    Traceback (most recent call last):
    harness.errors.BusError: identifier 0x800 needs more than 11 bits: set extended=True
    """
    if not 0 <= frame.id <= (0x1FFF_FFFF if frame.extended else 0x7FF):
        bits = "29 bits" if frame.extended else "11 bits: set extended=True"
        raise BusError(f"identifier 0x{frame.id:X} needs more than {bits}")
    if type(frame.data) is not bytes:
        raise BusError(f"frame {id_text(frame.key)}: data are bytes, not {frame.data!r} ({type(frame.data).__name__})")
    if frame.fd:
        if not fd:
            raise BusError(f"frame {id_text(frame.key)} is CAN FD, but the channel is classic CAN")
        if frame.remote:
            raise BusError(f"frame {id_text(frame.key)}: CAN FD has no remote frames")
        if len(frame.data) not in FD_LENGTHS:
            raise BusError(f"frame {id_text(frame.key)}: CAN FD carries {FD_LENGTHS} bytes, not {len(frame.data)}")
        return
    if frame.brs or frame.esi:
        raise BusError(f"frame {id_text(frame.key)}: BRS and ESI exist in CAN FD only: set fd=True")
    if len(frame.data) > 8 or not 0 <= frame.length <= 8:
        raise BusError(f"frame {id_text(frame.key)}: classic CAN carries 0 to 8 bytes, not {len(frame.data)}")
    if frame.remote and frame.data:
        raise BusError(f"frame {id_text(frame.key)}: a remote frame carries no data; set length instead")
