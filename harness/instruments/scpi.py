"""SCPI over a serial port, and nothing that comes back is trusted.

IEEE 488.2 defines ``*IDN?`` and the end of a message, SCPI-99 volume 2 the error queue ``SYSTem:ERRor?`` and volume 1,
clause 7.2.1.4, the numbers that mean infinity and "not a number".
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable

from harness.errors import InstrumentError
from harness.instruments.port import Port, shown, span
from harness.units import Quantity, Unit, in_unit

INFINITY, NOT_A_NUMBER = 9.9e37, 9.91e37
LONGEST_ERROR_QUEUE = 30
_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_ERROR = re.compile(r"([+-]?\d+)\s*,\s*(.*)")
ENDS = {"LF": b"\n", "CR LF": b"\r\n", "CR": b"\r"}
"""What may end a command. An answer may end with any of them."""


class Scpi:
    """One conversation. Every method raises :class:`~harness.errors.InstrumentError` with expected, got and what to do.

    wanted: text that its identity must hold ("" for any): the right device on the wrong port is not driven.
    """

    def __init__(self, port: Port, end: bytes, wanted: str, note: Callable[[str], object]) -> None:
        self.port = port
        self.identity = ""
        self._end = end
        self._note = note
        self._sent: deque[str] = deque(maxlen=8)
        self.identity = self._introduced(wanted)
        self._forget_errors("errors from before this run")

    def order(self, command: str) -> None:
        """Send a command, and demand that the instrument reports no error then."""
        with self.port.exchange() as in_step:
            self._begin(in_step)
            self._send(command)
            errors = self._errors()
        if errors:
            raise self._wrong(command, "no error", "; ".join(errors), "its manual says what these mean")

    def blindly(self, command: str) -> None:
        """Send a command, whatever state the conversation is in: an instrument that answers no more may still obey."""
        with self.port.held():
            self.port.in_step = False
            self.port.write(self._end + command.encode() + self._end)

    def ask(self, question: str, expected: str) -> str:
        """The answer to a question, as it came, without its end of line."""
        with self.port.exchange() as in_step:
            self._begin(in_step)
            return self._answer(question, expected)

    def number(self, question: str, expected: str) -> float:
        """The answer to a question that must be a decimal number; ``inf`` for SCPI's infinity."""
        text = self.ask(question, expected)
        if not _NUMBER.fullmatch(text):
            raise self._wrong(question, expected, repr(text), "it must answer decimal numbers such as 12.000")
        value = float(text)
        if abs(value) == NOT_A_NUMBER:
            raise self._wrong(question, expected, f"{text} (not a number)", "is its measuring range right?")
        return value if abs(value) < INFINITY else float("inf") * value

    def measure(self, question: str, expected: str) -> float:
        """As :meth:`number`, of something that can go wrong in the instrument: it must report no error then."""
        value = self.number(question, expected)
        with self.port.exchange() as in_step:
            self._begin(in_step)
            errors = self._errors()
        if errors:
            raise self._wrong(question, "no error", "; ".join(errors), "its manual says what these mean")
        return value

    # -- how it goes on --------------------------------------------------------------------------------------------

    def _introduced(self, wanted: str) -> str:
        """Its identity, by IEEE 488.2 four fields. A first answer may be disturbed by what it was doing before."""
        expected = "its identity: maker, model, serial number, version"
        try:
            text = self._first(expected)
        except InstrumentError:
            if self.port.lost:
                raise
            text = self._first(expected)
        if wanted.casefold() not in text.casefold():
            raise self._wrong("*IDN?", f"an identity with {wanted!r}", repr(text), "is this the right port?")
        return text

    def _first(self, expected: str) -> str:
        with self.port.exchange():
            self.port.write(self._end)
            self.port.discard(quiet_ns=50_000_000)
            text = self._answer("*IDN?", expected)
            if "," not in text:
                raise self._wrong("*IDN?", expected, repr(text), "is it a SCPI instrument, and set to remote control?")
        return text

    def _begin(self, in_step: bool) -> None:
        if not in_step:
            self._again_in_step()
            return
        unasked = self.port.discard()
        if unasked.strip():
            echoes = any(line and line in unasked.decode("latin-1") for line in self._sent)
            reason = "it echoes what it is sent: switch that off" if echoes else "has it been reset?"
            raise self.port.error(f"expected nothing before it is asked, got {shown(unasked.strip())}; {reason}")

    def _again_in_step(self) -> None:
        """Ask for its identity, and drop everything that comes before it: late answers to earlier questions."""
        self.port.discard(quiet_ns=50_000_000)
        self._send("*IDN?")
        deadline = self.port.deadline()
        seen = b""
        while (line := self.port.read_to(b"\r\n", deadline)).endswith((b"\r", b"\n")):
            if line.strip() == self.identity.encode():
                self._forget_errors("errors of what was interrupted")
                return
            seen += line
        got = shown(seen + line) if seen + line else "no answer"
        got = f"{got} {span(self.port.settings.timeout_ns)}"
        raise self._wrong("*IDN?", repr(self.identity), got, self._advice(seen + line))

    def _send(self, text: str) -> None:
        self._sent.append(text)
        self.port.write(text.encode() + self._end)

    def _answer(self, question: str, expected: str) -> str:
        self._send(question)
        deadline = self.port.deadline()
        line = b"\n"
        while line in (b"\n", b"\r"):  # the second half of CR LF
            line = self.port.read_to(b"\r\n", deadline)
        text = line.decode("latin-1").strip()
        if not line.endswith((b"\r", b"\n")):
            got = f"half an answer, {shown(line)}," if line else "no answer"
            raise self._wrong(question, expected, f"{got} {span(self.port.settings.timeout_ns)}", self._advice(line))
        if text in self._sent:
            raise self._wrong(question, expected, repr(text), "it echoes what it is sent: switch that off")
        if not text.isascii() or not text.isprintable() or not text:
            raise self._wrong(question, expected, shown(line), self._advice(line))
        return text

    def _errors(self) -> list[str]:
        """The error queue, emptied by reading it."""
        errors: list[str] = []
        while len(errors) < LONGEST_ERROR_QUEUE:
            expected = "an error's number and text"
            text = self._answer("SYST:ERR?", expected)
            match = _ERROR.fullmatch(text)
            if match is None:
                raise self._wrong("SYST:ERR?", expected, repr(text), "is it a SCPI instrument?")
            if int(match[1]) == 0:
                break
            errors.append(text)
        return errors

    def _forget_errors(self, why: str) -> None:
        errors = self._errors()
        if errors:
            self._note(f"{self.port.who}: {why}: {'; '.join(errors)}")

    def _advice(self, got: bytes) -> str:
        settings = self.port.settings
        if got:
            return f"are {settings.baudrate} baud and {settings.framing} right, and is the cable sound?"
        return "is it switched on, is it set to remote control, and is this its port?"

    def _wrong(self, question: str, expected: str, got: str, advice: str) -> InstrumentError:
        return self.port.error(f"{question!r}: expected {expected}, got {got}; {advice}")


def amount(value: float | Quantity, unit: Unit, most: float, port: Port, what: str, limit: str) -> float:
    """A value that a user wants to set, in that unit. Raises before anything is sent when it is none, or too much.

    Raises :class:`~harness.errors.UnitError` for a wrong unit and :class:`~harness.errors.InstrumentError` for a value
    outside 0 to ``most``, which the bench file calls ``limit``.
    """
    number = float(in_unit(value, unit.symbol, f"the {what} of {port.who}"))
    if not 0 <= number <= most:
        raise port.error(
            f"expected a {what} from 0 to {most:g} {unit.symbol} ({limit} in the bench file), got "
            f"{number:g} {unit.symbol}; nothing was sent"
        )
    return number
