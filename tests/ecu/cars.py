"""A gateway between two buses, a body controller and a sensor: what the tests of ECU models stand on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.bus.simulated import SimBus
from harness.ecu import Ecu, EcuContext, Link
from harness.frames import Received
from harness.loop import Loop, Owner
from harness.plant import Plant, Role
from harness.restbus import Catalogue, Transmitter
from tests.restbus.scripted_port import MS, PLANS


class Cabin(Plant):
    """A plant with one role."""

    roles = (Role("cabin_temperature", "degC", 20.0),)


class Vehicle:
    """Two channels with the same messages on both; nodes are attached one by one, and started by :meth:`until`.

    BODY sends all messages of the test database; a model takes the place of any node.
    """

    def __init__(self, channels: tuple[str, ...] = ("body",)) -> None:
        self.loop = Loop()
        self.plant = Cabin()
        self.plant.start(self.loop)
        self.buses = {name: SimBus(self.loop, name, bitrate=500_000, data_bitrate=2_000_000) for name in channels}
        self.heard: list[Received] = []
        for bus in self.buses.values():
            bus.observe(self.heard.append)
            bus.attach("WITNESS")  # somebody who acknowledges
        self.ecus: list[Ecu] = []

    def rest(self, *messages: str, channel: str = "body") -> Transmitter:
        """The rest-bus of BODY with these messages, started at once."""
        port = self.buses[channel].attach("BODY")
        plans = [PLANS[name] for name in messages]
        transmitter = Transmitter(self.loop, port, plans, Owner("BODY"))
        transmitter.start()
        return transmitter

    def add(
        self,
        model: type[Any],
        name: str = "DASH",
        *,
        sends: Mapping[str, tuple[str, ...]] | None = None,
        drift_ppm: float = 0.0,
        messages: Catalogue = PLANS,
        **parameters: object,
    ) -> Any:
        """Attach a model to all channels and power it on; ``sends``: its messages by channel."""
        owner = Owner(name, drift_ppm)
        links = {}
        for channel, bus in self.buses.items():
            port = bus.attach(name)
            plans = [PLANS[message] for message in (sends or {}).get(channel, ())]
            links[channel] = Link(port, messages, Transmitter(self.loop, port, plans, owner))
        ecu: Ecu = model(EcuContext(name, self.loop, owner, links, self.plant, parameters))
        self.ecus.append(ecu)
        ecu.power_on()
        return ecu

    def until(self, milliseconds: float) -> None:
        """Run on to this time."""
        self.loop.run_until(round(milliseconds * MS))

    def frames(self, message: str, channel: str = "body") -> list[Received]:
        """Frames of a message seen so far."""
        key = PLANS[message].message.key
        return [received for received in self.heard if received.frame.key == key and received.channel == channel]
