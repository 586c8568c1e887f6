"""What was seen on one channel, bounded in time and number, and its fingerprint.

>>> from harness.frames import Frame
>>> trace = Trace("body")
>>> _ = trace.append(Received(1_000_000, "body", Frame(0x100, b"\\x01"), "BCM"))
>>> _ = trace.append(Received(2_000_000, "body", Frame(0x200, b"\\x02"), "IC"))
>>> len(trace), [rx.time for rx in trace.of(0x200)], trace.sha256()[:8]
(2, [2000000], '6e610043')
"""

from __future__ import annotations

import hashlib
from collections import defaultdict, deque
from collections.abc import Iterable
from heapq import merge
from struct import Struct

from harness.errors import ConfigError
from harness.frames import EXTENDED, ErrorFrame, Received

HISTORY_NS = 60_000_000_000
"""How far back a channel remembers unless told otherwise, ns."""

HISTORY_FRAMES = 250_000
"""How many frames a channel remembers at most unless told otherwise: about 70 MB, and more than a classic bus of
500 kbit/s carries in a minute of ordinary traffic."""

_HEAD = Struct("<qIBBB").pack


class Trace:
    """The frames and error frames of one channel, oldest first.

    channel: its name. history_ns: frames younger than this are kept, older ones are dropped in batches, so up to an
    eighth more may be there. limit: largest number of frames kept (and, by itself, of error frames), whatever their
    age. Of every identifier the last frame from before that window is kept for :meth:`of`, so that a value which is
    seldom sent is not forgotten.

    Raises :class:`~harness.errors.ConfigError` for a history or limit that is not positive.
    """

    __slots__ = (
        "_batch",
        "_by_key",
        "_digest",
        "_error_digest",
        "_errors",
        "_frames",
        "_tidy_at",
        "begins",
        "channel",
        "dropped",
        "history_ns",
        "limit",
    )

    def __init__(self, channel: str, *, history_ns: int = HISTORY_NS, limit: int = HISTORY_FRAMES) -> None:
        if history_ns <= 0 or limit <= 0:
            raise ConfigError(f"a trace keeps more than nothing: not {history_ns} ns and {limit} frames")
        self.channel = channel
        self.history_ns = history_ns
        self.limit = limit
        self.dropped = 0
        """Number of frames that are no longer kept."""
        self.begins = 0
        """From when on every frame is kept, ns."""
        self._frames: deque[Received] = deque()
        self._by_key: defaultdict[int, deque[Received]] = defaultdict(deque)
        self._errors: deque[ErrorFrame] = deque()
        self._digest = hashlib.sha256(channel.encode())
        self._error_digest = hashlib.sha256()
        # Dropping in batches keeps the cost of one append at two comparisons.
        self._batch = max(1, history_ns // 8)
        self._tidy_at = history_ns + self._batch

    def append(self, rx: Received) -> int:
        """Add the newest frame; times never decrease. Returns its key, which whoever adds it is going to need too."""
        frames = self._frames
        frames.append(rx)
        frame = rx[2]
        key = frame[0] | EXTENDED if frame[2] else frame[0]
        self._by_key[key].append(rx)
        if rx[0] >= self._tidy_at or len(frames) > self.limit:
            self._tidy(rx[0])
        return key

    def append_error(self, error: ErrorFrame) -> None:
        """Add the newest error frame."""
        errors = self._errors
        errors.append(error)
        horizon = error.time - self.history_ns
        while len(errors) > self.limit or errors[0].time < horizon:
            self._error_digest.update(_error_bytes(errors.popleft()))

    @property
    def frames(self) -> deque[Received]:
        """The frames that are kept, oldest first. A view: read it, do not change it."""
        return self._frames

    @property
    def errors(self) -> deque[ErrorFrame]:
        """The error frames that are kept, oldest first. A view: read it, do not change it."""
        return self._errors

    @property
    def latest(self) -> int:
        """Time of the newest frame or error frame, ns; 0 when there is none."""
        return max(seen[-1].time if seen else 0 for seen in (self._frames, self._errors))

    def of(self, key: int) -> deque[Received]:
        """The frames with one identifier (:attr:`harness.frames.Frame.key`), oldest first.

        A view that grows with the trace: read it, do not change it.
        """
        return self._by_key[key]

    def since(self, key: int, time: int) -> list[Received]:
        """The frames with one identifier whose end lies at or after ``time`` ns, oldest first."""
        found: list[Received] = []
        # From the newest: nearly always only the last few are asked for.
        for rx in reversed(self.of(key)):
            if rx.time < time:
                break
            found.append(rx)
        found.reverse()
        return found

    def between(self, start: int, end: int) -> list[Received | ErrorFrame]:
        """Frames and error frames whose end lies in ``start`` to ``end`` ns, both included, in the order of time."""
        everything: Iterable[Received | ErrorFrame] = merge(self._frames, self._errors, key=lambda seen: seen.time)
        return [seen for seen in everything if start <= seen.time <= end]

    def sha256(self) -> str:
        """A fingerprint of everything ever seen on the channel, also of what is no longer kept.

        Over the channel's name and of every frame time, identifier, flags (FD, BRS, ESI, remote) and data; then of
        every error frame the same, and its kind. Independent of history and limit.
        """
        digest = self._digest.copy()
        digest.update(b"".join(map(_frame_bytes, self._frames)))
        errors = self._error_digest.copy()
        errors.update(b"".join(map(_error_bytes, self._errors)))
        digest.update(errors.digest())
        return digest.hexdigest()

    def __len__(self) -> int:
        """Number of frames that are kept."""
        return len(self._frames)

    def _tidy(self, now: int) -> None:
        frames, by_key = self._frames, self._by_key
        horizon = now - self.history_ns
        keep = self.limit - self.limit // 8 if len(frames) > self.limit else self.limit
        old: list[Received] = []
        while len(frames) > keep or frames[0].time < horizon:
            old.append(frames.popleft())
        for rx in old:
            same = by_key[rx.frame.key]
            # The last frame of an identifier stays; from then on its queue is one frame longer than the window.
            if len(same) > 1:
                same.popleft()
        self.dropped += len(old)
        self.begins = old[-1].time + 1 if old else self.begins
        self._digest.update(b"".join(map(_frame_bytes, old)))
        self._tidy_at = now + self._batch


def _frame_bytes(seen: Received | ErrorFrame) -> bytes:
    identifier, data, extended, fd, brs, esi, remote, length = seen.frame
    key = identifier | EXTENDED if extended else identifier
    return _HEAD(seen.time, key, fd | brs << 1 | esi << 2 | remote << 3, length, len(data)) + data


def _error_bytes(error: ErrorFrame) -> bytes:
    kind = error.kind.encode()
    return _frame_bytes(error) + bytes((len(kind),)) + kind
