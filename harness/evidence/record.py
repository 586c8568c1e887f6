"""What one test leaves behind: its share of every world it used, and what is derived from that for a reviewer."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Protocol

from harness.evidence.events import Event
from harness.frames import Received
from harness.signals.database import Database
from harness.signals.definitions import MessageDef


class SeenChannel(Protocol):
    """The frames that were seen on one channel, oldest first."""

    @property
    def frames(self) -> Sequence[Received]:
        """Frames of the bounded history."""


@dataclass(frozen=True, slots=True)
class WorldRecord:
    """One test's share of one world.

    name: of the bench, from its file. path: the bench file. seed: of the world. databases: per channel.
    events: the journal from the test's beginning. frames: what the channels saw since then, in order of time.
    """

    name: str
    path: Path
    seed: int
    databases: Mapping[str, Sequence[Database]]
    events: Sequence[Event]
    frames: Sequence[Received]

    @property
    def channels(self) -> dict[str, int]:
        """Number of frames per channel."""
        counts: dict[str, int] = {}
        for received in self.frames:
            counts[received.channel] = counts.get(received.channel, 0) + 1
        return counts

    def message(self, received: Received) -> MessageDef | None:
        """The definition of a frame's message; ``None`` when no database of its channel has one."""
        frame = received.frame
        found = (each.by_id(frame.id, frame.extended) for each in self.databases.get(received.channel, ()))
        return next((message for message in found if message is not None), None)

    @property
    def ended(self) -> int:
        """The last instant (ns) that left a trace."""
        return max([received.time for received in self.frames[-1:]] + [event.time for event in self.events[-1:]] + [0])

    def sha256(self) -> str:
        """Hash over time, channel, identifier, flags and data of every frame: equal for every run with this seed."""
        return frames_sha256(self.frames)


def frames_sha256(frames: Sequence[Received]) -> str:
    """SHA-256 over the content of frames, in hexadecimal; file formats and their headers play no part.

    >>> frames_sha256([])[:8]
    'e3b0c442'
    """
    digest = hashlib.sha256()
    for time, channel, frame, _ in frames:
        flags = frame.fd | frame.brs << 1 | frame.esi << 2 | frame.remote << 3
        digest.update(f"{time} {channel} {frame.key:x} {flags} {frame.length} ".encode() + frame.data + b"\n")
    return digest.hexdigest()


def merge(channels: Sequence[SeenChannel], since: int = 0) -> list[Received]:
    """The frames of several channels from ``since`` ns on, in order of time, then of channel."""
    seen = (received for received in chain.from_iterable(channel.frames for channel in channels))
    return sorted((each for each in seen if each.time >= since), key=lambda each: (each.time, each.channel))
