"""Whether the databases of a bench fit a recording better when its channels are taken otherwise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from itertools import islice, permutations

import numpy as np

from harness.frames import EXTENDED
from harness.logs.columns import ERROR
from harness.logs.reading import Log

_LOOKED_AT = 3
"""Blocks that are looked at."""
_BETTER = 0.05
"""So much more of the frames has to be known."""
_MOST_CHANNELS = 4


def better_fit(log: Log, known: Mapping[str, Collection[int]], channels: Mapping[str, str]) -> str:
    """A remark that says which other mapping of channels explains more of the frames; "" where there is none.

    known: identifiers by the bench's channels. channels: the bench's, each with that in the file, as they were taken.
    """
    seen = _identifiers(log)
    total = sum(counts.total() for counts in seen.values())
    if not total or len(seen) > _MOST_CHANNELS or len(known) > _MOST_CHANNELS:
        return ""

    def explained(mapping: Mapping[str, str]) -> int:
        return sum(
            count for bench, own in mapping.items() for key, count in seen.get(own, Counter()).items()
            if key in known[bench]
        )  # fmt: skip

    now = explained(channels)
    names, own = list(known), list(seen)
    slots = [*own, *[""] * len(names)]
    choices = {tuple(zip(names, chosen, strict=True)) for chosen in permutations(slots, len(names))}
    best = max(choices, key=lambda pairs: (explained({b: o for b, o in pairs if o}), pairs == tuple(channels.items())))
    most = explained({bench: each for bench, each in best if each})
    if most - now < _BETTER * total:
        return ""
    options = " ".join(f"--channel {bench}={each}" for bench, each in best if each and _helps(seen[each], known[bench]))
    return f"with {options} the databases explain {most / total:.0%} of the frames instead of {now / total:.0%}"


def same_groups(log: Log, known: Mapping[str, Collection[int]], channels: Mapping[str, str]) -> str:
    """A remark for SAE J1939, NMEA 2000: how many frames differ from known ones in priority or addresses only.

    Arguments as for :func:`better_fit`; "" where it is less than a twentieth of the frames.
    """
    seen = _identifiers(log)
    found = sum(
        count
        for bench, own in channels.items()
        for groups in [{parameter_group(key) for key in known[bench] if key & EXTENDED}]
        for key, count in seen.get(own, Counter()).items()
        if key & EXTENDED and key not in known[bench] and parameter_group(key) in groups
    )
    total = sum(counts.total() for counts in seen.values())
    if not found or found < _BETTER * total:
        return ""
    return (
        f"{found / total:.0%} of the frames differ from known ones in their J1939 priority or addresses only; frames "
        "are found by their whole identifier: give the database's messages the addresses of this network"
    )


def parameter_group(key: int) -> int:
    """The parameter group number (PGN) of a 29-bit identifier (SAE J1939-21, 5.2).

    Below 240, the PDU format (PF) is followed by an address, which is no part of it.

    >>> hex(parameter_group(0x0CF00400)), hex(parameter_group(0x18EAFF21))
    ('0xf004', '0xea00')
    """
    group = key >> 8 & 0x3FFFF
    return group if group >> 8 & 0xFF >= 240 else group & 0x3FF00


def _helps(counts: Counter[int], keys: Collection[int]) -> bool:
    return any(key in keys for key in counts)


def _identifiers(log: Log) -> dict[str, Counter[int]]:
    """How often each identifier comes on each channel of the file, in the first blocks."""
    found: dict[str, Counter[int]] = {}
    for block in islice(log.blocks(), _LOOKED_AT):
        rows = block.flags & ERROR == 0
        pairs = block.channel[rows].astype(np.uint64) << np.uint64(32) | block.key[rows]
        numbers, counts = np.unique(pairs, return_counts=True)
        for pair, count in zip(numbers.tolist(), counts.tolist(), strict=True):
            found.setdefault(log.own_channels[pair >> 32], Counter())[pair & 0xFFFF_FFFF] += count
    return found
