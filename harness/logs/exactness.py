"""How exactly a recording was measured: a file beside it, ``drive.blf.exactness`` beside ``drive.blf``.

No format has room for it in all cases: candump logs hold frames only, and what stands at the end of a file is not there
when its recorder was killed. So it is a text of its own, written while the recording is, a line of JSON each::

    {"exactness": 1, "stamps": {"body": 50000}, "served": ["served vehicle"], "own": ["PEDAL"]}
    ["channel", "body", 0, 163000]
    ["channel", "body", 5000000, 7250000]

The head says by how many ns a stamp of each channel may be off by itself, which served vehicles there were, and for
which nodes the bench sent itself. Every other line says of one source how late it was, ns, from an instant of the
recording (ns) until its next line says otherwise. Lines of one instant add up: the latest of them holds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from harness.errors import LogError

VERSION = 1
SUFFIX = ".exactness"
_SPOOL = ".mf4.blf"
"""What a recorder of MF4 leaves that was killed; see :mod:`harness.logs.mf4_writing`."""

KINDS = ("channel", "served", "test", "nodes")
"""Sources of lateness: the process of a channel, a served vehicle, the test as it acted, simulated nodes."""


class Late(NamedTuple):
    """One source was late by up to ``late_ns`` from ``since`` (ns) on, until it says otherwise.

    kind: one of :data:`KINDS`. name: of the channel or served vehicle, else what people call it.
    """

    kind: str
    name: str
    since: int
    late_ns: int


@dataclass(frozen=True, slots=True)
class Exactness:
    """How exactly a recording was measured.

    stamps: by how much a stamp of each channel may be off by itself, ns. served: names of served vehicles. own: nodes
    for which the bench sent itself. late: in the order of time for each source.

    >>> told = Exactness({"body": 50_000}, (), ("PEDAL",), (Late("channel", "body", 0, 163_000),))
    >>> print(text_of(told), end="")
    {"exactness": 1, "stamps": {"body": 50000}, "served": [], "own": ["PEDAL"]}
    ["channel", "body", 0, 163000]
    >>> exactness_of(text_of(told)) == told
    True
    """

    stamps: Mapping[str, int]
    served: tuple[str, ...] = ()
    own: tuple[str, ...] = ()
    late: tuple[Late, ...] = ()


def beside(recording: Path) -> Path:
    """The file that says how exact a recording is.

    >>> beside(Path("drive.blf")).name
    'drive.blf.exactness'
    """
    return recording.with_name(recording.name + SUFFIX)


def forget(recording: Path) -> None:
    """Take away what lies beside a recording. Raises :class:`~harness.errors.LogError` when that cannot be."""
    try:
        beside(recording).unlink(missing_ok=True)
    except OSError as error:
        raise LogError(f"{beside(recording)} cannot be taken away: {error.strerror or error}") from error


def text_of(exactness: Exactness) -> str:
    """The content of the file."""
    head = {
        "exactness": VERSION,
        "stamps": dict(exactness.stamps),
        "served": exactness.served,
        "own": exactness.own,
    }
    return json.dumps(head) + "\n" + lines_of(exactness.late)


def lines_of(late: Iterable[Late]) -> str:
    """What is added to the file when more is known."""
    return "".join(json.dumps(each) + "\n" for each in late)


def exactness_of(text: str) -> Exactness:
    """Read the content of the file. Raises :class:`ValueError` with the line that is wrong."""
    first, *lines = text.split("\n")
    if not lines or lines.pop():
        raise ValueError(f"line {len(lines) + 2 if lines else 1}: it is cut")
    number = 1
    try:
        stamps, served, own = _head(json.loads(first))
        found: list[Late] = []
        latest: dict[tuple[str, str], int] = {}
        for line in lines:
            number += 1
            found.append(late := _late(json.loads(line), stamps, served))
            if late.since < latest.get(late[:2], 0):
                raise ValueError("time runs backwards")
            latest[late[:2]] = late.since
    except (ValueError, RecursionError) as error:  # also what is no JSON
        raise ValueError(f"line {number}: {error}") from error
    return Exactness(stamps, served, own, tuple(found))


def _head(told: Any) -> tuple[dict[str, int], tuple[str, ...], tuple[str, ...]]:
    if not isinstance(told, dict) or "exactness" not in told:
        raise ValueError("it does not begin as such a file does")
    if told["exactness"] != VERSION:
        raise ValueError(f"version {told['exactness']!r} is not known, only {VERSION}: read it with a newer harness")
    stamps, served, own = (told.get(name) for name in ("stamps", "served", "own"))
    if not isinstance(stamps, dict) or not all(_is_span(each) for each in stamps.values()):
        raise ValueError(f"stamps are spans in ns by channel, not {stamps!r}")
    for names in (served, own):
        if not isinstance(names, list) or not all(isinstance(each, str) for each in names):
            raise ValueError(f"names are wanted, not {names!r}")
    return stamps, tuple(served or ()), tuple(own or ())


def _late(told: Any, stamps: Mapping[str, int], served: tuple[str, ...]) -> Late:
    if not isinstance(told, list) or len(told) != 4:
        raise ValueError(f"kind, name, since and lateness are wanted, not {told!r}")
    kind, name, since, late_ns = told
    if kind not in KINDS or not isinstance(name, str):
        raise ValueError(f"{kind!r} {name!r} is no source of lateness")
    if (kind == "channel" and name not in stamps) or (kind == "served" and name not in served):
        raise ValueError(f"the head knows nothing of {kind} {name!r}")
    if not _is_span(since) or not _is_span(late_ns):
        raise ValueError(f"whole ns are wanted, not {since!r} and {late_ns!r}")
    return Late(kind, name, since, late_ns)


def _is_span(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def read_exactness(recording: Path) -> Exactness | None:
    """How exactly a recording was measured; None where nothing lies beside it that says so.

    Raises :class:`~harness.errors.LogError` for a file that is damaged.
    """
    path = beside(recording)
    if not path.exists() and recording.name.endswith(_SPOOL):
        path = beside(recording.with_suffix(""))
    try:
        return exactness_of(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise LogError(f"{path} cannot be read: {error.strerror or error}") from error
    except ValueError as error:
        raise LogError(
            f"{path}, which says how exactly {recording.name} was measured, is damaged: {error}; take it away to judge "
            "the recording as if all its times were exact"
        ) from error
