"""One CAN channel of one adapter, over python-can. Has no thread of its own."""

from __future__ import annotations

from collections.abc import Callable

from harness.adapter.items import Item
from harness.adapter.spec import AdapterSpec, Capabilities
from harness.frames import Frame
from harness.wall import clock_ns

SEND_LIMIT_S = 0.05
"""How long :meth:`Driver.send` may wait for room, s."""


class Driver:
    """An open channel. One thread sends, one receives; all other calls may come from any thread.

    Opening it raises :class:`~harness.errors.AdapterError` saying what was tried, python-can's reason and what to do,
    and :class:`~harness.errors.MissingExtra` where an optional package is missing. clock: see :mod:`harness.wall`.
    """

    def __init__(self, spec: AdapterSpec, clock: Callable[[], int] = clock_ns) -> None:
        self.spec = spec
        self.capabilities: Capabilities
        raise NotImplementedError

    def send(self, frame: Frame) -> bool:
        """Hand a frame to the adapter; at most :data:`SEND_LIMIT_S` later it is known whether it took it.

        False: its send buffer is full; try again. Raises :class:`~harness.errors.AdapterLost` when the adapter is gone,
        :class:`~harness.errors.BusError` for a frame that the channel does not carry, and
        :class:`~harness.errors.AdapterError` for what the adapter refuses, and on a channel that only listens.
        """
        raise NotImplementedError

    def receive(self, timeout_s: float) -> Item | None:
        """The next thing that the adapter reports; None when nothing came within ``timeout_s`` s, or it was closed.

        Raises :class:`~harness.errors.AdapterLost` when the adapter is gone.
        """
        raise NotImplementedError

    def recover(self) -> None:
        """Leave bus-off: the controller starts again. Raises :class:`~harness.errors.AdapterError` where it cannot."""
        raise NotImplementedError

    def reopen(self) -> None:
        """Open an adapter again that was lost. Raises :class:`~harness.errors.AdapterError` while it is not there.

        Nobody may be in :meth:`receive` or :meth:`send` meanwhile. Echoes of before are forgotten.
        """
        raise NotImplementedError

    def close(self) -> None:
        """Leave the bus. A blocked :meth:`receive` returns None. May be called twice, also on a lost adapter."""
        raise NotImplementedError
