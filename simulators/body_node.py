"""What the nodes of the body network have in common: they sleep and wake with the network."""

from __future__ import annotations

from harness.ecu import Ecu, on_signal


class BodyNode(Ecu):
    """A node that falls silent when the gateway says so and sends again when it is woken (VEH-064).

    It keeps listening while it is silent: its functions go on as far as they need no frames of its own.
    """

    def start(self) -> None:
        self.awake = True

    @on_signal("NetworkStateBody")
    def follow_network(self, value: float, previous: float | None) -> None:
        """VEH-064: silent from PrepareSleep on, until the gateway says Awake."""
        awake = self.text("NetworkStateBody") == "Awake"
        if awake and not self.awake:
            self.wake_up()
        elif self.awake and not awake:
            self.fall_asleep()

    def fall_asleep(self) -> None:
        """Stop sending."""
        self.awake = False
        self.network.sleep()

    def wake_up(self) -> None:
        """Send again."""
        self.awake = True
        self.network.wake()
