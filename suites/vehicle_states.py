"""Named states of the car, and the few moves that lead there: where a test begins.

Every function takes a bench and lets the world's time pass until the car is in that state.
"""

from __future__ import annotations

from harness import Bench, Quantity, kmh, ms, percent, s


def switch_on(bench: Bench) -> None:
    """Turn the key to On and wait until the drive is Ready."""
    bench.set("KeyPosition", "On")
    bench.wait_until(bench.signal("DriveState") == "Ready", timeout=1.5 * s)


def switch_off(bench: Bench) -> None:
    """Turn the key to Off and wait until the drive is off."""
    bench.set("KeyPosition", "Off")
    bench.wait_until(bench.signal("DriveState") == "Off", timeout=5 * s)


def press(bench: Bench, *, accelerator: Quantity = 0 * percent, brake: Quantity = 0 * percent) -> None:
    """Bring both pedals to a position and give the car the time to follow."""
    bench.set("Pedals", AcceleratorPedal=accelerator, BrakePedal=brake)
    bench.wait(100 * ms)


def shift_to(bench: Bench, gear: str) -> None:
    """Ask for a gear ("P", "R", "N", "D"), wait until it is in, and let go of the lever."""
    bench.set("GearRequest", gear)
    bench.wait_until(bench.signal("Gear") == gear, timeout=200 * ms)
    bench.set("GearRequest", "None")


def roll(bench: Bench, speed: Quantity) -> None:
    """Put the car on rollers that hold this speed, whatever motor and brakes do, and wait until all nodes know."""
    bench.plant["vehicle_speed_held"] = 1
    bench.plant["vehicle_speed"] = speed
    bench.wait(100 * ms)


def ready_car(bench: Bench) -> None:
    """A car that stands in P, switched on and Ready, all telltales tested, no pedal pressed."""
    switch_on(bench)
    bench.wait_until(bench.signal("LampTest") == "Inactive", timeout=3 * s)


def car_in_drive(bench: Bench) -> None:
    """A car that stands in D, no pedal pressed."""
    switch_on(bench)
    press(bench, brake=30 * percent)
    shift_to(bench, "D")
    press(bench)


def driving_car(bench: Bench, speed: Quantity = 50 * kmh) -> None:
    """A car in D that rolls on a level road at this speed, no pedal pressed."""
    car_in_drive(bench)
    bench.plant["vehicle_speed"] = speed
    bench.wait(100 * ms)


def car_on_rollers(bench: Bench, speed: Quantity) -> None:
    """A car in D whose speed is held by rollers, no pedal pressed."""
    car_in_drive(bench)
    roll(bench, speed)


def car_reversing(bench: Bench, speed: Quantity) -> None:
    """A car in R that rollers hold at this speed backward, no pedal pressed."""
    car_in_drive(bench)
    press(bench, brake=30 * percent)
    shift_to(bench, "R")
    press(bench)
    roll(bench, -speed)
