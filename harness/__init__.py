"""vehicle-harness: test vehicle software with pytest, in virtual time, on a bench, over a log.

Everything a test needs is importable from here, and loaded only when it is used, so that a pytest run that does not
touch the harness pays nothing.
"""

from __future__ import annotations

from importlib import import_module

__version__ = "0.1.0"
