"""Physics of the high-voltage system: cells, contactors, DC link. Plain numbers in SI units, no bus, no loop."""

from __future__ import annotations

from math import exp, sqrt

from simulators.cell_data import CAPACITY_AH, CELLS, open_circuit_voltage


class Pack:
    """96 cells in series, as one cell plus what single cells deviate from it.

    Current is positive when the pack discharges.
    """

    RESISTANCE_OHM = 0.09
    HEAT_CAPACITY_J_PER_K = 260_000.0
    COOLING_W_PER_K = 60.0
    SPREAD_V = 0.0004
    """Cells differ by multiples of this, in a fixed pattern of eight steps."""

    __slots__ = ("current", "overrides", "rest_voltage", "state_of_charge", "temperature", "voltage")

    def __init__(self, state_of_charge: float, temperature: float) -> None:
        self.state_of_charge = state_of_charge
        self.temperature = temperature
        self.current = 0.0
        self.overrides: dict[int, float] = {}
        """Voltage, V, of cells that somebody holds, by number 1 to 96."""
        self.rest_voltage = 0.0
        self.voltage = 0.0
        self.step(0.0, 0.0)

    def step(self, current: float, seconds: float) -> None:
        """Draw ``current`` A for ``seconds``; afterwards :attr:`voltage` is the one under that load."""
        self.current = current
        charge = self.state_of_charge - current * seconds / (36.0 * CAPACITY_AH)
        self.state_of_charge = charge = 0.0 if charge < 0.0 else 100.0 if charge > 100.0 else charge
        self.rest_voltage = open_circuit_voltage(charge) * CELLS
        voltage = self.rest_voltage - current * self.RESISTANCE_OHM
        if self.overrides:
            cell = voltage / CELLS
            voltage += sum(held - cell for held in self.overrides.values())
        self.voltage = voltage

    def warm(self, seconds: float, ambient: float) -> None:
        """Heat by the current's losses and cool towards ``ambient`` °C."""
        heat = self.current * self.current * self.RESISTANCE_OHM - self.COOLING_W_PER_K * (self.temperature - ambient)
        self.temperature += heat * seconds / self.HEAT_CAPACITY_J_PER_K

    def current_for(self, power: float) -> float:
        """Current, A, at which the pack gives ``power`` W (negative: takes it)."""
        rest, resistance = self.rest_voltage, self.RESISTANCE_OHM
        root = rest * rest - 4.0 * resistance * power
        return (rest - sqrt(root)) / (2.0 * resistance) if root > 0.0 else rest / (2.0 * resistance)

    def cell(self, number: int) -> float:
        """Voltage, V, of cell 1 to 96."""
        held = self.overrides.get(number)
        if held is not None:
            return held
        return (self.rest_voltage - self.current * self.RESISTANCE_OHM) / CELLS + self._deviation(number)

    def extremes(self) -> tuple[int, float, int, float]:
        """Lowest cell and its voltage, highest cell and its voltage; the first of equal ones."""
        # The pattern of _deviation has its lowest step at cells 8, 16 ... and its highest at 5, 13 ...
        low, high = 8, 5
        while low in self.overrides:
            low += 8
        while high in self.overrides:
            high += 8
        mean = (self.rest_voltage - self.current * self.RESISTANCE_OHM) / CELLS
        low_v, high_v = mean - 3.5 * self.SPREAD_V, mean + 3.5 * self.SPREAD_V
        for number, held in self.overrides.items():
            if held < low_v:
                low, low_v = number, held
            if held > high_v:
                high, high_v = number, held
        return low, low_v, high, high_v

    def _deviation(self, number: int) -> float:
        return ((number * 3) % 8 - 3.5) * self.SPREAD_V


class DcLink:
    """The capacitor behind the contactors, with its precharge and discharge resistors."""

    CAPACITANCE_F = 0.001
    BLEEDER_OHM = 33_000.0
    DISCHARGE_OHM = 1_000.0
    """Resistor that the inverter switches on for active discharge."""

    __slots__ = ("voltage",)

    def __init__(self) -> None:
        self.voltage = 0.0

    def connect(self, pack: float) -> None:
        """The contactors join the link with the pack: both have the same voltage."""
        self.voltage = pack

    def step(self, seconds: float, pack: float, precharge_ohm: float | None, discharge: bool, load: float) -> None:
        """Without closed main contactors: charge through ``precharge_ohm`` (None: open), discharge, feed ``load``.

        load: W; negative, when a motor that brakes feeds the link.

        Exact for constant resistances, so the step may be as long as the time constant.
        """
        conductance = 1.0 / self.BLEEDER_OHM
        source = 0.0
        if discharge:
            conductance += 1.0 / self.DISCHARGE_OHM
        if precharge_ohm is not None:
            conductance += 1.0 / precharge_ohm
            source = pack / precharge_ohm
        final = source / conductance
        voltage = final + (self.voltage - final) * exp(-seconds * conductance / self.CAPACITANCE_F)
        if load:
            energy = 0.5 * self.CAPACITANCE_F * voltage * voltage - load * seconds
            voltage = sqrt(2.0 * energy / self.CAPACITANCE_F) if energy > 0.0 else 0.0
        self.voltage = voltage
