"""A channel that is open: python-can's bus, the way to read and write it, and what it can do."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import can

from harness.adapter.access import Access, MessageAccess
from harness.adapter.kernel_cyclic import Known
from harness.adapter.link import Link, find_link
from harness.adapter.opening import Opened, open_bus
from harness.adapter.spec import AdapterSpec, Capabilities, Stamps
from harness.adapter.stamps import AdapterClock, ArrivalClock, StampClock, UnixClock
from harness.adapter.traits import Traits


@dataclass(frozen=True, slots=True)
class Channel:
    """An open channel. told_by_content: own frames come back unmarked. cyclic: by identifier key, the frames that are
    ours when the kernel sends them; None where it sends nothing."""

    bus: can.BusABC
    access: Access
    capabilities: Capabilities
    told_by_content: bool
    cyclic: Known | None = None

    def close(self) -> None:
        """Leave the bus."""
        self.access.close()


def open_channel(spec: AdapterSpec, traits: Traits, clock: Callable[[], int]) -> Channel:
    """Open a channel. Raises what :func:`~harness.adapter.opening.open_bus` raises, and
    :class:`~harness.errors.AdapterError` for a network interface that is not set up as the bench file says."""
    link = find_link(spec) if traits.reading == "socketcan" else None
    opened = open_bus(spec, traits)
    try:
        return _channel(spec, traits, clock, opened, link)
    except BaseException:
        opened.bus.shutdown()
        raise


def _channel(spec: AdapterSpec, traits: Traits, clock: Callable[[], int], opened: Opened, link: Link | None) -> Channel:
    stamps = _stamps(traits, clock)
    uncertainty = (link.uncertainty_ns if link is not None else traits.uncertainty_ns) + stamps.uncertainty_ns
    by: Stamps = traits.stamps
    overruns = traits.lost is not None
    cyclic: Known | None = None
    access: Access
    if traits.reading == "socketcan" and sys.platform == "linux":
        from harness.adapter.socket_access import CanDecoder, SocketAccess

        decoder = CanDecoder()
        access = SocketAccess(opened.bus, traits, stamps, clock, decoder, decoder.size)
        cyclic, overruns = decoder.cyclic, True
    elif traits.reading == "udp" and sys.platform == "linux":
        from harness.adapter.socket_access import SocketAccess, UdpDecoder

        access = SocketAccess(opened.bus, traits, stamps, clock, UdpDecoder(fd=spec.fd), UdpDecoder.size)
        overruns = True
    elif traits.reading == "lines":
        from harness.adapter.line_access import LineAccess, latency_ns

        access = LineAccess(opened.bus, clock)
        uncertainty += latency_ns(spec.where)
    else:
        access = MessageAccess(opened.bus, traits, stamps, clock)
        by = "host" if traits.stamps == "kernel" else traits.stamps
    capabilities = Capabilities(
        stamps=by,
        stamp_uncertainty_ns=uncertainty,
        echo=opened.echo,
        error_frames=traits.errors != "none",
        overruns=overruns,
        fd=spec.fd,
        kernel_cyclic=cyclic is not None,
        listen_only=spec.listen_only and (traits.listen_only is not None or bool(link and link.listen_only)),
        delay_ns=traits.delay_ns,
        text=str(spec) if opened.bus.channel_info == "unknown" else f"{spec} ({opened.bus.channel_info})",
    )
    return Channel(opened.bus, access, capabilities, opened.echo and traits.echo == "equal", cyclic)


def _stamps(traits: Traits, clock: Callable[[], int]) -> StampClock:
    if traits.clock == "unix":
        return UnixClock(clock)
    return AdapterClock() if traits.clock == "adapter" else ArrivalClock()
