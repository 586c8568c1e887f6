"""``harness doctor [BENCH]``: what this machine has, and whether a bench can run."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from harness.errors import ConfigError


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "bench", type=Path, nargs="?", help="bench file; without one, the adapters and ports of this machine are listed"
    )
    parser.add_argument(
        "--active",
        action="store_true",
        help="also send: the frame that the bench file declares harmless ([doctor] probe), and a hello to a served one",
    )
    parser.add_argument("--seconds", type=_seconds, default=2.0, help="how long to listen to each channel (default: 2)")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON, for programs")


def run(chosen: argparse.Namespace) -> int:
    """Examine and print; 0 when nothing is in the way of a run, 1 when something is, 2 for a wrong bench file."""
    from harness.doctor import table  # with what it takes along, which other commands do not need
    from harness.doctor.examination import Examination
    from harness.doctor.finding import can_run
    from harness.doctor.machine import Machine

    bench: dict[str, str] | None = None
    try:
        if chosen.bench is None:
            findings = list(Machine().findings())
        else:
            from harness.bench.blueprint import Blueprint

            blueprint = Blueprint.load(chosen.bench)
            bench = {"name": blueprint.file.name, "path": str(blueprint.file.path)}
            findings = Examination(blueprint, active=chosen.active, seconds=chosen.seconds).findings()
    except ConfigError as error:
        print(f"harness doctor: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("harness doctor: interrupted", file=sys.stderr)
        return 130
    if chosen.json:
        print(table.as_json(findings, bench, active=chosen.active))
    else:
        table.show(findings, table.summary(findings, None if bench is None else bench["name"]), sys.stdout)
    return 0 if can_run(findings) else 1


def _seconds(text: str) -> float:
    """A listening time that is neither too short to hear anything nor forgotten."""
    seconds = float(text)
    if not 0.1 <= seconds <= 600:
        raise argparse.ArgumentTypeError(f"0.1 to 600 s, not {text}")
    return seconds
