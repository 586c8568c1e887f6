"""As much of a socketcand server as python-can's interface talks to: raw mode, any number of buses."""

from __future__ import annotations

import os
import re
import select
import socket
import threading
import time

SEND = re.compile(r"< send ([0-9A-F]+) [0-9A-F]+ ([0-9a-f ]*)>")


class Socketcand:
    """Listens at :attr:`port` of this machine."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._clients: dict[socket.socket, str] = {}  # and their buses
        self._woken, self._wake = os.pipe()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self) -> None:
        os.write(self._wake, b"q")
        self._thread.join()
        for each in (self._listener, *self._clients):
            each.close()
        os.close(self._woken)
        os.close(self._wake)

    def _run(self) -> None:
        rests: dict[socket.socket, str] = {}
        while True:
            ready, _, _ = select.select([self._woken, self._listener, *self._clients], [], [])
            if self._woken in ready:
                return
            for each in ready:
                if each is self._listener:
                    client, _ = self._listener.accept()
                    self._clients[client] = ""
                    client.sendall(b"< hi >")
                    continue
                data = each.recv(65536).decode()
                if not data:
                    del self._clients[each]
                    each.close()
                    continue
                *commands, rests[each] = (rests.get(each, "") + data).split(">")
                for command in commands:
                    self._handle(each, command + ">")

    def _handle(self, client: socket.socket, command: str) -> None:
        words = command.split()
        if words[1] == "open":
            self._clients[client] = words[2]
        if words[1] in ("open", "rawmode"):
            client.sendall(b"< ok >")
            return
        found = SEND.match(command)
        assert found is not None, command
        payload = "".join(f"{int(byte, 16):02X}" for byte in found[2].split())
        frame = f"< frame {found[1]} {time.time():.6f} {payload} >".encode()
        for other, bus in self._clients.items():
            if other is not client and bus == self._clients[client]:
                other.sendall(frame)
