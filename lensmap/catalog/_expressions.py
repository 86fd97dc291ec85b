# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""Expressions of columns: parsed, checked and evaluated by lensmap, never run as Python.

The language is the part of Python's expressions that compares and computes: column names, numbers,
texts, arithmetic, comparisons, ``in``, ``and``, ``or``, ``not`` and a few functions. Names with
blanks or special characters are written in backticks.

A comparison is neither true nor false where a value is missing, as in SQL: neither a condition nor
its opposite selects such a row.
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from lensmap.catalog._evaluation import (
    ARITHMETIC,
    BITS,
    COMPARISONS,
    FUNCTIONS,
    TESTS,
    Condition,
    Evaluation,
    Values,
    element_name,
)
from lensmap.catalog._names import ColumnNames, shown
from lensmap.utils import ParameterError

__all__ = ["Expression"]

_MAX_CHARACTERS = 10_000

_HELP = (
    "allowed are column names (in `backticks` if they have blanks or signs), numbers, 'texts', "
    "+ - * / %, < <= > >= == !=, in (...), and, or, not, & and | of whole numbers, "
    f"{', '.join([*FUNCTIONS, *TESTS])}"
)


class Expression:
    """An expression of the columns of a table.

    Parameters
    ----------
    text : str
        The expression.
    parameter : str
        The name of the parameter that has this text as its value, for error messages.

    Raises
    ------
    ParameterError
        If the text is not an expression of the language. The message gives the position.
    """

    def __init__(self, text: str, parameter: str) -> None:
        self.text, self.parameter = text, parameter
        if len(text) > _MAX_CHARACTERS:
            raise ParameterError(
                parameter, f"at most {_MAX_CHARACTERS} characters", f"{len(text)}", verb="have"
            )
        self._source, self._quoted = self._without_backticks(text)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of Python about code that it would not run
                self._tree = ast.parse(self._source, mode="eval").body
        except SyntaxError as error:
            offset = (error.offset or 1) - 1
            raise self._wrong(error.msg or "it cannot be parsed", offset, self._hint()) from None
        except (ValueError, RecursionError, MemoryError) as error:
            raise self._wrong(str(error) or "it is nested too deeply", 0) from None
        try:
            self.names = tuple(dict.fromkeys(self._check(self._tree)))
            self.numbers = frozenset(_numbers(self._tree))
        except RecursionError:
            raise self._wrong("it is nested too deeply", 0) from None

    def columns(self, find: Callable[[str], str | None], names: ColumnNames) -> dict[str, str]:
        """Find the columns of a table that the expression uses.

        Parameters
        ----------
        find : callable
            A function that takes a name, and returns the table's spelling of it or None.
        names : ColumnNames
            The table's column names.

        Returns
        -------
        dict
            The table's spelling of each column name, keyed by the name in the expression. Quoted
            texts that are not column names are left out.

        Raises
        ------
        ParameterError
            If the expression names a column that the table lacks.
        """
        result = {}
        for name, offset, certain in self.names:
            theirs = find(name)
            if theirs is not None:
                result[name] = theirs
            elif certain:
                raise self._wrong(
                    f"there is no column {shown(name)!r}",
                    offset,
                    f"the catalog has {names.listed([name])}",
                )
        return result

    def evaluate(self, columns: dict[str, Values]) -> Values | Condition:
        """Compute the expression.

        Parameters
        ----------
        columns : dict
            The values of the columns, keyed by the names that the expression uses.

        Returns
        -------
        Values or Condition
            The result.

        Raises
        ------
        ParameterError
            If an operator does not suit the types of its operands.
        """
        try:
            with np.errstate(all="ignore"):
                return Evaluation(columns, self._quoted, self._wrong).value(self._tree)
        except RecursionError:
            raise self._wrong("it is nested too deeply", 0) from None

    # ---- Parsing

    def _without_backticks(self, text: str) -> tuple[str, set[int]]:
        """Replace the backticks around column names by quotes, so that Python can parse the text.

        Return the new text, and the set of the offsets of the column names in the new text.
        """
        pieces: list[str] = []
        quoted: set[int] = set()
        at = 0
        text = text.replace("\n", " ").replace("\r", " ").replace("\t", " ")
        lead = len(text) - len(text.lstrip())
        text = text.lstrip()
        self._lead = lead
        if not text:
            raise ParameterError(self.parameter, "an expression of columns", "an empty text")
        while at < len(text):
            character = text[at]
            if character in "'\"`":
                end = text.find(character, at + 1)
                if end < 0:
                    what = "backtick" if character == "`" else "quote"
                    raise self._wrong(f"the {what} is not closed", at)
                piece = text[at:end + 1]
                if character == "`":
                    name = piece[1:-1]
                    quoted.add(sum(len(p.encode()) for p in pieces))
                    quote = '"' if '"' not in name else "'"
                    piece = quote + name.replace("\\", "\\\\") + quote
                pieces.append(piece)
                at = end + 1
            else:
                pieces.append(character)
                at += 1
        return "".join(pieces), quoted

    def _wrong(self, reason: str, offset: int, remedy: str | None = None) -> ParameterError:
        """Return the error about the expression at an offset of its text, counted from 0."""
        column = offset + self._lead + 1
        allowed = "a condition on columns" if self.parameter == "where" else "an expression"
        text = f"{reason}, at character {column} of {shown(self.text)!r}"
        return ParameterError(
            self.parameter, allowed, repr(shown(self.text)),
            text if remedy is None else f"{text}; {remedy}",
        )

    def _hint(self) -> str:
        plain = self._source
        for wrong, right in ((" AND ", "and"), (" OR ", "or"), ("NOT ", "not"), ("&&", "and"),
                             ("||", "or"), ("<>", "!=")):
            if wrong in plain:
                return f"write {right} for {wrong.strip()}"
        stripped = plain
        for sign in ("==", "<=", ">=", "!="):
            stripped = stripped.replace(sign, "")
        if "=" in stripped:
            return "write == to compare"
        return "write names with blanks or signs in `backticks`; " + _HELP

    def _check(self, node: ast.expr) -> list[tuple[str, int, bool]]:
        """Check that a syntax node belongs to the language, and return the names in it.

        The result has a tuple for each name or quoted text: the name, its offset in the text, and
        whether it must be a column name.
        """
        if isinstance(node, ast.Name):
            return [(node.id, node.col_offset, True)]
        if isinstance(node, ast.Constant):
            return self._check_constant(node)
        checks: dict[type, Callable[[Any], list[tuple[str, int, bool]]]] = {
            ast.Compare: self._check_comparison,
            ast.Call: self._check_call,
            ast.Subscript: self._check_subscript,
        }
        if type(node) in checks:
            return checks[type(node)](node)
        if isinstance(node, ast.BoolOp):
            return [name for value in node.values for name in self._check(value)]
        if isinstance(node, ast.UnaryOp):  # all four: not, -, + and ~
            return self._check(node.operand)
        if isinstance(node, ast.BinOp) and type(node.op) in ARITHMETIC | BITS:
            return self._check(node.left) + self._check(node.right)
        raise self._refused(node)

    def _check_constant(self, node: ast.Constant) -> list[tuple[str, int, bool]]:
        if isinstance(node.value, str):
            # A text may be a column's name: "odd name" > 3.
            return [(node.value, node.col_offset, node.col_offset in self._quoted)]
        if isinstance(node.value, (bool, int, float)):
            return []
        raise self._refused(node)

    def _check_comparison(self, node: ast.Compare) -> list[tuple[str, int, bool]]:
        names = []
        operands = [node.left, *node.comparators]
        for op, operand in zip([None, *node.ops], operands, strict=True):
            if isinstance(op, (ast.In, ast.NotIn)):
                if not isinstance(operand, (ast.Tuple, ast.List, ast.Set)):
                    raise self._wrong(
                        "'in' needs a list, such as (1, 2)", operand.col_offset
                    )
                for item in operand.elts:
                    if not _is_constant(item):
                        raise self._wrong(
                            "the list after 'in' must hold numbers or texts", item.col_offset
                        )
                continue
            if op is not None and type(op) not in COMPARISONS:
                raise self._refused(node)
            if isinstance(operand, ast.BinOp) and type(operand.op) in BITS:
                # In Python & binds more closely than <, which is not what the user means.
                if not self._in_parentheses(operand):
                    raise self._wrong(
                        "& and | are evaluated before comparisons", operand.col_offset,
                        "write 'and' or 'or' between conditions, and (flags & 4) == 0 for bits",
                    )
            names += self._check(operand)
        return names

    def _in_parentheses(self, node: ast.expr) -> bool:
        before = self._source.encode()[:node.col_offset].decode(errors="replace").rstrip()
        after = self._source.encode()[node.end_col_offset:].decode(errors="replace").lstrip()
        return before.endswith("(") and after.startswith(")")

    def _check_call(self, node: ast.Call) -> list[tuple[str, int, bool]]:
        name = node.func.id if isinstance(node.func, ast.Name) else None
        if name not in FUNCTIONS and name not in TESTS:
            raise self._wrong(
                f"there is no function {name!r}" if name else "only functions can be called",
                node.col_offset, f"the functions are {', '.join([*FUNCTIONS, *TESTS])}",
            )
        if node.keywords or len(node.args) != 1 or isinstance(node.args[0], ast.Starred):
            raise self._wrong(f"{name} takes one value", node.col_offset)
        return self._check(node.args[0])

    def _check_subscript(self, node: ast.Subscript) -> list[tuple[str, int, bool]]:
        name = element_name(node)
        if name is None:
            raise self._wrong(
                "an index must be a whole number after a column name, as in g[0]", node.col_offset
            )
        return [(name, node.col_offset, True)]

    def _refused(self, node: ast.expr) -> ParameterError:
        return self._wrong("this is not allowed", getattr(node, "col_offset", 0), _HELP)


def _is_constant(node: ast.expr) -> bool:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.UAdd)):
        node = node.operand
    return isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float, str))


def _numbers(node: ast.expr) -> list[float]:
    """Return the numeric constants in the syntax tree of an expression, with their signs."""
    found = []
    for part in ast.walk(node):
        sign = 1
        if isinstance(part, ast.UnaryOp) and isinstance(part.op, ast.USub):
            sign, part = -1, part.operand
        if isinstance(part, ast.Constant) and isinstance(part.value, (int, float)):
            try:
                found.append(sign * float(part.value))
            except OverflowError:
                pass
    return found
