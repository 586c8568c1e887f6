"""``harness doctor`` on SocketCAN: it hears a link as the system has set it, and sends on it only when asked."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.bench.blueprint import Blueprint
from harness.doctor.examination import Examination
from harness.doctor.finding import Finding, Mark
from harness.doctor.machine import Machine

DBC = Path(__file__).parents[2] / "dbc"
FRAME = struct.Struct("=IB3x8s")


@pytest.fixture(autouse=True)
def own_leases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_LEASES", str(tmp_path / "leases"))


def bench(folder: Path, link: str) -> Blueprint:
    file = folder / "rig.toml"
    file.write_text(
        f"""
        [channels.powertrain]
        database = "{DBC / "powertrain.dbc"}"
        port = "can"
        interface = "socketcan"
        channel = "{link}"
        bitrate = "500 kbit/s"
        [doctor]
        probe = 0x7FE
        [nodes]
        BMS = {{ state = "real" }}
        """,
        encoding="utf-8",
    )
    return Blueprint.load(file)


def examine(folder: Path, link: str, *, active: bool = False) -> dict[str, Finding]:
    findings = Examination(bench(folder, link), active=active, seconds=0.5).findings()
    return {each.check: each for each in findings}


class Neighbour:
    """Another node of a link: sends what BMS would send every 5 ms, and keeps the identifiers that it hears."""

    def __init__(self, link: str, blueprint: Blueprint) -> None:
        self.heard: list[int] = []
        self._frames = [
            FRAME.pack(plan.message.key, plan.message.length, bytes(plan.start_payload))  # bit 31 is CAN_EFF_FLAG too
            for plan in blueprint.channels[0].plans["BMS"]
        ]
        self._socket = socket.socket(socket.AF_CAN, socket.SOCK_RAW, socket.CAN_RAW)
        self._socket.bind((link,))
        self._socket.settimeout(0.005)
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        at = 0
        while not self._end.is_set():
            at += 1
            self._socket.send(self._frames[at % len(self._frames)])
            try:
                self.heard.append(FRAME.unpack(self._socket.recv(16))[0])
            except TimeoutError:
                continue

    def close(self) -> None:
        self._end.set()
        self._thread.join()
        self._socket.close()


@pytest.fixture
def neighbour(tmp_path: Path) -> Iterator[Callable[[str], Neighbour]]:
    made: list[Neighbour] = []

    def make(link: str) -> Neighbour:
        made.append(Neighbour(link, bench(tmp_path, link)))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_links_are_listed() -> None:
    found = {each.facts.get("interface"): each for each in Machine(detect=lambda: iter(())).links()}
    assert found["vcan0"].text == "vcan0 is up, virtual"
    assert found["vcan0"].mark is Mark.OK


def test_it_only_listens(tmp_path: Path, neighbour: Callable[[str], Neighbour]) -> None:
    other = neighbour("vcan0")
    found = examine(tmp_path, "vcan0")
    assert {check: each.mark for check, each in found.items()} == {
        "lease": Mark.OK, "adapter": Mark.OK, "traffic": Mark.OK, "bit rate": Mark.OK, "database": Mark.OK,
        "senders": Mark.OK, "nodes": Mark.OK, "timestamps": Mark.OK, "echo": Mark.OK, "CAN FD": Mark.SKIP,
        "ACK": Mark.SKIP,
    }  # fmt: skip
    assert other.heard == []


def test_a_link_that_is_not_there(tmp_path: Path) -> None:
    found = examine(tmp_path, "vcan99")
    assert found["adapter"].mark is Mark.FAIL
    assert "vcan99" in found["adapter"].text


def test_a_frame_is_acknowledged_by_a_controller(
    tmp_path: Path, pair: tuple[str, str], neighbour: Callable[[str], Neighbour]
) -> None:
    other = neighbour(pair[1])
    found = examine(tmp_path, pair[0], active=True)
    assert found["traffic"].mark is Mark.OK
    assert found["ACK"].mark is Mark.OK, found["ACK"]
    assert found["jitter"].mark in (Mark.OK, Mark.WARN), found["jitter"]  # how punctual this machine is, is its affair
    assert found["jitter"].facts["frames"] >= 100
    assert set(other.heard) == {0x7FE}
