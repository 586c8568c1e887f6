"""What one test leaves behind: its share of every world it used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from harness.evidence.events import Event
from harness.evidence.verdicts import Verdict
from harness.logs.writer import Seen
from harness.signals.database import Database
from harness.signals.definitions import MessageDef
from harness.signals.trace import Trace

__all__ = ["Seen", "WorldRecord"]


@dataclass(frozen=True)
class WorldRecord:
    """One test's share of one world.

    name: of the bench, from its file. path: the bench file. seed: of the world. databases, traces: per channel.
    events: the journal from the test's beginning. since: when the test began, ns of the world; 0 for a fresh one.
    recording: the file that the world was fed from, and its SHA-256; None for a simulated world. loads: mean bus load
    since the test began by channel, 0 to 1; empty where nobody asked. protective: counters and checksums, by path
    ``channel.Message.Signal``, which nobody wants to read. live: whether it ran on the wall clock, on real channels.
    exactness: to within what times are known there, ns, and its parts by name; None where every instant is exact.
    """

    name: str
    path: Path
    seed: int
    databases: Mapping[str, Sequence[Database]]
    traces: Mapping[str, Trace]
    events: Sequence[Event]
    since: int = 0
    recording: tuple[Path, str] | None = None
    loads: Mapping[str, float] = field(default_factory=dict)
    protective: frozenset[str] = frozenset()
    live: bool = False
    exactness: tuple[int, Mapping[str, str]] | None = None

    @property
    def world(self) -> str:
        """What sort of world it was, for labels."""
        if self.recording is not None:
            return "recording"
        return "wall clock" if self.live else "virtual time"

    @cached_property
    def frames(self) -> Sequence[Seen]:
        """Frames and error frames of all channels since the test began, in order of time, then of channel."""
        seen = [each for trace in self.traces.values() for each in trace.between(self.since, self.ended)]
        return sorted(seen, key=lambda each: (each.time, each.channel))

    @property
    def ended(self) -> int:
        """The last instant (ns) that left a trace."""
        frames = [trace.frames[-1].time for trace in self.traces.values() if trace.frames]
        return max([*frames, *(event.time for event in self.events[-1:]), self.since])

    @property
    def red(self) -> Event | None:
        """The last event that *failed*; where none did, the last that came to another verdict than *passed*."""
        found = [each for each in reversed(self.events) if each.verdict not in (None, Verdict.PASSED)]
        return next((each for each in found if each.verdict is Verdict.FAILED), found[0] if found else None)

    @property
    def hashes(self) -> dict[str, str]:
        """SHA-256 per channel over every frame since the world began; the same seed gives the same."""
        return {name: trace.sha256() for name, trace in self.traces.items()}

    def message(self, seen: Seen) -> MessageDef | None:
        """The definition of a frame's message; ``None`` when no database of its channel has one."""
        frame = seen.frame
        found = (each.by_id(frame.id, frame.extended) for each in self.databases.get(seen.channel, ()))
        return next((message for message in found if message is not None), None)
