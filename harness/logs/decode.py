"""A recording as signals: decoded block by block, so that its size does not matter, or whole columns of chosen ones.

>>> from harness.frames import Frame, Received
>>> from harness.signals.definitions import MessageDef, SignalDef
>>> lamp = SignalDef("BrakeLamp", "Lamps", start=0, length=1, choices={0: "Off", 1: "On"})
>>> lamps = MessageDef("Lamps", 0x123, 1, (lamp,))
>>> seen = [Received(5_000, "body", Frame(0x123, b"\\x01")), Received(6_000, "body", Frame(0x77))]
>>> decoder = Decoder({"body": [lamps]})
>>> columns = decoder.block(FrameColumns.of(seen, ["body"]), ["body"])
>>> columns["body.Lamps.BrakeLamp"].time.tolist(), columns["body.Lamps.BrakeLamp"].text.tolist()
([5000], ['On'])
>>> decoder.unknown
Counter({('body', 119): 1})
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from harness.errors import UnknownSignalError, nearest
from harness.logs.columns import ERROR, REMOTE, FrameColumns
from harness.logs.key_index import KeyIndex
from harness.logs.message_decode import MessageDecoder, decode_message, word_matrix
from harness.signals.column import SignalColumn
from harness.signals.definitions import MessageDef

__all__ = ["Decoder", "decode_log", "decode_message", "full_paths"]


class Blocks(Protocol):
    """What can be decoded: a recording that gives its frames block by block, and the names of its channels."""

    @property
    def channels(self) -> Sequence[str]:
        """Names behind :attr:`FrameColumns.channel`."""

    def blocks(self) -> Iterator[FrameColumns]:
        """The frames, from the first to the last."""


class Payloads(NamedTuple):
    """Frames of one message, all long enough for it. time: int64[n]. words: uint64[n, k], their payloads."""

    time: NDArray[np.int64]
    words: NDArray[np.uint64]


class Decoder:
    """Decodes block after block, each column exactly as the messages' codecs would frame by frame.

    messages: by name of channel. signals: paths ``channel.Message.Signal`` of those wanted, also as
    ``Message.Signal`` or ``Signal`` where only one has that name; None for all. Fewer signals take less time.

    unknown: how many frames had an identifier that the channel's messages do not have, by (channel,
    :attr:`harness.frames.Frame.key`). undecodable: how many the codec refused (too short, unknown multiplexer number,
    container), likewise; only of messages that hold a wanted signal. frames: how many data frames there were.
    end: time of the last of them in ns, 0 before the first.
    Error frames and remote frames carry no signals and count nowhere.

    Raises :class:`~harness.errors.UnknownSignalError` with the nearest names for a signal that no message has.
    """

    def __init__(self, messages: Mapping[str, Iterable[MessageDef]], signals: Collection[str] | None = None) -> None:
        self.unknown: Counter[tuple[str, int]] = Counter()
        self.undecodable: Counter[tuple[str, int]] = Counter()
        self.frames = 0
        self.end = 0
        given = {channel: tuple(each) for channel, each in messages.items()}
        self._known = {(channel, message.key): message for channel, each in given.items() for message in each}
        wanted = None if signals is None else full_paths(signals, given)
        self._decoders: list[tuple[str, str, MessageDecoder | None]] = []
        for (channel, _), message in self._known.items():
            prefix = f"{channel}.{message.name}."
            names = [each.name for each in message.signals if wanted is None or prefix + each.name in wanted]
            self._decoders.append((channel, prefix, MessageDecoder(message, names) if names else None))
        self._index: KeyIndex | None = None
        self._index_of: tuple[str, ...] = ()

    def block(self, block: FrameColumns, channels: Sequence[str]) -> dict[str, SignalColumn]:
        """The signals that occur in a block, by path, in the order of the messages.

        channels: the names behind :attr:`FrameColumns.channel`. The columns of one message share their time array.
        """
        found: dict[str, SignalColumn] = {}
        for position, payloads in self._split(block, channels):
            found.update(self._decoded(position, payloads))
        return found

    def whole(self, log: Blocks) -> dict[str, SignalColumn]:
        """The signals of a whole recording, by path: every signal that it decodes, also without samples.

        Only payloads are gathered block by block; they are decoded at the end, each message in one go.
        """
        gathered: list[list[Payloads]] = [[] for _ in self._decoders]
        for block in log.blocks():
            for position, payloads in self._split(block, log.channels):
                gathered[position].append(payloads)
        found: dict[str, SignalColumn] = {}
        for position, (pieces, (_, prefix, decoder)) in enumerate(zip(gathered, self._decoders, strict=True)):
            if pieces:
                found.update(self._decoded(position, Payloads(*map(np.concatenate, zip(*pieces, strict=True)))))
                pieces.clear()
            if decoder is not None:
                absent = [name for name in decoder.names if prefix + name not in found]
                found.update({prefix + name: decoder.empty(name) for name in absent})
        return found

    def _split(self, block: FrameColumns, channels: Sequence[str]) -> Iterator[tuple[int, Payloads]]:
        """The payloads of each message that holds a wanted signal, by its place among the decoders."""
        data = block.flags & (REMOTE | ERROR) == 0
        if not data.all():
            block = block[data]
        self.frames += len(block)
        self.end = max(self.end, int(block.time.max(initial=0)))
        message = self._index_for(tuple(channels)).find(block.channel, block.key)
        self._count_unknown(block, message == 0, channels)
        # A stable sort of small integers is a radix sort: the frames of a message in the order of the recording.
        order = np.argsort(message, kind="stable")
        ends = np.cumsum(np.bincount(message, minlength=len(self._decoders) + 1)).tolist()
        words = word_matrix(block.data)
        first = words[:, 0]
        for position, ((channel, _, decoder), (start, end)) in enumerate(
            zip(self._decoders, pairwise(ends), strict=True)
        ):
            if decoder is None or start == end:
                continue
            rows = order[start:end]
            size = decoder.message.length
            long_enough = block.length[rows] >= size
            if not long_enough.all():
                self.undecodable[channel, decoder.message.key] += int((~long_enough).sum())
                rows = rows[long_enough]
            if len(rows):
                matrix = first[rows].reshape(-1, 1) if size <= 8 else words[rows, : -(-size // 8)]
                yield position, Payloads(block.time[rows], matrix)

    def _decoded(self, position: int, payloads: Payloads) -> dict[str, SignalColumn]:
        channel, prefix, decoder = self._decoders[position]
        assert decoder is not None
        columns, refused = decoder.decode(*payloads)
        if refused:
            self.undecodable[channel, decoder.message.key] += refused
        return {prefix + name: column for name, column in columns.items()}

    def _index_for(self, channels: tuple[str, ...]) -> KeyIndex:
        if self._index is None or channels != self._index_of:
            # A channel that the recording does not have gets a number that no frame has.
            numbers = {channel: 0x1000 + n for n, (channel, _) in enumerate(self._known)}
            numbers |= {channel: n for n, channel in enumerate(channels)}
            self._index = KeyIndex([(numbers[channel], key) for channel, key in self._known])
            self._index_of = channels
        return self._index

    def _count_unknown(self, block: FrameColumns, unknown: NDArray[np.bool_], channels: Sequence[str]) -> None:
        if unknown.any():
            pairs = block.channel[unknown].astype(np.uint64) << np.uint64(32) | block.key[unknown]
            numbers, counts = np.unique(pairs, return_counts=True)
            for pair, count in zip(numbers.tolist(), counts.tolist(), strict=True):
                self.unknown[channels[pair >> 32], pair & 0xFFFF_FFFF] += count


def full_paths(names: Iterable[str], messages: Mapping[str, Iterable[MessageDef]]) -> set[str]:
    """Signals as ``channel.Message.Signal``, given so, or as ``Message.Signal`` or ``Signal`` where that is enough.

    Raises :class:`~harness.errors.UnknownSignalError` with the nearest names, or with those to choose from.
    """
    paths = [
        (channel, message.name, signal.name)
        for channel, each in messages.items()
        for message in each
        for signal in message.signals
    ]
    known: dict[str, list[str]] = {}
    for parts in paths:
        for start in range(3):
            known.setdefault(".".join(parts[start:]), []).append(".".join(parts))
    found = set()
    for name in names:
        meant = known.get(name, [])
        if not meant:
            raise UnknownSignalError(f"no message has a signal {name!r}{nearest(name, known)}")
        if len(meant) > 1:
            raise UnknownSignalError(f"signal {name!r} exists {len(meant)} times: write one of {', '.join(meant)}")
        found.add(meant[0])
    return found


def decode_log(log: Blocks, decoder: Decoder) -> Iterator[dict[str, SignalColumn]]:
    """The signals of a recording block by block, by path; what does not occur in a block is not in its answer.

    Memory holds one block, however long the recording is. Counts are in the decoder.
    """
    for block in log.blocks():
        yield decoder.block(block, log.channels)
