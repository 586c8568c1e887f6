"""The checksums of many frames of one message at once, exactly as its protector judges each.

Every CRC is linear: the checksum of a payload is the exclusive or of what each of its bytes contributes. So the
protector itself is asked once for the contribution of every bit, and a column of payloads then costs one look-up per
byte. Whatever is not certainly right that way (a wrong checksum, a foreign data ID) is put before the protector itself,
payload by payload; so is everything where the protector turns out not to be linear, as a maker's own may be.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from harness.logs.bits import Words, raw_reader
from harness.protection import ProtectionSpec, Protector, bits_of
from harness.signals.definitions import MessageDef

MOST_COUNTERS = 256
"""Up to so many counters each is asked for by itself: a list of data IDs (profile 2) is not linear in the counter."""

_PROBES = 24
_MEMORY = 1 << 16


class ProtectionColumns:
    """Judges columns of payloads of one protected message.

    >>> from harness.protection import make_protector
    >>> from harness.signals.definitions import SignalDef
    >>> crc = SignalDef("Crc", "Brake", start=0, length=8)
    >>> brake = MessageDef("Brake", 0x123, 8, (crc, SignalDef("Alive", "Brake", start=8, length=4)))
    >>> spec = ProtectionSpec("P01", 0x123, None, "Alive", "Crc")
    >>> columns = ProtectionColumns(brake, spec, make_protector(spec, brake))
    >>> data = np.array([[0xCC, 0, 0, 0, 0, 0, 0, 0], [0xCD, 0, 0, 0, 0, 0, 0, 0]], np.uint8)
    >>> valid, counter = columns.check(data, np.array([8, 8], np.uint8))
    >>> valid.tolist(), counter.tolist()
    ([True, False], [0, 0])
    """

    def __init__(self, message: MessageDef, spec: ProtectionSpec, protector: Protector) -> None:
        self._length = message.length
        self._protector = protector
        self._words = -(-message.length // 8)
        self._crc = raw_reader(message.signal(spec.crc))
        self._counter = raw_reader(message.signal(spec.counter))
        self._known: dict[bytes, tuple[bool, int]] = {}
        crc_bits = frozenset(bits_of(message.signal(spec.crc)))
        counter_bits = bits_of(message.signal(spec.counter))
        self._fast = self._learn(crc_bits, counter_bits) and self._agrees()

    @property
    def vectorised(self) -> bool:
        """Whether the protector is linear, so that columns are judged as such."""
        return self._fast

    def check(self, data: NDArray[np.uint8], length: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        """Whether each checksum is right, and the counters, as :meth:`harness.protection.Protector.check` says.

        data: uint8[n, width]. length: bytes of each payload.
        """
        if self._fast and self._words * 8 <= data.shape[1]:
            valid, counter = self._judge(data)
            valid &= length >= self._length
        else:
            valid, counter = np.zeros(len(data), bool), np.zeros(len(data), np.int64)
        for row in np.flatnonzero(~valid).tolist():
            valid[row], counter[row] = self._one(data[row, : length[row]].tobytes())
        return valid, counter

    def _one(self, payload: bytes) -> tuple[bool, int]:
        found = self._known.get(payload)
        if found is None:
            if len(self._known) >= _MEMORY:
                self._known.clear()
            check = self._protector.check(payload)
            found = self._known[payload] = check.crc_ok, check.counter
        return found

    # -- the linear part -------------------------------------------------------------------------------------------

    def _learn(self, crc_bits: frozenset[int], counter_bits: tuple[int, ...]) -> bool:
        """Ask the protector what each bit contributes; False where its counter cannot be told from the signal."""
        size, modulo = self._length, self._protector.counter_modulo
        zero = self._protected(bytes(size), 0)
        ones = self._protected(b"\xff" * size, 0)
        written = {bit for bit in range(8 * size) if _bit(zero, bit) == _bit(ones, bit)}
        fixed = written - crc_bits - set(counter_bits)
        self._start = self._crc_of(zero)
        kind = np.min_scalar_type((1 << max(len(crc_bits), 1)) - 1)
        shares = np.zeros((size, 256), np.uint64)
        for bit in sorted(set(range(8 * size)) - crc_bits - set(counter_bits) - fixed):
            payload = bytearray(size)
            payload[bit // 8] |= 1 << bit % 8
            share = self._crc_of(self._protected(bytes(payload), 0)) ^ self._start
            shares[bit // 8] ^= np.where(np.arange(256) >> bit % 8 & 1, np.uint64(share), np.uint64(0))
        self._counters: NDArray[np.generic] | None = None
        if modulo <= MOST_COUNTERS:
            every = [self._crc_of(self._protected(bytes(size), counter)) ^ self._start for counter in range(modulo)]
            # What is no counter is not certainly right, and is put before the protector.
            self._counters = np.array(every + [0] * (MOST_COUNTERS - modulo)).astype(kind)
        else:
            for position, bit in enumerate(counter_bits):
                share = self._crc_of(self._protected(bytes(size), 1 << position)) ^ self._start
                shares[bit // 8] ^= np.where(np.arange(256) >> bit % 8 & 1, np.uint64(share), np.uint64(0))
        self._shares = [(byte, table.astype(kind)) for byte, table in enumerate(shares) if table.any()]
        mask = bytearray(8 * self._words)
        for bit in fixed:
            mask[bit // 8] |= 1 << bit % 8
        wanted = bytes(a & b for a, b in zip(mask, zero.ljust(len(mask), b"\0"), strict=True))
        self._fixed = [
            (word, np.uint64(int.from_bytes(mask[8 * word : 8 * word + 8], "little")),
             np.uint64(int.from_bytes(wanted[8 * word : 8 * word + 8], "little")))
            for word in range(self._words) if any(mask[8 * word : 8 * word + 8])
        ]  # fmt: skip
        self._kind = kind
        self._modulo = modulo
        return len(counter_bits) <= 32 and modulo <= 1 << len(counter_bits)

    def _judge(self, data: NDArray[np.uint8]) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
        words = words_of(data)
        counter = self._counter(words).astype(np.int64, copy=False)
        crc = np.full(len(data), self._start, self._kind)
        for byte, table in self._shares:
            crc ^= table[data[:, byte]]
        valid = counter < self._modulo
        if self._counters is not None:
            crc ^= self._counters[counter]
        valid &= crc == self._crc(words).view(np.uint64)
        for word, mask, wanted in self._fixed:
            valid &= words.little(word) & mask == wanted
        return valid, counter

    def _agrees(self) -> bool:
        """Whether the protector is as linear as was supposed, on payloads that have nothing to do with each other."""
        rows, counters = [], []
        state = 1
        for probe in range(_PROBES):
            payload = bytearray()
            for _ in range(self._length):
                state = state * 6364136223846793005 + 1442695040888963407 & (1 << 64) - 1
                payload.append(state >> 56)
            counters.append((state >> 20) % self._modulo if probe else self._modulo - 1)
            rows.append(self._protected(bytes(payload), counters[-1]).ljust(8 * self._words, b"\0"))
        valid, counter = self._judge(np.array([list(row) for row in rows], np.uint8))
        return bool(valid.all()) and counter.tolist() == counters

    def _protected(self, payload: bytes, counter: int) -> bytes:
        data = bytearray(payload)
        self._protector.protect(data, counter)
        return bytes(data)

    def _crc_of(self, payload: bytes) -> int:
        row = np.array([list(payload.ljust(8 * self._words, b"\0"))], np.uint8)
        return int(self._crc(words_of(row))[0])


def words_of(data: NDArray[np.uint8]) -> Words:
    """Payloads uint8[n, width], width a multiple of 8, as words."""
    matrix = np.ascontiguousarray(data).view("<u8")
    fetch: Callable[[int], NDArray[np.uint64]] = lambda word: np.ascontiguousarray(matrix[:, word])  # noqa: E731
    return Words(fetch)


def _bit(payload: bytes, bit: int) -> int:
    return payload[bit // 8] >> bit % 8 & 1
