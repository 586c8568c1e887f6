"""What a channel process sends, and what it reports; here it is a thread, and its driver is scripted."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import pytest

from harness.adapter.client import Adapter, Batch
from harness.adapter.items import Error, Heard, Item, Missed, Overrun, Reopened, Sent, State, Suppressed, Trouble
from harness.bus.port import ErrorState
from harness.errors import AdapterError, AdapterLost, BusError, SignalError, SimulationError, ValueRangeError
from harness.frames import Frame, Received
from harness.restbus import MessagePlan
from harness.restbus.alterations import OtherLength, ShiftedCounter, Suppression
from harness.wall import clock_ns
from tests.adapter.channel_here import WAIT_S, ScriptedDriver, World, opened_here
from tests.restbus.scripted_port import MS, PLANS

SPEED = replace(PLANS["Speed"], start_delay_ns=0)
NODES = {"BODY": (SPEED, PLANS["Door"], PLANS["Lamp"]), "DASH": (PLANS["Horn"],)}


@pytest.fixture
def driver() -> ScriptedDriver:
    return ScriptedDriver()


@pytest.fixture
def adapter(monkeypatch: pytest.MonkeyPatch, driver: ScriptedDriver) -> Iterator[Adapter]:
    with opened_here(monkeypatch, driver, NODES) as adapter:
        yield adapter


@pytest.fixture
def world(adapter: Adapter) -> World:
    return World(adapter)


def sent(world: World, key: int) -> list[Sent]:
    return [each for each in world.of(Sent) if each.frame.key == key]


# -- sending ----------------------------------------------------------------------------------------------------------


def test_cyclic_frames_go_out_on_the_absolute_grid_with_counters_and_checksums(world: World) -> None:
    world.transmitter("BODY").start()
    world.until(lambda: len(sent(world, SPEED.message.key)) >= 30)
    frames = sent(world, SPEED.message.key)
    due = [each.time - each.late_ns for each in frames]
    assert [(each - due[0]) % (10 * MS) for each in due] == [0] * len(due)
    assert len({each // (10 * MS) for each in due}) == len(due)
    assert SPEED.protector is not None
    checks = [SPEED.protector.check(each.frame.data) for each in frames]
    assert all(check.crc_ok for check in checks)
    assert [check.counter for check in checks] == [number % 15 for number in range(len(checks))]
    assert {each.node for each in frames} == {"BODY"}


def test_nothing_is_sent_before_the_start_and_after_the_end(world: World, driver: ScriptedDriver) -> None:
    world.until(lambda: len(world.batches) > 5)
    assert driver.sent == []
    world.transmitter("BODY").start()
    world.wait_for(Sent, 3)
    world.adapter.end()
    count = len(driver.sent)
    heard = len(world.batches)
    world.until(lambda: len(world.batches) > heard + 5)
    assert len(driver.sent) == count


def test_a_change_is_delivered_with_the_frame_that_carries_it(world: World) -> None:
    body = world.transmitter("BODY")
    body.start()
    change = body.message("Speed").set({"VehicleSpeed": 50})
    assert change.due and change.delivered is None
    world.until(lambda: change.delivered is not None)
    carrier = next(each for each in sent(world, SPEED.message.key) if each.time - world.origin == change.delivered)
    assert SPEED.message.codec.decode(carrier.frame.data)["VehicleSpeed"] == 50
    earlier = [each for each in sent(world, SPEED.message.key) if each.time < carrier.time]
    assert all(SPEED.message.codec.decode(each.frame.data)["VehicleSpeed"] == 10 for each in earlier)


def test_an_event_goes_out_at_once_and_an_unchanged_value_not_at_all(world: World) -> None:
    body = world.transmitter("BODY")
    body.start()
    door = body.message("Door")
    first = door.set({"DoorState": "Open"})
    assert first.due
    world.until(lambda: first.delivered is not None)
    same = door.set({"DoorState": "Open"})
    assert not same.due and same.delivered == world.loop.now
    forced = door.send_now()
    world.until(lambda: forced.delivered is not None)
    assert [each.frame.data for each in sent(world, door.key)] == [b"\x01\x00", b"\x01\x00"]


def test_what_is_waited_for_by_an_earlier_change_is_due_for_a_later_one_too(
    world: World, driver: ScriptedDriver
) -> None:
    door = world.transmitter("BODY").message("Door")
    assert not door.set({"DoorState": "Open"}).due, "its node does not send"
    world.transmitter("BODY").start()
    driver.take = lambda frame: False
    assert door.set({"DoorState": "Closed"}).due
    same = door.set({"DoorState": "Closed"})
    assert same.due and same.delivered is None
    driver.take = lambda frame: True
    world.until(lambda: same.delivered is not None)
    assert not door.set({"DoorState": "Closed"}).due


@pytest.mark.parametrize("name", ["VehicleSped", "SpeedCrc"])
def test_what_is_wrong_raises_at_once_and_is_not_sent(world: World, name: str) -> None:
    speed = world.transmitter("BODY").message("Speed")
    with pytest.raises(SignalError):
        speed.set({name: 1})
    with pytest.raises(ValueRangeError):
        speed.set({"VehicleSpeed": 1e9})
    assert speed.values["VehicleSpeed"] == 10
    speed.set({"VehicleSpeed": 1e9}, force=True)
    assert speed.values["VehicleSpeed"] > 300


def test_a_stopped_message_is_silent_and_goes_on_with_its_counter(world: World, driver: ScriptedDriver) -> None:
    body = world.transmitter("BODY")
    speed = body.message("Speed")
    body.start()
    world.wait_for(Sent, 5)
    speed.stop()
    assert not speed.active
    change = body.message("Door").set({"DoorState": "Open"})
    world.until(lambda: change.delivered is not None)
    count = len(driver.payloads(speed.key))
    speed.start()
    world.until(lambda: len(sent(world, speed.key)) >= count + 3)
    assert SPEED.protector is not None
    counters = [SPEED.protector.check(data).counter for data in driver.payloads(speed.key)]
    assert counters == [number % 15 for number in range(len(counters))]
    after = driver.sent[[frame.key for _, frame in driver.sent].index(body.message("Door").key) + 1 :]
    assert [frame.key for _, frame in after].count(speed.key) == len(counters) - count


def test_a_reset_counts_from_zero_and_is_noted_when_it_is_done(world: World) -> None:
    body = world.transmitter("BODY")
    speed = body.message("Speed")
    body.start()
    speed.set({"VehicleSpeed": 50})
    world.wait_for(Sent, 5)
    assert speed.counter > 0
    body.reset(keep_values=True)
    assert body.resets == [] and not body.running
    body.start()
    world.until(lambda: body.resets)
    assert body.reset_at == body.resets[0]
    before = [each for each in sent(world, speed.key) if each.time - world.origin <= body.reset_at]
    world.until(lambda: len(sent(world, speed.key)) > len(before) + 2)
    after = sent(world, speed.key)[len(before) :]
    assert speed.protector.check(before[-1].frame.data).counter > 0
    assert [speed.protector.check(each.frame.data).counter for each in after[:3]] == [0, 1, 2]
    assert speed.values["VehicleSpeed"] == 50
    body.reset()
    assert speed.values["VehicleSpeed"] == 10


def test_a_counter_is_set_and_a_payload_forwarded(world: World) -> None:
    body = world.transmitter("BODY")
    speed = body.message("Speed")
    speed.on_request = True
    assert speed.on_request
    body.start()
    speed.counter = 9
    speed.forward(bytes(8))
    world.until(lambda: sent(world, speed.key))
    (only,) = sent(world, speed.key)
    assert speed.protector.check(only.frame.data) == (True, 9)
    assert speed.counter == 10
    assert speed.values["VehicleSpeed"] == 0


def test_one_raw_frame(world: World, adapter: Adapter, driver: ScriptedDriver) -> None:
    told: list[Received] = []
    adapter.send("tester", Frame(0x7AB, b"\x01"), told.append)
    adapter.send("tester", Frame(0x7AB, b"\x02"))
    world.wait_for(Sent, 2)
    assert [frame.data for _, frame in driver.sent] == [b"\x01", b"\x02"]
    assert [(rx.channel, rx.sender, rx.frame.data) for rx in told] == [("can", "tester", b"\x01")]
    with pytest.raises(BusError):
        adapter.send("tester", Frame(0x800))


def test_commands_keep_their_order_and_no_update_is_torn(world: World, driver: ScriptedDriver) -> None:
    speed = world.transmitter("BODY").message("Speed")
    world.transmitter("BODY").start()
    for number in range(11, 300):  # it begins with 10
        speed.set({"VehicleSpeed": number, "Reverse": number % 2})
        if number % 30 == 0:
            world.wait_for(Sent, len(world.of(Sent)) + 1)
    last = speed.send_now()
    world.until(lambda: last.delivered is not None)
    decode = SPEED.message.codec.decode
    values = [(int(each["VehicleSpeed"]), each["Reverse"]) for each in map(decode, driver.payloads(speed.key))]
    assert all(number % 2 == odd for number, odd in values)
    assert values == sorted(values)
    assert values[-1] == (299, 1) and len(set(values)) > 5


def test_an_owners_clock_drifts_there_too(monkeypatch: pytest.MonkeyPatch, driver: ScriptedDriver) -> None:
    with opened_here(monkeypatch, driver, NODES, {"BODY": 100_000.0}) as adapter:
        world = World(adapter)
        world.transmitter("BODY").start()
        world.until(lambda: len(sent(world, SPEED.message.key)) >= 20)
    due = [each.time - each.late_ns for each in sent(world, SPEED.message.key)]
    assert (due[-1] - due[0]) / (len(due) - 1) == pytest.approx(10 * MS / 1.1, abs=2)


# -- worlds -----------------------------------------------------------------------------------------------------------


def test_a_new_world_is_factory_new_and_hears_nothing_of_the_old_one(adapter: Adapter, driver: ScriptedDriver) -> None:
    old = World(adapter)
    sender = old.transmitter("BODY")
    sender.start()
    sender.message("Speed").set({"VehicleSpeed": 50})
    old.wait_for(Sent, 5)
    new = World(adapter)
    heard = len(old.items)
    count = len(driver.sent)
    body = new.transmitter("BODY")
    assert body is not sender and body is new.transmitter("BODY")
    assert not body.running and body.message("Speed").values["VehicleSpeed"] == 10
    new.until(lambda: len(new.batches) > 5)
    assert len(driver.sent) == count
    body.start()
    new.wait_for(Sent, 3)
    first = sent(new, SPEED.message.key)[0]
    assert body.message("Speed").protector.check(first.frame.data) == (True, 0)
    assert len(old.items) == heard
    with pytest.raises(SimulationError, match="this world has ended"):
        sender.message("Speed").set({"VehicleSpeed": 60})
    assert adapter.statistics().total.frames == len(new.of(Sent))


def test_without_a_world_nothing_can_be_sent(adapter: Adapter) -> None:
    with pytest.raises(AdapterError, match="no world has begun"):
        adapter.send("tester", Frame(1))
    World(adapter)
    assert adapter.close()
    assert adapter.close()
    with pytest.raises(AdapterLost, match="does not run: it was closed"):
        World(adapter)
    adapter.end()


def test_the_echo_of_a_former_worlds_frame_is_nobodys(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = ScriptedDriver(echo=True)
    with opened_here(monkeypatch, driver, NODES) as adapter:
        World(adapter).adapter.send("tester", Frame(0x7AB))
        wait(lambda: driver.sent)
        new = World(adapter)
        driver.heard.put(Heard(clock_ns(), Frame(0x7AB), own=True))
        driver.heard.put(Heard(clock_ns(), Frame(0x7AC)))
        new.wait_for(Heard)
        assert new.of(Sent) == []


# -- reports ----------------------------------------------------------------------------------------------------------


def test_what_the_driver_reports_comes_in_its_order(world: World, driver: ScriptedDriver) -> None:
    now = clock_ns()
    items: list[Item] = [
        Heard(now, Frame(0x1)), Error(now + 1, "stuff", "six"), State(now + 2, ErrorState.PASSIVE, "128"),
        Overrun(now + 3, 4, "late"), Heard(now + 4, Frame(0x2)),
    ]  # fmt: skip
    for item in items:
        driver.heard.put(item)
    world.until(lambda: len(world.items) >= len(items))
    assert [type(item) for item in world.items] == [type(item) for item in items]
    assert [item[1:] for item in world.items] == [item[1:] for item in items]
    assert world.adapter.statistics().overruns == 1


def test_a_frame_is_sent_when_its_echo_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = ScriptedDriver(echo=True)
    with opened_here(monkeypatch, driver, NODES) as adapter:
        world = World(adapter)
        door = world.transmitter("BODY").message("Door")
        world.transmitter("BODY").start()
        change = door.set({"DoorState": "Open"})
        wait(lambda: driver.payloads(door.key))
        frame = next(frame for _, frame in driver.sent if frame.key == door.key)
        world.play()
        assert change.delivered is None
        on_the_bus = clock_ns()
        driver.heard.put(Heard(on_the_bus, frame, own=True))
        told = clock_ns()
        world.until(lambda: change.delivered is not None)
        # Not before what had been declared complete when it came.
        assert on_the_bus <= world.origin + change.delivered <= told + 10 * MS
        assert [each for each in world.of(Heard) if each.own] == []


def test_an_echo_that_others_should_have_preceded_says_that_they_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = ScriptedDriver(echo=True)
    with opened_here(monkeypatch, driver) as adapter:
        world = World(adapter)
        for number in range(3):
            adapter.send("tester", Frame(0x7AB, bytes([number])))
        wait(lambda: len(driver.sent) == 3)
        driver.heard.put(Heard(clock_ns(), Frame(0x7AB, b"\x01"), own=True))
        assert "0x7AB [1] 00 of tester was sent, and 0x7AB [1] 01 after it" in world.trouble()
        driver.heard.put(Heard(clock_ns(), Frame(0x7AB, b"\x02"), own=True))
        world.wait_for(Sent, 2)
        assert len(world.of(Trouble)) == 1


def test_batches_come_all_the_time_and_what_they_declare_complete_is(world: World, driver: ScriptedDriver) -> None:
    world.transmitter("BODY").start()
    for _ in range(200):
        driver.heard.put(Heard(clock_ns(), Frame(0x1)))
        time.sleep(0.001)
    world.until(lambda: len(world.of(Heard)) == 200)
    batches = list(world.batches)
    complete = 0
    for batch in batches:
        assert batch.complete_ns >= complete
        assert all(item.time > complete for item in batch.items)
        complete = batch.complete_ns
    steps = sorted(after.complete_ns - before.complete_ns for before, after in pairwise(batches))
    assert steps[len(steps) * 9 // 10] < 200 * MS, "mostly every 5 ms; wide, as machines are busy"


def test_lateness_is_accounted_by_message(world: World, adapter: Adapter) -> None:
    world.transmitter("BODY").start()
    adapter.send("tester", Frame(0x7AB))
    world.wait_for(Sent, 20)
    statistics = adapter.statistics()
    assert set(statistics.messages) == {"Speed", "Lamp", "0x7AB"}
    assert statistics.total.frames == sum(each.frames for each in statistics.messages.values()) >= 20
    assert statistics.total.max_ns == max(each.max_ns for each in statistics.messages.values()) > 0
    assert statistics.messages["Speed"].p50_ns <= statistics.messages["Speed"].p99_ns <= statistics.total.max_ns
    assert statistics.total.retries == 0
    assert statistics.total.lost == sum(each.cycles for each in world.of(Missed))  # 0, unless the machine is very busy


# -- disturbances -----------------------------------------------------------------------------------------------------


def test_a_disturbance_works_there_and_is_told_here(world: World, driver: ScriptedDriver) -> None:
    told: list[bytes | None] = []
    body = world.transmitter("BODY")
    speed = body.message("Speed")
    speed.on_tampered = told.append
    speed.tamper = ShiftedCounter(2, -1, SPEED)
    body.start()
    world.until(lambda: len(told) == 2)
    speed.tamper = speed.on_tampered = None
    speed.on_tampered = lambda data: pytest.fail("it has ended")
    world.until(lambda: len(driver.payloads(speed.key)) > 5)
    counters = [speed.protector.check(data).counter for data in driver.payloads(speed.key)]
    assert counters[:5] == [14, 14, 2, 3, 4]
    assert [bytes(data or b"") for data in told] == driver.payloads(speed.key)[:2]
    assert [bool(each.altered) for each in sent(world, speed.key)[:3]] == [True, True, False]


def test_one_silence_of_several_messages_counts_them_together(world: World, driver: ScriptedDriver) -> None:
    told: list[bytes | None] = []
    body = world.transmitter("BODY")
    silence = Suppression(6)
    for message in body.messages:
        message.on_tampered = told.append
        message.tamper = silence
    body.start()
    world.until(lambda: len(told) == 6)
    world.wait_for(Sent, 5)
    assert told == [None] * 6 and len(world.of(Suppressed)) == 6
    assert {each.message for each in world.of(Suppressed)} > {"Speed"}
    counters = [SPEED.protector.check(data).counter for data in driver.payloads(SPEED.message.key)]  # type: ignore[union-attr]
    assert counters[0] == [each.message for each in world.of(Suppressed)].count("Speed")


def test_reports_that_come_after_the_end_of_a_disturbance_are_still_its_own(world: World) -> None:
    told: list[bytes | None] = []
    speed = world.transmitter("BODY").message("Speed")
    speed.on_tampered = told.append
    speed.tamper = OtherLength(None, 3)
    world.transmitter("BODY").start()
    world.until(lambda: any(each.altered for each in world.of(Sent)))
    speed.tamper = speed.on_tampered = None
    assert speed.tamper is None
    done = speed.send_now()
    world.until(lambda: done.delivered is not None)
    assert len(told) == sum(bool(each.altered) for each in world.of(Sent))


def test_a_disturbance_that_cannot_be_pickled_is_refused_at_once(world: World) -> None:
    speed = world.transmitter("BODY").message("Speed")
    with pytest.raises(SignalError, match=r"another process sends there.*top of a module"):
        speed.tamper = lambda data, counter: None
    assert speed.tamper is None


# -- a full send buffer, a slow adapter -------------------------------------------------------------------------------


def test_a_full_send_buffer_is_tried_again(world: World, driver: ScriptedDriver) -> None:
    full = threading.Event()
    full.set()
    tried: list[Frame] = []

    def take(frame: Frame) -> bool:
        tried.append(frame)
        return not full.is_set()

    driver.take = take
    world.transmitter("BODY").start()
    wait(lambda: tried)
    time.sleep(0.1)
    wait(lambda: len(tried) > 20)
    full.clear()
    world.until(lambda: len(sent(world, SPEED.message.key)) >= 3)
    first, second, third = sent(world, SPEED.message.key)[:3]
    assert first.retries > 5 and first.late_ns >= 90 * MS
    assert second.retries == third.retries == 0
    step = third.time - third.late_ns - (second.time - second.late_ns)
    assert step > 0 and step % (10 * MS) == 0
    lost = [each.cycles for each in world.of(Missed) if each.message == "Speed"]
    assert lost[0] == first.late_ns // (10 * MS)
    speed = world.adapter.statistics().messages["Speed"]
    assert (speed.retries, speed.lost) == (first.retries, sum(lost))
    assert [each for each in world.of(Trouble) if each.fatal] == []


def test_a_reset_forgets_what_waits_and_only_of_its_own_node(world: World, driver: ScriptedDriver) -> None:
    full = threading.Event()
    full.set()
    driver.take = lambda frame: not full.is_set()
    body, dash = world.transmitter("BODY"), world.transmitter("DASH")
    body.start()
    dash.start()
    body.message("Door").send_now()
    horn = dash.message("Horn").send_now()
    body.reset()
    world.until(lambda: body.resets)
    full.clear()
    world.until(lambda: horn.delivered is not None)
    assert {frame.key for _, frame in driver.sent} == {dash.message("Horn").key}


def test_a_send_buffer_full_for_two_seconds_is_fatal_and_told_once(world: World, driver: ScriptedDriver) -> None:
    driver.take = lambda frame: False
    begin = clock_ns()
    world.transmitter("BODY").start()
    text = world.trouble()
    assert 2_000 * MS <= clock_ns() - begin < WAIT_S * 1e9
    assert "send buffer has been full for 2 s" in text and "nobody acknowledges" in text
    assert "0x100 [8]" in text and "of BODY waits, and 1 more" in text
    heard = len(world.batches)
    world.until(lambda: len(world.batches) > heard + 50)
    assert len([each for each in world.of(Trouble) if each.fatal]) == 1
    fresh = World(world.adapter)
    driver.take = lambda frame: True
    fresh.transmitter("BODY").start()
    fresh.wait_for(Sent, 5)
    assert fresh.of(Trouble) == []


def test_a_frame_that_never_comes_back_is_fatal(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = ScriptedDriver(echo=True)
    with opened_here(monkeypatch, driver) as adapter:
        world = World(adapter)
        adapter.send("tester", Frame(0x7AB, b"\x01"))
        text = world.trouble()
        assert "0x7AB [1] 01 of tester was given to the adapter 2 s ago and is not on the bus yet" in text


def test_commands_get_through_when_there_is_no_time_to_spare(monkeypatch: pytest.MonkeyPatch) -> None:
    messages = tuple(spread(number) for number in range(40))
    driver = ScriptedDriver()

    def slowly(frame: Frame) -> bool:
        time.sleep(0.002)  # 40 messages of 10 ms need eight times the time there is
        return True

    driver.take = slowly
    with opened_here(monkeypatch, driver, {"BODY": messages}) as adapter:
        world = World(adapter)
        body = world.transmitter("BODY")
        body.start()
        world.until(lambda: adapter.statistics().total.lost > 40)
        change = body.message("Spread3").send_now()
        world.until(lambda: change.delivered is not None)
        adapter.end()
        begun, ended = driver.sent[0][0], driver.sent[-1][0]
        batches = sum(begun <= batch.complete_ns <= ended for batch in world.batches)
        assert batches > len(driver.sent) / 8, "mostly one for 2 frames; a round of all messages is 40"
        assert "were left out: the process that sends them stood still" in world.trouble(fatal=False)


def spread(number: int) -> MessagePlan:
    message = replace(SPEED.message, id=0x200 + number, name=f"Spread{number}")
    return replace(SPEED, message=message, start_delay_ns=number * 250_000, protection=None)


# -- what may break ---------------------------------------------------------------------------------------------------


@dataclass
class Breaks:
    """A disturbance that raises what it was made with."""

    error: BaseException

    def __call__(self, data: bytes, counter: int | None) -> bytes | None:
        raise self.error


@pytest.mark.parametrize("error", [ZeroDivisionError("in the sender"), SystemExit("enough"), KeyboardInterrupt()])
def test_an_exception_while_sending_is_fatal_for_this_world_and_not_for_the_next(
    world: World, driver: ScriptedDriver, error: BaseException
) -> None:
    speed = world.transmitter("BODY").message("Speed")
    speed.tamper = Breaks(error)
    world.transmitter("BODY").start()
    text = world.trouble()
    assert "the channel process sends nothing more" in text
    assert f"{type(error).__name__}" in text and "raise self.error" in text
    count = len(driver.sent)
    world.until(lambda: len(world.batches) > 50)
    assert len(driver.sent) == count
    fresh = World(world.adapter)
    fresh.transmitter("BODY").start()
    fresh.wait_for(Sent, 3)


def test_what_the_adapter_refuses_is_fatal(world: World, adapter: Adapter, driver: ScriptedDriver) -> None:
    def refuse(frame: Frame) -> bool:
        raise AdapterError("scripted:here does not take it")

    driver.take = refuse
    adapter.send("tester", Frame(0x7AB))
    assert world.trouble() == "the channel process sends nothing more: scripted:here does not take it"


@pytest.mark.parametrize("error", [ZeroDivisionError("in the reader"), SystemExit("enough")])
def test_an_exception_in_the_reader_ends_the_process_with_its_traceback(
    world: World, adapter: Adapter, driver: ScriptedDriver, error: BaseException
) -> None:
    driver.heard.put(error)
    text = world.trouble()
    assert "the channel process ends" in text and f"{type(error).__name__}: {error}" in text
    world.until(lambda: len([each for each in world.of(Trouble) if each.fatal]) == 2)
    assert "is dead" in world.of(Trouble)[-1].text
    assert not adapter.alive and driver.closed.is_set()
    with pytest.raises(AdapterLost, match="does not run"):
        adapter.send("tester", Frame(1))
    adapter.open()
    World(adapter).until(lambda: True)


def test_an_exception_in_the_thread_that_reports_ends_the_process(
    world: World, adapter: Adapter, driver: ScriptedDriver
) -> None:
    driver.heard.put(Heard(clock_ns(), threading.Lock()))  # type: ignore[arg-type]  # cannot be pickled
    assert "is dead" in world.trouble()
    assert not adapter.alive and driver.closed.is_set()


def test_an_exception_in_the_main_thread_ends_the_process(
    world: World, adapter: Adapter, driver: ScriptedDriver, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harness.adapter.output import Output

    def broken(_: Output) -> None:
        raise SystemExit("in the main thread")

    monkeypatch.setattr(Output, "trouble", broken)
    assert "the channel process ends" in world.trouble()
    assert "SystemExit: in the main thread" in world.trouble()
    world.until(lambda: not adapter.alive)
    assert driver.closed.is_set()


def test_a_driver_that_hangs_is_fatal(world: World, driver: ScriptedDriver, monkeypatch: pytest.MonkeyPatch) -> None:
    going_on = threading.Event()
    receive = driver.receive

    def hang(timeout_s: float) -> object:
        going_on.wait(WAIT_S)
        return receive(timeout_s)

    driver.receive = hang  # type: ignore[method-assign, assignment]
    try:
        assert "the driver of scripted:here has not come back for 2" in world.trouble()
    finally:
        going_on.set()


def test_garbage_from_the_test_process_ends_the_process(world: World, adapter: Adapter, driver: ScriptedDriver) -> None:
    world.transmitter("BODY").start()
    world.wait_for(Sent, 3)
    child = adapter._child
    assert child is not None
    child.connection._out.sendall(b"no object of ours")
    assert "bytes that begin no object: 6e 6f 20" in world.trouble()
    world.until(lambda: not adapter.alive)
    assert driver.closed.is_set()


@pytest.mark.parametrize("garbage", [b"no object of ours", b"vhc1\x04\x00\x00\x00abcd", b"vhc1\xff\xff\xff\xff"])
def test_garbage_from_the_process_is_fatal(world: World, adapter: Adapter, garbage: bytes) -> None:
    child = adapter._child
    child._inner._out.sendall(garbage)  # type: ignore[union-attr]
    assert "is dead: it sent" in world.trouble()
    assert not adapter.alive


def test_a_world_that_breaks_in_what_it_hears_is_told_to_whoever_uses_the_channel_next(
    adapter: Adapter, driver: ScriptedDriver
) -> None:
    def broken(batch: Batch) -> None:
        if batch.items:
            raise ZeroDivisionError("in the world")

    adapter.begin(clock_ns(), broken)
    driver.heard.put(Heard(clock_ns(), Frame(0x1)))
    wait(lambda: not adapter.alive)
    with pytest.raises(AdapterLost, match=r"(?s)what it reported broke the world.*ZeroDivisionError: in the world"):
        adapter.send("tester", Frame(1))


def test_reports_that_nobody_takes_are_lost_and_that_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("harness.adapter.outbox.MOST_WAITING", 100)
    driver = ScriptedDriver()
    with opened_here(monkeypatch, driver) as adapter:
        world = World(adapter)
        child = adapter._child
        process = child.process  # type: ignore[union-attr]
        with process._outbox.turn:
            for number in range(150):
                process._outbox.put(Heard(clock_ns(), Frame(number)))
        assert "50 reports of the channel were lost" in world.trouble()


# -- the adapter is gone ----------------------------------------------------------------------------------------------


def test_a_lost_adapter_is_fatal_and_looked_for_all_the_same(world: World, driver: ScriptedDriver) -> None:
    driver.reopenable = False
    driver.heard.put(AdapterLost("scripted:here is gone"))
    assert world.trouble() == "scripted:here is gone"
    fresh = World(world.adapter)
    assert fresh.trouble() == "scripted:here is gone (still)"
    count = len(driver.sent)
    fresh.transmitter("BODY").start()
    lost_at = fresh.of(Trouble)[0].time
    fresh.until(lambda: fresh.batches[-1].complete_ns > lost_at + 50 * MS, "time")
    assert len(driver.sent) == count
    driver.reopenable = True
    fresh.wait_for(Reopened)
    World(world.adapter).transmitter("BODY").start()
    wait(lambda: len(driver.sent) > 3)


def test_a_world_that_asked_for_it_goes_on_when_the_adapter_is_back(adapter: Adapter, driver: ScriptedDriver) -> None:
    world = World(adapter, reconnect=True)
    world.transmitter("BODY").start()
    world.wait_for(Sent, 3)
    gone = threading.Event()

    def take(frame: Frame) -> bool:
        if gone.is_set():
            raise AdapterLost("scripted:here is gone")
        return True

    driver.take, driver.reopenable = take, False
    gone.set()
    count = len(driver.sent)
    time.sleep(0.05)  # the sender is the first to find out
    assert len(driver.sent) <= count + 1
    driver.heard.put(AdapterLost("scripted:here is gone"))
    assert world.trouble(fatal=False) == "scripted:here is gone"
    lost_at = world.of(Trouble)[0].time
    world.until(lambda: world.batches[-1].complete_ns > lost_at + 100 * MS, "time")
    gone.clear()
    driver.reopenable = True
    world.wait_for(Reopened)
    before = len(world.of(Sent))
    world.wait_for(Sent, before + 5)
    assert [each for each in world.of(Trouble) if each.fatal] == []


def test_the_way_back_from_bus_off_is_asked_for(world: World, adapter: Adapter, driver: ScriptedDriver) -> None:
    asked = threading.Event()
    driver.recover = asked.set
    adapter.recover()
    assert asked.wait(WAIT_S)

    def refuse() -> None:
        raise AdapterError("scripted:here cannot")

    driver.recover = refuse
    adapter.recover()
    assert world.trouble(fatal=False) == "the way back from bus-off: scripted:here cannot"


# -- bounds -----------------------------------------------------------------------------------------------------------


def test_threads_do_not_grow_with_the_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []
    for number in (1, 40):
        driver = ScriptedDriver()
        with opened_here(monkeypatch, driver, {"BODY": tuple(spread(each) for each in range(number))}) as adapter:
            world = World(adapter)
            world.transmitter("BODY").start()
            world.wait_for(Sent, 50)
            counts.append(threading.active_count())
    assert counts[0] == counts[1]


def wait(condition: Callable[[], object]) -> None:
    end = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.002)
