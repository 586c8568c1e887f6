"""The states in which the networks are looked at as a whole."""

from __future__ import annotations

from collections.abc import Callable

from harness import Bench, Silence, kmh, mps2, ms, ohm_per_V, percent, s
from vehicle_states import car_on_rollers, driving_car, press, ready_car, roll, switch_off, switch_on


def parked(bench: Bench) -> None:
    """Key off, networks still awake."""
    bench.wait(500 * ms)


def starting(bench: Bench) -> None:
    """The key has just been turned."""
    bench.wait(200 * ms)
    bench.set("KeyPosition", "On")


def full_power(bench: Bench) -> None:
    """Accelerating from 20 km/h with the accelerator on the floor."""
    driving_car(bench, 20 * kmh)
    bench.set("AcceleratorPedal", 100 * percent)


def top_speed(bench: Bench) -> None:
    """Rolling at 250 km/h, braking with the motor."""
    car_on_rollers(bench, 250 * kmh)


def emergency_stop(bench: Bench) -> None:
    """Braking hard from 200 km/h, with the anti-lock system at work."""
    car_on_rollers(bench, 200 * kmh)
    bench.plant["wheel_slip_front_left"] = 40 * percent
    bench.set("BrakePedal", 100 * percent)
    bench.plant["held_acceleration"] = -10 * mps2


def everything_on(bench: Bench) -> None:
    """Driving with all that can be switched on."""
    bench.plant["cabin_temperature"] = 45
    car_on_rollers(bench, 80 * kmh)
    bench.set("StalkStatus", HazardSwitch="On", WiperStalk="Fast", WashButton="Pressed", LightSwitch="HighBeam")
    bench.set("ClimateControls", CabinSetPointRequest=16, AirConditioning="On", FanRequest=7)
    bench.set("DriverRequest", SpeedLimiterSwitch="On", SpeedLimit=70)
    press(bench, accelerator=60 * percent)


def limp(bench: Bench) -> None:
    """Limp-home after silent pedals."""
    car_on_rollers(bench, 20 * kmh)
    with bench.disturb(Silence("Pedals")):
        bench.wait_until(bench.signal("DriveState") == "Limp", timeout=200 * ms)
    bench.wait(500 * ms)


def fault(bench: Bench) -> None:
    """Isolation fault at standstill, contactors open."""
    ready_car(bench)
    bench.plant["isolation_resistance"] = 0 * ohm_per_V
    bench.wait_until(bench.signal("DriveState") == "Fault", timeout=2 * s)


def crash(bench: Bench) -> None:
    """Just after a crash at 60 km/h."""
    car_on_rollers(bench, 60 * kmh)
    bench.set("CrashDetected", "Crash")
    roll(bench, 0 * kmh)


def worn_out(bench: Bench) -> None:
    """Every plant value beyond what the signals are made for."""
    switch_on(bench)
    for role, value in {"cell_temperature": 150, "motor_temperature": 215, "supply_voltage": 40}.items():
        bench.plant[role] = value
    bench.plant["cell_voltage_96"] = 6
    bench.plant["isolation_resistance"] = 10000


def switched_off(bench: Bench) -> None:
    """Key off after a drive, DC link being discharged."""
    ready_car(bench)
    switch_off(bench)


STATES: tuple[Callable[[Bench], None], ...] = (
    parked, starting, full_power, top_speed, emergency_stop, everything_on, limp, fault, crash, worn_out, switched_off,
)  # fmt: skip
