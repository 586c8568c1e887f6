"""A lamp that follows the brake pedal and can be reset in every way, a horn, and a garage."""

from __future__ import annotations

from harness import Ecu, Plant, Role, ms, on_message, on_protection_error, on_signal
from harness.ecu import RxMessage

HARD_RESET = (0x11, 0x01)


class Garage(Plant):
    roles = (
        Role("temperature", "degC", 20.0, "air in the garage", -40.0, 90.0),
        Role("supply_voltage", "V", 12.6, "battery", 0.0, 16.0),
    )


class Lamp(Ecu):
    """Lights 5 ms after the pedal passes 3 %. On the wish *Sulk* it does not come back from its next reset."""

    node = "LAMP"
    DELAY = 5 * ms
    BOOT = 100 * ms
    FALL = 60 * ms  # from the wish for a reset to the reset

    def start(self) -> None:
        self.nvm["starts"] = self.nvm.get("starts", 0) + 1
        self.heard = self.wrong = self.gap = self.last = 0
        self.lit = False
        self.network.sleep()
        if not (self.nvm.get("sulks") and self.nvm["starts"] > 1):
            self.set(BrakeLamp="Off", Level=0, Starts=self.nvm["starts"] % 256)
            self.after(self.BOOT, self.network.wake)

    @on_message("Pedals")
    def pedals(self, message: RxMessage) -> None:
        if self.last:
            self.gap = max(self.gap, self.now - self.last)
        self.heard, self.last = self.heard + 1, self.now
        self.set(PedalsHeard=self.heard % 65536, LongestGap=min(6553.5, round(self.gap / 1e6, 1)))
        pressed = self.get("BrakePedal", 0.0) > 3.0
        if pressed != self.lit:
            self.lit = pressed
            self.after(self.DELAY, self.switch)

    def switch(self) -> None:
        self.set(BrakeLamp="On" if self.lit else "Off", Level=self.get("BrakePedal", 0.0))

    @on_protection_error("Pedals")
    def wrong_pedals(self, message: RxMessage) -> None:
        self.wrong += 1
        self.set(PedalsWrong=self.wrong % 65536)

    @on_signal("Wish")
    def wished(self, value: float, previous: float | None) -> None:
        if self.text("Wish") == "BreakLamp":
            raise RuntimeError("a wish has come true")
        self.nvm["sulks"] = self.text("Wish") == "Sulk"

    @on_signal("Key")
    def key(self, value: float, previous: float | None) -> None:
        if not value:
            self.network.sleep()
        elif previous == 0:
            self.reset()

    @on_message("ResetRequest")
    def reset_request(self, message: RxMessage) -> None:
        self.after(self.FALL, self.reset)

    @on_message("DiagRequest")
    def diagnostic(self, message: RxMessage) -> None:
        asked = int(self.get("Service", 0)), int(self.get("Parameter", 0))
        if asked != HARD_RESET or self.nvm.get("sulks"):
            self.answer(0x7F, asked[0], length=3)
            return
        self.answer(0x51, asked[1], length=2)
        self.after(self.FALL, self.reset)

    def answer(self, service: int, parameter: int, *, length: int) -> None:
        self.set(AnswerLength=length, AnswerService=service, AnswerParameter=parameter)
        self.tx("DiagAnswer").send_now()


class Horn(Ecu):
    """Sounds while the pedal is pressed beyond 90 %."""

    node = "HORN"

    def start(self) -> None:
        self.set(Horn="Off")

    @on_message("Pedals")
    def pedals(self, message: RxMessage) -> None:
        self.set(Horn="On" if self.get("BrakePedal", 0.0) > 90.0 else "Off")

    @on_signal("Wish")
    def wished(self, value: float, previous: float | None) -> None:
        if self.text("Wish") == "BreakHorn":
            raise RuntimeError("the horn has a wish")
