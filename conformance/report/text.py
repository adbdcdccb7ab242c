"""The report for people: in colour in a terminal, plain lines in a pipe."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from conformance.cases.case import Case
from conformance.judging.pooled import BIAS, SIGNIFICANCE, PooledTest, describe_indistinguishable, indistinguishable_operations
from conformance.judging.verdict import CheckResult, Result, Verdict
from conformance.report.console import show_table
from conformance.report.document import ScriptOf
from conformance.report.html.results import rerun_command
from conformance.report.model import Report
from conformance.report.style import STYLE
from conformance.report.surface import show_surface
from conformance.report.verbosity import Verbosity
from lstm_ref.deviations import summary_of

# Number of unexpected results with details.
MOST_DETAILS = 10
# With fewer cases, a rate would mostly measure how long a process takes to start.
MIN_CASES_FOR_RATE = 10


def show(report: Report, console: Console, verbosity: Verbosity = Verbosity.NORMAL, script_of: ScriptOf = lambda *_: None) -> None:
    """Print the report: caveats, environment, tables of sizes and checks, differences, and counts.

    `script_of` makes the script of a case.
    """
    for line in report.caveats:
        console.print(Text(line, style=STYLE[Verdict.UNSUPPORTED]), soft_wrap=True)
    if verbosity is not Verbosity.QUIET:
        _show_all(report, console, verbosity)
    for result in report.unexpected[:MOST_DETAILS]:
        show_result(result, console, report.environment, script_of)
    if len(report.unexpected) > MOST_DETAILS:
        console.print(f"… and {len(report.unexpected) - MOST_DETAILS} more; --json FILE holds them all", highlight=False)
    if len(report.unexpected) > 1:
        _show_causes(report.unexpected, console)
    if report.work and report.work.cases >= MIN_CASES_FOR_RATE and verbosity is not Verbosity.QUIET:
        console.print(_speed(report), highlight=False, soft_wrap=True)
    _show_summary(report, console)


def _show_all(report: Report, console: Console, verbosity: Verbosity) -> None:
    """Print the environment and the tables."""
    omitted = {"implementation", "conventions", *(() if verbosity is Verbosity.VERBOSE else ("suite", "platform"))}
    environment = ", ".join(f"{name} {value}" for name, value in report.environment.items() if name not in omitted)
    console.print(f"{report.environment.get('implementation', 'implementation')}: {environment}", highlight=False)
    if report.environment.get("conventions"):
        console.print(f"by convention, {report.environment['conventions']}", highlight=False, soft_wrap=True)
    if report.results:
        if report.plan.surface:
            show_surface(report, console)
        else:
            console.print("\ncases passed of cases run, and the worst |error|: units down, input_dim across", highlight=False)
            show_table(_size_table(report.results), console)
        limits = f"{report.plan.element_limit:g}σ per element, {report.plan.rms_limit:g}σ root mean square"
        console.print(f"checks, with limits {limits}", highlight=False)
        show_table(_check_table(report), console)
    if report.pooled:
        _show_pooled(report.pooled, console)


def show_result(result: Result, console: Console, environment: Mapping[str, str], script_of: ScriptOf) -> None:
    """Print a case that is not as expected: the difference, its explanation, and the next step."""
    console.print(Text.assemble((f"{result.verdict} ", STYLE[result.verdict]), result.case_id), soft_wrap=True)
    if result.reason:
        console.print(f"  {escape(result.reason)}", highlight=False, soft_wrap=True)
    for check in result.checks:
        if check.verdict is not Verdict.PASS:
            console.print(f"  {check.check}: {escape(check.message)}", highlight=False, soft_wrap=True)
    if result.not_explained:
        console.print(f"  could not be explained: {escape(result.not_explained)}", highlight=False, soft_wrap=True)
    for name in result.explained_by[:3]:
        console.print(f"  matches the reference if {summary_of(name)} ({name})", highlight=False, soft_wrap=True)
    if result.verdict is Verdict.UNRESOLVED:
        console.print("  the implementation was not judged: run it again", highlight=False, soft_wrap=True)
        return
    if result.minimal:
        console.print(f"  smallest case that still differs: {result.minimal}", highlight=False, soft_wrap=True)
    console.print(f"  {_next_step(result, environment, script_of)}", highlight=False, soft_wrap=True)


def _next_step(result: Result, environment: Mapping[str, str], script_of: ScriptOf) -> str:
    """A command for a closer look at the case: its numbers and gates, a script, or the same case again."""
    case = None if result.minimal or result.case_id.startswith("probe-") else Case.from_id(result.case_id)
    in_this_process = "keras" in environment and "environment" not in environment
    if case is not None and case.is_plain and not case.returns_loss and in_this_process:
        return f"look closer: lstm-conformance explain {case.id} --backend {environment['backend']}"
    script = script_of(result.minimal or result.case_id, environment)
    return script.title if script else f"ask it again: {rerun_command(result.case_id, environment)}"


def _show_causes(unexpected: Sequence[Result], console: Console) -> None:
    """Print the deviations that explain the most cases."""
    causes = collections.Counter(name for result in unexpected for name in result.explained_by)
    for name, count in causes.most_common(3):
        line = f"{count:,} of {len(unexpected):,} cases match the reference if {summary_of(name)} ({name})"
        console.print(line, style="bold", highlight=False, soft_wrap=True)


def _size_table(results: Sequence[Result]) -> Table:
    """Rows of units, columns of input_dim, cells with the passed and the judged cases and the largest error in σ."""
    columns, rows = by_size(results)
    table = Table(box=box.SIMPLE, collapse_padding=True, pad_edge=False)
    table.add_column("units", justify="right")
    for column in columns:
        table.add_column(column, justify="right")
    for units, cells in rows.items():
        table.add_row(units, *map(_size_cell, cells))
    return table


def by_size(results: Sequence[Result]) -> tuple[list[str], dict[str, list[Sequence[Result]]]]:
    """All values of input_dim, and for each number of units the results at each of them."""
    groups: dict[str, list[Result]] = {}
    for result in results:
        groups.setdefault(result.group, []).append(result)
    sizes = [tuple(part[1:] for part in group.split("-")) for group in groups]
    columns = sorted({input_dim for _, input_dim in sizes}, key=int)
    rows = sorted({units for units, _ in sizes}, key=int)
    return columns, {units: [groups.get(f"u{units}-d{column}", ()) for column in columns] for units in rows}


def _size_cell(results: Sequence[Result]) -> Text:
    passed = all(result.verdict is Verdict.PASS for result in results)
    return Text(size_summary(results), style=STYLE[Verdict.PASS if passed else Verdict.FAIL] if results else "")


def size_summary(results: Sequence[Result]) -> str:
    """The number of passed and of judged cases, and the largest error."""
    if not results:
        return "–"
    passed = sum(result.verdict is Verdict.PASS for result in results)
    worst = _worst(check for result in results for check in result.checks)
    return f"{passed}/{len(results)} {in_sigma(worst)}"


def _worst(checks: Iterable[CheckResult]) -> float | None:
    return max((check.worst for check in checks if check.worst is not None), default=None)


def in_sigma(value: float | None, digits: int = 1) -> str:
    """An error in σ as a short text."""
    return "" if value is None else f"{value:.{digits}f}σ" if value < 1000 else f"{value:.0e}σ"


def _check_table(report: Report) -> Table:
    table = Table(box=box.SIMPLE)
    table.add_column("check")
    checks = report.by_check()
    blind = any(check.blind for check in checks)
    for name in ("judged", "passed", "numbers", "worst", "rms", *(["blind"] if blind else [])):
        table.add_column(name, justify="right")
    for check in checks:
        table.add_row(
            check.check,
            f"{check.judged:,}",
            Text(f"{check.passed:,}", style=STYLE[Verdict.PASS if check.passed == check.judged else Verdict.FAIL]),
            f"{check.numbers:,}" if check.numbers else "",
            in_sigma(check.worst),
            in_sigma(check.rms, digits=2),
            *([f"{check.blind:,}" if check.blind else ""] if blind else []),
        )
    return table


def _show_pooled(tests: Sequence[PooledTest], console: Console) -> None:
    """Print the pooled tests, with a column for each precision."""
    title = (
        f"all cases together: bias in unit roundoffs, mean square of |error| / σ; one false alarm in {1 / SIGNIFICANCE:,.0f} runs"
    )
    console.print(title, highlight=False, soft_wrap=True)
    order = list(dict.fromkeys(test.of for test in tests))
    precisions = list(dict.fromkeys(test.precision for test in tests))
    table = Table(box=box.SIMPLE)
    table.add_column("sets of weights")
    table.add_column("allowed", justify="right")
    for precision in precisions:
        families = max(test.families for test in tests if test.precision == precision)
        table.add_column(f"{families:,} in {precision}", justify="right")
    for (what, of), members in itertools.groupby(
        sorted(tests, key=lambda test: (test.what, order.index(test.of))), lambda test: (test.what, test.of)
    ):
        by_precision = {test.precision: test for test in members}
        allowed = next(iter(by_precision.values())).allowed
        cells = (_pooled_cell(by_precision.get(precision)) for precision in precisions)
        table.add_row(f"{what} of {of}", f"{'±' if what == BIAS else ''}{allowed:.2f}", *cells)
    show_table(table, console)
    for operations, shared_precisions in indistinguishable_operations(tests).items():
        console.print(describe_indistinguishable(operations, shared_precisions), highlight=False, soft_wrap=True)


def _pooled_cell(test: PooledTest | None) -> Text:
    if test is None:
        return Text("·")
    sign = "+" if test.what == BIAS else ""
    p = "" if test.verdict.is_expected else f" (p = {test.p:.0e})"
    return Text(f"{test.estimate:{sign}.2f} ± {test.standard_error:.2f}{p}", style=STYLE[test.verdict])


def _speed(report: Report) -> str:
    """The speed, and the shares of the implementation, the suite and loading."""
    speed = report.speed
    processes = f"{speed['workers']} worker{'s' if speed['workers'] > 1 else ''}"
    implementation = report.environment.get("implementation", "the implementation")
    shares = (
        f"{speed['implementation_share']:.0%} of their work in {implementation}, {speed['suite_share']:.0%} in the suite, "
        f"{speed['loading_share']:.0%} to load it"
    )
    return f"{speed['cases_per_second']:.3g} cases a second on {processes}; {shares}"


def _show_summary(report: Report, console: Console) -> None:
    plan, unresolved = report.plan, report.counts[Verdict.UNRESOLVED]
    if unresolved:
        warning = (
            f"INCOMPLETE: {unresolved:,} cases are UNRESOLVED, by a fault of the suite or the machine; run the same command again"
        )
        console.print(Text(warning, style=STYLE[Verdict.UNRESOLVED]), soft_wrap=True)
    ordered = sorted(report.counts.items(), key=lambda pair: pair[0] != Verdict.UNRESOLVED)
    counts = Text(", ").join(
        Text(f"{count:,} {name}", style=STYLE[Verdict(name)]) for name, count in ordered if count or name == "PASS"
    )
    matrix = plan.matrix if plan.surface else f"{plan.cells:,} cells of {plan.matrix}"
    planned = f" of {plan.cases:,} cases ({matrix}, seed {plan.seed}) in {report.seconds:.0f} s"
    recording = f"; recorded, not run: answers of {report.environment['recorded']}" if "recorded" in report.environment else ""
    console.print(counts + Text(planned + recording), soft_wrap=True)
    failed = [test for test in report.pooled if not test.verdict.is_expected]
    if failed:
        names = ", ".join(f"{test.name} in {test.precision}" for test in failed)
        console.print(Text(f"FAIL of all cases together: {names}", style="bold red"), soft_wrap=True)
    if report.stopped or report.not_run:
        console.print(
            Text(f"{report.not_run:,} cases did not run: {report.stopped or 'no reason was given'}", style="bold red"),
            soft_wrap=True,
        )
    if missing := sum(bool(result.not_explained) for result in report.results):
        first = next(result for result in report.results if result.not_explained)
        line = f"{missing:,} cases could not be explained, which changes no verdict: {first.case_id}: {first.not_explained}"
        console.print(Text(line), soft_wrap=True)
