"""Frames as values, and what no bus would carry."""

from __future__ import annotations

import pytest

from harness.errors import BusError, nearest
from harness.frames import EXTENDED, FD_LENGTHS, Frame, check_frame, id_text


@pytest.mark.parametrize(
    ("frame", "fd", "text"),
    [
        (Frame(0x800), False, "more than 11 bits"),
        (Frame(-1), False, "more than 11 bits"),
        (Frame(0x2000_0000, extended=True), False, "more than 29 bits"),
        (Frame(1, bytes(9)), False, "0 to 8 bytes, not 9"),
        (Frame(1, bytes(9)), True, "0 to 8 bytes, not 9"),
        (Frame(1, bytes(9), fd=True), True, "not 9"),
        (Frame(1, b"", fd=True), False, "channel is classic"),
        (Frame(1, b"", fd=True, remote=True), True, "no remote frames"),
        (Frame(1, b"", brs=True), True, "CAN FD only"),
        (Frame(1, b"", esi=True), True, "CAN FD only"),
        (Frame(1, b"x", remote=True), False, "no data"),
        (Frame(1, remote=True, length=9), False, "0 to 8 bytes"),
    ],
)
def test_what_no_bus_would_carry(frame: Frame, fd: bool, text: str) -> None:
    with pytest.raises(BusError, match=text):
        check_frame(frame, fd=fd)


@pytest.mark.parametrize("length", FD_LENGTHS)
def test_every_fd_length_is_carried(length: int) -> None:
    check_frame(Frame(0x7FF, bytes(length), fd=True, brs=True), fd=True)


def test_standard_and_extended_identifiers_never_meet() -> None:
    assert Frame(0x123).key != Frame(0x123, extended=True).key
    assert (id_text(0x12), id_text(EXTENDED | 0x12)) == ("0x012", "0x00000012x")


def test_nearest_names() -> None:
    assert nearest("brakelamp", ["BrakeLamp", "BrakePedal"]).startswith("; did you mean")
    assert nearest("zzz", ["BrakeLamp"]) == ""
