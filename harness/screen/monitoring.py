"""Monitoring a bench as the command line asks for it."""

from __future__ import annotations

import argparse
import json
import sys
import time
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from itertools import islice
from threading import Event

from harness.adapter.driver import Driver
from harness.adapter.scheduling import SWITCH_INTERVAL_S
from harness.bench.blueprint import Blueprint
from harness.bench.rig import resources
from harness.errors import MissingExtra
from harness.lease import take
from harness.screen.keyboard import keyboard
from harness.screen.listening import Listening, Opener, adapters, exclusive, listening
from harness.screen.plain import lines, plain
from harness.screen.snapshot import Sort, Wanted, as_json

_LOOK_S = 0.1


def monitor(chosen: argparse.Namespace, end: Event, open_adapter: Opener = Driver) -> int:
    """Listen and show until ``end``; returns the exit code. Raises :class:`Blocked` and :class:`ConfigError`."""
    blueprint = Blueprint.load(chosen.bench, code=False)
    file = blueprint.file
    specs = adapters(file, chosen.channel, acknowledge=chosen.acknowledge)
    wanted = Wanted(chosen.filter, Sort(chosen.sort), chosen.all)
    live = not chosen.json and sys.stdout.isatty()
    show = _live_view() if live else _wait
    with ExitStack() as stack:
        # A picture takes 10 ms to draw; whoever reads and stamps frames is not to wait that long for the interpreter.
        stack.callback(sys.setswitchinterval, sys.getswitchinterval())
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        # Two programs that read one serial port would each get half of it.
        stack.enter_context(take(resources(exclusive(file, specs)), file.name, "harness monitor"))
        source = stack.enter_context(listening(blueprint, specs, open_adapter))
        begun = time.monotonic()

        def over() -> bool:
            late = chosen.seconds is not None and time.monotonic() - begun >= chosen.seconds
            return late or end.is_set() or source.fault is not None

        if not live:
            names = ", ".join(f"{spec.channel} ({spec})" for spec in specs)
            until = "; Ctrl-C ends it" if chosen.seconds is None else f" for {chosen.seconds:g} s"
            print(f"listening to {names}{until}", file=sys.stderr, flush=True)
        show(source, wanted, over, end)
        shot = source.shot(wanted)
        fault = source.fault
    if chosen.json:
        print(json.dumps(as_json(shot), indent=2, ensure_ascii=False))
    elif live:
        print("\n".join(islice(lines(shot), 1 + len(shot.channels))))
    else:
        print(plain(shot))
    if fault is not None:
        sys.stdout.flush()
        traceback.print_exception(fault)
        return 1
    return 0


Show = Callable[[Listening, Wanted, Callable[[], bool], Event], None]


def _wait(source: Listening, _wanted: Wanted, over: Callable[[], bool], end: Event) -> None:
    """Nothing is shown before the end."""
    while not over():
        source.fold()
        end.wait(_LOOK_S)


def _live_view() -> Show:
    try:
        from rich.console import Console

        from harness.screen.live_view import show
    except ImportError as error:
        raise MissingExtra("the live view (not --json, nor output into a pipe)", "bench") from error

    def view(source: Listening, wanted: Wanted, over: Callable[[], bool], end: Event) -> None:
        with keyboard(end) as keys:
            show(source, wanted, Console(), keys, over)

    return view
