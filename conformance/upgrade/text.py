"""The report of an upgrade as a page: for the terminal, a Markdown file and the summary of a CI run."""

import collections
from collections.abc import Iterable, Iterator, Sequence

from conformance.report.document import Block, Heading, Lines, Rows, Script
from conformance.upgrade.baseline import BaselineComparison
from conformance.upgrade.change import Change
from conformance.upgrade.facts import FactChange
from conformance.upgrade.references import reference_lines
from conformance.upgrade.report import UpgradeReport
from conformance.upgrade.wording import details_of, kernel_changes, result_text, versions_of

# The most rows of changes on a page; JSON holds all of them.
MOST_ROWS = 60


def page(report: UpgradeReport, comparison: BaselineComparison) -> list[Block]:
    """The whole report, compared with the baseline."""
    return [*_head(report), *_facts(report), *_changes(report), *_details(report), *_verdict(report, comparison)]


def verdict(report: UpgradeReport, comparison: BaselineComparison) -> list[Block]:
    """The caveats, and the differences from the baseline."""
    return [*_caveats(report), *(block for block in _verdict(report, comparison) if not isinstance(block, Heading))]


def _head(report: UpgradeReport) -> Iterator[Block]:
    yield Heading(f"From {report.names[0]} to {report.names[1]}")
    yield from _caveats(report)
    yield Lines(
        [f"{side}: {versions_of(environment)}" for side, environment in zip(("from", "to"), report.environments, strict=True)]
    )
    counts = [[kind.value, f"{count:,}"] for kind, count in report.counts.items()]
    yield Rows(("what became of it", "cases"), counts)
    if rows := kernel_changes((change.before.path, change.after.path) for change in report.changes):
        yield Heading("What really ran")
        yield Rows(("from", "to", "cases"), rows)


def _caveats(report: UpgradeReport) -> Iterator[Block]:
    if report.caveats:
        yield Lines(report.caveats, "bold yellow")


def _facts(report: UpgradeReport) -> Iterator[Block]:
    """Facts of the API that change, those with the same change in one row."""
    if not report.knows_facts:
        yield Lines(["what changed of the API is not known: one of the two says nothing of its own"])
    if report.facts:
        yield Heading("API")
        groups: dict[tuple[str, str, str], list[FactChange]] = collections.defaultdict(list)
        for fact in report.facts:
            groups[fact.subject.partition(" ")[0], fact.before, fact.after].append(fact)
        rows = [("; ".join(fact.subject for fact in facts), *values) for (_, *values), facts in groups.items()]
        yield Rows(("", "from", "to"), [row for row in rows if "\n" not in "".join(row)])
        for subject, before, after in rows:
            if "\n" in before + after:
                yield Script(f"{subject} is another text", f"{before}\n\n{after}")
        yield from _references([address for fact in report.facts for address in fact.upstream])


def _changes(report: UpgradeReport) -> Iterator[Block]:
    """One row per kind and behaviour, with the number of its cases and the results of the first one."""
    groups: dict[tuple[str, str], list[Change]] = collections.defaultdict(list)
    for change in report.changed:
        groups[change.kind.value, change.behaviour].append(change)
    if not groups:
        return
    yield Heading("Behaviours")
    rows = []
    for (kind, behaviour), changes in groups.items():
        first = changes[0].as_dict()
        rows.append((kind, behaviour, f"{len(changes):,}", result_text(first["before"]), result_text(first["after"])))
    yield Rows(("kind", "behaviour", "cases", "from", "to"), rows[:MOST_ROWS])
    if len(rows) > MOST_ROWS:
        yield Lines([f"… and {len(rows) - MOST_ROWS:,} more behaviours; --json FILE holds them all"])


def _details(report: UpgradeReport) -> Iterator[Block]:
    for change in report.changed:
        if not change.minimal:
            continue
        alike = sum(other.like == change.case_id for other in report.changes)
        yield Heading(
            f"{change.kind.value}: {change.behaviour}" + (f", and {alike:,} cases more that change alike" if alike else "")
        )
        yield Lines([f"{name}: {text}" for name, text in details_of(change.as_dict())])
        if change.script:
            backend = report.environments[1].get("backend", "")
            yield Script(f"as a script: lstm-conformance reproduce {change.minimal} --backend {backend}", change.script)
        yield from _references(change.upstream)


def _references(addresses: Iterable[str]) -> Iterator[Block]:
    if lines := reference_lines(addresses):
        yield Lines(lines)


def _verdict(report: UpgradeReport, comparison: BaselineComparison) -> Iterator[Block]:
    yield Heading("Verdict")
    unexpected = len(comparison.unexpected)
    if unexpected and comparison.has_baseline:
        line = f"{unexpected:,} changes that the baseline does not expect"
        yield Lines([line, *_first_lines(comparison.unexpected)], "bold red")
    elif unexpected:
        line = f"{unexpected:,} changes; once reviewed, they are recorded by --baseline FILE --write-baseline"
        yield Lines([line], "bold red")
    if comparison.stale:
        line = f"{len(comparison.stale):,} changes of the baseline that no longer show"
        yield Lines([line, *_first_lines(comparison.stale)], "bold red")
    if comparison.not_asked:
        yield Lines([f"{comparison.not_asked:,} changes of the baseline are of cases that were not asked"])
    if report.not_run:
        yield Lines([f"{report.not_run:,} cases did not run: {report.stopped or 'no reason was given'}"], "bold red")
    if report.unresolved:
        cases = len({case.case_id for case in report.unresolved})
        yield Lines([f"{cases:,} cases are not settled: the suite or the machine failed; run them again"], "bold red")
    if not report.compared:
        yield Lines(["nothing was compared: neither of the two has answered any case"], "bold red")
    if comparison.as_expected:
        yield Lines([f"nothing changed that is not expected, in {report.compared:,} cases ({report.seconds:.0f} s)"], "green")


def _first_lines(entries: Sequence[object]) -> list[str]:
    more = [f"  … and {len(entries) - MOST_ROWS:,} more"] if len(entries) > MOST_ROWS else []
    return [f"  {entry}" for entry in entries[:MOST_ROWS]] + more
