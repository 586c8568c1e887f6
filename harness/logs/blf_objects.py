"""Objects of a BLF file as columns: the layouts of all that hold a CAN frame, read many at once.

Types 1, 2, 73, 86, 100, 101 and 104 of Vector's binary logging format, see :data:`LAYOUTS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from harness.frames import FD_LENGTHS
from harness.logs.columns import BRS, ERROR, ESI, FD, REMOTE, TX, FrameColumns

PADDING = 128
"""Bytes that must follow the last object in memory, so that every layout can be laid over it."""

ID_BITS = 0x9FFF_FFFF
WIDE = 64

U8 = np.uint8
Bytes = NDArray[np.uint8]
Sizes = NDArray[np.int64]
Found = NDArray[np.void]


def _layout(itemsize: int, /, **fields: tuple[str, int]) -> np.dtype[np.void]:
    """A record of ``itemsize`` bytes; fields: type and offset by name."""
    types, offsets = zip(*fields.values(), strict=True)
    return np.dtype({"names": list(fields), "formats": list(types), "offsets": list(offsets), "itemsize": itemsize})


HEADER = _layout(
    32,
    mark=("<u4", 0),
    header=("<u2", 4),
    version=("<u2", 6),
    size=("<u4", 8),
    type=("<u4", 12),
    unit=("<u4", 16),
    time=("<i8", 24),
)
"""What every object begins with. Time is signed: frames from before the start do exist in files."""

HEADER_SIZES = np.array([0, 32, 40], np.int64)
"""Bytes of the header by its version."""

TEN_MICROSECONDS = 1


class Rows(NamedTuple):
    """Columns of objects of one type, in the sense of :class:`~harness.logs.columns.FrameColumns`."""

    channel: NDArray[np.uint16]
    key: NDArray[np.uint32]
    flags: Bytes
    length: Bytes
    data: Bytes


class Layout(NamedTuple):
    """How objects of one type are read.

    fields: counted from the end of the header. smallest: bytes that an object has at least after its header.
    read: (fields, bytes after the header, size of the header) of ``n`` objects to columns.
    """

    fields: np.dtype[np.void]
    smallest: int
    read: Callable[[Found, Sizes, Sizes], Rows]


def laid(memory: bytes, layout: np.dtype[np.void], at: Sizes) -> Found:
    """Records at any places in memory; not copied where they follow each other at equal distances."""
    everywhere: Found = np.ndarray((len(memory) - layout.itemsize + 1,), layout, memory, strides=(1,))
    if len(at) > 1:
        step = int(at[1] - at[0])
        if bool(np.all(at[1:] - at[:-1] == step)):
            return everywhere[int(at[0]) : int(at[-1]) + 1 : step]
    return everywhere[at]


def _classic(found: Found, room: Sizes, header: Sizes) -> Rows:
    return _rows(found, _classic_flags(found), np.minimum(found["dlc"], U8(8)))


def _fd(found: Found, room: Sizes, header: Sizes) -> Rows:
    flags = _classic_flags(found) | found["fd"] & U8(FD | BRS | ESI)
    return _rows(found, flags, _length(found, flags), (room - 20).clip(0, WIDE))


def _fd64(found: Found, room: Sizes, header: Sizes) -> Rows:
    bits = found["flags"]
    flags = (bits >> 12 & (FD | BRS | ESI) | (bits & 0x10) >> 1).astype(U8) | (found["direction"] != 0) * U8(TX)
    return _rows(found, flags, _length(found, flags), _available(found, room, header, 40))


def _error(found: Found, room: Sizes, header: Sizes) -> Rows:
    nothing = np.zeros(len(found), U8)
    return Rows(
        found["channel"], nothing.astype(np.uint32), nothing + U8(ERROR), nothing, np.zeros((len(found), 8), U8)
    )


def _error_ext(found: Found, room: Sizes, header: Sizes) -> Rows:
    return _rows(found, np.full(len(found), ERROR, U8), np.minimum(found["dlc"], U8(8)))


def _fd_error64(found: Found, room: Sizes, header: Sizes) -> Rows:
    bits = found["flags"]
    flags = (ERROR | bits >> 7 & FD | bits >> 5 & BRS | bits >> 3 & ESI).astype(U8)
    return _rows(found, flags, np.minimum(found["valid"], U8(WIDE)), _available(found, room, header, 44))


def _classic_flags(found: Found) -> Bytes:
    bits: Bytes = found["flags"]
    flags: Bytes = (bits & U8(0x80)) >> U8(4) | (bits & U8(1)) << U8(5)  # REMOTE, TX
    return flags


def _length(found: Found, flags: Bytes) -> Bytes:
    """Bytes that are valid; for a remote frame those that it asks for."""
    asked = np.array(FD_LENGTHS, U8)[np.minimum(found["dlc"], U8(15))]
    length: Bytes = np.where(flags & U8(REMOTE), asked, np.minimum(found["valid"], U8(WIDE)))
    return length


def _available(found: Found, room: Sizes, header: Sizes, before: int) -> Sizes:
    """Payload bytes that an object really holds, after the ``before`` bytes of its other fields.

    Some tools declare more of them valid than they write; the others are zero then, as Vector's own tools read it.
    """
    extra = found["extra"].astype(np.int64)
    return (np.where(extra, np.minimum(room, extra - header), room) - before).clip(0, WIDE)


def _rows(found: Found, flags: Bytes, length: Bytes, available: Sizes | None = None) -> Rows:
    held = length if available is None else np.minimum(length, available)
    if np.any(flags & U8(REMOTE)):
        held = np.where(flags & U8(REMOTE), 0, held)
    words = found["data"].reshape(len(found), -1)
    words = words & _HELD[:, : words.shape[1]][held]
    return Rows(found["channel"], found["id"] & np.uint32(ID_BITS), flags, length, words.view(U8))


_HELD = np.where(np.arange(WIDE) < np.arange(WIDE + 1)[:, None], U8(255), U8(0)).view(np.uint64)
"""Masks that keep the first n bytes of a payload, as eight words."""

_CLASSIC = _layout(16, channel=("<u2", 0), flags=("u1", 2), dlc=("u1", 3), id=("<u4", 4), data=("<u8", 8))
_ERROR = _layout(2, channel=("<u2", 0))
_ERROR_EXT = _layout(32, channel=("<u2", 0), dlc=("u1", 10), id=("<u4", 16), data=("<u8", 24))
_FD = _layout(
    84,
    channel=("<u2", 0),
    flags=("u1", 2),
    dlc=("u1", 3),
    id=("<u4", 4),
    fd=("u1", 13),
    valid=("u1", 14),
    data=("8<u8", 20),
)
_FD64 = _layout(
    104,
    channel=("u1", 0),
    dlc=("u1", 1),
    valid=("u1", 2),
    id=("<u4", 4),
    flags=("<u4", 12),
    direction=("u1", 34),
    extra=("u1", 35),
    data=("8<u8", 40),
)
_FD_ERROR64 = _layout(
    108,
    channel=("u1", 0),
    dlc=("u1", 1),
    valid=("u1", 2),
    flags=("<u2", 8),
    extra=("u1", 10),
    id=("<u4", 12),
    data=("8<u8", 44),
)

LAYOUTS = {
    1: Layout(_CLASSIC, 16, _classic),  # CAN_MESSAGE
    2: Layout(_ERROR, 2, _error),  # CAN_ERROR
    73: Layout(_ERROR_EXT, 32, _error_ext),  # CAN_ERROR_EXT
    86: Layout(_CLASSIC, 16, _classic),  # CAN_MESSAGE2: more fields behind the payload
    100: Layout(_FD, 20, _fd),  # CAN_FD_MESSAGE
    101: Layout(_FD64, 40, _fd64),  # CAN_FD_MESSAGE_64
    104: Layout(_FD_ERROR64, 44, _fd_error64),  # CAN_FD_ERROR_64
}
"""The objects that hold a CAN frame, by type."""


def frames_of(
    memory: bytes, at: Sizes, headers: Found, index: Callable[[NDArray[np.uint16]], Bytes]
) -> tuple[NDArray[np.intp], FrameColumns]:
    """The CAN frames among objects.

    memory: the objects, complete, and :data:`PADDING` more bytes. at: where they begin. headers: theirs, of versions 1
    and 2 only. index: from channel numbers as the file gives them to those of the columns. Returns which of the objects
    hold a frame, ascending, and the frames.
    """
    kinds, header = headers["type"], HEADER_SIZES[headers["version"]]
    room = headers["size"] - header
    parts: list[tuple[Any, Rows]] = []
    for kind, layout in LAYOUTS.items():
        here = (kinds == kind) & (room >= layout.smallest)
        count = np.count_nonzero(here)
        if count:
            rows = slice(None) if count == len(at) else np.flatnonzero(here)
            found = laid(memory, layout.fields, at[rows] + header[rows])
            parts.append((rows, layout.read(found, room[rows], header[rows])))
    which, whole = _in_order(parts, len(at))
    ticks = headers["time"][which]
    time = np.where(headers["unit"][which] == TEN_MICROSECONDS, ticks * 10_000, ticks)
    return which, FrameColumns(time, index(whole.channel), whole.key, whole.flags, whole.length, whole.data)


def _in_order(parts: list[tuple[Any, Rows]], objects: int) -> tuple[NDArray[np.intp], Rows]:
    """The parts, each with the indices of its objects, as one in the order of the objects, and its indices."""
    if len(parts) == 1 and isinstance(parts[0][0], slice):
        return np.arange(objects), parts[0][1]
    count, width = sum(len(rows) for rows, _ in parts), max((part.data.shape[1] for _, part in parts), default=8)
    whole = Rows(
        np.zeros(count, np.uint16),
        np.zeros(count, np.uint32),
        np.zeros(count, U8),
        np.zeros(count, U8),
        np.zeros((count, width), U8),
    )
    which = np.sort(np.concatenate([rows for rows, _ in parts])) if parts else np.zeros(0, np.intp)
    for rows, part in parts:
        target = np.searchsorted(which, rows)
        whole.channel[target], whole.key[target] = part.channel, part.key
        whole.flags[target], whole.length[target] = part.flags, part.length
        whole.data[target, : part.data.shape[1]] = part.data
    return which, whole
