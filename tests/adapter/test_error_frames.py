"""Error frames as made by hand, after linux/can/error.h and PCAN-Basic's documents."""

from __future__ import annotations

import pytest

from harness.adapter.error_frames import linux_reports, pcan_reports, plain_reports
from harness.adapter.items import Error, Overrun, State
from harness.bus.port import ErrorState

CONTROLLER, PROTOCOL, TRANSCEIVER, NO_ACK, BUS_OFF, BUS_ERROR, RESTARTED, COUNTERS = (
    0x004, 0x008, 0x010, 0x020, 0x040, 0x080, 0x100, 0x200,
)  # fmt: skip


@pytest.mark.parametrize(
    ("violation", "place", "kind", "words"),
    [
        (0x01, 0x0A, "bit", "in data"),
        (0x08, 0x02, "bit", "in identifier bits 28 to 21"),
        (0x90, 0x0B, "bit", "in DLC, while sending"),
        (0x02, 0x1A, "form", "in end of frame"),
        (0x04, 0x08, "stuff", "in CRC"),
        (0x00, 0x08, "crc", "in CRC"),
        (0x00, 0x18, "crc", "in CRC delimiter"),
        (0x80, 0x19, "ack", "in ACK slot, while sending"),
        (0x00, 0x00, "bus", ""),
        (0x20, 0x12, "bus", "overload frame, in intermission"),
        (0x00, 0x11, "bus", "in place 0x11"),
    ],
)
def test_protocol_violations(violation: int, place: int, kind: str, words: str) -> None:
    for classes in (PROTOCOL, PROTOCOL | BUS_ERROR):
        assert linux_reports(5, classes, bytes([0, 0, violation, place])) == [Error(5, kind, words)]


@pytest.mark.parametrize(
    ("status", "report"),
    [
        (0x01, Overrun(5, 0, "the controller's receive buffer overflowed")),
        (0x02, Error(5, "bus", "the controller's transmit buffer overflowed")),
        (0x04, State(5, ErrorState.ACTIVE, "error warning: an error counter has reached 96")),
        (0x08, State(5, ErrorState.ACTIVE, "error warning: an error counter has reached 96")),
        (0x10, State(5, ErrorState.PASSIVE, "error passive")),
        (0x28, State(5, ErrorState.PASSIVE, "error passive")),
        (0x40, State(5, ErrorState.ACTIVE, "error active again")),
    ],
)
def test_the_controller(status: int, report: object) -> None:
    assert linux_reports(5, CONTROLLER, bytes([0, status])) == [report]


def test_several_things_at_once() -> None:
    reports = linux_reports(5, CONTROLLER | BUS_OFF | COUNTERS, bytes([0, 0x01, 0, 0, 0, 0, 248, 7]))
    assert [type(report) for report in reports] == [Overrun, State]
    assert reports[1] == State(5, ErrorState.BUS_OFF, "bus-off; TEC 248, REC 7")


def test_the_rest() -> None:
    assert linux_reports(5, RESTARTED, b"") == [State(5, ErrorState.ACTIVE, "the controller has started again")]
    assert linux_reports(5, NO_ACK, b"") == [Error(5, "ack", "nobody acknowledged")]
    assert linux_reports(5, BUS_ERROR, b"") == [Error(5, "bus", "bus error")]
    assert linux_reports(5, TRANSCEIVER, bytes([0, 0, 0, 0, 7])) == [Error(5, "bus", "CAN-H is shorted to ground")]
    assert linux_reports(5, 0x001, b"") == [Error(5, "bus", "the network driver gave up sending (TX timeout)")]
    assert linux_reports(5, 0x002, bytes([4])) == [], "lost arbitration is no error"


def test_pcan() -> None:
    assert pcan_reports(5, 1, bytes([0, 25, 0, 8])) == [
        State(5, ErrorState.ACTIVE, ""),
        Error(5, "bit", "in ACK slot, while sending; TEC 8, REC 0"),
    ]
    assert pcan_reports(5, 8, bytes([1, 8, 135, 0]))[1] == Error(5, "crc", "in CRC; TEC 0, REC 135")
    # Identifier 0 only tells the counters.
    assert pcan_reports(5, 0, bytes([0, 0, 0, 128])) == [State(5, ErrorState.PASSIVE, "")]


def test_without_details() -> None:
    assert plain_reports(5, 0, b"") == [Error(5, "bus", "error frame")]
    assert plain_reports(5, 0, b"\x12") == [Error(5, "bus", "error frame 12")]
