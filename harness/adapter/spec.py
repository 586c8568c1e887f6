"""Which adapter a channel of the bench has, and what that adapter turned out to be able to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from harness.units import time_text


@dataclass(frozen=True, slots=True)
class AdapterSpec:
    """One CAN channel of one adapter. A value: it can be pickled, and opens nothing.

    channel: its name on the bench. interface: python-can's name of the driver: ``slcan``, ``socketcan``, ``pcan``.
    where: python-can's channel: a serial port, a network interface, a multicast group, the number of a channel.
    bitrate, data_bitrate: bit/s; data_bitrate None: classic CAN only. options: further keyword arguments of
    python-can's interface; they win over everything that the harness would choose itself. cyclic: who sends purely
    cyclic messages, the channel process or the kernel (``socketcan`` alone). listen_only: hear and never send, not even
    acknowledge, where the interface can (:attr:`Capabilities.listen_only` says whether it does). reconnect: a world
    goes on when the adapter is lost in it and found again.

    >>> print(AdapterSpec("powertrain", "slcan", "/dev/ttyACM0", 500_000))
    slcan:/dev/ttyACM0
    """

    channel: str
    interface: str
    where: str
    bitrate: int
    data_bitrate: int | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    cyclic: Literal["process", "kernel"] = "process"
    listen_only: bool = False
    reconnect: bool = False

    @property
    def fd(self) -> bool:
        """Whether the channel speaks CAN FD."""
        return self.data_bitrate is not None

    def __str__(self) -> str:
        return f"{self.interface}:{self.where}"


Stamps = Literal["hardware", "kernel", "host"]
"""Who stamps a received frame: the adapter's own clock, the operating system's kernel, or our process."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What an opened adapter does.

    stamps: who stamps received frames. stamp_uncertainty_ns: how far a stamp may be from the end of the frame on the
    bus, ns: the error of mapping the adapter's clock to ours, its resolution, and for ``host`` the driver's polling;
    the delay that a busy computer adds to ``host`` stamps is not in it. echo: own frames come back when they are on the
    bus; without echo a frame counts as sent when the driver took it. error_frames: error frames and changes of the
    controller's state are reported. overruns: lost frames are counted. fd: CAN FD. kernel_cyclic:
    :class:`~harness.adapter.kernel_cyclic.KernelCyclic` works. listen_only: it was asked for, and the interface has
    it. delay_ns: a frame may be handed over that much later than its stamp says, ns, on an idle computer. text: one
    line for people.
    """

    stamps: Stamps
    stamp_uncertainty_ns: int
    echo: bool
    error_frames: bool
    overruns: bool
    fd: bool
    kernel_cyclic: bool
    listen_only: bool = False
    delay_ns: int = 0
    text: str = ""

    def __str__(self) -> str:
        return f"{self.text}: {self.stamps} stamps within {time_text(self.stamp_uncertainty_ns)}"
