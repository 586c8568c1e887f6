"""Nodes that are faulty on the bus: cycles, ranges, load, recovery."""

from __future__ import annotations

from typing import Any

from mutant import Mutant, late, mutant

from harness.bus.port import ErrorState
from harness.ecu import Ecu
from harness.frames import Frame
from harness.units import Duration, ms, us
from simulators.bcm import Bcm
from simulators.bms import Bms
from simulators.esp import Esp
from simulators.gw import Gw
from simulators.hvac import Hvac
from simulators.ic import Ic
from simulators.inv import Inv
from simulators.vcu import Vcu

# -- cycles, ranges, load ----------------------------------------------------------------------------------------------


def slower(model: type[Ecu], message: str, percent: int) -> Any:
    """The method ``start`` of a node that sends this message with a longer cycle."""

    def start(self: Ecu) -> None:
        model.start(self)
        tx = self.tx(message)
        tx._step = (tx.plan.cycle_ns or 0) * (100 + percent) // 100

    return start


def babbling(model: type[Ecu], message: str, period: Duration) -> Any:
    """The method ``start`` of a node that sends this message also when nothing asks for it."""

    def start(self: Ecu) -> None:
        model.start(self)
        self.every(period, self.tx(message).send_now)

    return start


def late_start(model: type[Ecu], message: str, by: Duration) -> Any:
    """The method ``start`` of a node whose first frame of this message comes late."""

    def start(self: Ecu) -> None:
        model.start(self)
        self.tx(message).stop()
        self.after(by, self.tx(message).start)

    return start


def silent_after_a_reset(self: Bcm) -> None:
    Bcm.start(self)
    self.nvm["starts"] = self.nvm.get("starts", 0) + 1
    if self.nvm["starts"] > 1:
        self.tx("WiperStatus").stop()


def stranger_in_limp(self: Vcu, code: int) -> None:
    Vcu.limp(self, code)
    self._links["powertrain"].port.send(Frame(0x6A1, b"\x01\x02"))


def network_status_too_long(self: Gw) -> None:
    Gw.fall_asleep(self)
    if self.state == "PrepareSleep":
        self._links["powertrain"].port.send(Frame(0x400, bytes(3)))


def impossible_pack_voltage(self: Bms) -> None:
    Bms.report_contactors(self)
    if self.plant["cell_voltage_max"] > 5.0:
        self.tx("BatteryStatus").set({"PackVoltage": 700.0}, force=True)


def unnamed_reason(self: Vcu) -> None:
    Vcu.report(self)
    if self.machine.state == "Fault":
        self.tx("DriveStatus").set({"GearRefusedReason": 7}, force=True)


def babbling_when(condition: Any, model: type[Ecu], message: str, period: Duration) -> Any:
    """The method ``start`` of a node that sends this message over and over while a condition holds."""

    def start(self: Ecu) -> None:
        model.start(self)
        self.every(period, lambda: self.tx(message).send_now() if condition(self) else None)

    return start


def answering(message: str, times: int) -> Any:
    """A method that sends a message many times whenever the stalk is moved."""

    def stalk_moved(self: Bcm, value: float, previous: float | None) -> None:
        Bcm.stalk_moved(self, value, previous)
        for _ in range(times):
            self.tx(message).send_now()

    return stalk_moved


# -- bus-off -----------------------------------------------------------------------------------------------------------


def restarting(model: type[Ecu], after: int | None) -> Any:
    """The method ``start`` of a node whose controller comes back from bus-off so much later, ns; None: never."""

    def start(self: Ecu) -> None:
        model.start(self)
        for link in self._links.values():
            link.port._restart_after = after

    return start


def deaf_after_bus_off(self: Ic) -> None:
    Ic.start(self)
    self.deaf_until = 0

    def struck(state: ErrorState) -> None:
        if state is ErrorState.BUS_OFF:
            self.deaf_until = self.now + 600_000_000

    self._links["body"].port.on_state(struck)


def unless_deaf(self: Ic) -> None:
    if self.now >= getattr(self, "deaf_until", 0):
        Ic.show_telltales(self)


def bus_off_forgives_pedals(self: Vcu) -> None:
    if self._links["powertrain"].port.state is ErrorState.BUS_OFF:
        self.pedals_heard = self.now
    Vcu.supervise_pedals(self)


def off_when_passive(self: Bcm) -> None:
    Bcm.start(self)

    def struck(state: ErrorState) -> None:
        if state is ErrorState.PASSIVE:
            self.network.sleep()
            self.after(1_000 * ms, self.network.wake)

    self._links["body"].port.on_state(struck)


NETWORK: tuple[Mutant, ...] = (
    # -- VEH-060: cycles ---------------------------------------------------------------------------------------------
    mutant("VEH-060", "time", "wheel speeds come 12 % too slowly", Esp,
           "test_cycle_times", "WheelSpeeds", start=slower(Esp, "WheelSpeeds", 12)),
    mutant("VEH-060", "time", "motor limits come 12 % too fast", Inv,
           "test_cycle_times", "MotorLimits", start=slower(Inv, "MotorLimits", -12)),
    mutant("VEH-060", "check", "brake status comes also in between", Esp,
           "test_cycle_times", "BrakeStatus", start=babbling(Esp, "BrakeStatus", 130 * ms)),
    mutant("VEH-060", "check", "lock status is sent without an event", Bcm,
           "test_no_events_without_reason", "LockStatus", start=babbling(Bcm, "LockStatus", 330 * ms)),
    mutant("VEH-060", "time", "first wheel speeds come after 50 ms", Esp,
           "test_first_frames_after_power_on", "WheelSpeeds", start=late_start(Esp, "WheelSpeeds", 50 * ms)),
    mutant("VEH-060", "time", "battery wakes up 60 ms late", Bms,
           "test_first_frames_after_wake_up", "Battery", follow_network=late(Bms.follow_network, 60 * ms)),
    mutant("VEH-060", "state", "wiper status is silent after a reset", Bcm,
           "test_cycle_times_after_a_reset", "WiperStatus", start=silent_after_a_reset),
    # -- VEH-061: frames as defined ----------------------------------------------------------------------------------
    mutant("VEH-061", "check", "a frame that nobody knows is sent in Limp", Vcu,
           "test_all_frames_are_as_defined", "0x6A1", limp=stranger_in_limp),
    mutant("VEH-061", "check", "network status is too long before the networks sleep", Gw,
           "test_all_frames_are_as_defined", "NetworkStatus",
           fall_asleep=network_status_too_long, AWAKE_TIME=1_500 * ms),
    mutant("VEH-061", "threshold", "pack voltage leaves its range", Bms,
           "test_all_frames_are_as_defined", "PackVoltage", report_contactors=impossible_pack_voltage),
    mutant("VEH-061", "state", "a value without a name is sent in Fault", Vcu,
           "test_all_frames_are_as_defined", "GearRefusedReason", report=unnamed_reason),
    # -- VEH-062: load -----------------------------------------------------------------------------------------------
    mutant("VEH-062", "threshold", "inverter talks all the time at high speed", Inv,
           "test_load_stays_below_60_percent", "peak_load",
           start=babbling_when(lambda self: self.plant["vehicle_speed"] > 240.0, Inv, "MotorLimits", 560 * us)),
    mutant("VEH-062", "time", "cluster talks for a second after a crash", Ic,
           "test_load_stays_below_60_percent", "peak_load",
           start=babbling_when(lambda self: self.text("CrashHold") == "Active", Ic, "ClusterDisplay", 250 * us)),
    mutant("VEH-062", "check", "each move of the stalk is answered a hundred times", Bcm,
           "test_load_stays_below_60_percent_in_a_storm_of_events", "peak_load",
           stalk_moved=answering("LampStatus", 100)),
    # -- VEH-063: bus-off --------------------------------------------------------------------------------------------
    mutant("VEH-063", "time", "battery comes back from bus-off after 250 ms", Bms,
           "test_node_comes_back_after_bus_off", "BUS_OFF", start=restarting(Bms, 250_000_000)),
    mutant("VEH-063", "state", "climate control stays bus-off", Hvac,
           "test_node_comes_back_after_bus_off", "BUS_OFF", start=restarting(Hvac, None)),
    mutant("VEH-063", "time", "cluster does its work again 600 ms after bus-off", Ic,
           "test_node_comes_back_after_bus_off", "TelltaleAirbag",
           start=deaf_after_bus_off, show_telltales=unless_deaf),
    mutant("VEH-063", "check", "pedals missed during bus-off are forgiven", Vcu,
           "test_missed_pedals_lead_to_limp", "DriveState", supervise_pedals=bus_off_forgives_pedals),
    mutant("VEH-063", "threshold", "body control falls silent when error passive", Bcm,
           "test_fewer_faults_leave_a_node_on_the_bus", "BrakeLamp", start=off_when_passive),
)  # fmt: skip
