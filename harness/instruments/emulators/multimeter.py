"""An emulated SCPI multimeter."""

from __future__ import annotations

from collections.abc import Callable

from harness.instruments.emulators.scpi import ScpiEmulator

Measured = float | Callable[[], float]
"""What it measures: a number, or what gives one, such as ``lambda: supply.output.voltage``."""

OVERLOAD = "+9.90000000E+37"


class MultimeterEmulator(ScpiEmulator):
    """Measures what it is told: V, A, ohm; ``inf`` is an overload."""

    def __init__(
        self,
        *,
        voltage: Measured = 0.0,
        current: Measured = 0.0,
        resistance: Measured = float("inf"),
        modem_lines: bool = False,
    ) -> None:
        super().__init__("vehicle-harness,emulated multimeter,1,1.0", modem_lines=modem_lines)
        self.voltage, self.current, self.resistance = voltage, current, resistance

    def answer(self, word: str) -> str | None:
        """See :meth:`ScpiEmulator.answer`."""
        measured = {"MEAS:VOLT": self.voltage, "MEAS:CURR": self.current, "MEAS:RES": self.resistance}.get(
            word.removesuffix(":DC")
        )
        if measured is None:
            return None
        value = measured() if callable(measured) else measured
        return OVERLOAD if abs(value) == float("inf") else f"{value:+.8E}"
