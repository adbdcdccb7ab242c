"""The report of `verify` for the summary of a CI run: counts, the grid, and a collapsed part for each unexpected difference."""

from collections.abc import Iterator, Mapping

from conformance.judging.pooled import describe_indistinguishable, indistinguishable_operations
from conformance.judging.verdict import Result, Verdict
from conformance.report.document import Block, Collapsible, Heading, Lines, Rows, ScriptOf
from conformance.report.html.results import in_words
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

# Number of differences with details, and of further ones with an id only.
MOST_DETAILS, MOST_IDS = 100, 1_000


def blocks_of(report: Report, script_of: ScriptOf) -> list[Block]:
    """The whole document."""
    return [*_head(report), *_grid(report), *_pooled_tests(report), *_differences(report, script_of), *_expected(report)]


def _head(report: Report) -> Iterator[Block]:
    environment, plan = report.environment, report.plan
    outcome = "✅ as expected" if report.as_expected else "❔ incomplete" if report.is_unresolved else "❌ not as expected"
    recorded = " (recorded, not run)" if "recorded" in environment else ""
    yield Heading(f"{environment.get('implementation', 'implementation')}: {outcome}{recorded}")
    if report.caveats:
        yield Lines([f"⚠️ {line}" for line in report.caveats])
    yield Lines([", ".join(f"{name} {value}" for name, value in environment.items() if name != "implementation")])
    if unresolved := report.counts[Verdict.UNRESOLVED]:
        yield Lines([f"❔ {unresolved:,} cases are UNRESOLVED, by a fault of the suite or the machine: run the same command again"])
    counts = [(name, f"{count:,}") for name, count in report.counts.items() if count or name == Verdict.PASS]
    yield Rows(("verdict", "cases"), counts)
    what = plan.matrix if plan.surface else f"{plan.cells:,} cells of {plan.matrix}"
    yield Lines([f"of {plan.cases:,} cases ({what}, seed {plan.seed}) in {report.seconds:.0f} s"])
    if report.stopped or report.not_run:
        yield Lines([f"❌ {report.not_run:,} cases did not run: {report.stopped or 'no reason was given'}"])


def _grid(report: Report) -> Iterator[Block]:
    if not report.results:
        return
    if report.plan.surface:
        yield Collapsible("verdicts by route, architecture and dtype", [feature_table(report.results)])
    else:
        yield Lines(["cases passed of cases run, and the worst |error|: units down, input_dim across"])
        yield size_table(report.results)
    yield Collapsible(f"checks, with {limits_of(report)}", [check_table(report)])


def _pooled_tests(report: Report) -> Iterator[Block]:
    """The pooled tests that fail, and the operations that they cannot tell apart."""
    failed = [test for test in report.pooled if not test.verdict.is_expected]
    if failed:
        yield Lines(["❌ all cases together differ, though each alone may be within its limits"])
        rows = [
            (test.name, test.precision, f"{test.estimate:.3g} ± {test.standard_error:.2g}", f"{test.allowed:g}") for test in failed
        ]
        yield Rows(("test", "precision", "found", "allowed"), rows)
    if lines := [
        describe_indistinguishable(operations, precisions)
        for operations, precisions in indistinguishable_operations(report.pooled).items()
    ]:
        yield Lines(lines)


def _differences(report: Report, script_of: ScriptOf) -> Iterator[Block]:
    differing = unexpected_by_group(report)
    if not differing:
        return
    yield Heading(f"{len(differing):,} results are not as expected", level=3)
    yield Lines([f"{count:,} match {in_words(name)}" for name, count in causes_of(differing)])
    yield from (_difference(result, report.environment, script_of) for result in differing[:MOST_DETAILS])
    if more := differing[MOST_DETAILS:]:
        rest = [f"… and {len(more) - MOST_IDS:,} more; --json FILE holds them all"] if len(more) > MOST_IDS else []
        yield Collapsible(
            f"{len(more):,} more", [Lines([*(f"{result.verdict} {result.case_id}" for result in more[:MOST_IDS]), *rest])]
        )


def _difference(result: Result, environment: Mapping[str, str], script_of: ScriptOf) -> Collapsible:
    script = None if result.verdict is Verdict.UNRESOLVED else script_of(result.minimal or result.case_id, environment)
    return Collapsible(f"{result.verdict} {result.case_id}", [Lines(list(lines_of(result))), *([script] if script else [])])


def _expected(report: Report) -> Iterator[Block]:
    """The known differences and the unsupported cases."""
    for verdict, title in ((Verdict.KNOWN_DIFFERENCE, "known differences"), (Verdict.UNSUPPORTED, "not there")):
        if counts := counted_reasons(report.results, verdict):
            rows = [(f"{count:,}", reason) for reason, count in counts]
            yield Collapsible(f"{title}: {sum(count for _, count in counts):,} cases", [Rows(("cases", "why"), rows)])
