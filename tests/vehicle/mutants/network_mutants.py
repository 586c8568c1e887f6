"""Faulty gateways, and faults of nodes on the bus: cycles, ranges, load, recovery, sleep."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mutant import Mutant, late, mutant

from harness.bus.port import ErrorState
from harness.ecu import Ecu, RxMessage
from harness.frames import Frame, Received
from harness.units import Duration, ms, us
from simulators.bcm import Bcm
from simulators.bms import Bms
from simulators.body_node import BodyNode
from simulators.esp import Esp
from simulators.gw import Gw
from simulators.hvac import Hvac
from simulators.ic import Ic
from simulators.inv import Inv
from simulators.powertrain import PowertrainEcu
from simulators.vcu import Vcu

# -- speed on both networks, and forwarding ----------------------------------------------------------------------------


def late_copy(name: str, by: Duration) -> Any:
    """Copies of this message come late, with the values of that time."""

    def send_copy(self: Gw, message: RxMessage) -> None:
        if message.name == name:
            payload = self.routes[name].payload(message.data or b"")
            self.after(by, lambda: self.routes[name].copy.forward(payload))
        else:
            Gw.send_copy(self, message)

    return send_copy


def wrong_copy(signal: str, factor: float) -> Any:
    """Copies carry this signal times a factor."""

    def send_copy(self: Gw, message: RxMessage) -> None:
        route = self.routes[message.name]
        if signal not in message.values:
            return Gw.send_copy(self, message)
        payload = bytearray(route.payload(message.data or b""))
        raw = message.plan.message.codec.signal_raw(signal)(message.data or b"")
        route.copy.plan.message.codec.writer(f"{signal}Body")(payload, int((raw or 0) * factor))
        route.copy.forward(bytes(payload))
        return None

    return send_copy


def every_third_speed(self: Gw, message: RxMessage) -> None:
    self.speeds = getattr(self, "speeds", 0) + (message.name == "VehicleSpeed")
    if message.name != "VehicleSpeed" or self.speeds % 3 == 0:
        Gw.send_copy(self, message)


def speed_that_stays(self: Gw, message: RxMessage) -> None:
    if message.name == "VehicleSpeed":
        now = self.routes[message.name].payload(message.data or b"")
        self.kept_speed = now if message.values["VehicleSpeed"] < 20.0 else getattr(self, "kept_speed", now)
        self.routes[message.name].copy.forward(self.kept_speed)
    else:
        Gw.send_copy(self, message)


def lossy(self: Gw, message: RxMessage) -> None:
    self.copies = getattr(self, "copies", 0) + 1
    if self.copies % 50:
        Gw.send_copy(self, message)


def doubling(self: Gw, message: RxMessage) -> None:
    self.copies = getattr(self, "copies", 0) + 1
    Gw.send_copy(self, message)
    if self.copies % 50 == 0:
        Gw.send_copy(self, message)


def overtaking(self: Gw, message: RxMessage) -> None:
    """Each copy carries what the frame before said."""
    assert message.data is not None
    kept: dict[str, bytes] = self.__dict__.setdefault("kept", {})
    route = self.routes[message.name]
    payload = route.payload(message.data)
    route.copy.forward(kept.get(message.name, payload))
    kept[message.name] = payload


def idle_bus_only(self: Gw, message: RxMessage) -> bool:
    return Gw.may_forward(self, message) and self._links["powertrain"].port.bus.load(10_000_000) < 0.45  # type: ignore[attr-defined]


def not_routed(name: str) -> Any:
    return lambda self, message: message.name != name and Gw.may_forward(self, message)


# -- what must not be forwarded ----------------------------------------------------------------------------------------


def forwarding(keys: Collection[int] | None, source: str, target: str) -> Any:
    """The method ``start`` of a gateway that copies frames as they are; keys None: all that no database knows."""

    def start(self: Gw) -> None:
        Gw.start(self)
        link = self._links[source]
        known = {plan.message.key for plan in link.messages.values()}

        def copy(rx: Received) -> None:
            if keys is not None or rx.frame.key not in known:
                self._links[target].port.send(rx.frame)

        if not getattr(self, "copying", False):
            self.copying = True
            link.port.subscribe(copy, keys)

    return start


def wrong_frames_are_replaced(self: Gw, message: RxMessage) -> None:
    if message.data is not None:
        self.send_copy(message)


def first_wrong_frame_passes(self: Gw, message: RxMessage) -> None:
    if message.errors == 1 and message.data is not None:
        self.send_copy(message)


def closed_after_an_error(self: Gw, message: RxMessage) -> None:
    Gw.count_rejected(self, message)
    self.refused = {**getattr(self, "refused", {}), message.name: True}


def closed_routes(self: Gw, message: RxMessage) -> bool:
    return not getattr(self, "refused", {}).get(message.name) and Gw.may_forward(self, message)


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
            link.port._restart_after = after  # type: ignore[attr-defined]

    return start


def deaf_after_bus_off(self: Ic) -> None:
    Ic.start(self)
    self.deaf_until = 0

    def struck(state: ErrorState) -> None:
        if state is ErrorState.BUS_OFF:
            self.deaf_until = self.now + 600_000_000

    self._links["body"].port.on_state(struck)  # type: ignore[attr-defined]


def unless_deaf(self: Ic) -> None:
    if self.now >= getattr(self, "deaf_until", 0):
        Ic.show_telltales(self)


def bus_off_forgives_pedals(self: Vcu) -> None:
    if self._links["powertrain"].port.state is ErrorState.BUS_OFF:  # type: ignore[attr-defined]
        self.pedals_heard = self.now
    Vcu.supervise_pedals(self)


def off_when_passive(self: Bcm) -> None:
    Bcm.start(self)

    def struck(state: ErrorState) -> None:
        if state is ErrorState.PASSIVE:
            self.network.sleep()
            self.after(1_000 * ms, self.network.wake)

    self._links["body"].port.on_state(struck)  # type: ignore[attr-defined]


# -- sleep -------------------------------------------------------------------------------------------------------------


def awake_but_for(signal: str, value: str) -> Any:
    """What this signal says does not keep the networks awake."""

    def kept_awake(self: Gw) -> bool:
        text = self.text
        self.text = lambda name: None if name == signal and text(name) == value else text(name)  # type: ignore[method-assign]
        awake = Gw.kept_awake(self)
        self.text = text  # type: ignore[method-assign]
        return awake

    return kept_awake


def crash_hold_not_looked_at(self: Gw) -> bool:
    text = self.text
    hidden = ("CrashHold", "IndicatorMode")
    self.text = lambda name: None if name in hidden else text(name)  # type: ignore[method-assign]
    awake = Gw.kept_awake(self)
    self.text = text  # type: ignore[method-assign]
    return awake


def key_alone_wakes(self: Gw, value: float, previous: float | None) -> None:
    if self.text("RemoteCommand") in (None, "None"):
        Gw.key_event(self, value, previous)


def drivers_door_alone_wakes(self: Gw, value: float, previous: float | None) -> None:
    if self.state == "Awake" or self.text("DriverDoor") == "Open":
        Gw.door_event(self, value, previous)


def wakes_powertrain_only(self: Gw, reason: str) -> None:
    whole, self.network.wake = self.network.wake, lambda channel=None: whole("powertrain")  # type: ignore[method-assign]
    Gw.wake_up(self, reason)
    self.network.wake = whole  # type: ignore[method-assign]


def sleepless(self: PowertrainEcu, message: RxMessage) -> None:
    self.network.wake()


def deep_asleep(self: BodyNode) -> None:
    self.awake = True


def event_lost_while_falling_asleep(self: Gw, reason: str) -> None:
    if self.state != "PrepareSleep":
        Gw.event(self, reason)


def never_sleeps_after(self: Gw, reason: str) -> None:
    self.woken = True
    Gw.wake_up(self, reason)


def unless_woken(self: Gw) -> None:
    if not getattr(self, "woken", False):
        Gw.fall_asleep(self)


NETWORK: tuple[Mutant, ...] = (
    # -- VEH-015: speed on both networks -----------------------------------------------------------------------------
    mutant("VEH-015", "time", "speed is forwarded 130 ms late", Gw,
           "test_both_networks_show_the_same_speed", "min(", send_copy=late_copy("VehicleSpeed", 130 * ms)),
    mutant("VEH-015", "threshold", "speed on body is 1 % too high", Gw,
           "test_both_networks_show_the_true_speed", "VehicleSpeedBody", send_copy=wrong_copy("VehicleSpeed", 1.01)),
    mutant("VEH-015", "check", "every third speed is forwarded", Gw,
           "test_both_networks_show_the_same_speed", "min(", send_copy=every_third_speed),
    mutant("VEH-015", "state", "speed on body stays at 20 km/h", Gw,
           "test_both_networks_show_the_true_speed", "VehicleSpeedBody", send_copy=speed_that_stays),
    # -- VEH-050: forwarding -----------------------------------------------------------------------------------------
    mutant("VEH-050", "time", "frames are forwarded 5 ms late", Gw,
           "test_every_message_is_forwarded", "", send_copy=late(Gw.send_copy, 5 * ms)),
    mutant("VEH-050", "time", "a crash is forwarded 5 ms late", Gw,
           "test_change_arrives_in_time", "CrashDetectedBody", send_copy=late_copy("CrashStatus", 5 * ms)),
    mutant("VEH-050", "state", "every fiftieth frame is lost", Gw,
           "test_every_message_is_forwarded", "", send_copy=lossy),
    mutant("VEH-050", "state", "every fiftieth frame is forwarded twice", Gw,
           "test_every_message_is_forwarded", "", send_copy=doubling),
    mutant("VEH-050", "state", "copy carries what the frame before it said", Gw,
           "test_every_message_is_forwarded", "", send_copy=overtaking),
    mutant("VEH-050", "check", "climate's request is not forwarded", Gw,
           "test_every_message_is_forwarded", "", may_forward=not_routed("HvacRequest")),
    mutant("VEH-050", "threshold", "nothing is forwarded from 45 % load on", Gw,
           "test_any_traffic_is_forwarded", "", may_forward=idle_bus_only),
    # -- VEH-051: nothing else ---------------------------------------------------------------------------------------
    mutant("VEH-051", "check", "a message that is not listed is forwarded", Gw,
           "test_nothing_else_is_forwarded", "0x0F8", start=forwarding({0xF8}, "powertrain", "body")),
    mutant("VEH-051", "check", "unknown frames are forwarded to body", Gw,
           "test_unknown_frames_are_not_forwarded", "", start=forwarding(None, "powertrain", "body")),
    mutant("VEH-051", "check", "unknown frames are forwarded to powertrain", Gw,
           "test_unknown_frames_are_not_forwarded", "", start=forwarding(None, "body", "powertrain")),
    mutant("VEH-051", "check", "a wrong frame is replaced by the last right one", Gw,
           "test_wrong_checksum_is_not_forwarded", "silent", count_rejected=wrong_frames_are_replaced),
    mutant("VEH-051", "check", "the first wrong frame passes", Gw,
           "test_wrong_counter_is_not_forwarded", "True is False", count_rejected=first_wrong_frame_passes),
    mutant("VEH-051", "threshold", "counter may jump by up to 14", Gw,
           "test_wrong_counter_is_not_forwarded", "True is False", max_counter_delta=14),
    mutant("VEH-051", "state", "one wrong frame closes the route", Gw,
           "test_wrong_counter_is_not_forwarded", "assert False", count_rejected=closed_after_an_error, may_forward=closed_routes),
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
           "test_all_frames_are_as_defined", "NetworkStatus", fall_asleep=network_status_too_long, AWAKE_TIME=1_500 * ms),
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
           "test_load_stays_below_60_percent_in_a_storm_of_events", "peak_load", stalk_moved=answering("LampStatus", 100)),
    # -- VEH-063: bus-off --------------------------------------------------------------------------------------------
    mutant("VEH-063", "time", "battery comes back from bus-off after 250 ms", Bms,
           "test_node_comes_back_after_bus_off", "BUS_OFF", start=restarting(Bms, 250_000_000)),
    mutant("VEH-063", "state", "climate control stays bus-off", Hvac,
           "test_node_comes_back_after_bus_off", "BUS_OFF", start=restarting(Hvac, None)),
    mutant("VEH-063", "time", "cluster does its work again 600 ms after bus-off", Ic,
           "test_node_comes_back_after_bus_off", "TelltaleAirbag", start=deaf_after_bus_off, show_telltales=unless_deaf),
    mutant("VEH-063", "check", "pedals missed during bus-off are forgiven", Vcu,
           "test_missed_pedals_lead_to_limp", "DriveState", supervise_pedals=bus_off_forgives_pedals),
    mutant("VEH-063", "threshold", "body control falls silent when error passive", Bcm,
           "test_fewer_faults_leave_a_node_on_the_bus", "BrakeLamp", start=off_when_passive),
    # -- VEH-064: sleep ----------------------------------------------------------------------------------------------
    mutant("VEH-064", "time", "networks sleep after 5.2 s", Gw,
           "test_networks_sleep_5_seconds_after_key_off", "<= {'DOORS'", AWAKE_TIME=5_200 * ms),
    mutant("VEH-064", "time", "networks sleep after 4.9 s", Gw,
           "test_networks_sleep_5_seconds_after_key_off", "", AWAKE_TIME=4_900 * ms),
    mutant("VEH-064", "threshold", "networks sleep with 70 V in the DC link", Gw,
           "test_charged_dc_link_keeps_the_networks_awake", "BMS", SAFE_DC_LINK_V=70.0),
    mutant("VEH-064", "time", "networks wake 150 ms late", Gw,
           "test_event_wakes_both_networks", "NetworkState", wake_up=late(Gw.wake_up, 150 * ms)),
    mutant("VEH-064", "check", "open boot lid keeps nobody awake", Gw,
           "test_networks_stay_awake_with_reason", "senders", kept_awake=awake_but_for("BootLid", "Open")),
    mutant("VEH-064", "check", "key in Accessory keeps nobody awake", Gw,
           "test_networks_stay_awake_with_reason", "senders", kept_awake=awake_but_for("KeyPosition", "Accessory")),
    mutant("VEH-064", "check", "hold after a crash keeps nobody awake", Gw,
           "test_crash_hold_keeps_the_networks_awake", "senders", kept_awake=crash_hold_not_looked_at),
    mutant("VEH-064", "check", "remote control wakes nobody", Gw,
           "test_event_wakes_both_networks", "NetworkState", key_event=key_alone_wakes),
    mutant("VEH-064", "check", "only the driver's door wakes", Gw,
           "test_event_wakes_both_networks", "NetworkState", door_event=drivers_door_alone_wakes),
    mutant("VEH-064", "check", "only powertrain is woken", Gw,
           "test_event_wakes_both_networks", "", wake_up=wakes_powertrain_only),
    mutant("VEH-064", "state", "battery never sleeps", Bms,
           "test_networks_sleep_5_seconds_after_key_off", "<= {'DOORS'", follow_network=sleepless),
    mutant("VEH-064", "state", "climate control never wakes up", Hvac,
           "test_event_wakes_both_networks", "HVAC", wake_up=deep_asleep),
    mutant("VEH-064", "state", "event while falling asleep is lost", Gw,
           "test_event_while_falling_asleep_wakes_everybody", "", event=event_lost_while_falling_asleep),
    mutant("VEH-064", "state", "networks that were woken never sleep again", Gw,
           "test_woken_networks_sleep_again", "silent", wake_up=never_sleeps_after, fall_asleep=unless_woken),
)  # fmt: skip
