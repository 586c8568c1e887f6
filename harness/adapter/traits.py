"""What the driver has to know about python-can's interfaces, as one table.

Nothing else in the harness asks which interface it has before it. An interface that does not stand here is taken to
have nothing: stamps of the moment of reading, no echo, no error frames, bit rates as python-can documents them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from can import BusState

from harness.adapter.error_frames import Errors
from harness.adapter.spec import Stamps
from harness.bus.port import ErrorState

Clock = Literal["arrival", "unix", "adapter"]
"""Whose clock ``Message.timestamp`` is: nobody's that would be better than the moment of reading; the operating
system's; or the adapter's, whatever it counts from (also where python-can adds an offset: the quartz is the adapter's).
"""

Reading = Literal["messages", "socketcan", "udp", "lines"]
"""How frames are read: by python-can's ``recv``, or by ourselves from the socket or serial port that python-can opened,
which is faster and tells more."""

Fd = Literal["none", "always", "flag", "rates", "timing"]
"""How CAN FD is asked for: it cannot be; it need not be; by ``fd=True`` alone; also with both bit rates; by
``timing=BitTimingFd(...)``."""

Echo = Literal["none", "flagged", "equal"]
"""Own frames come back: never; marked (``is_rx`` false); like any other, so they are told by their contents."""


@dataclass(frozen=True, slots=True)
class Traits:
    """One interface. The defaults are what can be relied on everywhere."""

    reading: Reading = "messages"
    stamps: Stamps = "host"
    clock: Clock = "arrival"
    uncertainty_ns: int = 1_000_000
    """Error of a stamp before it is mapped to our clock, ns: resolution, interrupt, the adapter's own delay."""
    delay_ns: int = 0
    """A frame may be handed over that much later than its stamp says, ns, on an idle computer."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Always given to python-can."""
    bitrate: bool = True
    """It takes ``bitrate``."""
    fd: Fd = "none"
    data_bitrate: str = "data_bitrate"
    """The name of that option."""
    clocks_hz: tuple[int, ...] = ()
    """Clocks of its controllers, for bit timings; the preferred one first."""
    number: bool = False
    """Its channel is a number."""
    remote: bool = True
    """Remote frames pass; where not, python-can would send something else."""
    echo: Echo = "none"
    echo_options: Mapping[str, Any] = field(default_factory=dict)
    """What makes own frames come back."""
    echo_may_fail: bool = False
    """Some of its systems refuse these options."""
    listen_only: Mapping[str, Any] | None = None
    """What makes it silent; None: it cannot be."""
    send_timeout_s: float | None = 0.0
    """For ``send``, s; 0 where a wait would be for something else than room."""
    errors: Errors = "none"
    states: Mapping[BusState | None, ErrorState] = field(default_factory=dict)
    """What its ``state`` says of the controller; empty: nothing."""
    lost: Callable[[Any], int] | None = None
    """How many frames an open bus has lost so far; None: it does not say."""
    restart: Literal["reopen", "state", "link"] = "reopen"
    """How bus-off is left."""
    needs: str = ""
    """What has to be installed, as ``pip`` writes it, or in words."""
    extra: str = ""
    """The extra of the harness that has it."""


_OWN = {"receive_own_messages": True}
_USB_NS = 1_000_000  # a USB full-speed frame
_HARDWARE: dict[str, Any] = {
    "stamps": "hardware", "clock": "adapter", "uncertainty_ns": 100_000, "delay_ns": 10_000_000,
}  # fmt: skip

INTERFACES: Mapping[str, Traits] = MappingProxyType(
    {
        # -- no hardware of a vendor's, run by the tests ---------------------------------------------------------------
        "harness": Traits(
            stamps="hardware", clock="unix", uncertainty_ns=1_000, delay_ns=5_000_000, fd="rates", echo="flagged",
            echo_options=_OWN, send_timeout_s=0.05, errors="plain", lost=lambda bus: int(bus.overruns), restart="state",
            states={
                BusState.ACTIVE: ErrorState.ACTIVE, BusState.PASSIVE: ErrorState.PASSIVE,
                BusState.ERROR: ErrorState.BUS_OFF,
            },
        ),
        "virtual": Traits(
            stamps="host", clock="unix", uncertainty_ns=1_000, bitrate=False, fd="always", echo="flagged",
            echo_options=_OWN, errors="plain",
        ),
        "socketcan": Traits(
            reading="socketcan", stamps="kernel", clock="unix", uncertainty_ns=_USB_NS, bitrate=False, fd="flag",
            echo="flagged", echo_options=_OWN, errors="linux", restart="link",
        ),
        "udp_multicast": Traits(
            reading="udp", stamps="kernel", clock="unix", uncertainty_ns=50_000, bitrate=False, fd="flag", echo="equal",
            send_timeout_s=0.05, errors="plain", needs="msgpack", extra="bench",
        ),
        "slcan": Traits(
            reading="lines", uncertainty_ns=_USB_NS, options={"sleep_after_open": 0.0}, fd="timing",
            clocks_hz=(80_000_000, 160_000_000), listen_only={"listen_only": True}, needs="pyserial", extra="bench",
        ),
        "serial": Traits(
            options={"timeout": 0.02}, bitrate=False, remote=False, send_timeout_s=None, errors="plain",
            needs="pyserial", extra="bench",
        ),
        "socketcand": Traits(**_HARDWARE, bitrate=False, remote=False, errors="plain"),
        # -- from reading python-can and the vendors' documents --------------------------------------------------------
        "pcan": Traits(
            **_HARDWARE, fd="timing",
            clocks_hz=(80_000_000, 40_000_000, 60_000_000, 30_000_000, 24_000_000, 20_000_000),
            echo="flagged", echo_options=_OWN, echo_may_fail=True, listen_only={"state": BusState.PASSIVE},
            errors="pcan", needs="the PCAN-Basic library of PEAK-System",
        ),
        "kvaser": Traits(
            **_HARDWARE, fd="timing", clocks_hz=(80_000_000,), number=True, echo="flagged", echo_options=_OWN,
            listen_only={"driver_mode": False}, errors="plain", lost=lambda bus: int(bus.get_stats().overruns),
            needs="Kvaser's CANlib",
        ),
        "vector": Traits(
            **_HARDWARE, fd="timing", clocks_hz=(80_000_000,), echo="flagged", echo_options=_OWN,
            listen_only={"listen_only": True}, errors="plain", needs="Vector's XL driver library (Windows only)",
        ),
        "ixxat": Traits(
            **_HARDWARE, fd="rates", number=True, echo="equal", echo_options=_OWN, errors="plain",
            states={BusState.ACTIVE: ErrorState.ACTIVE, BusState.ERROR: ErrorState.BUS_OFF},
            needs="HMS' VCI driver (Windows only)",
        ),
        "gs_usb": Traits(
            **_HARDWARE, number=True, echo="flagged", errors="linux", needs="python-can[gs-usb]",
        ),
        "cantact": Traits(
            **_HARDWARE, number=True, echo="flagged", listen_only={"monitor": True}, needs="python-can[cantact]",
        ),
        "canalystii": Traits(**_HARDWARE, send_timeout_s=None, needs="python-can[canalystii]"),
        "neovi": Traits(
            **_HARDWARE, fd="rates", echo="flagged", echo_options=_OWN, errors="plain", needs="python-can[neovi]",
        ),
        "nixnet": Traits(
            **_HARDWARE, fd="rates", data_bitrate="fd_bitrate", echo="flagged", echo_options=_OWN,
            listen_only={"listen_only": True}, errors="plain", needs="python-can[nixnet] and NI-XNET",
        ),
        "nican": Traits(**_HARDWARE, errors="plain", needs="NI-CAN (Windows only)"),
        "etas": Traits(
            **_HARDWARE, fd="rates", echo="flagged", echo_options=_OWN, needs="ETAS' BOA (Windows only)",
            states={
                BusState.ACTIVE: ErrorState.ACTIVE, BusState.PASSIVE: ErrorState.PASSIVE, None: ErrorState.BUS_OFF,
            },
        ),
        "systec": Traits(
            **_HARDWARE, number=True, echo="equal", echo_options=_OWN, listen_only={"state": BusState.PASSIVE},
            needs="SYS TEC's USB-CAN driver (Windows only)",
        ),
        "usb2can": Traits(**_HARDWARE, errors="plain", needs="8devices' USB2CAN library (Windows only)"),
        "neousys": Traits(number=True, needs="Neousys' driver"),
        "iscan": Traits(needs="Thorsis' isCAN driver (Windows only)"),
        "seeedstudio": Traits(
            send_timeout_s=None, listen_only={"operation_mode": "silent"}, needs="pyserial", extra="bench",
        ),
        "robotell": Traits(send_timeout_s=None, needs="pyserial", extra="bench"),
    }
)  # fmt: skip


def traits_of(interface: str) -> Traits:
    """The traits of an interface; the cautious ones of :class:`Traits` where nothing is known of it.

    >>> traits_of("socketcan").echo, traits_of("somebody's own").echo
    ('flagged', 'none')
    """
    return INTERFACES.get(interface, Traits())
