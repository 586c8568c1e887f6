"""The roles of the reference vehicle's plant: what tests may set, what ECUs drive, what ECUs sense.

*Set by the test* means that nothing in the vehicle writes it. *Held when set* means that the plant computes it until
somebody sets it; from then on it keeps that value, until its ``..._held`` role is set to 0.
"""

from __future__ import annotations

from harness.plant import Role
from simulators.cell_data import CELLS

WHEELS = ("front_left", "front_right", "rear_left", "rear_right")
CONTACTORS = ("positive", "negative", "precharge")
LAMPS = (
    "brake_lamp_left", "brake_lamp_right", "brake_lamp_centre",
    "indicator_front_left", "indicator_front_right", "indicator_rear_left", "indicator_rear_right",
    "low_beam", "high_beam",
)  # fmt: skip
LOCKS = ("driver_door", "passenger_door", "rear_left_door", "rear_right_door", "boot_lid")


def _flag(name: str, doc: str, default: float = 0.0) -> Role:
    return Role(name, "", default, doc, 0.0, 1.0)


MOTION = (
    Role("vehicle_speed", "km/h", 0.0, "speed over ground, negative backward; setting it moves the vehicle on at that "
         "speed", -60.0, 260.0),
    _flag("vehicle_speed_held", "1: the vehicle stands on rollers that hold its speed, whatever motor and brakes do"),
    Role("held_acceleration", "m/s2", 0.0, "how fast the rollers change the speed while vehicle_speed_held is 1; "
         "negative down to standstill at most", -15.0, 15.0),
    Role("acceleration", "m/s2", 0.0, "longitudinal, negative when a vehicle that goes forward brakes (sensed)"),
    Role("distance", "m", 0.0, "way travelled since the world began, either direction (sensed)"),
    Role("gradient", "%", 0.0, "rise of the road, 100 % is 45 degrees (set by the test)", -40.0, 40.0),
    Role("road_friction", "", 1.0, "largest tyre force per load: 1 dry, 0.1 ice (set by the test)", 0.0, 1.2),
    *(Role(f"wheel_speed_{wheel}", "km/h", 0.0, "at the circumference, negative backward (sensed)")
      for wheel in WHEELS),
    *(Role(f"wheel_slip_{wheel}", "%", 0.0, "0 rolls, 100 locked, negative spins (held when set)", -100.0, 100.0)
      for wheel in WHEELS),
    _flag("wheel_slip_held", "1 once a wheel slip was set; 0 frees all four"),
    Role("brake_pressure_command", "bar", 0.0, "what the brake hydraulics are asked for (driven by ESP)", 0.0, 200.0),
    Role("brake_pressure", "bar", 0.0, "in the brake circuit (sensed)"),
    _flag("park_lock", "1: the parking pawl is in (driven by VCU)", 1.0),
)  # fmt: skip

DRIVE = (
    Role("motor_torque_command", "Nm", 0.0, "what the inverter regulates to (driven by INV)", -400.0, 400.0),
    Role("motor_torque", "Nm", 0.0, "at the motor shaft (sensed)"),
    Role("motor_speed", "rpm", 0.0, "of the motor shaft, negative backward (sensed)"),
    Role("motor_temperature", "degC", 20.0, "of the windings (held when set)", -40.0, 215.0),
    _flag("motor_temperature_held", "1 once motor_temperature was set; 0 frees it"),
    Role("inverter_temperature", "degC", 20.0, "of the power stage (held when set)", -40.0, 215.0),
    _flag("inverter_temperature_held", "1 once inverter_temperature was set; 0 frees it"),
)

BATTERY = (
    Role("state_of_charge", "%", 50.0, "of the pack; setting it is as if another pack came in", 0.0, 100.0),
    Role("pack_voltage", "V", 0.0, "of the cells in series, before the contactors (sensed)"),
    Role("pack_current", "A", 0.0, "positive when the pack discharges (sensed)"),
    Role("cell_temperature", "degC", 20.0, "of the hottest cell (held when set)", -40.0, 150.0),
    _flag("cell_temperature_held", "1 once cell_temperature was set; 0 frees it"),
    Role("cell_temperature_min", "degC", 18.0, "of the coldest cell (sensed)"),
    *(Role(f"cell_voltage_{cell}", "V", float("nan"), f"of cell {cell} of {CELLS} (held when set)", 0.0, 6.0)
      for cell in range(1, CELLS + 1)),
    _flag("cell_voltage_held", "1 once a cell voltage was set; 0 frees all cells"),
    Role("cell_voltage_min", "V", 0.0, "of the lowest cell (sensed)"),
    Role("cell_voltage_max", "V", 0.0, "of the highest cell (sensed)"),
    Role("cell_lowest", "", 8.0, "number of the lowest cell, 1 to 96 (sensed)"),
    Role("cell_highest", "", 5.0, "number of the highest cell, 1 to 96 (sensed)"),
    Role("isolation_resistance", "ohm/V", 2000.0, "between high voltage and body, per volt of pack voltage (set by the "
         "test)", 0.0, 10000.0),
)  # fmt: skip

HIGH_VOLTAGE = (
    *(_flag(f"contactor_{name}_command", "1: the coil is fed (driven by BMS)") for name in CONTACTORS),
    *(_flag(f"contactor_{name}", "1: closed (sensed)") for name in CONTACTORS),
    *(Role(f"contactor_{name}_fault", "", 0.0, "0 works, 1 does not close, 2 does not open (set by the test)", 0.0, 2.0)
      for name in CONTACTORS),
    Role("precharge_resistance", "ohm", 60.0, "of the precharge resistor (set by the test)", 1.0, 1e9),
    Role("dc_link_voltage", "V", 0.0, "behind the contactors (sensed)"),
    _flag("active_discharge", "1: the DC link is discharged through a resistor (driven by INV)"),
    _flag("active_discharge_fault", "1: the discharge resistor is broken (set by the test)"),
    _flag("dcdc_converter", "1: feeds the 12 V supply from the DC link (driven by VCU)"),
    Role("compressor_power", "kW", 0.0, "electric, from the DC link (driven by HVAC)", 0.0, 6.0),
)  # fmt: skip

COMFORT = (
    *(_flag(lamp, "1: the lamp is switched on (driven by BCM)") for lamp in LAMPS),
    *(_flag(f"{lamp}_failed", "1: the lamp is burnt out (set by the test)") for lamp in LAMPS),
    *(Role(f"{lamp}_current", "A", 0.0, "through the lamp (sensed)") for lamp in LAMPS),
    *(_flag(f"{lock}_lock", "1: locked (driven by BCM)") for lock in LOCKS),
    Role("wiper_motor", "", 0.0, "0 off (runs on until parked), 1 slow, 2 fast (driven by BCM)", 0.0, 2.0),
    Role("wiper_position", "%", 0.0, "of the blade: 0 parked, 100 far end (sensed)"),
    _flag("washer_pump", "1: pumps (driven by BCM)"),
    _flag("chime", "1: sounds (driven by IC)"),
    Role("supply_voltage", "V", 12.6, "of the 12 V supply (held when set)", 0.0, 40.0),
    _flag("supply_voltage_held", "1 once supply_voltage was set; 0 frees it"),
    Role("supply_current", "A", 0.0, "out of the 12 V battery, negative when it is charged (sensed)"),
    Role("outside_temperature", "degC", 20.0, "of the air outside (set by the test)", -40.0, 60.0),
    Role("cabin_temperature", "degC", 20.0, "of the air in the cabin; setting it starts from there", -40.0, 87.0),
    Role("fan_speed", "%", 0.0, "of the cabin fan (driven by HVAC)", 0.0, 100.0),
)

ROLES = MOTION + DRIVE + BATTERY + HIGH_VOLTAGE + COMFORT
