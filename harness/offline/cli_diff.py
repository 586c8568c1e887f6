"""``harness diff``: compare two recordings signal by signal."""

from __future__ import annotations

import json
import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from harness.errors import HarnessError
from harness.offline.options import add_recording_options, channel_names

EQUAL, DIFFERENT, USAGE = 0, 1, 2


def add_options(parser: ArgumentParser) -> None:
    """The options of the command."""
    parser.add_argument("one", type=Path, help="the first recording: the reference")
    parser.add_argument("other", type=Path, help="the second recording")
    add_recording_options(parser)
    parser.add_argument(
        "--tolerance",
        action="append",
        default=[],
        metavar="SIGNAL=TOLERANCE",
        help="what a signal may differ by: 'Wheel.Speed=0.5' (in its unit), '=2%%', '=20ms', or several with commas; "
        "wildcards as in '*=20ms'; the last one that means a signal counts",
    )
    parser.add_argument(
        "--align",
        default="time",
        help="'time' (both from their start), 'first:Signal' (its first change), 'first:Signal=On', or 'shift' (the "
        "shift that most changes agree on); default: time",
    )
    parser.add_argument(
        "--signal",
        action="append",
        metavar="NAME",
        help="compare only this signal; may be given several times; keeps recordings small in memory",
    )
    parser.add_argument("--ignore", action="append", default=[], metavar="SIGNAL", help="leave out, with wildcards")
    parser.add_argument(
        "--protection",
        action="store_true",
        help="compare alive counters and checksums too, which differ by their phase",
    )
    parser.add_argument(
        "--damaged",
        choices=("inconclusive", "ignore"),
        default="inconclusive",
        help="two recordings of which one is damaged are not called equal (exit code 2), or: compare what is left",
    )
    parser.add_argument("--limit", type=int, default=40, help="rows of the table, 0 for all; default: 40")
    parser.add_argument("--json", action="store_true", help="write the comparison as JSON")


def run(options: Namespace) -> int:
    """Compare and print; 0 when equal, 1 when something differs, 2 when it cannot be told."""
    try:
        return _compared(options)
    except HarnessError as error:
        print(f"harness diff: {error}", file=sys.stderr)
        return USAGE


def _compared(options: Namespace) -> int:
    from harness.offline.recordings import BenchMessages, doubts

    bench = BenchMessages.load(options.bench)
    channels = channel_names(options.channel)
    logs = [bench.open(path, channels) for path in (options.one, options.other)]
    # Needs numpy, as whatever opened the recordings; not before, so that its absence is told in words.
    from harness.logs.signals import read_signals
    from harness.offline.diff import compare
    from harness.offline.diff_text import json_of, text_of

    one, other = (read_signals(log, bench.messages, options.signal, protection=bench.protection) for log in logs)
    for log, signals in zip(logs, (one, other), strict=True):
        for doubt in doubts(log, signals):
            print(doubt, file=sys.stderr)
    names = (str(options.one), str(options.other))
    found = compare(
        one,
        other,
        tolerances=options.tolerance,
        align=options.align,
        ignore=options.ignore,
        protection=options.protection,
        damaged=options.damaged,
        names=names,
    )
    print(json.dumps(json_of(found), indent=1) if options.json else text_of(found, options.limit))
    return EQUAL if found.equal else DIFFERENT
