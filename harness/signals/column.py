"""A signal as a column: all its samples in a recording, as numpy arrays. The only module here that needs numpy."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.signals.definitions import SignalDef


@dataclass(frozen=True, slots=True, eq=False)
class SignalColumn:
    """``n`` samples of one signal, one per frame that carried it, in the order of the recording.

    definition: the signal. time: int64[n], ends of the frames in ns since the recording began.
    raw: the bits as numbers, int64[n], uint64[n] or float64[n]. value: physical values, of the kind that the codec
    gives: int64[n] (uint64, or object where neither suffices) for whole scale and offset, else float64[n].

    >>> level = SignalDef("Level", "Tank", start=0, length=8, scale=0.5, unit="%")
    >>> column = SignalColumn(level, np.array([0, 10]), np.array([3, 4]), np.array([1.5, 2.0]))
    >>> column.value.tolist()
    [1.5, 2.0]
    """

    definition: SignalDef
    time: NDArray[np.int64]
    raw: NDArray[np.generic]
    value: NDArray[np.generic]

    def __len__(self) -> int:
        return len(self.time)

    @property
    def text(self) -> NDArray[np.object_]:
        """Labels of the value table, None where it has none."""
        found = np.empty(len(self), object)
        for raw, label in self.definition.choices.items():
            found[self.raw == raw] = label
        return found
