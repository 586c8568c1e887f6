"""The live view: draws what is heard, again and again, and follows the keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live

from harness.screen.controls import Controls
from harness.screen.drawing import Drawing
from harness.screen.keyboard import Keyboard
from harness.screen.snapshot import Snapshot, Wanted

PERIOD_S = 0.25
"""A new picture comes this often, and after each key, s."""


class Source(Protocol):
    """What is looked at: :class:`harness.screen.listening.Listening`."""

    def shot(self, wanted: Wanted) -> Snapshot: ...

    def reset(self) -> None: ...


def show(
    source: Source,
    wanted: Wanted,
    console: Console,
    keyboard: Keyboard,
    over: Callable[[], bool],
) -> None:
    """Show ``source`` until ``over()`` or the person has had enough. The terminal is as before in the end."""
    controls = Controls(wanted)
    drawing = Drawing()
    resets = 0
    shot = source.shot(wanted)
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while not over() and not controls.ended:
            if not controls.frozen:
                shot = source.shot(controls.wanted)
            width, height = console.size
            live.update(Group(*drawing.lines(shot, controls, width, height)), refresh=True)
            for key in keyboard.keys(PERIOD_S):
                controls.press(key, page=max(1, height // 2))
            if controls.resets != resets:
                resets = controls.resets
                source.reset()
