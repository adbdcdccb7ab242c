"""The report of `verify` for the summary of a CI run: counts, the grid, and a collapsed part for each unexpected difference."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping

from conformance.judging.pooled import describe_indistinguishable, indistinguishable_operations
from conformance.judging.verdict import Result, Verdict
from conformance.report.document import Block, Collapsible, Heading, Lines, Rows, ScriptOf
from conformance.report.model import Report
from conformance.report.surface import by_feature
from conformance.report.text import by_size, in_sigma, size_summary
from lstm_ref.deviations import summary_of

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
        yield Collapsible("verdicts by route, architecture and dtype", [_feature_rows(report)])
    else:
        columns, rows = by_size(report.results)
        yield Lines(["cases passed of cases run, and the worst |error|: units down, input_dim across"])
        yield Rows(("units", *columns), [(units, *map(size_summary, cells)) for units, cells in rows.items()])
    checks = [
        (
            check.check,
            f"{check.judged:,}",
            f"{check.passed:,}",
            f"{check.numbers:,}",
            in_sigma(check.worst),
            in_sigma(check.rms, digits=2),
        )
        for check in report.by_check()
    ]
    limits = f"{report.plan.element_limit:g}σ per element, {report.plan.rms_limit:g}σ root mean square"
    yield Collapsible(f"checks, with limits {limits}", [Rows(("check", "judged", "passed", "numbers", "worst", "rms"), checks)])


def _feature_rows(report: Report) -> Rows:
    features = by_feature(report.results)
    counts = {name: collections.Counter(result.verdict for result in results) for name, results in features.items()}
    rows = [(name, f"{count.total():,}", *(f"{count[verdict]:,}" for verdict in Verdict)) for name, count in counts.items()]
    return Rows(("feature", "cases", *Verdict), rows)


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
    differing = report.unexpected
    if not differing:
        return
    yield Heading(f"{len(differing):,} results are not as expected", level=3)
    causes = collections.Counter(name for result in differing for name in result.explained_by)
    yield Lines([f"{count:,} match the reference if {summary_of(name)} ({name})" for name, count in causes.most_common(3)])
    yield from (_difference(result, report.environment, script_of) for result in differing[:MOST_DETAILS])
    if more := differing[MOST_DETAILS:]:
        rest = [f"… and {len(more) - MOST_IDS:,} more; --json FILE holds them all"] if len(more) > MOST_IDS else []
        yield Collapsible(
            f"{len(more):,} more", [Lines([*(f"{result.verdict} {result.case_id}" for result in more[:MOST_IDS]), *rest])]
        )


def _difference(result: Result, environment: Mapping[str, str], script_of: ScriptOf) -> Collapsible:
    lines = [result.reason] if result.reason else []
    lines += [f"{check.check}: {check.message}" for check in result.checks if check.verdict is not Verdict.PASS]
    lines += [f"could not be explained: {result.not_explained}"] if result.not_explained else []
    lines += [f"matches the reference if {summary_of(name)} ({name})" for name in result.explained_by[:3]]
    lines += [f"smallest case that still differs: {result.minimal}"] if result.minimal else []
    script = None if result.verdict is Verdict.UNRESOLVED else script_of(result.minimal or result.case_id, environment)
    return Collapsible(f"{result.verdict} {result.case_id}", [Lines(lines), *([script] if script else [])])


def _expected(report: Report) -> Iterator[Block]:
    """The known differences and the unsupported cases."""
    for verdict, title in ((Verdict.KNOWN_DIFFERENCE, "known differences"), (Verdict.UNSUPPORTED, "not there")):
        counts = collections.Counter(result.reason for result in report.results if result.verdict is verdict)
        if counts:
            rows = [(f"{count:,}", reason) for reason, count in counts.most_common()]
            yield Collapsible(f"{title}: {counts.total():,} cases", [Rows(("cases", "why"), rows)])
