"""Which channel of a recording is which of the bench."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from harness.errors import LogError, nearest
from harness.logs.source import natural


class Channelled(Protocol):
    """What is known of a recording's channels, see :class:`harness.logs.reading.Log`."""

    @property
    def own_channels(self) -> list[str]: ...

    @property
    def channel_names(self) -> Mapping[str, str]: ...


def map_channels(log: Channelled, wanted: Sequence[str], given: Mapping[str, str]) -> dict[str, str]:
    """The bench's names of channels, each with that in the file; those that the recording does not have are left out.

    wanted: the bench's channels in its order. given: what the user said, ``{"body": "2"}``; it is taken as it is.
    A channel that is not given is the one that the file calls by the same name, in itself or in what it tells of its
    channels. Where that finds nothing at all, the n-th channel is the n-th of the bench: number n where the file
    numbers its channels, else the n-th in natural order.

    Raises :class:`~harness.errors.LogError` for a channel that the bench or the recording does not have, for one that
    is given twice, and when none of the bench's channels is in the recording.

    >>> from types import SimpleNamespace
    >>> log = SimpleNamespace(own_channels=["1", "3"], channel_names={})
    >>> map_channels(log, ["powertrain", "body"], {})
    {'powertrain': '1'}
    >>> map_channels(log, ["powertrain", "body"], {"body": "3"})
    {'body': '3', 'powertrain': '1'}
    """
    own = log.own_channels
    has = ", ".join(f"{name} ({log.channel_names[name]})" if name in log.channel_names else name for name in own)
    for bench, name in given.items():
        if bench not in wanted:
            raise LogError(
                f"channel {bench}={name}: the bench has no channel {bench!r}, it has {', '.join(wanted)}"
                f"{nearest(bench, wanted)}"
            )
        if name not in own:
            raise LogError(
                f"channel {bench}={name}: the recording has no channel {name!r}, it has {has or 'none'}"
                f"{nearest(name, own)}"
            )
    found = dict(given)
    if len(set(found.values())) < len(found):
        pairs = ", ".join(f"{bench}={name}" for bench, name in found.items())
        raise LogError(f"channels {pairs}: one channel of the recording cannot be two of the bench")
    left = [name for name in own if name not in found.values()]
    asked = [bench for bench in wanted if bench not in found]
    by_name = _by_name(log, asked, left)
    found |= by_name or _by_number(wanted, asked, left)
    if wanted and own and not found:
        first = next(iter(wanted))
        raise LogError(
            f"none of the bench's channels ({', '.join(wanted)}) is in the recording, which has {has}: "
            f"say which is which, for instance --channel {first}={own[0]}"
        )
    return found


def _by_name(log: Channelled, asked: list[str], left: list[str]) -> dict[str, str]:
    told = {log.channel_names.get(name, name): name for name in left}
    return {bench: told[bench] for bench in asked if bench in told}


def _by_number(wanted: Sequence[str], asked: list[str], left: list[str]) -> dict[str, str]:
    if all(name.isdigit() for name in left):
        return {bench: number for bench in asked if (number := str(wanted.index(bench) + 1)) in left}
    return dict(zip(asked, sorted(left, key=natural), strict=False))
