"""Speed governor: the largest torque that keeps a vehicle at or below a speed."""

from __future__ import annotations

from simulators.powertrain import clamp


class Governor:
    """Proportional-integral control of the torque limit; the integral works near the target only, so that it does not
    wind up on the way there."""

    GAIN_NM_PER_KMH = 25.0
    INTEGRAL_NM_PER_KMH_S = 14.0
    INTEGRAL_LIMIT_NM = 120.0
    BAND_KMH = 4.0
    """How near to the target the integral works."""

    __slots__ = ("_integral",)

    def __init__(self) -> None:
        self._integral = 0.0

    def limit(self, speed: float, target: float, seconds: float) -> float:
        """Torque limit, Nm (negative: brake), for speed and target in km/h, ``seconds`` after the last call."""
        error = target - speed
        if error > self.BAND_KMH:
            self._integral = 0.0
        elif error > -self.BAND_KMH:
            change = self.INTEGRAL_NM_PER_KMH_S * error * seconds
            self._integral = clamp(self._integral + change, -self.INTEGRAL_LIMIT_NM, self.INTEGRAL_LIMIT_NM)
        return self.GAIN_NM_PER_KMH * error + self._integral
