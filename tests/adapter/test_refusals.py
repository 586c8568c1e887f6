"""Exceptions of python-can, vendors and systems, as they are worded there."""

from __future__ import annotations

import errno

import can
import pytest

from harness.adapter.refusals import Meaning, meaning_of, text_of


def chained(outer: BaseException, cause: BaseException) -> BaseException:
    outer.__cause__ = cause
    return outer


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        # socketcan
        (chained(can.CanOperationError("Failed to transmit: …"), OSError(errno.ENOBUFS, "")), Meaning.FULL),
        (can.CanOperationError("Transmit buffer full"), Meaning.FULL),
        (chained(can.CanOperationError("Failed to transmit: …"), OSError(errno.ENETDOWN, "")), Meaning.LOST),
        (can.CanOperationError("somebody's error 105", errno.ENOBUFS), Meaning.UNKNOWN),
        (OSError(errno.ENODEV, "No such device"), Meaning.LOST),
        (OSError(errno.EINVAL, "Invalid argument"), Meaning.UNKNOWN),
        # udp_multicast
        (chained(can.CanOperationError("failed to send via socket"), BlockingIOError(errno.EAGAIN, "")), Meaning.FULL),
        (chained(can.CanOperationError("failed to send via socket"), OSError(errno.ENETUNREACH, "")), Meaning.LOST),
        (can.CanTimeoutError(), Meaning.FULL),
        # slcan, serial
        (chained(can.CanOperationError("Could not read from serial device"), OSError("read failed")), Meaning.LOST),
        # harness, virtual
        (can.CanTimeoutError("no room in the transmit queue of simulated bus 'x'"), Meaning.FULL),
        (can.CanOperationError("Could not send message to one or more recipients"), Meaning.FULL),
        # pcan
        (can.CanOperationError("Failed to send: The transmit queue is full"), Meaning.FULL),
        (can.CanOperationError("Failed to send: The transmit buffer in CAN controller is full"), Meaning.FULL),
        (can.CanOperationError("The receive queue was read too late"), Meaning.OVERRUN),
        (can.CanOperationError("The CAN controller was read too late"), Meaning.OVERRUN),
        (can.CanOperationError("Bus error: the CAN controller is in bus-off state"), Meaning.BUS_OFF),
        (can.CanOperationError("Bus error: the CAN controller is error passive"), Meaning.PASSIVE),
        (can.CanOperationError("Bus error: an error counter reached the 'light' limit"), Meaning.UNKNOWN),
        # kvaser
        (can.CanOperationError("Function canWrite failed - Transmit buffer overflow", -13), Meaning.FULL),
        # vector
        (can.CanOperationError("xlCanTransmit failed (XL_ERR_QUEUE_IS_FULL)", 11), Meaning.FULL),
        (can.CanOperationError("xlReceive failed (XL_ERR_HW_NOT_PRESENT)", 129), Meaning.LOST),
        # ixxat
        (can.CanError("Data overrun occurred"), Meaning.OVERRUN),
        (can.CanError("Error warning limit exceeded"), Meaning.WARNING),
        (can.CanError("Bus off status"), Meaning.BUS_OFF),
        # gs_usb
        (chained(can.CanOperationError("The message could not be sent"), OSError(errno.ENODEV, "")), Meaning.LOST),
        # anything
        (ValueError("received DLC may not exceed 8 bytes"), Meaning.UNKNOWN),
        (AssertionError("only requested a single extra field"), Meaning.UNKNOWN),
    ],
    ids=lambda value: value.name if isinstance(value, Meaning) else None,
)
def test_meanings(error: BaseException, meaning: Meaning) -> None:
    assert meaning_of(error) is meaning


def test_the_text_says_each_thing_once() -> None:
    cause = OSError(errno.EIO, "Input/output error")
    error = chained(can.CanOperationError(str(cause)), cause)
    assert text_of(error) == "CanOperationError: [Errno 5] Input/output error"
    other = chained(can.CanOperationError("Could not read"), cause)
    assert text_of(other) == "CanOperationError: Could not read; because of OSError: [Errno 5] Input/output error"
    assert text_of(can.CanTimeoutError()) == "CanTimeoutError"
