"""Writes a document as Markdown, for a file or for the summary of a CI run, which has a size limit.

Text may come from anywhere. So all markup is escaped, and every text is one line of limited length.
"""

import html
import re
from collections.abc import Sequence

from conformance.report.document import Block, Collapsible, Heading, Lines, Rows, Script
from conformance.system.streams import printable

# GitHub drops a step summary of more than 1 MiB. The limit leaves room for other output of the step.
LIMIT = 1_000_000

# Largest number of characters of a line, a title or a cell, and of a script.
_LONGEST, _LONGEST_CODE = 1_000, 20_000

_MARKUP = re.compile(r"[\\`*_<>|\[\]~$&]")
# Starts of a line that would make it a heading, a list, a rule or a quotation.
_BLOCK = re.compile(r"^([#+=-]|\d+(?=[.)]))")


def as_markdown(blocks: Sequence[Block], limit: int = LIMIT) -> str:
    """The document in at most `limit` bytes of UTF-8. If it is longer, collapsed parts are left out first, and the end says so."""
    texts = [_markdown(block) for block in blocks]
    sizes = [len(text.encode("utf-8", "backslashreplace")) + 1 for text in texts]
    left_out = _excess_blocks(blocks, sizes, limit)
    if left_out:
        size = sum(sizes[place] for place in left_out)
        note = (
            f"Parts left out: {len(left_out):,}, of {size:,} bytes; this page has {limit:,} at most, and --json FILE holds it all."
        )
        texts = [*(text for place, text in enumerate(texts) if place not in left_out), _markdown(Lines([note]))]
    return "\n".join(texts) + "\n"


# Bytes for the line that says what is left out.
_NOTE_SIZE = 200


def _excess_blocks(blocks: Sequence[Block], sizes: Sequence[int], limit: int) -> set[int]:
    """The positions of the blocks that do not fit. Collapsed blocks are left out before open ones."""
    if sum(sizes) <= limit:
        return set()
    room, left_out = limit - _NOTE_SIZE, set()
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
            return "\n".join(f"{_line(str(line))}  " for line in lines) + "\n"
        case Rows(columns, rows):
            ruled = [map(_escaped, columns), ["---"] * len(columns), *(map(_escaped, map(str, row)) for row in rows)]
            return "\n".join(f"| {' | '.join(cells)} |" for cells in ruled) + "\n"
        case Script(title, code):
            return _details(title, _fenced(code))
    return _details(block.title, "\n".join(map(_markdown, block.blocks)).strip("\n"))


def _details(title: str, content: str) -> str:
    """A collapsed section. Its title is HTML, in which Markdown has no meaning."""
    return f"<details><summary>{html.escape(_plain(title, _LONGEST))}</summary>\n\n{content}\n\n</details>\n"


def _fenced(code: str) -> str:
    """A code block. Its fence is longer than any fence in the code."""
    text = "\n".join(printable(line.expandtabs()) for line in code.rstrip().splitlines())
    if len(text) > _LONGEST_CODE:
        text = f"{text[:_LONGEST_CODE]}\n… and {len(text) - _LONGEST_CODE:,} characters more"
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}python\n{text}\n{fence}"


def _line(text: str) -> str:
    """A line. Some characters are markup only at the start of a line."""
    return _BLOCK.sub(lambda match: match[0] + "\\" if match[0].isdigit() else "\\" + match[0], _escaped(text))


def _escaped(text: str) -> str:
    """The text in one line, with its markup escaped."""
    return _MARKUP.sub(r"\\\g<0>", _plain(text, _LONGEST))


def _plain(text: str, most: int) -> str:
    line = printable(" ".join(text.split()))
    return line if len(line) <= most else f"{line[:most]}…"
