"""IC, the instrument cluster: speedometer, odometer, telltales, seat-belt chime."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil
from typing import ClassVar, TypeVar

from harness.ecu import RxMessage, on_message, on_signal
from harness.loop import Timer
from harness.units import Duration, ms, s
from simulators.body_node import BodyNode

TELLTALES: Mapping[str, tuple[tuple[str, frozenset[str]], ...]] = {
    telltale: tuple((signal, frozenset(states.split())) for signal, states in sources)
    for telltale, sources in {
        "TelltaleReady": [("DriveStateBody", "Ready Drive Limp")],
        "TelltaleLimp": [("DriveStateBody", "Limp")],
        "TelltaleFault": [("DriveStateBody", "Fault")],
        "TelltaleIsolation": [("IsolationWarningBody", "On")],
        "TelltaleCellVoltage": [("CellVoltageWarningBody", "Undervoltage Overvoltage")],
        "TelltaleTemperature": [("TemperatureWarningBody", "On")],
        "TelltaleDerating": [("DeratingActiveBody", "On")],
        "TelltaleAbs": [("AbsActiveBody", "Yes")],
        "TelltaleSeatBelt": [("DriverSeatBeltBody", "Unfastened")],
        "TelltaleDoorOpen": [(door, "Open") for door in (
            "DriverDoor", "PassengerDoor", "RearLeftDoor", "RearRightDoor", "BootLid")],
        "TelltaleIndicatorLeft": [("IndicatorLeft", "On")],
        "TelltaleIndicatorRight": [("IndicatorRight", "On")],
        "TelltaleLampFailure": [(monitor, "Failed") for monitor in (
            "IndicatorLeftLamp", "IndicatorRightLamp", "BrakeLampMonitor")],
        "TelltaleAirbag": [("AirbagFaultBody", "Failed")],
        "TelltaleSpeedLimiter": [("SpeedLimiterStateBody", "Standby Limiting")],
        "TelltaleHighBeam": [("HighBeam", "On")],
    }.items()
}  # fmt: skip
"""VEH-043: each telltale is on while one of its signals has one of these values. TelltaleLowCharge goes by a number."""

SHOWN = {
    "VehicleSpeedBody": ("SpeedDisplay",),
    "DriveStatusBody": ("GearDisplay",),
    "BatteryChargeBody": ("ChargeDisplay", "RangeDisplay"),
    "HvacStatus": ("CabinTemperatureDisplay",),
}
"""VEH-044: message -> what shows "no data" when it is missing."""

FULL_DISTANCE_KM = 999_999.999

Method = TypeVar("Method", bound=Callable[..., object])


def _on_sources(method: Method) -> Method:
    """Run a method when the source of any telltale has another value."""
    for signal in sorted({signal for sources in TELLTALES.values() for signal, _ in sources} | {"StateOfChargeBody"}):
        method = on_signal(signal)(method)
    return method


class Telltales(BodyNode):
    """Telltales follow their sources, but for the lamp check after key-on (VEH-043)."""

    LAMP_CHECK: ClassVar[Duration] = 2 * s
    LOW_CHARGE_PERCENT: ClassVar[float] = 10.0

    def start(self) -> None:
        super().start()
        self.nvm.setdefault("key_on", False)
        self.lamp_check: Timer | None = None
        self.show_telltales()

    @on_signal("KeyPosition")
    def key_turned(self, value: float, previous: float | None) -> None:
        """VEH-043: key-on begins the lamp check; a reset while the key is on does not."""
        on = self.text("KeyPosition") == "On"
        if on and not self.nvm["key_on"]:
            if self.lamp_check is not None:
                self.lamp_check.cancel()
            self.lamp_check = self.after(self.LAMP_CHECK, self.end_lamp_check)
            self.show_telltales()
        self.nvm["key_on"] = on

    def end_lamp_check(self) -> None:
        """The sources count again."""
        self.lamp_check = None
        self.show_telltales()

    @_on_sources
    def sources_changed(self, value: float, previous: float | None) -> None:
        """VEH-043: a source has another value."""
        self.show_telltales()

    def show_telltales(self) -> None:
        """Report all telltales in one frame, sent when one of them changes."""
        checking = self.lamp_check is not None
        lit = {telltale: checking or self.is_lit(telltale) for telltale in TELLTALES}
        lit["TelltaleLowCharge"] = checking or self.charge_is_low()
        states = {telltale: "On" if on else "Off" for telltale, on in lit.items()}
        self.set(states, LampTest="Active" if checking else "Inactive")

    def is_lit(self, telltale: str) -> bool:
        """Whether a source of this telltale wants it on."""
        return any(self.text(signal) in states for signal, states in TELLTALES[telltale])

    def charge_is_low(self) -> bool:
        """Whether the state of charge is known and below 10 %."""
        return self.get("StateOfChargeBody", 100.0) < self.LOW_CHARGE_PERCENT


class Instruments(BodyNode):
    """What the cluster shows of a value, and "no data" when its message is missing (VEH-040, 041, 044)."""

    SPEED_GAIN: ClassVar[float] = 1.05
    SPEED_LEAD_KMH: ClassVar[float] = 2.0
    """VEH-040: the display runs in the middle of the band from v to 1.1 v + 4 km/h."""
    SPEED_STEP_KMH: ClassVar[float] = 0.1
    MISSED_CYCLES: ClassVar[int] = 5
    """VEH-044: missing cycles from which "no data" is shown."""
    ODOMETER_GAP: ClassVar[Duration] = 2 * s
    """VEH-041: longest gap between two speed messages that is bridged."""
    CONSUMPTION_KWH_PER_KM: ClassVar[float] = 0.14

    def start(self) -> None:
        super().start()
        self.nvm.setdefault("odometer_km", 0.0)
        self.speed_kmh: float | None = None
        self.speed_time = 0
        self.known = dict.fromkeys(SHOWN, False)
        self.set({display: "NoData" for displays in SHOWN.values() for display in displays})
        self.set(Odometer=self.odometer())

    @on_message("VehicleSpeedBody")
    def show_speed(self, message: RxMessage) -> None:
        """Speedometer and odometer move with every speed message."""
        speed = self.get("VehicleSpeedBody", 0.0)
        self.count_distance(speed, self.now)
        self.set(DisplayedSpeed=self.displayed_speed(speed), Odometer=self.odometer())
        self.arrived("VehicleSpeedBody")

    def displayed_speed(self, kmh: float) -> float:
        """VEH-040: what the speedometer shows, km/h: 0 at standstill, then mid-band, never rounded down."""
        shown = kmh * self.SPEED_GAIN + min(kmh, self.SPEED_LEAD_KMH)
        return min(ceil(shown / self.SPEED_STEP_KMH) * self.SPEED_STEP_KMH, 400.0)

    def count_distance(self, kmh: float, time: int) -> None:
        """VEH-041: add the way since the last speed message, by the mean of both speeds."""
        if self.speed_kmh is not None and time - self.speed_time <= self.ODOMETER_GAP:
            hours = (time - self.speed_time) / 3.6e12
            self.nvm["odometer_km"] += 0.5 * (self.speed_kmh + kmh) * hours
        self.speed_kmh, self.speed_time = kmh, time

    def odometer(self) -> float:
        """VEH-041: distance since delivery, km; at its end the odometer stands still."""
        km: float = self.nvm["odometer_km"]
        return min(km, FULL_DISTANCE_KM)

    @on_message("DriveStatusBody")
    def drive_is_known(self, message: RxMessage) -> None:
        """The state of the drive is there."""
        self.arrived("DriveStatusBody")

    @on_signal("GearBody")
    @on_signal("GearRefusedReasonBody")
    def show_drive(self, value: float, previous: float | None) -> None:
        """Gear, and why another one was refused (VEH-004)."""
        for shown, source in (("DisplayedGear", "GearBody"), ("DisplayedRefusedReason", "GearRefusedReasonBody")):
            label = self.text(source)
            if label is not None:  # what has no name cannot be shown
                self.set({shown: label})

    @on_message("BatteryChargeBody")
    def show_charge(self, message: RxMessage) -> None:
        """Charge, and how far it reaches."""
        reach = self.get("RemainingEnergyBody", 0.0) / self.CONSUMPTION_KWH_PER_KM
        charge = min(self.get("StateOfChargeBody", 0.0), 100.0)
        self.set(DisplayedCharge=charge, DisplayedRange=min(reach, 1000.0))
        self.arrived("BatteryChargeBody")

    @on_message("HvacStatus")
    def show_cabin(self, message: RxMessage) -> None:
        """Cabin temperature."""
        self.set(DisplayedCabinTemperature=self.get("CabinTemperature"))
        self.arrived("HvacStatus")

    # -- "no data" -------------------------------------------------------------------------------------------------

    def arrived(self, message: str) -> None:
        """VEH-044: the message is there, so its values are shown, and watched from now on."""
        if not self.known[message]:
            self.known[message] = True
            self.set(dict.fromkeys(SHOWN[message], "Valid"))
            self.watch(message, 0)

    def watch(self, message: str, age: int) -> None:
        """Look again when, with the frame of that age, the last cycle that may be missing is over."""
        limit = (self.rx(message).plan.cycle_ns or 0) * self.MISSED_CYCLES
        self.after(Duration(max(limit - age, 1_000)), lambda: self.check(message))

    def check(self, message: str) -> None:
        """VEH-044: "no data" from the fifth missed cycle on."""
        received = self.rx(message)
        if received.missed >= self.MISSED_CYCLES:
            self.known[message] = False
            self.set(dict.fromkeys(SHOWN[message], "NoData"))
        else:
            self.watch(message, received.age or 0)


class Chime(BodyNode):
    """Seat-belt chime (VEH-042)."""

    CHIME_ABOVE_KMH: ClassVar[float] = 10.0
    CHIME_TIME: ClassVar[Duration] = 89_900 * ms
    """VEH-042: at most 90 s; the last frame that shows the chime may come a cycle later than its end."""

    def start(self) -> None:
        super().start()
        self.unbelted_drive = False
        self.chime_end: Timer | None = None
        self.sound(False)

    @on_message("VehicleSpeedBody")
    def remind(self, message: RxMessage) -> None:
        """VEH-042: begins with every unbelted drive above 10 km/h, ends with it."""
        unbelted = self.is_unbelted_drive(self.get("VehicleSpeedBody", 0.0))
        if unbelted == self.unbelted_drive:
            return
        self.unbelted_drive = unbelted
        if self.chime_end is not None:
            self.chime_end.cancel()
            self.chime_end = None
        if unbelted:
            self.chime_end = self.after(self.CHIME_TIME, self.end_chime)
        self.sound(unbelted)

    def is_unbelted_drive(self, kmh: float) -> bool:
        """Whether the driver drives without belt."""
        return kmh > self.CHIME_ABOVE_KMH and self.text("DriverSeatBeltBody") == "Unfastened"

    def end_chime(self) -> None:
        """Long enough; the telltale goes on."""
        self.chime_end = None
        self.sound(False)

    def sound(self, on: bool) -> None:
        """Drive the buzzer and report it."""
        self.plant["chime"] = float(on)
        self.set(SeatBeltChime="On" if on else "Off")


class Ic(Telltales, Instruments, Chime):
    """The whole instrument cluster."""

    node: ClassVar[str] = "IC"
