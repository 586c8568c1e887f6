"""ECU models: hooks, timers, sending, life, and how they fail."""

from __future__ import annotations

import pytest

from harness.ecu import Ecu, RxMessage, every, on_message, on_protection_error, on_signal
from harness.errors import ConfigError, SimulationError, UnitError, UnknownSignalError, WaitInCallbackError
from harness.units import ms, percent, s
from tests.ecu.cars import Vehicle
from tests.restbus.scripted_port import MS, PLANS


class Dash(Ecu):
    """Notes everything that happens to it."""

    node = "DASH"

    def start(self) -> None:
        self.starts = getattr(self, "starts", 0) + 1
        self.log: list[object] = []
        self.ticks: list[int] = []

    @on_signal("DoorState")
    def on_door(self, value: float, previous: float | None) -> None:
        self.log.append(("door", value, previous))

    @on_message("Speed")
    def on_speed(self, message: RxMessage) -> None:
        self.log.append(("speed", message.values["VehicleSpeed"]))

    @every(20 * ms)
    def tick(self) -> None:
        self.ticks.append(self.now)


class Body(Ecu):
    """Sends what it is told."""

    node = "BODY"


class Ticking(Body):
    """Sends, and notes its own ticks."""

    def start(self) -> None:
        self.ticks: list[int] = []

    @every(20 * ms)
    def tick(self) -> None:
        self.ticks.append(self.now)


def test_hooks_on_messages_and_signals() -> None:
    car = Vehicle()
    dash = car.add(Dash)
    rest = car.rest("Speed", "Door")
    car.until(15)
    rest.message("Door").set({"DoorState": "Open"})
    car.until(21)
    rest.message("Door").set({"DoorLock": 1})
    car.until(25)
    rest.message("Door").set({"DoorState": "Closed"})
    rest.message("Speed").set({"VehicleSpeed": 50})
    car.until(35)
    assert dash.log == [
        ("speed", 10.0),
        ("speed", 10.0),
        ("door", 1, None),
        ("speed", 10.0),
        ("door", 0, 1),
        ("speed", 50.0),
    ]


def test_an_overriding_method_keeps_its_hooks_and_none_takes_them_away() -> None:
    class Variant(Dash):
        def on_door(self, value: float, previous: float | None) -> None:
            self.log.append("other")

        on_speed = None  # type: ignore[assignment]

    car = Vehicle()
    dash = car.add(Variant)
    rest = car.rest("Speed", "Door")
    car.until(15)
    rest.message("Door").set({"DoorState": "Open"})
    car.until(20)
    assert dash.log == ["other"]


def test_get_text_and_rx() -> None:
    car = Vehicle()
    dash = car.add(Dash)
    rest = car.rest("Speed", "Door", "Cells")
    assert dash.get("VehicleSpeed") is None
    assert dash.get("VehicleSpeed", 0.0) == 0.0
    assert dash.text("DoorState") is None
    car.until(12)
    rest.message("Door").set({"DoorState": "Open"})
    rest.message("Speed").set({"VehicleSpeed": 33.5})
    car.until(25)
    assert dash.get("VehicleSpeed") == dash.get("Speed.VehicleSpeed") == dash.get("body:VehicleSpeed") == 33.5
    assert (dash.text("DoorState"), dash.get("DoorState"), dash.text("VehicleSpeed")) == ("Open", 1, None)
    assert dash.rx("Speed") is dash.rx("body:Speed")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("VehicelSpeed", "DASH can receive no signal 'VehicelSpeed'; did you mean 'VehicleSpeed'"),
        ("Spede.VehicleSpeed", "can receive no message 'Spede'; did you mean 'Speed'"),
        ("Speed.Vehicle", "message 'Speed' has no signal 'Vehicle'"),
    ],
)
def test_an_unknown_name_fails_with_the_nearest(name: str, text: str) -> None:
    car = Vehicle()
    dash = car.add(Dash)
    with pytest.raises(UnknownSignalError, match=text):
        dash.get(name)


def test_an_unknown_name_in_a_hook_fails_when_the_world_is_built() -> None:
    class Wrong(Ecu):
        @on_signal("VehicelSpeed")
        def never(self, value: float, previous: float | None) -> None: ...

    with pytest.raises(UnknownSignalError, match="VehicleSpeed"):
        Vehicle().add(Wrong)


def test_setting_own_signals_by_send_type() -> None:
    car = Vehicle()
    body = car.add(Body, "BODY", sends={"body": ("Speed", "Door", "Lamp")})
    dash = car.add(Dash)
    car.until(5)
    body.set(DoorState="Open", VehicleSpeed=20, LampCurrent=2.5)
    body.set({"Lamp.LampState": 2, "body:Door.DoorLock": 1})
    car.until(100)
    assert (dash.text("DoorState"), dash.get("DoorLock")) == ("Open", 1)
    assert (dash.get("LampState"), dash.get("LampCurrent"), dash.get("VehicleSpeed")) == (2, 2.5, 20.0)
    assert len(car.frames("Door")) == 2


def test_set_and_tx_know_what_the_node_sends() -> None:
    car = Vehicle(("body", "cabin"))
    body = car.add(Body, "BODY", sends={"body": ("Door", "Lamp"), "cabin": ("Door",)})
    with pytest.raises(UnknownSignalError, match="BODY sends no signal 'DoorStat'; did you mean 'DoorState'"):
        body.set(DoorStat=1)
    with pytest.raises(UnknownSignalError, match="BODY sends 'Door' on several channels: write 'body:Door' or 'cabin:"):
        body.tx("Door")
    with pytest.raises(UnknownSignalError, match="sends no message 'Lampe'"):
        body.tx("Lampe")
    with pytest.raises(ConfigError, match="BODY is not on channel 'bodi'; did you mean 'body'"):
        body.tx("bodi:Lamp")
    body.set(DoorState=1)  # both channels
    body.set({"cabin:DoorLock": 2})
    assert body.tx("body:Door").values == {"DoorState": 1, "DoorLock": 0}
    assert body.tx("cabin:Door").values == {"DoorState": 1, "DoorLock": 2}


def test_what_start_sets_is_in_the_first_frame() -> None:
    class Fast(Body):
        def start(self) -> None:
            self.set(VehicleSpeed=77)

    car = Vehicle()
    car.add(Fast, "BODY", sends={"body": ("Speed",)})
    car.until(5)
    (first,) = car.frames("Speed")
    assert PLANS["Speed"].message.codec.decode(first.frame.data)["VehicleSpeed"] == 77


def test_after_every_and_cancel() -> None:
    car = Vehicle()
    dash = car.add(Dash)
    dash.after(30 * ms, lambda: dash.log.append(("after", dash.now)))
    cancelled = dash.after(30 * ms, lambda: dash.log.append("never"))
    timer = dash.every(10 * ms, lambda: dash.log.append("every"), start=0 * ms)
    cancelled.cancel()
    car.until(25)
    timer.cancel()
    car.until(65)
    assert dash.log == ["every", "every", "every", ("after", 30 * MS)]
    assert dash.ticks == [20 * MS, 40 * MS, 60 * MS]


@pytest.mark.parametrize("span", [30, 0.03, -1 * ms, 40 * percent], ids=["int", "float", "negative", "quantity"])
def test_durations_have_units(span: object) -> None:
    dash = Vehicle().add(Dash)
    with pytest.raises(UnitError, match="after"):
        dash.after(span, lambda: None)


@pytest.mark.parametrize("ppm", [100.0, -100.0])
def test_all_timers_run_on_the_nodes_own_clock(ppm: float) -> None:
    car = Vehicle()
    dash = car.add(Ticking, "BODY", sends={"body": ("Speed",)}, drift_ppm=ppm)
    seen: list[int] = []
    dash.after(10 * s, lambda: seen.append(dash.now))
    car.until(10_005)
    expected = 10_000 * MS / (1 + ppm * 1e-6)
    assert seen == [pytest.approx(expected, abs=1)]
    assert dash.ticks[499] == pytest.approx(expected, abs=500)
    frames = car.frames("Speed")
    assert frames[1000].time - frames[0].time == pytest.approx(expected, abs=5000)  # stuff bits
    assert abs(expected - 10_000 * MS) > MS / 2


def test_reset_cancels_everything_but_the_non_volatile_memory() -> None:
    car = Vehicle()
    dash = car.add(Dash)
    body = car.add(Body, "BODY", sends={"body": ("Speed", "Crash", "Door")})
    body.set(DoorState="Open")
    car.until(15)
    assert dash.text("DoorState") == "Open"
    for ecu in (dash, body):
        ecu.nvm["odometer"] = 5
        ecu.after(10 * ms, lambda: pytest.fail("a timer survived the reset"))
        ecu.every(7 * ms, lambda: pytest.fail("a periodic timer survived the reset"))
    body.set(VehicleSpeed=99, CrashDetected=1)  # repetitions are under way
    car.until(16)
    sent = len(car.frames("Crash"))
    dash.reset()
    body.reset()
    assert dash.starts == 2
    assert dash.get("DoorState") is None
    assert dash.rx("Speed").data is None
    assert body.tx("Speed").values["VehicleSpeed"] == 10.0
    car.until(100)
    assert (dash.nvm, body.nvm) == ({"odometer": 5}, {"odometer": 5})
    assert dash.ticks == [36 * MS, 56 * MS, 76 * MS, 96 * MS]
    assert len(car.frames("Crash")) == sent == 1
    assert dash.get("VehicleSpeed") == 10.0
    assert [frame.frame.data[1] & 15 for frame in car.frames("Speed")] == [0, 1, 0, 1, 2, 3, 4, 5, 6, 7, 8]
    assert dash.rx("Speed").errors == 0


def test_power_off_is_silent_and_deaf_until_power_on() -> None:
    car = Vehicle()
    dash = car.add(Dash)
    body = car.add(Body, "BODY", sends={"body": ("Speed",)})
    other = car.add(Body, "OTHER", sends={"body": ("Door",)})
    other.set(DoorState="Open")
    car.until(15)
    assert dash.log == [("door", 1, None), ("speed", 10.0), ("speed", 10.0)]
    body.power_off()
    dash.power_off()
    assert not dash.powered
    car.until(20)
    other.set(DoorState="Closed")
    car.until(100)
    assert len(car.frames("Door")) == 2
    assert len(car.frames("Speed")) == 2
    assert (len(dash.log), dash.ticks) == (3, [])
    dash.power_off()
    body.power_on()
    dash.power_on()
    dash.power_on()
    assert (dash.starts, dash.get("DoorState"), dash.rx("Speed").data) == (2, None, None)
    car.until(125)
    assert dash.log == [("speed", 10.0), ("speed", 10.0), ("speed", 10.0)]
    assert dash.ticks == [120 * MS]
    assert car.frames("Speed")[2].frame.data[1] & 15 == 0


def test_a_node_sleeps_and_wakes_by_itself_and_goes_on_hearing() -> None:
    car = Vehicle()
    dash = car.add(Dash)
    body = car.add(Body, "BODY", sends={"body": ("Speed",)})
    car.until(25)
    body.network.sleep()
    body.set(VehicleSpeed=40)
    car.until(100)
    assert len(car.frames("Speed")) == 3
    body.network.wake("body")
    body.network.wake()
    car.until(105)
    assert dash.get("VehicleSpeed") == 40.0
    assert dash.rx("Speed").errors == 0  # the counter went on
    body.network.sleep("body")
    assert body.network.asleep == {"body"}
    body.reset()
    assert not body.network.asleep
    car.until(110)
    assert len(car.frames("Speed")) == 5


def test_a_node_may_start_asleep() -> None:
    class Sleeper(Body):
        def start(self) -> None:
            self.network.sleep()

    car = Vehicle()
    car.add(Sleeper, "BODY", sends={"body": ("Speed",)})
    car.until(50)
    assert car.heard == []


def test_a_gateway_forwards_payloads_and_protects_them_anew() -> None:
    class Gateway(Ecu):
        @on_message("Speed", channel="body")
        def route(self, message: RxMessage) -> None:
            self.forward(message, "cabin:Speed")

    car = Vehicle(("body", "cabin"))
    gateway = car.add(Gateway, "GW", sends={"cabin": ("Speed",)})
    gateway.tx("Speed").on_request = True
    gateway.reset()
    rest = car.rest("Speed", channel="body")
    rest.message("Speed").counter = 9
    car.until(56)
    there, here = car.frames("Speed"), car.frames("Speed", "cabin")
    assert [frame.frame.data[2:] for frame in here] == [frame.frame.data[2:] for frame in there]
    assert [frame.frame.data[1] & 15 for frame in here] == [0, 1, 2, 3, 4, 5]
    assert [frame.frame.data[1] & 15 for frame in there] == [9, 10, 11, 12, 13, 14]
    protector = PLANS["Speed"].protector
    assert protector is not None
    assert all(protector.check(frame.frame.data).crc_ok for frame in here)
    delays = [after.time - before.time for before, after in zip(there, here, strict=True)]
    assert all(0 < delay < MS for delay in delays)


def test_a_name_on_several_channels_is_ambiguous_unless_one_is_sent_by_the_node() -> None:
    car = Vehicle(("body", "cabin"))
    dash = car.add(Body, "DASH2")
    with pytest.raises(UnknownSignalError, match=r"several messages: write 'body:Speed\.VehicleSpeed' or 'cabin:"):
        dash.get("VehicleSpeed")
    with pytest.raises(UnknownSignalError, match="on several channels: write 'body:Speed' or 'cabin:Speed'"):
        dash.rx("Speed")
    gateway = car.add(Body, "GW", sends={"cabin": ("Speed",)})
    assert gateway.rx("Speed").channel == "body"
    car.rest("Speed")
    car.until(5)
    assert dash.get("body:VehicleSpeed") is None  # heard from now on
    car.until(15)
    assert dash.get("body:VehicleSpeed") == 10.0
    assert dash.get("cabin:VehicleSpeed") is None


def test_plant_and_parameters() -> None:
    car = Vehicle()
    dash = car.add(Dash, tyre="winter")
    dash.plant["cabin_temperature"] = 25
    assert car.plant["cabin_temperature"] == 25
    assert dash.parameters["tyre"] == "winter"


def test_an_exception_in_a_model_ends_the_wait_that_ran_it() -> None:
    class Broken(Ecu):
        @on_signal("VehicleSpeed")
        def divide(self, value: float, previous: float | None) -> None:
            self.log = 1 / 0

    car = Vehicle()
    car.add(Broken, "DASH")
    car.rest("Speed")
    with pytest.raises(SimulationError, match="ZeroDivisionError") as caught:
        car.until(50)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_model_that_waits_is_refused() -> None:
    class Waiting(Ecu):
        @every(10 * ms)
        def wait(self) -> None:
            self.loop.run_until(self.now + 5)

    car = Vehicle()
    car.add(Waiting, "DASH")
    with pytest.raises(WaitInCallbackError, match=r"Waiting\.wait"):
        car.until(50)


def test_protection_errors_call_their_hook_and_not_the_message_hook() -> None:
    class Checked(Dash):
        @on_protection_error("Speed")
        def wrong(self, message: RxMessage) -> None:
            self.log.append(("error", message.errors, message.value("VehicleSpeed")))

    car = Vehicle()
    dash = car.add(Checked)
    speed = car.rest("Speed").message("Speed")
    car.until(5)
    speed.tamper = lambda data, counter: speed.with_crc_bit_flipped(data)
    car.until(25)
    speed.tamper = None
    car.until(45)
    assert dash.log == [
        ("speed", 10.0),
        ("error", 1, 10.0),
        ("error", 2, 10.0),
        ("speed", 10.0),
        ("speed", 10.0),
    ]
