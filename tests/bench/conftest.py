"""A small world for the bench's own tests: one pedal node that the test plays, one lamp with a model."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.bench import Bench, Blueprint

LAMP = Path(__file__).parent / "data" / "lamp.toml"


@pytest.fixture(scope="session")
def lamp_blueprint() -> Blueprint:
    return Blueprint.load(LAMP)


@pytest.fixture
def lamp(lamp_blueprint: Blueprint) -> Iterator[Bench]:
    with Bench(lamp_blueprint) as bench:
        yield bench
