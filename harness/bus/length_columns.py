"""How long frames were on the bus, for whole columns of frames: the tables of :mod:`harness.bus.length` as arrays.

>>> from harness.bus.length import BitTimes
>>> times = FrameTimes(BitTimes(500_000, None))
>>> times.of(Frame(0x123, bytes(8)), np.array([[0x55] * 8, [0x00] * 8], np.uint8)).tolist()
[218000, 244000]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.bus.length import CRC_SHARES, LAST, SEVEN, STUFFING, BitTimes, Header, make_header
from harness.errors import BusError
from harness.frames import Frame, check_frame

_WIDTH = len(STUFFING[0])
_COST = 3  # bits of a table's entry that hold the number of stuff bits; above them where the next table begins


class FrameTimes:
    """Durations of frames at one pair of bit rates, from SOF to the end of EOF."""

    def __init__(self, times: BitTimes) -> None:
        self.times = times
        self._headers: dict[tuple[object, ...], Header | None] = {}
        number = {id(table): index for index, table in enumerate(STUFFING)}
        entries = [[number[id(after)] * _WIDTH << 2 | cost for cost, after in table] for table in STUFFING]
        self._walk = np.array(entries, np.int32).reshape(-1)
        self._begin = {id(table): index * _WIDTH for index, table in enumerate(STUFFING)}
        self._shares = np.array(CRC_SHARES, np.int32)

    def of(self, like: Frame, data: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Durations (ns) of frames that have identifier, flags and length of ``like``.

        data: uint8[n, width], payloads of ``len(like.data)`` bytes. Frames that no bus of these bit rates carries
        count as 0.
        """
        header = self._header(like)
        if header is None:
            return np.zeros(len(data), np.int64)
        stuffed = self._stuffing(header, data[:, : len(like.data)])
        times = self.times
        step = times.data if header.brs else times.nominal
        bits = header.nominal * times.nominal + header.data * times.data + times.half
        return (bits + stuffed * step) // times.divisor

    def _header(self, like: Frame) -> Header | None:
        known = like.id, len(like.data), *like[2:]
        if known not in self._headers:
            try:
                check_frame(like, fd=self.times.fd)
                self._headers[known] = make_header(like)
            except BusError:
                self._headers[known] = None  # it was recorded all the same, and has no length at these bit rates
        return self._headers[known]

    def _stuffing(self, header: Header, data: NDArray[np.uint8]) -> NDArray[np.int64]:
        """Stuff bits of payload and CRC, as :func:`harness.bus.length.payload_stuffing`."""
        count, size = data.shape
        walk = self._walk
        stuffed = np.zeros(count, np.int64)
        if header.crc < 0 and not size:
            return stuffed
        at = np.full(count, self._begin[id(header.table)])
        crc = np.full(count, header.crc, np.int32)
        columns = np.ascontiguousarray(data.T).astype(np.int64)
        for index, column in enumerate(columns):
            last = header.crc < 0 and index == size - 1
            step = walk.take(at + column + (LAST if last else 0))
            stuffed += step & _COST
            at = step >> 2
            if header.crc >= 0:
                crc ^= self._shares[8 - size + index].take(column)
        if header.crc >= 0:
            step = walk.take(at + (crc >> 7))
            stuffed += (step & _COST) + (walk.take((step >> 2) + SEVEN + (crc & 0x7F)) & _COST)
        return stuffed
