"""BMS: contactors and precharge, state of charge, cell supervision, isolation monitor, limits."""

from __future__ import annotations

from typing import ClassVar

from harness.ecu import StateMachine, every, on_signal
from harness.loop import Timer
from harness.units import Duration, ms, s
from simulators.cell_data import CAPACITY_AH, CELLS, state_of_charge
from simulators.powertrain import CRASH, KEY_INVALID, KEY_ON, PowertrainEcu, clamp, fresh

STATES = {"Open": 0, "Precharge": 1, "Closed": 2, "Fault": 3}
NONE, PRECHARGE_TIMEOUT, CRASHED, ISOLATION_LOW, OVERVOLTAGE, UNDERVOLTAGE, OVERTEMPERATURE, CONTACTOR, VCU_MISSING = (
    range(9)
)
"""Values of ``BatteryFault``."""
UNDER, OVER = 1, 2
"""Values of ``CellVoltageWarning``."""


class Bms(PowertrainEcu):
    """States: *Open*; *Precharge* from the precharge contactor's command until the positive contactor is closed;
    *Closed*; *Fault*, left by key-off only. Contactors close when VCU asks, and open when VCU asks or by its own rules.
    """

    node: ClassVar[str] = "BMS"

    TICK = 10 * ms
    PRECHARGED = 0.95
    """Part of the pack voltage at which the positive contactor may close (VEH-001, VEH-002)."""
    PRECHARGE_TIMEOUT = 800 * ms
    """From the instant at which the precharge contactor is closed (VEH-002)."""
    CONTACTOR_CLOSE_TIME = 20 * ms
    CONTACTOR_OPEN_TIME = 10 * ms
    CONTACTOR_TIMEOUT = 100 * ms
    """A contactor that has not moved by then is faulty."""
    FULL_DISCHARGE_A = 300.0
    FULL_CHARGE_A = 150.0
    DERATING_START_DEGC = 45.0
    """Up to here the full current is allowed (VEH-010)."""
    DERATING_END_DEGC = 60.0
    """From here on none is (VEH-010)."""
    OVERTEMPERATURE_DEGC = 80.0
    """Above this for OVERTEMPERATURE_TIME the contactors open."""
    OVERTEMPERATURE_TIME = 3 * s
    CELL_MAX_V = 4.25
    CELL_MIN_V = 2.8
    CELL_TIME = 500 * ms
    """How long a cell voltage may be out of its limits (VEH-012)."""
    CELL_RAMP_TIME = 2 * s
    """From the warning until no current is allowed any more (VEH-012)."""
    CELL_OPEN_TIME = 3 * s
    """From the warning until the contactors open (VEH-012)."""
    ISOLATION_MIN_OHM_PER_V = 100.0
    ISOLATION_OPEN_DELAY = 50 * ms
    """At standstill, from the warning until the contactors open (VEH-011)."""
    CHARGE_MAX_SOC_PERCENT = 95.0
    """Above this no charge current is allowed, so no regenerative torque (VEH-017)."""
    EMPTY_SOC_PERCENT = 3.0
    """Below this the discharge current falls linearly to 0 at 0 %."""
    PACK_RESISTANCE_OHM = 0.09
    """By the cell's data sheet, to tell the voltage at rest from the one under load."""
    VCU_TIMEOUT = 1 * s
    """Without a valid torque request for so long the contactors open at standstill."""
    SPEED_TIMEOUT = 110 * ms
    """Without a valid vehicle speed for so long the motor's speed tells whether the vehicle stands."""
    PLAUSIBLE_SOC_PERCENT = 10.0
    """When the counted charge is further off from what the voltage says, the voltage is believed."""

    def start(self) -> None:
        super().start()
        self.machine = StateMachine(self, "Open", states=tuple(STATES))
        self.request = self.rx("TorqueRequest")
        self.speed = self.rx("VehicleSpeed")
        self.fault = NONE
        self.key_on = False
        self.isolation_warning = False
        self.isolation_since = 0
        self.cell_warning = 0
        self.cell_out_since: int | None = None
        self.cell_warned_at = 0
        self.cell_timer: Timer | None = None
        self.hot_since: int | None = None
        self.cell_page = 0
        self.drive(negative=0, precharge=0, positive=0)
        self.charge_percent = self.nvm.get("state_of_charge", self.charge_by_voltage())
        self.nvm.setdefault("charge_taken_ah", 0.0)
        self.measure()

    def power_off(self) -> None:
        """Coils without supply let go of their contactors."""
        super().power_off()
        for contactor in ("negative", "precharge", "positive"):
            self.plant[f"contactor_{contactor}_command"] = 0

    # -- contactors ------------------------------------------------------------------------------------------------

    @on_signal("ContactorRequest")
    def follow_request(self, value: float, previous: float | None) -> None:
        """VEH-001, VEH-003: VCU wants the contactors closed or open."""
        if not value:
            if self.machine.state in ("Precharge", "Closed"):
                self.machine.to("Open")
            self.open_contactors()
        else:
            self.begin_closing()

    @on_signal("CrashDetected")
    def follow_crash(self, value: float, previous: float | None) -> None:
        """VEH-003: a crash opens the contactors at any speed."""
        if value == CRASH:
            self.fail(CRASHED)

    @on_signal("KeyPositionPowertrain")
    def follow_key(self, value: float, previous: float | None) -> None:
        """Key-off ends a fault; the next key-on finds out whether its cause is gone."""
        if value != KEY_INVALID:
            self.key_on = value == KEY_ON
            if not self.key_on:
                self.forget_fault()

    def begin_closing(self) -> None:
        """VEH-001: negative contactor first; not with a cause to keep them open, nor while they still move."""
        if self.machine.state != "Open" or not self.get("ContactorRequest", 0):
            return
        moving = self.driven_at + int(self.CONTACTOR_CLOSE_TIME) - self.now
        if moving > 0:
            self.machine.after(Duration(moving), self.begin_closing)
        elif obstacle := self.obstacle():
            self.fail(obstacle)
        else:
            self.drive(negative=1, precharge=0, positive=0)
            self.machine.after(self.CONTACTOR_TIMEOUT, self.check_closed)

    def obstacle(self) -> int:
        """The fault that forbids closing, or NONE."""
        if self.get("CrashDetected") == CRASH:
            return CRASHED
        if self.isolation_warning:
            return ISOLATION_LOW
        if self.cell_warning:
            return OVERVOLTAGE if self.cell_warning == OVER else UNDERVOLTAGE
        welded = self.plant.values["contactor_positive"] and not self.plant.values["contactor_positive_command"]
        return CONTACTOR if welded else NONE

    def check_closed(self) -> None:
        """A contactor did not close in time."""
        last = {"Open": "contactor_negative_command", "Precharge": "contactor_positive_command"}
        command = last.get(self.machine.state)
        if command and self.plant.values[command]:
            self.fail(CONTACTOR)

    def begin_precharge(self) -> None:
        """VEH-001: the negative contactor is closed; charge the DC link through the resistor."""
        self.drive(negative=1, precharge=1, positive=0)
        self.machine.to("Precharge")
        self.machine.after(self.CONTACTOR_CLOSE_TIME + self.PRECHARGE_TIMEOUT, self.check_precharge)

    def precharged(self) -> bool:
        """VEH-001: the DC link is within 5 % of pack voltage."""
        plant = self.plant.values
        return plant["dc_link_voltage"] >= self.PRECHARGED * plant["pack_voltage"]

    def check_precharge(self) -> None:
        """VEH-002: it is not, although it should be by now."""
        if not self.plant.values["contactor_positive_command"] and not self.precharged():
            self.fail(PRECHARGE_TIMEOUT)

    def close_positive(self) -> None:
        """VEH-001: bridge the precharge resistor."""
        self.drive(negative=1, precharge=1, positive=1)
        self.machine.after(self.CONTACTOR_TIMEOUT, self.check_closed)

    def finish_closing(self) -> None:
        """VEH-001: the positive contactor is closed; the precharge contactor has done its work."""
        self.drive(negative=1, precharge=0, positive=1)
        self.machine.to("Closed")

    def move_contactors(self) -> None:
        """Go on with the sequence as soon as the contactors have moved and the DC link is charged."""
        plant = self.plant.values
        if self.machine.state == "Open":
            if plant["contactor_negative_command"] and plant["contactor_negative"]:
                self.begin_precharge()
        elif self.machine.state == "Precharge":
            if not plant["contactor_positive_command"]:
                if plant["contactor_precharge"] and self.precharged():
                    self.close_positive()
            elif plant["contactor_positive"]:
                self.finish_closing()

    def open_contactors(self) -> None:
        """Open all of them."""
        self.drive(negative=0, precharge=0, positive=0)

    def drive(self, *, negative: int, precharge: int, positive: int) -> None:
        """Feed the coils, and look again when the contactors have moved."""
        self.plant["contactor_negative_command"] = negative
        self.plant["contactor_precharge_command"] = precharge
        self.plant["contactor_positive_command"] = positive
        self.driven_at = self.now
        self.after(self.CONTACTOR_OPEN_TIME, self.report_contactors)
        self.after(self.CONTACTOR_CLOSE_TIME, self.report_contactors)

    def fail(self, fault: int) -> None:
        """Open the contactors, and keep them open until key-off; the first fault stays."""
        self.open_contactors()
        if self.machine.state != "Fault":
            self.fault = fault
            self.machine.to("Fault")
            self.report_contactors()

    def forget_fault(self) -> None:
        """Key-off: back to Open; latched warnings whose cause is gone end as well."""
        if self.machine.state == "Fault":
            self.fault = NONE
            self.machine.to("Open")
        self.cell_warning = 0
        self.isolation_warning = False
        if self.cell_timer is not None:
            self.cell_timer.cancel()

    # -- supervision -----------------------------------------------------------------------------------------------

    @every(TICK)
    def measure(self) -> None:
        """Sense, supervise, report, ten milliseconds apart."""
        self.move_contactors()
        self.count_charge()
        self.supervise_isolation()
        self.supervise_cells()
        self.supervise_temperature()
        self.supervise_vcu()
        self.report_contactors()
        self.report_limits()

    def standing(self) -> bool:
        """Whether the vehicle stands: as ESP says, or the motor when ESP is silent."""
        if fresh(self.speed, self.SPEED_TIMEOUT):
            return bool(self.get("Standstill", 0))
        return self.get("MotorSpeed") == 0

    def closing_or_closed(self) -> bool:
        """Whether a contactor is, or is about to be, closed."""
        return bool(self.plant.values["contactor_negative_command"])

    def supervise_isolation(self) -> None:
        """VEH-011: warn at once, latched while the key is on; open at standstill."""
        low = self.plant.values["isolation_resistance"] < self.ISOLATION_MIN_OHM_PER_V
        if low and not self.isolation_warning:
            self.isolation_warning = True
            self.isolation_since = self.now
        elif not low and not self.key_on:
            self.isolation_warning = False
        waited = self.now - self.isolation_since >= self.ISOLATION_OPEN_DELAY
        if self.isolation_warning and waited and self.closing_or_closed() and self.standing():
            self.fail(ISOLATION_LOW)

    def cell_out_of_limits(self) -> int:
        """OVER, UNDER or 0 for the voltages of this instant (VEH-012)."""
        plant = self.plant.values
        if plant["cell_voltage_max"] > self.CELL_MAX_V:
            return OVER
        return UNDER if plant["cell_voltage_min"] < self.CELL_MIN_V else 0

    def supervise_cells(self) -> None:
        """VEH-012: warn after 500 ms, ramp down, open 3 s after the warning."""
        out = self.cell_out_of_limits()
        if not out:
            self.cell_out_since = None
        elif self.cell_out_since is None:
            self.cell_out_since = self.now
        elif not self.cell_warning and self.now - self.cell_out_since >= self.CELL_TIME:
            self.cell_warning = out
            self.cell_warned_at = self.now
            self.cell_timer = self.after(self.CELL_OPEN_TIME, self.open_for_cells)

    def open_for_cells(self) -> None:
        """VEH-012: the time that the driver had is over."""
        if self.cell_warning and self.closing_or_closed():
            self.fail(OVERVOLTAGE if self.cell_warning == OVER else UNDERVOLTAGE)

    def supervise_temperature(self) -> None:
        """A cell far too hot for long opens the contactors."""
        if self.plant.values["cell_temperature"] <= self.OVERTEMPERATURE_DEGC:
            self.hot_since = None
        elif self.hot_since is None:
            self.hot_since = self.now
        elif self.now - self.hot_since >= self.OVERTEMPERATURE_TIME and self.closing_or_closed():
            self.fail(OVERTEMPERATURE)

    def supervise_vcu(self) -> None:
        """Without VCU nobody can ask for open contactors: open them at standstill."""
        if self.closing_or_closed() and not fresh(self.request, self.VCU_TIMEOUT) and self.standing():
            self.fail(VCU_MISSING)

    # -- charge ----------------------------------------------------------------------------------------------------

    def charge_by_voltage(self) -> float:
        """State of charge, %, from pack voltage and current by the cell's data sheet and resistance."""
        plant = self.plant.values
        rest = plant["pack_voltage"] + plant["pack_current"] * self.PACK_RESISTANCE_OHM
        return round(state_of_charge(rest / CELLS), 2)

    def count_charge(self) -> None:
        """VEH-013: integrate the current; at rest, or when the count is far off, take the voltage's word."""
        current = self.plant.values["pack_current"]
        hours = int(self.TICK) / 3.6e12
        self.nvm["charge_taken_ah"] += current * hours
        self.charge_percent -= 100.0 * current * hours / CAPACITY_AH
        by_voltage = self.charge_by_voltage()
        resting = current == 0.0 and not self.closing_or_closed()
        if resting or abs(by_voltage - self.charge_percent) > self.PLAUSIBLE_SOC_PERCENT:
            self.charge_percent = by_voltage
        self.charge_percent = clamp(self.charge_percent, 0.0, 100.0)
        self.nvm["state_of_charge"] = self.charge_percent

    # -- what is allowed -------------------------------------------------------------------------------------------

    def derating(self) -> float:
        """VEH-010: part of the full current that the hottest cell allows, 0 to 1."""
        hottest = self.plant.values["cell_temperature"]
        return clamp((self.DERATING_END_DEGC - hottest) / (self.DERATING_END_DEGC - self.DERATING_START_DEGC), 0.0, 1.0)

    def cell_ramp(self) -> float:
        """VEH-012: falls from 1 to 0 after a cell warning."""
        if not self.cell_warning:
            return 1.0
        return clamp(1.0 - (self.now - self.cell_warned_at) / int(self.CELL_RAMP_TIME), 0.0, 1.0)

    def discharge_limit(self) -> float:
        """Largest discharge current, A."""
        empty = clamp(self.charge_percent / self.EMPTY_SOC_PERCENT, 0.0, 1.0)
        return self.FULL_DISCHARGE_A * min(self.derating(), empty) * self.cell_ramp()

    def charge_limit(self) -> float:
        """Largest charge current, A; none in a full battery (VEH-017)."""
        if self.charge_percent > self.CHARGE_MAX_SOC_PERCENT:
            return 0.0
        return self.FULL_CHARGE_A * self.derating() * self.cell_ramp()

    # -- reports ---------------------------------------------------------------------------------------------------

    def report_contactors(self) -> None:
        """Voltage, current, contactors, state."""
        plant = self.plant.values
        self.show(
            PackVoltage=round(clamp(plant["pack_voltage"], 0.0, 600.0), 1),
            PackCurrent=round(clamp(plant["pack_current"], -600.0, 600.0), 1),
            ContactorNegative=int(plant["contactor_negative"]),
            ContactorPrecharge=int(plant["contactor_precharge"]),
            ContactorPositive=int(plant["contactor_positive"]),
            BatteryState=STATES[self.machine.state],
            BatteryFault=self.fault,
        )

    def report_limits(self) -> None:
        """VEH-010, VEH-011, VEH-012: limits and warnings."""
        plant = self.plant.values
        discharge = self.discharge_limit()
        derating = self.derating()
        self.show(
            DischargeCurrentLimit=discharge,
            ChargeCurrentLimit=self.charge_limit(),
            DischargePowerLimit=round(clamp(discharge * plant["pack_voltage"] / 1000.0, 0.0, 200.0), 1),
            DeratingFactor=100.0 * derating,
        )
        isolation = plant["isolation_resistance"] * plant["pack_voltage"] / 1000.0
        self.show(
            IsolationWarning=int(self.isolation_warning),
            CellVoltageWarning=self.cell_warning,
            TemperatureWarning=int(derating == 0.0),
            DeratingActive=int(derating < 1.0),
            IsolationResistance=round(clamp(isolation, 0.0, 6553.5), 1),
        )

    @every(100 * ms)
    def report_charge(self) -> None:
        """VEH-013, and the extremes over all cells."""
        plant = self.plant.values
        energy = self.charge_percent / 100.0 * CAPACITY_AH * plant["pack_voltage"] / 1000.0
        self.set(
            StateOfCharge=self.charge_percent,
            RemainingEnergy=clamp(energy, 0.0, 80.0),
            ChargeCounter=clamp(self.nvm["charge_taken_ah"], -1e6, 1e6),
            CellVoltageMin=plant["cell_voltage_min"],
            CellVoltageMax=plant["cell_voltage_max"],
            CellTemperatureMin=plant["cell_temperature_min"],
            CellTemperatureMax=plant["cell_temperature"],
            HighestCell=plant["cell_highest"],
            LowestCell=plant["cell_lowest"],
        )

    @every(50 * ms)
    def report_cells(self) -> None:
        """Four cells a frame, page after page."""
        first = 4 * self.cell_page + 1
        cells = {f"CellVoltage{cell:02}": self.plant[f"cell_voltage_{cell}"] for cell in range(first, first + 4)}
        self.set(CellPage=self.cell_page, **cells)
        self.cell_page = (self.cell_page + 1) % (CELLS // 4)
