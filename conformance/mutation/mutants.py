"""The mutants of a file: every edit of its recurrent code, alone or only in a situation, and the mistakes that a list describes."""

from __future__ import annotations

import ast
import itertools
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from random import Random

from conformance.mutation.edits import Edit, edits
from conformance.mutation.sources import Source
from lstm_ref import LSTMError

MISTAKES = Path(__file__).with_name("mistakes.toml")
# Sizes beyond which an implementation may take another path. A situation is a size beyond one of them.
BORDERS = (16, 32, 64, 128)


@dataclass(frozen=True, kw_only=True)
class Mutant:
    """One changed file.

    Attributes:
        source: name of the file, as `Source` has it.
        function: qualified name of the function; "" for a listed mistake.
        line: of the changed statement, in the installed file.
        lines: first and last line of what a case must execute for the change to concern it: of the statement, or, for a listed
            mistake, of the function.
        operator: kind of the edit, or the id of the listed mistake.
        index: position of the edit in the file, or of the mistake in the list.
        before, after: the edit in one line.
        situation: the condition under which the edit has an effect; "" for always.
        mistake: of the list; None for an edit.
    """

    source: str
    function: str
    line: int
    lines: tuple[int, int]
    operator: str
    index: int
    before: str = ""
    after: str = ""
    situation: str = ""
    mistake: Mistake | None = None

    @property
    def id(self) -> str:
        """Readable, and unique in one version of Keras."""
        place = f"{self.source.rpartition('.')[2] if self.function else self.source}:{self.line}"
        kind = f"{self.operator.replace(' ', '-')}-{self.index}" if self.function else self.operator
        return f"{place}:{kind}{f':{self.situation}' if self.situation else ''}"


@dataclass(frozen=True, kw_only=True)
class _Site:
    """An edit with its place: the function around it, the statement, and the conditions that its function can read."""

    edit: Edit
    function: str
    line: int
    situations: tuple[str, ...]


def edited(source: Source) -> list[Mutant]:
    """Return a mutant for each edit of a file."""
    return [
        Mutant(
            source=source.name,
            function=site.function,
            line=site.line,
            lines=(site.line, site.line),
            operator=site.edit.operator,
            index=index,
            before=_line_of(site.edit.node),
            after=_line_of(site.edit.replacement),
        )
        for index, site in enumerate(_sites(source)[1])
    ]


def in_situations(source: Source, mutants: Sequence[Mutant], random: Random) -> Iterator[Mutant]:
    """Yield, of each mutant of an expression, one that acts in one drawn situation only, and one that acts in two at once."""
    sites = _sites(source)[1]
    for mutant in mutants:
        site = sites[mutant.index]
        if isinstance(site.edit.node, ast.expr) and site.situations:
            single = random.choice(site.situations)
            pairs = [f"{a} and {b}" for a, b in itertools.combinations(site.situations, 2)]
            for situation in (single, random.choice(pairs)) if pairs else (single,):
                yield Mutant(**{**vars(mutant), "situation": situation})


def mutated(source: Source, mutant: Mutant) -> Source:
    """Return the file with a mutant's change."""
    if mutant.mistake is not None:
        return _with_mistake(source, mutant.mistake)
    tree, sites = _sites(source)
    edit = sites[mutant.index].edit
    edit.replace(_only_if(mutant.situation, edit) if mutant.situation else edit.replacement)
    text = ast.unparse(ast.fix_missing_locations(tree))
    edit.replace(edit.node)
    return Source(name=source.name, text=text)


def _only_if(situation: str, edit: Edit) -> ast.expr:
    """The replacement of an expression in a situation, and the expression as it was otherwise."""
    if not (isinstance(edit.node, ast.expr) and isinstance(edit.replacement, ast.expr)):
        raise TypeError(f"only an expression can be changed in a situation; got {ast.dump(edit.node)}")
    return ast.IfExp(test=ast.parse(situation, mode="eval").body, body=edit.replacement, orelse=edit.node)


def reporting(source: Source, call: str) -> Source:
    """Return the file with a call of `call` before each statement, with the file's name and the statement's line."""
    tree = ast.parse(source.text)
    for parent in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            body = getattr(parent, field, None)
            if isinstance(body, list) and not isinstance(parent, ast.Module | ast.ClassDef):
                calls = [ast.parse(f"{call}({source.name!r}, {statement.lineno})").body[0] for statement in body]
                setattr(parent, field, [node for pair in zip(calls, body, strict=True) for node in pair])
    return Source(name=source.name, text=ast.unparse(ast.fix_missing_locations(tree)))


@lru_cache(maxsize=16)
def _sites(source: Source) -> tuple[ast.Module, list[_Site]]:
    """The tree of a file and the places where it can be changed."""
    tree = ast.parse(source.text)
    names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
    names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    functions = list(_functions(tree))
    raised = {id(inner) for node in ast.walk(tree) if isinstance(node, ast.Raise) for inner in ast.walk(node)}
    sites = []
    for function, name, attributes in functions:
        statements = [node for node in ast.walk(function) if isinstance(node, ast.stmt)]
        situations = tuple(_situations(function, attributes))
        for edit in edits(function):
            known = not isinstance(edit.replacement, ast.Name | ast.Attribute) or edit.operator != "confuse names"
            new = getattr(edit.replacement, "id", getattr(edit.replacement, "attr", ""))
            if id(edit.node) not in raised and (known or new in names):
                sites.append(_Site(edit=edit, function=name, line=_line(edit.node, statements), situations=situations))
    return tree, sites


def _functions(tree: ast.Module) -> Iterator[tuple[ast.FunctionDef, str, set[str]]]:
    """The outermost functions that have to do with an LSTM, their qualified names, and the attributes that their class reads."""
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and "gru" not in node.name:
            yield node, node.name, set()
        elif isinstance(node, ast.ClassDef):
            attributes = {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute) and _is_self(inner.value)}
            for inner in node.body:
                if isinstance(inner, ast.FunctionDef) and "gru" not in inner.name:
                    yield inner, f"{node.name}.{inner.name}", attributes


def _is_self(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "self"


def _line(node: ast.expr | ast.stmt, statements: Sequence[ast.stmt]) -> int:
    """The line of the innermost statement that holds a node."""
    holders = [statement for statement in statements if statement.lineno <= node.lineno <= (statement.end_lineno or 0)]
    return max((statement.lineno for statement in holders), default=node.lineno)


def _situations(function: ast.FunctionDef, attributes: set[str]) -> Iterator[str]:
    """The conditions that the arguments and the layer of a function can tell."""
    arguments = {argument.arg for argument in (*function.args.args, *function.args.kwonlyargs)}
    for name in ("mask", "initial_state"):
        if name in arguments:
            yield f"{name} is not None"
    for name in ("training", "unroll", "go_backwards", "zero_output_for_mask", "return_all_outputs"):
        if name in arguments:
            yield name
    if function.name in ("__init__", "build", "get_config", "from_config"):
        return
    for name in ("stateful", "go_backwards", "return_sequences", "return_state", "unroll", "zero_output_for_mask"):
        if name in attributes and "self" in arguments:
            yield f"self.{name}"
    for name in arguments & {"inputs", "sequences"}:
        for axis, border in itertools.product((0, 1, -1), BORDERS):
            yield f"({name}.shape[{axis}] or 0) > {border}"


def _line_of(node: ast.AST) -> str:
    text = " ".join(ast.unparse(node).split())
    return text if len(text) <= 120 else f"{text[:117]}..."


# --- the list of mistakes


@dataclass(frozen=True, kw_only=True)
class Mistake:
    """A mistake that somebody could make in Keras, as a replacement of text.

    Attributes:
        id: readable and unique.
        file: that it is in, without `keras.src.`; "{backend}" stands for the backend's name.
        old, new: the text, and what takes its place. The old text occurs once.
    """

    id: str
    file: str
    old: str
    new: str


def load_mistakes(file: Path = MISTAKES) -> tuple[Mistake, ...]:
    """Return a list of mistakes: that of the project, or of another file.

    Raises:
        LSTMError: the file is no such list.
    """
    try:
        return tuple(Mistake(**entry) for entry in tomllib.loads(file.read_text("utf-8"))["mistake"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LSTMError(f"{file} is no list of mistakes; expected [[mistake]] with id, file, old and new: {error!r}") from error


def listed(sources: Sequence[Source], backend: str, mistakes: Sequence[Mistake]) -> list[Mutant]:
    """Return a mutant for each mistake of a list that a backend can have."""
    by_name = {source.name: source for source in sources}
    found = []
    for index, mistake in enumerate(mistakes):
        source = by_name.get(mistake.file.format(backend=backend))
        if source is not None and ("{backend}" not in mistake.file or mistake.old in source.text):
            _with_mistake(source, mistake)
            line = source.text.count("\n", 0, source.text.find(mistake.old)) + 1
            spans = ((node.lineno, node.end_lineno or line) for node, _, _ in _functions(ast.parse(source.text)))
            lines = next((span for span in spans if span[0] <= line <= span[1]), (line, line))
            found.append(
                Mutant(
                    source=source.name,
                    function="",
                    line=line,
                    lines=lines,
                    operator=mistake.id,
                    index=index,
                    mistake=mistake,
                )
            )
    return found


def _with_mistake(source: Source, mistake: Mistake) -> Source:
    """The file with a mistake of the list.

    Raises:
        LSTMError: the old text does not occur exactly once: this Keras is another than the list was written for.
    """
    if source.text.count(mistake.old) != 1:
        raise LSTMError(
            f"mistake {mistake.id}: expected its old text once in {source.name}, found it {source.text.count(mistake.old)} times"
        )
    return Source(name=source.name, text=source.text.replace(mistake.old, mistake.new))
