"""Tables of the documentation, made from the registries of the suite. A page includes one as `{{ checks }}`."""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import ModuleType

from conformance.adapters.keras.backends import BACKENDS
from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.claims import CLAIMS
from conformance.claims.docstrings import DOCSTRING_CLAIMS, DOCUMENTS
from conformance.cli import COMMANDS
from conformance.judging.checks import CHECKS
from conformance.judging.relations import RELATIONS
from conformance.matrix import LEVELS, surface
from conformance.probes import PROBES
from conformance.running.kill_matrix import kill_matrix
from lstm_ref.deviations import CHAPTERS, Deviation
from lstm_ref.layouts import LAYOUTS

ROOT = Path(__file__).parents[2]


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    r"""A table in Markdown.

    >>> print(table(["a", "b"], [[1, "x|y"]]))
    | a | b |
    | --- | --- |
    | 1 | x\|y |
    """
    ruled: list[Sequence[object]] = [columns, ["---"] * len(columns), *rows]
    escaped = ([str(cell).replace("|", r"\|") for cell in row] for row in ruled)
    return "\n".join(f"| {' | '.join(row)} |" for row in escaped)


def code(value: object) -> str:
    """The value as code; an empty text stays empty."""
    return f"`{value}`" if str(value) else ""


def checks() -> str:
    """Every check, its assertion, and a mistake that it rejects."""
    rows = ([code(check.name), check.asserts, code(check.kills)] for check in CHECKS)
    return table(["check", "asserts", "kills, for one"], rows)


def features() -> str:
    """Every feature of a case with its values, the default first, and their words in a case id."""
    rows = (
        [
            code(feature.name),
            feature.meaning,
            ", ".join(f"`{value!r}`" for value in feature.values),
            ", ".join(map(code, filter(None, feature.words.values()))),
        ]
        for feature in FEATURES
    )
    return table(["feature", "what it is", "values, the default first", "in a case id"], rows)


def levels() -> str:
    """The cases that each level adds."""
    return table(["level", "what it adds"], ([code(level.name), level.meaning] for level in LEVELS.values()))


def relations() -> str:
    """The metamorphic relations."""
    return table(["relation", "asserts"], ([code(relation.name), relation.asserts] for relation in RELATIONS.values()))


def probes() -> str:
    """The probes by trait, with the number of parameter sets."""
    traits = {probe.trait: probe.asserts for probe in PROBES}
    counts = {trait: sum(probe.trait == trait for probe in PROBES) for trait in traits}
    return table(["probe", "asserts", "how many"], ([code(trait), asserts, counts[trait]] for trait, asserts in traits.items()))


def deviations() -> str:
    """A table for each chapter of mistakes: the checks that reject each where it first shows."""
    cases = sorted((case for case in surface("standard") if isinstance(case, Case)), key=lambda case: len(case.id))
    return "\n\n".join(_chapter(chapter, cases) for chapter in CHAPTERS)


def _chapter(chapter: ModuleType, cases: Sequence[Case]) -> str:
    """The table of a chapter. One row stands for the 23 wrong gate orders of an array."""
    rows = {}
    for deviation in chapter.DEVIATIONS:
        of, gates, _ = deviation.name.partition("_gates_")
        name = f"{of}_gates_…" if gates else deviation.name
        if name not in rows:
            summary = f"{deviation.summary}; 22 more orders" if gates else deviation.summary
            rows[name] = [code(name), summary, *_rejection(deviation, cases)]
    heading = chapter.__name__.rpartition(".")[2].capitalize()
    return f"### {heading}\n\n{table(['mistake', 'matches Keras if …', 'rejected by', 'in the case'], rows.values())}"


def _rejection(deviation: Deviation, cases: Sequence[Case]) -> tuple[str, str]:
    """The first case that rejects the deviation, and the checks that reject it there."""
    affected = (case for case in cases if deviation.needs <= case.fulfilled_needs)
    kills = (kill_matrix([case], [deviation.name])[0] for case in affected)
    rejected = next(kill for kill in kills if kill.by_check)
    return ", ".join(rejected.by_check), code(*rejected.cases)


def claims() -> str:
    """Every statement of the documents, and its expected verdict."""
    rows = ([claim.statement, claim.expected.value, ", ".join(claim.documents), code(claim.id)] for claim in CLAIMS)
    return table(["statement", "verdict", "made by", "claim"], rows)


def docstrings() -> str:
    """A table for each docstring: its sentences that happen to be wrong or not always right first, then the others."""
    return "\n\n".join(_docstring(document) for document in DOCUMENTS)


def _docstring(document: str) -> str:
    """The table of a docstring; a sentence of several stands in the first of them. Code stands as its first line."""
    rows = [
        [_code_or_text(claim.statement), claim.expected.value, ", ".join(claim.documents), code(claim.id)]
        for claim in DOCSTRING_CLAIMS
        if claim.documents[0] == document
    ]
    return f"### {document}\n\n{table(['sentence', 'verdict', 'docstrings', 'claim'], rows)}"


def _code_or_text(sentence: str) -> str:
    first, *others = sentence.splitlines()
    return f"the code that begins with {code(first)}" if others else sentence


def layouts() -> str:
    """How other systems lay out an LSTM."""
    rows = (
        [code(name), one.system, ", ".join(one.gates), ", ".join(one.states), one.forget_bias, one.evidence]
        for name, one in LAYOUTS.items()
    )
    return table(["layout", "system", "gates", "states", "adds to the forget bias", "settled"], rows)


def backends() -> str:
    """The backends, their packages and their conventions."""
    return table(
        ["backend", "package", "by convention"],
        ([code(name), code(backend.package), backend.conventions] for name, backend in BACKENDS.items()),
    )


def commands() -> str:
    """The reference of each command, from its help."""
    blocks = (
        f"```{{eval-rst}}\n.. click:: conformance.commands.{place}\n   :prog: lstm-conformance {name}\n```"
        for name, (place, _) in COMMANDS.items()
    )
    return "\n\n".join(blocks)


def rooms() -> str:
    """The rooms of the suite, in the order of the import contract."""
    rows = ([code(path), *sentences] for path, *sentences in rooms_of_contracts())
    return table(["room", "what it is for", "what it may import"], rows)


def rooms_of_contracts() -> list[tuple[str, str, str]]:
    """Each room in the order of the import contracts: its path, its purpose, and its allowed imports."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    layers = [layer for contract in contracts if contract["type"] == "layers" for layer in contract["layers"]]
    paths = [name.replace(".", "/") for layer in layers for name in layer.replace(" ", "").replace("|", ":").split(":")]
    return [(path, *_sentences(ROOT / path / "__init__.py")) for path in paths if (ROOT / path / "__init__.py").is_file()]


def _sentences(file: Path) -> tuple[str, str]:
    """The two paragraphs of a room's docstring, each as one line."""
    paragraphs = (ast.get_docstring(ast.parse(file.read_text("utf-8"))) or "").split("\n\n")
    return " ".join(paragraphs[0].split()), " ".join(paragraphs[1].split()) if len(paragraphs) > 1 else ""


def tables() -> dict[str, str]:
    """All tables by name."""
    functions = (backends, checks, claims, commands, deviations, docstrings, features, layouts, levels, probes, relations, rooms)
    return {function.__name__: function() for function in functions}
