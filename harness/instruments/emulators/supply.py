"""An emulated SCPI power supply with a load."""

from __future__ import annotations

from dataclasses import dataclass

from harness.instruments.emulators.emulator import Fault
from harness.instruments.emulators.scpi import ILLEGAL_VALUE, OUT_OF_RANGE, ScpiEmulator

_SWITCH = {"ON": True, "1": True, "OFF": False, "0": False}


@dataclass(slots=True)
class Output:
    """One output: what it is set to, V and A, and what hangs on it: a resistance in ohm, None for nothing."""

    set_voltage: float = 0.0
    current_limit: float = 1.0
    on: bool = False
    load_ohm: float | None = None

    @property
    def voltage(self) -> float:
        """The voltage at its terminals, V: in current limit less than it is set to."""
        if not self.on:
            return 0.0
        if self.load_ohm is None:
            return self.set_voltage
        return min(self.set_voltage, self.current_limit * self.load_ohm)

    @property
    def current(self) -> float:
        """The current that flows, A."""
        if not self.on or self.load_ohm is None:
            return 0.0
        return self.voltage / self.load_ohm if self.load_ohm else self.current_limit


class SupplyEmulator(ScpiEmulator):
    """A power supply of 0 to 60 V and 0 to 10 A on each of its outputs.

    load_ohm: what hangs on its first output, None for nothing. After a reset its outputs are off and at 0 V.
    """

    MOST_VOLTS, MOST_AMPERES = 60.0, 10.0

    def __init__(self, *, load_ohm: float | None = None, channels: int = 1, modem_lines: bool = False) -> None:
        super().__init__("vehicle-harness,emulated supply,1,1.0", modem_lines=modem_lines)
        self.outputs = [Output() for _ in range(channels)]
        self.outputs[0].load_ohm = load_ohm
        self._selected = 0

    @property
    def output(self) -> Output:
        """Its first output."""
        return self.outputs[0]

    def start_values(self) -> None:
        """See :meth:`Emulator.start_values`."""
        super().start_values()
        self._selected = 0
        for output in self.outputs:
            output.set_voltage, output.current_limit, output.on = 0.0, 1.0, False

    def answer(self, word: str) -> str | None:
        """See :meth:`ScpiEmulator.answer`."""
        output = self.outputs[self._selected]
        return {
            "VOLT": f"{output.set_voltage:.3f}",
            "CURR": f"{output.current_limit:.3f}",
            "OUTP": "1" if output.on else "0",
            "MEAS:VOLT": f"{output.voltage:.4f}",
            "MEAS:CURR": f"{output.current:.4f}",
            "INST:NSEL": str(self._selected + 1),
        }.get(word)

    def obey(self, word: str, argument: str) -> bool:
        """See :meth:`ScpiEmulator.obey`."""
        output = self.outputs[self._selected]
        if word in ("VOLT", "CURR"):
            most = self.MOST_VOLTS if word == "VOLT" else self.MOST_AMPERES
            number = self._number(argument, most)
            if number is not None and self.fault is not Fault.STUCK:
                if word == "VOLT":
                    output.set_voltage = number
                else:
                    output.current_limit = number
        elif word == "OUTP":
            if argument.upper() not in _SWITCH:
                self.errors.append(ILLEGAL_VALUE)
            elif self.fault is not Fault.STUCK:
                output.on = _SWITCH[argument.upper()]
        elif word == "INST:NSEL":
            number = self._number(argument, len(self.outputs))
            if number is not None and number >= 1:
                self._selected = int(number) - 1
        else:
            return False
        return True

    def _number(self, argument: str, most: float) -> float | None:
        try:
            number = float(argument)
        except ValueError:
            self.errors.append(ILLEGAL_VALUE)
            return None
        if not 0 <= number <= most:
            self.errors.append(OUT_OF_RANGE)
            return None
        return number
