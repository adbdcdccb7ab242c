"""Makes standard output and error accept every character. A character that the encoding lacks is replaced by others.

On Windows a pipe has the encoding of the code page, for example cp1252 or cp437. PYTHONIOENCODING may name any encoding.
"""

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
    """Replace characters that an encoding lacks: by REPLACEMENTS, or else by their escape sequences.

    Raises:
        UnicodeError: the error is one of decoding.
    """
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(REPLACEMENTS.get(each) or each.encode("ascii", "backslashreplace").decode() for each in missing), error.end


codecs.register_error(_HANDLER, replace_missing_characters)


def in_encoding(text: str, encoding: str) -> str:
    """Return the text as it will be written in the encoding."""
    return text.encode(encoding, _HANDLER).decode(encoding)


def printable(line: str) -> str:
    """Return one line of untrusted text without control characters and line breaks, which a terminal would obey."""
    return "".join(character if character.isprintable() else "\ufffd" for character in line)


def accept_every_character() -> None:
    """Keep standard output and error from raising UnicodeEncodeError. Streams that are no text files of Python stay as they are."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_HANDLER)
