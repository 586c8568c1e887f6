"""The test process' handle of a channel process: it starts it, tells it what to send, and hands on what it reports."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.adapter.items import Batch, Report
from harness.adapter.spec import AdapterSpec, Capabilities
from harness.adapter.statistics import Statistics
from harness.adapter.transmitter import RemoteTransmitter
from harness.frames import Frame, Received
from harness.loop import Loop, Owner
from harness.restbus import MessagePlan

__all__ = ["Adapter", "Batch"]


class Adapter:
    """One real channel, owned by a process of its own for the whole run; worlds begin on it one after the other.

    plans: what each node sends, by its name. drift_ppm: how fast a node's own clock runs, by its name; see
    :class:`harness.loop.Owner`. Nothing is opened before :meth:`open`.

    What the process reports comes in batches to the ``receive`` of the present world. The world plays the items, and
    calls :meth:`apply` with each of them in the instant in which it does, before the item's frame is delivered.
    """

    spec: AdapterSpec
    capabilities: Capabilities
    """What the opened adapter can do; there after :meth:`open`."""
    scheduling: str
    """What the operating system granted to the process, for the report: "SCHED_FIFO 10", "nice -10", "normal"."""

    def __init__(
        self,
        spec: AdapterSpec,
        plans: Mapping[str, Sequence[MessagePlan]] | None = None,
        drift_ppm: Mapping[str, float] | None = None,
    ) -> None:
        raise NotImplementedError

    def open(self) -> None:
        """Start the process and let it open the bus. Nothing when it runs; one that has died is started anew.

        Raises :class:`~harness.errors.AdapterError` with the driver's words, :class:`~harness.errors.ConfigError` (as
        :class:`~harness.errors.MissingExtra`) for what cannot work.
        """
        raise NotImplementedError

    @property
    def alive(self) -> bool:
        """Whether the process runs and answers, as far as is known."""
        raise NotImplementedError

    def begin(self, origin_ns: int, receive: Callable[[Batch], object], *, reconnect: bool = False) -> None:
        """Begin a new world: all transmitters are factory-new and stopped; nothing of the former one is sent any more.

        origin_ns: the world's time 0, clock_ns. receive: gets every batch from now on, in the adapter's own thread; it
        must not wait for the adapter. reconnect: the loss of the adapter is no fatal trouble in this world; it goes on
        when the adapter is back. Waits for the process' confirmation. Raises :class:`~harness.errors.AdapterLost` when
        it does not come.
        """
        raise NotImplementedError

    def end(self) -> None:
        """Stop all transmitters; when it returns, nothing of this world waits to be sent. Batches go on coming.

        Nothing when the process is gone: that has been reported.
        """
        raise NotImplementedError

    def apply(self, item: Report, now: int) -> None:
        """Let an item take effect on what this world sends: to be called on the loop, in the item's instant.

        ``Change.delivered`` is filled, ``sent`` and ``on_tampered`` are called, resets are noted. Every item may be
        given; most mean nothing here. now: the world's time, ns.
        """
        raise NotImplementedError

    def transmitter(self, node: str, loop: Loop, owner: Owner) -> RemoteTransmitter:
        """What a node sends on this channel in the present world; stopped. The same for each call of one world."""
        raise NotImplementedError

    def send(self, node: str, frame: Frame, sent: Callable[[Received], object] | None = None) -> None:
        """Send one frame at once. ``sent`` is called from :meth:`apply` when it is on the bus.

        node: who sends it, for the reports; any name. Raises :class:`~harness.errors.BusError` for a frame that the
        channel does not carry, :class:`~harness.errors.AdapterLost` when the process is gone.
        """
        raise NotImplementedError

    def statistics(self) -> Statistics:
        """How late the frames of the present world were sent, and how many were not."""
        raise NotImplementedError

    def recover(self) -> None:
        """Ask for the way back from bus-off. What the adapter cannot do comes as :class:`Trouble`, not fatal."""
        raise NotImplementedError

    def close(self) -> bool:
        """End the process: nothing is sent any more, the bus is closed.

        Returns whether the process confirmed that; False: it had to be killed, or was dead already. May be called
        twice.
        """
        raise NotImplementedError
