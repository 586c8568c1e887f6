"""VCU: drive state machine, gear selection, supervision of pedals and partners, fault memory."""

from __future__ import annotations

from harness.ecu import RxMessage, StateMachine, every, on_message, on_protection_error, on_signal
from harness.units import Duration, ms, s
from simulators.powertrain import CRASH, KEY_INVALID, KEY_ON, clamp, fresh
from simulators.vcu_torque import TorquePath

STATES = {"Off": 0, "Precharge": 1, "Ready": 2, "Drive": 3, "Limp": 4, "Fault": 5}
P, R, N, D = 1, 2, 3, 4
INVALID = 7
"""Value of ``GearRequest``."""
NO_REASON, NOT_READY, NOT_STANDSTILL, BRAKE_NOT_PRESSED, SPEED_TOO_HIGH, LEVER_INVALID = range(6)
"""Values of ``GearRefusedReason``."""
(NO_FAULT, PRECHARGE_TIMEOUT, CRASHED, ISOLATION_LOW, CELL_OVERVOLTAGE, CELL_UNDERVOLTAGE, PEDAL_MISSING, PEDAL_CORRUPT,
 BATTERY_MISSING, INVERTER_MISSING, SPEED_MISSING, CONTACTOR_FAULT, OVERTEMPERATURE) = range(13)  # fmt: skip
"""Values of ``FaultCode``."""
BATTERY_FAULT = 3
"""Value of ``BatteryState``."""
FAULT_OF_BATTERY = {
    1: PRECHARGE_TIMEOUT, 2: CRASHED, 3: ISOLATION_LOW, 4: CELL_OVERVOLTAGE, 5: CELL_UNDERVOLTAGE,
    6: OVERTEMPERATURE, 7: CONTACTOR_FAULT, 8: CONTACTOR_FAULT,
}  # fmt: skip
"""FaultCode by ``BatteryFault``."""
SLOTS = 4


class Vcu(TorquePath):
    """States: *Off* -> *Precharge* (key on) -> *Ready* (contactors closed) <-> *Drive* (gear D or R); *Limp* when the
    pedals cannot be trusted, *Fault* when the battery is off or must go off. All end with key-off: at once up to
    3 km/h, else at standstill, with torque ramped down."""

    KEY_OFF_SPEED_KMH = 3.0
    """Up to here key-off opens the contactors at once (VEH-003)."""
    RUN_DOWN_TIME = 800 * ms
    """Until torque is 0 after key-off above that speed (VEH-003)."""
    GEAR_BRAKE_PERCENT = 5.0
    """Drive needs more brake than this (VEH-004)."""
    REVERSE_MAX_KMH = 3.0
    """Reverse below this only (VEH-005)."""
    OVERRIDE_PERCENT = 10.0
    """Brake and accelerator pressed further than this at the same time ... (VEH-007)"""
    OVERRIDE_TIME = 100 * ms
    """... for so long take the torque away (VEH-007)."""
    PEDAL_TIMEOUT = 55 * ms
    """Five cycles of ``Pedals`` and some jitter (VEH-008)."""
    PEDAL_ERRORS = 3
    """So many wrong ones running (VEH-008)."""
    PEDAL_GRACE = 60 * ms
    """After key-on the first one may come so late."""
    PARTNER_TIMEOUT = 1 * s
    """Battery, inverter or speed silent for so long is a fault; a bus-off (VEH-063) is over earlier."""
    COMPRESSOR_MIN_DERATING_PERCENT = 30.0
    """Below this the compressor is refused (VEH-052)."""
    COMPRESSOR_MAX_KW = 5.0
    CONVERTER_MIN_A = 3.0
    """The DC/DC converter works when the battery allows more than this."""

    def start(self) -> None:
        super().start()
        self.machine = StateMachine(self, "Off", states=tuple(STATES))
        self.engage(P)
        self.reason = NO_REASON
        self.fault = NO_FAULT
        self.key_on = False
        self.run_down_since: int | None = None
        self.pressed_since: int | None = None
        self.pedals = self.rx("Pedals")
        self.battery_status = self.rx("BatteryStatus")
        self.motor_status = self.rx("MotorStatus")
        self.pedals_heard = self.on_since = self.now
        self.info_page = 0
        self.torque_limit = 0.0
        for name in ("operating_s", "driving_s", "key_cycles", "fault_total"):
            self.nvm.setdefault(name, 0)
        self.nvm.setdefault("faults", {})
        self.supervise_pedals()
        self.update_torque()
        self.report()

    # -- key -------------------------------------------------------------------------------------------------------

    @on_signal("KeyPositionPowertrain")
    def follow_key(self, value: float, previous: float | None) -> None:
        """VEH-001, VEH-003."""
        if value == KEY_INVALID:
            return
        self.key_on = value == KEY_ON
        if not self.key_on:
            self.key_off()
        elif self.machine.state == "Off":
            self.switch_on()
        else:
            self.run_down_since = None
        self.refresh()

    def switch_on(self) -> None:
        """VEH-001: ask for high voltage."""
        self.nvm["key_cycles"] += 1
        self.pedals_heard = self.now + int(self.PEDAL_GRACE - self.PEDAL_TIMEOUT)
        self.machine.to("Precharge")
        if self.get("CrashDetected") == CRASH:
            self.fail(CRASHED)
        elif "limp" in self.nvm:
            self.limp(self.nvm["limp"])  # a reset is no key-off
        elif self.pedals.errors >= self.PEDAL_ERRORS:
            self.limp(PEDAL_CORRUPT)

    def key_off(self) -> None:
        """VEH-003: off at once up to 3 km/h and without high voltage, else at standstill."""
        if self.machine.state in ("Precharge", "Fault") or self.slow_enough_for_off():
            self.switch_off()
        elif self.machine.state != "Off" and self.run_down_since is None:
            self.run_down_since = self.now

    def slow_enough_for_off(self) -> bool:
        """VEH-003: at or below 3 km/h."""
        return self.speed_kmh <= self.KEY_OFF_SPEED_KMH

    def switch_off(self) -> None:
        """Everything off; the next key-on starts afresh (VEH-009)."""
        self.run_down_since = None
        self.engage(P)
        self.reason = NO_REASON
        self.fault = NO_FAULT
        self.nvm.pop("limp", None)
        self.machine.to("Off")

    @on_signal("Standstill")
    def follow_standstill(self, value: float, previous: float | None) -> None:
        """VEH-003: end the run-down."""
        self.end_run_down()

    def end_run_down(self) -> None:
        """VEH-003: off at standstill after key-off."""
        if self.run_down_since is not None and self.standing():
            self.switch_off()
            self.refresh()

    # -- battery and crash -----------------------------------------------------------------------------------------

    @on_message("BatteryStatus")
    def follow_battery(self, message: RxMessage) -> None:
        """VEH-001, VEH-002, VEH-011, VEH-012: Ready with closed contactors, Fault with those of the battery."""
        if self.get("BatteryState") == BATTERY_FAULT and self.machine.state not in ("Off", "Fault"):
            self.fail(FAULT_OF_BATTERY.get(int(self.get("BatteryFault", 0)), CONTACTOR_FAULT))
        elif self.battery_closed() and self.machine.state == "Precharge":
            self.machine.to("Ready")
            self.refresh()

    @on_signal("CrashDetected")
    def follow_crash(self, value: float, previous: float | None) -> None:
        """VEH-003: a crash ends the drive at any speed."""
        if value == CRASH and self.machine.state != "Off":
            self.fail(CRASHED)

    def fail(self, code: int) -> None:
        """Fault: no torque, contactors open, until key-off."""
        if self.machine.state != "Fault":
            self.store_fault(code)
            self.machine.to("Fault")
            if not self.key_on:
                self.switch_off()
            self.refresh()

    # -- pedals ----------------------------------------------------------------------------------------------------

    @on_message("Pedals")
    def follow_pedals(self, message: RxMessage) -> None:
        """VEH-006, VEH-007: new pedal values."""
        self.pedals_heard = max(self.now, self.pedals_heard)
        pedals = self.get("AcceleratorPedal", 0.0), self.get("BrakePedal", 0.0)
        if pedals != (self.accelerator, self.brake):
            self.accelerator, self.brake = pedals
            self.watch_both_pedals()
            self.update_torque()

    def both_pressed(self) -> bool:
        """VEH-007: brake and accelerator at the same time."""
        return self.accelerator > self.OVERRIDE_PERCENT and self.brake > self.OVERRIDE_PERCENT

    def watch_both_pedals(self) -> None:
        """VEH-007: torque goes away 100 ms after both were pressed, and comes back with a released accelerator."""
        if not self.both_pressed():
            self.pressed_since = None
        elif self.pressed_since is None:
            self.pressed_since = self.now
            self.after(self.OVERRIDE_TIME, self.override_torque)
        if self.brake_override and self.accelerator_released():
            self.brake_override = False

    def accelerator_released(self) -> bool:
        """VEH-007: below 3 %."""
        return self.accelerator < self.ACCELERATOR_RELEASED_PERCENT

    def override_torque(self) -> None:
        """VEH-007: both pedals have been pressed long enough."""
        if self.pressed_since is not None and self.now - self.pressed_since >= self.OVERRIDE_TIME:
            self.brake_override = True
            self.refresh()

    @on_protection_error("Pedals")
    def refuse_pedals(self, message: RxMessage) -> None:
        """VEH-008: wrong counter or CRC three times running."""
        self.pedals_heard = max(self.now, self.pedals_heard)
        if message.errors >= self.PEDAL_ERRORS:
            self.limp(PEDAL_CORRUPT)

    def supervise_pedals(self) -> None:
        """VEH-008: missing for five cycles. Looks again at the instant at which that may be so next."""
        silence = self.now - self.pedals_heard
        if silence >= self.PEDAL_TIMEOUT:
            self.limp(PEDAL_MISSING)
            silence = 0
        self.after(Duration(self.PEDAL_TIMEOUT - silence), self.supervise_pedals)

    def limp(self, code: int) -> None:
        """VEH-008, VEH-009: Limp until key-off; the pedals of the past count no more."""
        self.accelerator = 0.0 if self.pedals.errors or code == PEDAL_MISSING else self.accelerator
        if self.machine.state in ("Precharge", "Ready", "Drive"):
            self.store_fault(code)
            self.nvm["limp"] = code
            self.machine.to("Limp")
            self.refresh()

    # -- gear ------------------------------------------------------------------------------------------------------

    @on_signal("GearRequest")
    def follow_lever(self, value: float, previous: float | None) -> None:
        """VEH-004, VEH-005, VEH-014: a request is a change of the lever; its first value after power-on is none."""
        if value and previous is not None:
            self.reason = LEVER_INVALID if value == INVALID else self.refusal(int(value))
            if not self.reason:
                self.engage(int(value))
            self.refresh()

    def refusal(self, gear: int) -> int:
        """Why a gear cannot be selected now; NO_REASON when it can. Neutral and park always can (VEH-014)."""
        if gear == D:
            return self.refusal_of_drive()
        return self.refusal_of_reverse() if gear == R else NO_REASON

    def refusal_of_drive(self) -> int:
        """VEH-004: only in Ready, at standstill, with the brake pressed."""
        if self.machine.state != "Ready" or self.run_down_since is not None:
            return NOT_READY
        if not self.standing():
            return NOT_STANDSTILL
        return NO_REASON if self.brake > self.GEAR_BRAKE_PERCENT else BRAKE_NOT_PRESSED

    def refusal_of_reverse(self) -> int:
        """VEH-005: only below 3 km/h."""
        if self.machine.state not in ("Ready", "Drive", "Limp") or self.run_down_since is not None:
            return NOT_READY
        return NO_REASON if self.speed_kmh < self.REVERSE_MAX_KMH else SPEED_TOO_HIGH

    def engage(self, gear: int) -> None:
        """Change the gear, and between Ready and Drive with it."""
        self.gear = gear
        self.plant["park_lock"] = int(gear == P)
        if self.machine.state in ("Ready", "Drive"):
            self.machine.to("Drive" if gear in (D, R) else "Ready")

    def direction(self) -> int:
        """VEH-014: no torque but in Drive or Limp with a driving gear."""
        if self.machine.state not in ("Drive", "Limp"):
            return 0
        return 1 if self.gear == D else -1 if self.gear == R else 0

    def limping(self) -> bool:
        """VEH-008"""
        return self.machine.state == "Limp"

    def run_down(self) -> float:
        """VEH-003: torque goes to 0 within 1 s of key-off above 3 km/h."""
        if self.run_down_since is None:
            return 1.0
        return clamp(1.0 - (self.now - self.run_down_since) / int(self.RUN_DOWN_TIME), 0.0, 1.0)

    # -- every tick ------------------------------------------------------------------------------------------------

    @on_signal("DischargeCurrentLimit")
    @on_signal("ChargeCurrentLimit")
    def follow_limit(self, value: float, previous: float | None) -> None:
        """VEH-010: a new limit of the battery works at once; that of the inverter with the next tick."""
        self.update_torque()

    @every(10 * ms)
    def tick(self) -> None:
        """Supervise, govern, report."""
        if self.machine.state != "Off":
            self.supervise_partners()
            self.end_run_down()
        self.govern()
        self.refresh()
        self.remember_limits()

    def supervise_partners(self) -> None:
        """Without battery or inverter there is no drive; without ESP only limp-home."""
        if self.machine.state == "Fault":
            return
        if self.silent(self.battery_status):
            self.fail(BATTERY_MISSING)
        elif self.silent(self.motor_status):
            self.fail(INVERTER_MISSING)
        elif self.silent(self.vehicle_speed):
            self.limp(SPEED_MISSING)

    def silent(self, message: RxMessage) -> bool:
        """Whether a partner's message has been missing for long, key-on counted as one."""
        return self.now - self.on_since > self.PARTNER_TIMEOUT and not fresh(message, self.PARTNER_TIMEOUT)

    def enter_precharge(self) -> None:
        """Partners have to be there from now on."""
        self.on_since = self.now

    def refresh(self) -> None:
        """Bring all that is sent up to date."""
        self.update_torque()
        self.report()

    def report(self) -> None:
        """State, gear, requests."""
        state = self.machine.state
        high_voltage = state in ("Precharge", "Ready", "Drive", "Limp")
        powered = high_voltage and state != "Precharge" and self.battery_closed()
        self.switch_converter(powered)
        power = self.compressor_limit_kw()
        self.show(
            InverterEnable=int(powered),
            ContactorRequest=int(high_voltage),
        )
        self.show(
            DriveState=STATES[state],
            Gear=self.gear,
            GearRefusedReason=self.reason,
            FaultCode=self.fault,
            CompressorPermission=int(power > 0.0),
            CompressorPowerLimit=power,
            SpeedLimiterState=self.limiter_state(),
            BrakeOverride=int(self.brake_override),
        )

    def limiter_state(self) -> int:
        """VEH-018: 0 off, 1 standby, 2 limiting."""
        if not self.get("SpeedLimiterSwitchPowertrain", 0):
            return 0
        return 2 if self.direction() and self.speed_limit_nm < self.accelerator_map(self.accelerator) else 1

    def switch_converter(self, powered: bool) -> None:
        """VEH-010: the 12 V supply lives on its battery when the high-voltage one allows no current."""
        allowed = self.get("DischargeCurrentLimit", 0.0) > self.CONVERTER_MIN_A
        self.actuate("dcdc_converter", int(powered and allowed))

    # -- compressor ------------------------------------------------------------------------------------------------

    def compressor_limit_kw(self) -> float:
        """VEH-052: power that the compressor may draw, kW; 0 refuses it."""
        derating = self.get("DeratingFactor", 0.0)
        if self.machine.state not in ("Ready", "Drive", "Limp") or derating < self.COMPRESSOR_MIN_DERATING_PERCENT:
            return 0.0
        return self.COMPRESSOR_MAX_KW * derating / 100.0

    def compressor_reserve_kw(self) -> float:
        """What the climate control asks for, as far as it is allowed, kW."""
        if not self.get("CompressorRequestPowertrain", 0):
            return 0.0
        return min(self.get("CompressorPowerRequestPowertrain", 0.0), self.compressor_limit_kw())

    # -- fault memory ----------------------------------------------------------------------------------------------

    def store_fault(self, code: int) -> None:
        """VEH-002: show the fault code, and keep it with its count over power-off."""
        self.fault = code
        faults: dict[int, int] = self.nvm["faults"]
        if code in faults or len(faults) < SLOTS:
            faults[code] = min(255, faults.get(code, 0) + 1)
        self.nvm["fault_total"] = min(65535, self.nvm["fault_total"] + 1)

    @every(1 * s)
    def count_time(self) -> None:
        """Run times since delivery."""
        self.nvm["operating_s"] += 1
        self.nvm["driving_s"] += self.machine.state in ("Drive", "Limp")

    @every(200 * ms)
    def report_info(self) -> None:
        """One page of VcuInfo after the other: versions, five of the fault memory, two of run times."""
        step = self.info_page
        self.info_page = (step + 1) % 8
        cycles = {"PowerOnCount": min(65535, self.nvm["key_cycles"])}
        if step == 0:
            self.set(InfoPage=0, SoftwareMajor=1, SoftwareMinor=0, HardwareVersion=1)
        elif step <= SLOTS:
            code, count = ([*self.nvm["faults"].items(), *[(NO_FAULT, 0)] * SLOTS])[step - 1]
            self.set(InfoPage=1, FaultSlot=step - 1, StoredFaultCode=code, StoredFaultCount=count)
        elif step == SLOTS + 1:
            self.set(InfoPage=1, FaultSlot=SLOTS, FaultTotal=self.nvm["fault_total"])
        elif step == SLOTS + 2:
            self.set({"InfoPage": 2, "OperatingTime": min(self.nvm["operating_s"], 0xFFFFFF), **cycles})
        else:
            self.set({"InfoPage": 3, "DrivingTime": min(self.nvm["driving_s"], 0xFFFFFF), **cycles})
