"""Prints which test notices which mutant: ``python tests/vehicle/mutants [WORD ...]``.

WORD: only mutants whose requirement, node or fault contains one of them. Ends with status 1 when one is not caught.
"""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT))

from judge import Judge  # noqa: E402
from tables import MUTANTS  # noqa: E402


def main(words: list[str]) -> int:
    """Judge the chosen mutants, one line each."""
    chosen = [mutant for mutant in MUTANTS if not words or any(word in str(mutant) for word in words)]
    missed = 0
    with Judge() as judge:
        for mutant in chosen:
            outcome = judge.judge(mutant)
            test = outcome.test.rpartition("/")[2]
            reason = " ".join(outcome.message.split())[:160]
            print(f"{outcome.verdict:12}  {mutant.kind:9}  {mutant}\n{'':25}{test}: {reason}", flush=True)
            missed += outcome.verdict != "caught"
    print(f"{len(chosen)} mutants, {len(chosen) - missed} caught")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
