"""Faulty gateways: what is forwarded, what is not; and networks that sleep wrongly."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from mutant import Mutant, late, mutant

from harness.ecu import RxMessage
from harness.frames import Received
from harness.units import Duration, ms
from simulators.bms import Bms
from simulators.body_node import BodyNode
from simulators.gw import Gw
from simulators.hvac import Hvac
from simulators.powertrain import PowertrainEcu

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
    return Gw.may_forward(self, message) and self._links["powertrain"].port.bus.load(10_000_000) < 0.45


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


# -- sleep -------------------------------------------------------------------------------------------------------------


def crash_wakes_nobody(self: Gw, value: float, previous: float | None) -> None:
    if self.state == "Awake":
        Gw.crash_event(self, value, previous)


def deaf_to(*said: tuple[str, str]) -> Any:
    """The method ``text`` of a gateway that never hears a signal say this."""

    def text(self: Gw, signal: str) -> str | None:
        heard = Gw.text(self, signal)
        return None if (signal, heard) in said else heard

    return text


def key_alone_wakes(self: Gw, value: float, previous: float | None) -> None:
    if self.text("RemoteCommand") in (None, "None"):
        Gw.key_event(self, value, previous)


def drivers_door_alone_wakes(self: Gw, value: float, previous: float | None) -> None:
    if self.state == "Awake" or self.text("DriverDoor") == "Open":
        Gw.door_event(self, value, previous)


def wakes_powertrain_only(self: Gw, reason: str) -> None:
    whole, self.network.wake = self.network.wake, lambda channel=None: whole("powertrain")
    Gw.wake_up(self, reason)
    self.network.wake = whole


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


GATEWAY: tuple[Mutant, ...] = (
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
           "test_every_message_is_forwarded", "ms later", send_copy=late(Gw.send_copy, 5 * ms)),
    mutant("VEH-050", "time", "a crash is forwarded 5 ms late", Gw,
           "test_change_arrives_in_time", "CrashDetectedBody", send_copy=late_copy("CrashStatus", 5 * ms)),
    mutant("VEH-050", "state", "every fiftieth frame is lost", Gw,
           "test_every_message_is_forwarded", "frames, 1", send_copy=lossy),
    mutant("VEH-050", "state", "every fiftieth frame is forwarded twice", Gw,
           "test_every_message_is_forwarded", "copies", send_copy=doubling),
    mutant("VEH-050", "state", "copy carries what the frame before it said", Gw,
           "test_every_message_is_forwarded", "diff", send_copy=overtaking),
    mutant("VEH-050", "check", "climate's request is not forwarded", Gw,
           "test_every_message_is_forwarded", "HvacRequest", may_forward=not_routed("HvacRequest")),
    mutant("VEH-050", "state", "frame that wakes the networks is lost", Gw,
           "test_frame_that_wakes_the_networks_is_forwarded", "CrashDetectedBody",
           may_forward=lambda self, message: self.state == "Awake"),
    mutant("VEH-050", "threshold", "nothing is forwarded from 45 % load on", Gw,
           "test_any_traffic_is_forwarded", "frames", may_forward=idle_bus_only),
    # -- VEH-051: nothing else ---------------------------------------------------------------------------------------
    mutant("VEH-051", "check", "a message that is not listed is forwarded", Gw,
           "test_nothing_else_is_forwarded", "0x0F8", start=forwarding({0xF8}, "powertrain", "body")),
    mutant("VEH-051", "check", "unknown frames are forwarded to body", Gw,
           "test_unknown_frames_are_not_forwarded", "not True", start=forwarding(None, "powertrain", "body")),
    mutant("VEH-051", "check", "unknown frames are forwarded to powertrain", Gw,
           "test_unknown_frames_are_not_forwarded", "not True", start=forwarding(None, "body", "powertrain")),
    mutant("VEH-051", "check", "a wrong frame is replaced by the last right one", Gw,
           "test_wrong_checksum_is_not_forwarded", "silent", count_rejected=wrong_frames_are_replaced),
    mutant("VEH-051", "check", "the first wrong frame passes", Gw,
           "test_wrong_counter_is_not_forwarded", "True is False", count_rejected=first_wrong_frame_passes),
    mutant("VEH-051", "threshold", "counter may jump by up to 14", Gw,
           "test_wrong_counter_is_not_forwarded", "True is False", max_counter_delta=14),
    mutant("VEH-051", "state", "one wrong frame closes the route", Gw,
           "test_wrong_counter_is_not_forwarded", "assert False",
           count_rejected=closed_after_an_error, may_forward=closed_routes),
    # -- VEH-064: sleep ----------------------------------------------------------------------------------------------
    mutant("VEH-064", "time", "networks sleep after 5.2 s", Gw,
           "test_networks_sleep_5_seconds_after_key_off", "<= {'DOORS'", AWAKE_TIME=5_200 * ms),
    mutant("VEH-064", "time", "networks sleep after 4.9 s", Gw,
           "test_networks_sleep_5_seconds_after_key_off", "== 13", AWAKE_TIME=4_900 * ms),
    mutant("VEH-064", "threshold", "networks sleep with 70 V in the DC link", Gw,
           "test_charged_dc_link_keeps_the_networks_awake", "BMS", SAFE_DC_LINK_V=70.0),
    mutant("VEH-064", "time", "networks wake 150 ms late", Gw,
           "test_event_wakes_both_networks", "NetworkState", wake_up=late(Gw.wake_up, 150 * ms)),
    mutant("VEH-064", "check", "open boot lid keeps nobody awake", Gw,
           "test_networks_stay_awake_with_reason", "senders", text=deaf_to(("BootLid", "Open"))),
    mutant("VEH-064", "check", "key in Accessory keeps nobody awake", Gw,
           "test_networks_stay_awake_with_reason", "senders", text=deaf_to(("KeyPosition", "Accessory"))),
    mutant("VEH-064", "check", "hold after a crash keeps nobody awake", Gw,
           "test_crash_hold_keeps_the_networks_awake", "senders",
           text=deaf_to(("CrashHold", "Active"), ("IndicatorMode", "Crash"))),
    mutant("VEH-022", "check", "crash of a sleeping car starts no hazard lights", Gw,
           "test_crash_starts_the_hazard_lights_of_a_sleeping_car", "Indicator", crash_event=crash_wakes_nobody),
    mutant("VEH-031", "check", "crash of a sleeping car unlocks no door", Gw,
           "test_crash_unlocks_a_sleeping_car", "Lock", crash_event=crash_wakes_nobody),
    mutant("VEH-064", "check", "remote control wakes nobody", Gw,
           "test_event_wakes_both_networks", "NetworkState", key_event=key_alone_wakes),
    mutant("VEH-064", "check", "only the driver's door wakes", Gw,
           "test_event_wakes_both_networks", "NetworkState", door_event=drivers_door_alone_wakes),
    mutant("VEH-064", "check", "only powertrain is woken", Gw,
           "test_event_wakes_both_networks", "NetworkStateBody", wake_up=wakes_powertrain_only),
    mutant("VEH-064", "state", "battery never sleeps", Bms,
           "test_networks_sleep_5_seconds_after_key_off", "<= {'DOORS'", follow_network=sleepless),
    mutant("VEH-064", "state", "climate control never wakes up", Hvac,
           "test_event_wakes_both_networks", "HVAC", wake_up=deep_asleep),
    mutant("VEH-064", "state", "event while falling asleep is lost", Gw,
           "test_event_while_falling_asleep_wakes_everybody", "NetworkState", event=event_lost_while_falling_asleep),
    mutant("VEH-064", "state", "networks that were woken never sleep again", Gw,
           "test_woken_networks_sleep_again", "silent", wake_up=never_sleeps_after, fall_asleep=unless_woken),
)  # fmt: skip
