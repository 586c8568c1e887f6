"""Reading BLF, Vector's binary logging format: containers, mostly compressed, of objects of which CAN frames are some.

The containers are unpacked in batches, and all objects of one type in a batch become columns at once.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Generator, Iterator
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path
from struct import Struct
from typing import BinaryIO, NamedTuple

import numpy as np

from harness.errors import LogError
from harness.logs.blf_chain import MARK, SLACK, Chain, chain
from harness.logs.blf_objects import HEADER_SIZES, LAYOUTS, PADDING, Found, Sizes, frames_of
from harness.logs.problems import Problems
from harness.logs.source import Channels, Piece, Told, dated, epoch_ns

FILE_HEADER = Struct("<4sL8xQQLL8H8H")
"""Mark ``LOGG``, size of the header, of the file, of the file unpacked, count of objects, of objects read, and two
SYSTEMTIME: first and last object."""

BASE = Struct("<4sHHLL")
CONTAINER = Struct("<H6xL4x")
"""Way of compression and size unpacked, behind the base of a container's header."""

APP_TEXT, MEASUREMENT_COMMENT = 65, 0
APP_TEXT_FIELDS = Struct("<L4xL4x")
"""Source and length of the text that follows."""

LAST_TYPE = 255
"""Types of objects are small numbers, about 140 by now."""

LOG_CONTAINER, NOT_COMPRESSED, ZLIB = 10, 0, 2
DATA_LOST = {91: "driver overrun", 125: "data lost"}
BATCH = 1 << 19
LARGEST_CONTAINER = 1 << 26


class Part(NamedTuple):
    """Unpacked bytes of one container. position: of the container in the file. broken: the next does not go on here."""

    position: int
    data: bytes
    broken: bool = False


class BlfSource:
    """One pass over a BLF file, see :class:`harness.logs.source.Source`."""

    def __init__(self, path: Path, channels: Channels, problems: Problems) -> None:
        self._path, self._channels, self._problems = path, channels, problems
        self._size = path.stat().st_size
        self.told = Told()
        self.fraction = 0.0
        with path.open("rb") as file:
            head = file.read(FILE_HEADER.size)
        if not head.startswith(b"LOGG"):
            raise LogError(f"{path} is no BLF file: it begins with {head[:4]!r}, not with b'LOGG'")
        self._complete = len(head) == FILE_HEADER.size
        fields = FILE_HEADER.unpack(head.ljust(FILE_HEADER.size, b"\0"))
        self._header_size, self._declared = fields[1], fields[2]
        self.told.start = _instant(fields[6:14])

    def pieces(self) -> Generator[Piece, None, None]:
        """The frames, half a megabyte of objects at a time."""
        if not self._complete or self._size < self._header_size:
            self._truncated(self._size, "the file ends inside its own header")
            return
        with self._path.open("rb") as file:
            tail, synchronous, whole = b"", True, True
            for parts in _batches(self._containers(file)):
                stretch = _Stretch(tail, parts)
                found = chain(stretch.memory, stretch.length, synchronous)
                for fault in found.faults:
                    self._problems.add(
                        "gap", stretch.position(fault), "no object where one should begin; read on at the next"
                    )
                yield self._piece(stretch, found)
                tail, synchronous = stretch.memory[found.end : stretch.length], found.synchronous
                whole = not parts[-1].broken
                if not whole:
                    tail, synchronous = b"", False
                self.fraction = min(1.0, file.tell() / self._size)
            if whole and tail.strip(b"\0"):
                # Where an object's size is wrong, what it swallows may be whole objects.
                stretch = _Stretch(tail[len(MARK) :], [Part(self._size, b"")])
                yield self._piece(stretch, chain(stretch.memory, stretch.length, False))
        if whole and tail.strip(b"\0"):
            self._truncated(self._size, f"the file ends inside an object; its {len(tail)} bytes are left out")
        elif whole and self._declared > self._size:
            self._truncated(self._size, f"the file ends here, though its header tells of {self._declared} bytes")
        self.fraction = 1.0

    def _piece(self, stretch: _Stretch, found: Chain) -> Piece:
        at, headers = found.at, found.headers
        known = (headers["version"] == 1) | (headers["version"] == 2)
        if not known.all():
            first = int(at[~known][0])
            count = int(np.count_nonzero(~known))
            self._problems.add("version", stretch.position(first), "object with an unknown header, left out", count)
            at, headers = at[known], headers[known]
        which, columns = frames_of(stretch.memory, at, headers, self._channels.indices)
        if len(which) < len(at):
            others = np.delete(np.arange(len(at)), which)
            self._others(stretch, at[others], headers[others])
        return Piece(columns, lambda row: stretch.position(int(at[which[row]])))

    def _others(self, stretch: _Stretch, at: Sizes, headers: Found) -> None:
        """What is no frame: mostly nothing to us."""
        kinds = headers["type"]
        for kind, text in DATA_LOST.items():
            for place in at[kinds == kind].tolist():
                self._problems.add(text, stretch.position(place), f"{text}: the recorder itself missed frames here")
        for place, size in zip(
            at[kinds == APP_TEXT].tolist(), headers["size"][kinds == APP_TEXT].tolist(), strict=True
        ):
            self._text(stretch.memory[place : place + size])
        for place in at[kinds > LAST_TYPE].tolist():
            self._problems.add("type", stretch.position(place), "object of a type that does not exist, left out")
        for kind in LAYOUTS:
            for place in at[kinds == kind].tolist():
                self._problems.add("short", stretch.position(place), f"object of type {kind} too short, left out")

    def _text(self, found: bytes) -> None:
        """A comment on the measurement: metadata where it is written as ``key: value``."""
        begin = int(HEADER_SIZES[BASE.unpack_from(found)[2]]) + APP_TEXT_FIELDS.size
        if len(found) < begin:
            return
        source, size = APP_TEXT_FIELDS.unpack_from(found, begin - APP_TEXT_FIELDS.size)
        if source == MEASUREMENT_COMMENT:
            for line in found[begin : begin + size].decode("utf-8", "replace").splitlines():
                self.told.line(line)

    def _containers(self, file: BinaryIO) -> Iterator[Part]:
        position, alone = self._header_size, False
        while True:
            file.seek(position)
            head = file.read(BASE.size + SLACK)
            begin = head.find(MARK, 0, SLACK + len(MARK))
            if not head.strip(b"\0"):
                return
            if begin >= 0 and len(head) - begin < BASE.size:
                self._truncated(self._size, f"the file ends inside the header at byte {position + begin}")
                yield Part(position, b"", True)
                return
            if begin < 0:
                found = _find(file, position + 1)
                if found is None:
                    self._truncated(position, "no container begins here, nor anywhere behind")
                else:
                    self._problems.add("lost", f"byte {position}", f"no container begins here; read on at byte {found}")
                yield Part(position, b"", True)
                if found is None:
                    return
                position = found
                continue
            position += begin
            base = BASE.unpack_from(head, begin)
            if alone != (base[-1] != LOG_CONTAINER):
                # An object that stands by itself is no part of one that goes on in the next container.
                alone = not alone
                yield Part(position, b"", True)
            part, position = self._container(file, position, base)
            yield part

    def _container(self, file: BinaryIO, position: int, base: tuple[bytes, int, int, int, int]) -> tuple[Part, int]:
        """What a container holds, and where the next should begin."""
        _, _, _, size, kind = base
        end = position + size
        if size < BASE.size or size > LARGEST_CONTAINER:
            self._problems.add("size", f"byte {position}", f"object of {size} bytes, left out")
            return Part(position, b"", True), position + len(MARK)
        file.seek(position + BASE.size)
        body = file.read(size - BASE.size)
        short = len(body) < size - BASE.size
        if kind != LOG_CONTAINER:
            if kind in LAYOUTS and not short:
                file.seek(position)
                return Part(position, file.read(size)), end
            if short:
                self._truncated(self._size, f"the file ends inside the object at byte {position}")
            else:
                self._problems.add("outside", f"byte {position}", f"object of type {kind} in no container, left out")
            return Part(position, b"", True), end
        if len(body) < CONTAINER.size:
            self._truncated(position, "the file ends inside the header of a container")
            return Part(position, b"", True), self._size
        method, unpacked = CONTAINER.unpack_from(body)
        packed = memoryview(body)[CONTAINER.size :]
        if method == NOT_COMPRESSED:
            data = bytes(packed)
        elif method == ZLIB:
            try:
                data = zlib.decompress(packed, bufsize=max(min(unpacked, LARGEST_CONTAINER), 1))
            except zlib.error as error:
                found = _begun(packed) if short else None
                if found is None:
                    # Nothing tells which of its bytes are right, and a wrong value is worse than none.
                    self._problems.add("damaged", f"byte {position}", f"damaged container ({error}), left out")
                    return Part(position, b"", True), end
                data = found
        else:
            self._problems.add("method", f"byte {position}", f"container packed in an unknown way ({method}), left out")
            return Part(position, b"", True), end
        if short:
            self._truncated(
                self._size, f"the file ends inside the container at byte {position}; what could be unpacked was read"
            )
        return Part(position, data, short), end

    def _truncated(self, position: int, text: str) -> None:
        self._problems.add("truncated", f"byte {position}", text)


class _Stretch:
    """Bytes of several containers as one, and from where in the file they come."""

    def __init__(self, tail: bytes, parts: list[Part]) -> None:
        self.length = len(tail) + sum(len(part.data) for part in parts)
        self.memory = b"".join((tail, *(part.data for part in parts), bytes(PADDING)))
        self._positions = [part.position for part in parts]
        self._ends = list(accumulate((len(part.data) for part in parts), initial=len(tail)))[1:]

    def position(self, offset: int) -> str:
        """The container in which a byte stands; an object that began before is said to be in the first."""
        index = min(bisect_right(self._ends, offset), len(self._positions) - 1)
        return f"byte {self._positions[index]}"


def _batches(parts: Iterator[Part]) -> Iterator[list[Part]]:
    """Parts in lists of about half a megabyte; a broken one ends its list."""
    batch: list[Part] = []
    size = 0
    for part in parts:
        batch.append(part)
        size += len(part.data)
        if size >= BATCH or part.broken:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _begun(packed: memoryview) -> bytes | None:
    """What a container that is cut begins with; None where it is damaged, too."""
    try:
        return zlib.decompressobj().decompress(packed)
    except zlib.error:
        return None


def _find(file: BinaryIO, position: int) -> int | None:
    """The next container behind a position, None where there is none."""
    wanted = MARK + b"\x10\x00"
    while True:
        file.seek(position)
        window = file.read(BATCH)
        found = window.find(wanted)
        if found >= 0:
            return position + found
        if len(window) < BATCH:
            return None
        position += BATCH - len(wanted)


def _instant(stamp: tuple[int, ...]) -> int | None:
    """A SYSTEMTIME as ns since 1970, read as UTC; None where it is none."""
    year, month, _, day, hour, minute, second, millisecond = stamp
    try:
        return dated(epoch_ns(datetime(year, month, day, hour, minute, second, millisecond * 1000, tzinfo=UTC)))
    except ValueError:
        return None
