"""What every ECU on the powertrain network has in common."""

from __future__ import annotations

from harness.ecu import Ecu, RxMessage, on_message

KEY_ON = 2
KEY_INVALID = 7
"""Values of ``KeyPositionPowertrain``."""
AWAKE = 1
"""Value of ``NetworkState``."""
CRASH = 1
"""Value of ``CrashDetected``."""


class PowertrainEcu(Ecu):
    """Sleeps and wakes with the network (VEH-064), as the gateway's network management says."""

    def start(self) -> None:
        self._shown: dict[tuple[str, ...], dict[str, float]] = {}

    def show(self, **signals: float) -> None:
        """As :meth:`set`, for what is worked out over and over: nothing when it is the same as the last time.

        A signal always comes with the same others.
        """
        names = tuple(signals)
        if self._shown.get(names) != signals:
            self._shown[names] = signals
            self.set(signals)

    @on_message("NetworkStatus")
    def follow_network(self, message: RxMessage) -> None:
        """Stop sending on PrepareSleep, start again on Awake."""
        if message.values["NetworkState"] == AWAKE:
            self.network.wake()
        else:
            self.network.sleep()

    def actuate(self, role: str, value: float) -> None:
        """Drive a role of the plant, when it is not driven so already."""
        if self.plant.values[role] != value:
            self.plant[role] = value


def clamp(value: float, low: float, high: float) -> float:
    """``value``, but at least ``low`` and at most ``high``."""
    return low if value < low else high if value > high else value


def fresh(message: RxMessage, timeout: int) -> bool:
    """Whether the last valid frame of a message is at most ``timeout`` ns old."""
    age = message.age
    return age is not None and age <= timeout
