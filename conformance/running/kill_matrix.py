"""The kill matrix: which check rejects which deviation. It proves that the checks can fail on their data."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from rich import box
from rich.table import Table
from rich.text import Text

from conformance.cases.case import Case
from conformance.judging.checks import CHECKS
from conformance.judging.verdict import Result, Verdict
from conformance.reference.adapter import ReferenceAdapter
from conformance.running.runner import families, run
from lstm_ref.deviations import DEVIATIONS


@dataclass(frozen=True, kw_only=True)
class Kills:
    """The results of one deviation.

    Attributes:
        deviation: its name.
        cases: ids of the cases in which it can show.
        by_check: number of cases that each check rejected. Checks that rejected none are absent.
        survived: ids of the cases that did not reject it. They are blind to it. An ERROR is not a rejection.
    """

    deviation: str
    cases: tuple[str, ...]
    by_check: Mapping[str, int] = field(default_factory=dict)
    survived: tuple[str, ...] = ()


def kill_matrix(
    cases: Sequence[Case],
    deviations: Iterable[str] = tuple(DEVIATIONS),
    on_result: Callable[[str, Result], object] = lambda *_: None,
) -> list[Kills]:
    """Run every deviation on every case in which it can show. `on_result` receives the deviation and each of its results."""
    names = tuple(deviations)
    results: dict[str, list[Result]] = {name: [] for name in names}
    # One family at a time, so that the expected values are computed once for all deviations.
    for members in families(cases):
        for name in names:
            for result in run(affected_cases(name, members), ReferenceAdapter(name)):
                results[name].append(result)
                on_result(name, result)
    return [_kills(name, tuple(case.id for case in affected_cases(name, cases)), results[name]) for name in names]


def affected_cases(name: str, cases: Sequence[Case]) -> list[Case]:
    """The cases in which a deviation can show."""
    return [case for case in cases if DEVIATIONS[name].needs <= case.fulfilled_needs]


def _kills(name: str, cases: tuple[str, ...], results: Sequence[Result]) -> Kills:
    by_check = collections.Counter(check.check for result in results for check in result.checks if check.verdict is Verdict.FAIL)
    survived = tuple(result.case_id for result in results if result.verdict is not Verdict.FAIL)
    return Kills(deviation=name, cases=cases, by_check=dict(by_check), survived=survived)


def blind_cases(matrix: Iterable[Kills]) -> dict[str, list[str]]:
    """The blind cases, each with the deviations that it accepts. Deviations with a reason to stay hidden do not count."""
    blind: dict[str, list[str]] = collections.defaultdict(list)
    for kills in matrix:
        if not DEVIATIONS[kills.deviation].hides:
            for case_id in kills.survived:
                blind[case_id].append(kills.deviation)
    return dict(blind)


# Width in characters that shows every heading of the table.
WIDTH = 184


def render(matrix: Sequence[Kills]) -> Table:
    """Rows of deviations, columns of checks, cells with the number of rejected cases. Gate orders of one kind share a row."""
    table = Table(box=box.SIMPLE)
    for heading in ("deviation", "cases"):
        table.add_column(heading, justify="left" if heading == "deviation" else "right", no_wrap=True)
    for check in CHECKS:
        table.add_column(check.name.replace("_", "\n"), justify="right", no_wrap=True)
    table.add_column("survived", justify="right", no_wrap=True)
    for label, members in _lines(matrix).items():
        cases = sum(len(kills.cases) for kills in members)
        counts = (sum(kills.by_check.get(check.name, 0) for kills in members) for check in CHECKS)
        survived = sum(len(kills.survived) for kills in members)
        style = "green" if cases and not survived else "bold red"
        table.add_row(label, f"{cases}", *(f"{count or '·'}" for count in counts), Text(f"{survived}", style=style))
    return table


def _lines(matrix: Sequence[Kills]) -> dict[str, list[Kills]]:
    grouped: dict[str, list[Kills]] = collections.defaultdict(list)
    for kills in matrix:
        kind, separator, _ = kills.deviation.partition("_gates_")
        grouped[f"{kind} gates, 23 orders" if separator else kills.deviation].append(kills)
    return grouped
