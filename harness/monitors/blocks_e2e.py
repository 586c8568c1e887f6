"""Protection over columns: frames that follow each other as they should are counted, all others go through the fold."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np

from harness.logs.columns import REMOTE
from harness.monitors.blocks_protection import ProtectionColumns
from harness.monitors.blocks_rows import Rows
from harness.monitors.e2e import E2ECheck
from harness.monitors.monitor import Violation


class E2EColumns:
    """The protection of one message, by column."""

    def __init__(self, check: E2ECheck) -> None:
        self.check = check
        rule = check.rule
        assert rule.protection is not None and rule.protector is not None, "an E2ECheck has both"
        self._columns = ProtectionColumns(rule.message, rule.protection, rule.protector)
        self._last = -(1 << 62)

    def block(self, rows: Rows) -> list[Violation]:
        """Judge what a block holds of the message."""
        check, time = self.check, rows.time
        valid, counter = self._columns.check(rows.data, rows.length)
        valid &= rows.flags & REMOTE == 0
        follows = np.empty(len(rows), np.int64)
        follows[0] = -1
        np.add(counter[:-1], 1, out=follows[1:])
        follows[follows == check.modulo] = 0
        patient = np.diff(time, prepend=self._last) <= check.patience
        odd = np.flatnonzero(~(valid & patient & (counter == follows))).tolist()
        self._last = int(time[-1])
        found: list[Violation] = []
        row, count = 0, len(rows)
        while row < count:
            # The first of a stretch is compared with what the fold waits for, the others with the one before.
            if check.following == counter[row] and valid[row] and patient[row]:
                following = bisect_left(odd, row + 1)
                upto = odd[following] if following < len(odd) else count
                check.pass_over(upto - row, int(counter[upto - 1]), int(time[upto - 1]))
                row = upto
            else:
                found += check.receive(rows.received(row))
                row += 1
        return found
