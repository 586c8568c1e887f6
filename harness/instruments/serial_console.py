"""What an ECU prints on a serial port: read by a thread, which cannot die unnoticed."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections import deque
from dataclasses import dataclass
from threading import Condition, Thread, current_thread
from typing import Any, ClassVar

from harness.errors import ExpectationFailed, InstrumentError
from harness.instruments.hooks import Hooks
from harness.instruments.options import options_of
from harness.instruments.port import Port
from harness.instruments.roles import CONSOLE, ConsoleLine
from harness.instruments.spec import InstrumentSpec, Keys, PortSettings
from harness.units import Duration, duration, time_text
from harness.wall import clock_ns

KEPT_LINES = 10_000
"""Older lines are forgotten by the console; they have gone into the evidence."""
LONGEST_LINE = 4_096
"""Bytes; what comes without an end of line is cut here."""
_SHOWN = 8
_END_S = 10.0


@dataclass(frozen=True, slots=True)
class ConsoleOptions:
    """encoding: of the text. What is not valid in it is written as escapes, never dropped."""

    encoding: str = "utf-8"


class SerialConsole:
    """See :class:`harness.instruments.roles.Console`. It reads from the opening on, in a thread of its own.

    When the thread ends for any reason but :meth:`disconnect` (the port unplugged, an error in the hook ``line``), the
    hook ``failure`` is called, and every later call raises.
    """

    role: ClassVar[str] = CONSOLE
    settings: ClassVar[PortSettings] = PortSettings(baudrate=115_200)
    has_safe_state: ClassVar[bool] = False

    def __init__(self, spec: InstrumentSpec, hooks: Hooks) -> None:
        options = options_of(ConsoleOptions, spec)
        self.name, self.where, self.identity = spec.name, spec.port, ""
        self._encoding = options.encoding
        self._decoder = getincrementaldecoder(options.encoding)
        self._hooks = hooks
        self._port = Port(spec.name, spec.port, spec.settings)
        self._changed = Condition()
        self._lines: deque[ConsoleLine] = deque(maxlen=KEPT_LINES)
        self._count = 0  # how many lines there were
        self._rest = b""  # what came after the last of them
        self._looked = 0  # how many lines expect() is through with
        self._skip = 0  # and how many characters of the one that follows
        self._quiet = False  # whether nothing came for a while
        self._closing = False
        self._failure: InstrumentError | None = None
        self._thread = Thread(target=self._listen, name=f"harness console {self.name}", daemon=True)
        self._thread.start()

    @classmethod
    def options(cls, keys: Keys) -> dict[str, Any]:
        """See :class:`harness.instruments.drivers.Driver`."""
        encoding = keys.take("encoding", str, "utf-8")
        try:
            "".encode(encoding)
        except LookupError:
            raise keys.error(f"{keys.where}.encoding: Python knows no encoding {encoding!r}") from None
        return {"encoding": encoding}

    # -- the role --------------------------------------------------------------------------------------------------

    @property
    def lines(self) -> tuple[ConsoleLine, ...]:
        """See :attr:`harness.instruments.roles.Console.lines`."""
        with self._changed:
            self._raise_failure()
            return tuple(self._lines)

    def expect(self, pattern: str | re.Pattern[str], *, within: Duration) -> ConsoleLine:
        """See :meth:`harness.instruments.roles.Console.expect`."""
        wanted = re.compile(pattern)
        span_ns = duration(within, "within")
        deadline = clock_ns() + span_ns
        with self._changed:
            while True:
                found = self._look(wanted)
                if found is not None:
                    break
                self._raise_failure()
                left = deadline - clock_ns()
                if left <= 0:
                    raise ExpectationFailed(self._missed(wanted, span_ns))
                self._changed.wait(min(left / 1e9, 0.5))
        self._hooks.note(f"{self.name}: {wanted.pattern!r} found in {found.text!r}")
        return found

    def forget(self) -> None:
        """See :meth:`harness.instruments.roles.Console.forget`."""
        with self._changed:
            self._raise_failure()
            self._looked, self._skip = self._count, len(self._text(self._rest, last=False))

    def write(self, text: str) -> None:
        """See :meth:`harness.instruments.roles.Console.write`."""
        with self._changed:
            self._raise_failure()
        self._port.write(text.encode(self._encoding))
        self._hooks.note(f"{self.name}: typed {text!r}")

    @property
    def lost(self) -> str:
        """See :attr:`harness.instruments.roles.Instrument.lost`."""
        return str(self._failure or "") or self._port.lost

    def check(self) -> None:
        """See :meth:`harness.instruments.roles.Instrument.check`."""
        with self._changed:
            self._raise_failure()

    def safe(self) -> str:
        """It needs no safe state."""
        return ""

    def disconnect(self) -> None:
        """See :meth:`harness.instruments.roles.Instrument.disconnect`. What has come is recorded before."""
        self._closing = True
        if self._thread is not current_thread():
            self._thread.join(_END_S)
        self._port.disconnect()
        if self._thread.is_alive() and self._thread is not current_thread():
            raise self._port.error(f"its reader does not end within {_END_S:g} s: the hook that gets its lines hangs")

    # -- the reader ------------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        reason: BaseException | None = None
        try:
            while not self._closing:
                self._take(self._port.read(0))
            self._take(self._port.discard(), last=True)
        except BaseException as error:  # noqa: BLE001  # every later call raises it
            reason = error
        finally:
            if reason is not None or not self._closing:
                self._fail(reason)

    def _fail(self, reason: BaseException | None) -> None:
        text = f"{type(reason).__name__}: {reason}" if reason is not None else "it has ended without a reason"
        failure = reason if isinstance(reason, InstrumentError) else self._port.error(f"its reader is dead: {text}")
        if failure is not reason:
            failure.__cause__ = reason
        with self._changed:
            self._failure = failure
            self._changed.notify_all()
        self._hooks.failure(failure)

    def _take(self, data: bytes, *, last: bool = False) -> None:
        """Make lines of what has come. last: nothing is going to come any more, so the rest is a line as well."""
        self._quiet = not data
        now = clock_ns()
        with self._changed:
            *ended, rest = (self._rest + data).split(b"\n")
            parts = [part for line in ended for part in _cut(line)]
            *cut, self._rest = _cut(rest)
            parts += cut
            if last and self._rest:
                parts.append(self._rest)
                self._rest = b""
            lines = [ConsoleLine(now, self._text(part.removesuffix(b"\r"), last=True)) for part in parts]
            self._lines += lines
            self._count += len(lines)
            self._changed.notify_all()
        for line in lines:
            self._hooks.line(*line)

    def _text(self, raw: bytes, *, last: bool) -> str:
        """As text. last: no byte follows, so half a character at the end is none."""
        return self._decoder(errors="backslashreplace").decode(raw, final=last)

    # -- looking ---------------------------------------------------------------------------------------------------

    def _look(self, wanted: re.Pattern[str]) -> ConsoleLine | None:
        """The first line not looked at yet in which the pattern is found; the line that has not ended yet is one."""
        gone = self._count - len(self._lines)
        if self._looked < gone:
            self._looked, self._skip = gone, 0
        while self._looked < self._count:
            line = self._lines[self._looked - gone]
            found = wanted.search(line.text, self._skip)
            self._looked, self._skip = self._looked + 1, 0
            if found:
                return line
        # What has no end yet is a prompt if nothing has followed for a while; else it is half a line.
        prompt = self._text(self._rest, last=False)
        if self._quiet and prompt[self._skip :] and wanted.search(prompt, self._skip):
            self._skip = len(prompt)
            return ConsoleLine(clock_ns(), prompt)
        return None

    def _missed(self, wanted: re.Pattern[str], span_ns: int) -> str:
        text = [f"expect {wanted.pattern!r} on console {self.name} within {time_text(span_ns)}: not seen"]
        latest = list(self._lines)[-_SHOWN:]
        text += [f"  the latest of {self._count} lines:"] if latest else ["  it has printed no line"]
        text += [f"    {line.text}" for line in latest]
        if self._rest:
            text.append(f"    {self._text(self._rest, last=False)} (no end of line yet)")
        return "\n".join(text)

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise InstrumentError(str(self._failure)) from self._failure
        if not self._closing and not self._thread.is_alive():
            raise self._port.error("its reader is dead")
        if self._closing:
            raise self._port.error("it has been disconnected")


def _cut(line: bytes) -> list[bytes]:
    """A line in parts that are not too long; one part at least."""
    return [line[at : at + LONGEST_LINE] for at in range(0, len(line), LONGEST_LINE)] or [b""]
