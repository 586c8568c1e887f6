"""What a bench's instruments can do, by role.

A test names the role; which device fills it is the bench file's business. Voltages are volts, currents amperes,
resistances ohms: as a plain number, or as a quantity (``12 * V``, ``500 * mA``). Every call raises
:class:`~harness.errors.InstrumentError` when the instrument does not answer, answers nonsense, or does not do what it
is told. All calls may come from any thread.
"""

from __future__ import annotations

import re
from typing import Literal, NamedTuple, Protocol

from harness.units import Duration, Quantity

SUPPLY, RELAY, MULTIMETER, CONSOLE = "power supply", "relay", "multimeter", "console"

ContactState = Literal["open", "closed"]


class Instrument(Protocol):
    """What all roles have in common."""

    @property
    def name(self) -> str:
        """Its name on the bench."""

    @property
    def role(self) -> str:
        """``"power supply"``, ``"relay"``, ``"multimeter"``, ``"console"``, or a third party's own."""

    @property
    def where(self) -> str:
        """Its port."""

    @property
    def identity(self) -> str:
        """What it says it is (the answer to ``*IDN?``); empty when it does not say."""

    @property
    def lost(self) -> str:
        """Why it can be reached no more until it is opened anew, as after it was unplugged; "" while it can."""

    def check(self) -> None:
        """Raise unless it is still there, and in the state into which it was brought last.

        So a supply that was reset, or switched off at its front panel, is found and named.
        """

    def safe(self) -> str:
        """Bring it into its safe state and confirm that by reading back; may be called at any time, also twice.

        Returns what was confirmed (``"off"``), or "" when its role needs none. Takes a bounded time.
        """

    def disconnect(self) -> None:
        """Close its port and leave the instrument as it is; may be called twice."""


class PowerSupply(Instrument, Protocol):
    """One output of a power supply. Its safe state: the output is off."""

    @property
    def max_voltage(self) -> float:
        """More volts than this are refused before anything is sent."""

    @property
    def max_current(self) -> float:
        """A current limit of more amperes than this is refused before anything is sent."""

    def set_voltage(self, voltage: float | Quantity, *, note: bool = True) -> None:
        """Set the voltage, from 0 to :attr:`max_voltage`. note: whether the run's evidence gets a line about it."""

    def set_current_limit(self, current: float | Quantity) -> None:
        """Set the current limit, from 0 to :attr:`max_current`."""

    def switch_on(self) -> None:
        """Switch the output on, if what the supply is set to lies within the limits."""

    def switch_off(self) -> None:
        """Switch the output off."""

    def is_on(self) -> bool:
        """Whether the output is on, as the supply says."""

    def voltage(self) -> float:
        """The measured voltage, V."""

    def current(self) -> float:
        """The measured current, A."""


class Relay(Instrument, Protocol):
    """Contacts with names. Their safe state is declared one by one; a contact may also be left as it is."""

    @property
    def contacts(self) -> tuple[str, ...]:
        """The names, in the order in which the bench file declares them."""

    def close(self, contact: str) -> None:
        """Let current through."""

    def open(self, contact: str) -> None:
        """Let none through."""

    def state(self, contact: str) -> ContactState:
        """``"open"`` or ``"closed"``, as the board says (it drives the coil; it does not feel the contact)."""


class Multimeter(Instrument, Protocol):
    """Measures. It needs no safe state."""

    def voltage(self) -> float:
        """Direct voltage, V."""

    def current(self) -> float:
        """Direct current, A."""

    def resistance(self) -> float:
        """Resistance, ohm; ``inf`` for more than the instrument can measure, such as an open circuit."""


class ConsoleLine(NamedTuple):
    """One line that the ECU printed. time: nanoseconds of :func:`harness.wall.clock_ns` when its end was read."""

    time: int
    text: str


class Console(Instrument, Protocol):
    """What an ECU prints, and what is typed. It needs no safe state."""

    @property
    def lines(self) -> tuple[ConsoleLine, ...]:
        """The latest lines, at most :data:`harness.instruments.serial_console.KEPT_LINES`."""

    def expect(self, pattern: str | re.Pattern[str], *, within: Duration) -> ConsoleLine:
        """The next line in which the regular expression is found, after the one found last (or :meth:`forget`).

        What came before the call counts, and so does a prompt: text without an end of line that nothing has followed
        for 50 ms. When none comes within the span, raises :class:`~harness.errors.ExpectationFailed` with the latest
        lines.
        """

    def forget(self) -> None:
        """Let the next :meth:`expect` look only at what comes from now on."""

    def write(self, text: str) -> None:
        r"""Type. An end of line is part of the text: ``console.write("reset\n")``."""
