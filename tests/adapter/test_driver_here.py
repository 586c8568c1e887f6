"""The driver on every interface that works without hardware and without a kernel of its own."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest
from conformance_driver import DriverConformance, Rig
from socketcand_server import Socketcand

from harness.adapter.driver import Driver
from harness.adapter.spec import AdapterSpec
from harness.errors import AdapterError

NUMBERS = count()
FAST_FD = pytest.mark.parametrize("data_bitrate", [None, 2_000_000], ids=["classic", "fd"])


def opened(stack: ExitStack, spec: AdapterSpec) -> Driver:
    driver = Driver(spec)
    stack.callback(driver.close)
    return driver


@FAST_FD
class TestHarness(DriverConformance):
    @pytest.fixture
    def rig(self, data_bitrate: int | None) -> Iterator[Rig]:
        with ExitStack() as stack:
            name = f"driver {next(NUMBERS)}"
            spec = AdapterSpec("body", "harness", name, 500_000, data_bitrate)
            # A third node acknowledges when one of the two has left, as on a real bus.
            opened(stack, spec)
            elsewhere = AdapterSpec("body", "harness", f"{name}, another", 500_000, data_bitrate)
            yield Rig(opened(stack, spec), opened(stack, spec), elsewhere)


@FAST_FD
class TestVirtual(DriverConformance):
    @pytest.fixture
    def rig(self, data_bitrate: int | None) -> Iterator[Rig]:
        with ExitStack() as stack:
            name = f"driver {next(NUMBERS)}"
            spec = AdapterSpec("body", "virtual", name, 500_000, data_bitrate)
            elsewhere = AdapterSpec("body", "virtual", f"{name}, another", 500_000)
            yield Rig(opened(stack, spec), opened(stack, spec), elsewhere)


@FAST_FD
class TestUdpMulticast(DriverConformance):
    @pytest.fixture
    def rig(self, data_bitrate: int | None) -> Iterator[Rig]:
        pytest.importorskip("msgpack", reason="python-can's udp_multicast needs msgpack")
        with ExitStack() as stack:
            port = 43_500 + next(NUMBERS)
            spec = AdapterSpec("body", "udp_multicast", "239.74.163.9", 500_000, data_bitrate, {"port": port})
            elsewhere = AdapterSpec("body", "udp_multicast", "239.74.163.9", 500_000, None, {"port": port + 1000})
            try:
                left = opened(stack, spec)
            except AdapterError as error:
                pytest.skip(f"no multicast here: {error}")
            yield Rig(left, opened(stack, spec), elsewhere)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals exist on POSIX only")
@FAST_FD
class TestSlcan(DriverConformance):
    @pytest.fixture
    def rig(self, data_bitrate: int | None, tmp_path: Path) -> Iterator[Rig]:
        pytest.importorskip("serial", reason="python-can's slcan needs pyserial")
        from serial_adapters import SerialBus

        with ExitStack() as stack:
            bus = SerialBus(tmp_path, ("left", "right"))
            stack.callback(bus.close)
            another = SerialBus(tmp_path, ("another", "one more"))
            stack.callback(another.close)
            specs = [
                AdapterSpec("body", "slcan", each.path(name), 500_000, data_bitrate)
                for each, name in ((bus, "left"), (bus, "right"), (another, "another"))
            ]
            yield Rig(opened(stack, specs[0]), opened(stack, specs[1]), specs[2])


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals exist on POSIX only")
class TestSerial(DriverConformance):
    @pytest.fixture
    def rig(self, tmp_path: Path) -> Iterator[Rig]:
        pytest.importorskip("serial", reason="python-can's serial needs pyserial")
        from serial_adapters import SerialBus

        with ExitStack() as stack:
            bus = SerialBus(tmp_path, ("left", "right"), lines=False)
            stack.callback(bus.close)
            another = SerialBus(tmp_path, ("another", "one more"), lines=False)
            stack.callback(another.close)
            specs = [
                AdapterSpec("body", "serial", each.path(name), 500_000)
                for each, name in ((bus, "left"), (bus, "right"), (another, "another"))
            ]
            # python-can reads the data of a remote frame, which has none.
            yield Rig(opened(stack, specs[0]), opened(stack, specs[1]), specs[2], remote=False)


class TestSocketcand(DriverConformance):
    @pytest.fixture
    def rig(self) -> Iterator[Rig]:
        with ExitStack() as stack:
            server = Socketcand()
            stack.callback(server.close)
            options = {"host": "127.0.0.1", "port": server.port}
            spec = AdapterSpec("body", "socketcand", "can0", 500_000, None, options)
            elsewhere = AdapterSpec("body", "socketcand", "can1", 500_000, None, options)
            yield Rig(opened(stack, spec), opened(stack, spec), elsewhere, remote=False)
