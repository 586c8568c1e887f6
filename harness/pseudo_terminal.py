"""Pseudo-terminals: serial ports that are none, with both ends in our hands. POSIX only: Windows cannot import this."""

from __future__ import annotations

import os
import pty
import sys
import termios
import tty

if sys.platform == "win32":  # for type checkers: `pty` cannot be imported there

    def open_pair() -> tuple[int, int]:
        raise NotImplementedError

    def path_of(theirs: int) -> str:
        raise NotImplementedError

    def forget_unread(path: str) -> None:
        raise NotImplementedError

else:

    def open_pair() -> tuple[int, int]:
        """Descriptors of our end, which does not block, and of the end that a program opens. Both pass every byte on.

        >>> ours, theirs = open_pair()
        >>> os.write(ours, b"\\x03"), os.read(theirs, 10)
        (1, b'\\x03')
        >>> os.close(ours), os.close(theirs)
        (None, None)
        """
        ours, theirs = pty.openpty()
        tty.setraw(ours)
        tty.setraw(theirs)
        os.set_blocking(ours, False)
        return ours, theirs

    def path_of(theirs: int) -> str:
        """What a program opens."""
        return os.ttyname(theirs)

    def forget_unread(path: str) -> None:
        """What we have written and nobody has read is gone."""
        theirs = os.open(path, os.O_RDWR | os.O_NOCTTY)
        try:
            termios.tcflush(theirs, termios.TCIFLUSH)
        finally:
            os.close(theirs)
