"""The mutation operators change what they are for, once each, and nothing is left changed."""

from __future__ import annotations

import ast

import pytest

from conformance.mutation.edits import edits


def changed(code: str, operator: str) -> list[str]:
    """The code with each edit of an operator."""
    tree = ast.parse(code)
    texts = []
    for edit in edits(tree):
        if edit.operator == operator:
            edit.replace(edit.replacement)
            texts.append(ast.unparse(tree))
            edit.replace(edit.node)
    assert ast.unparse(tree) == ast.unparse(ast.parse(code))
    return texts


@pytest.mark.parametrize(
    ("operator", "code", "mutants"),
    [
        ("negate condition", "if a:\n    b()", ["if not a:\n    b()"]),
        ("change comparison", "a < b <= c", ["a <= b <= c", "a < b < c"]),
        ("exchange and, or", "a and b", ["a or b"]),
        ("leave out condition", "a or b or c", ["b or c", "a or c", "a or b"]),
        ("change arithmetic", "f * c", ["f + c"]),
        ("leave out operand", "z + bias", ["z", "bias"]),
        ("exchange elements", "return_value = (h, c)", ["return_value = (c, h)"]),
        ("delete statement", "self.assign(state)", ["pass"]),
        ("delete statement", "if units <= 0:\n    raise ValueError", ["pass"]),
        ("leave out last iteration", "for x in xs:\n    f(x)", ["for x in list(xs)[:-1]:\n    f(x)"]),
        ("change constant", "go_backwards = False", ["go_backwards = True"]),
        ("change constant", "shape[2]", ["shape[3]", "shape[0]"]),
        ("leave out argument", "layer(x, mask=mask)", ["layer(x)"]),
        ("replace call by argument", "activation(z, w)", ["z"]),
        ("exchange arguments", "where(m, s, t)", ["where(s, m, t)"]),
        ("change index", "states[1]", ["states[-1]"]),
        ("change slice", "state[:half]", ["state[half:]", "state"]),
        ("confuse names", "self.kernel_constraint", ["self.recurrent_constraint", "self.bias_constraint"]),
        ("confuse names", "self.forward_layer", ["self.backward_layer"]),
        ("confuse names", "h_tm1", ["c_tm1"]),
    ],
)
def test_operator_changes(operator: str, code: str, mutants: list[str]) -> None:
    """Every edit, in the order of the code."""
    assert set(mutants) <= set(changed(code, operator))


def test_targets_of_assignments_stay() -> None:
    """An assigned name that is changed would be another deletion."""
    assert changed("self.kernel = kernel", "confuse names") == ["self.kernel = recurrent_kernel"]
