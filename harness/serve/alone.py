"""Whether somebody serves already what a server is about to: two vehicles on one bus are no vehicle."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress

import can

from harness.adapter.messages import frame_of, message_of
from harness.adapter.stimulation import Answer, Operation, Request
from harness.errors import ConfigError
from harness.frames import Received, id_text
from harness.wall import clock_ns

LISTEN_NS = 300_000_000
"""For so long it is listened, ns: three cycles of most messages."""


def refuse_second(bus: can.BusABC, where: str, keys: Collection[int], *, fd: bool) -> None:
    """Ask whether a server is there, and listen. keys: of the identifiers that are going to be served.

    Raises :class:`~harness.errors.ConfigError` when one answers, or somebody sends one of these identifiers.
    """
    hello = Received(0, where, Request(Operation.HELLO).frame())
    with suppress(can.CanError, OSError):  # it can be listened all the same
        bus.send(message_of(hello, 0), timeout=0)
    end = clock_ns() + LISTEN_NS
    while (left := end - clock_ns()) > 0:
        try:
            message = bus.recv(left / 1e9)
            if message is None or message.is_error_frame or not message.is_rx:
                continue
            frame = frame_of(message, fd=fd)
        except (can.CanError, OSError):
            continue  # no frame that a vehicle would send
        if Answer.of(frame) is not None:
            raise ConfigError(f"{where}: another server answers there; end it, or take another channel or port")
        if frame.key in keys and not frame.remote:
            raise ConfigError(
                f"{where}: somebody sends {id_text(frame.key)} there, which is to be served; end it, or take another "
                "channel or port"
            )
