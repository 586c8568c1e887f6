"""A second server on the same bus is refused."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import can
import pytest
from serving import Command

from harness.adapter.stimulation import REQUEST_ID, Answer, Operation, Status
from harness.errors import ConfigError
from harness.serve import alone
from harness.serve.alone import refuse_second


@pytest.fixture
def buses() -> Iterator[tuple[can.BusABC, can.BusABC]]:
    """Ours, and somebody else's."""
    with (
        can.Bus(interface="virtual", channel="alone") as ours,
        can.Bus(interface="virtual", channel="alone") as other,
    ):
        yield ours, other


def sent(bus: can.BusABC, identifier: int, data: bytes = b"", **more: bool) -> None:
    bus.send(can.Message(arbitration_id=identifier, data=data, **more))


def test_it_listens_and_asks(buses: tuple[can.BusABC, can.BusABC], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alone, "LISTEN_NS", 20_000_000)
    ours, other = buses
    sent(other, 0x123, is_extended_id=False)
    sent(other, 0x12C, is_extended_id=False, is_remote_frame=True)
    refuse_second(ours, "virtual:alone", {0x12C}, fd=False)
    question = other.recv(5)
    assert question is not None and question.arbitration_id == REQUEST_ID


def test_whoever_sends_what_is_to_be_served_is_named(buses: tuple[can.BusABC, can.BusABC]) -> None:
    ours, other = buses
    sent(other, 0x12C, b"\1", is_extended_id=False)
    with pytest.raises(ConfigError, match="virtual:alone: somebody sends 0x12C there, which is to be served"):
        refuse_second(ours, "virtual:alone", {0x12C}, fd=False)


def test_a_server_whose_network_sleeps_answers(
    buses: tuple[can.BusABC, can.BusABC], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alone, "LISTEN_NS", 30_000_000_000)  # it does not take that long
    ours, other = buses

    def answer() -> None:
        assert other.recv(30) is not None
        frame = Answer(Operation.HELLO, 0, Status.DONE, 2.0).frame()
        sent(other, frame.id, frame.data)

    thread = threading.Thread(target=answer)
    thread.start()
    with pytest.raises(ConfigError, match="another server answers there"):
        refuse_second(ours, "virtual:alone", (), fd=False)
    thread.join()


def test_two_servers_in_one_group() -> None:
    pytest.importorskip("msgpack", reason="python-can's udp_multicast needs msgpack")
    options = ("--interface", "udp_multicast", "--channel", "body=239.74.163.2?port=43992")
    with Command(*options) as served:
        code, errors = Command.refused(*options)
        assert code == 2 and "harness simulate: udp_multicast:239.74.163.2?port=43992: " in errors
        assert served.end()[0] == 0
    with Command(*options):
        pass
