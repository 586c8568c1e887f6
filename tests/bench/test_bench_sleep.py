"""Absent nodes fall silent with the network, and wake with it: as far as they have power."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness import bus_contract
from harness.bench import Bench, Blueprint, Silence
from harness.errors import IntegrityError
from harness.units import ms, s

DATA = Path(__file__).parent / "data"
VIRTUAL = Path(__file__).parents[2] / "benches" / "virtual.toml"


@pytest.fixture(scope="module")
def sleepy(tmp_path_factory: pytest.TempPathFactory) -> Blueprint:
    folder = tmp_path_factory.mktemp("sleepy")
    for name in ("lamp.dbc", "lamp_model.py"):
        (folder / name).write_bytes((DATA / name).read_bytes())
    (folder / "lamp.toml").write_text((DATA / "lamp.toml").read_text() + '[restbus]\nsleep_after = "200 ms"\n')
    return Blueprint.load(folder / "lamp.toml")


def put_to_sleep(bench: Bench) -> None:
    bench.wait(100 * ms)
    bench.node("LAMP").power_off()
    bench.wait(300 * ms)
    bench.silent("can", during=1 * s)


def wake(bench: Bench) -> None:
    bench.node("LAMP").power_on()
    bench.wait(100 * ms)


def test_absent_nodes_sleep_and_wake_with_the_others(sleepy: Blueprint) -> None:
    with Bench(sleepy) as bench:
        put_to_sleep(bench)
        wake(bench)
        bench.expect(bench.signal("BrakePedal").received(), within=10 * ms, after=bench.now)
        put_to_sleep(bench)


def cycle_power(bench: Bench) -> None:
    bench.node("PEDAL").power_off()
    bench.wait(10 * ms)
    bench.node("PEDAL").power_on()


@pytest.mark.parametrize("act", [cycle_power, lambda bench: bench.node("PEDAL").reset()], ids=["power", "reset"])
def test_a_node_that_starts_in_a_sleeping_network_waits_for_it(sleepy: Blueprint, act: Callable[[Bench], None]) -> None:
    with Bench(sleepy) as bench:
        put_to_sleep(bench)
        act(bench)
        bench.silent("can", during=1 * s)
        wake(bench)
        bench.expect(bench.signal("BrakePedal").received(), within=10 * ms, after=bench.now)


def test_a_node_without_power_does_not_wake(sleepy: Blueprint) -> None:
    with Bench(sleepy) as bench:
        put_to_sleep(bench)
        bench.node("PEDAL").power_off()
        bench.node("PEDAL").reset()
        wake(bench)
        bench.silent("Pedals", during=100 * ms)
        bench.node("PEDAL").power_on()
        bench.expect(bench.signal("BrakePedal").received(), within=20 * ms)


def test_a_node_without_power_cannot_be_reset(lamp: Bench) -> None:
    lamp.wait(100 * ms)
    lamp.node("PEDAL").power_off()
    lamp.node("PEDAL").reset()
    lamp.wait(10 * ms)
    lamp.silent("Pedals", during=1 * s)


# -- a network that says of itself that it is awake --------------------------------------------------------------------


@pytest.fixture(scope="module")
def stated(sleepy: Blueprint) -> Blueprint:
    """The lamp plays the part of what says so: Off is awake."""
    file = sleepy.file.path.with_name("stated.toml")
    text = sleepy.file.path.read_text(encoding="utf-8")
    file.write_text(f'{text}\n[monitors.awake]\ncan = "Lamps.BrakeLamp == Off"\n', encoding="utf-8")
    return Blueprint.load(file)


def fall_silent(bench: Bench) -> None:
    """Nobody has declared it."""
    bench.world.tx("Lamps").tamper = lambda data, counter: None


def test_a_network_that_dies_awake_is_not_asleep(stated: Blueprint) -> None:
    bench = Bench(stated)
    with bench.watch(bus_contract()):
        bench.wait(1 * s)
        fall_silent(bench)
        with pytest.raises(IntegrityError, match="sleep of can") as caught:
            bench.wait(1 * s)
        assert bench.now < 1 * s + 80 * ms
        assert "Lamps.BrakeLamp says not Off before the network falls silent" in str(caught.value)
    assert len(bench.incidents.raised) == 1


def test_a_network_that_says_so_may_fall_silent(stated: Blueprint) -> None:
    with Bench(stated) as bench, bench.watch(bus_contract()):
        bench.set("BrakePedal", 40)
        bench.wait(1 * s)
        fall_silent(bench)
        bench.wait(1 * s)


def power_off(bench: Bench) -> None:
    bench.node("LAMP").power_off()


def disturb(bench: Bench) -> None:
    with bench.disturb(Silence("Lamps")):
        bench.wait(300 * ms)


@pytest.mark.parametrize("act", [power_off, disturb])
def test_a_network_that_the_test_has_silenced_may_be_silent(stated: Blueprint, act: Callable[[Bench], None]) -> None:
    with Bench(stated) as bench, bench.watch(bus_contract()):
        bench.wait(1 * s)
        act(bench)
        bench.wait(1 * s)


def test_where_the_test_has_switched_off_all_but_who_says_so_silence_is_its_doing() -> None:
    """Between two frames of the gateway, a slow sender, nobody is left to be heard."""
    with Bench.open(VIRTUAL) as bench, bench.watch(bus_contract(without=["latency", "e2e", "counter"])):
        bench.wait(1 * s)
        for name in ("VCU", "BMS", "INV", "ESP", "BCM", "IC", "HVAC"):
            bench.node(name).power_off()
        bench.wait(200 * ms)
