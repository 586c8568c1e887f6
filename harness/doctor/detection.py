"""Which adapters python-can finds, interface by interface, in a process of its own.

A vendor's library that is half installed may print, hang, or take its process along. ``python -m
harness.doctor.detection`` prints one JSON line per interface, as soon as it has answered; what is missing at the end
has hung or crashed.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from threading import Thread
from typing import Any, TextIO

from harness.doctor.finding import Finding, Mark

LIMIT_S = 6.0
"""What has not answered by then hangs, s; looking for socketcand in the network takes four."""

PASSED_OVER = frozenset({"harness", "virtual", "udp_multicast", "serial", "slcan", "socketcan"})
"""Interfaces that need no hardware, and those whose ports and links are listed apart."""


def detected(limit_s: float = LIMIT_S) -> Iterator[Finding]:
    """What each interface found. Takes ``limit_s`` s at most."""
    command = [sys.executable, "-m", "harness.doctor.detection"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            output, _ = process.communicate(timeout=limit_s)
            end = f"ended with {process.returncode}" if process.returncode else ""
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            end = f"had not ended after {limit_s:g} s"
    yield from findings_of((json.loads(line) for line in output.splitlines()), end)


def findings_of(lines: Iterable[Mapping[str, Any]], end: str = "") -> Iterator[Finding]:
    """What the lines of the detecting process say. end: how it ended, "" as it should."""
    asked: list[str] = []
    for line in lines:
        if "asked" in line:
            asked = list(line["asked"])
            continue
        asked = [each for each in asked if each != line["interface"]]
        if line.get("problem"):
            text = f"{line['interface']}: looking for adapters failed: {line['problem']}"
            yield Finding("adapters", "python-can", Mark.WARN, text, "is its driver installed completely?", line)
        for config in line.get("found", ()):
            yield _adapter(line["interface"], config)
    if end:
        hung = f" ({', '.join(sorted(asked))})" if asked else ""
        text = f"looking for adapters {end}{hung}"
        yield Finding(
            "adapters", "python-can", Mark.WARN, text, "is a driver of these half installed?", {"open": asked}
        )


def _adapter(interface: str, config: Mapping[str, Any]) -> Finding:
    channel = config.get("channel", "?")
    said = [
        f"{value}" for key, value in config.items() if key in ("device_name", "name", "serial", "hw_type") and value
    ]
    text = f"{interface} {channel}" + (f": {', '.join(said)}" if said else "")
    return Finding("adapters", "python-can", Mark.OK, text, f'interface = "{interface}", channel = "{channel}"', config)


def main(output: TextIO) -> None:
    """Ask all interfaces at once, a line for each answer."""
    import can

    names = sorted(set(can.VALID_INTERFACES) - PASSED_OVER)
    print(json.dumps({"asked": names}), file=output, flush=True)
    threads = [Thread(target=_ask, args=(name, output), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def _ask(name: str, output: TextIO) -> None:
    import can

    line: dict[str, Any] = {"interface": name}
    try:
        line["found"] = [dict(config) for config in can.detect_available_configs(name)]
    except Exception as error:  # noqa: BLE001  # a vendor's library may raise anything
        line["problem"] = f"{type(error).__name__}: {error}"
    output.write(json.dumps(line, default=str) + "\n")
    output.flush()


if __name__ == "__main__":
    # What libraries print, in whatever language they are written, must not come between the lines.
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    with lines:
        main(lines)
