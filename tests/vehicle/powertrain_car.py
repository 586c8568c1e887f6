"""A car of four nodes on the powertrain network, for the tests of its models."""

from __future__ import annotations

from pathlib import Path

from harness.bench.bench import Bench
from harness.bench.blueprint import Blueprint
from harness.units import ms, s


def load() -> Blueprint:
    """VCU, BMS, INV and ESP simulated; gateway and sensors played by the test."""
    return Blueprint.load(Path(__file__).with_name("powertrain.toml"))


def key(bench: Bench, position: str) -> None:
    bench.set("KeyPositionPowertrain", position)


def ready(bench: Bench) -> None:
    bench.wait(200 * ms)
    key(bench, "On")
    bench.wait_until(bench.signal("DriveState") == "Ready", timeout=1.5 * s)


def drive(bench: Bench, speed: float = 0.0, gear: str = "D") -> None:
    """A car in gear, on rollers at ``speed`` km/h, no pedal pressed."""
    ready(bench)
    bench.set("BrakePedal", 30)
    bench.wait(30 * ms)
    bench.set("GearRequest", gear)
    bench.wait_until(bench.signal("Gear") == gear, timeout=200 * ms)
    bench.set({"GearRequest": "None", "BrakePedal": 0})
    bench.plant["vehicle_speed_held"] = 1
    bench.plant["vehicle_speed"] = speed if gear == "D" else -speed
    bench.wait(100 * ms)


def values(bench: Bench, *names: str) -> list[float]:
    return [float(bench.signal(name).value or 0) for name in names]
