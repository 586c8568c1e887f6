"""Lighting of the body control module: brake lamps, indicators in all their uses, headlamps, lamp monitoring."""

from __future__ import annotations

from typing import ClassVar

from harness.ecu import RxMessage, on_message, on_signal
from harness.loop import Timer
from harness.units import Duration, ms
from simulators.body_node import BodyNode

LEFT = ("indicator_front_left", "indicator_rear_left")
RIGHT = ("indicator_front_right", "indicator_rear_right")
BRAKE = ("brake_lamp_left", "brake_lamp_right", "brake_lamp_centre")

BOTH_SIDES = ("EmergencyStop", "Hazard", "Crash")
"""Values of IndicatorMode in which all indicators flash."""


class BrakeLamps(BodyNode):
    """Brake lamps: two independent hystereses, by pedal and by regenerative deceleration (VEH-020)."""

    PEDAL_ON_PERCENT: ClassVar[float] = 3.0
    PEDAL_OFF_PERCENT: ClassVar[float] = 2.0
    REGEN_ON_MPS2: ClassVar[float] = 1.3
    REGEN_OFF_MPS2: ClassVar[float] = 0.7

    def start(self) -> None:
        super().start()
        self.braking_by_pedal = False
        self.braking_by_regeneration = False
        self.light_brake_lamps()

    @on_signal("BrakePedalBody")
    def pedal_moved(self, value: float, previous: float | None) -> None:
        """VEH-020: on above 3 %, off below 2 %, unchanged between."""
        self.braking_by_pedal = self.pedal_brakes(value)
        self.light_brake_lamps()

    def pedal_brakes(self, percent: float) -> bool:
        """Hysteresis of the pedal; both limits themselves change nothing."""
        if percent > self.PEDAL_ON_PERCENT:
            return True
        return self.braking_by_pedal and percent >= self.PEDAL_OFF_PERCENT

    @on_signal("RegenDecelerationBody")
    def regeneration_changed(self, value: float, previous: float | None) -> None:
        """VEH-020: on above 1.3 m/s², off below 0.7 m/s², unchanged between."""
        self.braking_by_regeneration = self.regeneration_brakes(value)
        self.light_brake_lamps()

    def regeneration_brakes(self, mps2: float) -> bool:
        """Hysteresis of the regenerative deceleration; both limits themselves change nothing."""
        if mps2 > self.REGEN_ON_MPS2:
            return True
        return self.braking_by_regeneration and mps2 >= self.REGEN_OFF_MPS2

    def light_brake_lamps(self) -> None:
        """Drive the lamps and report them, at once."""
        lit = self.braking_by_pedal or self.braking_by_regeneration
        for lamp in BRAKE:
            self.plant[lamp] = float(lit)
        self.set(BrakeLamp="On" if lit else "Off")


class Indicators(BodyNode):
    """Indicators: one flasher, whose owner is decided anew whenever something about it changes (VEH-021 to 024).

    The flasher ticks twice as fast as an intact side toggles, so that a side with a failed lamp, which toggles with
    every tick, stays in step with the other one and both go out in one frame. The emergency stop signal has a tick of
    its own and does not double.
    """

    FLASH_TICK: ClassVar[Duration] = 166 * ms
    """Quarter of a period of an intact side: 90 flashes a minute. VEH-021."""
    EMERGENCY_TICK: ClassVar[Duration] = 125 * ms
    """Half a period of the emergency stop signal: 4 Hz. VEH-023."""
    TICKS_INTACT: ClassVar[int] = 2
    TICKS_FAILED: ClassVar[int] = 1
    """Ticks between two edges of a side, with all lamps and with a failed one. VEH-024."""
    TAP_FLASHES: ClassVar[int] = 3
    EMERGENCY_SPEED_KMH: ClassVar[float] = 50.0
    EMERGENCY_ON_MPS2: ClassVar[float] = 6.0
    EMERGENCY_OFF_MPS2: ClassVar[float] = 2.5
    EMERGENCY_MISSED_CYCLES: ClassVar[int] = 10
    """Missing speed messages after which a deceleration is no longer believed."""

    def start(self) -> None:
        super().start()
        self.direction = "Off"
        self.flashes_left: int | None = None  # of a tap; None while the stalk is latched
        self.emergency = False
        self.crash_flashing = False
        self.mode = "Off"
        self.tick = 0
        self.lit = {"Left": False, "Right": False}
        self.failed = {"Left": False, "Right": False}
        self.flasher: Timer | None = None
        self.show_indicators()

    # -- who wants the indicators ----------------------------------------------------------------------------------

    def wanted_mode(self) -> str:
        """VEH-022: crash and hazard before the emergency stop signal, that before the direction indicators.

        None of them needs the key. A sleeping network has no direction to show.
        """
        if self.crash_flashing:
            return "Crash"
        if self.text("HazardSwitch") == "On":
            return "Hazard"
        if self.emergency:
            return "EmergencyStop"
        return self.direction if self.awake else "Off"

    def arbitrate(self) -> None:
        """Give the flasher to its owner; a new owner begins with a flash."""
        mode = self.wanted_mode()
        if mode == self.mode:
            return
        if mode in BOTH_SIDES and self.flashes_left is not None:
            self.direction, self.flashes_left = "Off", None  # a tap that is overridden does not come back
        self.mode = mode
        if self.flasher is not None:
            self.flasher.cancel()
            self.flasher = None
        self.tick = 0
        if mode != "Off":
            self.flasher = self.every(self.EMERGENCY_TICK if mode == "EmergencyStop" else self.FLASH_TICK, self.flash)
        self.show_indicators()

    @on_signal("IndicatorStalk")
    def stalk_moved(self, value: float, previous: float | None) -> None:
        """VEH-021: a latched stalk flashes until it leaves the latch, a tap three times, whatever comes after it."""
        position = self.text("IndicatorStalk")
        if position in ("Left", "Right"):
            self.direction, self.flashes_left = position, None
        elif position in ("LeftTap", "RightTap"):
            self.stalk_tapped(position.removesuffix("Tap"))
        elif position == "Neutral" and self.flashes_left is None:
            self.direction = "Off"
        self.arbitrate()

    def stalk_tapped(self, side: str) -> None:
        """VEH-021: a tap is the first pressure point, unless the stalk comes back through it from the latch."""
        if self.direction == side and self.flashes_left is None:
            self.direction = "Off"
        else:
            self.direction, self.flashes_left = side, self.TAP_FLASHES

    @on_signal("HazardSwitch")
    def hazard_switched(self, value: float, previous: float | None) -> None:
        """VEH-022: at once, whatever the key."""
        self.arbitrate()

    def flash_for_crash(self, wanted: bool) -> None:
        """VEH-022: hazard lights by a crash."""
        self.crash_flashing = wanted
        self.arbitrate()

    @on_message("VehicleSpeedBody")
    def watch_emergency_stop(self, message: RxMessage) -> None:
        """VEH-023: begins above 50 km/h and 6 m/s², ends below 2.5 m/s² at any speed."""
        deceleration = -(self.get("LongitudinalAccelerationBody") or 0.0)
        speed = self.get("VehicleSpeedBody") or 0.0
        emergency = self.is_emergency_stop(speed, deceleration)
        if emergency != self.emergency:
            self.emergency = emergency
            self.arbitrate()

    def is_emergency_stop(self, speed_kmh: float, deceleration_mps2: float) -> bool:
        """Hysteresis of the deceleration; the speed counts at the beginning only."""
        if self.emergency:
            return deceleration_mps2 >= self.EMERGENCY_OFF_MPS2
        return speed_kmh > self.EMERGENCY_SPEED_KMH and deceleration_mps2 > self.EMERGENCY_ON_MPS2

    def forget_old_deceleration(self) -> None:
        """End an emergency stop signal that nobody could end any more, because the speed messages are gone."""
        if self.emergency and self.rx("VehicleSpeedBody").missed >= self.EMERGENCY_MISSED_CYCLES:
            self.emergency = False
            self.arbitrate()

    def fall_asleep(self) -> None:
        """VEH-064: a sleeping network has no direction to show."""
        super().fall_asleep()
        self.arbitrate()

    def wake_up(self) -> None:
        """The stalk counts again."""
        super().wake_up()
        self.arbitrate()

    # -- flashing --------------------------------------------------------------------------------------------------

    def flash(self) -> None:
        """One tick of the flasher; after its last flash a tap gives the indicators back."""
        self.tick += 1
        was_lit = dict(self.lit)
        self.show_indicators()
        side = self.direction
        if self.flashes_left is not None and self.mode == side and was_lit[side] and not self.lit[side]:
            self.flashes_left -= 1
            if self.flashes_left == 0:
                self.direction, self.flashes_left = "Off", None
                self.arbitrate()

    def side_is_lit(self, side: str) -> bool:
        """Whether a side is on in the present tick. VEH-024: a side with a failed lamp flashes twice as fast."""
        if self.mode != side and self.mode not in BOTH_SIDES:
            return False
        doubled = self.failed[side] or self.mode == "EmergencyStop"
        ticks = self.TICKS_FAILED if doubled else self.TICKS_INTACT
        return self.tick // ticks % 2 == 0

    def show_indicators(self) -> None:
        """Drive the lamps of both sides and report them in one frame."""
        for side, lamps in (("Left", LEFT), ("Right", RIGHT)):
            self.lit[side] = self.side_is_lit(side)
            for lamp in lamps:
                self.plant[lamp] = float(self.lit[side])
        self.set(
            IndicatorMode=self.mode,
            IndicatorLeft="On" if self.lit["Left"] else "Off",
            IndicatorRight="On" if self.lit["Right"] else "Off",
        )


class Lighting(BrakeLamps, Indicators):
    """All lamps, and the monitoring of those that matter."""

    MONITOR_CYCLE: ClassVar[Duration] = 100 * ms
    """VEH-024: time between two looks at every lamp; the telltale follows within 1 s."""
    INTACT_CURRENT_A: ClassVar[float] = 0.5

    def start(self) -> None:
        super().start()
        self.every(self.MONITOR_CYCLE, self.monitor_lamps, start=0 * ms)

    def monitor_lamps(self) -> None:
        """VEH-024: a lamp that draws no current has failed, whether it is lit or not."""
        self.failed = {"Left": self.any_failed(LEFT), "Right": self.any_failed(RIGHT)}
        self.set(
            IndicatorLeftLamp="Failed" if self.failed["Left"] else "Ok",
            IndicatorRightLamp="Failed" if self.failed["Right"] else "Ok",
            BrakeLampMonitor="Failed" if self.any_failed(BRAKE) else "Ok",
        )
        self.forget_old_deceleration()

    def any_failed(self, lamps: tuple[str, ...]) -> bool:
        """Whether one of these lamps draws no current."""
        return any(self.lamp_current(lamp) < self.INTACT_CURRENT_A for lamp in lamps)

    def lamp_current(self, lamp: str) -> float:
        """Current of a lamp, A; a dark one gets a pulse that is too short to be seen."""
        if self.plant[lamp]:
            return self.plant[f"{lamp}_current"]
        self.plant[lamp] = 1.0
        current = self.plant[f"{lamp}_current"]
        self.plant[lamp] = 0.0
        return current

    @on_signal("LightSwitch")
    def lights_switched(self, value: float, previous: float | None) -> None:
        """Headlamps: high beam comes on top of low beam."""
        position = self.text("LightSwitch")
        low, high = position in ("LowBeam", "HighBeam"), position == "HighBeam"
        self.plant["low_beam"], self.plant["high_beam"] = float(low), float(high)
        self.set(LowBeam="On" if low else "Off", HighBeam="On" if high else "Off")
