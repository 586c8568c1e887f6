"""A power supply that speaks SCPI: ``VOLT``, ``CURR``, ``OUTP``, ``MEAS:VOLT?``, ``MEAS:CURR?`` (SCPI-99 volume 2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from harness.errors import InstrumentError
from harness.instruments.hooks import Hooks
from harness.instruments.options import options_of
from harness.instruments.port import Port
from harness.instruments.roles import SUPPLY
from harness.instruments.scpi import ENDS, Scpi, amount
from harness.instruments.spec import InstrumentSpec, Keys, PortSettings, take_quantity
from harness.units import A, Quantity, V

TOLERANCE = 0.01
"""How far, in V or A, what the supply holds may be from what it was told: it rounds to its own steps."""
_STATES = {"0": False, "OFF": False, "1": True, "ON": True}
_ATTEMPTS = 2


@dataclass(frozen=True, slots=True)
class SupplyOptions:
    """max_voltage in V, max_current in A. channel: which output, None for a supply that has one only."""

    max_voltage: float
    max_current: float
    channel: int | None = None
    identity: str = ""
    end: str = "LF"


class ScpiSupply:
    """One output of a SCPI power supply; see :class:`harness.instruments.roles.PowerSupply`.

    What is set is read back. When it is opened, nothing is changed, unless its output is on with more than the limits
    allow: then it is switched off, and the opening fails.
    """

    role: ClassVar[str] = SUPPLY
    settings: ClassVar[PortSettings] = PortSettings()
    has_safe_state: ClassVar[bool] = True

    def __init__(self, spec: InstrumentSpec, hooks: Hooks) -> None:
        options = options_of(SupplyOptions, spec)
        self.name, self.where = spec.name, spec.port
        self.max_voltage, self.max_current = options.max_voltage, options.max_current
        self._channel = options.channel
        self._note = hooks.note
        self._told: dict[str, float | bool] = {}  # what was set last, by SCPI word
        self._port = Port(spec.name, spec.port, spec.settings)
        try:
            self._scpi = Scpi(self._port, ENDS[options.end], options.identity, self._note)
            self.identity = self._scpi.identity
            if self.is_on():
                self._refuse_too_much("is on")
        except BaseException:
            self._port.disconnect()
            raise

    @classmethod
    def options(cls, keys: Keys) -> dict[str, Any]:
        """See :class:`harness.instruments.drivers.Driver`."""
        channel = keys.take("channel", int)
        return {
            "max_voltage": take_quantity(keys, "max_voltage", "V"),
            "max_current": take_quantity(keys, "max_current", "A"),
            "channel": channel,
            "identity": keys.take("identity", str, ""),
            "end": keys.choice("end", tuple(ENDS), "LF"),
        }

    # -- the role --------------------------------------------------------------------------------------------------

    def set_voltage(self, voltage: float | Quantity, *, note: bool = True) -> None:
        """See :meth:`harness.instruments.roles.PowerSupply.set_voltage`."""
        number = amount(voltage, V, self.max_voltage, self._port, "voltage", "max_voltage")
        self._set("VOLT", number, "V", note)

    def set_current_limit(self, current: float | Quantity) -> None:
        """See :meth:`harness.instruments.roles.PowerSupply.set_current_limit`."""
        number = amount(current, A, self.max_current, self._port, "current limit", "max_current")
        self._set("CURR", number, "A", note=True)

    def switch_on(self) -> None:
        """See :meth:`harness.instruments.roles.PowerSupply.switch_on`."""
        with self._port.held():
            self._refuse_too_much("would be on")
            self._switch(True)

    def switch_off(self) -> None:
        """See :meth:`harness.instruments.roles.PowerSupply.switch_off`."""
        self._switch(False)

    def is_on(self) -> bool:
        """See :meth:`harness.instruments.roles.PowerSupply.is_on`."""
        with self._port.held():
            self._select()
            return self._output()

    def voltage(self) -> float:
        """See :meth:`harness.instruments.roles.PowerSupply.voltage`."""
        return self._measured("MEAS:VOLT?", "V")

    def current(self) -> float:
        """See :meth:`harness.instruments.roles.PowerSupply.current`."""
        return self._measured("MEAS:CURR?", "A")

    @property
    def lost(self) -> str:
        """See :attr:`harness.instruments.roles.Instrument.lost`."""
        return self._port.lost

    def check(self) -> None:
        """See :meth:`harness.instruments.roles.Instrument.check`."""
        with self._port.held():
            self._select()
            for word, unit in (("VOLT", "V"), ("CURR", "A")):
                if word in self._told:
                    self._read_back(word, float(self._told[word]), unit)
            on = self._output()
            if on is not self._told.get("OUTP", on):
                raise self._port.error(
                    f"expected the output {_word(not on)}, as it was switched, got {_word(on)}; it was reset, "
                    "switched at its front panel, or its protection has tripped"
                )

    def safe(self) -> str:
        """See :meth:`harness.instruments.roles.Instrument.safe`: the output is off."""
        failure: InstrumentError | None = None
        for _ in range(_ATTEMPTS):
            try:
                with self._port.held():
                    self._port.reopen()
                    # First of all, and without waiting for anything: it may obey although it does not answer.
                    if self._channel is not None:
                        self._scpi.blindly(f"INST:NSEL {self._channel}")
                    self._scpi.blindly("OUTP OFF")
                    self._told["OUTP"] = False
                    self._select()
                    if self._output():
                        raise self._port.error("'OUTP?': expected 0 after OUTP OFF, got 1; switch it off by hand")
            except InstrumentError as error:
                failure = error
            else:
                self._note(f"{self.name}: off (read back)")
                return "off"
        assert failure is not None
        raise failure

    def disconnect(self) -> None:
        """See :meth:`harness.instruments.roles.Instrument.disconnect`."""
        self._port.disconnect()

    # -- how -------------------------------------------------------------------------------------------------------

    def _select(self) -> None:
        """Speak to the channel of ours, whichever was chosen at the front panel."""
        if self._channel is None:
            return
        self._scpi.order(f"INST:NSEL {self._channel}")
        selected = self._scpi.number("INST:NSEL?", f"channel {self._channel}")
        if selected != self._channel:
            raise self._port.error(f"'INST:NSEL?': expected {self._channel}, got {selected:g}; has it that channel?")

    def _set(self, word: str, number: float, unit: str, note: bool) -> None:
        with self._port.held():
            self._select()
            self._scpi.order(f"{word} {number:.6g}")
            self._told[word] = number
            held = self._read_back(word, number, unit)
        if note:
            what = "voltage" if word == "VOLT" else "current limit"
            self._note(f"{self.name}: {what} {number:g} {unit} (read back {held:g} {unit})")

    def _read_back(self, word: str, number: float, unit: str) -> float:
        held = self._scpi.number(f"{word}?", f"{number:g} {unit}")
        if not abs(held - number) <= TOLERANCE + 1e-9:
            raise self._port.error(
                f"'{word}?': expected {number:g} {unit} (± {TOLERANCE:g}), as it was set, got {held:g} {unit}; it was "
                "reset, set at its front panel, or cannot be set so finely"
            )
        return held

    def _switch(self, on: bool) -> None:
        with self._port.held():
            self._select()
            self._scpi.order(f"OUTP {'ON' if on else 'OFF'}")
            self._told["OUTP"] = on
            if self._output() is not on:
                raise self._port.error(
                    f"'OUTP?': expected {_word(on)} after switching it {_word(on)}, got {_word(not on)}; has its "
                    "protection tripped?"
                )
        self._note(f"{self.name}: {_word(on)} (read back)")

    def _output(self) -> bool:
        text = self._scpi.ask("OUTP?", "0 or 1")
        state = _STATES.get(text.upper())
        if state is None:
            raise self._port.error(f"'OUTP?': expected 0 or 1, got {text!r}; is it a SCPI power supply?")
        return state

    def _refuse_too_much(self, what: str) -> None:
        """Whoever set the supply before us may have set more than the limits allow."""
        self._select()
        for word, unit, most, limit in (
            ("VOLT", "V", self.max_voltage, "max_voltage"),
            ("CURR", "A", self.max_current, "max_current"),
        ):
            held = self._scpi.number(f"{word}?", f"at most {most:g} {unit}")
            if not held <= most + TOLERANCE:
                done = f"it is now {self.safe()}" if what == "is on" else "nothing was switched"
                raise self._port.error(
                    f"expected at most {most:g} {unit} ({limit} in the bench file), got {held:g} {unit}, with which it "
                    f"{what}; {done}; set it to less first"
                )

    def _measured(self, question: str, unit: str) -> float:
        with self._port.held():
            self._select()
            value = self._scpi.measure(question, f"a number of {unit}")
        if abs(value) == float("inf"):
            raise self._port.error(f"{question!r}: expected a number of {unit}, got an overload")
        return value


def _word(on: bool) -> str:
    return "on" if on else "off"
