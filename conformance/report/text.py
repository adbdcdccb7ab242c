"""The report for people: in colour in a terminal, plain lines in a pipe."""

import collections
import itertools
from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.text import Text

from conformance.cases.case import Case
from conformance.judging.pooled import BIAS, SIGNIFICANCE, PooledTest, describe_indistinguishable, indistinguishable_operations
from conformance.judging.verdict import Result, Verdict
from conformance.report.document import Block, Lines, Rows, ScriptOf
from conformance.report.document import show as show_blocks
from conformance.report.html.results import in_words, rerun_command
from conformance.report.model import Report
from conformance.report.parts import (
    causes_of,
    check_table,
    counted_reasons,
    feature_table,
    limits_of,
    lines_of,
    size_table,
    unexpected_by_group,
)
from conformance.report.style import STYLE
from conformance.report.verbosity import Verbosity

# Number of unexpected results with details.
MOST_DETAILS = 10
# With fewer cases, a rate would mostly measure how long a process takes to start.
MIN_CASES_FOR_RATE = 10


def show(report: Report, console: Console, verbosity: Verbosity = Verbosity.NORMAL, script_of: ScriptOf = lambda *_: None) -> None:
    """Print the report: caveats, environment, tables of sizes and checks, differences, and counts.

    `script_of` makes the script of a case.
    """
    show_blocks(list(_blocks(report, verbosity, script_of)), console)


def _blocks(report: Report, verbosity: Verbosity, script_of: ScriptOf) -> Iterator[Block]:
    yield Lines(report.caveats, STYLE[Verdict.UNSUPPORTED])
    if verbosity is not Verbosity.QUIET:
        yield from _environment(report, verbosity)
        yield from _tables(report)
    unexpected = unexpected_by_group(report)
    for result in unexpected[:MOST_DETAILS]:
        yield Lines([Text.assemble((f"{result.verdict} ", STYLE[result.verdict]), result.case_id)])
        next_step = [] if result.verdict is Verdict.UNRESOLVED else [_next_step(result, report.environment, script_of)]
        yield Lines([f"  {line}" for line in (*lines_of(result), *next_step)])
    if len(unexpected) > MOST_DETAILS:
        yield Lines([f"… and {len(unexpected) - MOST_DETAILS} more; --json FILE holds them all"])
    if len(unexpected) > 1:
        causes = [f"{count:,} of {len(unexpected):,} cases match {in_words(name)}" for name, count in causes_of(unexpected)]
        yield Lines(causes, "bold")
    if report.work and report.work.cases >= MIN_CASES_FOR_RATE and verbosity is not Verbosity.QUIET:
        yield Lines([_speed(report)])
    yield from _summary(report)


def _environment(report: Report, verbosity: Verbosity) -> Iterator[Block]:
    omitted = {"implementation", "conventions", *(() if verbosity is Verbosity.VERBOSE else ("suite", "platform"))}
    environment = ", ".join(f"{name} {value}" for name, value in report.environment.items() if name not in omitted)
    yield Lines([f"{report.environment.get('implementation', 'implementation')}: {environment}"])
    if report.environment.get("conventions"):
        yield Lines([f"by convention, {report.environment['conventions']}"])


def _tables(report: Report) -> Iterator[Block]:
    if report.results:
        if report.plan.surface:
            yield from _surface(report)
        else:
            yield Lines(["\ncases passed of cases run, and the worst |error|: units down, input_dim across"])
            yield size_table(report.results)
        yield Lines([f"checks, with {limits_of(report)}"])
        yield check_table(report)
    if report.pooled:
        yield from _pooled_tests(report.pooled)


def _surface(report: Report) -> Iterator[Block]:
    """Verdicts by feature, inner loops, unsupported cases and known differences of a run over the surface."""
    yield Lines(["\nverdicts by route, architecture and policy"])
    yield feature_table(report.results)
    yield Lines(["what really ran, and what was asked for and did not run"])
    paths = collections.Counter((result.path.rpartition("; ")[2], result.not_run) for result in report.results if result.path)
    rows = [(kernel, f"{count:,}", Text(not_run, style="yellow")) for (kernel, not_run), count in paths.most_common()]
    yield Rows(("inner loop", "cases", "asked for, did not run"), rows, numeric=(1,))
    for title, verdict in (
        ("not there on this backend", Verdict.UNSUPPORTED),
        ("known differences", Verdict.KNOWN_DIFFERENCE),
    ):
        if counts := counted_reasons(report.results, verdict):
            yield Lines([f"{title}:", *(f"  {count:5,}  {reason}" for reason, count in counts), ""])
    for coverage in report.coverage:
        share = coverage.covered / coverage.possible if coverage.possible else 1.0
        name = {2: "pairs", 3: "triples"}[coverage.strength]
        yield Lines([f"{coverage.covered:,} of {coverage.possible:,} {name} of feature values were run ({share:.1%})"])


def _next_step(result: Result, environment: Mapping[str, str], script_of: ScriptOf) -> str:
    """A command for a closer look at the case: its numbers and gates, a script, or the same case again."""
    case = None if result.minimal or result.case_id.startswith("probe-") else Case.from_id(result.case_id)
    in_this_process = "keras" in environment and "environment" not in environment
    if case is not None and case.is_plain and not case.returns_loss and in_this_process:
        return f"look closer: lstm-conformance explain {case.id} --backend {environment['backend']}"
    script = script_of(result.minimal or result.case_id, environment)
    return script.title if script else f"ask it again: {rerun_command(result.case_id, environment)}"


def _pooled_tests(tests: Sequence[PooledTest]) -> Iterator[Block]:
    """The pooled tests, with a column for each precision."""
    false_alarms = f"one false alarm in {1 / SIGNIFICANCE:,.0f} runs"
    yield Lines([f"all cases together: bias in unit roundoffs, mean square of |error| / σ; {false_alarms}"])
    order = list(dict.fromkeys(test.of for test in tests))
    precisions = list(dict.fromkeys(test.precision for test in tests))
    families = [max(test.families for test in tests if test.precision == precision) for precision in precisions]
    rows: list[Sequence[str | Text]] = []
    for (what, of), members in itertools.groupby(
        sorted(tests, key=lambda test: (test.what, order.index(test.of))), lambda test: (test.what, test.of)
    ):
        by_precision = {test.precision: test for test in members}
        allowed = next(iter(by_precision.values())).allowed
        cells = (_pooled_cell(by_precision.get(precision)) for precision in precisions)
        rows.append((f"{what} of {of}", f"{'±' if what == BIAS else ''}{allowed:.2f}", *cells))
    columns = (f"{count:,} in {precision}" for count, precision in zip(families, precisions, strict=True))
    yield Rows(("sets of weights", "allowed", *columns), rows, numeric=range(1, len(precisions) + 2))
    yield Lines([describe_indistinguishable(*together) for together in indistinguishable_operations(tests).items()])


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


def _summary(report: Report) -> Iterator[Block]:
    plan, unresolved = report.plan, report.counts[Verdict.UNRESOLVED]
    if unresolved:
        fault = "by a fault of the suite or the machine; run the same command again"
        yield Lines([f"INCOMPLETE: {unresolved:,} cases are UNRESOLVED, {fault}"], STYLE[Verdict.UNRESOLVED])
    ordered = sorted(report.counts.items(), key=lambda pair: pair[0] != Verdict.UNRESOLVED)
    counts = Text(", ").join(
        Text(f"{count:,} {name}", style=STYLE[Verdict(name)]) for name, count in ordered if count or name == "PASS"
    )
    matrix = plan.matrix if plan.surface else f"{plan.cells:,} cells of {plan.matrix}"
    planned = f" of {plan.cases:,} cases ({matrix}, seed {plan.seed}) in {report.seconds:.0f} s"
    recording = f"; recorded, not run: answers of {report.environment['recorded']}" if "recorded" in report.environment else ""
    yield Lines([counts + Text(planned + recording)])
    if failed := [f"{test.name} in {test.precision}" for test in report.pooled if not test.verdict.is_expected]:
        yield Lines([f"FAIL of all cases together: {', '.join(failed)}"], "bold red")
    if report.stopped or report.not_run:
        yield Lines([f"{report.not_run:,} cases did not run: {report.stopped or 'no reason was given'}"], "bold red")
    if missing := [f"{result.case_id}: {result.not_explained}" for result in report.results if result.not_explained]:
        yield Lines([f"{len(missing):,} cases could not be explained, which changes no verdict: {missing[0]}"])
