"""ESP: wheel and vehicle speed, brake pressure, anti-lock control, standstill."""

from __future__ import annotations

from typing import ClassVar

from harness.ecu import RxMessage, every, on_message
from harness.units import ms
from simulators.powertrain import PowertrainEcu, clamp

_WHEEL_SPEEDS = {
    "wheel_speed_front_left": "WheelSpeedFrontLeft",
    "wheel_speed_front_right": "WheelSpeedFrontRight",
    "wheel_speed_rear_left": "WheelSpeedRearLeft",
    "wheel_speed_rear_right": "WheelSpeedRearRight",
}


class Esp(PowertrainEcu):
    """Brake-by-wire with one pressure for all wheels, lowered together when one of them is about to lock.

    The vehicle's speed comes from the plant: the observer that a real ESP estimates it with is not modelled.
    """

    node: ClassVar[str] = "ESP"

    BAR_PER_PERCENT = 1.6
    """Brake pressure, bar, per percent of pedal travel (VEH-016)."""
    STANDSTILL_KMH = 0.1
    """Below this the vehicle stands."""
    ABS_SLIP_PERCENT = 20.0
    """A wheel that slips more than this while braking is controlled (VEH-016)."""
    ABS_MIN_SPEED_KMH = 10.0
    """Above this only."""
    ABS_HOLD = 100 * ms
    """AbsActive stays so long after the last wheel came back."""
    ABS_RECOVERED_PERCENT = 12.0
    """Below this slip pressure builds up again."""
    ABS_RELEASE = 0.8
    """Factor on the pressure per tick while a wheel slips too much."""
    ABS_BUILD_BAR = 2.0
    """Pressure that comes back per tick, bar."""

    def start(self) -> None:
        super().start()
        self.demand_bar = 0.0
        self.pressure_bar = 0.0
        self.controlling = False
        self.abs_until = -1
        self.measure()
        self.report_motion()

    @on_message("Pedals")
    def follow_pedal(self, message: RxMessage) -> None:
        """VEH-016: the hydraulics get the new pressure at once, unless the anti-lock system holds it down."""
        self.demand_bar = message.values["BrakePedal"] * self.BAR_PER_PERCENT
        if not self.controlling or self.demand_bar < self.pressure_bar:
            self.drive_hydraulics(self.demand_bar)

    @every(10 * ms)
    def measure(self) -> None:
        """VEH-016: sense slip and pressure, control them."""
        plant = self.plant.values
        speed = abs(plant["vehicle_speed"])
        slip = self.largest_slip(speed)
        self.control_slip(speed, slip)
        self.show(BrakePressure=clamp(plant["brake_pressure"], 0.0, 250.0), WheelSlipMax=clamp(slip, 0.0, 100.0))

    @every(20 * ms)
    def report_motion(self) -> None:
        """VEH-015, VEH-016: speed, standstill, anti-lock control."""
        plant = self.plant.values
        speed = abs(plant["vehicle_speed"])
        self.show(
            VehicleSpeed=speed,
            LongitudinalAcceleration=clamp(plant["acceleration"], -20.0, 20.0),
            Standstill=int(self.standing(speed)),
            AbsActive=int(self.now < self.abs_until),
        )
        self.show(**{signal: min(abs(plant[role]), 400.0) for role, signal in _WHEEL_SPEEDS.items()})

    def standing(self, speed_kmh: float) -> bool:
        """Whether the vehicle stands."""
        return speed_kmh < self.STANDSTILL_KMH

    def largest_slip(self, speed_kmh: float) -> float:
        """Largest slip of a wheel that turns slower than the vehicle moves, %; 0 at standstill."""
        if speed_kmh < self.STANDSTILL_KMH:
            return 0.0
        plant = self.plant.values
        slowest = min([abs(plant[role]) for role in _WHEEL_SPEEDS])
        return max(0.0, round(100.0 * (1.0 - slowest / speed_kmh), 6))

    def abs_wanted(self, speed_kmh: float, slip_percent: float) -> bool:
        """VEH-016: a wheel slips too much while the driver brakes, and the vehicle is fast enough."""
        return self.demand_bar > 0.0 and slip_percent > self.ABS_SLIP_PERCENT and speed_kmh > self.ABS_MIN_SPEED_KMH

    def control_slip(self, speed_kmh: float, slip_percent: float) -> None:
        """Lower the pressure while a wheel slips too much, then build it up to what the driver asks for."""
        if self.abs_wanted(speed_kmh, slip_percent):
            self.controlling = True
            self.abs_until = self.now + int(self.ABS_HOLD)
            self.drive_hydraulics(self.pressure_bar * self.ABS_RELEASE)
        elif self.controlling and slip_percent < self.ABS_RECOVERED_PERCENT:
            self.drive_hydraulics(min(self.demand_bar, self.pressure_bar + self.ABS_BUILD_BAR))
            self.controlling = self.pressure_bar < self.demand_bar

    def drive_hydraulics(self, bar: float) -> None:
        """Ask the hydraulics for a pressure."""
        self.pressure_bar = bar
        self.actuate("brake_pressure_command", bar)
