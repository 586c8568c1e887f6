"""Data sheet of the battery cell: what the plant behaves like, and what the BMS was calibrated with."""

from __future__ import annotations

from bisect import bisect_right

CELLS = 96
CAPACITY_AH = 110.0

OPEN_CIRCUIT_V = (
    3.300, 3.430, 3.500, 3.550, 3.580, 3.605, 3.625, 3.640, 3.655, 3.670, 3.690,
    3.715, 3.745, 3.785, 3.830, 3.875, 3.925, 3.980, 4.040, 4.100, 4.165,
)  # fmt: skip
"""Open-circuit voltage of a cell at rest, V, at 0, 5, 10 ... 100 % state of charge; strictly rising."""

_STEP = 100.0 / (len(OPEN_CIRCUIT_V) - 1)


def open_circuit_voltage(state_of_charge: float) -> float:
    """Voltage of a cell at rest, V, for a state of charge of 0 to 100 %.

    >>> open_circuit_voltage(50.0), round(open_circuit_voltage(52.5), 4)
    (3.69, 3.7025)
    """
    position = state_of_charge / _STEP
    index = min(int(position), len(OPEN_CIRCUIT_V) - 2)
    low = OPEN_CIRCUIT_V[index]
    return low + (OPEN_CIRCUIT_V[index + 1] - low) * (position - index)


def state_of_charge(voltage: float) -> float:
    """State of charge, 0 to 100 %, of a cell that rests at ``voltage`` V: the inverse of :func:`open_circuit_voltage`.

    >>> round(state_of_charge(open_circuit_voltage(95.0)), 9)
    95.0
    """
    index = min(max(bisect_right(OPEN_CIRCUIT_V, voltage) - 1, 0), len(OPEN_CIRCUIT_V) - 2)
    low = OPEN_CIRCUIT_V[index]
    position = index + (voltage - low) / (OPEN_CIRCUIT_V[index + 1] - low)
    return min(100.0, max(0.0, position * _STEP))
