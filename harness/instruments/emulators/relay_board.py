"""An emulated relay board that speaks as those of Numato Lab do."""

from __future__ import annotations

from typing import ClassVar

from harness.instruments.emulators.emulator import Emulator, Fault

_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUV"


class RelayBoardEmulator(Emulator):
    """driven: whether each relay's coil is driven; none is after a reset."""

    ends: ClassVar[bytes] = b"\r"

    def __init__(self, *, relays: int = 8, modem_lines: bool = False) -> None:
        super().__init__(modem_lines=modem_lines)
        self.driven = [False] * relays

    def start_values(self) -> None:
        """See :meth:`Emulator.start_values`."""
        self.driven = [False] * len(self.driven)

    def handle(self, command: str) -> bytes:
        """See :meth:`Emulator.handle`."""
        answer = self._answer(command.split())
        return f"{command}\n\r{answer}>".encode("latin-1")

    def _answer(self, words: list[str]) -> str:
        match words:
            case ["ver"]:
                return "A0000008\n\r"
            case ["relay", "read", relay] if relay in self._relays:
                return "on\n\r" if self.driven[_DIGITS.index(relay)] else "off\n\r"
            case ["relay", ("on" | "off") as state, relay] if relay in self._relays:
                if self.fault is not Fault.STUCK:
                    self.driven[_DIGITS.index(relay)] = state == "on"
                return ""
        return ""

    @property
    def _relays(self) -> str:
        return _DIGITS[: len(self.driven)]
