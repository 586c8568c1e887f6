"""HVAC: holds the cabin at its set-point with a compressor that the drive may refuse."""

from __future__ import annotations

from typing import ClassVar

from harness.ecu import RxMessage, on_message, on_signal
from harness.units import Duration, ms
from simulators.body_node import BodyNode


class Hvac(BodyNode):
    """A PI controller for the compressor, within what the VCU permits.

    The VCU withdraws its permission when the battery is derated below 30 %; the power is cut in the instant in which
    that arrives (VEH-052). Without a word of the VCU there is no permission.
    """

    node: ClassVar[str] = "HVAC"

    STEP: ClassVar[Duration] = 100 * ms
    MAX_POWER_KW: ClassVar[float] = 6.0
    GAIN_KW_PER_K: ClassVar[float] = 1.0
    INTEGRAL_KW_PER_K_S: ClassVar[float] = 0.01
    RAMP_KW_PER_S: ClassVar[float] = 2.0
    """How fast the power may rise; it falls at once."""
    DEFAULT_SET_POINT_C: ClassVar[float] = 21.0
    LOWEST_C: ClassVar[float] = 16.0
    HIGHEST_C: ClassVar[float] = 28.0
    FAN_PERCENT_PER_LEVEL: ClassVar[float] = 100.0 / 7.0
    PERMISSION_MISSED_CYCLES: ClassVar[int] = 5
    """Missing messages of the drive after which its permission has ended."""

    def start(self) -> None:
        super().start()
        self.drive = self.rx("DriveStatusBody")
        self.step_s = int(self.STEP) / 1e9
        self.integral_kw = 0.0
        self.request_kw = 0.0
        self.ramp_kw = 0.0
        self.limit_kw = 0.0
        self.apply()
        self.every(self.STEP, self.step, start=0 * ms)

    def set_point(self) -> float:
        """Temperature that is aimed at, °C, within what can be set."""
        return min(max(self.get("CabinSetPointRequest", self.DEFAULT_SET_POINT_C), self.LOWEST_C), self.HIGHEST_C)

    def step(self) -> None:
        """Sense, control, report."""
        if self.drive.missed >= self.PERMISSION_MISSED_CYCLES:
            self.limit_kw = 0.0
        self.request_kw = self.wanted_power()
        self.ramp_kw = self.apply() + self.RAMP_KW_PER_S * self.step_s
        fan = min(self.get("FanRequest", 0) * self.FAN_PERCENT_PER_LEVEL, 100.0)
        self.plant["fan_speed"] = fan
        self.set(
            CabinTemperature=_in_range(self.plant["cabin_temperature"]),
            OutsideTemperature=_in_range(self.plant["outside_temperature"]),
            CabinSetPoint=self.set_point(),
            FanSpeed=fan,
        )

    def wanted_power(self) -> float:
        """Power that the controller wants, kW; 0 with the air conditioning off or the cabin cool enough."""
        if self.text("AirConditioning") != "On":
            self.integral_kw = 0.0
            return 0.0
        error = self.plant["cabin_temperature"] - self.set_point()
        power = self.GAIN_KW_PER_K * error + self.integral_kw
        if 0.0 <= power <= min(self.MAX_POWER_KW, self.limit_kw):  # else more integral would not change anything
            self.integral_kw += self.INTEGRAL_KW_PER_K_S * error * self.step_s
        return min(max(power, 0.0), self.MAX_POWER_KW)

    @on_signal("AirConditioning")
    @on_signal("CabinSetPointRequest")
    def controls_changed(self, value: float, previous: float | None) -> None:
        """The driver wants something else."""
        self.request_kw = self.wanted_power()
        self.apply()

    @on_message("DriveStatusBody")
    def follow_permission(self, message: RxMessage) -> None:
        """VEH-052: what the VCU refuses is cut at once."""
        limit = self.permitted_power()
        if limit != self.limit_kw:
            self.limit_kw = limit
            self.apply()

    def permitted_power(self) -> float:
        """Power that the VCU permits, kW."""
        if self.text("CompressorPermissionBody") != "Granted":
            return 0.0
        return self.get("CompressorPowerLimitBody", 0.0)

    def apply(self) -> float:
        """Ask for power, and drive the compressor with what is permitted of it, which is returned, kW."""
        power = min(self.request_kw, self.limit_kw, self.ramp_kw)
        self.plant["compressor_power"] = power
        wanted = self.request_kw > 0.0
        self.set(
            CompressorRequest="On" if wanted else "Off",
            CompressorPowerRequest=self.request_kw,
            CompressorPower=power,
            CompressorState="Off" if not wanted else "Running" if self.limit_kw > 0.0 else "Refused",
        )
        return power


def _in_range(celsius: float) -> float:
    """A temperature within what the signals carry."""
    return min(max(celsius, -40.0), 87.0)
