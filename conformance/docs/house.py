"""The drawing and the table of the architecture page, made from the import contract and the docstrings of the rooms."""

from __future__ import annotations

import ast
import tomllib
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[2]

# Boxes of the flow: name, room, column and row.
FLOW = {
    "case": ("matrix, cases", 0, 0),
    "stimulus": ("cases", 1, 0),
    "implementation": ("adapters, environments", 2, -1),
    "reference": ("reference, lstm_ref", 2, 1),
    "compare": ("judging", 3, 0),
    "check": ("judging", 4, 0),
    "verdict": ("known, diagnosis", 5, 0),
    "report": ("report", 6, 0),
}
ARROWS = (
    ("case", "stimulus", ""),
    ("stimulus", "implementation", ""),
    ("stimulus", "reference", ""),
    ("implementation", "compare", "observation"),
    ("reference", "compare", "observation, σ"),
    ("compare", "check", "gap"),
    ("check", "verdict", ""),
    ("verdict", "report", ""),
)
WIDTH, HEIGHT, ACROSS, DOWN = 118, 46, 158, 62
TITLE = (
    "<title>A case becomes a stimulus. The implementation and the reference each turn it into an observation. compare measures the "
    "gap, a check judges it, and the verdict goes into a report.</title>"
)
HEAD = (
    '<defs><marker id="head" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0L8 4L0 8z" fill="currentColor"/></marker></defs>'
)


def rooms() -> list[tuple[str, str, str]]:
    """Each room in the order of the import contracts: its path, its purpose, and its allowed imports."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = [layer for contract in contracts if contract["type"] == "layers" for layer in contract["layers"]]
    paths = [name.replace(".", "/") for layer in layers for name in layer.replace(" ", "").replace("|", ":").split(":")]
    return [(path, *_sentences(ROOT / path / "__init__.py")) for path in paths if (ROOT / path / "__init__.py").is_file()]


def _sentences(file: Path) -> tuple[str, str]:
    """The two paragraphs of a room's docstring, each as one line."""
    paragraphs = (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").split("\n\n")
    return " ".join(paragraphs[0].split()), " ".join(paragraphs[1].split()) if len(paragraphs) > 1 else ""


def flow() -> str:
    """The flow of data as SVG, one element of HTML without an empty line."""
    size = f"{6 * ACROSS + WIDTH + 16} {2 * DOWN + HEIGHT + 16}"
    parts = [f'<svg viewBox="-8 -8 {size}" role="img" style="max-width:100%" font-family="inherit" font-size="14">', TITLE, HEAD]
    parts += [_arrow(*_place(start), *_place(end), label) for start, end, label in ARROWS]
    parts += [_box(name, room, *_place(name)) for name, (room, _, _) in FLOW.items()]
    return "\n".join([*parts, "</svg>"])


def _place(name: str) -> tuple[int, int]:
    """The upper left corner of a box."""
    _, column, row = FLOW[name]
    return column * ACROSS, (row + 1) * DOWN


def _box(name: str, room: str, x: int, y: int) -> str:
    middle = x + WIDTH // 2
    return (
        f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="6" fill="none" stroke="currentColor"/>'
        f'<text x="{middle}" y="{y + 19}" text-anchor="middle" fill="currentColor">{escape(name)}</text>'
        f'<text x="{middle}" y="{y + 36}" text-anchor="middle" font-size="10" fill="currentColor">{escape(room)}</text>'
    )


def _arrow(x: int, y: int, to_x: int, to_y: int, label: str) -> str:
    start, end = (x + WIDTH, y + HEIGHT // 2), (to_x, to_y + HEIGHT // 2)
    line = f'<path d="M{start[0]} {start[1]}L{end[0] - 2} {end[1]}" fill="none" stroke="currentColor" marker-end="url(#head)"/>'
    # The label of a slanting arrow stands beside the box that it leaves, where the arrow does not pass.
    if start[1] == end[1]:
        place = f'x="{(start[0] + end[0]) // 2}" y="{start[1] - 6}" text-anchor="middle"'
    else:
        place = f'x="{start[0] + 14}" y="{start[1] + (10 if end[1] < start[1] else 0)}"'
    return f'{line}<text {place} font-size="10" fill="currentColor">{escape(label)}</text>'
