"""State machines of models."""

from __future__ import annotations

import pytest

from harness.ecu import Ecu, StateMachine
from harness.errors import SimulationError
from harness.units import ms
from tests.ecu.cars import Vehicle
from tests.restbus.scripted_port import MS


class Drive(Ecu):
    """Off -> Precharge -> Ready, with a time-out."""

    def start(self) -> None:
        self.log: list[object] = []
        self.machine = StateMachine(self, "Off", states=("Off", "Precharge", "Ready", "Fault"))

    def exit_off(self) -> None:
        self.log.append("exit off")

    def enter_off(self) -> None:
        self.log.append("enter off")

    def enter_precharge(self) -> None:
        self.log.append(("enter precharge", self.machine.state, self.now))
        self.machine.after(800 * ms, lambda: self.machine.to("Fault"))
        self.machine.every(100 * ms, lambda: self.log.append("charging"))

    def exit_precharge(self) -> None:
        self.log.append(("exit precharge", self.machine.state))

    def enter_fault(self) -> None:
        self.machine.to("Off")


@pytest.fixture
def drive() -> tuple[Vehicle, Drive]:
    car = Vehicle()
    return car, car.add(Drive)


def test_entry_and_exit_in_order(drive: tuple[Vehicle, Drive]) -> None:
    car, ecu = drive
    assert (ecu.machine.state, ecu.machine.since, ecu.log) == ("Off", 0, [])
    car.until(5)
    ecu.machine.to("Precharge")
    ecu.machine.to("Precharge")  # already there
    car.until(7)
    assert ecu.log == ["exit off", ("enter precharge", "Precharge", 5 * MS)]
    assert (ecu.machine.since, ecu.machine.elapsed, str(ecu.machine)) == (5 * MS, 2 * MS, "Precharge")


def test_timers_end_with_their_state(drive: tuple[Vehicle, Drive]) -> None:
    car, ecu = drive
    ecu.machine.to("Precharge")
    car.until(250)
    ecu.machine.to("Ready")
    car.until(2000)
    assert ecu.machine.state == "Ready"
    assert ecu.log[2:] == ["charging", "charging", ("exit precharge", "Precharge")]


def test_a_timer_may_change_the_state_and_an_entry_too(drive: tuple[Vehicle, Drive]) -> None:
    car, ecu = drive
    ecu.machine.to("Precharge")
    car.until(799)
    assert ecu.machine.state == "Precharge"
    car.until(801)
    assert (ecu.machine.state, ecu.machine.since) == ("Off", 800 * MS)
    assert ecu.log[-1] == "enter off"


def test_a_reset_cancels_the_machines_timers(drive: tuple[Vehicle, Drive]) -> None:
    car, ecu = drive
    ecu.machine.to("Precharge")
    old = ecu.machine
    car.until(50)
    ecu.reset()
    car.until(2000)
    assert old.state == "Precharge"  # its time-out never came
    assert (ecu.machine.state, ecu.log) == ("Off", [])


def test_power_off_cancels_the_machines_timers(drive: tuple[Vehicle, Drive]) -> None:
    car, ecu = drive
    ecu.machine.to("Precharge")
    ecu.power_off()
    car.until(2000)
    assert ecu.machine.state == "Precharge"


def test_an_unknown_state_is_refused(drive: tuple[Vehicle, Drive]) -> None:
    _, ecu = drive
    with pytest.raises(SimulationError, match="DASH has no state 'Redy'; did you mean 'Ready'"):
        ecu.machine.to("Redy")
    with pytest.raises(SimulationError, match="no state 'On'"):
        StateMachine(ecu, "On", states=("Off",))


def test_an_exit_action_must_not_change_the_state() -> None:
    class Wrong(Drive):
        def exit_off(self) -> None:
            self.machine.to("Fault")

    ecu = Vehicle().add(Wrong)
    with pytest.raises(SimulationError, match="exit_off tried to change the state to 'Fault'"):
        ecu.machine.to("Ready")


def test_two_machines_have_prefixes() -> None:
    class Doors(Ecu):
        def start(self) -> None:
            self.log: list[str] = []
            self.left = StateMachine(self, "Closed", prefix="left")
            self.right = StateMachine(self, "Closed", prefix="right")

        def enter_left_open(self) -> None:
            self.log.append("left open")

    ecu = Vehicle().add(Doors)
    ecu.left.to("Open")
    ecu.right.to("Open")
    assert ecu.log == ["left open"]


def test_timers_run_on_the_nodes_clock() -> None:
    car = Vehicle()
    ecu = car.add(Drive, drift_ppm=1000.0)
    ecu.machine.to("Precharge")
    car.until(799.3)
    assert ecu.machine.state == "Off"
