# Licensed under a 3-clause BSD style license - see LICENSE.rst
"""The mutants of a module, for mutants.py, made by the operators of cosmic-ray."""

import ast
import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray.ast import ast_nodes, get_ast
from cosmic_ray.mutating import mutate_code
from cosmic_ray.operators.provider import OperatorProvider

__all__ = ["Mutant", "make_mutants"]

# One replacement for each operator: a test that notices one wrong operator notices the others.
_BINARY = [
    "Add_Sub", "Sub_Add", "Mul_Div", "Div_Mul", "Pow_Mul", "FloorDiv_Mul", "Mod_Mul",
    "BitAnd_BitOr", "BitOr_BitAnd", "BitXor_BitAnd", "RShift_LShift", "LShift_RShift",
]  # fmt: skip
# A limit is moved (< to <=), and a comparison is reversed (< to >=).
_COMPARISON = [
    "Lt_LtE", "LtE_Lt", "Gt_GtE", "GtE_Gt", "Lt_GtE", "LtE_Gt", "Gt_LtE", "GtE_Lt",
    "Eq_NotEq", "NotEq_Eq", "Is_IsNot", "IsNot_Is",
]  # fmt: skip
_OPERATORS = [
    *(f"ReplaceBinaryOperator_{name}" for name in _BINARY),
    *(f"ReplaceComparisonOperator_{name}" for name in _COMPARISON),
    "ReplaceUnaryOperator_Delete_USub", "ReplaceUnaryOperator_Delete_Invert",
    "ReplaceUnaryOperator_Delete_Not", "AddNot", "NumberReplacer", "ReplaceAndWithOr",
    "ReplaceOrWithAnd", "ReplaceTrueWithFalse", "ReplaceFalseWithTrue",
    "ReplaceBreakWithContinue", "ReplaceContinueWithBreak", "ZeroIterationForLoop",
]  # fmt: skip
_WARNING_FUNCTIONS = {"warn_user", "warn"}
# They write text for people.
_TEXT_FUNCTIONS = {"__repr__", "__str__", "_repr_html_"}


@dataclass(frozen=True)
class Mutant:
    """A module with one change.

    Attributes
    ----------
    path : Path
        The module's file.
    file : str
        The same, as the list of survivors has it.
    line : int
        The number of the changed line.
    was, now : str
        The line without and with the change, stripped.
    source, code : str
        The text of the whole module without and with the change.
    lines : range
        The lines of the statement that is changed.
    """

    path: Path
    file: str
    line: int
    was: str
    now: str
    source: str
    code: str
    lines: range

    @property
    def key(self) -> tuple[str, str, str]:
        """The file and the texts of a mutant, which do not depend on lines above it."""
        return self.file, self.was, self.now


def make_mutants(path: Path, file: str, skipped: dict[str, list[str]]) -> Iterator[Mutant]:
    """Yield the mutants of a module that may change a number.

    Annotations, messages, errors and warnings with their conditions, and texts for people are left
    as they are, and so is what ``skipped`` has: lines by a pattern, the values of keywords by name.
    """
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines(keepends=True)
    tree = ast.parse(source)
    spans = list(_texts(tree))
    spans += [
        _span(node.value) for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg in skipped["keywords"]
    ]  # fmt: skip
    patterns = [re.compile(pattern) for pattern in skipped["lines"]]
    # Statement by statement, because each mutant is parsed again.
    for statement in tree.body:
        decorators = getattr(statement, "decorator_list", [])
        first = min(node.lineno for node in (statement, *decorators))
        part = slice(first - 1, statement.end_lineno)
        for line, column, code in _mutated("".join(lines[part])):
            number = first - 1 + line
            if any(low <= (number, column) < high for low, high in spans):
                continue
            was = lines[number - 1].strip()
            if any(pattern.search(was) for pattern in patterns):
                continue
            code = code()
            if not _is_valid(code):
                continue
            now = code.splitlines()[line - 1].strip()
            whole = "".join([*lines[:part.start], code, *lines[part.stop:]])
            yield Mutant(
                path, file, number, was, now, source, whole, _statement_lines(tree, number)
            )


def _mutated(source: str) -> Iterator[tuple[int, int, Callable[[], str]]]:
    """Yield the line and column of each change of a piece of code, and what makes the new code."""
    nodes = list(ast_nodes(get_ast(source)))
    comparisons = {(node.start_pos, node.end_pos) for node in nodes if node.type == "comparison"}
    for name in _OPERATORS:
        operator = OperatorProvider()[name]()
        positions = ((node, ends) for node in nodes for ends in operator.mutation_positions(node))
        for occurrence, (node, (start, end)) in enumerate(positions):
            # The star before parameters that are given by name is no operator.
            if node.parent is not None and node.parent.type == "parameters":
                continue
            # A comparison alone is reversed by an operator above.
            if name == "AddNot" and (start, end) in comparisons:
                continue
            # Of the two changes of a number, +1 and -1, the second is left out.
            if name == "NumberReplacer" and occurrence % 2:
                continue
            yield *start, functools.partial(mutate_code, source, operator, occurrence)


def _is_valid(code: str) -> bool:
    """Return whether code can be compiled: the stars of a dict are taken for a power."""
    try:
        ast.parse(code)
    except SyntaxError:
        return False
    return True


def _texts(tree: ast.Module) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield the start and end of what changes no number."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AnnAssign | ast.arg):
            annotation = node.returns if isinstance(node, ast.FunctionDef) else node.annotation
            if annotation is not None:
                yield _span(annotation)
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield from map(_span, node.decorator_list)
        if isinstance(node, ast.Raise | ast.JoinedStr | ast.Import | ast.ImportFrom):
            yield _span(node)
        if isinstance(node, ast.FunctionDef) and node.name in _TEXT_FUNCTIONS:
            yield _span(node)
        if _is_warning(node):
            yield _span(node)
        if isinstance(node, ast.If) and not node.orelse and all(map(_is_message, node.body)):
            yield _span(node)


def _is_message(node: ast.stmt) -> bool:
    return isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and _is_warning(node.value))


def _is_warning(node: ast.AST) -> bool:
    if not isinstance(node, ast.Call):
        return False
    function = node.func
    return getattr(function, "id", getattr(function, "attr", None)) in _WARNING_FUNCTIONS


def _span(node: ast.expr | ast.stmt) -> tuple[tuple[int, int], tuple[int, int]]:
    return (node.lineno, node.col_offset), (node.end_lineno, node.end_col_offset)


def _statement_lines(tree: ast.Module, line: int) -> range:
    """Return the lines of the statement at a line; of a block, those of its header."""
    smallest = range(line, line + 1)
    size = None
    for node in ast.walk(tree):
        if not isinstance(node, ast.stmt) or not node.lineno <= line <= node.end_lineno:
            continue
        stop = node.body[0].lineno if getattr(node, "body", None) else node.end_lineno + 1
        if line < max(stop, node.lineno + 1) and (size is None or stop - node.lineno < size):
            smallest, size = range(node.lineno, max(stop, node.lineno + 1)), stop - node.lineno
    return smallest
