"""Formulas from text, and files of them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.errors import ConfigError, FormulaError, HarnessError, UnitError, UnknownSignalError, ValueRangeError
from harness.temporal.formula import formula_of
from harness.temporal.operators import always, change, delay, derivative, eventually, fall, held_for, rise, until
from harness.temporal.parse import parse
from harness.temporal.properties import load_properties
from harness.units import kmh, mps2, ms, s
from tests.temporal.reference import NETWORK, SIGNALS

speed, gear, torque, level = SIGNALS.values()

SAME = {
    "Speed > 3": speed > 3,
    "3 < Speed": speed > 3,
    "Drive.Speed >= -1.5 * kmh": speed >= -1.5 * kmh,
    "Gear == 'D'": gear == "D",
    "Gear != 'P'": gear != "P",
    "~(Speed > 3)": ~(speed > 3),
    "(Speed > 3) & (Gear == 'D') | (Torque < 0)": (speed > 3) & (gear == "D") | (torque < 0),
    "(Speed > 3) >> (Gear == 'D')": (speed > 3) >> (gear == "D"),
    "Speed.between(1, 3)": speed.between(1, 3),
    "Speed.near(10 * kmh, 1)": speed.near(10 * kmh, 1),
    "Gear.changes(to='D', frm='P')": gear.changes(to="D", frm="P"),
    "Speed.received()": speed.received(),
    "always((Speed > 3) >> eventually(Gear == 'D', within=80 * ms))": always(
        (speed > 3) >> eventually(gear == "D", within=80 * ms)
    ),
    "eventually(Speed > 3, between=(20 * ms, None))": eventually(speed > 3, between=(20 * ms, None)),
    "always(Speed > 3, between=(20 * ms, 1 * s))": always(speed > 3, between=(20 * ms, 1 * s)),
    "until(Speed > 3, Gear == 'D', within=1 * s)": until(speed > 3, gear == "D", within=1 * s),
    "rise(Speed > 3) | fall(Speed > 3)": rise(speed > 3) | fall(speed > 3),
    "held_for(Speed > 3, 1.5 * s)": held_for(speed > 3, 1.5 * s),
    "change(Gear)": change(gear),
    "derivative(Speed) <= 3 * mps2": derivative(speed) <= 3 * mps2,
    "abs(Speed - delay(Speed, 10 * ms)) < 2 * kmh": abs(speed - delay(speed, 10 * ms)) < 2 * kmh,
    "2 * Speed + 1 < Speed": 2 * speed + 1 < speed,
    "-Level * 0.5 - 1 > 0": -level * 0.5 - 1 > 0,
    "always(\n  Speed > 3  # fast\n)\n  >> rise(Torque > 0)": always(speed > 3) >> rise(torque > 0),
}


@pytest.mark.parametrize("text", SAME)
def test_text_means_what_python_means(text: str) -> None:
    assert str(parse(text, NETWORK.signal)) == str(formula_of(SAME[text]))


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("", FormulaError, "empty"),
        ("always(", FormulaError, "never closed"),
        ("Speed > 3 && Gear == 'D'", FormulaError, "write & for and"),
        ("Speed > 3 -> Gear == 'D'", FormulaError, "write a >> b"),
        ("Speed > 3 => Gear == 'D'", FormulaError, "write a >> b"),
        ("Speed > 3 implies Gear == 'D'", FormulaError, "write a >> b"),
        ("!(Speed > 3)", FormulaError, "write ~ for not"),
        ("Speed > 3 kmh", FormulaError, r"a unit is multiplied, 80 \* ms"),
        ("Speed != 3 Gear", FormulaError, r"comma\?\n"),
        ("Gear == D", FormulaError, "a label is written in quotes: Gear == 'D'"),
        ("Gear == X", UnknownSignalError, "no signal 'X'"),
        ("abs(Speed) > 3 * s", UnitError, "3 s is a time"),
        ("Speed > 3 and Gear == 'D'", FormulaError, "write 'a & b'"),
        ("Speed > 3 or Gear == 'D'", FormulaError, "write 'a | b'"),
        ("not Speed > 3", FormulaError, "write '~a'"),
        ("1 < Speed < 3", FormulaError, r"write Speed.between\(1, 3\)"),
        ("Speed > 1 & Gear == 'D'", FormulaError, "in parentheses"),
        ("Sped > 3", UnknownSignalError, "did you mean 'Speed'"),
        ("Drive.Sped > 3", UnknownSignalError, "did you mean 'Speed'"),
        ("Speed > 3 * V", UnitError, "3 V is a voltage"),
        ("Speed > 3 * kh", FormulaError, "did you mean one of"),
        ("Speed - Torque > 3", UnitError, "do not compare"),
        ("Gear == 'X'", ValueRangeError, "its value table has P, R, D"),
        ("Gear > 'P'", ValueRangeError, "labels have no order"),
        ("always(Speed > 1, within=80)", UnitError, "80 \\* ms, not 80"),
        ("always(Speed > 1, within=-80 * ms)", UnitError, "zero or more, not -80 ms"),
        ("always(Speed > 1, between=(80 * ms, 20 * ms))", FormulaError, "from 80 ms to 20 ms is empty"),
        ("always(Speed > 1, 80 * ms)", FormulaError, "write always"),
        ("always(Speed > 1, within=1 * s, between=(0 * s, 1 * s))", FormulaError, "not both"),
        ("alwys(Speed > 1)", FormulaError, "did you mean 'always'"),
        ("Speed", FormulaError, "compare it, Speed > 0"),
        ("always > 3", FormulaError, "is a function"),
        ("3 < 4", FormulaError, "one side of a comparison is a signal"),
        ("always(Speed > 1) > 3", FormulaError, "in parentheses"),
        ("Speed / 2 > 1", FormulaError, "write x \\* 0.5"),
        ("Speed * Torque > 1", FormulaError, "multiplied with a number only"),
        ("abs(3) > Speed", FormulaError, "abs takes a signal"),
        ("change(Speed > 1)", FormulaError, "change takes a signal"),
        ("derivative(2 * Speed) > 1", FormulaError, "derivative takes a signal"),
        ("eval('1')", FormulaError, "no function 'eval'"),
        ("__import__('os').system('x')", FormulaError, "cannot be called"),
        ("Speed.set(3)", FormulaError, "cannot be called"),
        ("(lambda: 1)()", FormulaError, "cannot be called"),
        ("[Speed > 1]", FormulaError, "no such thing"),
        ("Speed > True", FormulaError, "no number"),
        ("Speed > 1" + "0" * 400, FormulaError, "beyond all bounds"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        parse(text, NETWORK.signal)
    assert not text or "beyond" in says or str(caught.value).endswith("^")


def test_the_mark_stands_below_what_is_wrong() -> None:
    with pytest.raises(UnknownSignalError) as caught:
        parse("always(\n  (Gear == 'Ä') | # never\n  (Sped > 3))".replace("'Ä'", "'D'"), NETWORK.signal)
    assert str(caught.value).splitlines()[1:] == ["    (Sped > 3))", "     ^"]


@settings(deadline=None)
@given(st.text(st.sampled_from("Speed Gear>=<&|~()*+-.,'1ms always(between\n\x00é"), max_size=30))
def test_no_text_does_more_than_raise(text: str) -> None:
    with suppress(HarnessError):
        parse(text, NETWORK.signal)


# -- files -------------------------------------------------------------------------------------------------------------


def write(folder: Path, text: str) -> Path:
    path = folder / "properties.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_of_properties(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        """
        [[property]]
        name = "never fast"
        formula = "always(Speed < 100)"
        requirement = "VEH-001"
        doc = "why"

        [[property]]
        name = "in D once"
        formula = '''
            eventually(
                Gear == "D"
            )'''
        """,
    )
    first, second = load_properties(path, NETWORK.signal)
    assert (first.name, first.requirement, first.doc) == ("never fast", "VEH-001", "why")
    assert (str(first.formula), str(second.formula)) == ("always(Speed < 100 km/h)", "eventually(Gear == D)")
    assert (second.requirement, second.doc) == ("", "")


@pytest.mark.parametrize(
    ("text", "error", "says"),
    [
        ("", ConfigError, "one or more tables"),
        ("property = 3", ConfigError, "one or more tables"),
        ("property = [3]", ConfigError, "no table"),
        ("[[propety]]\nname = 'x'", ConfigError, "did you mean 'property'"),
        ("[[property]]\nname = 'x'", ConfigError, "property 1 has no formula"),
        ("[[property]]\nformula = 'Speed > 1'", ConfigError, "property 1 has no name"),
        ("[[property]]\nname = 'x'\nfromula = ''", ConfigError, "did you mean 'formula'"),
        ("[[property]]\nname = 3\nformula = ''", ConfigError, "name is a text, not 3"),
        (
            "[[property]]\nname = 'x'\nformula = 'Sped > 1'",
            UnknownSignalError,
            r"property 1 \(x\): .*\n  Sped > 1\n  \^",
        ),
        ("[[property]]\nname = 'x'\nformula = 'Speed > 1'\n" * 2, ConfigError, "property 2: the name 'x' is taken"),
        ("[[", ConfigError, "can be read"),
    ],
)
def test_a_wrong_file_is_told(tmp_path: Path, text: str, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        load_properties(write(tmp_path, text), NETWORK.signal)
    assert "properties.toml" in str(caught.value)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml"):
        load_properties(tmp_path / "none.toml", NETWORK.signal)
