"""INV: inverter and motor. Torque request in; torque, limits, DC link, temperatures out; discharges the DC link."""

from __future__ import annotations

from math import pi
from typing import ClassVar

from harness.ecu import RxMessage, StateMachine, every, on_message
from harness.units import ms, s
from simulators.powertrain import PowertrainEcu, clamp, fresh

STATES = {"Off": 0, "Standby": 1, "Running": 2, "Derating": 3, "Fault": 4}
CLOSED = 1
CLOSE = 1


class Inv(PowertrainEcu):
    """States: *Off* without high voltage, *Standby* with it, *Running* and *Derating* when enabled, *Fault* after a
    failed discharge."""

    node: ClassVar[str] = "INV"

    MAX_TORQUE_NM = 200.0
    MAX_POWER_W = 85_000.0
    MAX_REGEN_TORQUE_NM = 150.0
    MAX_REGEN_POWER_W = 60_000.0
    INVERTER_DERATING_DEGC = (85.0, 105.0)
    """Full torque up to the first, none from the second."""
    MOTOR_DERATING_DEGC = (140.0, 165.0)
    RUN_LINK_V = 200.0
    """DC link that switching needs."""
    SAFE_LINK_V = 50.0
    """The DC link is discharged below this (VEH-003 asks for less than 60 V)."""
    REQUEST_TIMEOUT = 55 * ms
    """Without a valid torque request for so long the motor gets no torque."""
    DISCHARGE_TIMEOUT = 10 * s
    """The discharge resistor is switched off after so long, lest it burn, and the state is Fault."""

    def start(self) -> None:
        super().start()
        self.machine = StateMachine(self, "Off", states=tuple(STATES))
        self.request = self.rx("TorqueRequest")
        self.discharging_since: int | None = None
        self.discharge_failed = False
        self.plant["active_discharge"] = 0
        self.plant["motor_torque_command"] = 0
        self.measure()
        self.report_limits()

    def power_off(self) -> None:
        """An inverter without supply does not switch."""
        super().power_off()
        self.plant["motor_torque_command"] = 0
        self.plant["active_discharge"] = 0

    @on_message("TorqueRequest")
    def follow_request(self, message: RxMessage) -> None:
        """VEH-006, VEH-014: a new request works at once."""
        self.apply_torque()

    @on_message("BatteryStatus")
    def follow_contactors(self, message: RxMessage) -> None:
        """VEH-003: discharge as soon as the battery is off the DC link."""
        self.discharge()

    @every(10 * ms)
    def measure(self) -> None:
        """Sense, protect itself, report."""
        self.discharge()
        self.machine_step()
        self.apply_torque()
        plant = self.plant.values
        self.show(
            MotorSpeed=round(clamp(plant["motor_speed"], -16000, 16000)),
            DcLinkVoltage=clamp(plant["dc_link_voltage"], 0.0, 600.0),
            InverterState=STATES[self.machine.state],
        )

    @every(20 * ms)
    def report_limits(self) -> None:
        """VEH-006: what is allowed, and the temperatures."""
        plant = self.plant.values
        self.show(
            MotorTorqueLimit=round(self.torque_limit(), 1),
            MotorRegenLimit=round(self.regen_limit(), 1),
            MotorTemperature=round(clamp(plant["motor_temperature"], -40, 215)),
            InverterTemperature=round(clamp(plant["inverter_temperature"], -40, 215)),
        )

    # -- torque ----------------------------------------------------------------------------------------------------

    def apply_torque(self) -> None:
        """Regulate to the request within the own limits, and report what the motor makes."""
        self.actuate("motor_torque_command", self.permitted_torque() if self.enabled() else 0.0)
        self.show(MotorTorque=clamp(self.plant.values["motor_torque"], -400.0, 400.0))

    def permitted_torque(self) -> float:
        """The requested torque, Nm, cut to what the inverter allows in driving and in braking."""
        request = self.get("TorqueRequest", 0.0)
        braking = request * self.plant.values["motor_speed"] < 0.0
        limit = self.regen_limit() if braking else self.torque_limit()
        return clamp(request, -limit, limit)

    def enabled(self) -> bool:
        """Whether the inverter may switch: enabled by a fresh request, and fed."""
        fed = self.plant.values["dc_link_voltage"] >= self.RUN_LINK_V
        return fed and fresh(self.request, self.REQUEST_TIMEOUT) and bool(self.get("InverterEnable", 0))

    def derating(self) -> float:
        """Part of the full torque that the temperatures allow, 0 to 1."""
        plant = self.plant.values
        return min(
            _falling(plant["inverter_temperature"], *self.INVERTER_DERATING_DEGC),
            _falling(plant["motor_temperature"], *self.MOTOR_DERATING_DEGC),
        )

    def torque_limit(self) -> float:
        """Largest drive torque, Nm (VEH-006)."""
        return self._capped(self.MAX_TORQUE_NM, self.MAX_POWER_W) * self.derating()

    def regen_limit(self) -> float:
        """Largest regenerative torque, Nm, as a positive number."""
        return self._capped(self.MAX_REGEN_TORQUE_NM, self.MAX_REGEN_POWER_W) * self.derating()

    def _capped(self, torque: float, power: float) -> float:
        speed = abs(self.plant.values["motor_speed"]) * pi / 30.0
        return torque if torque * speed <= power else power / speed

    # -- states and discharge --------------------------------------------------------------------------------------

    def machine_step(self) -> None:
        """Go to the state that voltage, enable and temperatures give."""
        if self.discharge_failed:
            state = "Fault"
        elif self.enabled():
            state = "Derating" if self.derating() < 1.0 else "Running"
        else:
            state = "Standby" if self.plant.values["dc_link_voltage"] >= self.RUN_LINK_V else "Off"
        if state != self.machine.state:
            self.machine.to(state)

    def battery_connected(self) -> bool:
        """Whether the battery feeds the DC link, through the positive or the precharge contactor."""
        feeding = self.get("ContactorPositive") == CLOSED or self.get("ContactorPrecharge") == CLOSED
        return self.get("ContactorNegative") == CLOSED and feeding

    def discharge_wanted(self) -> bool:
        """VEH-003: VCU wants no high voltage (or is silent), and the battery is off the DC link."""
        wanted = fresh(self.request, self.REQUEST_TIMEOUT) and self.get("ContactorRequest") == CLOSE
        return not wanted and not self.battery_connected()

    def discharge(self) -> None:
        """Switch the discharge resistor; give up when the voltage does not fall."""
        if not self.discharge_wanted() or self.plant.values["dc_link_voltage"] < self.SAFE_LINK_V:
            self.discharging_since = None
            self.discharge_failed = self.discharge_failed and self.discharge_wanted()
        elif self.discharging_since is None:
            self.discharging_since = self.now
        elif self.now - self.discharging_since > self.DISCHARGE_TIMEOUT:
            self.discharge_failed = True
        self.actuate("active_discharge", int(self.discharging_since is not None and not self.discharge_failed))


def _falling(value: float, full: float, none: float) -> float:
    """1 up to ``full``, 0 from ``none``, linear between."""
    return clamp((none - value) / (none - full), 0.0, 1.0)
