# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Evaluation of parsed expressions of table columns, in which values may be missing."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = [
    "ARITHMETIC", "BITS", "COMPARISONS", "FUNCTIONS", "TESTS", "Condition", "Evaluation", "Values",
    "element_name",
]

ARITHMETIC: dict[type, Callable] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
BITS: dict[type, Callable] = {ast.BitAnd: operator.and_, ast.BitOr: operator.or_}
COMPARISONS: dict[type, Callable] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
FUNCTIONS: dict[str, Callable] = {
    "abs": np.abs, "sqrt": np.sqrt, "log10": np.log10, "exp": np.exp,
}
TESTS = ("isnan", "isfinite")


@dataclass
class Values:
    """The values of a column, a constant, or the result of arithmetic with columns and constants.

    Attributes
    ----------
    data : `numpy.ndarray`, number or str
        The values, ``(n,)``, or a constant.
    missing : `numpy.ndarray` or None
        True where there is no value, bool, ``(n,)``. None if no value is missing.
    """

    data: Any
    missing: np.ndarray | None = None

    @property
    def is_text(self) -> bool:
        """Whether the values are text."""
        return isinstance(self.data, str) or getattr(self.data, "dtype", None) is not None and (
            self.data.dtype.kind in "USO"
        )


@dataclass
class Condition:
    """The result of a condition for each row: true, false, or undecided if a value is missing.

    Attributes
    ----------
    yes : `numpy.ndarray` or bool
        True for rows in which the condition is true, bool, ``(n,)``.
    no : `numpy.ndarray` or bool
        True for rows in which the condition is false, bool, ``(n,)``. ``yes`` and ``no`` are both
        False for rows in which the condition is undecided.
    """

    yes: Any
    no: Any


class Evaluation:
    """Evaluator of the syntax tree of an expression that was checked.

    Parameters
    ----------
    columns : dict
        The `Values` of the columns, keyed by the names that the expression uses.
    quoted : set of int
        The offsets in the expression of the quoted texts that are column names.
    wrong : callable
        A function ``wrong(reason, offset, remedy=None)`` that returns the exception for an error
        at this offset of the expression.
    """

    def __init__(
        self, columns: Mapping[str, Values], quoted: set[int], wrong: Callable[..., Exception]
    ) -> None:
        self.columns, self.quoted, self.wrong = columns, quoted, wrong

    def value(self, node: ast.expr) -> Values | Condition:
        if isinstance(node, ast.Name):
            return _as_condition_if_bool(self.columns[node.id])
        if isinstance(node, ast.Subscript):
            return self.columns[element_name(node) or ""]
        if isinstance(node, ast.Constant):
            return self._constant(node)
        if isinstance(node, ast.BoolOp):
            return self._both(node)
        if isinstance(node, ast.UnaryOp):
            return self._unary(node)
        if isinstance(node, ast.BinOp):
            return self._binary(node)
        if isinstance(node, ast.Call):
            return self._call(node)
        assert isinstance(node, ast.Compare)
        return self._compare(node)

    def _constant(self, node: ast.Constant) -> Values | Condition:
        value = node.value
        if isinstance(value, bool):
            return Condition(value, not value)
        if isinstance(value, str) and node.col_offset in self.quoted:
            return _as_condition_if_bool(self.columns[value])
        return Values(value)

    def _condition(self, node: ast.expr) -> Condition:
        value = self.value(node)
        if isinstance(value, Condition):
            return value
        raise self.wrong(
            "a number or a text is not a condition", node.col_offset, "compare it, as in flag == 0"
        )

    def _numeric(self, node: ast.expr) -> Values:
        value = self.value(node)
        if isinstance(value, Values) and isinstance(value.data, str) and value.data in self.columns:
            value = self.columns[value.data]
        if isinstance(value, Condition):
            raise self.wrong("a condition is not a number", node.col_offset)
        if value.is_text:
            raise self.wrong("a text is not a number", node.col_offset)
        return value

    def _both(self, node: ast.BoolOp) -> Condition:
        result = self._condition(node.values[0])
        for other in (self._condition(value) for value in node.values[1:]):
            if isinstance(node.op, ast.And):
                result = Condition(result.yes & other.yes, result.no | other.no)
            else:
                result = Condition(result.yes | other.yes, result.no & other.no)
        return result

    def _unary(self, node: ast.UnaryOp) -> Values | Condition:
        if isinstance(node.op, (ast.Not, ast.Invert)):
            value = self._condition(node.operand)
            return Condition(value.no, value.yes)
        number = self._numeric(node.operand)
        if isinstance(node.op, ast.USub):
            return Values(-_as_float(number.data), number.missing)
        return number

    def _binary(self, node: ast.BinOp) -> Values | Condition:
        if type(node.op) in BITS:
            return self._bits(node)
        left, right = (self._numeric(side) for side in (node.left, node.right))
        # Python's numbers would raise at a division by zero, and turn complex; numpy's do neither.
        a, b = (np.asarray(_as_float(side.data)) for side in (left, right))
        data = ARITHMETIC[type(node.op)](a, b)
        data = data if np.ndim(data) else float(data)
        return Values(data, _either(left.missing, right.missing))

    def _bits(self, node: ast.BinOp) -> Values | Condition:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(left, Condition) and isinstance(right, Condition):
            both = ast.BoolOp(
                ast.And() if isinstance(node.op, ast.BitAnd) else ast.Or(), [node.left, node.right]
            )
            return self._both(both)
        if isinstance(left, Values) and isinstance(right, Values):
            if _is_whole(left.data) and _is_whole(right.data):
                try:
                    data = BITS[type(node.op)](left.data, right.data)
                except (OverflowError, TypeError):
                    data = BITS[type(node.op)](
                        np.asarray(left.data).astype(object), np.asarray(right.data).astype(object)
                    ).astype(np.float64)
                return Values(data, _either(left.missing, right.missing))
        raise self.wrong(
            "& and | join two conditions or two whole numbers", node.col_offset,
            "put conditions in parentheses, or write 'and' or 'or'; to test bits, write "
            "(flags & 4) == 0",
        )

    def _call(self, node: ast.Call) -> Values | Condition:
        assert isinstance(node.func, ast.Name)
        value = self._numeric(node.args[0])
        if node.func.id in FUNCTIONS:
            return Values(FUNCTIONS[node.func.id](_as_float(value.data)), value.missing)
        finite = np.isfinite(_as_float(value.data))
        if value.missing is not None:
            finite = finite & ~value.missing
        return Condition(finite, ~finite) if node.func.id == "isfinite" else Condition(
            ~finite, finite
        )

    def _compare(self, node: ast.Compare) -> Condition:
        operands = [node.left, *node.comparators]
        result: Condition | None = None
        for op, left, right in zip(node.ops, operands, operands[1:], strict=False):
            if isinstance(op, (ast.In, ast.NotIn)):
                one = self._is_in(left, right)
                one = one if isinstance(op, ast.In) else Condition(one.no, one.yes)
            else:
                one = self._pair(op, left, right)
            result = one if result is None else Condition(
                result.yes & one.yes, result.no | one.no
            )
        assert result is not None
        return result

    def _is_in(self, left: ast.expr, right: ast.expr) -> Condition:
        assert isinstance(right, (ast.Tuple, ast.List, ast.Set))
        parts = [self._pair(ast.Eq(), left, item) for item in right.elts]
        if not parts:
            raise self.wrong("the list after 'in' is empty", right.col_offset)
        result = parts[0]
        for part in parts[1:]:
            result = Condition(result.yes | part.yes, result.no & part.no)
        return result

    def _pair(
        self, op: ast.cmpop, left: ast.expr, right: ast.expr
    ) -> Condition:
        a, b = self.value(left), self.value(right)
        if not isinstance(op, (ast.Eq, ast.NotEq)):
            # A column of booleans is ordered as 0 and 1.
            a, b = (
                _as_number(value) if isinstance(node, ast.Name) else value
                for value, node in ((a, left), (b, right))
            )
        if isinstance(a, Condition) or isinstance(b, Condition):
            return self._compare_conditions(op, a, b, left)
        a, b = self._column_of_text(a, b), self._column_of_text(b, a)
        if a.is_text != b.is_text:
            raise self.wrong(
                "a text is compared with a number", left.col_offset,
                "write numbers without quotes, and names of columns in `backticks`",
            )
        if a.is_text and not isinstance(op, (ast.Eq, ast.NotEq)):
            raise self.wrong("texts can be compared only by ==, != or in", left.col_offset)
        missing = _either(a.missing, b.missing)
        x, y = (_texts(a.data, b.data) if a.is_text else _numbers_alike(a.data, b.data))
        yes = np.asarray(COMPARISONS[type(op)](x, y), dtype=bool)
        no = ~yes
        for values in (x, y):
            if getattr(values, "dtype", None) is not None and values.dtype.kind == "f":
                missing = _either(missing, ~np.isfinite(values))
            elif isinstance(values, float) and np.isnan(values):
                missing = _either(missing, np.asarray(True))
        if missing is not None:
            yes, no = yes & ~missing, no & ~missing
        return Condition(yes, no)

    def _compare_conditions(
        self, op: ast.cmpop, a: Values | Condition, b: Values | Condition, node: ast.expr
    ) -> Condition:
        """Compare two conditions by == or !=; one of them may be the number 1 (True) or 0 (False).

        ``a`` and ``b`` are the two sides, ``op`` is the operator, and ``node`` is the syntax node
        of the left side, whose position is given in error messages.
        """
        conditions = []
        for value in (a, b):
            if isinstance(value, Condition):
                conditions.append(value)
            elif np.ndim(value.data) == 0 and value.data in (0, 1):
                conditions.append(Condition(bool(value.data), not value.data))
        if not isinstance(op, (ast.Eq, ast.NotEq)) or len(conditions) < 2:
            raise self.wrong(
                "a condition can be compared only with True, False, 1, 0 or another condition, and "
                "only by == or !=",
                node.col_offset,
            )
        first, second = conditions
        same = (first.yes & second.yes) | (first.no & second.no)
        differ = (first.yes & second.no) | (first.no & second.yes)
        return Condition(same, differ) if isinstance(op, ast.Eq) else Condition(differ, same)

    def _column_of_text(self, value: Values, other: Values) -> Values:
        """Return the column of which ``value`` is the quoted name, or ``value`` itself.

        A quoted text in a comparison is a column name if a column has this name and the other side
        of the comparison, ``other``, is not text.
        """
        if isinstance(value.data, str) and value.data in self.columns and not other.is_text:
            return self.columns[value.data]
        return value


def element_name(node: ast.Subscript) -> str | None:
    """Return the name of an element of a vector column, such as ``g[0]``.

    Return None if the syntax node does not have this form.
    """
    name = node.value.id if isinstance(node.value, ast.Name) else (
        node.value.value if isinstance(node.value, ast.Constant) else None
    )
    index = node.slice.value if isinstance(node.slice, ast.Constant) else None
    if not isinstance(name, str) or type(index) is not int:
        return None
    return f"{name}[{index}]"


def _as_condition_if_bool(values: Values) -> Values | Condition:
    data = values.data
    if getattr(data, "dtype", None) != bool:
        return values
    if values.missing is None:
        return Condition(data, ~data)
    return Condition(data & ~values.missing, ~data & ~values.missing)


def _as_number(value: Values | Condition) -> Values:
    if isinstance(value, Values):
        return value
    return Values(np.asarray(value.yes, dtype=float), ~(value.yes | value.no))


def _as_float(data: Any) -> Any:
    """Convert numbers to floating point, because differences of unsigned integers would wrap."""
    if isinstance(data, int):
        try:
            return float(data)
        except OverflowError:
            return np.inf
    if getattr(data, "dtype", None) is not None and data.dtype.kind != "f":
        return data.astype(float)
    return data


def _is_whole(data: Any) -> bool:
    return isinstance(data, int) or getattr(getattr(data, "dtype", None), "kind", "") in "iu"


def _either(first: np.ndarray | None, second: np.ndarray | None) -> np.ndarray | None:
    if first is None or second is None:
        return second if first is None else first
    return first | second


def _texts(a: Any, b: Any) -> tuple[Any, Any]:
    """Return both sides of a comparison of texts, as bytes if one side is an array of bytes.

    A text and an array of bytes would not compare as equal in numpy.
    """
    for one, other in ((a, b), (b, a)):
        if isinstance(one, str) and getattr(getattr(other, "dtype", None), "kind", "") == "S":
            encoded = np.bytes_(one.encode("utf-8", "replace"))
            return (encoded, b) if one is a else (a, encoded)
    return a, b


def _numbers_alike(a: Any, b: Any) -> tuple[Any, Any]:
    """Return both sides of a comparison of numbers, with integers beyond 64 bits as floats.

    Numpy cannot compare its arrays with larger integers.
    """
    return tuple(
        _as_float(value) if isinstance(value, int) and not -(2**63) <= value < 2**64 else value
        for value in (a, b)
    )
