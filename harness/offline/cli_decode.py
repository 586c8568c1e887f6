"""``harness decode`` and ``harness export``: what a recording holds, and its signals in a file of another tool."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import ConfigError, HarnessError
from harness.offline.options import add_recording_options, channel_names

if TYPE_CHECKING:
    from harness.logs.decode import Decoder
    from harness.logs.reading import Log

SUFFIXES = (".mf4", ".parquet", ".csv")


def add_decode_options(parser: ArgumentParser) -> None:
    """The options of ``harness decode``."""
    parser.add_argument("recording", type=Path)
    add_recording_options(parser)
    _add_signals(parser)


def add_export_options(parser: ArgumentParser) -> None:
    """The options of ``harness export``."""
    add_decode_options(parser)
    parser.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE", help=f"the file, {', '.join(SUFFIXES)}"
    )


def _add_signals(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--signal", action="append", metavar="NAME", help="only this signal; may be given several times; default: all"
    )


def run_decode(options: Namespace) -> int:
    """Print a line per signal; 0, or 2 when the recording cannot be decoded."""
    return _run(options, "decode", _summarise)


def run_export(options: Namespace) -> int:
    """Write the file; 0, or 2 when that is not possible."""
    return _run(options, "export", _export)


def _run(options: Namespace, command: str, work: Callable[[Namespace, Log, Decoder], None]) -> int:
    from harness.offline.recordings import BenchMessages, doubts

    try:
        bench = BenchMessages.load(options.bench)
        log = bench.open(options.recording, channel_names(options.channel))
        from harness.logs.decode import Decoder

        decoder = Decoder(bench.messages, options.signal)
        work(options, log, decoder)
    except HarnessError as error:
        print(f"harness {command}: {error}", file=sys.stderr)
        return 2
    for doubt in doubts(log, decoder):
        print(doubt, file=sys.stderr)
    return 0


def _summarise(options: Namespace, log: Log, decoder: Decoder) -> None:
    from harness.logs.decode import decode_log
    from harness.offline.summary import Summary

    summary = Summary()
    for columns in decode_log(log, decoder):
        summary.add(columns)
    print(summary)


def _export(options: Namespace, log: Log, decoder: Decoder) -> None:
    output: Path = options.output
    suffix = output.suffix.lower()
    if suffix not in SUFFIXES:
        raise ConfigError(f"{output}: the suffix says what to write: {', '.join(SUFFIXES)}")
    from harness.logs.decode import decode_log
    from harness.logs.export import write_mf4, write_table

    write = write_mf4 if suffix == ".mf4" else write_table
    write(decode_log(log, decoder), output, start=log.start)
    print(f"{output}: {output.stat().st_size / 1e6:.1f} MB from {decoder.frames:,} frames")
