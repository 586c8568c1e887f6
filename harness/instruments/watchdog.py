"""``python -m harness.instruments.watchdog``: brings a bench into its safe state when the run that uses it is killed.

Its standard input is a pipe from the run: one line of JSON (see :class:`harness.instruments.guarding.Watchdog`), then
"armed" or "safe", whichever is true from then on. When the pipe closes, or the run's process is gone, and the last word
was not "safe", it opens the instruments and reaches their safe states; what came of it goes into the result file.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread

from harness.errors import HarnessError, MissingExtra
from harness.instruments.drivers import driver_named
from harness.instruments.guarding import READY, SAFE
from harness.instruments.opening import open_instrument
from harness.instruments.port import pyserial
from harness.instruments.roles import Instrument
from harness.instruments.safety import SafeReport, SafeResult, Safety
from harness.instruments.spec import InstrumentSpec
from harness.wall import clock_ns

_LOOK_S = 0.5
_PAUSE_S = 0.5


def main() -> int:
    """Watch, and act when it is time. Returns 0 when nothing is left to be done, 1 when something is not safe."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # it ends by itself, when the run has
    lines = _lines()
    first = lines.get()
    if not first:
        return 0  # the run was killed before it could have switched anything on
    order = json.loads(first)
    specs = [InstrumentSpec.from_json(each) for each in order["instruments"]]
    specs = [spec for spec in specs if driver_named(spec.driver).has_safe_state]
    with suppress(MissingExtra):  # now, while all is well; a driver may do without it
        pyserial()
    print(READY, flush=True)
    if _last_word(lines, order["run"]) == SAFE:
        return 0
    report = reach(specs, order["patience_ns"])
    _write(Path(order["result"]), {"run": order["run"], "ended": time.time(), "report": report.to_json()})
    print(f"harness watchdog: the run was killed; {report}", file=sys.stderr, flush=True)
    return 0 if report.confirmed else 1


def reach(
    specs: Sequence[InstrumentSpec],
    patience_ns: int,
    opener: Callable[[InstrumentSpec], Instrument] = open_instrument,
    pause: Callable[[float], object] = time.sleep,
) -> SafeReport:
    """Bring the instruments into the safe state, in their order, again and again until all are or the time is over.

    A port may be held for a while by what is left of the run, and an instrument may be just starting.
    """
    deadline = clock_ns() + patience_ns
    results: dict[str, SafeResult] = {}
    while True:
        for spec in specs:
            if spec.name not in results or not results[spec.name].confirmed:
                results[spec.name] = _reach_one(spec, opener)
        report = SafeReport(tuple(results.values()))
        if report.confirmed or clock_ns() >= deadline:
            return report
        pause(_PAUSE_S)


def _reach_one(spec: InstrumentSpec, opener: Callable[[InstrumentSpec], Instrument]) -> SafeResult:
    try:
        instrument = opener(spec)
    except HarnessError as error:
        return SafeResult(spec.name, False, str(error).removeprefix(f"{spec.name} on "))
    try:
        found = Safety([instrument]).reach().results
    finally:
        instrument.disconnect()
    return found[0] if found else SafeResult(spec.name, True, "needs none")


def _lines() -> SimpleQueue[str]:
    """What the run says, line by line; "" when it says no more. Read without a lock that could keep us from ending."""
    lines: SimpleQueue[str] = SimpleQueue()

    def read() -> None:
        rest = b""
        while data := os.read(0, 65_536):
            *ended, rest = (rest + data).split(b"\n")
            for line in ended:
                lines.put(line.decode())
        lines.put("")

    Thread(target=read, name="harness watchdog input", daemon=True).start()
    return lines


def _last_word(lines: SimpleQueue[str], run: int) -> str:
    """Wait until the run is gone; the last that it said.

    The pipe alone does not tell: a process that the run has forked may hold its other end.
    """
    word = ""
    while True:
        try:
            line = lines.get(timeout=_LOOK_S)
        except Empty:
            if sys.platform != "win32" and os.getppid() != run:
                return word
            continue
        if not line:
            return word
        word = line


def _write(path: Path, content: object) -> None:
    """All or nothing: a reader never sees half of it."""
    draft = path.with_suffix(".tmp")
    draft.write_text(json.dumps(content, indent=1), encoding="utf-8")
    draft.replace(path)


if __name__ == "__main__":
    sys.exit(main())
