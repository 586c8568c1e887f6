"""A lamp that lights 30 ms after the brake pedal passes 3 %, and a garage with a temperature."""

from __future__ import annotations

from harness import Ecu, Plant, Role, ms, on_message, on_signal
from harness.ecu import RxMessage


class Garage(Plant):
    roles = (Role("temperature", "degC", 20.0, "air in the garage", -40.0, 90.0), Role("lamp_failed", "", 0.0))


class Lamp(Ecu):
    node = "LAMP"
    DELAY = 30 * ms

    def start(self) -> None:
        self.lit = False
        self.set(BrakeLamp="Off", Level=0)

    @on_message("Pedals")
    def pedals(self, message: RxMessage) -> None:
        pressed = self.get("BrakePedal", 0.0) > 3.0
        if pressed != self.lit:
            self.lit = pressed
            self.after(self.DELAY, self.switch)

    def switch(self) -> None:
        self.set(BrakeLamp="On" if self.lit else "Off", Level=self.get("BrakePedal"))

    @on_signal("HazardSwitch")
    def hazard(self, value: float, previous: float | None) -> None:
        if value:
            raise RuntimeError("hazard is not wired")
