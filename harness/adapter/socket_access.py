"""Channels behind a socket of Linux: SocketCAN, and python-can's ``udp_multicast``.

Read by ourselves from the socket that python-can has opened, for what python-can does not read: how many frames the
socket has lost (``SO_RXQ_OVFL``), and which of the frames from this computer are ours (``MSG_CONFIRM``); python-can
takes every frame of this computer for an own one (``MSG_DONTROUTE``), which on ``vcan`` is every frame.
"""

from __future__ import annotations

import select
import socket
import struct
import sys
from collections.abc import Callable
from contextlib import suppress

import can

from harness.adapter.error_frames import linux_reports, plain_reports
from harness.adapter.items import Error, Heard, Item, Overrun
from harness.adapter.kernel_cyclic import Known
from harness.adapter.messages import frame_of, message_to_send
from harness.adapter.stamps import StampClock
from harness.adapter.traits import Traits
from harness.frames import Frame

assert sys.platform != "win32", "only Unix' sockets tell more than a datagram"

MOST_AT_ONCE = 64
"""Frames that one read takes at most."""

RECEIVE_BUFFER = 8 * 1024 * 1024
"""Bytes asked of the kernel for frames that wait to be read; it grants what ``net.core.rmem_max`` allows."""

# linux/socket.h, asm-generic/socket.h; Python knows them on Linux only
_MSG_DONTROUTE, _MSG_CONFIRM, _MSG_DONTWAIT = 0x4, 0x800, 0x40
_SO_RCVBUFFORCE, _SO_TIMESTAMPNS, _SO_RXQ_OVFL = 33, 35, 40
_TIMESPEC, _COUNT = struct.Struct("@ll"), struct.Struct("@I")

# linux/can.h
_HEADER = struct.Struct("=IBB2x")
_FD_MTU = 72
_EXTENDED, _REMOTE, _ERROR, _ID = 0x8000_0000, 0x4000_0000, 0x2000_0000, 0x1FFF_FFFF
_BRS, _ESI = 0x01, 0x02

Decode = Callable[[int, bytes, int], list[Item]]
"""Time, datagram and flags as items."""


class SocketAccess:
    """A channel that is a datagram socket. ``bus`` is python-can's, which opened it and sends on it."""

    def __init__(
        self, bus: can.BusABC, traits: Traits, stamps: StampClock, clock: Callable[[], int], decode: Decode, size: int
    ) -> None:
        self._bus, self._traits, self._stamps, self._clock = bus, traits, stamps, clock
        self._decode, self._size = decode, size
        # A second Python socket on the same file descriptor would close it; python-can's own is somewhere inside.
        self._socket = socket.socket(fileno=socket.dup(bus.fileno()))
        self._ancillary = socket.CMSG_SPACE(_TIMESPEC.size) + socket.CMSG_SPACE(_COUNT.size)
        self._woken, self._wake = socket.socketpair()
        self._lost = 0
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RXQ_OVFL, 1)
        self._enlarge()

    def read(self, timeout_s: float) -> list[Item]:
        """See :meth:`harness.adapter.access.Access.read`."""
        items = self._drain()
        if items:
            return items
        ready, _, _ = select.select([self._socket, self._woken], [], [], timeout_s)
        if self._woken in ready:
            self._woken.recv(4096)
        return self._drain()

    def write(self, frame: Frame) -> bool:
        """See :meth:`harness.adapter.access.Access.write`."""
        self._bus.send(message_to_send(frame), self._traits.send_timeout_s)
        return True

    def wake(self) -> None:
        """See :meth:`harness.adapter.access.Access.wake`."""
        self._wake.send(b"x")

    def close(self) -> None:
        """See :meth:`harness.adapter.access.Access.close`."""
        for each in (self._socket, self._woken, self._wake):
            each.close()
        self._bus.shutdown()

    def _drain(self) -> list[Item]:
        items: list[Item] = []
        for _ in range(MOST_AT_ONCE):
            try:
                data, ancillary, flags, _ = self._socket.recvmsg(self._size, self._ancillary, _MSG_DONTWAIT)
            except BlockingIOError:
                break
            arrival = self._clock()
            time, lost = arrival, self._lost
            for _, kind, value in ancillary:
                if kind == _SO_TIMESTAMPNS:
                    seconds, nanoseconds = _TIMESPEC.unpack(value)
                    time = self._stamps.map(seconds * 1_000_000_000 + nanoseconds, arrival)
                elif kind == _SO_RXQ_OVFL:
                    (lost,) = _COUNT.unpack(value)
            if lost != self._lost:
                missing = (lost - self._lost) & 0xFFFF_FFFF
                items.append(Overrun(time, missing, "the socket's receive buffer was full: nobody read in time"))
                self._lost = lost
            items += self._decode(time, data, flags)
        return items

    def _enlarge(self) -> None:
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
        except OSError:  # only root may have more than net.core.rmem_max
            with suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


class CanDecoder:
    """Datagrams of a raw CAN socket. cyclic: by identifier key, frames that the kernel sends for us elsewhere."""

    size = _FD_MTU

    def __init__(self) -> None:
        self.cyclic: Known = {}

    def __call__(self, time: int, data: bytes, flags: int) -> list[Item]:
        """See :data:`Decode`."""
        identifier, length, bits = _HEADER.unpack_from(data)
        if identifier & _ERROR:
            return [*linux_reports(time, identifier & _ID, data[8:16])]
        fd = len(data) == _FD_MTU
        remote = bool(identifier & _REMOTE)
        frame = Frame(
            identifier & _ID,
            b"" if remote else data[8 : 8 + length],
            bool(identifier & _EXTENDED),
            fd,
            fd and bool(bits & _BRS),
            fd and bool(bits & _ESI),
            remote,
            length if remote else 0,
        )
        own = bool(flags & _MSG_CONFIRM)
        if not own and self.cyclic and flags & _MSG_DONTROUTE:
            own = any(frame in frames for frames in self.cyclic.get(frame.key, ()))
        return [Heard(time, frame, own)]


class UdpDecoder:
    """Datagrams of ``udp_multicast``: MessagePack, as python-can writes it. fd: the channel speaks CAN FD."""

    size = 4096

    def __init__(self, *, fd: bool) -> None:
        from can.interfaces.udp_multicast.utils import unpack_message

        self._unpack = unpack_message
        self._fd = fd

    def __call__(self, time: int, data: bytes, flags: int) -> list[Item]:
        """See :data:`Decode`."""
        try:
            message = self._unpack(data)
        except Exception as error:  # noqa: BLE001  # anybody may send anything to a multicast group; it is reported
            return [Error(time, "bus", f"a datagram that is no CAN frame, {data[:16].hex()}…: {error}")]
        if message.is_error_frame:
            return [*plain_reports(time, message.arbitration_id, bytes(message.data))]
        try:
            return [Heard(time, frame_of(message, fd=self._fd))]
        except can.CanOperationError as error:
            return [Error(time, "bus", f"a frame that this channel cannot carry: {error}")]
