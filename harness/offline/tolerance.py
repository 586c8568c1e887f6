"""What two recordings may differ by: absolute, relative and in time, per signal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from math import isfinite

from harness.errors import UnitError, UnknownSignalError, nearest
from harness.units import parse_duration, time_text


@dataclass(frozen=True, slots=True)
class Tolerance:
    """How far two values may be apart and still count as equal: the larger of ``absolute`` and ``relative``.

    absolute: in the signal's own unit. relative: share of the larger of the two values, 0.01 for 1 %.
    time: ns; a value is also equal when the other recording passes it (a number) or has it (a label) at most so much
    earlier or later.
    """

    absolute: float = 0.0
    relative: float = 0.0
    time: int = 0

    def __str__(self) -> str:
        parts = [f"{self.absolute:g}"] if self.absolute else []
        parts += [f"{100 * self.relative:g} %"] if self.relative else []
        parts += [time_text(self.time)] if self.time else []
        return ", ".join(parts) or "exact"


EXACT = Tolerance()
"""Nothing may differ."""


def parse_tolerance(text: str) -> tuple[str, Tolerance]:
    """Read ``NAME=TOLERANCE[,TOLERANCE]``: a number in the signal's unit, a percentage, a duration.

    NAME is ``Signal``, ``Message.Signal`` or ``channel.Message.Signal`` with the wildcards ``*`` and ``?``.

    Raises :class:`~harness.errors.UnitError` for anything else.

    >>> parse_tolerance("Wheel.Speed=0.5,20ms")
    ('Wheel.Speed', Tolerance(absolute=0.5, relative=0.0, time=20000000))
    >>> parse_tolerance("*=1%")[1].relative
    0.01
    """
    name, sign, wanted = text.rpartition("=")
    absolute, relative, time = 0.0, 0.0, 0
    if not sign or not name.strip():
        raise UnitError(f"tolerance {text!r} names no signal; write for instance 'Wheel.Speed=0.5' or '*=20ms'")
    for part in wanted.split(","):
        stripped = part.strip()
        try:
            if stripped.endswith("%"):
                relative = _positive(stripped[:-1]) / 100
            elif stripped and stripped[-1].isalpha():
                time = int(parse_duration(stripped))
                _positive(str(time))
            else:
                absolute = _positive(stripped)
        except ValueError as error:
            raise UnitError(
                f"tolerance {text!r}: {stripped!r} is neither a number (in the signal's unit), a percentage such as "
                f"'1%', nor a duration such as '20ms'"
            ) from error
    return name.strip(), Tolerance(absolute, relative, time)


def _positive(text: str) -> float:
    number = float(text)
    if not isfinite(number) or number < 0:
        raise ValueError(text)
    return number


def matches(pattern: str, path: str) -> bool:
    """Whether a pattern means the signal of that path: by the whole of it, by message and name, or by its name.

    >>> matches("*Counter", "body.Lamps.LampsCounter"), matches("Lamps.*", "body.Lamps.Left"), matches("L", "a.b.Left")
    (True, True, False)
    """
    parts = path.split(".")
    return any(fnmatchcase(".".join(parts[first:]), pattern) for first in range(len(parts)))


class Tolerances:
    """Tolerances by name or pattern; of several that mean a signal the last one counts.

    default: for signals that none means.

    Raises :class:`~harness.errors.UnknownSignalError` with the nearest names when a pattern means none of ``paths``.
    """

    def __init__(
        self, given: Iterable[tuple[str, Tolerance]], paths: Sequence[str], default: Tolerance = EXACT
    ) -> None:
        self._default = default
        self._of: dict[str, Tolerance] = {}
        for pattern, tolerance in given:
            self._of.update(dict.fromkeys(selected([pattern], paths), tolerance))

    def __getitem__(self, path: str) -> Tolerance:
        return self._of.get(path, self._default)


def selected(patterns: Iterable[str], paths: Sequence[str]) -> set[str]:
    """The paths that at least one pattern means.

    Raises :class:`~harness.errors.UnknownSignalError` with the nearest names for a pattern that means none.
    """
    found: set[str] = set()
    for pattern in patterns:
        meant = [path for path in paths if matches(pattern, path)]
        if not meant:
            names = [".".join(path.split(".")[first:]) for path in paths for first in (2, 1, 0)]
            raise UnknownSignalError(f"no signal is meant by {pattern!r}{nearest(pattern, names)}")
        found.update(meant)
    return found
