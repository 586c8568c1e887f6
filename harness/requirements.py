"""The list of requirements that tests refer to with ``@pytest.mark.requirement("VEH-020")``.

A TOML file (``suites/requirements.toml`` unless the ini option ``harness_requirements`` names another) with one table
per requirement::

    title = "Reference vehicle"                   # optional: names the product in reports
    link = "https://alm.example.org/items/{id}"   # optional: where a requirement can be read

    [VEH-020]
    asil = "B"                                    # QM, A, B, C or D
    text = "Brake lamps on within 80 ms of the pedal passing 3 %, off within 80 ms of it falling below 2 %."
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from harness.errors import RequirementError, nearest

ASILS = ("QM", "A", "B", "C", "D")
"""Automotive safety integrity levels in rising order (ISO 26262-1:2018, 3.6)."""


@dataclass(frozen=True, slots=True)
class Requirement:
    """One requirement: its id, what it says, its ASIL (one of :data:`ASILS`), and where to read it ("" for nowhere)."""

    id: str
    text: str
    asil: str = "QM"
    url: str = ""


@dataclass(frozen=True, slots=True)
class Requirements(Mapping[str, Requirement]):
    """The requirements of a project by id, in the order of their file.

    >>> known = Requirements({"VEH-020": Requirement("VEH-020", "Brake lamps within 80 ms.", "B")})
    >>> known["VEH-020"].asil
    'B'
    >>> known["VEH-02"]
    Traceback (most recent call last):
    harness.errors.RequirementError: requirement 'VEH-02' is not in any requirement file; did you mean 'VEH-020'?
    """

    entries: Mapping[str, Requirement] = field(default_factory=dict)
    title: str = ""
    path: Path | None = None

    def __getitem__(self, identifier: str) -> Requirement:
        try:
            return self.entries[identifier]
        except KeyError:
            place = self.path if self.path is not None else "any requirement file"
            hint = nearest(identifier, self.entries)
            raise RequirementError(f"requirement {identifier!r} is not in {place}{hint}") from None

    def __contains__(self, identifier: object) -> bool:  # Mapping's own expects a KeyError
        return identifier in self.entries

    def __iter__(self) -> Iterator[str]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)


def load_requirements(path: Path) -> Requirements:
    """Read a requirement file.

    Raises :class:`~harness.errors.RequirementError` when it is missing, is no TOML, or holds an unknown key, a wrong
    type, or an ASIL that does not exist.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RequirementError(f"requirement file {path} cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RequirementError(f"requirement file {path}: {error}") from error
    title, link = (_text(path, name, content.pop(name, "")) for name in ("title", "link"))
    entries = {identifier: _requirement(path, identifier, table, link) for identifier, table in content.items()}
    return Requirements(entries, title, path)


def _requirement(path: Path, identifier: str, table: object, link: str) -> Requirement:
    where = f"requirement file {path}, [{identifier}]"
    if not isinstance(table, dict):
        hint = nearest(identifier, ("title", "link"))
        raise RequirementError(f"{where}: expected a table with text and asil, not {table!r}{hint}")
    for key in table:
        if key not in ("text", "asil"):
            raise RequirementError(f"{where}: unknown key {key!r}{nearest(key, ('text', 'asil'))}")
    asil = table.get("asil", "QM")
    if asil not in ASILS:
        raise RequirementError(f"{where}: asil is {asil!r}, but must be one of {', '.join(ASILS)}")
    text = _text(path, f"{identifier}.text", table.get("text", ""))
    if not text:
        raise RequirementError(f"{where}: text is missing")
    return Requirement(identifier, text, asil, link.replace("{id}", identifier))


def _text(path: Path, name: str, value: object) -> str:
    if not isinstance(value, str):
        raise RequirementError(f"requirement file {path}: {name} must be a text, not {value!r}")
    return " ".join(value.split())
