"""Wipers and washer of the body control module."""

from __future__ import annotations

from typing import ClassVar

from harness.ecu import on_signal
from harness.loop import Timer
from harness.units import Duration, ms, s
from simulators.body_node import BodyNode

MOTOR_SPEEDS = {"Slow": 1.0, "Fast": 2.0}
"""Value of the role ``wiper_motor`` for continuous modes; all others wipe slowly."""


class Wipers(BodyNode):
    """One motor that runs, and a blade that is watched: a wipe lasts from leaving the parking position to coming back.

    The motor is switched off on the way back; it then runs on until the blade is parked.
    """

    INTERVAL: ClassVar[Duration] = 4 * s
    """VEH-033: from the start of an intermittent wipe to the start of the next."""
    WASH_WIPES: ClassVar[int] = 3
    POLL: ClassVar[Duration] = 10 * ms
    """How often the blade is looked at while it moves."""
    PARKED_PERCENT: ClassVar[float] = 2.0
    """Up to here the blade counts as parked."""

    def start(self) -> None:
        super().start()
        self.stalk = "Off"
        self.washing = False
        self.wash_wipes_left = 0
        self.wipes = 0
        self.left_park = False
        self.position = 0.0
        self.watch: Timer | None = None
        self.interval: Timer | None = None
        self.plant["wiper_motor"] = 0.0
        self.plant["washer_pump"] = 0.0
        self.show_mode()

    # -- what the driver wants -------------------------------------------------------------------------------------

    @on_signal("WiperStalk")
    def wiper_stalk_moved(self, value: float, previous: float | None) -> None:
        """VEH-033: the mode changes at once."""
        self.select(self.text("WiperStalk") or "Off")

    def select(self, mode: str) -> None:
        """Begin a mode: with a wipe at once, or after the one that is under way."""
        self.stalk = mode
        self.restart_interval()
        self.show_mode()
        if mode != "Off":
            self.wipe()

    def fall_asleep(self) -> None:
        """VEH-064: nothing wipes while the network sleeps."""
        super().fall_asleep()
        self.select("Off")

    def wake_up(self) -> None:
        """The stalk counts again."""
        super().wake_up()
        self.select(self.text("WiperStalk") or "Off")

    @on_signal("WashButton")
    def wash_button_moved(self, value: float, previous: float | None) -> None:
        """VEH-033: water while the button is pressed, three wipes after its release."""
        self.washing = self.text("WashButton") == "Pressed"
        self.plant["washer_pump"] = float(self.washing)
        self.set(WasherPump="On" if self.washing else "Off")
        if not self.washing and previous is not None:
            self.wash_wipes_left = self.WASH_WIPES
        self.show_mode()
        if self.wash_wipes_left:
            self.wipe()

    def wants_wipe(self) -> bool:
        """Whether another wipe has to follow at once on the present one."""
        return self.stalk in MOTOR_SPEEDS or self.wash_wipes_left > 0

    def show_mode(self) -> None:
        """Report what the wipers do: continuous wiping first, then washing, then intermittent wiping."""
        washing = self.washing or self.wash_wipes_left > 0
        mode = "Wash" if washing and self.stalk not in MOTOR_SPEEDS else self.stalk
        self.set(WiperMode=mode)

    # -- wiping ----------------------------------------------------------------------------------------------------

    def wipe(self) -> None:
        """Begin a wipe, unless one is under way: then the next follows it where one is wanted."""
        if self.watch is None:
            self.watch = self.every(self.POLL, self.look_at_blade)
            self.begin_wipe()

    def begin_wipe(self) -> None:
        """A wipe starts, and is counted."""
        self.wipes = (self.wipes + 1) % 256
        self.left_park = False
        if self.wash_wipes_left:
            self.wash_wipes_left -= 1
        self.plant["wiper_motor"] = MOTOR_SPEEDS.get(self.stalk, 1.0)
        self.set(WiperMotion="Wiping", WipeCount=self.wipes)
        self.restart_interval()

    def restart_interval(self) -> None:
        """The next intermittent wipe is due an interval from now; in other modes none is."""
        if self.interval is not None:
            self.interval.cancel()
        self.interval = self.after(self.INTERVAL, self.interval_over) if self.stalk == "Intermittent" else None

    def interval_over(self) -> None:
        """VEH-033: every 4 s."""
        self.interval = None
        if self.stalk == "Intermittent" and not self.washing:
            self.wipe()

    def look_at_blade(self) -> None:
        """Follow the blade: out, back, parked."""
        before, self.position = self.position, self.plant["wiper_position"]
        self.set(WiperPosition=min(max(self.position, 0.0), 100.0))
        if self.position > self.PARKED_PERCENT:
            self.left_park = True
            self.plant["wiper_motor"] = self.motor_speed(returning=self.position < before)
        elif self.left_park:
            self.end_wipe()

    def motor_speed(self, returning: bool) -> float:
        """Value of ``wiper_motor``: off on the way back of the last wipe, so that the blade parks."""
        if returning and not self.wants_wipe():
            return 0.0
        return MOTOR_SPEEDS.get(self.stalk, 1.0)

    def end_wipe(self) -> None:
        """The blade is back: parked for a moment at least, also between two wipes."""
        self.left_park = False
        self.set(WiperMotion="Parked")
        self.show_mode()
        if self.wants_wipe():
            self.after(self.POLL, self.begin_wipe)
        elif self.watch is not None:
            self.plant["wiper_motor"] = 0.0
            self.set(WiperPosition=0.0)
            self.watch.cancel()
            self.watch = None
