"""Standard output and error that take every character: where their encoding lacks one, it is spelled in those that it has.

Windows gives a pipe the encoding of its code page, cp1252 or cp437 among others, and PYTHONIOENCODING may name any.
"""

from __future__ import annotations

import codecs
import io
import sys

REPLACEMENTS = {
    "σ": "sigma",
    "×": "x",
    "·": ".",
    "±": "+-",
    "≤": "<=",
    "≥": ">=",
    "≈": "~",
    "→": "->",
    "…": "...",
    "–": "-",
    "—": "-",
    "─": "-",
    "━": "-",
    "✓": "+",
    "✗": "x",
    "★": "*",
}

_HANDLER = "lstm_conformance.spelled"


def replace_missing_characters(error: UnicodeError) -> tuple[str, int]:
    """What stands for the characters that an encoding lacks: those of SPELLED in other words, any other as its escape.

    Raises:
        UnicodeError: of decoding, which this is no answer to.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(REPLACEMENTS.get(each) or each.encode("ascii", "backslashreplace").decode() for each in lacking), error.end


codecs.register_error(_HANDLER, replace_missing_characters)


def in_encoding(text: str, encoding: str) -> str:
    """The text in characters that the encoding has, as it will be written."""
    return text.encode(encoding, _HANDLER).decode(encoding)


def printable(line: str) -> str:
    """A line of text from anywhere, without what a terminal would obey: control characters and other lines."""
    return "".join(character if character.isprintable() else "\ufffd" for character in line)


def accept_every_character() -> None:
    """Standard output and error no longer raise UnicodeEncodeError; what is no text file of Python's own stays as it is."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)
