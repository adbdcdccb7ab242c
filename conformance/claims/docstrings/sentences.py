"""Splits the docstring of a layer into its sentences; a list item and a block of code are sentences too."""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_HEADING = re.compile(r"[A-Z][\w ]*:")
_ARGUMENT = re.compile(r"(\w+): ")
_ITEM = re.compile(r"(?:-|\d+\.) ")
# A full stop ends a sentence before a capital letter or code, except in "et al." and "e.g."
_SENTENCE_END = re.compile(r"(?<=[.!?])(?<!\bal\.)(?<!\be\.g\.) (?=[A-Z`(])")


@dataclass(frozen=True, kw_only=True)
class Sentence:
    """A sentence, list item or block of code.

    Attributes:
        argument: the argument whose entry it belongs to; "" outside of entries.
        text: on one line; the lines of a block of code.
    """

    argument: str
    text: str

    def __str__(self) -> str:
        """The sentence, after its argument."""
        return f"{self.argument}: {self.text}" if self.argument else self.text


def sentences_of(docstring: str) -> list[Sentence]:
    """The sentences of a docstring in Google's style, in order.

    >>> docstring = '''A layer. It counts.
    ...
    ... Args:
    ...     units: Integer, e.g.
    ...         `3`. Default: 1.
    ...
    ... - One item
    ... - Another item
    ... '''
    >>> [str(sentence) for sentence in sentences_of(docstring)]
    ['A layer.', 'It counts.', 'Args:', 'units: Integer, e.g. `3`.', 'units: Default: 1.', 'One item', 'Another item']
    """
    return list(_sentences(inspect.cleandoc(docstring).splitlines()))


def installed_sentences(layer_class: Any) -> list[Sentence]:
    """The sentences of the docstring of a class; a class without a docstring has none."""
    return sentences_of(layer_class.__doc__ or "")


def _sentences(lines: list[str]) -> Iterator[Sentence]:
    argument, entry_indent = "", -1
    text: list[str] = []

    def flush() -> Iterator[Sentence]:
        joined = " ".join(" ".join(text).split())
        text.clear()
        yield from (Sentence(argument=argument, text=part) for part in _SENTENCE_END.split(joined) if part)

    remaining = iter(lines)
    for line in remaining:
        words, indent = line.strip(), len(line) - len(line.lstrip())
        if not words:
            yield from flush()
        elif words.startswith((">>> ", "```")):
            yield from flush()
            yield Sentence(argument="", text=_code(words, remaining))
        elif not indent and _HEADING.fullmatch(words):
            yield from flush()
            argument, entry_indent = "", 0 if words in ("Args:", "Call arguments:") else -1
            yield Sentence(argument="", text=words)
        elif entry_indent >= 0 and (entry := _ARGUMENT.match(words)) and indent == (entry_indent or indent):
            yield from flush()
            argument, entry_indent = entry[1], indent
            text.append(words[entry.end() :])
        else:
            if not indent:
                argument = argument if text else ""
            if item := _ITEM.match(words):
                yield from flush()
                words = words[item.end() :]
            text.append(words)
    yield from flush()


def _code(first: str, remaining: Iterator[str]) -> str:
    """The lines of a block of code, without its fence; a block of doctests ends at an empty line."""
    fenced = first.startswith("```")
    lines = [] if fenced else [first]
    for line in remaining:
        if line.strip() == ("```" if fenced else ""):
            break
        lines.append(line.rstrip())
    return "\n".join(lines)
