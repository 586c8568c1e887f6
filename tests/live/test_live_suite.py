"""One suite on every bench: served behind a serial adapter or over UDP, whole or in part, judged by what is known."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from live_car import NODES, Car, Outcome

pytest.importorskip("serial", reason="python-can's slcan driver needs pyserial")
pytest.importorskip("msgpack", reason="python-can's udp_multicast needs msgpack")

SUITE = """
from hypothesis import given, strategies as st

from harness.instruments.profile import Profile


def test_a_reaction(bench):
    bench.set("BrakePedal", 40 * percent)
    result = bench.expect(bench.signal("BrakeLamp") == "On", within=1500 * ms)
    assert result.latency < 1500 * ms


def test_all_expectations(bench):
    bench.wait_until(bench.signal("BrakeLamp") == "Off", timeout=1500 * ms)
    bench.stays(bench.signal("BrakeLamp") == "Off", during=200 * ms)
    bench.never(bench.signal("Horn") == "On", during=200 * ms)
    bench.silent("DiagAnswer", during=100 * ms)


def test_a_wrong_reaction_is_a_failure(bench):
    bench.wait_until(bench.signal("BrakeLamp") == "Off", timeout=1500 * ms)
    bench.set("BrakePedal", 1 * percent)
    bench.expect(bench.signal("BrakeLamp") == "On", within=300 * ms)


def test_a_disturbance_is_exempt_and_has_its_effect(bench):
    bench.wait_until(bench.signal("PedalsHeard") > 3, timeout=1500 * ms)
    with bench.disturb(WrongCrc("Pedals", count=3)):
        bench.wait(200 * ms)
    bench.wait_until(bench.signal("PedalsWrong") == 3, timeout=1500 * ms)


def test_the_plant(bench):
    bench.plant["temperature"] = 35.0
    assert 34.9 < bench.plant["temperature"] < 35.1


def test_the_plant_follows_a_profile(bench):
    dip = Profile.of("dip", [(0 * ms, 12 * V), (20 * ms, 6 * V), (300 * ms, 11 * V)])
    player = bench.play(dip, "supply_voltage")
    bench.wait(150 * ms)
    assert bench.plant["supply_voltage"] == 6
    bench.wait(300 * ms)
    assert bench.plant["supply_voltage"] == 11 and player.done


def test_what_the_plant_does_not_take_stops_the_world(bench):
    bench.play(Profile.of("dump", [(0 * ms, 12 * V), (5 * ms, 40 * V)]), "supply_voltage")
    bench.wait(100 * ms)


EXAMPLES = []


@given(level=st.integers(10, 80))
def test_a_property(open_bench, level):
    with open_bench() as bench:
        EXAMPLES.append(level)
        bench.set("BrakePedal", level * percent)
        bench.expect(bench.signal("Level") == level, within=1500 * ms)


def test_it_took_three_examples(bench):
    assert len(EXAMPLES) == 3


def test_a_limit_nearer_than_was_measured_is_a_doubt(bench):
    bench.wait_until(bench.signal("BrakeLamp") == "Off", timeout=1500 * ms)
    bench.wait(100 * ms)
    assert all(gap <= 20 * ms for gap in bench.traffic("Lamps").gaps)
"""

VERDICTS = {
    "test_a_reaction": "passed",
    "test_all_expectations": "passed",
    "test_a_wrong_reaction_is_a_failure": "failed",
    "test_a_disturbance_is_exempt_and_has_its_effect": "passed",
    "test_the_plant": "passed",
    "test_the_plant_follows_a_profile": "passed",
    "test_what_the_plant_does_not_take_stops_the_world": "error",
    "test_a_property": "passed",
    "test_it_took_three_examples": "passed",
    "test_a_limit_nearer_than_was_measured_is_a_doubt": "inconclusive",
}

BUSY = """
class Counted:
    # A monitor that only counts.
    title, due, settles = "counted", None, False

    def __init__(self):
        self.frames = 0

    def wants(self, channel):
        return None

    def begin(self, time):
        pass

    def receive(self, rx):
        self.frames += 1
        return ()

    def receive_error(self, error):
        return ()

    advance = finish = receive_error


def computed(seconds):
    # Nothing but Python, which keeps the interpreter's lock as long as it is let.
    end = time.monotonic() + seconds
    number = 0
    while time.monotonic() < end:
        for number in range(100_000):
            number = number * 7 % 13
    return number


@pytest.mark.parametrize("busy", [time.sleep, computed])
def test_the_world_goes_on(bench, busy):
    bench.wait_until(bench.signal("PedalsHeard") > 3, timeout=1500 * ms)
    counted = Counted()
    bench.attach(counted)
    before, heard = bench.now, bench.signal("PedalsHeard").value
    busy(2.0)
    assert bench.now - before >= 1900 * ms and counted.frames >= 150
    sent = len(bench.traffic("Pedals").frames)
    bench.wait_until(bench.signal("PedalsHeard") >= sent, timeout=1500 * ms)
    assert bench.signal("PedalsWrong").value == 0
    assert bench.signal("PedalsHeard").value >= heard + 150
"""

MIXED = """
def test_nodes_of_both_processes_talk(bench):
    bench.set("BrakePedal", 95 * percent)
    bench.expect(bench.signal("BrakeLamp") == "On", within=1500 * ms)
    bench.expect(bench.signal("Horn") == "On", within=1500 * ms)
    assert bench.world.nodes["HORN"].ecu is not None and bench.world.nodes["LAMP"].ecu is None
    bench.set("BrakePedal", 50 * percent)
    bench.expect(bench.signal("Horn") == "Off", within=1500 * ms)


def test_the_simulated_one_can_be_switched(bench):
    bench.wait_until(bench.signal("Horn") == "Off", timeout=1500 * ms)
    bench.node("HORN").power_off()
    bench.wait(50 * ms)
    bench.silent("Tones", during=200 * ms)
    bench.node("HORN").power_on()
    bench.wait_until(bench.signal("Horn") == "Off", timeout=1500 * ms)
"""

RECORDED = """
def test_a_drive(bench):
    bench.set("BrakePedal", 40 * percent)
    bench.expect(bench.signal("BrakeLamp") == "On", within=1500 * ms)
    bench.wait(500 * ms)
"""


@pytest.fixture(scope="module")
def over_udp(car: Car) -> Iterator[Path]:
    with car.serve_udp():
        yield car.udp()


def judge(outcome: Outcome) -> None:
    assert outcome.verdicts == VERDICTS, outcome.out
    assert "cannot be told: it was measured to within" in outcome.message(
        "test_a_limit_nearer_than_was_measured_is_a_doubt"
    )


def test_the_same_suite_behind_a_serial_adapter(car: Car) -> None:
    with car.serve_slcan():
        judge(car.run(car.slcan(), SUITE))


def test_the_same_suite_over_udp(car: Car, over_udp: Path) -> None:
    judge(car.run(over_udp, SUITE))


def test_a_busy_test_disturbs_nobody(car: Car, over_udp: Path) -> None:
    outcome = car.run(over_udp, BUSY)
    assert set(outcome.verdicts.values()) == {"passed"}, outcome.out


def test_a_recording_can_be_judged(car: Car, over_udp: Path) -> None:
    pytest.importorskip("numpy", reason="harness check needs the extra [logs]")
    # The lamp takes its time to boot, and a busy computer to serve it.
    bench = car.udp("recorded", '[monitors]\nfirst = 30\nabsolute = "40 ms"')
    outcome = car.run(bench, RECORDED, "--record", "all")
    assert outcome.verdicts == {"test_a_drive": "passed"}
    (recording,) = (car.folder / "reports" / "recordings").glob("*.blf")
    checked = subprocess.run(
        [sys.executable, "-m", "harness.cli", "check", str(recording), "--bench", str(bench)],
        capture_output=True, text=True, cwd=car.folder, check=False,
    )  # fmt: skip
    assert checked.returncode in (0, 3), checked.stdout + checked.stderr  # what a busy machine made late is a doubt
    assert "E2E protection" in checked.stdout and "FAILED" not in checked.stdout
    assert "recorded on a real bench: times are known to within" in checked.stdout


def test_some_nodes_here_and_some_there(car: Car) -> None:
    lamp = car.bench("lamp", None, nodes={"LAMP": "Lamp"})
    with car.serve_slcan(lamp):
        outcome = car.run(car.slcan("mixed", nodes={**NODES, "HORN": "Horn"}), MIXED)
    assert set(outcome.verdicts.values()) == {"passed"}, outcome.out
