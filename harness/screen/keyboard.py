"""The keys of the terminal, one by one: no echo, no waiting for the end of a line, and as it was before in the end."""

from __future__ import annotations

import codecs
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event
from typing import Protocol

from harness.screen import controls


class Keyboard(Protocol):
    """Where keys come from."""

    def keys(self, timeout_s: float) -> list[str]:
        """The keys pressed meanwhile: characters, or names from :mod:`harness.screen.controls`. Waits for the first."""


class NoKeyboard:
    """There is nobody to press keys."""

    def __init__(self, end: Event) -> None:
        self._end = end

    def keys(self, timeout_s: float) -> list[str]:
        """None, after the timeout, or when it is time to end."""
        self._end.wait(timeout_s)
        return []


_SEQUENCES = {
    "\x1b[A": controls.UP, "\x1b[B": controls.DOWN, "\x1bOA": controls.UP, "\x1bOB": controls.DOWN,
    "\x1b[5~": controls.PAGE_UP, "\x1b[6~": controls.PAGE_DOWN,
    "\x1b[H": controls.HOME, "\x1b[F": controls.END, "\x1bOH": controls.HOME, "\x1bOF": controls.END,
    "\x1b[1~": controls.HOME, "\x1b[4~": controls.END,
}  # fmt: skip
_SINGLE = {
    "\r": controls.ENTER, "\n": controls.ENTER, "\x1b": controls.ESCAPE, "\x7f": controls.BACKSPACE,
    "\x08": controls.BACKSPACE,
}  # fmt: skip


def keys_of(text: str) -> list[str]:
    """The keys in what a terminal has sent at once.

    >>> keys_of("q"), keys_of("\\x1b[A\\x1b"), keys_of("\\x7f/x\\r"), keys_of("\\x1b[200~")
    (['q'], ['up', 'escape'], ['backspace', '/', 'x', 'enter'], [])
    """
    found = []
    while text:
        sequence = next((each for each in _SEQUENCES if text.startswith(each)), None)
        if sequence is not None:
            found.append(_SEQUENCES[sequence])
            text = text[len(sequence) :]
        elif text.startswith(("\x1b[", "\x1bO")) and len(text) > 2:
            # A key that means nothing here: it ends with its first letter or tilde.
            end = next((at for at, each in enumerate(text[2:], 3) if each.isalpha() or each == "~"), len(text))
            text = text[end:]
        else:
            found.append(_SINGLE.get(text[0], text[0]))
            text = text[1:]
    return found


if sys.platform == "win32":
    import msvcrt
    import time

    _CODES = {
        "H": controls.UP, "P": controls.DOWN, "I": controls.PAGE_UP, "Q": controls.PAGE_DOWN,
        "G": controls.HOME, "O": controls.END,
    }  # fmt: skip

    class _Console:
        def keys(self, timeout_s: float) -> list[str]:
            end = time.monotonic() + timeout_s
            while not msvcrt.kbhit():
                if time.monotonic() >= end:
                    return []
                time.sleep(0.02)
            found = []
            while msvcrt.kbhit():
                key = msvcrt.getwch()
                if key in ("\x00", "\xe0"):
                    found += [name for code, name in _CODES.items() if code == msvcrt.getwch()]
                else:
                    found += keys_of(key)
            return found

    @contextmanager
    def keyboard(end: Event) -> Iterator[Keyboard]:
        """The keyboard of this terminal, or none."""
        yield _Console() if sys.stdin.isatty() else NoKeyboard(end)

else:
    import os
    import select
    import termios
    import tty

    class _Terminal:
        def __init__(self, descriptor: int) -> None:
            self._descriptor = descriptor
            self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

        def keys(self, timeout_s: float) -> list[str]:
            ready, _, _ = select.select([self._descriptor], [], [], timeout_s)
            if not ready:
                return []
            read = os.read(self._descriptor, 1024)
            if not read:  # the terminal is gone
                raise EOFError("the terminal has been closed")
            return keys_of(self._decoder.decode(read))

    @contextmanager
    def keyboard(end: Event) -> Iterator[Keyboard]:
        """The keyboard of this terminal, or none; the terminal is as before in the end."""
        if not sys.stdin.isatty():
            yield NoKeyboard(end)
            return
        descriptor = sys.stdin.fileno()
        before = termios.tcgetattr(descriptor)
        try:
            tty.setcbreak(descriptor)
            yield _Terminal(descriptor)
        finally:
            termios.tcsetattr(descriptor, termios.TCSADRAIN, before)
