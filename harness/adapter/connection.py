"""The connection between the test process and a channel process: whole objects over a loopback socket.

Unlike :mod:`multiprocessing.connection` it never waits in the middle of an object, so nobody is held up by a peer that
stands still, and everything that is not one of its objects is found out at once.
"""

from __future__ import annotations

import hmac
import pickle
import socket
import struct
import threading
from contextlib import suppress
from typing import Any

from harness.errors import AdapterLost

HOST = "127.0.0.1"
TOKEN_BYTES = 32
LONGEST = 64 * 1024 * 1024
"""Bytes of one object at most."""

_HEAD = struct.Struct("<4sI")
_MARK = b"vhc1"
_CHUNK = 1 << 18


class Garbled(Exception):
    """What came is none of our objects."""


class Connection:
    """One end. Any thread may send, one thread receives.

    slice_s: how long :meth:`receive` waits at most, s. patience_s: how long :meth:`send` waits for a peer that takes
    nothing, s; None: for ever.
    """

    def __init__(self, sock: socket.socket, *, slice_s: float, patience_s: float | None) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # else small objects wait for acknowledgements
        self._socket = sock
        self._slice_s = slice_s
        self._patience_s = patience_s
        self._sending = threading.Lock()
        self._rest = bytearray()
        # A socket has one timeout for both directions; the duplicate has its own.
        self._out = sock.dup()
        self._in = sock
        self._in.settimeout(slice_s)
        self._out.settimeout(patience_s)

    def fileno(self) -> int:
        """For ``select``."""
        return self._in.fileno()

    def send(self, item: object) -> None:
        """Send one object. Raises :class:`~harness.errors.AdapterLost` when the peer is gone or takes nothing."""
        data = pickle.dumps(item, pickle.HIGHEST_PROTOCOL)
        with self._sending:
            try:
                self._out.sendall(_HEAD.pack(_MARK, len(data)) + data)
            except TimeoutError:
                # Part of it may be out: nothing that is sent after it could be understood.
                self.close()
                raise AdapterLost(f"the other process has taken nothing for {self._patience_s} s") from None
            except OSError as error:
                raise AdapterLost(f"the other process is gone: {error}") from error

    def receive(self) -> list[Any]:
        """The objects that have come; none when nothing came within the slice.

        Raises ``EOFError`` when the peer is gone and all it sent was received, :class:`Garbled` for anything that is
        not an object of ours.
        """
        try:
            data = self._in.recv(_CHUNK)
        except TimeoutError:
            return []
        except OSError as error:
            raise EOFError(str(error)) from error
        if not data:
            raise EOFError("the connection was closed")
        rest = self._rest
        rest += data
        items = []
        at = 0
        while len(rest) - at >= _HEAD.size:
            mark, length = _HEAD.unpack_from(rest, at)
            if mark != _MARK or length > LONGEST:
                raise Garbled(f"bytes that begin no object: {bytes(rest[at : at + 16]).hex(' ')}")
            begin, end = at + _HEAD.size, at + _HEAD.size + length
            if len(rest) < end:
                break
            try:
                items.append(pickle.loads(bytes(rest[begin:end])))
            except Exception as error:  # whatever unpickling runs into
                raise Garbled(f"{length} bytes that are no object here: {type(error).__name__}: {error}") from error
            at = end
        del rest[:at]
        return items

    def close(self) -> None:
        """End it; the peer is told. May be called twice, and from any thread: a waiting :meth:`receive` ends."""
        with suppress(OSError):  # the peer was quicker
            self._in.shutdown(socket.SHUT_RDWR)
        self._in.close()
        self._out.close()


def listen() -> socket.socket:
    """A socket on which one channel process is awaited."""
    return socket.create_server((HOST, 0), backlog=4)


def accept(listener: socket.socket, token: bytes, timeout_s: float) -> socket.socket | None:
    """The connection of whoever knows the token; None when nobody came within ``timeout_s`` s. Others are refused."""
    listener.settimeout(timeout_s)
    try:
        sock, _ = listener.accept()
    except TimeoutError:
        return None
    sock.settimeout(timeout_s)
    try:
        shown = b""
        while len(shown) < TOKEN_BYTES:
            more = sock.recv(TOKEN_BYTES - len(shown))
            if not more:
                break
            shown += more
    except OSError:
        shown = b""
    if hmac.compare_digest(shown, token):
        return sock
    sock.close()
    return None


def connect(address: str, token: bytes) -> socket.socket:
    """To the test process that listens at ``HOST:PORT`` and expects the token. Raises ``OSError``, ``ValueError``."""
    host, _, port = address.rpartition(":")
    sock = socket.create_connection((host, int(port)), timeout=10)
    sock.sendall(token)
    return sock
