"""What emulated SCPI instruments have in common: identity, error queue, and commands by their short forms."""

from __future__ import annotations

from collections import deque

from harness.instruments.emulators.emulator import Emulator

UNDEFINED_HEADER = '-113,"Undefined header"'
OUT_OF_RANGE = '-222,"Data out of range"'
ILLEGAL_VALUE = '-224,"Illegal parameter value"'


class ScpiEmulator(Emulator):
    """A SCPI instrument. identity: its answer to ``*IDN?``. errors: its error queue, to which a test may add."""

    def __init__(self, identity: str, *, modem_lines: bool = False) -> None:
        super().__init__(modem_lines=modem_lines)
        self.identity = identity
        self.errors: deque[str] = deque(maxlen=20)

    def start_values(self) -> None:
        """See :meth:`Emulator.start_values`."""
        self.errors.clear()

    def handle(self, command: str) -> bytes:
        """See :meth:`Emulator.handle`."""
        if not command:
            return b""
        header, _, argument = command.partition(" ")
        asked = header.endswith("?")
        word = short_form(header.rstrip("?"))
        if asked:
            answer = self.common(word) or self.answer(word)
            if answer is None:
                self.errors.append(UNDEFINED_HEADER)
                return b""
            return answer.encode() + b"\r\n"
        if word == "*CLS":
            self.errors.clear()
        elif not self.obey(word, argument.strip()):
            self.errors.append(UNDEFINED_HEADER)
        return b""

    def common(self, word: str) -> str | None:
        """The answer to a question that every instrument understands; None when it is none of these."""
        if word == "*IDN":
            return self.identity
        if word == "SYST:ERR":
            return self.errors.popleft() if self.errors else '0,"No error"'
        return None

    def answer(self, word: str) -> str | None:
        """The answer to a question of this kind of instrument, by its short form; None when it does not know it."""
        raise NotImplementedError

    def obey(self, word: str, argument: str) -> bool:
        """Follow a command, by its short form; False when it does not know it."""
        return False


def short_form(header: str) -> str:
    """A header in capitals and in its short form.

    >>> short_form(":SOURce:VOLTage"), short_form("meas:voltage:dc"), short_form("SYSTem:ERRor:NEXT")
    ('VOLT', 'MEAS:VOLT:DC', 'SYST:ERR')
    """
    if header.startswith("*"):
        return header.upper()
    nodes = [node[:4] if node not in ("ERROR",) else "ERR" for node in header.upper().strip(":").split(":")]
    words = ":".join(nodes).removeprefix("SOUR:").removesuffix(":NEXT").removesuffix(":STAT")
    return words.replace("RESI", "RES")
