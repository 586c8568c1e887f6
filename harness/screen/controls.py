"""What the person at the terminal has chosen: a state that keys change. Draws nothing and reads no keyboard."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from harness.screen.snapshot import Sort, Wanted

UP, DOWN, PAGE_UP, PAGE_DOWN, HOME, END = "up", "down", "page up", "page down", "home", "end"
ENTER, ESCAPE, BACKSPACE = "enter", "escape", "backspace"

HELP = "/ filter   s sort   ↑↓ select   enter signals   a all   space freeze   r reset   q quit"


@dataclass(slots=True)
class Controls:
    """selected: number of the selected row. top: of the first row that is shown. typing: the filter is being typed.

    details: the selected message's signals are shown in full. frozen: the picture stands still. resets: how often the
    person asked for counts to begin anew. ended: the person has had enough.
    """

    wanted: Wanted
    selected: int = 0
    top: int = 0
    typing: bool = False
    details: bool = True
    frozen: bool = False
    resets: int = 0
    ended: bool = False
    _before: str = ""

    def press(self, key: str, page: int = 10) -> None:
        """A key was pressed: a character, or one of the names above. page: rows on a page. Others do nothing."""
        if self.typing:
            self._type(key)
        elif key in _STEPS:
            self.selected = max(0, self.selected + _STEPS[key](page))
        elif key == "/":
            self.typing, self._before = True, self.wanted.text
        elif key == "s":
            order = list(Sort)
            following = order[(order.index(self.wanted.sort) + 1) % len(order)]
            self.wanted = Wanted(self.wanted.text, following, self.wanted.unseen)
        elif key == "a":
            self.wanted = Wanted(self.wanted.text, self.wanted.sort, not self.wanted.unseen)
        elif key == ESCAPE:
            self._filter("")
        elif key == ENTER:
            self.details = not self.details
        elif key == " ":
            self.frozen = not self.frozen
        elif key == "r":
            self.resets += 1
        elif key == "q":
            self.ended = True

    def fit(self, rows: int, height: int) -> None:
        """Keep the selected row among the rows that there are, and among the ``height`` ones that are shown."""
        self.selected = max(0, min(self.selected, rows - 1))
        self.top = max(0, min(self.top, self.selected, rows - height))
        self.top = max(self.top, self.selected - height + 1)

    def _type(self, key: str) -> None:
        text = self.wanted.text
        if key == ENTER:
            self.typing = False
        elif key == ESCAPE:
            self.typing = False
            self._filter(self._before)
        elif key == BACKSPACE:
            self._filter(text[:-1])
        elif len(key) == 1 and key.isprintable():
            self._filter(text + key)

    def _filter(self, text: str) -> None:
        if text != self.wanted.text:
            self.selected = self.top = 0
        self.wanted = Wanted(text, self.wanted.sort, self.wanted.unseen)


_FAR = 1_000_000
_STEPS: Mapping[str, Callable[[int], int]] = {
    UP: lambda page: -1,
    DOWN: lambda page: 1,
    PAGE_UP: lambda page: -page,
    PAGE_DOWN: lambda page: page,
    HOME: lambda page: -_FAR,
    END: lambda page: _FAR,
}
