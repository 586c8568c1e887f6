"""A car of a few messages on two channels, without bus: a test puts frames on its networks at times of its choice."""

from __future__ import annotations

from pathlib import Path

from harness.frames import Frame, Received
from harness.loop import Loop
from harness.signals.database import Database
from harness.signals.definitions import MessageDef, SignalDef
from harness.signals.network import Network

MS = 1_000_000
OFF_ON = {0: "Off", 1: "On"}
GEARS = {0: "P", 1: "R", 2: "N", 3: "D", 7: "Invalid"}

PEDALS = MessageDef(
    "Pedals",
    0x100,
    2,
    (
        SignalDef("BrakePedal", "Pedals", 0, 8, scale=0.4, minimum=0, maximum=100, unit="%", choices={255: "SNA"}),
        SignalDef("Accelerator", "Pedals", 8, 8, scale=0.4, minimum=0, maximum=100, unit="%"),
    ),
    cycle_time_ns=10 * MS,
)
MOTION = MessageDef(
    "Motion",
    0x120,
    8,
    (
        SignalDef("Speed", "Motion", 0, 16, scale=0.01, minimum=0, maximum=300, unit="km/h"),
        SignalDef("Temperature", "Motion", 16, 8, offset=-40, unit="degC"),
        SignalDef("Steps", "Motion", 24, 8, signed=True),
        SignalDef("Torque", "Motion", 32, 32, is_float=True, unit="Nm"),
    ),
    cycle_time_ns=10 * MS,
    send_type="cyclicAndOnChange",
)
LAMPS = MessageDef(
    "Lamps",
    0x140,
    1,
    (
        SignalDef("BrakeLamp", "Lamps", 0, 1, choices=OFF_ON),
        SignalDef("Gear", "Lamps", 1, 3, choices=GEARS),
    ),
    cycle_time_ns=20 * MS,
    send_type="cyclic",
)
CELLS = MessageDef(
    "Cells",
    0x18FF0200,
    3,
    (
        SignalDef("Page", "Cells", 0, 8, is_multiplexer=True),
        SignalDef("CellA", "Cells", 8, 16, scale=0.001, unit="V", multiplexer="Page", multiplexer_ids=(0,)),
        SignalDef("CellB", "Cells", 8, 16, scale=0.001, unit="V", multiplexer="Page", multiplexer_ids=(1,)),
    ),
    extended=True,
)
KEY = MessageDef(
    "Key", 0x90, 1, (SignalDef("KeyOn", "Key", 0, 1, choices=OFF_ON),), cycle_time_ns=100 * MS, send_type="onChange"
)
CLUSTER = MessageDef(
    "Cluster",
    0x140,
    3,
    (
        SignalDef("Speed", "Cluster", 0, 16, scale=0.1, unit="m/s"),
        SignalDef("Gear", "Cluster", 16, 4, choices={1: "P", 2: "R", 3: "N", 4: "D"}),
    ),
    cycle_time_ns=20 * MS,
)
COPY = MessageDef("ClusterCopy", 0x141, 2, (SignalDef("Speed", "ClusterCopy", 0, 16, scale=0.1, unit="m/s"),))


class SmallCar:
    """Two networks on one loop: ``powertrain`` and ``body``."""

    def __init__(self) -> None:
        self.loop = Loop()
        powertrain = Database(Path("powertrain.dbc"), "", (), (PEDALS, MOTION, LAMPS, CELLS, KEY))
        body = Database(Path("body.dbc"), "", (), (CLUSTER,))
        more = Database(Path("more.dbc"), "", (), (COPY,))
        self.powertrain = Network("powertrain", [powertrain], self.loop)
        self.body = Network("body", [body, more], self.loop)

    def send(self, time: int, message: MessageDef, **values: float | str) -> Received:
        """A frame of the message that ends at ``time`` ns; values that are not given are the start values."""
        return self.send_raw(time, message, message.codec.encode(values, strict=False))

    def send_raw(self, time: int, message: MessageDef, data: bytes, *, remote: bool = False) -> Received:
        network = self.body if message in (CLUSTER, COPY) else self.powertrain
        self.loop.run_until(time)
        rx = Received(time, network.channel, Frame(message.id, data, message.extended, remote=remote), "NODE")
        network.receive(rx)
        return rx
