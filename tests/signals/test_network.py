"""A network: names, frames that cannot be understood, and those who watch."""

from __future__ import annotations

import pytest

from harness.errors import UnknownSignalError
from harness.frames import EXTENDED, Frame, Received
from tests.signals.small_car import CELLS, CLUSTER, LAMPS, MS, PEDALS, SmallCar


@pytest.fixture
def car() -> SmallCar:
    return SmallCar()


def test_a_signal_by_its_own_name_and_by_message_is_one_object(car: SmallCar) -> None:
    pedal = car.powertrain.signal("BrakePedal")
    assert car.powertrain.signal("Pedals.BrakePedal") is pedal
    assert (pedal.name, pedal.short_name, pedal.path) == (
        "Pedals.BrakePedal",
        "BrakePedal",
        "powertrain.Pedals.BrakePedal",
    )
    assert (pedal.unit, pedal.channel, pedal.message, pedal.definition.scale) == ("%", "powertrain", PEDALS, 0.4)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("BrakePedla", "has no signal 'BrakePedla'; did you mean (one of )?'BrakePedal'"),
        ("brakepedal", "did you mean (one of )?'BrakePedal'"),
        ("Pedals.BrakePedla", "message 'Pedals' has no signal 'BrakePedla'; did you mean (one of )?'BrakePedal'"),
        ("Pedal.BrakePedal", "has no message 'Pedal'; did you mean 'Pedals'"),
        ("Xyzzy", "channel 'powertrain' has no signal 'Xyzzy'$"),
    ],
)
def test_a_misspelt_name_fails_at_once_with_candidates(car: SmallCar, name: str, hint: str) -> None:
    with pytest.raises(UnknownSignalError, match=hint):
        car.powertrain.signal(name)


def test_a_name_in_two_messages_asks_which_one(car: SmallCar) -> None:
    with pytest.raises(UnknownSignalError, match=r"in 2 messages: write one of 'Cluster.Speed', 'ClusterCopy.Speed'"):
        car.body.signal("Speed")
    assert car.body.signal("ClusterCopy.Speed").short_name == "ClusterCopy.Speed"


def test_messages_of_all_databases_are_known(car: SmallCar) -> None:
    assert car.body.message("Cluster") is CLUSTER
    assert car.body.message("ClusterCopy").id == 0x141
    assert [message.name for message in car.body.messages] == ["Cluster", "ClusterCopy"]
    with pytest.raises(UnknownSignalError, match=r"did you mean .*'Cluster'"):
        car.body.message("Clusters")


def received(frame: Frame) -> Received:
    return Received(0, "powertrain", frame)


@pytest.mark.parametrize(
    ("frame", "reason"),
    [
        (Frame(0x100, bytes(2)), None),
        (Frame(0x100, bytes(8)), "message 'Pedals' has 2 bytes, the frame has 8"),
        (Frame(0x100, bytes(1)), "message 'Pedals' has 2 bytes, the frame has 1"),
        (Frame(0x100, remote=True, length=2), None),
        (Frame(0x101, bytes(2)), "identifier 0x101 is in no database of channel 'powertrain'"),
        (Frame(0x100, bytes(2), extended=True), "identifier 0x00000100x is in no database of channel 'powertrain'"),
        (Frame(CELLS.id, b"\x01\x00\x00", extended=True), None),
        (
            Frame(CELLS.id, b"\x02\x00\x00", extended=True),
            "multiplexer 'Cells.Page' has number 2; known are 0, 1",
        ),
        (Frame(CELLS.id, b"\x01", extended=True), "message 'Cells' has 3 bytes, the frame has 1"),
    ],
)
def test_frames_that_cannot_be_understood_say_why(car: SmallCar, frame: Frame, reason: str | None) -> None:
    assert car.powertrain.problem(received(frame)) == reason
    assert car.powertrain.problem(received(frame)) == reason


def test_knows_identifiers_of_its_databases_only(car: SmallCar) -> None:
    assert car.powertrain.knows(0x100)
    assert car.powertrain.knows(CELLS.id | EXTENDED)
    assert not car.powertrain.knows(CELLS.id & 0x7FF)
    assert not car.powertrain.knows(0x141)


def test_watchers_are_called_after_the_trace_and_until_cancelled(car: SmallCar) -> None:
    seen: list[tuple[str, int, int]] = []
    lengths = car.powertrain.trace
    first = car.powertrain.on_frame(0x140, lambda rx: seen.append(("first", rx.time, len(lengths))))
    car.powertrain.on_frame(0x140, lambda rx: seen.append(("second", rx.time, len(lengths))))
    car.send(1 * MS, LAMPS)
    car.send(2 * MS, PEDALS)
    first()
    first()
    car.send(3 * MS, LAMPS)
    assert seen == [("first", 1 * MS, 1), ("second", 1 * MS, 1), ("second", 3 * MS, 3)]


def test_a_watcher_may_cancel_itself_while_it_is_called(car: SmallCar) -> None:
    seen: list[int] = []

    def once(rx: Received) -> None:
        seen.append(rx.time)
        cancel()

    cancel = car.powertrain.on_frame(0x140, once)
    later: list[int] = []
    car.powertrain.on_frame(0x140, lambda rx: later.append(rx.time))
    car.send(1, LAMPS)
    car.send(2, LAMPS)
    assert (seen, later) == ([1], [1, 2])
