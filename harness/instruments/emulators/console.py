"""An emulated ECU console: it prints a script, and answers what is typed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from threading import Event, Thread
from types import TracebackType

from harness.instruments.emulators.emulator import Emulator
from harness.units import Duration


class ConsoleEmulator(Emulator):
    """What an ECU prints.

    script: what it prints after each reset: pauses (``20 * ms``) and texts, in their order; a text gets no end of line
    of its own. answers: what it prints when a line is typed; what is not in there gets no answer.
    """

    def __init__(
        self,
        script: Sequence[Duration | str] = (),
        *,
        answers: Mapping[str, str] | None = None,
        modem_lines: bool = False,
    ) -> None:
        super().__init__(modem_lines=modem_lines)
        self.script = tuple(script)
        self.answers = dict(answers or {})
        self._stop = Event()
        self._printer: Thread | None = None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop_printing()
        super().__exit__(kind, error, trace)

    def reset(self) -> None:
        """See :meth:`Emulator.reset`; the script begins anew."""
        self._stop_printing()
        super().reset()
        self._stop = Event()
        self._printer = Thread(target=self._play, args=(self._stop,), name="harness emulator script", daemon=True)
        self._printer.start()

    def print(self, text: str) -> None:
        r"""Print a text, which gets no end of line of its own: ``console.print("ready\n")``."""
        self.send(text.encode())

    def handle(self, command: str) -> bytes:
        """See :meth:`Emulator.handle`."""
        return self.answers.get(command, "").encode()

    def _stop_printing(self) -> None:
        self._stop.set()
        if self._printer is not None:
            self._printer.join()

    def _play(self, stop: Event) -> None:
        for step in self.script:
            if isinstance(step, str):
                self.print(step)
            elif stop.wait(step / 1e9):
                return
