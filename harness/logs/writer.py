"""What every writer of recordings is, whatever its format."""

from __future__ import annotations

from collections.abc import Sequence

from harness.frames import ErrorFrame, Received

Seen = Received | ErrorFrame
"""What a recording holds: frames, and error frames in their place."""


def channel_numbers(channels: Sequence[str]) -> dict[str, int]:
    """Names of channels by their numbers in a recording, which count from 1."""
    return {name: number for number, name in enumerate(channels, start=1)}
