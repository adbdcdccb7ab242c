"""Numbers are judged by σ and the two limits on it, or are equal: no other tolerance is left in the suite or in the reference."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import conformance
import lstm_ref

ROOTS = [Path(str(package.__file__)).parent for package in (conformance, lstm_ref)]
SOURCES = [
    path
    for root in ROOTS
    for path in sorted(root.rglob("*.py"))
    if "tests" not in path.relative_to(root).parts and not path.name.startswith("test_")
]

# Functions that take a tolerance, and the arguments that give it.
TOLERANT = {"isclose", "allclose", "assert_allclose", "assert_almost_equal", "approx", "rtol", "atol", "rel_tol", "abs_tol"}


def names(tree: ast.AST) -> set[str]:
    """All that a module calls by name, or gives as a keyword."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            found.add(node.id)
        elif isinstance(node, ast.Attribute):
            found.add(node.attr)
        elif isinstance(node, ast.keyword) and node.arg:
            found.add(node.arg)
    return found


def small_numbers_compared_with(tree: ast.AST) -> list[float]:
    """Positive literals below 1/10 that something is compared with."""
    compared = [side for node in ast.walk(tree) if isinstance(node, ast.Compare) for side in (node.left, *node.comparators)]
    literals = [node.value for side in compared for node in ast.walk(side) if isinstance(node, ast.Constant)]
    return [value for value in literals if isinstance(value, float) and 0 < value < 0.1]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_no_module_has_a_tolerance_of_its_own(path: Path) -> None:
    """Neither a function that takes one, nor a small number that something is compared with; printing numbers compares too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert names(tree) & TOLERANT == set()
    assert small_numbers_compared_with(tree) == [] or path.parts[-2:] == ("claims", "text.py")


def test_the_limits_are_compared_with_where_verdicts_are_made_and_nowhere_else() -> None:
    """In the judgement of a case, of a dropout mask, of two folders or versions, of an explanation, and of what a layer is."""
    using = {
        f"{path.parent.name}/{path.name}"
        for path in SOURCES
        if {"ELEMENT_LIMIT", "RMS_LIMIT", "exceeds_limits"} & names(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert using == {
        "uncertainty/model.py",  # what they are
        "reference/tolerance.py",  # likewise
        "keras_layers/reading.py",  # whether a layer is the LSTM that it looks like
        "keras_layers/identification.py",  # which activation a function is
        "known/known_differences.py",  # whether a difference is the size of the precision that an entry tells
        "reproduction/limits.py",  # a script says its limit
        "judging/judgement.py",  # a case
        "judging/checks.py",  # a dropout mask
        "running/agreement.py",  # two folders
        "diagnosis/diagnosis.py",  # an explanation
        "diagnosis/picture.py",  # what is drawn of a difference
        "upgrade/classify.py",  # two versions
        "upgrade/errors.py",  # whether a known change is as large as it was
        "upgrade/locate.py",  # where two versions part
        "upgrade/gates.py",  # by which of their gates
        "running/session.py",  # a report says them
        "commands/agree.py",  # a text says them
        "claims/cells.py",  # a cell, in a claim
        "claims/measure.py",  # two layers, in a claim
        "claims/coupling.py",  # a shorter run, in a claim
    }


@pytest.mark.parametrize(
    "source",
    ["np.allclose(a, b)", "math.isclose(a, b, rel_tol=x)", "assert abs(a - b) < 1e-6", "f(a, atol=0.1)", "ok = 2 * 1e-9 >= d"],
)
def test_a_tolerance_would_be_seen(source: str) -> None:
    """The search finds what it is there for."""
    tree = ast.parse(source)
    assert names(tree) & TOLERANT or small_numbers_compared_with(tree)
