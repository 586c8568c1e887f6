"""GW, the gateway: routes listed messages between the networks, and is their network management."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, TypeVar

from harness.ecu import Ecu, RxMessage, on_message, on_protection_error, on_signal
from harness.loop import Timer
from harness.memo import Memo
from harness.restbus import MessagePlan, TxMessage
from harness.units import Duration, ms, s

ROUTES = {
    "Pedals": "PedalsBody",
    "DriveStatus": "DriveStatusBody",
    "VehicleSpeed": "VehicleSpeedBody",
    "BatteryWarnings": "BatteryWarningsBody",
    "BatteryCharge": "BatteryChargeBody",
    "CrashStatus": "CrashStatusBody",
    "OccupantStatus": "OccupantStatusBody",
    "KeyStatus": "KeyStatusPowertrain",
    "DriverRequest": "DriverRequestPowertrain",
    "HvacRequest": "HvacRequestPowertrain",
}
"""VEH-050, VEH-051: message -> its copy on the other network. Nothing else is forwarded.

A copy carries the signals of its source under their names with the copy's suffix, and a counter and CRC of its own.
"""

DOORS = ("DriverDoor", "PassengerDoor", "RearLeftDoor", "RearRightDoor", "BootLid")

TALKERS = ("DriveStatus", "BatteryCharge", "MotorStatus", "VehicleSpeed", "LockStatus", "ClusterDisplay", "HvacRequest")
"""A message of every node that sleeps: on a sleeping network none of them should be heard."""

Method = TypeVar("Method", bound=Callable[..., object])


def _on_routed(method: Method) -> Method:
    for source in ROUTES:
        method = on_message(source)(method)
    return method


def _on_routed_error(method: Method) -> Method:
    for source in ROUTES:
        method = on_protection_error(source)(method)
    return method


def _on_talkers(method: Method) -> Method:
    for message in TALKERS:
        method = on_message(message)(method)
    return method


class Route:
    """How one message becomes another: both may differ in layout, byte order and protection.

    copy: what is sent. counter: signal of GatewayStatistics that counts the copies.
    """

    def __init__(self, source: MessagePlan, copy: TxMessage) -> None:
        own = (source.protection.counter, source.protection.crc) if source.protection else ()
        suffix = copy.name.removeprefix(source.message.name)
        read, write = source.message.codec.signal_raw, copy.plan.message.codec.writer
        names = [signal.name for signal in source.message.signals if signal.name not in own]
        self.copy = copy
        self.counter = f"Forwarded{source.message.name}"
        self._payloads = Memo(self._translated, 256)
        self._moves = [(read(name), write(name + suffix)) for name in names]

    def payload(self, data: bytes) -> bytes:
        """The payload of the copy, without counter and CRC."""
        return self._payloads[data]

    def _translated(self, data: bytes) -> bytes:
        copied = bytearray(self.copy.plan.message.length)
        for read, write in self._moves:
            raw = read(data)
            if raw is not None:
                write(copied, raw)
        return bytes(copied)


class Routing(Ecu):
    """Forwards in the instant in which a valid frame has ended, so that order and number are kept (VEH-015, 050, 051).

    Frames whose counter or CRC is wrong never get here: the base class reports them as errors.
    """

    STATISTICS_LEAD: ClassVar[Duration] = 1 * ms
    """So long before its frame the statistics are brought up to date."""

    def start(self) -> None:
        counters = [f"Forwarded{source}" for source in ROUTES]
        self.counts = dict.fromkeys((*counters, "RejectedToBody", "RejectedToPowertrain"), 0)
        self.delay_max = 0
        self.statistics: Timer | None = None
        self.restart_statistics()
        self.routes = {source: Route(self.rx(source).plan, self.tx(copy)) for source, copy in ROUTES.items()}
        for route in self.routes.values():
            route.copy.on_request = True  # a copy is sent when its source has come, and only then

    @_on_routed
    def forward_message(self, message: RxMessage) -> None:
        """VEH-050: at once."""
        if self.may_forward(message):
            self.send_copy(message)

    def may_forward(self, message: RxMessage) -> bool:
        """Whether a valid frame of a listed message is forwarded now."""
        return True

    def send_copy(self, message: RxMessage) -> None:
        """Send the copy of a message's latest valid frame, and count it."""
        assert message.data is not None
        route = self.routes[message.name]
        route.copy.forward(route.payload(message.data))
        self.counts[route.counter] += 1
        delay = self.now - (message.time or 0)
        if delay > self.delay_max:
            self.delay_max = delay

    @_on_routed_error
    def count_rejected(self, message: RxMessage) -> None:
        """VEH-051: a frame with a wrong counter or CRC goes nowhere; it is counted."""
        self.counts["RejectedToBody" if message.channel == "powertrain" else "RejectedToPowertrain"] += 1

    def restart_statistics(self) -> None:
        """Keep step with the frame of the statistics, which is about to be sent anew."""
        plan = self.tx("GatewayStatistics").plan
        if self.statistics is not None:
            self.statistics.cancel()
        start = Duration(plan.start_delay_ns) - self.STATISTICS_LEAD
        self.statistics = self.every(Duration(plan.cycle_ns or 0), self.report_statistics, start=start)

    def report_statistics(self) -> None:
        """What was forwarded and refused since power-on."""
        counts = {name: count & 0xFFFF_FFFF for name, count in self.counts.items()}
        self.set(counts, ForwardDelayMax=min(self.delay_max / 1e6, 65.535))


class NetworkManagement(Routing):
    """Sends both networks to sleep and wakes them (VEH-064).

    The networks are Awake; PrepareSleep is announced to every node; then they are Asleep. What keeps them awake: a key
    that is not off, an open door, a DC link that is not known to be below 60 V, hazard lights, the hold after a crash.
    5 s after the key, a door, the hazard lights or the crash hold last changed, and nothing of these keeps them awake
    any more, they go to sleep; the DC link alone only delays that.
    """

    AWAKE_TIME: ClassVar[Duration] = 5 * s
    SAFE_DC_LINK_V: ClassVar[float] = 60.0
    RETRY: ClassVar[Duration] = 50 * ms
    """How often to look again while only the DC link keeps the networks awake."""
    GRACE: ClassVar[Duration] = 10 * ms
    """Time for the announcement to reach everybody before the gateway falls silent itself."""
    STRAGGLERS: ClassVar[Duration] = 1 * s
    """A node that is still heard so long after falling asleep did not go along: everybody is woken, to try again."""
    COUNTDOWN_STEP: ClassVar[Duration] = 100 * ms
    KEPT_AWAKE_S: ClassVar[float] = 6.3
    """What SleepCountdown shows while something keeps the networks awake."""

    def start(self) -> None:
        super().start()
        self.state = "Awake"
        self.silent_since = 0
        self.sleepy_at = 0
        self.sleep_timer: Timer | None = None
        self.held_back: RxMessage | None = None
        self.announce("Awake", "None")
        self.restart_countdown()
        self.every(self.COUNTDOWN_STEP, self.show_countdown)

    def announce(self, state: str, reason: str) -> None:
        """Say on both networks what everybody has to do."""
        for suffix in ("", "Body"):
            self.set({f"NetworkState{suffix}": state, f"WakeReason{suffix}": reason})

    # -- falling asleep --------------------------------------------------------------------------------------------

    def kept_awake(self) -> bool:
        """Whether something keeps the networks awake."""
        return (
            self.text("KeyPosition") not in ("Off", None)
            or any(self.text(door) == "Open" for door in DOORS)
            or self.dc_link_is_dangerous()
            or self.text("HazardSwitch") == "On"
            or self.text("IndicatorMode") in ("Hazard", "Crash")
            or self.text("CrashHold") == "Active"
        )

    def dc_link_is_dangerous(self) -> bool:
        """Whether the DC link has 60 V or more, or nobody has said yet."""
        return not self.get("DcLinkVoltage", self.SAFE_DC_LINK_V) < self.SAFE_DC_LINK_V

    def restart_countdown(self) -> None:
        """Stay awake for 5 s from now at least."""
        if self.sleep_timer is not None:
            self.sleep_timer.cancel()
        self.sleepy_at = self.now + int(self.AWAKE_TIME)
        self.sleep_timer = self.after(self.AWAKE_TIME, self.fall_asleep)

    def fall_asleep(self) -> None:
        """Go to sleep, unless something keeps the networks awake."""
        if self.kept_awake():
            self.sleep_timer = self.after(self.RETRY, self.fall_asleep)
            return
        self.sleep_timer = None
        self.state = "PrepareSleep"
        self.show_countdown()
        self.announce("PrepareSleep", "None")
        self.after(self.GRACE, self.be_silent)

    def be_silent(self) -> None:
        """Send nothing any more, unless somebody has woken the networks meanwhile."""
        if self.state == "PrepareSleep":
            self.state = "Asleep"
            self.silent_since = self.now
            self.network.sleep()

    def show_countdown(self) -> None:
        """Time until the networks go to sleep."""
        left = self.KEPT_AWAKE_S if self.kept_awake() else max(0, self.sleepy_at - self.now) / 1e9
        self.set(SleepCountdown=left, SleepCountdownBody=left)

    # -- waking up -------------------------------------------------------------------------------------------------

    def may_forward(self, message: RxMessage) -> bool:
        """Nothing is forwarded on a sleeping network; the frame that wakes it is, once it has done so."""
        if self.state == "Awake":
            return True
        self.held_back = message
        return False

    @on_signal("KeyPosition")
    @on_signal("RemoteCommand")
    def key_event(self, value: float, previous: float | None) -> None:
        """VEH-064: the key and its remote control wake the networks."""
        self.event("Key")

    @on_signal("DriverDoor")
    @on_signal("PassengerDoor")
    @on_signal("RearLeftDoor")
    @on_signal("RearRightDoor")
    @on_signal("BootLid")
    def door_event(self, value: float, previous: float | None) -> None:
        """VEH-064: doors wake the networks."""
        self.event("Door")

    @on_signal("HazardSwitch")
    def hazard_event(self, value: float, previous: float | None) -> None:
        """VEH-022: hazard lights work with the key off, so their switch wakes the networks too."""
        self.event("Hazard")

    @on_signal("CrashDetected")
    @on_signal("CrashHold")
    def crash_event(self, value: float, previous: float | None) -> None:
        """A crash is heard of everywhere, whenever it comes."""
        if self.text("CrashDetected") == "Crash":
            self.event("Crash")
        elif self.state == "Awake":
            self.restart_countdown()

    @_on_talkers
    def hear_straggler(self, message: RxMessage) -> None:
        """A node that was reset, or missed the announcement, brings the network back to one state."""
        if self.state == "Asleep" and self.now - self.silent_since >= self.STRAGGLERS:
            self.event("Other")

    def event(self, reason: str) -> None:
        """Something happened: awake for 5 s from now. reason: a value of WakeReason."""
        self.restart_countdown()
        if self.state != "Awake":
            self.wake_up(reason)

    def wake_up(self, reason: str) -> None:
        """VEH-064: wake both networks, and let the frame pass that did it."""
        self.state = "Awake"
        self.announce("Awake", reason)
        self.show_countdown()
        self.network.wake()
        self.restart_statistics()
        for message in ("NetworkStatus", "NetworkStatusBody"):
            self.tx(message).send_now()
        if self.held_back is not None and self.held_back.time == self.now:
            self.send_copy(self.held_back)
        self.held_back = None


class Gw(NetworkManagement):
    """The whole gateway."""

    node: ClassVar[str] = "GW"
