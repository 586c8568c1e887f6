"""Every error the harness raises, in one tree.

::

    HarnessError
    ├── ConfigError                 a file or an option is wrong: bench file, database, requirement list
    │   ├── BenchFileError
    │   ├── DatabaseError
    │   ├── RequirementError
    │   └── MissingExtra            an optional package is not installed; the message names the extra
    ├── UnitError                   (also ValueError) units that do not fit, durations that are none
    ├── SignalError
    │   ├── UnknownSignalError      (also LookupError) with the nearest candidates
    │   ├── ValueRangeError         (also ValueError) outside range, bits or value table
    │   ├── DecodeError             a frame that its message definition cannot explain
    │   ├── PredicateTruthError     (also TypeError) a predicate or formula where Python wants a bool
    │   └── FormulaError            (also ValueError) a temporal formula that cannot be judged: empty interval, units
    ├── LogError                    a recording that cannot be read or written
    ├── BusError                    what no bus would carry, or a controller that cannot send
    ├── SimulationError             an ECU model, a callback or a sender broke
    │   └── WaitInCallbackError     waiting where only the test may wait
    ├── IntegrityError              (also AssertionError) the world saw what no declared disturbance explains
    ├── ExpectationFailed           (also AssertionError) the product did not do what was expected
    │   └── MonitorViolation        a property that was watched is violated
    ├── Blocked                     the bench cannot run the test; never counted against the product
    │   ├── AdapterError            an adapter that cannot be opened, or does not do what it is asked for
    │   │   └── AdapterLost         an adapter that was there and is gone: unplugged, its driver or process dead
    │   └── InstrumentError         an instrument that cannot be opened, does not answer, or answers nonsense
    ├── Inconclusive                the measurement is weaker than the claim
    ├── StimulatesRecording         a test wants to act where the world is a recording; shown as skipped
    └── ReportError                 results or report cannot be written or built

    HarnessWarning                  (a UserWarning) something in a file is doubtful, and how it was read

A message says what was expected, what came instead, when, the nearest candidates, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class HarnessError(Exception):
    """Base of every error that the harness raises on purpose."""


class HarnessWarning(UserWarning):
    """Something in a file is doubtful, but there is a sensible reading; the message says which one was taken."""


class ConfigError(HarnessError):
    """A file or an option is wrong; the message names the place and the mend."""


class BenchFileError(ConfigError):
    """A bench file has an unknown key, a wrong type, or names something that does not exist."""


class DatabaseError(ConfigError):
    """A network database is missing, does not parse, or contradicts itself."""


class RequirementError(ConfigError):
    """A test names a requirement that ``requirements.toml`` does not hold, or that file is wrong."""


class MissingExtra(ConfigError):
    """Something needs an optional package; the message holds the command that installs it."""

    def __init__(self, what: str, extra: str) -> None:
        super().__init__(f"{what} needs an optional package: pip install 'vehicle-harness[{extra}]'")


class UnitError(HarnessError, ValueError):
    """Units that cannot be compared, or a duration that is negative, fractional or without unit."""


class SignalError(HarnessError):
    """Something is wrong with a signal or its value."""


class UnknownSignalError(SignalError, LookupError):
    """No message or signal of that name; the message lists the nearest candidates."""


class ValueRangeError(SignalError, ValueError):
    """A value outside the declared range, the bits, or the value table of its signal."""


class DecodeError(SignalError):
    """A frame that its message definition cannot explain: too short, or an unknown multiplexer value."""


class PredicateTruthError(SignalError, TypeError):
    """A predicate, a formula or a live signal was used where Python wants a bool."""


class FormulaError(SignalError, ValueError):
    """A temporal formula that cannot be judged: an empty interval, units that do not compare, an unbounded past."""


class LogError(HarnessError):
    """A recording that is none, cannot be read or written, or does not fit the bench."""


class BusError(HarnessError):
    """A frame that no bus would carry, or a controller that is in no state to send it."""


class SimulationError(HarnessError):
    """An ECU model, a callback or a sender broke; the original exception is the ``__cause__``."""


class WaitInCallbackError(SimulationError):
    """A callback tried to wait. Only the test waits; a model uses ``after`` and ``every``."""


class IntegrityError(HarnessError, AssertionError):
    """The world saw what no declared disturbance explains: an unknown or undecodable frame, a wrong protection.

    timed: whether it is a matter of time, such as a late or missing frame, not of what a frame says. channel: where it
    happened, "" for everywhere. punctual: it is known that the bench itself was on time then, so that its lateness
    explains nothing.
    """

    def __init__(self, message: str, *, timed: bool = False, channel: str = "") -> None:
        super().__init__(message)
        self.timed, self.channel = timed, channel
        self.punctual = False


class ExpectationFailed(HarnessError, AssertionError):
    """The product did not do what was expected. Carries ``result`` when an expectation was judged."""

    def __init__(self, message: str, result: object | None = None) -> None:
        super().__init__(message)
        self.result = result


class MonitorViolation(ExpectationFailed):
    """A property that was watched is violated. Carries the ``violation``: interval, margin, signals to blame."""

    def __init__(self, message: str, violation: object | None = None) -> None:
        super().__init__(message)
        self.violation = violation


class Blocked(HarnessError):
    """The bench cannot run this test (no adapter, a missing role). Shown as BLOCKED, never as failed."""


class AdapterError(Blocked):
    """A CAN adapter cannot be opened, or does not do what it is asked for; the message says what to do."""


class AdapterLost(AdapterError):
    """An adapter that was there is gone: unplugged, or its driver or channel process has died."""


class InstrumentError(Blocked):
    """An instrument cannot be opened, does not answer, answers nonsense, or was asked for more than it may do."""


class Inconclusive(HarnessError):
    """The measurement is weaker than the claim, so neither *passed* nor *failed* would be honest."""


class StimulatesRecording(HarnessError):
    """A test wants to act in a world that is a recording, which can only be watched. Shown as skipped."""


class ReportError(HarnessError):
    """Results or the report cannot be written or built; the message holds the command to try again."""


def nearest(wanted: str, known: Iterable[str], count: int = 3) -> str:
    """The closest known names as a phrase for an error message, or an empty string when nothing is close.

    >>> nearest("BrakeLmap", ["BrakeLamp", "Gear"])
    "; did you mean 'BrakeLamp'?"
    >>> nearest("xyz", ["BrakeLamp"])
    ''
    """
    names = list(dict.fromkeys(known))
    folded: dict[str, str] = {name.casefold(): name for name in names}
    close = [folded[hit] for hit in get_close_matches(wanted.casefold(), folded, n=count, cutoff=0.6)]
    if not close:
        return ""
    quoted = [repr(name) for name in close]
    return f"; did you mean {quoted[0]}?" if len(quoted) == 1 else f"; did you mean one of {', '.join(quoted)}?"
