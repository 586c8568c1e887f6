"""BCM, the body control module: lamps, locks, wipers, 12 V supply."""

from __future__ import annotations

from typing import ClassVar

from harness.units import Duration, ms
from simulators.bcm_lighting import Lighting
from simulators.bcm_locks import Locks
from simulators.bcm_wipers import Wipers


class Supply(Lighting):
    """Measures and judges the 12 V supply."""

    SUPPLY_CYCLE: ClassVar[Duration] = 100 * ms
    LOW_V: ClassVar[float] = 11.5
    HIGH_V: ClassVar[float] = 15.5

    def start(self) -> None:
        super().start()
        self.every(self.SUPPLY_CYCLE, self.measure_supply, start=0 * ms)

    def measure_supply(self) -> None:
        """Report voltage and current; below 11.5 V the supply is low, above 15.5 V high."""
        volts = min(max(self.plant["supply_voltage"], 0.0), 40.0)
        amperes = min(max(self.plant["supply_current"], -200.0), 200.0)
        self.set(SupplyVoltage=volts, SupplyCurrent=amperes, SupplyState=self.judge_supply(volts))

    def judge_supply(self, volts: float) -> str:
        """The value of SupplyState that belongs to a voltage."""
        if volts < self.LOW_V:
            return "Low"
        return "High" if volts > self.HIGH_V else "Ok"


class Bcm(Locks, Wipers, Supply):
    """The whole body control module; where its functions meet, they meet here."""

    node: ClassVar[str] = "BCM"

    def hold_after_crash(self) -> None:
        """VEH-022: a crash switches the hazard lights on, whatever the key."""
        super().hold_after_crash()
        self.flash_for_crash(True)

    def end_crash_hold(self) -> None:
        """The hazard lights go on flashing after the hold while the key stays on."""
        super().end_crash_hold()
        self.end_crash_flashing()

    def hazard_switched(self, value: float, previous: float | None) -> None:
        """VEH-022: after the hold the hazard switch ends the hazard lights of a crash."""
        if self.crash_hold is None:
            self.crash_flashing = False
        super().hazard_switched(value, previous)

    def key_turned(self, value: float, previous: float | None) -> None:
        """After the hold key-off ends the hazard lights of a crash, so that the networks can sleep (VEH-064)."""
        super().key_turned(value, previous)
        self.end_crash_flashing()

    def end_crash_flashing(self) -> None:
        """End the hazard lights of a crash once the hold is over and the key is not on."""
        if self.crash_hold is None and not self.nvm["key_on"] and self.crash_flashing:
            self.flash_for_crash(False)
