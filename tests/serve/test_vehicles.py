"""One vehicle after the other on the same lines, what testers ask for, and how a vehicle that breaks is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from served_lines import KeptLine

from harness.adapter.stimulation import ANSWER_ID, PROTOCOL, REQUEST_ID, Answer, Operation, Request, Status
from harness.bench import Blueprint
from harness.frames import Frame, Received
from harness.serve.server import Server

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "benches" / "virtual.toml"
LAMP = ROOT / "tests" / "bench" / "data" / "lamp.toml"

HAZARD = Frame(400, b"\x01")
"""What the lamp's model raises at, a frame of 0.1 ms."""


@pytest.fixture(scope="module")
def vehicle() -> Blueprint:
    return Blueprint.load(REFERENCE)


@pytest.fixture(scope="module")
def lamp() -> Blueprint:
    return Blueprint.load(LAMP)


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[Server, dict[str, KeptLine]]]]:
    servers: list[Server] = []

    def start(blueprint: Blueprint, tidy: Callable[[], object] = lambda: None) -> tuple[Server, dict[str, KeptLine]]:
        lines = {channel.name: KeptLine(channel.name) for channel in blueprint.channels}
        servers.append(Server(blueprint, lines, tidy))
        return servers[-1], lines

    yield start
    for server in servers:
        server.close()
        assert all(line.closed for line in server.lines.values())  # type: ignore[attr-defined]


Serve = Callable[..., tuple[Server, dict[str, KeptLine]]]


def parted(line: KeptLine) -> tuple[list[Received], list[Received]]:
    """What was seen before the announcement of a new vehicle, and after it."""
    announced = [number for number, rx in enumerate(line.seen) if rx.frame.id == ANSWER_ID]
    assert len(announced) == 1
    return line.seen[: announced[0]], line.seen[announced[0] + 1 :]


def test_a_new_vehicle_is_announced_on_every_line_between_the_frames_of_both(serve: Serve, vehicle: Blueprint) -> None:
    server, lines = serve(vehicle)
    for line in lines.values():
        line.wait(150)
    assert lines["body"].ask(Operation.NEW_VEHICLE) == Answer(Operation.NEW_VEHICLE, 7, Status.DONE)
    for line in lines.values():
        line.wait(100, after=len(line.seen))
    for line in lines.values():
        old, new = parted(line)
        # Times of a vehicle count from its beginning, and each sends in the order of time.
        for life in (old, new):
            assert [rx.time for rx in life] == sorted(rx.time for rx in life)
        assert new[0].time < old[-1].time and new[0].time < 100_000_000
        assert Answer.of(line.seen[len(old)].frame) == Answer(Operation.NEW_VEHICLE, 7, Status.DONE)
    assert server.vehicles == 2 and server.broken == 0
    assert server.account.started.count == 1 and server.account.started.worst_ns > 0


def test_vehicles_follow_each_other_again_and_again(serve: Serve, lamp: Blueprint) -> None:
    server, lines = serve(lamp)
    line = lines["can"]
    for number in range(20):
        assert line.ask(Operation.NEW_VEHICLE, number=number).status is Status.DONE
        assert line.ask(Operation.PLANT_READ, "temperature").value == 20.0
        assert line.ask(Operation.PLANT, "temperature", 30.0 + number).status is Status.DONE
        assert line.ask(Operation.PLANT_READ, "temperature").value == 30.0 + number
    assert server.vehicles == 21


def test_what_a_tester_sends_before_the_announcement_reaches_neither_vehicle(serve: Serve, lamp: Blueprint) -> None:
    lines: dict[str, KeptLine] = {}
    server, lines = serve(lamp, tidy=lambda: lines["can"].hand_in(HAZARD))
    assert lines["can"].ask(Operation.NEW_VEHICLE).status is Status.DONE
    lines["can"].wait(5, after=len(lines["can"].seen))  # at it, the new one would have broken long ago
    assert server.failure is None
    assert lines["can"].counts.refused == 1 and "before the new vehicle" in lines["can"].counts.trouble


def test_requests_wait_for_a_new_vehicle(serve: Serve, lamp: Blueprint) -> None:
    _, lines = serve(lamp)
    line = lines["can"]
    line.hand_in(Request(Operation.PLANT, 1, 0, 50.0).frame())
    line.hand_in(Request(Operation.NEW_VEHICLE, 2).frame())
    line.hand_in(Request(Operation.HELLO, 3).frame())
    assert [answer.number for answer in line.answers(3)] == [1, 2, 3]


# -- what breaks -------------------------------------------------------------------------------------------------------


def test_a_model_that_raises_is_told_on_every_line_and_a_new_vehicle_is_a_fresh_one(
    serve: Serve, vehicle: Blueprint, capfd: pytest.CaptureFixture[str]
) -> None:
    server, lines = serve(vehicle)

    def faulty() -> None:
        raise RuntimeError("the model is at fault")

    server.vehicle.loop.after(0, faulty)
    for line in lines.values():
        assert line.answers()[0] == Answer(Operation.BROKEN, 0, Status.BROKEN)
    body = lines["body"]
    assert body.ask(Operation.HELLO) == Answer(Operation.HELLO, 7, Status.BROKEN, PROTOCOL)
    assert body.ask(Operation.PLANT, "cell_temperature", 30.0).status is Status.BROKEN
    assert body.ask(Operation.LATENESS).status is Status.BROKEN
    assert server.failure is not None and "the model is at fault" in str(server.failure)
    printed = capfd.readouterr().err
    assert "the vehicle broke" in printed and "Traceback" in printed and "in faulty" in printed
    assert body.ask(Operation.NEW_VEHICLE).status is Status.DONE
    assert body.ask(Operation.HELLO).status is Status.DONE
    body.wait(20, after=len(body.seen))
    assert server.failure is None and server.broken == 1
    assert "vehicles: 2, of which 1 broke" in server.report()


def test_a_testers_frame_at_which_a_model_raises_breaks_the_vehicle_and_not_the_server(
    serve: Serve, lamp: Blueprint, capfd: pytest.CaptureFixture[str]
) -> None:
    server, lines = serve(lamp)
    line = lines["can"]
    for number in (1, 2):
        seen = len(line.seen)
        line.hand_in(HAZARD)
        assert line.answers(after=seen) == [Answer(Operation.BROKEN, 0, Status.BROKEN)]
        taken = server.account.taken.count
        line.hand_in(HAZARD)  # a vehicle that stands takes nothing
        assert server.broken == number and server.account.taken.count == taken
        assert line.ask(Operation.NEW_VEHICLE).status is Status.DONE
    assert server.fault is None and "hazard is not wired" in capfd.readouterr().err


def test_a_request_at_which_a_model_raises_is_answered_with_it(
    serve: Serve, lamp: Blueprint, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, lines = serve(lamp)

    def start(_: object) -> None:
        raise RuntimeError("no start")

    node = server.vehicle.world.nodes["LAMP"]
    monkeypatch.setattr(type(node.ecu), "start", start)
    assert lines["can"].ask(Operation.RESET, "LAMP").status is Status.BROKEN
    # Nor can a new one be built; then the old one stays broken.
    assert lines["can"].ask(Operation.NEW_VEHICLE).status is Status.BROKEN
    assert server.fault is None and server.vehicles == 1
    assert capfd.readouterr().err.count("RuntimeError: no start") >= 2
    monkeypatch.undo()
    assert lines["can"].ask(Operation.NEW_VEHICLE).status is Status.DONE


def test_a_fault_of_the_server_itself_is_kept_and_printed(
    serve: Serve, lamp: Blueprint, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, lines = serve(lamp)
    monkeypatch.setattr(server, "_serve", lambda _: 1 / 0)
    lines["can"].hand_in(Request(Operation.HELLO).frame())
    assert isinstance(server.fault, ZeroDivisionError)
    assert "ZeroDivisionError" in capfd.readouterr().err


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frame", "why"),
    [
        (Frame(REQUEST_ID, bytes(7), extended=True), "no request of 8 bytes"),
        (Frame(REQUEST_ID, bytes(12), extended=True, fd=True), "no request of 8 bytes"),
        (Frame(ANSWER_ID, bytes(8), extended=True), "no request of 8 bytes"),
        (Frame(0x123, bytes(12), fd=True), "CAN FD"),
    ],
    ids=["short", "long", "an answer", "CAN FD on a classic channel"],
)
def test_what_cannot_be_used_is_counted_and_the_line_goes_on(
    serve: Serve, lamp: Blueprint, frame: Frame, why: str
) -> None:
    server, lines = serve(lamp)
    seen: list[Frame] = []
    server.vehicle.world.channel("can").bus.observe(lambda rx: seen.append(rx.frame))
    lines["can"].hand_in(frame)
    assert lines["can"].counts.refused == 1 and why in lines["can"].counts.trouble
    assert why in server.report()
    assert lines["can"].ask(Operation.HELLO).status is Status.DONE
    lines["can"].wait(2, after=len(lines["can"].seen))
    assert frame.id not in {each.id for each in seen}


@pytest.mark.parametrize(
    ("operation", "name", "value", "status"),
    [
        (Operation.PLANT, "no such role", 1.0, Status.UNKNOWN_SUBJECT),
        (Operation.PLANT_READ, "no such role", 0.0, Status.UNKNOWN_SUBJECT),
        (Operation.PLANT, "temperature", 91.0, Status.VALUE_REFUSED),
        (Operation.PLANT, "temperature", float("nan"), Status.VALUE_REFUSED),
        (Operation.RESET, "PEDAL", 0.0, Status.UNKNOWN_SUBJECT),  # absent here: the tester plays it
        (Operation.BROKEN, "", 0.0, Status.UNKNOWN_OPERATION),
        (99, "", 0.0, Status.UNKNOWN_OPERATION),
    ],
)
def test_a_request_that_is_refused_says_why(
    serve: Serve, lamp: Blueprint, operation: int, name: str, value: float, status: Status
) -> None:
    _, lines = serve(lamp)
    answer = lines["can"].ask(operation, name, value)
    assert answer.status is status and status.text


def test_a_node_is_switched_off_and_on(serve: Serve, lamp: Blueprint) -> None:
    server, lines = serve(lamp)
    line = lines["can"]
    node = server.vehicle.world.nodes["LAMP"]
    assert node.ecu is not None
    assert line.ask(Operation.POWER_OFF, "LAMP").status is Status.DONE
    assert not node.ecu.powered and not node.controllers["can"].powered
    # A reset reaches nobody who has no power.
    assert line.ask(Operation.RESET, "LAMP").status is Status.DONE
    assert not node.ecu.powered and not node.controllers["can"].powered
    assert line.ask(Operation.POWER_ON, "LAMP").status is Status.DONE
    assert node.ecu.powered and node.controllers["can"].powered
    line.wait(2, after=len(line.seen))


# -- lateness ----------------------------------------------------------------------------------------------------------


def test_lateness_counts_from_the_last_question_and_from_the_beginning_of_the_vehicle(
    serve: Serve, lamp: Blueprint
) -> None:
    server, lines = serve(lamp)
    line = lines["can"]
    line.wait(3)
    assert line.ask(Operation.LATENESS).value == pytest.approx(server.account.sent.worst_ns / 1e9, abs=10.0)
    server.account.add(server.account.sent, 3_000_000_000_000)  # later than anything that happens here
    assert line.ask(Operation.LATENESS).value == 3000.0
    assert line.ask(Operation.LATENESS).value < 3000.0
    server.account.add(server.account.taken, 3_000_000_000_000)
    assert line.ask(Operation.NEW_VEHICLE).status is Status.DONE
    late = line.ask(Operation.LATENESS).value
    assert server.account.started.worst_ns / 1e9 <= late * 1.001 < 3000.0  # it comes as a single


def test_everything_that_a_tester_could_see_late_is_in_the_account(serve: Serve, lamp: Blueprint) -> None:
    server, lines = serve(lamp)
    line, account = lines["can"], server.account
    line.hand_in(Frame(0x7F0, b""))
    assert account.taken.count == 1 and account.taken.worst_ns > 0
    line.ask(Operation.HELLO)
    line.ask(Operation.HELLO)
    assert account.answered.count >= 1 and account.answered.worst_ns > 0  # the last one may be counted a bit later
    line.wait(3, after=len(line.seen))
    assert account.sent.count >= 2 and account.sent.worst_ns > 0
    assert account.started.count == 0
