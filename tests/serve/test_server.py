"""A served vehicle, talked to through python-can's own drivers. Waits are wide: only what hangs exceeds them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import can
import pytest
from serving import BENCH, ROOT, WAIT_S, Command, plugged

from harness.adapter.messages import frame_of
from harness.adapter.stimulation import ANSWER_ID, PROTOCOL, Answer, Operation, Request, Status, subject_of
from harness.bench import Blueprint
from harness.errors import ConfigError
from harness.serve.server import Server

pytest.importorskip("serial", reason="python-can's slcan driver needs pyserial")
slcan = pytest.importorskip("harness.serve.slcan", reason="pseudo-terminals exist on POSIX only")


@pytest.fixture(scope="module")
def blueprint() -> Blueprint:
    return Blueprint.load(BENCH)


@pytest.fixture
def served(blueprint: Blueprint) -> Iterator[Server]:
    server = Server(blueprint, {name: slcan.SlcanLine() for name in ("powertrain", "body")})
    yield server
    server.close()


@pytest.fixture
def adapter(served: Server) -> Iterator[can.BusABC]:
    with plugged(served.lines["body"].name) as bus:
        yield bus


def until(bus: can.BusABC, wanted: Callable[[can.Message], bool], attempts: int = 3000) -> can.Message:
    for _ in range(attempts):
        seen = bus.recv(WAIT_S)
        assert seen is not None, "nothing came"
        if wanted(seen):
            return seen
    raise AssertionError("it did not come")


def ask(bus: can.BusABC, operation: int, name: str = "", value: float = 0.0, number: int = 7) -> Answer:
    frame = Request(operation, number, subject_of(name) if name else 0, value).frame()
    bus.send(can.Message(arbitration_id=frame.id, data=frame.data))
    seen = until(bus, lambda each: each.arbitration_id == ANSWER_ID)
    answer = Answer.of(frame_of(seen, fd=True))
    assert answer is not None and answer.number == number and answer.operation == operation
    return answer


def test_the_simulated_nodes_are_heard(adapter: can.BusABC) -> None:
    seen = {until(adapter, lambda _: True).arbitration_id for _ in range(200)}
    assert len(seen) > 10


def test_absent_nodes_are_silent(blueprint: Blueprint, adapter: can.BusABC) -> None:
    played = {plan.message.id for node in ("STALK", "DOORS", "KEY") for plan in blueprint.channels[1].plans[node]}
    assert played and played.isdisjoint({until(adapter, lambda _: True).arbitration_id for _ in range(200)})


def test_the_tester_is_heard(served: Server, adapter: can.BusABC) -> None:
    seen: list[int] = []
    served.vehicle.world.channel("body").bus.observe(lambda rx: seen.append(rx.frame.id), {0x7EF})
    adapter.send(can.Message(arbitration_id=0x7EF, data=[1], is_extended_id=False))
    served.vehicle.loop.run_until(served.vehicle.loop.elapsed + round(WAIT_S * 1e9), lambda: bool(seen))
    assert seen == [0x7EF]


def test_plant_and_nodes_follow_stimulation_frames(served: Server, adapter: can.BusABC) -> None:
    assert ask(adapter, Operation.HELLO).value == PROTOCOL
    assert ask(adapter, Operation.PLANT, "cell_temperature", 61.0).status is Status.DONE
    assert ask(adapter, Operation.PLANT_READ, "cell_temperature").value == pytest.approx(61.0, abs=1.0)
    assert ask(adapter, Operation.POWER_OFF, "BCM").status is Status.DONE
    assert not served.vehicle.world.nodes["BCM"].controllers["body"].powered
    assert ask(adapter, Operation.NEW_VEHICLE).status is Status.DONE
    assert ask(adapter, Operation.PLANT_READ, "cell_temperature").value < 50
    assert served.vehicle.world.nodes["BCM"].controllers["body"].powered
    assert ask(adapter, Operation.LATENESS).value > 0


def test_can_fd_goes_through_the_adapter(adapter: can.BusABC, blueprint: Blueprint) -> None:
    wide = {plan.message.id for plan in blueprint.channels[1].messages.values() if plan.message.fd}
    assert wide
    seen = until(adapter, lambda each: each.arbitration_id in wide)
    assert seen.is_fd


def test_what_the_adapter_does_not_understand_is_counted(served: Server, adapter: can.BusABC) -> None:
    line = served.lines["body"]
    adapter._write("t12")  # type: ignore[attr-defined]
    adapter._write("?" * 500)  # type: ignore[attr-defined]
    assert ask(adapter, Operation.HELLO).status is Status.DONE
    assert line.counts.refused >= 2 and line.counts.trouble


def test_a_listener_sends_nothing(served: Server) -> None:
    with plugged(served.lines["body"].name, listen_only=True) as bus:
        bus.send(can.Message(arbitration_id=0x7EF, data=[1], is_extended_id=False))
        until(bus, lambda each: each.arbitration_id != 0x7EF)
    assert served.lines["body"].counts.received == 0


def test_only_what_the_bench_has_is_served(blueprint: Blueprint) -> None:
    with pytest.raises(ConfigError, match="has no channel 'bodi'; it has powertrain, body"):
        Server(blueprint, {"bodi": slcan.SlcanLine()})


# -- the command -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_another_process_and_ends_with_its_report(how: signal.Signals) -> None:
    with Command("--slcan", "--channel", "body") as served:
        assert list(served.channels) == ["body"]
        with plugged(served.channels["body"]) as bus:
            until(bus, lambda _: True)
        code, out, errors = served.end(how)
    assert code == 0 and not errors
    for part in ("body: ", "lateness: frames sent p50 ", "vehicles: 1", "scheduling: "):
        assert part in out


def test_over_udp_nobody_hears_himself() -> None:
    with Command("--interface", "udp_multicast", "--channel", "body=239.74.163.2?port=43991") as served:
        with can.Bus(interface="udp_multicast", channel="239.74.163.2", port=43991, fd=True) as bus:
            assert len({until(bus, lambda _: True).arbitration_id for _ in range(60)}) > 10
        code, out, errors = served.end()
    assert code == 0 and not errors and ", 0 received, 0 lost, 0 refused" in out


def test_it_ends_after_so_many_seconds() -> None:
    with Command("--slcan", "--seconds", "0.4") as served:
        assert served.wait()[0] == 0


LAMP = ROOT / "tests" / "bench" / "data" / "lamp.toml"


@pytest.mark.parametrize("ends", [False, True])
def test_a_vehicle_that_breaks_is_printed_and_ends_the_server_only_when_it_is_asked_to(ends: bool) -> None:
    with Command("--slcan", *(["--end-when-broken"] if ends else []), bench=LAMP) as served:
        bus = plugged(served.channels["can"])
        bus.send(can.Message(arbitration_id=400, data=[1], is_extended_id=False))
        told = until(bus, lambda each: each.arbitration_id == ANSWER_ID)
        assert Answer.of(frame_of(told, fd=True)) == Answer(Operation.BROKEN, 0, Status.BROKEN)
        if not ends:
            assert ask(bus, Operation.NEW_VEHICLE).status is Status.DONE
            assert ask(bus, Operation.HELLO).status is Status.DONE
        code, out, errors = served.wait() if ends else served.end()
        bus.serialPortOrig.close()  # type: ignore[attr-defined]
        bus._is_shutdown = True  # else it wants to close the channel of an adapter that is gone
    assert code == 1 and "of which 1 broke" in out
    assert "harness simulate: the vehicle broke: " in errors and "RuntimeError: hazard is not wired" in errors


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--slcan", "--channel", "bodi"], "has no channel 'bodi'"),
        (["--interface", "no_such_interface"], "interface 'no_such_interface' cannot open"),
        (["--interface", "virtual", "--option", "fd"], "--option takes KEY=VALUE"),
    ],
)
def test_what_cannot_be_served(options: list[str], why: str) -> None:
    code, errors = Command.refused(*options)
    assert code == 2
    assert why in errors and "Traceback" not in errors


def test_an_interface_that_needs_an_optional_package_names_the_extra() -> None:
    code = "import sys; sys.modules['msgpack'] = None; from harness.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "simulate", str(BENCH), "--interface", "udp_multicast"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and "vehicle-harness[bench]" in done.stderr and "Traceback" not in done.stderr


def test_the_stick_is_pulled(blueprint: Blueprint) -> None:
    server = Server(blueprint, {"body": slcan.SlcanLine()})
    bus = plugged(server.lines["body"].name)
    until(bus, lambda _: True)
    server.close()
    with pytest.raises((can.CanError, OSError)):
        for _ in range(1000):
            bus.recv(0.01)
            bus.send(can.Message(arbitration_id=1, data=[1], is_extended_id=False))
    bus.serialPortOrig.close()  # type: ignore[attr-defined]
    bus._is_shutdown = True  # else it wants to close the channel of an adapter that is gone
