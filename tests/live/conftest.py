"""The small car, once per file of tests."""

from __future__ import annotations

import pytest
from live_car import Car


@pytest.fixture(scope="module")
def car(tmp_path_factory: pytest.TempPathFactory) -> Car:
    return Car(tmp_path_factory.mktemp("car"))
