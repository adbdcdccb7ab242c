"""Tables of a run over the surface: verdicts by feature, inner loops, known differences, unsupported cases."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from conformance.cases.case import Case
from conformance.judging.verdict import Result, Verdict
from conformance.report.console import show_table
from conformance.report.model import Report
from conformance.report.style import STYLE

_SHORT_NAMES = {Verdict.KNOWN_DIFFERENCE: "KNOWN"}


def show_surface(report: Report, console: Console) -> None:
    """Print all tables that are not empty."""
    console.print("\nverdicts by route, architecture and policy", highlight=False)
    show_table(_verdict_table(report.results), console)
    console.print("what really ran, and what was asked for and did not run", highlight=False)
    show_table(_path_table(report.results), console)
    _show_counted(
        console, "not there on this backend", (result.reason for result in report.results if result.verdict is Verdict.UNSUPPORTED)
    )
    _show_counted(console, "known differences", (result.reason for result in report.results if result.known))
    for coverage in report.coverage:
        share = coverage.covered / coverage.possible if coverage.possible else 1.0
        name = {2: "pairs", 3: "triples"}[coverage.strength]
        console.print(
            f"{coverage.covered:,} of {coverage.possible:,} {name} of feature values were run ({share:.1%})", highlight=False
        )


def _verdict_table(results: Sequence[Result]) -> Table:
    table = Table(box=box.SIMPLE)
    table.add_column("feature")
    table.add_column("cases", justify="right")
    for verdict in Verdict:
        table.add_column(_SHORT_NAMES.get(verdict, verdict.value), justify="right")
    for name, members in by_feature(results).items():
        table.add_row(name, *_counts(members))
    return table


def by_feature(results: Sequence[Result]) -> dict[str, list[Result]]:
    """The results by route, architecture and dtype, and the results of the probes."""
    features: dict[str, Callable[[Case], str]] = {
        "route": lambda case: case.execution.route,
        "architecture": lambda case: case.architecture,
        "dtype": lambda case: case.dtype,
    }
    probes = [result for result in results if result.case_id.startswith("probe-")]
    cases = [(result, Case.from_id(result.case_id)) for result in results if not result.case_id.startswith("probe-")]
    groups: dict[str, list[Result]] = collections.defaultdict(list)
    for name, value_of in features.items():
        for result, case in cases:
            groups[f"{name} {value_of(case)}"].append(result)
    return groups | ({"probes": probes} if probes else {})


def _counts(results: Sequence[Result]) -> list[Text]:
    counts = collections.Counter(result.verdict for result in results)
    return [
        Text(f"{len(results):,}"),
        *(Text(f"{counts[verdict]:,}" if counts[verdict] else "·", style=STYLE[verdict]) for verdict in Verdict),
    ]


def _path_table(results: Sequence[Result]) -> Table:
    table = Table(box=box.SIMPLE)
    for name in ("inner loop", "cases", "asked for, did not run"):
        table.add_column(name, justify="right" if name == "cases" else "left")
    rows = collections.Counter((result.path.rpartition("; ")[2], result.not_run) for result in results if result.path)
    for (kernel, not_run), count in sorted(rows.items(), key=lambda row: -row[1]):
        table.add_row(kernel, f"{count:,}", Text(not_run, style="yellow"))
    return table


def _show_counted(console: Console, title: str, reasons: Iterable[str]) -> None:
    counts = collections.Counter(reasons)
    if not counts:
        return
    console.print(f"{title}:", highlight=False)
    for reason, count in counts.most_common():
        console.print(Text(f"  {count:5,}  {reason}"), soft_wrap=True)
    console.print()
