"""What error frames say, as Linux and other drivers report them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from harness.adapter.items import Error, Overrun, State
from harness.bus.port import ErrorState

Errors = Literal["linux", "pcan", "plain", "none"]
"""How an interface reports error frames: as Linux does, as PCAN-Basic does, without details, or not at all."""

Report = Error | State | Overrun

# linux/can/error.h: classes, in the identifier
_LOST_ARBITRATION, _CONTROLLER, _PROTOCOL, _TRANSCEIVER = 0x002, 0x004, 0x008, 0x010
_TX_TIMEOUT, _NO_ACK, _BUS_OFF, _BUS_ERROR, _RESTARTED, _COUNTERS = 0x001, 0x020, 0x040, 0x080, 0x100, 0x200
# data[1]: the controller
_RX_OVERFLOW, _TX_OVERFLOW, _WARNING, _PASSIVE, _ACTIVE = 0x01, 0x02, 0x0C, 0x30, 0x40
# data[2]: the protocol
_KINDS = ((0x19, "bit"), (0x02, "form"), (0x04, "stuff"))
_OVERLOAD, _ON_TRANSMISSION = 0x20, 0x80
# data[3]: the place in the frame
_PLACES = {
    0x03: "start of frame", 0x02: "identifier bits 28 to 21", 0x06: "identifier bits 20 to 18", 0x04: "SRTR",
    0x05: "IDE", 0x07: "identifier bits 17 to 13", 0x0F: "identifier bits 12 to 5", 0x0E: "identifier bits 4 to 0",
    0x0C: "RTR", 0x0D: "reserved bit 1", 0x09: "reserved bit 0", 0x0B: "DLC", 0x0A: "data", 0x08: "CRC",
    0x18: "CRC delimiter", 0x19: "ACK slot", 0x1B: "ACK delimiter", 0x1A: "end of frame", 0x12: "intermission",
}  # fmt: skip
_KIND_OF_PLACE = {0x08: "crc", 0x18: "crc", 0x19: "ack", 0x1B: "ack"}
# data[4]: the transceiver
_WIRES = {
    0x04: "CAN-H is not connected", 0x05: "CAN-H is shorted to the battery", 0x06: "CAN-H is shorted to the supply",
    0x07: "CAN-H is shorted to ground", 0x40: "CAN-L is not connected", 0x50: "CAN-L is shorted to the battery",
    0x60: "CAN-L is shorted to the supply", 0x70: "CAN-L is shorted to ground", 0x80: "CAN-L is shorted to CAN-H",
}  # fmt: skip


def linux_reports(time: int, classes: int, data: bytes) -> list[Report]:
    """What an error message of Linux says (``linux/can/error.h``).

    classes: the identifier without its flags. data: up to 8 bytes. Lost arbitration is no error, and not reported.

    >>> linux_reports(7, 0x20C, bytes([0, 0x20, 0x84, 0x0A, 0, 0, 136, 2]))
    ... # doctest: +NORMALIZE_WHITESPACE
    [State(time=7, state=<ErrorState.PASSIVE: 'error passive'>, text='error passive; TEC 136, REC 2'),
     Error(time=7, kind='stuff', text='in data, while sending; TEC 136, REC 2')]
    """
    data = data.ljust(8, b"\0")
    counters = f"TEC {data[6]}, REC {data[7]}" if classes & _COUNTERS else ""
    found = list(_linux(time, classes, data))
    return [report._replace(text="; ".join(filter(None, (report.text, counters)))) for report in found]


def _linux(time: int, classes: int, data: bytes) -> Iterator[Report]:
    if classes & _CONTROLLER:
        yield from _controller(time, data[1])
    if classes & _BUS_OFF:
        yield State(time, ErrorState.BUS_OFF, "bus-off")
    if classes & _RESTARTED:
        yield State(time, ErrorState.ACTIVE, "the controller has started again")
    if classes & _PROTOCOL:
        yield _violation(time, data[2], data[3])
    elif classes & _NO_ACK:
        yield Error(time, "ack", "nobody acknowledged")
    elif classes & _BUS_ERROR:
        yield Error(time, "bus", "bus error")
    if classes & _TRANSCEIVER:
        yield Error(time, "bus", _WIRES.get(data[4], f"the transceiver reports 0x{data[4]:02X}"))
    if classes & _TX_TIMEOUT:
        yield Error(time, "bus", "the network driver gave up sending (TX timeout)")


def _controller(time: int, status: int) -> Iterator[Report]:
    if status & _RX_OVERFLOW:
        yield Overrun(time, 0, "the controller's receive buffer overflowed")
    if status & _TX_OVERFLOW:
        yield Error(time, "bus", "the controller's transmit buffer overflowed")
    if status & _PASSIVE:
        yield State(time, ErrorState.PASSIVE, "error passive")
    elif status & _WARNING:
        yield State(time, ErrorState.ACTIVE, "error warning: an error counter has reached 96")
    elif status & _ACTIVE:
        yield State(time, ErrorState.ACTIVE, "error active again")


def _violation(time: int, violation: int, place: int) -> Error:
    kind = next((name for bits, name in _KINDS if violation & bits), _KIND_OF_PLACE.get(place, "bus"))
    words = ["overload frame"] if violation & _OVERLOAD else []
    if place:
        words.append(f"in {_PLACES.get(place, f'place 0x{place:02X}')}")
    if violation & _ON_TRANSMISSION:
        words.append("while sending")
    return Error(time, kind, ", ".join(words))


_PASSIVE_FROM = 128
_PCAN_KINDS = ((0x1, "bit"), (0x2, "form"), (0x4, "stuff"))


def pcan_reports(time: int, identifier: int, data: bytes) -> list[Report]:
    """What an error frame of PCAN-Basic says: kind in the identifier; direction, place, REC and TEC in the data.

    Identifier 0 only tells the counters. The state follows from them: error passive from 128 on.

    >>> pcan_reports(7, 4, bytes([1, 0x0A, 3, 0]))[-1]
    Error(time=7, kind='stuff', text='in data; TEC 0, REC 3')
    """
    data = data.ljust(4, b"\0")
    passive = max(data[2], data[3]) >= _PASSIVE_FROM
    reports: list[Report] = [State(time, ErrorState.PASSIVE if passive else ErrorState.ACTIVE)]
    if identifier:
        violation = _violation(time, 0 if data[0] else _ON_TRANSMISSION, data[1] & 0x1F)
        kind = next((name for bit, name in _PCAN_KINDS if identifier & bit), violation.kind)
        counters = f"TEC {data[3]}, REC {data[2]}"
        reports.append(Error(time, kind, "; ".join(filter(None, (violation.text, counters)))))
    return reports


def plain_reports(time: int, identifier: int, data: bytes) -> list[Report]:
    """An error frame of an interface that gives no details that we could read."""
    return [Error(time, "bus", f"error frame{f' {data.hex()}' if data else ''}")]


READERS: dict[Errors, Callable[[int, int, bytes], list[Report]]] = {
    "linux": linux_reports,
    "pcan": pcan_reports,
    "plain": plain_reports,
    "none": plain_reports,
}
"""Identifier and data of an error frame as reports, by how the interface writes them."""
