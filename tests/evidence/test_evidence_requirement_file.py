"""Requirement files."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.errors import RequirementError
from harness.requirements import load_requirements


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "requirements.toml"
    path.write_text(text)
    return path


def test_a_whole_file(tmp_path: Path) -> None:
    text = (
        'title = "Car"\nlink = "https://alm/{id}"\n[A-1]\ntext = """Lamp\n  on."""\nasil = "D"\n[A-2]\ntext = "Off."\n'
    )
    known = load_requirements(write(tmp_path, text))
    assert (known.title, list(known)) == ("Car", ["A-1", "A-2"])
    assert (known["A-1"].text, known["A-1"].asil, known["A-1"].url) == ("Lamp on.", "D", "https://alm/A-1")
    assert known["A-2"].asil == "QM"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[A-1]\n", r"\[A-1\]: text is missing"),
        ("[A-1]\ntext = 3\n", "A-1.text must be a text, not 3"),
        ('[A-1]\ntext = "x"\nasil = "E"\n', "asil is 'E', but must be one of QM, A, B, C, D"),
        ('[A-1]\ntxt = "x"\n', "unknown key 'txt'; did you mean 'text'"),
        ('tilte = "x"\n', r"expected a table with text and asil, not 'x'; did you mean 'title'"),
        ("[A-1\n", r"line 1"),
        ("title = 3\n", "title must be a text, not 3"),
    ],
)
def test_a_wrong_file_names_the_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(RequirementError, match=message):
        load_requirements(write(tmp_path, text))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(RequirementError, match=r"nowhere.toml cannot be read: No such file"):
        load_requirements(tmp_path / "nowhere.toml")


def test_an_unknown_id_names_file_and_nearest(tmp_path: Path) -> None:
    known = load_requirements(write(tmp_path, '[VEH-020]\ntext = "x"\n'))
    with pytest.raises(RequirementError, match=r"'VEH-02' is not in .*requirements.toml; did you mean 'VEH-020'"):
        known["VEH-02"]
    assert "VEH-02" not in known and "VEH-020" in known
