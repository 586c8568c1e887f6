"""BLF files by hand, object by object, as tools other than ours write them; and how python-can reads them."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterable
from pathlib import Path

import can

from harness.logs.reading import Log

NANOSECONDS, TEN_MICROSECONDS = 2, 1
START = (2023, 11, 2, 14, 22, 13, 20, 7)
START_NS = 1_700_000_000_007_000_000
"""The same instant, read as UTC."""

Row = tuple[int, int, int, bool, bool, bool, bool, bool, bool, bytes]


def obj(kind: int, content: bytes, time: int = 0, unit: int = NANOSECONDS, version: int = 1, pad: int = -1) -> bytes:
    """One object; pad: bytes behind it, -1: as the format has it."""
    head = struct.pack("<LHHq", unit, 0, 0, time) + bytes(8 * (version == 2))
    size = 16 + len(head) + len(content)
    whole = struct.pack("<4sHHLL", b"LOBJ", 16 + len(head), version, size, kind) + head + content
    return whole + bytes(size % 4 if pad < 0 else pad)


def classic(identifier: int, data: bytes, channel: int = 1, flags: int = 0, dlc: int | None = None) -> bytes:
    """What a CAN_MESSAGE holds."""
    return struct.pack("<HBBL8s", channel, flags, len(data) if dlc is None else dlc, identifier, data)


def fd(identifier: int, data: bytes, channel: int = 1, flags: int = 0, fd_flags: int = 1) -> bytes:
    """What a CAN_FD_MESSAGE holds."""
    dlc = can.util.len2dlc(len(data))
    return struct.pack("<HBBLLBBB5x64s", channel, flags, dlc, identifier, 0, 0, fd_flags, len(data), data)


def fd64(
    identifier: int, data: bytes, channel: int = 1, flags: int = 0x1000, tx: int = 0, valid: int = -1, extra: int = 0
) -> bytes:
    """What a CAN_FD_MESSAGE_64 holds; extra: offset of additional data behind the payload, from the object's begin."""
    valid = len(data) if valid < 0 else valid
    head = struct.pack("<BBBBLLLLLLLHBBL", channel, can.util.len2dlc(valid), valid, 0, identifier, 0, flags, 0, 0, 0, 0,
                       0, tx, extra, 0)  # fmt: skip
    return head + data + (bytes(8) if extra else b"")


def fd_error64(identifier: int, data: bytes, channel: int = 1) -> bytes:
    """What a CAN_FD_ERROR_64 holds, of an FD frame."""
    return struct.pack("<BBBBHHHBBLLLLLLLHH", channel, can.util.len2dlc(len(data)), len(data), 0, 0, 0, 0x80, 0, 0,
                       identifier, 0, 0, 0, 0, 0, 0, 0, 0) + data  # fmt: skip


def container(content: bytes, method: int = 2) -> bytes:
    packed = zlib.compress(content) if method == 2 else content
    size = 32 + len(packed)
    head = struct.pack("<4sHHLL", b"LOBJ", 16, 1, size, 10) + struct.pack("<H6xL4x", method, len(content))
    return head + packed + bytes(size % 4)


def blf(containers: Iterable[bytes], start: tuple[int, ...] = START, declared: int | None = None) -> bytes:
    """A file; declared: its size as the header has it, None: the right one."""
    body = b"".join(containers)
    size = 144 + len(body) if declared is None else declared
    return struct.pack("<4sL8BQQLL8H8H72x", b"LOGG", 144, *bytes(8), size, 0, 0, 0, *start, *start) + body


def rows_of_python_can(path: Path) -> list[Row]:
    """Everything that python-can's reader gives; times in ns since the start, rounded to microseconds."""
    with can.BLFReader(path) as reader:
        return [
            (
                round((message.timestamp - reader.start_timestamp) * 1e6),
                int(str(message.channel)) + 1,
                message.arbitration_id,
                message.is_extended_id,
                message.is_fd,
                message.bitrate_switch,
                message.error_state_indicator,
                message.is_remote_frame,
                message.is_error_frame,
                b"" if message.is_remote_frame else bytes(message.data),
            )
            for message in reader
        ]


def rows_of_ours(log: Log) -> list[Row]:
    """The same of our reader."""
    rows: list[Row] = []
    for block in log.blocks():
        columns = (block.time, block.channel, block.key, block.flags, block.length)
        for (time, channel, key, flags, length), data in zip(
            zip(*(column.tolist() for column in columns), strict=True), block.data, strict=True
        ):
            identifier, extended, remote = key & 0x1FFF_FFFF, bool(key >> 31), bool(flags & 8)
            bits = [bool(flags & bit) for bit in (1, 2, 4, 8, 16)]
            assert not data[0 if remote else length :].any()
            rows.append(
                (
                    round(time / 1e3),
                    int(log.own_channels[channel]),
                    identifier,
                    extended,
                    bits[0],
                    bits[1],
                    bits[2],
                    bits[3],
                    bits[4],
                    b"" if remote else data[:length].tobytes(),
                )
            )
    return rows
