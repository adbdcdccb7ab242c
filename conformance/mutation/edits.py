"""Changes of a syntax tree, one at a time: the mutation operators.

The operators are those that mutation testing commonly uses (negated conditions, relational and arithmetic operators, constants,
deleted statements and arguments; Offutt and others, "An experimental determination of sufficient mutant operators", 1996), and
exchanges of the names that recurrent code confuses.
"""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
}
# Names that stand for the same thing of two parts: what one is exchanged with.
CONFUSED = (
    (r"^recurrent_(?=(kernel|activation|dropout)$)", ""),
    (r"^(?=(kernel|activation|dropout)$)", "recurrent_"),
    (r"^kernel_(?=regularizer|constraint|initializer)", "recurrent_"),
    (r"^recurrent_(?=regularizer|constraint|initializer)", "kernel_"),
    (r"^kernel_(?=regularizer|constraint|initializer)", "bias_"),
    (r"^bias_(?=regularizer|constraint|initializer)", "kernel_"),
    (r"forward", "backward"),
    (r"backward", "forward"),
    (r"\bfwd", "bwd"),
    (r"\bbwd", "fwd"),
    (r"\bh(?=_|$)", "c"),
    (r"\bc(?=_tm1|$)", "h"),
    (r"_i$", "_f"),
    (r"_f$", "_i"),
    (r"_c$", "_o"),
    (r"_o$", "_c"),
    (r"^z0$", "z1"),
    (r"^z1$", "z2"),
    (r"^z3$", "z1"),
    (r"^return_sequences$", "return_state"),
    (r"^y$", "y_rev"),
    (r"^y_rev$", "y"),
    (r"^new_states$", "states"),
    (r"^last_output$", "outputs"),
)


@dataclass(frozen=True, kw_only=True)
class Edit:
    """One change of a tree.

    Attributes:
        operator: its kind.
        node: what is replaced; it has the line.
        replacement: what takes its place; a statement list for a statement.
        replace: puts a node in the place of `node`.
    """

    operator: str
    node: ast.expr | ast.stmt
    replacement: ast.expr | ast.stmt
    replace: Callable[[ast.AST], None]


def edits(tree: ast.AST) -> Iterator[Edit]:
    """Yield every edit of a tree, in the order of the code. The tree is unchanged while an edit is not applied."""
    for parent in ast.walk(tree):
        for field, value in ast.iter_fields(parent):
            children = list(enumerate(value)) if isinstance(value, list) else [(None, value)]
            for position, child in children:
                if isinstance(child, ast.expr | ast.stmt):
                    setter = _setter(parent, field, position)
                    for operator, replacement in _replacements(child, parent, field):
                        if ast.dump(replacement) != ast.dump(child):
                            yield Edit(operator=operator, node=child, replacement=replacement, replace=setter)


def _setter(parent: ast.AST, field: str, position: int | None) -> Callable[[ast.AST], None]:
    def put(node: ast.AST) -> None:
        if position is None:
            setattr(parent, field, node)
        else:
            getattr(parent, field)[position] = node

    return put


Replacement = tuple[str, ast.expr | ast.stmt]


def _replacements(node: ast.expr | ast.stmt, parent: ast.AST, field: str) -> Iterator[Replacement]:
    if field == "test" and isinstance(node, ast.expr):
        yield "negate condition", ast.UnaryOp(op=ast.Not(), operand=node)
    if isinstance(node, ast.stmt):
        yield from _statement(node)
    elif (
        type(node) in _EXPRESSIONS
        and isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
        and not isinstance(parent, ast.Attribute)
    ):
        yield from _EXPRESSIONS[type(node)](node)


def _comparison(node: ast.Compare) -> Iterator[Replacement]:
    for position, old in enumerate(node.ops):
        changed = copy.deepcopy(node)
        changed.ops[position] = COMPARISONS[type(old)]()
        yield "change comparison", changed


def _condition(node: ast.BoolOp) -> Iterator[Replacement]:
    yield "exchange and, or", ast.BoolOp(op=ast.Or() if isinstance(node.op, ast.And) else ast.And(), values=node.values)
    for left_out in node.values:
        kept = [value for value in node.values if value is not left_out]
        yield "leave out condition", kept[0] if len(kept) == 1 else ast.BoolOp(op=node.op, values=kept)


def _arithmetic(node: ast.BinOp) -> Iterator[Replacement]:
    if type(node.op) in ARITHMETIC:
        yield "change arithmetic", ast.BinOp(left=node.left, op=ARITHMETIC[type(node.op)](), right=node.right)
        yield "leave out operand", node.left
        yield "leave out operand", node.right


def _sequence(node: ast.Tuple | ast.List) -> Iterator[Replacement]:
    if len(node.elts) > 1:
        changed = copy.deepcopy(node)
        changed.elts[:2] = changed.elts[1::-1]
        yield "exchange elements", changed


def _statement(node: ast.stmt) -> Iterator[Replacement]:
    if isinstance(node, ast.AugAssign | ast.Delete | ast.If) or (
        isinstance(node, ast.Expr | ast.Assign) and not isinstance(node.value, ast.Constant)
    ):
        yield "delete statement", ast.Pass()
    if isinstance(node, ast.For):
        changed = copy.deepcopy(node)
        changed.iter = ast.Subscript(
            value=ast.Call(func=ast.Name("list", ast.Load()), args=[node.iter], keywords=[]),
            slice=ast.Slice(upper=ast.UnaryOp(op=ast.USub(), operand=ast.Constant(1))),
            ctx=ast.Load(),
        )
        yield "leave out last iteration", changed


def _constant(node: ast.Constant) -> Iterator[Replacement]:
    if isinstance(node.value, bool):
        yield "change constant", ast.Constant(not node.value)
    elif isinstance(node.value, int | float):
        yield "change constant", ast.Constant(node.value + 1)
        if node.value:
            yield "change constant", ast.Constant(type(node.value)(0))


def _call(node: ast.Call) -> Iterator[Replacement]:
    for position, keyword in enumerate(node.keywords):
        if keyword.arg is not None:
            changed = copy.deepcopy(node)
            del changed.keywords[position]
            yield "leave out argument", changed
    if node.args and not isinstance(node.args[0], ast.Starred):
        yield "replace call by argument", node.args[0]
    if len(node.args) > 1 and not any(isinstance(argument, ast.Starred) for argument in node.args[:2]):
        changed = copy.deepcopy(node)
        changed.args[:2] = changed.args[1::-1]
        yield "exchange arguments", changed


def _subscript(node: ast.Subscript) -> Iterator[Replacement]:
    if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int):
        yield "change index", ast.Subscript(value=node.value, slice=ast.Constant(-1), ctx=node.ctx)
    elif isinstance(node.slice, ast.UnaryOp):
        yield "change index", ast.Subscript(value=node.value, slice=ast.Constant(0), ctx=node.ctx)
    elif isinstance(node.slice, ast.Slice):
        exchanged = ast.Slice(lower=node.slice.upper, upper=node.slice.lower, step=node.slice.step)
        yield "change slice", ast.Subscript(value=node.value, slice=exchanged, ctx=node.ctx)
        yield "change slice", node.value


def _name(node: ast.Name | ast.Attribute) -> Iterator[Replacement]:
    old = node.id if isinstance(node, ast.Name) else node.attr
    for pattern, exchanged in CONFUSED:
        new = re.sub(pattern, exchanged, old, count=1)
        if new != old:
            changed = copy.deepcopy(node)
            if isinstance(changed, ast.Name):
                changed.id = new
            else:
                changed.attr = new
            yield "confuse names", changed


_EXPRESSIONS: dict[type[ast.AST], Callable[[Any], Iterator[Replacement]]] = {
    ast.Compare: _comparison,
    ast.BoolOp: _condition,
    ast.BinOp: _arithmetic,
    ast.Constant: _constant,
    ast.Call: _call,
    ast.Subscript: _subscript,
    ast.Name: _name,
    ast.Attribute: _name,
    ast.Tuple: _sequence,
    ast.List: _sequence,
}
