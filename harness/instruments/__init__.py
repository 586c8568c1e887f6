"""Instruments on serial ports: power supply, relay, multimeter, ECU console; and the safe state that each returns to.

==================  =================================================================================================
``roles``           what a test may ask for
``spec``, ``table`` what a bench file says about an instrument
``opening``         instruments opened, by name and by role
``drivers``         which devices are known; third parties add theirs (entry points ``harness.instruments``)
``profile``         voltages over time, such as a cranking pulse
``safety``          the safe state, reached and confirmed whatever happens
``guarding``        the watchdog that reaches it after the run was killed
``emulators``       instruments without hardware, for tests
==================  =================================================================================================

pyserial is loaded when an instrument is opened (extra ``bench``).
"""

from harness.instruments.opening import Instruments, open_instrument, open_instruments
from harness.instruments.spec import InstrumentSpec, PortSettings

__all__ = ["InstrumentSpec", "Instruments", "PortSettings", "open_instrument", "open_instruments"]
