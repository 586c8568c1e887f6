"""Temporal properties from text, in the same words as in Python; nothing of the text is executed.

>>> from pathlib import Path
>>> from harness.loop import Loop
>>> from harness.signals.database import Database
>>> from harness.signals.definitions import MessageDef, SignalDef
>>> from harness.signals.network import Network
>>> pedal = SignalDef("BrakePedal", "Pedals", start=0, length=8, scale=0.5, unit="%")
>>> lamp = SignalDef("BrakeLamp", "Lamps", start=0, length=1, choices={0: "Off", 1: "On"})
>>> messages = (MessageDef("Pedals", 0x100, 1, (pedal,)), MessageDef("Lamps", 0x140, 1, (lamp,)))
>>> network = Network("body", [Database(Path("car.dbc"), "", (), messages)], Loop())
>>> parse("always((BrakePedal > 3 * percent) >> eventually(BrakeLamp == 'On', within=80 * ms))", network.signal)
always((BrakePedal > 3 %) >> eventually(BrakeLamp == On, within=80 ms))
>>> parse("always(BrakePedal > 3 and BrakeLamp == 'On')", network.signal)
Traceback (most recent call last):
harness.errors.FormulaError: write 'a & b' instead of 'a and b', with comparisons in parentheses: (x > 1) & (y > 2)
  always(BrakePedal > 3 and BrakeLamp == 'On')
         ^
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Callable
from typing import NoReturn, TypeVar

import harness.units as units
from harness.errors import FormulaError, SignalError, UnitError, nearest
from harness.signals.arithmetic import Expression
from harness.signals.live import LiveSignal
from harness.signals.predicate import Predicate
from harness.temporal import operators
from harness.temporal.formula import Formula, formula_of
from harness.units import Quantity, TimeUnit, Unit

Made = TypeVar("Made")
Resolve = Callable[[str], LiveSignal]
"""From ``Signal``, ``Message.Signal`` or ``channel.Message.Signal`` to the signal, as ``bench.signal`` does."""

_FUNCTIONS = {
    name: getattr(operators, name)
    for name in ("always", "eventually", "until", "rise", "fall", "held_for", "change", "derivative", "delay")
} | {"abs": abs}
_METHODS = {"between", "near", "changes", "received"}
_UNITS = {name: unit for name in units.__all__ if isinstance(unit := getattr(units, name), (Unit, TimeUnit))}
_COMPARISONS: dict[type[ast.cmpop], str] = {
    ast.Eq: "__eq__", ast.NotEq: "__ne__", ast.Lt: "__lt__", ast.LtE: "__le__", ast.Gt: "__gt__", ast.GtE: "__ge__",
}  # fmt: skip
_MIRRORED = {
    "__eq__": "__eq__", "__ne__": "__ne__", "__lt__": "__gt__", "__le__": "__ge__", "__gt__": "__lt__",
    "__ge__": "__le__",
}  # fmt: skip


def parse(text: str, signal: Resolve) -> Formula:
    """The formula that the text says; signals by the names that ``signal`` knows, units by theirs (``80 * ms``).

    Raises :class:`~harness.errors.FormulaError` for what is no formula, and what ``signal`` and the units raise
    (:class:`~harness.errors.UnknownSignalError`, :class:`~harness.errors.UnitError` ...), with the place in the text.
    """
    text = text.strip()
    if not text:
        raise FormulaError("the formula is empty: write for instance always(Speed < 200 * kmh)")
    try:
        tree = ast.parse(f"({text}\n)", mode="eval")  # so that it may take several lines
    except SyntaxError as error:
        hint = next((f"; {hint}" for sign, hint in _FOREIGN.items() if re.search(sign, text)), "")
        pointer = _pointer(text, error.lineno or 1, (error.offset or 1) - 1)
        raise FormulaError(f"this is no formula: {error.msg}{hint}{pointer}") from None
    except (ValueError, RecursionError, MemoryError) as error:
        raise FormulaError(f"this is no formula: {error}") from None
    reader = _Reader(text, signal)
    try:
        return reader.located(tree.body, lambda: formula_of(reader.value(tree.body)))
    except (OverflowError, RecursionError) as error:
        raise FormulaError(f"this formula is beyond all bounds: {error}") from None


_FOREIGN = {
    r"->|=>|\bimplies\b": "write a >> b for 'a implies b'",
    "&&": "write & for and",
    r"\|\|": "write | for or",
    "!(?!=)": "write ~ for not",
    rf"[\d.] ?({'|'.join(_UNITS)})\b": "a unit is multiplied, 80 * ms",
}
"""How other languages write it: a pattern, and what to write here."""


class _Reader:
    def __init__(self, text: str, signal: Resolve) -> None:
        self._text = text
        self._signal = signal

    def located(self, node: ast.expr, make: Callable[[], Made]) -> Made:
        """Make a value; an error says where it comes from."""
        try:
            return make()
        except (SignalError, UnitError) as error:
            if "\n  " in str(error) and str(error).endswith("^"):
                raise
            raise type(error)(f"{error}{self._pointer(node)}") from None

    def value(self, node: ast.expr) -> object:
        """What a piece of the text stands for."""
        return self.located(node, lambda: self._value(node))

    def _value(self, node: ast.expr) -> object:
        match node:
            case ast.Constant():
                return self.constant(node)
            case ast.Name() | ast.Attribute():
                return self.name(node)
            case ast.Tuple():
                return tuple(self.value(each) for each in node.elts)
            case ast.UnaryOp():
                return self.unary(node)
            case ast.BinOp():
                return self.binary(node)
            case ast.BoolOp():
                return self.boolean(node)
            case ast.Compare():
                return self.comparison(node)
            case ast.Call():
                return self.call(node)
        self._refuse(node, f"a formula has no such thing as {ast.unparse(node)!r}")

    # -- names and numbers -----------------------------------------------------------------------------------------

    def constant(self, node: ast.Constant) -> object:
        """A number, a label, or None as an open end."""
        if node.value is None or (isinstance(node.value, (int, float, str)) and not isinstance(node.value, bool)):
            return node.value
        self._refuse(node, f"{node.value!r} is no number and no label")

    def name(self, node: ast.Name | ast.Attribute) -> LiveSignal:
        """A signal, by its name with or without message and channel."""
        name = ast.unparse(node)
        if name in _FUNCTIONS:
            self._refuse(node, f"{name} is a function: write {name}(...)")
        if not all(part.isidentifier() for part in name.split(".")):
            self._refuse(node, f"{name!r} is no name of a signal")
        return self._signal(name)

    # -- operators -------------------------------------------------------------------------------------------------

    def unary(self, node: ast.UnaryOp) -> object:
        """-x, ~p."""
        if isinstance(node.op, ast.Not):
            self._refuse(node, "write '~a' instead of 'not a', with a comparison in parentheses: ~(x > 1)")
        operand = self.value(node.operand)
        if isinstance(node.op, ast.Invert):
            return ~formula_of(operand)
        if isinstance(node.op, ast.USub) and isinstance(operand, (int, float, Quantity, LiveSignal, Expression)):
            return -operand
        return operand if isinstance(operand, (int, float, Quantity)) else self._refuse(node, "no sign fits here")

    def binary(self, node: ast.BinOp) -> object:
        """+ - * of numbers and signals, & | >> of formulas."""
        if isinstance(node.op, ast.Mult):
            return self._times(node)
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(node.op, ast.BitAnd | ast.BitOr | ast.RShift):
            one = self.located(node.left, lambda: formula_of(left))
            two = self.located(node.right, lambda: formula_of(right))
            if isinstance(node.op, ast.BitAnd):
                return one & two
            return one | two if isinstance(node.op, ast.BitOr) else one >> two
        if not isinstance(node.op, ast.Add | ast.Sub):
            self._refuse(node, "signals are added, subtracted and multiplied with numbers; for x / 2 write x * 0.5")
        numbers = (int, float, Quantity, LiveSignal, Expression)
        if not (isinstance(left, numbers) and isinstance(right, numbers)):
            self._refuse(node, "only numbers and signals are added or subtracted")
        found = left + right if isinstance(node.op, ast.Add) else left - right  # type: ignore[operator]
        return found

    def _times(self, node: ast.BinOp) -> object:
        left = self.value(node.left)
        if isinstance(node.right, ast.Name) and node.right.id in _UNITS:
            if isinstance(left, (int, float)):
                return left * _UNITS[node.right.id]
            self._refuse(node, f"only a number has a unit: 80 * {node.right.id}")
        if isinstance(left, (int, float)) and isinstance(node.right, ast.Name) and not self._is_signal(node.right.id):
            self._refuse(node.right, f"unit or signal {node.right.id!r} is not known{nearest(node.right.id, _UNITS)}")
        right = self.value(node.right)
        if isinstance(left, (int, float)) and isinstance(right, (int, float, LiveSignal, Expression)):
            return left * right
        if isinstance(right, (int, float)) and isinstance(left, (LiveSignal, Expression)):
            return left * right
        self._refuse(node, "a signal is multiplied with a number only")

    def _is_signal(self, name: str) -> bool:
        try:
            self._signal(name)
        except SignalError:
            return False
        return True

    def boolean(self, node: ast.BoolOp) -> NoReturn:
        """And, or."""
        word, sign = ("and", "&") if isinstance(node.op, ast.And) else ("or", "|")
        hint = f"(x > 1) {sign} (y > 2)"
        self._refuse(node, f"write 'a {sign} b' instead of 'a {word} b', with comparisons in parentheses: {hint}")

    def comparison(self, node: ast.Compare) -> object:
        """One comparison; not a chain of them."""
        if len(node.ops) > 1:
            low, middle, high = (ast.unparse(each) for each in (node.left, *node.comparators[:2]))
            if isinstance(node.comparators[0], ast.BinOp):
                self._refuse(node, "put comparisons in parentheses: (x > 1) & (y > 2)")
            limits = f"{middle}.between({low}, {high}), both limits included"
            self._refuse(node, f"comparisons are not chained: write {limits}, or (x > 1) & (x < 2)")
        method = _COMPARISONS.get(type(node.ops[0]))
        if method is None:
            self._refuse(node, "signals are compared with == != < <= > >=")
        left, right = self._sides(node.left, node.comparators[0])
        if isinstance(left, Formula | Predicate) or isinstance(right, Formula | Predicate):
            self._refuse(
                node, "put comparisons in parentheses: (x > 1) & (y > 2); only signals and numbers are compared"
            )
        if not isinstance(left, LiveSignal | Expression):
            left, right, method = right, left, _MIRRORED[method]
        if not isinstance(left, LiveSignal | Expression):
            self._refuse(node, "one side of a comparison is a signal")
        found: object = getattr(left, method)(right)
        return found

    def _sides(self, left: ast.expr, right: ast.expr) -> tuple[object, object]:
        first = self.value(left)
        labels = first.definition.choices.values() if isinstance(first, LiveSignal) else ()
        if isinstance(right, ast.Name) and right.id in labels and not self._is_signal(right.id):
            self._refuse(right, f"a label is written in quotes: {ast.unparse(left)} == '{right.id}'")
        return first, self.value(right)

    # -- calls -----------------------------------------------------------------------------------------------------

    def call(self, node: ast.Call) -> object:
        """A function of the harness, or a method of a signal."""
        if isinstance(node.func, ast.Name):
            function = _FUNCTIONS.get(node.func.id)
            if function is None:
                self._refuse(node, f"there is no function {node.func.id!r}{nearest(node.func.id, _FUNCTIONS)}")
            name = node.func.id
        elif isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
            owner = self.value(node.func.value)
            name = node.func.attr
            function = getattr(owner, name, None)
            if function is None or not isinstance(owner, LiveSignal | Expression):
                self._refuse(node, f"{name} is asked of a signal: BrakePedal.{name}(...)")
        else:
            known = f"{', '.join(_FUNCTIONS)}, and of a signal {', '.join(sorted(_METHODS))}"
            self._refuse(node, f"{ast.unparse(node.func)!r} cannot be called; there are {known}")
        if any(keyword.arg is None for keyword in node.keywords):
            self._refuse(node, "name every argument")
        arguments = [self.value(each) for each in node.args]
        options = {keyword.arg or "": self.value(keyword.value) for keyword in node.keywords}
        try:
            inspect.signature(function).bind(*arguments, **options)
        except TypeError as error:
            self._refuse(node, f"{name}: {error}; {_usage(name, function)}")
        if name == "abs" and not isinstance(arguments[0], LiveSignal | Expression):
            self._refuse(node, "abs takes a signal or what is calculated of signals")
        return function(*arguments, **options)

    # -- errors ----------------------------------------------------------------------------------------------------

    def _refuse(self, node: ast.expr, problem: str) -> NoReturn:
        raise FormulaError(f"{problem}{self._pointer(node)}")

    def _pointer(self, node: ast.expr) -> str:
        line = f"({self._text}".splitlines()[node.lineno - 1]
        return _pointer(self._text, node.lineno, len(line.encode()[: node.col_offset].decode()))  # it counts bytes


def _pointer(text: str, line: int, column: int) -> str:
    """The line with a mark below the column, both counted in the text with an opening parenthesis before it."""
    lines = text.splitlines() or [""]
    shown = lines[min(line, len(lines)) - 1]
    return f"\n  {shown}\n  {' ' * min(max(column - (line == 1), 0), len(shown))}^"


def _usage(name: str, function: Callable[..., object]) -> str:
    if name in ("always", "eventually"):
        return f"write {name}(x > 1, within=80 * ms), {name}(x > 1, between=(20 * ms, 80 * ms)) or {name}(x > 1)"
    return f"it takes ({', '.join(inspect.signature(function).parameters)})"
