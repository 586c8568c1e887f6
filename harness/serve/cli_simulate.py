"""``harness simulate``: the simulated nodes of a bench as a process of its own, in real time."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from threading import Event
from types import FrameType

from harness.errors import ConfigError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "bench", type=Path, help="bench file; its simulated nodes are served, the tester plays the rest"
    )
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--slcan", action="store_true", help="an emulated serial adapter per channel (POSIX)")
    where.add_argument("--interface", help="python-can interface, for instance udp_multicast or socketcan")
    parser.add_argument(
        "--channel",
        action="append",
        default=[],
        metavar="NAME[=WHERE[?KEY=VALUE]]",
        help="serve this channel of the bench (default: all); WHERE is the interface's channel, NAME by default, "
        "with options of this channel only: body=239.74.163.2?port=43114",
    )
    parser.add_argument(
        "--option", action="append", default=[], metavar="KEY=VALUE", help="further options of the interface"
    )
    parser.add_argument(
        "--links",
        type=Path,
        metavar="FOLDER",
        help="with --slcan: make a link FOLDER/CHANNEL to each adapter's terminal, as long as the server runs",
    )
    parser.add_argument(
        "--end-when-broken",
        action="store_true",
        help="end when a model breaks (default: tell the tester, and wait for it to ask for a new vehicle)",
    )
    parser.add_argument("--seconds", type=float, default=None, help="end after so many seconds (default: on Ctrl-C)")


def run(chosen: argparse.Namespace) -> int:
    """Serve until Ctrl-C, SIGTERM or the end of ``--seconds``; 0, or 1 when a vehicle broke, 2 for a wrong option."""
    end = Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        end.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        from harness.serve.serving import serve  # takes python-can along, which `harness run` does not need

        return serve(chosen, end)
    except ConfigError as error:
        print(f"harness simulate: {error}", file=sys.stderr)
        return 2
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
