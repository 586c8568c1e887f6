"""A driver's options as a value of its own class."""

from __future__ import annotations

from typing import TypeVar

from harness.errors import ConfigError
from harness.instruments.spec import InstrumentSpec

Options = TypeVar("Options")


def options_of(kind: type[Options], spec: InstrumentSpec) -> Options:
    """The options of a spec as a value of ``kind``, a dataclass.

    Raises :class:`~harness.errors.ConfigError` when one is missing or unknown: a spec may be made by hand.
    """
    try:
        return kind(**spec.options)
    except TypeError as error:
        raise ConfigError(f"options of instrument {spec.name!r} ({spec.driver}): {error}") from error
