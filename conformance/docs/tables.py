"""The documentation's tables, each made from the registry that the suite itself reads; a page names them as `{{ checks }}`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from types import ModuleType

from conformance.adapters.keras.backends import BACKENDS
from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.claims import CLAIMS
from conformance.cli import COMMANDS
from conformance.docs.house import flow
from conformance.docs.house import rooms as rooms_of_contract
from conformance.judging.checks import CHECKS
from conformance.judging.relations import RELATIONS
from conformance.matrix import LEVELS, surface
from conformance.probes import PROBES
from conformance.running.kill_matrix import kill_matrix
from lstm_ref.deviations import CHAPTERS, Deviation
from lstm_ref.layouts import LAYOUTS


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
    """Text as code; nothing for nothing."""
    return f"`{value}`" if str(value) else ""


def checks() -> str:
    """Every check, what it asserts, and a mistake that it is there to reject."""
    rows = ([code(check.name), check.asserts, code(check.kills)] for check in CHECKS)
    return table(["check", "asserts", "kills, for one"], rows)


def features() -> str:
    """Every feature of a case with its values, the default first, and their words in a case id."""
    rows = (
        [
            code(one.name),
            one.meaning,
            ", ".join(f"`{value!r}`" for value in one.values),
            ", ".join(map(code, filter(None, one.words.values()))),
        ]
        for one in FEATURES
    )
    return table(["feature", "what it is", "values, the default first", "in a case id"], rows)


def levels() -> str:
    """What each level holds beyond the one before."""
    return table(["level", "what it adds"], ([code(level.name), level.meaning] for level in LEVELS.values()))


def relations() -> str:
    """The metamorphic relations."""
    return table(["relation", "asserts"], ([code(one.name), one.asserts] for one in RELATIONS.values()))


def probes() -> str:
    """The probes by trait; one that has several sets of parameters is named once."""
    traits = {probe.trait: probe.asserts for probe in PROBES}
    counts = {trait: sum(probe.trait == trait for probe in PROBES) for trait in traits}
    return table(["probe", "asserts", "how many"], ([code(trait), asserts, counts[trait]] for trait, asserts in traits.items()))


def deviations() -> str:
    """A table for each chapter of mistakes: the checks that reject each where it first shows."""
    cases = sorted((case for case in surface("standard") if isinstance(case, Case)), key=lambda case: len(case.id))
    return "\n\n".join(_chapter(chapter, cases) for chapter in CHAPTERS)


def _chapter(chapter: ModuleType, cases: Sequence[Case]) -> str:
    """Of the 23 wrong orders of an array's gates, one stands for all."""
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
    """The checks that reject it, and the first case in which any does."""
    affected = (case for case in cases if deviation.needs <= case.fulfilled_needs)
    kills = (kill_matrix([case], [deviation.name])[0] for case in affected)
    killed = next(one for one in kills if one.by_check)
    return ", ".join(killed.by_check), code(*killed.cases)


def claims() -> str:
    """Every statement of the documents, and the verdict that its run must come to."""
    rows = ([claim.statement, claim.expected.value, ", ".join(claim.documents), code(claim.id)] for claim in CLAIMS)
    return table(["statement", "verdict", "made by", "claim"], rows)


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
        ([code(name), code(one.package), one.conventions] for name, one in BACKENDS.items()),
    )


def commands() -> str:
    """Where each command's reference is, by its help."""
    blocks = (
        f"```{{eval-rst}}\n.. click:: conformance.commands.{place}\n   :prog: lstm-conformance {name}\n```"
        for name, (place, _) in COMMANDS.items()
    )
    return "\n\n".join(blocks)


def rooms() -> str:
    """The rooms of the suite, from the last to be imported down."""
    return table(["room", "what it is for", "what it may import"], ([code(path), *said] for path, *said in rooms_of_contract()))


def tables() -> dict[str, str]:
    """All of them by name."""
    made = (backends, checks, claims, commands, deviations, features, flow, layouts, levels, probes, relations, rooms)
    return {make.__name__: make() for make in made}
