"""Options that several commands share: which bench, and which channel of a recording is which of the bench."""

from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Collection
from pathlib import Path

from harness.errors import ConfigError


def add_recording_options(parser: ArgumentParser) -> None:
    """The options that say what a recording holds."""
    parser.add_argument("--bench", type=Path, required=True, metavar="FILE", help="bench file with the databases")
    parser.add_argument(
        "--channel",
        action="append",
        default=[],
        metavar="BENCH=FILE",
        help="a channel of the bench and its name or number in the recording, as in body=2; may be given several times",
    )


def channel_names(given: Collection[str]) -> dict[str, str]:
    """``["body=2"]`` as ``{"body": "2"}``. Raises :class:`~harness.errors.ConfigError` for another form."""
    pairs = [each.partition("=") for each in given]
    for name, sign, own in pairs:
        if not (name and sign and own):
            raise ConfigError(f"--channel {name}{sign}{own}: write the bench's name and the recording's, as in body=2")
    return {name: own for name, _, own in pairs}
