"""Absent nodes fall silent with the network, and wake with it: as far as they have power."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness.bench import Bench, Blueprint
from harness.units import ms, s

DATA = Path(__file__).parent / "data"


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
