"""A world over a recording: its buses are fed with what was recorded, and nobody can act on it.

Time is the recording's: 0 is its beginning, and frames come when they came. Everything that only watches works as in
a simulated world; whoever stimulates gets :class:`~harness.errors.StimulatesRecording`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from harness.bus.heard import HeardBus
from harness.errors import HarnessError, Inconclusive, IntegrityError, MissingExtra
from harness.evidence.events import Event
from harness.evidence.verdicts import verdict_of
from harness.frames import ErrorFrame, Received
from harness.logs.exactness import Exactness, read_exactness
from harness.loop import DELIVER
from harness.units import time_text

if TYPE_CHECKING:
    from harness.bench.world import World
    from harness.logs.reading import Log

Damaged = Literal["inconclusive", "fail", "ignore"]
"""What damage in a recording means for those who watched it."""

UNKNOWN = (
    "is of a real bench, but the file that says how exactly it was measured is not beside it: its times are taken for "
    "exact"
)

BLOCK = 2_000
"""Frames that are read ahead: about a second of two busy channels."""


@dataclass(frozen=True)
class Recording:
    """A recording that a bench is fed from.

    path: the file. channels: name on the bench to name (or number) in the file, where the two differ.
    damaged: what damage in the part that was read means for a test that would pass otherwise.
    """

    path: Path
    channels: Mapping[str, str] = field(default_factory=dict)
    damaged: Damaged = "inconclusive"

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the file."""
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @cached_property
    def exactness(self) -> Exactness | None:
        """How exactly it was measured; None where that is not known. Raises :class:`~harness.errors.LogError`."""
        return read_exactness(self.path)

    def open(self, wanted: list[str]) -> Log:
        """The recording with its channels named as on the bench (``wanted``).

        Raises :class:`~harness.errors.LogError` for what is no recording or does not fit, and
        :class:`~harness.errors.MissingExtra` without numpy.
        """
        try:
            from harness.logs.reading import open_log
        except ImportError as error:
            if error.name is not None and error.name.partition(".")[0] == "harness":
                raise
            raise MissingExtra(f"reading {self.path.name}", "logs") from error
        return open_log(self.path, wanted=wanted, channels=self.channels)


class Playback:
    """Feeds the channels of a world from a recording, a block at a time and each frame at its instant."""

    def __init__(self, world: World, recording: Recording) -> None:
        self._loop = world.loop
        self._incidents = world.incidents
        self._journal = world.journal
        self._recording = recording
        buses = {name: channel.bus for name, channel in world.channels.items()}
        self._buses = {name: bus for name, bus in buses.items() if isinstance(bus, HeardBus)}
        self._log = recording.open(list(world.channels))
        if "exactness" in self._log.metadata and recording.exactness is None:
            self._journal.append(Event(0, "note", f"the recording {recording.path.name} {UNKNOWN}"))
        self._noted = 0
        self._seen = self._read()
        self._loop.post(0, DELIVER, self._begin, None)

    def _begin(self, _: None) -> None:
        self._go_on(next(self._seen, None))

    def _read(self) -> Iterator[Received | ErrorFrame]:
        for block in self._log.blocks(BLOCK):
            self._note_damage()
            yield from block.frames(self._log.channels)
        self._note_damage()

    def _go_on(self, seen: Received | ErrorFrame | None) -> None:
        """Play what is due in this instant, and post what comes next."""
        now = self._loop.now
        while seen is not None and seen.time <= now:
            bus = self._buses.get(seen.channel)
            if bus is not None:
                if seen.time < now:
                    seen = seen._replace(time=now)  # a recording that runs backwards: it is noted as damaged
                bus.play(seen)
            seen = next(self._seen, None)
        if seen is not None:
            self._loop.post(seen.time, DELIVER, self._go_on, seen)
        else:
            end = max(now, self._log.end or now)  # the recorder may have listened for longer than anything was sent
            self._loop.post(end + 1, DELIVER, self._end, end)

    def _end(self, last: int) -> None:
        raise Inconclusive(
            f"the recording {self._recording.path.name} ends at {time_text(last)}, and the test waits for longer: "
            "what comes after that cannot be told"
        )

    def _note_damage(self) -> None:
        problems = self._log.problems
        if len(problems) == self._noted:
            return
        first, more = problems[self._noted], len(problems) - self._noted - 1
        text = f"the recording {self._recording.path.name} is damaged at {first.position}: {first.text}"
        text += f" (and at {more} more places)" if more else ""
        self._noted = len(problems)
        damaged = self._recording.damaged
        if damaged == "ignore":
            self._journal.append(Event(self._loop.now, "note", text))
            return
        error: HarnessError
        if damaged == "fail":
            error = IntegrityError(text)
        else:
            error = Inconclusive(f"{text}; what was lost cannot be judged (--damaged=ignore: judge what is left)")
        self._incidents.raised.append(error)
        self._journal.append(Event(self._loop.now, "incident", str(error), verdict_of(error)))
