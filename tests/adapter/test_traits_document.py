"""The page on adapters says what the driver believes."""

from __future__ import annotations

import re
from pathlib import Path

from harness.adapter.traits import INTERFACES, Traits

PAGE = Path(__file__).parents[2] / "docs" / "adapters.md"
OWN = {"none": "–", "flagged": "marked", "equal": "told by content"}
FD = {"none": "–", "always": "yes", "flag": "yes", "rates": "yes", "timing": "yes, by bit timing"}
ERRORS = {"none": "–", "plain": "seen", "linux": "decoded", "pcan": "decoded"}


def words(traits: Traits) -> list[str]:
    listening = "–" if traits.listen_only is None else "yes"
    return [traits.stamps, OWN[traits.echo], FD[traits.fd], listening, ERRORS[traits.errors]]


def test_the_table_is_that_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    shown = {name: cells.split(" | ")[:-1] for name, cells in rows}
    assert shown == {name: words(traits) for name, traits in INTERFACES.items()}
