"""``harness monitor``: what goes over the channels of a bench, live and decoded. Never sends."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path
from threading import Event
from types import FrameType

from harness.errors import Blocked, ConfigError

SORTS = ("id", "name", "sender", "cycle", "jitter", "count", "age", "wrong")


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("bench", type=Path, help="bench file; its channels with an adapter are listened to")
    parser.add_argument(
        "--channel", action="append", default=[], metavar="NAME", help="only this channel of the bench (repeatable)"
    )
    parser.add_argument(
        "--filter",
        default="",
        metavar="WORDS",
        help="show messages of which a word occurs in the name, in a signal's, in sender, channel or identifier",
    )
    parser.add_argument("--sort", choices=SORTS, default="id", help="order of the messages (default: id)")
    parser.add_argument("--all", action="store_true", help="also messages that have not come")
    parser.add_argument(
        "--acknowledge",
        action="store_true",
        help="take part in the bus as a receiver does, for an ECU that is alone with this computer; "
        "without it the adapter is silent, where it can be",
    )
    parser.add_argument(
        "--seconds", type=float, default=None, help="end after so many seconds (default: on Ctrl-C, or the key q)"
    )
    parser.add_argument("--json", action="store_true", help="no live view: print what was seen in the end, as JSON")


def run(chosen: argparse.Namespace) -> int:
    """Listen until Ctrl-C, SIGTERM, the key q or the end of ``--seconds``.

    Returns 0; 1 when listening broke off; 2 for a wrong option, and for a bench that cannot be listened to.
    """
    end = Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        end.set()

    numbers = [number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None))]
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        from harness.screen.monitoring import monitor  # takes python-can and rich along, which others do not need

        return monitor(chosen, end)
    except (Blocked, ConfigError) as error:
        print(f"harness monitor: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
