"""The plant of the reference vehicle: joins the physics of motion, battery and body equipment under their roles.

Everything moves in steps of :attr:`VehiclePlant.STEP`; contactors, lamps and the motor's torque act at the instant at
which they are driven.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import pi

from harness.loop import Loop
from harness.plant import Plant
from harness.units import Quantity, ms
from simulators.battery import DcLink, Pack
from simulators.dynamics import Body, Motor
from simulators.roles import CONTACTORS, LAMPS, ROLES, WHEELS

_KMH = 3.6
_RPM = 30.0 / pi


class VehiclePlant(Plant):
    """A car of 1350 kg with a 39 kWh battery and one asynchronous motor on the front axle; see :mod:`simulators.roles`.

    >>> plant = VehiclePlant()
    >>> plant["cell_voltage_17"] = 4.26
    >>> plant["cell_voltage_17"], plant["cell_highest"]
    (4.26, 17.0)
    """

    roles = ROLES

    STEP = 5 * ms
    SLOW_STEPS = 20
    """Temperatures, cabin and 12 V supply move once in so many steps."""
    CONTACTOR_CLOSE_TIME = 20 * ms
    CONTACTOR_OPEN_TIME = 10 * ms
    PRESSURE_BAR_PER_S = 20_000.0
    AUXILIARY_W = 350.0
    """What the DC/DC converter takes from the DC link."""
    CELL_SPREAD_K = 2.0
    WIPE_S = (0.5, 1.33, 0.92)
    """Time for one wipe by ``wiper_motor``; the first is that of parking."""
    LAMP_A = 1.75

    def __init__(self) -> None:
        super().__init__()
        self.body = Body()
        self.pack = Pack(self.values["state_of_charge"], self.values["cell_temperature"])
        self.link = DcLink()
        self._seconds = int(self.STEP) / 1e9
        self._steps = 0
        self._wipe = 0.0
        self._slips: dict[str, float] = {}
        self._setters: dict[str, Callable[[float], None]] = {
            "vehicle_speed": self._set_speed,
            "state_of_charge": self._set_charge,
            "cell_voltage_held": self._set_cells_held,
            "wheel_slip_held": self._set_slips_held,
            "motor_torque_command": self._set_torque,
        }
        self._setters |= {name: partial(self._set_held, name) for name in _HELD}
        self._setters |= {f"wheel_slip_{wheel}": partial(self._set_slip, wheel) for wheel in WHEELS}
        for name in CONTACTORS:
            self._setters[f"contactor_{name}_command"] = partial(self._drive_contactor, name)
            self._setters[f"contactor_{name}_fault"] = partial(self._drive_contactor, name)
        for lamp in LAMPS:
            self._setters[lamp] = self._setters[f"{lamp}_failed"] = partial(self._feed_lamp, lamp)
        self._publish()

    def start(self, loop: Loop) -> None:
        super().start(loop)
        self.every(int(self.STEP), self.step)

    def __getitem__(self, name: str) -> float:
        # 96 cells are worked out when somebody asks, not in every step.
        cell = _CELLS.get(name)
        return super().__getitem__(name) if cell is None else self.pack.cell(cell)

    def __setitem__(self, name: str, value: float | Quantity) -> None:
        super().__setitem__(name, value)
        setter = self._setters.get(name)
        if setter is not None:
            setter(self.values[name])
        elif name in _CELLS:
            self._set_cell(_CELLS[name], self.values[name])

    # -- what happens at once when a role is set -------------------------------------------------------------------

    def _set_speed(self, kmh: float) -> None:
        self.body.speed = kmh / _KMH
        self._publish()

    def _set_charge(self, percent: float) -> None:
        self.pack.state_of_charge = percent
        self._refresh_pack()

    def _set_held(self, name: str, _: float) -> None:
        self.values[f"{name}_held"] = 1.0

    def _set_cell(self, number: int, volt: float) -> None:
        self.pack.overrides[number] = volt
        self.values["cell_voltage_held"] = 1.0
        self._refresh_pack()

    def _set_cells_held(self, held: float) -> None:
        if not held:
            for number in self.pack.overrides:
                self.values[f"cell_voltage_{number}"] = float("nan")
            self.pack.overrides.clear()
            self._refresh_pack()

    def _set_slip(self, wheel: str, percent: float) -> None:
        self._slips[wheel] = percent
        self.values["wheel_slip_held"] = 1.0
        self._publish()

    def _set_slips_held(self, held: float) -> None:
        if not held:
            self._slips.clear()

    def _set_torque(self, command: float) -> None:
        self.values["motor_torque"] = Motor.torque(command, self.body.motor_speed, self.link.voltage)

    def _feed_lamp(self, lamp: str, _: float) -> None:
        values = self.values
        values[f"{lamp}_current"] = self.LAMP_A * values[lamp] if not values[f"{lamp}_failed"] else 0.0

    def _drive_contactor(self, name: str, _: float) -> None:
        command = self.values[f"contactor_{name}_command"]
        delay = self.CONTACTOR_CLOSE_TIME if command else self.CONTACTOR_OPEN_TIME
        self.loop.after(int(delay), partial(self._move_contactor, name), owner=self.owner)

    def _move_contactor(self, name: str) -> None:
        command = self.values[f"contactor_{name}_command"]
        fault = self.values[f"contactor_{name}_fault"]
        self[f"contactor_{name}"] = 0.0 if fault == 1.0 else 1.0 if fault == 2.0 else command
        if self.connected:
            self.link.connect(self.pack.voltage)
        else:
            self.pack.step(0.0, 0.0)
        self._set_torque(self.values["motor_torque_command"])
        self._publish()

    # -- what happens in time --------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Whether both main contactors are closed."""
        values = self.values
        return bool(values["contactor_positive"] and values["contactor_negative"])

    def step(self) -> None:
        """Move everything on by one step."""
        values = self.values
        seconds = self._seconds
        self._move_brake(seconds)
        torque = Motor.torque(values["motor_torque_command"], self.body.motor_speed, self.link.voltage)
        values["motor_torque"] = torque
        self._step_motion(torque, seconds)
        self._step_high_voltage(torque, seconds)
        if values["wiper_motor"] or self._wipe:
            self._step_wiper(seconds)
        self._steps += 1
        if self._steps % self.SLOW_STEPS == 0:
            self._step_slow(seconds * self.SLOW_STEPS)
        self._publish()

    def _move_brake(self, seconds: float) -> None:
        values = self.values
        missing = values["brake_pressure_command"] - values["brake_pressure"]
        if missing:
            reach = self.PRESSURE_BAR_PER_S * seconds
            values["brake_pressure"] += min(max(missing, -reach), reach)

    def _step_motion(self, torque: float, seconds: float) -> None:
        values, body = self.values, self.body
        pressure, friction = values["brake_pressure"], values["road_friction"]
        if values["vehicle_speed_held"]:
            speed = body.speed + values["held_acceleration"] * seconds
            if speed * body.speed < 0.0 or (speed < 0.0 and body.speed == 0.0):
                speed = 0.0
            body.wheels(seconds, torque, pressure, friction)
            body.advance(seconds, speed)
        else:
            # The pawl slides over the teeth of a gear that turns.
            pawl = values["park_lock"] != 0.0 and abs(body.speed) < 0.5
            body.step(seconds, torque, pressure, values["gradient"] * 0.01, friction, pawl)

    def _step_high_voltage(self, torque: float, seconds: float) -> None:
        values, pack = self.values, self.pack
        motor = self.body.motor_speed
        power = torque * motor + Motor.losses(torque, motor) if torque else 0.0
        if values["contactor_positive"] and values["contactor_negative"]:
            power += values["compressor_power"] * 1000.0
            if values["dcdc_converter"]:
                power += self.AUXILIARY_W
            pack.step(pack.current_for(power), seconds)
            self.link.voltage = pack.voltage
            return
        precharge = None
        if values["contactor_negative"] and values["contactor_precharge"]:
            precharge = values["precharge_resistance"]
        discharge = bool(values["active_discharge"]) and not values["active_discharge_fault"]
        before = self.link.voltage
        self.link.step(seconds, pack.voltage, precharge, discharge, power)
        mean = 0.5 * (before + self.link.voltage)
        pack.step((pack.voltage - mean) / precharge if precharge is not None else 0.0, seconds)

    def _step_wiper(self, seconds: float) -> None:
        """A wipe is one turn of the crank: out and back; without power it runs on to the parking position."""
        self._wipe += seconds / self.WIPE_S[int(self.values["wiper_motor"])]
        if self._wipe >= 1.0 - 1e-9:
            self._wipe = self._wipe - 1.0 if self.values["wiper_motor"] else 0.0
        self.values["wiper_position"] = 100.0 * (1.0 - abs(2.0 * max(self._wipe, 0.0) - 1.0))

    def _step_slow(self, seconds: float) -> None:
        values, pack = self.values, self.pack
        outside = values["outside_temperature"]
        pack.warm(seconds, outside)
        torque = values["motor_torque"]
        loss = Motor.losses(torque, self.body.motor_speed) if torque else 0.0
        for name, share, capacity, cooling in (("motor", 0.7, 28e3, 45.0), ("inverter", 0.3, 6e3, 40.0)):
            if not values[f"{name}_temperature_held"]:
                over = values[f"{name}_temperature"] - outside
                values[f"{name}_temperature"] += (share * loss - cooling * over) * seconds / capacity
        cooling = 2.2e3 * values["compressor_power"]
        values["cabin_temperature"] += (55.0 * (outside - values["cabin_temperature"]) - cooling) * seconds / 60e3
        self._step_supply(seconds)

    def _step_supply(self, seconds: float) -> None:
        values = self.values
        load = 12.0 + sum(values[f"{lamp}_current"] for lamp in LAMPS) + 0.15 * values["fan_speed"]
        converter = self.connected and values["dcdc_converter"] != 0.0
        values["supply_current"] = -4.0 if converter else load
        if not values["supply_voltage_held"]:
            target = 14.1 if converter else 12.65 - 0.01 * load
            values["supply_voltage"] += (target - values["supply_voltage"]) * min(1.0, seconds / 0.2)

    # -- what is sensed --------------------------------------------------------------------------------------------

    def _refresh_pack(self) -> None:
        """Let the pack take a changed cell or charge into its voltage, at the same current."""
        self.pack.step(self.pack.current, 0.0)
        if self.connected:
            self.link.connect(self.pack.voltage)
        self._publish()

    def _publish(self) -> None:
        """Write what the physics worked out into the roles that are sensed."""
        values, body, pack = self.values, self.body, self.pack
        speed = body.speed * _KMH
        values["vehicle_speed"] = speed
        values["acceleration"] = body.acceleration
        values["distance"] = body.distance
        values["motor_speed"] = body.motor_speed * _RPM
        front, rear = body.front.slip, body.rear.slip
        if self._slips:
            self._publish_held_slips(speed, front, rear)
        else:
            values["wheel_slip_front_left"] = values["wheel_slip_front_right"] = front * 100.0
            values["wheel_slip_rear_left"] = values["wheel_slip_rear_right"] = rear * 100.0
            values["wheel_speed_front_left"] = values["wheel_speed_front_right"] = speed * (1.0 - front)
            values["wheel_speed_rear_left"] = values["wheel_speed_rear_right"] = speed * (1.0 - rear)
        values["state_of_charge"] = pack.state_of_charge
        values["pack_voltage"] = pack.voltage
        values["pack_current"] = pack.current
        values["dc_link_voltage"] = self.link.voltage
        if values["cell_temperature_held"]:
            pack.temperature = values["cell_temperature"]
        else:
            values["cell_temperature"] = pack.temperature
        values["cell_temperature_min"] = pack.temperature - self.CELL_SPREAD_K
        low, values["cell_voltage_min"], high, values["cell_voltage_max"] = pack.extremes()
        values["cell_lowest"], values["cell_highest"] = float(low), float(high)

    def _publish_held_slips(self, speed: float, front: float, rear: float) -> None:
        for wheel in WHEELS:
            slip = self._slips.get(wheel, (front if wheel.startswith("front") else rear) * 100.0)
            self.values[f"wheel_slip_{wheel}"] = slip
            self.values[f"wheel_speed_{wheel}"] = speed * (1.0 - slip / 100.0)


_HELD = ("cell_temperature", "motor_temperature", "inverter_temperature", "supply_voltage")
_CELLS = {f"cell_voltage_{number}": number for number in range(1, 97)}
