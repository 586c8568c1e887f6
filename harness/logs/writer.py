"""What every writer of recordings does, whatever its format: collect, encode piece by piece, survive a kill, rotate.

A writer collects frames and puts them into the file a piece at a time: :data:`PIECE` frames, or what was seen in
:data:`FLUSH_NS` of the recording's own time. Each piece is handed to the operating system and can be read from then
on, so a process that is killed loses the last piece at most. Nothing here looks at a clock.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO, Protocol

from harness.errors import LogError
from harness.frames import ErrorFrame, Received

Seen = Received | ErrorFrame
"""What a recording holds: frames, and error frames in their place."""

PIECE = 1000
"""Frames that are written at once; a BLF container of that many CAN FD frames stays below the usual 128 kB."""

FLUSH_NS = 1_000_000_000
"""After so much time of the recording (ns) the frames of a piece are written, however few they are."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Head:
    """What stands at the beginning of a recording.

    channels: names, in the order of their numbers, which count from 1. metadata: see
    :func:`~harness.logs.writing.open_writer`. start: Unix time of time 0 in ns; None: the times are no wall-clock
    times. own: nodes whose frames the recording side sent itself (``Tx``).
    """

    channels: Sequence[str]
    metadata: Mapping[str, str] = field(default_factory=dict)
    start: int | None = None
    own: Collection[str] = ()

    @property
    def numbers(self) -> dict[str, int]:
        """Number of each channel."""
        return {name: number for number, name in enumerate(self.channels, start=1)}

    @property
    def milliseconds(self) -> int | None:
        """:attr:`start` in whole ms, which is what BLF, ASC and MF4 have room for; the rest is :attr:`shift`."""
        return None if self.start is None else self.start // 1_000_000

    @property
    def shift(self) -> int:
        """What is added to every time, ns, so that the whole milliseconds of the start lose nothing."""
        return 0 if self.start is None else self.start % 1_000_000

    def ends(self, time: int) -> str:
        """The line that says when the recording ended; time: ns."""
        return f"ends: {time + self.shift} ns"

    def lines(self) -> list[str]:
        """Metadata as ``key: value``, one line each; ``channel <n>`` is the name of a channel, ``start`` is in UTC."""
        found = {f"channel {number}": name for name, number in self.numbers.items()}
        if self.milliseconds is not None:
            # The formats hold a date without a zone; here it has one.
            found["start"] = f"{_EPOCH + timedelta(milliseconds=self.milliseconds):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"
        return [f"{key}: {' '.join(value.split())}" for key, value in {**found, **self.metadata}.items()]


class Encoder(Protocol):
    """A format: turns frames into the bytes of one file."""

    def begin(self) -> bytes:
        """The first bytes of the file."""

    def piece(self, seen: Sequence[Seen]) -> bytes:
        """The next frames, in a form that can be read even if nothing follows."""

    def again(self) -> bytes:
        """What now replaces the first bytes of the file; empty where they stay as they are."""

    def end(self, time: int | None) -> bytes:
        """The last bytes of the file. time: ns at which the recording ends; None: not known."""


class LogWriter(Protocol):
    """Writes one recording. Made by :func:`~harness.logs.writing.open_writer`."""

    @property
    def paths(self) -> Sequence[Path]:
        """The files, more than one when it rotates."""

    def write(self, seen: Seen) -> None:
        """Add the next frame or error frame; times do not decrease.

        Raises :class:`~harness.errors.LogError` when the file cannot take it, as on a full disk.
        """

    def flush(self) -> None:
        """Hand over to the operating system what is not yet in the file."""

    def close(self, end: int | None = None) -> None:
        """Complete the recording; nothing can be added afterwards. Closing twice does nothing.

        end: ns until which nothing more was seen, for whoever judges the recording; None: not known.
        """

    def discard(self) -> None:
        """End the recording and delete its files."""


class StreamWriter:
    """A :class:`LogWriter` that puts the pieces of an encoder into files, one after the other.

    path: of the first file. head: what it begins with. encoder: makes the format's encoder for each file.
    rotate: size in bytes from which on the next file is begun, ``name_002.blf`` after ``name.blf``; None: one file.
    working: the name of a file while it is written, where that is another; finished: called with the final name of
    every file that is complete.
    """

    def __init__(
        self,
        path: Path,
        head: Head,
        encoder: Callable[[Head], Encoder],
        *,
        rotate: int | None = None,
        working: Callable[[Path], Path] = lambda path: path,
        finished: Callable[[Path], None] = lambda _: None,
    ) -> None:
        if rotate is not None and rotate <= 0:
            raise LogError(f"recording {path}: files of {rotate} bytes cannot be; rotate at 1 byte or more, or not")
        self._first = path
        self._head = head
        self._make = encoder
        self._rotate = rotate
        self._working = working
        self._finished = finished
        self.paths: list[Path] = []
        self._pending: list[Seen] = []
        self._due = 0
        self._full = False
        self._file: BinaryIO | None = None
        self._closed = False
        self._open()

    def write(self, seen: Seen) -> None:
        """Add the next frame or error frame."""
        pending = self._pending
        pending.append(seen)
        if seen[0] >= self._due or len(pending) >= PIECE:
            self.flush()

    def flush(self) -> None:
        """Write the frames that were collected, as one piece."""
        pending = self._pending
        if not pending:
            return
        self._pending = []
        self._due = pending[-1][0] + FLUSH_NS
        if self._closed:
            raise LogError(f"recording {self._first} has ended: nothing can be added to it")
        if self._file is not None and self._full:
            self._complete(None)
        if self._file is None:
            self._open()
        try:
            piece = self._encoder.piece(pending)
        except (KeyError, ValueError, struct.error) as error:
            raise LogError(
                f"recording {self.paths[-1]} cannot hold a frame of the {len(pending)} before {pending[-1][0]} ns: "
                f"{type(error).__name__}: {error}"
            ) from error
        self._put(piece)
        # The next file is begun when there is something to put into it, so that the last one knows when all ended.
        self._full = self._rotate is not None and self._size >= self._rotate

    def close(self, end: int | None = None) -> None:
        """Complete the recording."""
        if self._closed:
            return
        try:
            self.flush()
            if self._file is not None:
                self._complete(end)
        finally:
            self._closed = True
            self._drop()

    def discard(self) -> None:
        """End the recording and delete its files."""
        self._closed = True
        self._pending = []
        self._drop()
        for path in self.paths:
            for each in {path, self._working(path)}:
                each.unlink(missing_ok=True)
        self.paths = []

    # -- one file after the other ------------------------------------------------------------------------------------

    def _open(self) -> None:
        number = len(self.paths) + 1
        path = self._first if number == 1 else self._first.with_stem(f"{self._first.stem}_{number:03d}")
        head = self._head
        if number > 1:
            head = replace(head, metadata={**head.metadata, "part": str(number)})
        self._encoder = self._make(head)
        self.paths.append(path)
        self._size, self._full = 0, False
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._working(path).open("wb")
        except OSError as error:
            self._closed = True
            raise self._failed(error) from error
        self._put(self._encoder.begin())

    def _put(self, data: bytes) -> None:
        file = self._file
        assert file is not None
        try:
            file.write(data)
            self._size += len(data)
            again = self._encoder.again()
            if again:
                # The data first: a kill in between leaves a count that is too low, never data that is not there.
                file.flush()
                file.seek(0)
                file.write(again)
                file.seek(0, 2)
            file.flush()
        except OSError as error:
            self._closed = True
            self._drop()
            raise self._failed(error) from error

    def _complete(self, end: int | None) -> None:
        self._put(self._encoder.end(end))
        assert self._file is not None
        try:
            self._file.close()
        except OSError as error:
            raise self._failed(error) from error
        finally:
            self._file = None
        self._finished(self.paths[-1])

    def _drop(self) -> None:
        if self._file is not None:
            # What could not be written has been reported; closing tries it once more.
            with suppress(OSError):
                self._file.close()
            self._file = None

    def _failed(self, error: OSError) -> LogError:
        return LogError(f"recording {self.paths[-1]} cannot be written: {error.strerror or error}")
