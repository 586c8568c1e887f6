"""Emulated instruments on pseudo-terminals, for tests without hardware: context managers with a :attr:`port`.

POSIX only. A test sets :attr:`~.emulator.Emulator.fault` to see what happens when an instrument fails.

>>> from harness.instruments import InstrumentSpec, open_instruments
>>> limits = {"max_voltage": 15.0, "max_current": 2.0}
>>> with SupplyEmulator(load_ohm=10.0) as emulated:
...     bench = open_instruments([InstrumentSpec("supply", "scpi-supply", emulated.port, options=limits)])
...     bench.supply().set_voltage(12.0)
...     bench.supply().switch_on()
...     current = bench.supply().current()
...     bench.disconnect()
>>> current
1.0
"""

from harness.instruments.emulators.console import ConsoleEmulator
from harness.instruments.emulators.emulator import Fault
from harness.instruments.emulators.multimeter import MultimeterEmulator
from harness.instruments.emulators.relay_board import RelayBoardEmulator
from harness.instruments.emulators.supply import SupplyEmulator

__all__ = ["ConsoleEmulator", "Fault", "MultimeterEmulator", "RelayBoardEmulator", "SupplyEmulator"]
