"""A bench of one channel with a lamp and a pedal, and frames as they would be heard there."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from harness.adapter.items import Heard
from harness.bench import Blueprint
from harness.frames import Frame
from harness.restbus.plan import MessagePlan
from harness.screen.observed import Observation, ObservedChannel

LAMP = Path(__file__).parents[1] / "bench" / "data" / "lamp.dbc"

MS = 1_000_000

BENCH = """
name = "garage"
[channels.can]
database = "{database}"
port = "can"
interface = "{interface}"
channel = "{where}"
bitrate = "500 kbit/s"
{more}
"""


def bench_file(folder: Path, interface: str = "virtual", where: str = "garage", more: str = "") -> Path:
    """A bench file in a folder."""
    path = folder / "garage.toml"
    path.write_text(BENCH.format(database=LAMP, interface=interface, where=where, more=more), encoding="utf-8")
    return path


@cache
def _loaded(folder: Path, more: str) -> Blueprint:
    return Blueprint.load(bench_file(folder, more=more))


def observed(folder: Path, more: str = "") -> tuple[Observation, ObservedChannel]:
    """An observation of that bench from time 0 on, and its channel."""
    observation = Observation(_loaded(folder, more), {"can": "kernel"}, 0)
    return observation, observation.channels["can"]


def pedals(plan: MessagePlan, counter: int, brake: float, *, crc_ok: bool = True) -> Frame:
    """A frame of the protected message Pedals, every 10 ms by the database."""
    assert plan.protector is not None
    data = bytearray(plan.payload_of({"PedalsCrc": 0, "PedalsCounter": counter, "BrakePedal": round(brake / 0.5)}))
    plan.protector.protect(data, counter)
    if not crc_ok:
        data[0] ^= 0x5A
    return Frame(160, bytes(data))


def heard(time: int, frame: Frame) -> Heard:
    """It was on the bus at that time, ns."""
    return Heard(time, frame)
