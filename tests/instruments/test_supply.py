"""The SCPI power supply against an emulated one: what it does, and that nothing that comes back is trusted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from emulated import LIMITS, opened, supply_spec

from harness.errors import ConfigError, InstrumentError, UnitError
from harness.instruments import InstrumentSpec, open_instrument
from harness.instruments.hooks import Hooks
from harness.instruments.port import LONGEST_ANSWER
from harness.units import A, V, kmh, mA, mV
from harness.wall import clock_ns

pytest.importorskip("serial", reason="instruments need pyserial")
emulators = pytest.importorskip("harness.instruments.emulators", reason="pseudo-terminals exist on POSIX only")
Fault, SupplyEmulator = emulators.Fault, emulators.SupplyEmulator


@pytest.fixture
def emulated() -> Iterator[Any]:
    with SupplyEmulator(load_ohm=10.0) as emulator:
        yield emulator


@pytest.fixture
def notes() -> list[str]:
    return []


@pytest.fixture
def supply(emulated: Any, notes: list[str]) -> Iterator[Any]:
    instrument = opened(supply_spec(emulated.port), Hooks(notes.append))
    yield instrument
    instrument.disconnect()


def test_what_is_set_is_there(supply: Any, emulated: Any, notes: list[str]) -> None:
    supply.set_voltage(12 * V)
    supply.set_current_limit(1500 * mA)
    supply.switch_on()
    assert supply.is_on() and emulated.output.on
    assert (emulated.output.set_voltage, emulated.output.current_limit) == (12.0, 1.5)
    assert supply.voltage() == 12.0 and supply.current() == 1.2
    supply.set_voltage(6.0)
    assert supply.voltage() == 6.0
    supply.switch_off()
    assert not supply.is_on() and not emulated.output.on
    supply.check()
    assert supply.identity == emulated.identity
    assert notes == [
        "supply: voltage 12 V (read back 12 V)",
        "supply: current limit 1.5 A (read back 1.5 A)",
        "supply: on (read back)",
        "supply: voltage 6 V (read back 6 V)",
        "supply: off (read back)",
    ]


def test_in_current_limit_the_voltage_breaks_down(supply: Any) -> None:
    supply.set_voltage(12 * V)
    supply.set_current_limit(500 * mA)
    supply.switch_on()
    assert supply.voltage() == 5.0 and supply.current() == 0.5


def test_opening_changes_nothing(emulated: Any) -> None:
    emulated.output.set_voltage, emulated.output.on = 9.0, True
    open_instrument(supply_spec(emulated.port)).disconnect()
    assert emulated.output.on and emulated.output.set_voltage == 9.0
    assert all(command.endswith("?") for command in emulated.received)


# -- limits ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("voltage", [15.001, 16 * V, 1e9, -0.001, -1 * V, float("nan"), float("inf"), 15001 * mV])
def test_no_voltage_outside_the_limits_is_sent(supply: Any, emulated: Any, voltage: Any) -> None:
    before = len(emulated.received)
    with pytest.raises(
        InstrumentError, match=r"from 0 to 15 V \(max_voltage in the bench file\), got .* nothing was sent"
    ):
        supply.set_voltage(voltage)
    assert len(emulated.received) == before


@pytest.mark.parametrize("current", [2.001, 3 * A, -1 * mA, float("nan")])
def test_no_current_outside_the_limits_is_sent(supply: Any, emulated: Any, current: Any) -> None:
    before = len(emulated.received)
    with pytest.raises(InstrumentError, match="from 0 to 2 A"):
        supply.set_current_limit(current)
    assert len(emulated.received) == before


def test_a_wrong_unit_is_refused(supply: Any, emulated: Any) -> None:
    before = len(emulated.received)
    with pytest.raises(UnitError, match="voltage of supply"):
        supply.set_voltage(50 * kmh)
    with pytest.raises(UnitError):
        supply.set_voltage(2 * A)
    assert len(emulated.received) == before


def test_the_limits_themselves_are_allowed(supply: Any, emulated: Any) -> None:
    supply.set_voltage(15 * V)
    supply.set_current_limit(2 * A)
    supply.set_voltage(0)
    assert (emulated.output.set_voltage, emulated.output.current_limit) == (0.0, 2.0)


@pytest.mark.parametrize(
    ("field", "value", "limit"), [("set_voltage", 30.0, "max_voltage"), ("current_limit", 5.0, "max_current")]
)
def test_what_somebody_else_set_is_not_switched_on(
    supply: Any, emulated: Any, field: str, value: float, limit: str
) -> None:
    setattr(emulated.output, field, value)
    with pytest.raises(
        InstrumentError, match=f"{limit} in the bench file.*with which it would be on; nothing was switched"
    ):
        supply.switch_on()
    assert not emulated.output.on and "OUTP ON" not in emulated.received


def test_a_supply_that_is_on_with_too_much_is_switched_off_and_refused(emulated: Any) -> None:
    emulated.output.set_voltage, emulated.output.on = 30.0, True
    why = r"expected at most 15 V .* got 30 V, with which it is on; it is now off"
    with pytest.raises(InstrumentError, match=why) as caught:
        open_instrument(supply_spec(emulated.port))
    assert not emulated.output.on
    open_instrument(supply_spec(emulated.port)).disconnect()  # the port was let go of, though the error is still here
    assert caught.value


# -- what comes back is not trusted ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "got"),
    [
        (Fault.SILENCE, "got no answer within 200 ms"),
        (Fault.DEAF, "got no answer within 200 ms"),
        (Fault.GARBAGE, r"got b'\\xff"),
        (Fault.HALF, "got (half an answer, )?b'.*',? within 200 ms"),
        (Fault.ECHO, "it echoes what it is sent"),
        (Fault.STUCK, "expected"),
    ],
)
@pytest.mark.parametrize("action", ["set_voltage", "switch_on", "safe"])
def test_a_faulty_supply_is_found(supply: Any, emulated: Any, fault: Any, got: str, action: str) -> None:
    supply.set_voltage(5 * V)
    emulated.output.on = action == "safe"
    emulated.fault = fault
    with pytest.raises(InstrumentError, match=f"^supply on {emulated.port}: .*{got}"):
        supply.set_voltage(12 * V) if action == "set_voltage" else getattr(supply, action)()


@pytest.mark.parametrize("question", ["voltage", "current", "is_on", "check"])
@pytest.mark.parametrize("fault", [Fault.SILENCE, Fault.GARBAGE, Fault.HALF, Fault.ECHO])
def test_a_faulty_answer_is_found(supply: Any, emulated: Any, fault: Any, question: str) -> None:
    emulated.fault = fault
    with pytest.raises(InstrumentError, match=f"^supply on {emulated.port}: .*expected .* got "):
        getattr(supply, question)()


def test_a_decimal_comma_is_no_number(supply: Any, emulated: Any) -> None:
    supply.set_voltage(12 * V)
    emulated.fault = Fault.COMMA
    with pytest.raises(
        InstrumentError, match=r"'MEAS:VOLT[?]': expected a number of V, got '0,0000'; it must answer decimal"
    ):
        supply.voltage()


@pytest.mark.parametrize("text", ["12.0V", "1 2", "0x10", "nan", "inf", "", "12.0;13.0", "١٢", "9.91E37", "9.9E37"])
def test_other_writings_are_no_number(supply: Any, emulated: Any, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    normal = emulated.answer
    monkeypatch.setattr(emulated, "answer", lambda word: text if word == "MEAS:VOLT" else normal(word))
    with pytest.raises(InstrumentError, match="MEAS:VOLT"):
        supply.voltage()


def test_a_value_that_the_supply_does_not_hold_is_found(
    supply: Any, emulated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    normal = emulated.answer
    monkeypatch.setattr(emulated, "answer", lambda word: "11.98" if word == "VOLT" else normal(word))
    with pytest.raises(
        InstrumentError, match=r"'VOLT[?]': expected 12 V \(± 0.01\), as it was set, got 11.98 V; it was reset"
    ):
        supply.set_voltage(12 * V)


def test_rounding_to_its_own_steps_is_allowed(supply: Any, emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    normal = emulated.answer
    monkeypatch.setattr(emulated, "answer", lambda word: "12.01" if word == "VOLT" else normal(word))
    supply.set_voltage(12.004)


def test_an_error_in_its_queue_is_told(supply: Any, emulated: Any) -> None:
    emulated.errors.extend(['-350,"Queue overflow"', '-222,"Data out of range"'])
    with pytest.raises(InstrumentError, match=r"'VOLT 12': expected no error, got -350,\"Queue overflow\"; -222"):
        supply.set_voltage(12 * V)
    supply.set_voltage(12 * V)  # the queue is empty now


def test_an_error_of_a_measurement_is_told(supply: Any, emulated: Any) -> None:
    emulated.errors.append('-240,"Hardware error"')
    with pytest.raises(InstrumentError, match="Hardware error"):
        supply.voltage()


def test_a_queue_that_never_ends_is_no_trap(supply: Any, emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emulated, "common", lambda word: '-1,"again"' if word == "SYST:ERR" else None)
    with pytest.raises(InstrumentError, match="again"):
        supply.set_voltage(12 * V)


def test_errors_from_before_the_run_are_noted(emulated: Any, notes: list[str]) -> None:
    emulated.errors.append('-113,"Undefined header"')
    open_instrument(supply_spec(emulated.port), Hooks(notes.append)).disconnect()
    assert notes == ['supply: errors from before this run: -113,"Undefined header"']


def test_an_answer_without_end_is_cut(supply: Any, emulated: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    supply._port.settings = type(supply._port.settings)()  # two seconds again: the noise takes its time
    monkeypatch.setattr(emulated, "handle", lambda _: emulated.send(b"x" * 2 * LONGEST_ANSWER) or b"")
    with pytest.raises(InstrumentError, match=r"without an end|half an answer"):
        supply.is_on()


# -- resets ------------------------------------------------------------------------------------------------------------


def test_a_reset_with_a_banner_is_found_at_the_next_question(
    supply: Any, emulated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulated, "banner", lambda: b"booting...\r\n")
    emulated.reset()
    deadline = clock_ns() + 10_000_000_000
    while not supply._port._device.in_waiting and clock_ns() < deadline:
        pass  # a terminal hands on what is written a little later
    with pytest.raises(InstrumentError, match=r"expected nothing before it is asked, got b'booting.*has it been reset"):
        supply.voltage()
    assert supply.voltage() == 0.0  # and then they understand each other again


def test_a_silent_reset_is_found_by_a_check(supply: Any, emulated: Any) -> None:
    supply.set_voltage(12 * V)
    supply.switch_on()
    supply.check()
    emulated.reset()
    with pytest.raises(InstrumentError, match=r"expected 12 V .* as it was set, got 0 V; it was reset"):
        supply.check()


def test_an_output_that_tripped_is_found_by_a_check(supply: Any, emulated: Any) -> None:
    supply.set_voltage(12 * V)
    supply.switch_on()
    emulated.output.on = False
    with pytest.raises(
        InstrumentError, match=r"expected the output on, as it was switched, got off; .* protection has tripped"
    ):
        supply.check()


@pytest.mark.parametrize("command", ["VOLT 12", "SYST:ERR?", "VOLT?"])
def test_a_reset_in_the_middle_is_found(supply: Any, emulated: Any, command: str) -> None:
    emulated.output.on = True
    emulated.reset_at = command
    with pytest.raises(InstrumentError):
        supply.set_voltage(12 * V)
    assert emulated.resets == 1


def test_after_a_late_answer_question_and_answer_fit_again(supply: Any, emulated: Any) -> None:
    supply.set_voltage(12 * V)
    supply.switch_on()
    emulated.delay_s = 1.0  # the answer comes when nobody waits for it any more
    with pytest.raises(InstrumentError, match="got no answer"):
        supply.voltage()
    emulated.delay_s = 0.0
    supply._port.settings = type(supply._port.settings)()
    assert supply.is_on() is True  # and not the voltage that comes now
    assert supply.current() == 1.0


def test_an_interrupted_question_leaves_no_answer_behind(
    supply: Any, emulated: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C between question and answer: the next answer belongs to the next question."""
    read_to = supply._port.read_to

    def interrupted(*_: object) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(supply._port, "read_to", interrupted)
    with pytest.raises(KeyboardInterrupt):
        supply.voltage()
    monkeypatch.setattr(supply._port, "read_to", read_to)
    assert supply.safe() == "off"
    assert supply.current() == 0.0


# -- the safe state ----------------------------------------------------------------------------------------------------


def test_the_safe_state_is_off(supply: Any, emulated: Any, notes: list[str]) -> None:
    supply.set_voltage(12 * V)
    supply.switch_on()
    assert supply.safe() == "off" and not emulated.output.on
    assert supply.safe() == "off"
    supply.check()
    assert notes[-1] == "supply: off (read back)"


@pytest.mark.parametrize("fault", [Fault.SILENCE, Fault.GARBAGE, Fault.HALF])
def test_a_supply_that_does_not_answer_is_switched_off_all_the_same(supply: Any, emulated: Any, fault: Any) -> None:
    emulated.output.on = True
    emulated.fault = fault
    with pytest.raises(InstrumentError):
        supply.safe()
    emulated.wait_for(lambda: not emulated.output.on)


def test_also_when_question_and_answer_do_not_fit_any_more(supply: Any, emulated: Any) -> None:
    emulated.output.on = True
    emulated.fault = Fault.SILENCE
    with pytest.raises(InstrumentError):
        supply.voltage()
    emulated.received.clear()
    with pytest.raises(InstrumentError):
        supply.safe()
    emulated.wait_for(lambda: not emulated.output.on)
    assert emulated.received[0] == "OUTP OFF"  # before anything is waited for


def test_a_supply_that_stays_on_is_not_confirmed(supply: Any, emulated: Any) -> None:
    emulated.output.on = True
    emulated.fault = Fault.STUCK
    with pytest.raises(InstrumentError, match="expected 0 after OUTP OFF, got 1; switch it off by hand"):
        supply.safe()


def test_an_old_error_does_not_keep_it_from_being_safe(supply: Any, emulated: Any) -> None:
    emulated.output.on = True
    emulated.errors.append('-222,"Data out of range"')
    assert supply.safe() == "off" and not emulated.output.on


def test_unplugged_it_is_told_and_plugged_in_again_it_becomes_safe(supply: Any, emulated: Any) -> None:
    supply.set_voltage(12 * V)
    supply.switch_on()
    emulated.unplug()
    with pytest.raises(InstrumentError, match=f"^supply on {emulated.port}: its port is gone: .*still plugged in"):
        supply.voltage()
    with pytest.raises(InstrumentError, match="its port is gone"):
        supply.set_voltage(5 * V)
    with pytest.raises(InstrumentError, match="cannot be opened"):
        supply.safe()
    emulated.plug()
    assert supply.safe() == "off" and not emulated.output.on


def test_another_device_at_the_same_port_is_not_taken_for_it(supply: Any, emulated: Any) -> None:
    emulated.unplug()
    with pytest.raises(InstrumentError):
        supply.voltage()
    emulated.identity = "another,device,2,2"
    emulated.plug()
    with pytest.raises(InstrumentError, match=r"'\*IDN[?]': expected 'vehicle-harness,emulated supply.*got b'another"):
        supply.safe()


# -- channels and specs ------------------------------------------------------------------------------------------------


def test_a_supply_with_several_channels() -> None:
    with SupplyEmulator(channels=3) as emulated:
        supply = opened(supply_spec(emulated.port, channel=2))
        supply.set_voltage(12 * V)
        emulated._selected = 0  # somebody presses a key at its front panel
        supply.switch_on()
        emulated._selected = 2
        supply.set_voltage(5 * V)
        assert [output.on for output in emulated.outputs] == [False, True, False]
        assert [output.set_voltage for output in emulated.outputs] == [0.0, 5.0, 0.0]
        emulated._selected = 0
        emulated.outputs[0].on = True
        assert supply.safe() == "off"
        assert [output.on for output in emulated.outputs] == [True, False, False]
        supply.disconnect()


def test_a_channel_that_it_does_not_have() -> None:
    with SupplyEmulator() as emulated, pytest.raises(InstrumentError, match="INST:NSEL 4"):
        open_instrument(supply_spec(emulated.port, channel=4))


def test_the_wrong_device_is_not_driven(emulated: Any) -> None:
    with pytest.raises(
        InstrumentError, match="expected an identity with 'RIGOL', got 'vehicle-harness,emulated supply"
    ):
        open_instrument(supply_spec(emulated.port, identity="RIGOL"))
    assert set(emulated.received) == {"*IDN?"}
    open_instrument(supply_spec(emulated.port, identity="EMULATED supply")).disconnect()


def test_a_spec_without_limits_opens_nothing(emulated: Any) -> None:
    with pytest.raises(ConfigError, match=r"options of instrument 'supply'.*max_current"):
        open_instrument(
            InstrumentSpec("supply", "scpi-supply", emulated.port, options={"max_voltage": LIMITS["max_voltage"]})
        )
    assert emulated.received == []
