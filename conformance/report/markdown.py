"""A page as Markdown: for a file, or for the summary of a CI run, which has a largest size.

What it shows may come from anywhere, so every text stands as it is: no markup, one line, bounded.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence

from conformance.report.document import Block, Collapsible, Heading, Lines, Rows, Script
from conformance.system.streams import printable

# GitHub drops the summary of a step that is longer than 1 MiB; there is room for what else the step says.
LIMIT = 1_000_000

# Characters of a line, a title or a cell; and of a script, of which a few lines are the usual.
_LONGEST, _LONGEST_CODE = 1_000, 20_000

_MARKUP = re.compile(r"[\\`*_<>|\[\]~$&]")
# What would make a heading, a list, a rule or a quotation of a line.
_BLOCK = re.compile(r"^([#+=-]|\d+(?=[.)]))")


def as_markdown(blocks: Sequence[Block], limit: int = LIMIT) -> str:
    """The page in no more than so many bytes of UTF-8; where it is longer, what is folded goes first, and the end says so."""
    texts = [_markdown(block) for block in blocks]
    sizes = [len(text.encode("utf-8", "backslashreplace")) + 1 for text in texts]
    left_out = _beyond(blocks, sizes, limit)
    if left_out:
        size = sum(sizes[place] for place in left_out)
        said = (
            f"Parts left out: {len(left_out):,}, of {size:,} bytes; this page has {limit:,} at most, and --json FILE holds it all."
        )
        texts = [*(text for place, text in enumerate(texts) if place not in left_out), _markdown(Lines([said]))]
    return "\n".join(texts) + "\n"


# Room for the line that says what is left out.
_NOTE = 200


def _beyond(blocks: Sequence[Block], sizes: Sequence[int], limit: int) -> set[int]:
    """The places of those that have no room: none, or of those that stand open as few as can be, then of the others."""
    if sum(sizes) <= limit:
        return set()
    room, left_out = limit - _NOTE, set()
    for place in sorted(range(len(blocks)), key=lambda place: (isinstance(blocks[place], Collapsible | Script), place)):
        if sizes[place] <= room:
            room -= sizes[place]
        else:
            left_out.add(place)
    return left_out


def _markdown(block: Block) -> str:
    match block:
        case Heading(text, level):
            return f"{'' if level == 1 else chr(10)}{'#' * level} {_escaped(text)}\n"
        case Lines(lines):
            return "\n".join(f"{_line(line)}  " for line in lines) + "\n"
        case Rows(columns, rows):
            ruled = [map(_escaped, columns), ["---"] * len(columns), *(map(_escaped, row) for row in rows)]
            return "\n".join(f"| {' | '.join(cells)} |" for cells in ruled) + "\n"
        case Script(title, code):
            return _folded(title, _fenced(code))
    return _folded(block.title, "\n".join(map(_markdown, block.blocks)).strip("\n"))


def _folded(title: str, content: str) -> str:
    """Titles are HTML, in which Markdown is not read."""
    return f"<details><summary>{html.escape(_plain(title, _LONGEST))}</summary>\n\n{content}\n\n</details>\n"


def _fenced(code: str) -> str:
    """Between fences longer than any that it holds."""
    shown = "\n".join(printable(line.expandtabs()) for line in code.rstrip().splitlines())
    if len(shown) > _LONGEST_CODE:
        shown = f"{shown[:_LONGEST_CODE]}\n… and {len(shown) - _LONGEST_CODE:,} characters more"
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", shown)), default=0))
    return f"{fence}python\n{shown}\n{fence}"


def _line(text: str) -> str:
    """Where a line begins, some characters are markup that within one are none."""
    return _BLOCK.sub(lambda found: found[0] + "\\" if found[0].isdigit() else "\\" + found[0], _escaped(text))


def _escaped(text: str) -> str:
    """Text that Markdown shows as it stands, in one line."""
    return _MARKUP.sub(r"\\\g<0>", _plain(text, _LONGEST))


def _plain(text: str, most: int) -> str:
    shown = printable(" ".join(text.split()))
    return shown if len(shown) <= most else f"{shown[:most]}…"
