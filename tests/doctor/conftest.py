"""What the doctor's tests start from: a bench file over a channel of the reference vehicle, and emulated adapters."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from doctor_rig import Talker

from harness.bench.blueprint import Blueprint
from harness.doctor import listening
from harness.frames import Frame

DBC = Path(__file__).parents[2] / "dbc"


@pytest.fixture(autouse=True)
def own_leases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Tests that run at the same time do not take each other's benches, and do not try other bit rates for long."""
    monkeypatch.setattr(listening, "OTHER_S", 0.02)
    monkeypatch.setenv("HARNESS_LEASES", str(tmp_path / "leases"))
    return tmp_path / "leases"


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., Blueprint]:
    """Makes a bench of one channel, ``powertrain``; ``more`` are further lines of the file."""

    def make(
        interface: str = "slcan",
        where: str = "COM3",
        *,
        database: str = "powertrain",
        real: tuple[str, ...] = ("BMS", "ESP"),
        more: str = "",
    ) -> Blueprint:
        file = tmp_path / "rig.toml"
        nodes = "\n".join(f'{node} = {{ state = "real" }}' for node in real)
        file.write_text(
            f"""
            [channels.powertrain]
            database = "{DBC / database}.dbc"
            port = "can"
            interface = "{interface}"
            channel = "{where}"
            {more}
            [nodes]
            {nodes}
            """,
            encoding="utf-8",
        )
        return Blueprint.load(file)

    return make


@pytest.fixture
def talker() -> Iterator[Callable[[list[Frame]], Talker]]:
    """Plugs in emulated adapters, and pulls them out at the end."""
    made: list[Talker] = []

    def make(frames: list[Frame]) -> Talker:
        made.append(Talker(frames))
        return made[-1]

    yield make
    for each in made:
        each.close()
