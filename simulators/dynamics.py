"""Physics of the moving vehicle: motor, gear, brakes, tyres, resistance. Plain numbers in SI units, no bus, no loop."""

from __future__ import annotations

from math import copysign


class Axle:
    """Two equal wheels: tyre force up to the friction limit, and the slip that belongs to it.

    Slip is 0 rolling, 1 locked, negative when the wheels spin faster than the vehicle moves.
    """

    PEAK_SLIP = 0.08
    """Slip at which the tyre carries its largest force."""
    SLIDING = 0.9
    """Friction of a sliding tyre, of that of a rolling one."""
    RELAXATION_S = 0.02

    __slots__ = ("inertia", "slip")

    def __init__(self, inertia: float) -> None:
        self.inertia = inertia
        """Rotating mass as seen at the circumference, kg."""
        self.slip = 0.0

    def step(self, seconds: float, wanted: float, speed: float, limit: float) -> float:
        """Tyre force, N, for the force that brakes and motor want at the circumference; updates :attr:`slip`.

        speed: of the vehicle, m/s, either sign. limit: friction times load, N.
        """
        pace = abs(speed)
        if pace < 0.5 or limit <= 0.0:
            self.slip = 0.0
            return min(max(wanted, -limit), limit)
        braking = -wanted if speed > 0.0 else wanted
        if -limit <= braking <= limit:
            share = braking / limit
            steady = self.PEAK_SLIP * share * abs(share)
            # A wheel on its way back from sliding first has to spin up again.
            self.slip += (steady - self.slip) * min(1.0, seconds / self.RELAXATION_S)
            return wanted
        grip = copysign(limit * self.SLIDING, braking)
        slip = self.slip + (braking - grip) * seconds / (self.inertia * pace)
        self.slip = min(1.0, max(-1.0, slip))
        return -grip if speed > 0.0 else grip


class Body:
    """Longitudinal motion. Speed is positive forward, m/s."""

    MASS_KG = 1350.0
    ROTATING_MASS_KG = 60.0
    DRAG_AREA_M2 = 0.62
    AIR_DENSITY = 1.2
    ROLLING_RESISTANCE = 0.010
    GRAVITY = 9.81
    WHEELBASE_M = 2.45
    CENTRE_OF_GRAVITY_M = 0.52
    FRONT_LOAD = 0.58
    GEAR_RATIO = 9.0
    WHEEL_RADIUS_M = 0.305
    BRAKE_N_PER_BAR = 120.0
    FRONT_BRAKE = 0.68
    PARK_LOCK_N = 30_000.0

    __slots__ = ("acceleration", "distance", "front", "rear", "speed")

    def __init__(self) -> None:
        self.speed = 0.0
        self.acceleration = 0.0
        self.distance = 0.0
        """Metres travelled, either way."""
        self.front = Axle(inertia=45.0)
        self.rear = Axle(inertia=20.0)

    @property
    def motor_speed(self) -> float:
        """Of the motor shaft, rad/s: the front wheels' times the gear ratio."""
        return self.speed * (1.0 - self.front.slip) / self.WHEEL_RADIUS_M * self.GEAR_RATIO

    def step(
        self, seconds: float, torque: float, pressure: float, grade: float, friction: float, park_lock: bool
    ) -> None:
        """Move on. torque: at the motor shaft, Nm; pressure: bar; grade: rise per run; friction: 0 to 1.2."""
        speed = self.speed
        front, hold, passive = self._forces(seconds, torque, pressure, grade, friction, park_lock)
        if speed == 0.0:
            free = front - copysign(min(hold, abs(front)), front)
            new = free / (self.MASS_KG + self.ROTATING_MASS_KG) * seconds
        else:
            new = speed + (front + passive) / (self.MASS_KG + self.ROTATING_MASS_KG) * seconds
            # Brakes and rolling resistance stop the vehicle, they never turn it round.
            if new * speed <= 0.0 and abs(front) <= hold:
                new = 0.0
        self.advance(seconds, new)

    def advance(self, seconds: float, new_speed: float) -> None:
        """Take ``new_speed`` m/s as the speed after the step, and count the way."""
        self.acceleration = (new_speed - self.speed) / seconds
        self.distance += abs(new_speed + self.speed) * 0.5 * seconds
        self.speed = new_speed

    def wheels(self, seconds: float, torque: float, pressure: float, friction: float) -> None:
        """Let the wheels slip as brakes and motor want, without moving the vehicle (it stands on rollers)."""
        self._forces(seconds, torque, pressure, 0.0, friction, False)

    def _forces(
        self, seconds: float, torque: float, pressure: float, grade: float, friction: float, park_lock: bool
    ) -> tuple[float, float, float]:
        """Driving force with the slope's, largest holding force, and the resistance of the motion, N."""
        speed = self.speed
        weight = self.MASS_KG * self.GRAVITY
        shift = self.MASS_KG * self.acceleration * self.CENTRE_OF_GRAVITY_M / self.WHEELBASE_M
        front_limit = friction * max(0.0, weight * self.FRONT_LOAD - shift)
        rear_limit = friction * max(0.0, weight * (1.0 - self.FRONT_LOAD) + shift)
        drive = torque * self.GEAR_RATIO / self.WHEEL_RADIUS_M
        brake = pressure * self.BRAKE_N_PER_BAR
        front_brake = brake * self.FRONT_BRAKE
        rear_brake = brake - front_brake
        rolling = self.ROLLING_RESISTANCE * weight + (self.PARK_LOCK_N if park_lock else 0.0)
        slope = -weight * grade
        if speed == 0.0:
            self.front.slip = self.rear.slip = 0.0
            hold = min(front_brake, front_limit) + min(rear_brake, rear_limit) + rolling
            return min(max(drive, -front_limit), front_limit) + slope, hold, 0.0
        sign = 1.0 if speed > 0.0 else -1.0
        front = self.front.step(seconds, drive - sign * front_brake, speed, front_limit)
        rear = self.rear.step(seconds, -sign * rear_brake, speed, rear_limit)
        drag = 0.5 * self.AIR_DENSITY * self.DRAG_AREA_M2 * speed * speed
        hold = min(front_brake, front_limit) + min(rear_brake, rear_limit) + rolling
        return drive + slope, hold, front - drive + rear - sign * (rolling + drag)


class Motor:
    """Asynchronous machine with its inverter: without a DC link in its range it makes no torque and no voltage."""

    MAX_TORQUE_NM = 210.0
    MAX_POWER_W = 90_000.0
    MIN_LINK_V = 150.0
    MAX_LINK_V = 450.0
    """Above this voltage the inverter's hardware stops switching."""
    COPPER_LOSS_W_PER_NM2 = 0.09
    IRON_LOSS_W_PER_RAD_S = 1.1

    @classmethod
    def torque(cls, wanted: float, speed: float, link: float) -> float:
        """Torque, Nm, that it makes at ``speed`` rad/s and ``link`` V when ``wanted`` Nm are asked for."""
        if not cls.MIN_LINK_V <= link <= cls.MAX_LINK_V:
            return 0.0
        pace = abs(speed)
        limit = cls.MAX_TORQUE_NM if pace * cls.MAX_TORQUE_NM <= cls.MAX_POWER_W else cls.MAX_POWER_W / pace
        return limit if wanted > limit else -limit if wanted < -limit else wanted

    @classmethod
    def losses(cls, torque: float, speed: float) -> float:
        """Copper and iron losses, W, while it is excited."""
        return cls.COPPER_LOSS_W_PER_NM2 * torque * torque + cls.IRON_LOSS_W_PER_RAD_S * abs(speed)
