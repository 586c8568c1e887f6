"""The small car, once per file of tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from live_car import Car
from runs import Forge


@pytest.fixture(scope="session")
def forge() -> Iterator[Forge]:
    forge = Forge()
    yield forge
    forge.close()


@pytest.fixture(scope="module")
def car(tmp_path_factory: pytest.TempPathFactory, forge: Forge) -> Car:
    return Car(tmp_path_factory.mktemp("car"), forge)
