"""All figures in one table: ``python -m benchmarks`` (``--quick`` for a sample).

Every ratio is to a peer that was measured in the same run: absolute speeds differ between machines, ratios hardly.
"""

from __future__ import annotations

import argparse
from importlib import import_module

MODULES = (
    "kernel",
    "vehicle",
    "codec",
    "monitors",
    "startup",
    "reading",
    "decode",
    "temporal",
    "online_temporal",
    "offline_hour",
    "cyclic",
    "round_trip",
)


def main() -> None:
    """Run every benchmark module and print its rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter runs, rougher figures")
    parser.add_argument("only", nargs="*", metavar="module", help=f"one or several of {', '.join(MODULES)}")
    options = parser.parse_args()
    print(f"{'figure':70} {'measured':>16}   target")
    for name in options.only or MODULES:
        for figure, measured, target in import_module(f"benchmarks.{name}").run(options.quick):
            print(f"{figure:70} {measured:>16}   {target}", flush=True)


if __name__ == "__main__":
    main()
