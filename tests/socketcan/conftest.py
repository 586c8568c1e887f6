"""SocketCAN's tests run where Linux has it, with ``vcan0`` and ``vcan1`` up, some with more; else they are skipped."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "adapter"))  # the conformance suite


def links() -> dict[str, str]:
    """The CAN links that are up, and their kinds."""
    if not hasattr(socket, "AF_CAN") or shutil.which("ip") is None:
        return {}
    done = subprocess.run(
        ["ip", "-json", "-details", "link", "show", "up"], capture_output=True, text=True, check=False
    )
    shown = json.loads(done.stdout or "[]")
    return {each["ifname"]: each.get("linkinfo", {}).get("info_kind", "") for each in shown if "ifname" in each}


def reason() -> str:
    """Why nothing can run here; "" when it can."""
    try:
        socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW).close()
    except (AttributeError, OSError) as error:
        return f"no SocketCAN here: {error}"
    missing = {"vcan0", "vcan1"} - links().keys()
    return f"{' and '.join(sorted(missing))} not up" if missing else ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip everything of this folder where it cannot run."""
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    why = reason() if here else ""
    if why:
        for item in here:
            item.add_marker(pytest.mark.skip(reason=why))


@pytest.fixture
def pair() -> tuple[str, str]:
    """Two controllers on one bus."""
    found = sorted(name for name, kind in links().items() if kind == "can")
    if len(found) < 2:
        pytest.skip("no two CAN controllers on one bus here")
    return found[0], found[1]


@pytest.fixture
def administer() -> Iterator[Callable[..., None]]:
    """Run a command that needs root; what was changed is changed back by the test."""
    if not hasattr(os, "geteuid") or os.geteuid():
        pytest.skip("needs root")

    def run(*command: str) -> None:
        subprocess.run(command, check=True, capture_output=True, text=True)

    yield run
