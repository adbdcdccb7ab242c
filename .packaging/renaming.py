"""The sources under the name that they are installed by: one package, so that no other `conformance` or `lstm_ref` is met.

Only statements that import are changed, at the places that Python's parser gives for them, and the same statements in the
examples of docstrings. No other string is: production code has its modules' names from `__package__`, and a test holds that.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

INSTALLED = "keras_lstm_conformance"

# What a package of the checkout is called where it is installed.
NAMES = {"conformance": INSTALLED, "lstm_ref": f"{INSTALLED}.lstm_ref"}

_EXAMPLE = re.compile(r"(?P<prompt>\s*>>> )(?P<statement>(?:from|import) .*)")
_RAISED = re.compile(rf"(?P<indent>\s*)(?P<package>{'|'.join(NAMES)})(?=[\w.]*\.\w+: )")


def renamed(source: str) -> str:
    """A module's text with its imports renamed, line for line.

    Raises:
        ValueError: an import cannot be renamed as it is written.
    """
    tree = ast.parse(source)
    lines = source.encode().splitlines(keepends=True)  # the parser counts bytes
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            row, rest = node.lineno - 1, lines[node.lineno - 1][node.col_offset :].decode()
            lines[row] = lines[row][: node.col_offset] + _statement(node, rest).encode()
    for row in _rows_of_docstrings(tree):
        lines[row] = _example(lines[row].decode()).encode()
    return b"".join(lines).decode()


def _statement(node: ast.Import | ast.ImportFrom, rest: str) -> str:
    """What stands at the place of the import, to the end of its line."""
    modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""] * (node.level == 0)
    ours = [module.partition(".")[0] for module in modules if module.partition(".")[0] in NAMES]
    if not ours:
        return rest
    (package, *more), name = ours, NAMES[ours[0]]
    if isinstance(node, ast.ImportFrom):
        return re.sub(rf"\Afrom {package}\b", f"from {name}", rest)
    if not more and len(modules) == 1 and node.names[0].asname:
        return re.sub(rf"\Aimport {package}\b", f"import {name}", rest)
    if modules == [package] and "." in name:
        return re.sub(rf"\Aimport {package}\b", "from {} import {}".format(*name.rsplit(".", 1)), rest)
    raise ValueError(f"line {node.lineno}: `{ast.unparse(node)}` binds a name that is not the installed one; write from … import …")


def _rows_of_docstrings(tree: ast.AST) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and ast.get_docstring(node):
            text = node.body[0]
            yield from range(text.lineno - 1, text.end_lineno or text.lineno)


def _example(line: str) -> str:
    """A line of a docstring, whose statement is renamed if it is an example that imports, and whose error if it is one's."""
    if found := _EXAMPLE.match(line):
        return found["prompt"] + renamed(found["statement"]) + line[found.end() :]
    return _RAISED.sub(lambda raised: raised["indent"] + NAMES[raised["package"]], line, count=1)
