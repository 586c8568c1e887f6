"""The ASCII protocol of serial CAN adapters (Lawicel CAN232, version 3; CAN FD as the CANable 2 firmware extends it).

A line is ``t1232AABB`` and a carriage return: kind, identifier in hex (3 digits, or 8), DLC in hex, payload in hex.
Kinds: ``t T`` data, ``r R`` remote, ``d D`` CAN FD, ``b B`` CAN FD with bit rate switch; capital: 29-bit identifier.
"""

from __future__ import annotations

from harness.frames import FD_LENGTHS, Frame

OK, BELL = b"\r", b"\a"
_DIGITS = {False: 3, True: 8}


def line_of(frame: Frame) -> bytes:
    """A frame as a line, without its carriage return.

    >>> line_of(Frame(0x123, b"\\xaa\\xbb")), line_of(Frame(0x1, bytes(12), extended=True, fd=True, brs=True))[:10]
    (b't1232AABB', b'B000000019')
    """
    kind = "r" if frame.remote else "b" if frame.brs else "d" if frame.fd else "t"
    length = frame.length if frame.remote else len(frame.data)
    code = FD_LENGTHS.index(length)
    head = f"{kind.upper() if frame.extended else kind}{frame.id:0{_DIGITS[frame.extended]}X}{code:X}"
    return (head + frame.data.hex().upper()).encode()


def frame_of_line(line: bytes) -> Frame | None:
    """The frame in a line; None for what is none: another command, or one that is damaged.

    >>> frame_of_line(b"t1232AABB")
    Frame(id=291, data=b'\\xaa\\xbb', extended=False, fd=False, brs=False, esi=False, remote=False, length=0)
    >>> frame_of_line(b"t12"), frame_of_line(b"t1239AABB"), frame_of_line(b"S6")
    (None, None, None)
    """
    kind = chr(line[0]) if line else ""
    if kind not in "tTrRdDbB" or not line:
        return None
    extended, remote, fd = kind.isupper(), kind in "rR", kind in "dDbB"
    digits = _DIGITS[extended]
    try:
        identifier = int(line[1 : 1 + digits], 16)
        length = FD_LENGTHS[int(line[1 + digits : 2 + digits], 16)]
        data = bytes.fromhex(line[2 + digits :].decode())
    except ValueError:
        return None
    if len(line) < 2 + digits or (length > 8 and not fd) or len(data) != (0 if remote else length):
        return None
    if identifier > (0x1FFF_FFFF if extended else 0x7FF):
        return None
    return Frame(identifier, data, extended, fd, kind in "bB", remote=remote, length=length if remote else 0)
