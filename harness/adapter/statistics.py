"""How late a channel process was with what it sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Lateness:
    """Of one message, or of all: number of frames, lateness against the absolute schedule, ns; retries, lost cycles."""

    frames: int = 0
    p50_ns: int = 0
    p99_ns: int = 0
    max_ns: int = 0
    retries: int = 0
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Statistics:
    """Of one channel in one world. messages: by message name; raw frames by their identifier's text."""

    total: Lateness = Lateness()
    messages: Mapping[str, Lateness] = field(default_factory=dict)
    overruns: int = 0
