"""Recordings as a bench understands them: opened and decoded with its databases, and what is doubtful about them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.bench.blueprint import Blueprint
from harness.errors import MissingExtra
from harness.frames import id_text
from harness.signals.definitions import MessageDef

if TYPE_CHECKING:
    from harness.bench.bench import Bench
    from harness.logs.decode import Decoder
    from harness.logs.reading import Log
    from harness.logs.signals import Signals

_SHOWN = 8
"""How many unknown identifiers a remark names."""


@dataclass(frozen=True, slots=True)
class BenchMessages:
    """What a bench file says about the content of recordings.

    messages: by name of channel. protection: paths ``channel.Message.Signal`` of alive counters and checksums.
    """

    messages: Mapping[str, Sequence[MessageDef]]
    protection: frozenset[str]

    @classmethod
    def load(cls, path: str | Path) -> BenchMessages:
        """Read a bench file and its databases. Raises :class:`~harness.errors.ConfigError` with the place."""
        return cls.of(Blueprint.load(path))

    @classmethod
    def of(cls, blueprint: Blueprint) -> BenchMessages:
        """The same of a bench that is loaded already."""
        channels = blueprint.channels
        protection = {
            f"{channel.name}.{name}.{signal}"
            for channel in channels
            for name, plan in channel.messages.items()
            if plan.protection is not None
            for signal in (plan.protection.counter, plan.protection.crc)
        }
        messages = {
            channel.name: [message for database in channel.databases for message in database.messages]
            for channel in channels
        }
        return cls(messages, frozenset(protection))

    def open(self, path: Path, channels: Mapping[str, str]) -> Log:
        """A recording with its channels named as on the bench. channels: bench's name to that in the file.

        Raises :class:`~harness.errors.LogError` for what is no recording or does not fit the bench, and
        :class:`~harness.errors.MissingExtra` without numpy.
        """
        try:
            from harness.logs.reading import open_log
        except ModuleNotFoundError as error:
            if error.name != "numpy":
                raise
            raise MissingExtra("reading recordings", "logs") from error
        return open_log(path, wanted=list(self.messages), channels=channels)


def load_signals(
    path: str | Path,
    bench: str | Path | Bench,
    *,
    channels: Mapping[str, str] | None = None,
    signals: Collection[str] | None = None,
) -> Signals:
    """The signals of a recording, decoded with the databases of a bench.

    bench: a bench file, or a bench that a test holds. channels: the bench's names of channels, each with that in the
    recording, ``{"body": "2"}``, where they do not speak for themselves. signals: those wanted; None for all.

    Raises what :meth:`BenchMessages.load`, :meth:`BenchMessages.open` and
    :func:`~harness.logs.signals.read_signals` raise.
    """
    known = BenchMessages.load(bench) if isinstance(bench, (str, Path)) else BenchMessages.of(bench.world.blueprint)
    log = known.open(Path(path), channels or {})
    from harness.logs.signals import read_signals

    return read_signals(log, known.messages, signals, protection=known.protection)


def doubts(log: Log, decoded: Decoder | Signals) -> list[str]:
    """What a reader should know of a recording that was decoded: damage, and frames that no database explains."""
    found = [f"{log.path}: {problem}" for problem in log.problems]
    unknown, refused = decoded.unknown, decoded.undecodable
    if unknown:
        share = f"{unknown.total():,} of {decoded.frames:,} frames"
        hint = ""
        if 2 * unknown.total() > decoded.frames:
            own = ", ".join(log.channels)
            hint = f"; do bench and recording belong together? The channels were taken as {own}: see --channel"
        found.append(f"{log.path}: {share} have identifiers of no database: {_listed(unknown)}{hint}")
    if refused:
        found.append(
            f"{log.path}: {refused.total():,} frames do not fit their message and were left out: {_listed(refused)}"
        )
    return found


def _listed(counts: Counter[tuple[str, int]]) -> str:
    shown = [f"{channel} {id_text(key)} ({count:,})" for (channel, key), count in counts.most_common(_SHOWN)]
    return ", ".join(shown) + (f" and {len(counts) - _SHOWN} more" if len(counts) > _SHOWN else "")
