"""The torque path of the VCU: accelerator map, limits, regenerative braking."""

from __future__ import annotations

from math import pi
from typing import ClassVar

from harness.units import ms
from simulators.governor import Governor
from simulators.powertrain import PowertrainEcu, clamp, fresh

BATTERY_CLOSED = 2
"""Value of ``BatteryState``."""


class TorquePath(PowertrainEcu):
    """From pedals to ``TorqueRequest``. Torques are magnitudes in the gear's direction until the very end.

    The states are those of :class:`simulators.vcu.Vcu`, which says which direction the gear has, and what is barred.
    """

    node: ClassVar[str] = "VCU"

    MAX_TORQUE_NM = 200.0
    """At full accelerator."""
    ACCELERATOR_RELEASED_PERCENT = 3.0
    """Up to here the accelerator asks for nothing (VEH-006), below it counts as released (VEH-007)."""
    FULL_DISCHARGE_A = 300.0
    """Discharge current of the battery that goes with full torque."""
    FULL_CHARGE_A = 150.0
    AUXILIARY_KW = 0.4
    """Power that the DC/DC converter needs."""
    DRAG_W_PER_RAD_S = 1.2
    """Power that turning the excited motor costs."""
    MOTOR_EFFICIENCY = 0.92
    """Mechanical power per remaining electric power."""
    TOP_SPEED_KMH = 150.0
    REVERSE_SPEED_KMH = 25.0
    LIMP_TORQUE_NM = 20.0
    """VEH-008"""
    LIMP_SPEED_KMH = 30.0
    """Not to be exceeded in Limp (VEH-008)."""
    LIMP_SPEED_MARGIN_KMH = 1.0
    """So much lower is what the governor aims at in Limp, as it overshoots."""
    MAX_REGEN_TORQUE_NM = 110.0
    LIFT_OFF_REGEN_NM = 80.0
    """Regenerative torque with both pedals released."""
    BRAKE_REGEN_NM_PER_PERCENT = 2.0
    """Regenerative torque that the brake pedal adds."""
    REGEN_MIN_SPEED_KMH = 5.0
    """No regenerative torque below (VEH-017)."""
    REGEN_FADE_KMH = 5.0
    """It comes back linearly over so many km/h above."""
    REGEN_LOOK_AHEAD_S = 0.08
    """How old a speed is when the torque made with it is on the bus again."""
    REGEN_MAX_SLIP_PERCENT = 15.0
    """None while a wheel slips more or the anti-lock system works: it could not let go of the brake."""
    REGEN_MAX_SOC_PERCENT = 95.0
    """None above (VEH-017)."""
    GEAR_RATIO = 9.0
    WHEEL_RADIUS_M = 0.305
    MASS_KG = 1350.0
    BATTERY_TIMEOUT = 55 * ms
    INVERTER_TIMEOUT = 110 * ms
    SPEED_TIMEOUT = 110 * ms
    TICK_S = 0.01

    def start(self) -> None:
        super().start()
        self.governor = Governor()
        self.speed_limit_nm = 0.0
        self.recent_limits = (0.0, 0.0)
        self.accelerator = 0.0
        self.brake = 0.0
        self.brake_override = False
        self.battery_limits = self.rx("BatteryLimits")
        self.motor_limits = self.rx("MotorLimits")
        self.vehicle_speed = self.rx("VehicleSpeed")

    # -- what the state machine says -------------------------------------------------------------------------------

    def direction(self) -> int:
        """1 forward, -1 backward, 0 when no torque is allowed at all."""
        raise NotImplementedError

    def limping(self) -> bool:
        """Whether limp-home limits hold."""
        raise NotImplementedError

    def run_down(self) -> float:
        """Part of the torque that key-off while driving has left, 1 to 0 (VEH-003)."""
        raise NotImplementedError

    # -- what is sensed --------------------------------------------------------------------------------------------

    @property
    def speed_kmh(self) -> float:
        """Vehicle speed, km/h, without sign; from the motor when ESP is silent."""
        if fresh(self.vehicle_speed, self.SPEED_TIMEOUT):
            return self.get("VehicleSpeed", 0.0)
        return self.motor_rad_s / self.GEAR_RATIO * self.WHEEL_RADIUS_M * 3.6

    @property
    def motor_rad_s(self) -> float:
        """Motor speed, rad/s, without sign."""
        return abs(self.get("MotorSpeed", 0.0)) * pi / 30.0

    def standing(self) -> bool:
        """Whether the vehicle stands."""
        if fresh(self.vehicle_speed, self.SPEED_TIMEOUT):
            return bool(self.get("Standstill", 0))
        return self.get("MotorSpeed") == 0

    # -- limits ----------------------------------------------------------------------------------------------------

    def inverter_limit(self) -> float:
        """VEH-006: what the inverter allows, Nm; 0 when it is silent."""
        return self.get("MotorTorqueLimit", 0.0) if fresh(self.motor_limits, self.INVERTER_TIMEOUT) else 0.0

    def battery_closed(self) -> bool:
        """Whether the battery feeds the DC link."""
        return self.get("BatteryState") == BATTERY_CLOSED

    def battery_limit(self) -> float:
        """VEH-006, VEH-010: what the battery allows, Nm: its current in proportion, its power at the motor's speed."""
        if not fresh(self.battery_limits, self.BATTERY_TIMEOUT) or not self.battery_closed():
            return 0.0
        by_current = self.MAX_TORQUE_NM * self.get("DischargeCurrentLimit", 0.0) / self.FULL_DISCHARGE_A
        speed = self.motor_rad_s
        kilowatt = self.get("DischargePowerLimit", 0.0) - self.AUXILIARY_KW - self.compressor_reserve_kw()
        watt = (kilowatt * 1000.0 - self.DRAG_W_PER_RAD_S * speed) * self.MOTOR_EFFICIENCY
        return max(0.0, min(by_current, watt / speed) if speed > 1.0 else by_current)

    def compressor_reserve_kw(self) -> float:
        """Battery power that the climate compressor uses, kW."""
        raise NotImplementedError

    def target_speed(self) -> float:
        """Speed, km/h, that must not be exceeded: VEH-018, VEH-008, and what the vehicle is built for."""
        target = self.TOP_SPEED_KMH if self.direction() >= 0 else self.REVERSE_SPEED_KMH
        if self.get("SpeedLimiterSwitchPowertrain", 0):
            target = min(target, self.get("SpeedLimitPowertrain", target))
        return min(target, self.LIMP_SPEED_KMH - self.LIMP_SPEED_MARGIN_KMH) if self.limping() else target

    def govern(self) -> None:
        """VEH-018: work out the limit by speed, every tick."""
        self.speed_limit_nm = self.governor.limit(self.speed_kmh, self.target_speed(), self.TICK_S)

    def speed_limit(self) -> float:
        """VEH-006, VEH-008, VEH-018: what the speed allows, Nm; negative when the vehicle is too fast."""
        return min(self.speed_limit_nm, self.LIMP_TORQUE_NM) if self.limping() else self.speed_limit_nm

    def regen_limit(self) -> float:
        """VEH-017: largest regenerative torque, Nm, as a positive number."""
        known = fresh(self.motor_limits, self.INVERTER_TIMEOUT) and fresh(self.battery_limits, self.BATTERY_TIMEOUT)
        if not known or self.battery_full() or self.wheels_slip():
            return 0.0
        current = self.get("ChargeCurrentLimit", 0.0)
        by_current = self.MAX_REGEN_TORQUE_NM * current / self.FULL_CHARGE_A
        power = current * self.get("PackVoltage", 0.0)
        speed = self.motor_rad_s
        battery = min(by_current, power / speed) if speed > 1.0 else by_current
        limit = min(battery, self.get("MotorRegenLimit", 0.0)) * self.regen_by_speed()
        return min(limit, self.LIMP_TORQUE_NM) if self.limping() else limit

    def regen_by_speed(self) -> float:
        """VEH-017: 0 below 5 km/h, looking ahead while the vehicle slows down."""
        slowing = min(0.0, self.get("LongitudinalAcceleration", 0.0) * (1 if self.get("MotorSpeed", 0) >= 0 else -1))
        speed = self.speed_kmh + slowing * self.REGEN_LOOK_AHEAD_S * 3.6
        return clamp((speed - self.REGEN_MIN_SPEED_KMH) / self.REGEN_FADE_KMH, 0.0, 1.0)

    def battery_full(self) -> bool:
        """VEH-017: above 95 % state of charge."""
        return self.get("StateOfCharge", 100.0) > self.REGEN_MAX_SOC_PERCENT

    def wheels_slip(self) -> bool:
        """Whether ESP needs all brakes for itself."""
        return bool(self.get("AbsActive", 0)) or self.get("WheelSlipMax", 0.0) > self.REGEN_MAX_SLIP_PERCENT

    # -- torque ----------------------------------------------------------------------------------------------------

    def accelerator_map(self, percent: float) -> float:
        """VEH-006: torque, Nm, for a pedal travel: 0 up to 3 %, then linear to 200 Nm at 100 %."""
        travel = (percent - self.ACCELERATOR_RELEASED_PERCENT) / (100.0 - self.ACCELERATOR_RELEASED_PERCENT)
        return self.MAX_TORQUE_NM * max(0.0, travel)

    def drive_torque(self, driver: float, limit: float) -> float:
        """VEH-006, VEH-007: what is left of the driver's torque, Nm."""
        return 0.0 if self.brake_override else min(driver, max(0.0, limit))

    def regen_torque(self, limit: float) -> float:
        """Wanted regenerative torque, Nm, as a positive number: pedals released, brake pressed, or too fast."""
        if self.brake_override:
            return 0.0
        wanted = max(0.0, -self.speed_limit())
        released = 1.0 - self.accelerator / self.ACCELERATOR_RELEASED_PERCENT
        if released > 0.0:
            pedals = self.LIFT_OFF_REGEN_NM * released + self.BRAKE_REGEN_NM_PER_PERCENT * self.brake
            wanted = max(wanted, pedals)
        return min(wanted, limit)

    def limit_of_request(self, limit: float) -> float:
        """VEH-006: a rising limit is used two ticks after ``TorqueLimits`` had it, a falling one at once."""
        return min(limit, *self.recent_limits)

    def update_torque(self) -> None:
        """VEH-006, VEH-014, VEH-017: work out the request and its limits."""
        inverter, battery, speed = self.inverter_limit(), self.battery_limit(), max(0.0, self.speed_limit())
        self.torque_limit = limit = min(inverter, battery, speed)
        regen_limit = self.regen_limit()
        direction = self.direction()
        driver = self.accelerator_map(self.accelerator) if direction else 0.0
        share = self.run_down()
        drive = self.drive_torque(driver, self.limit_of_request(limit)) * share
        regen = self.regen_torque(regen_limit) * share if direction and not drive else 0.0
        backward = self.get("MotorSpeed", 0.0) < 0
        self.show(
            TorqueRequest=round(direction * drive + (regen if backward else -regen), 1),
            DriverTorque=round(direction * driver, 1),
        )
        self.show(
            InverterTorqueLimit=round(inverter, 1),
            BatteryTorqueLimit=round(battery, 1),
            SpeedTorqueLimit=round(min(speed, 400.0), 1),
            TorqueLimit=round(min(limit, 400.0), 1),
            RegenTorqueLimit=round(regen_limit, 1),
        )
        self.show(
            RegenDeceleration=regen * self.GEAR_RATIO / self.WHEEL_RADIUS_M / self.MASS_KG,
        )

    def remember_limits(self) -> None:
        """Keep the limits of the last two ticks for :meth:`limit_of_request`."""
        self.recent_limits = (self.torque_limit, self.recent_limits[0])
