"""What an upgrade changes, in words: the page that the terminal, a file and a CI summary show."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator, Mapping, Sequence

from conformance.judging.verdict import Result, Verdict
from conformance.report.document import Block, Heading, Lines, Rows, Script
from conformance.upgrade.baseline import Judged
from conformance.upgrade.change import Change
from conformance.upgrade.facts import FactChange
from conformance.upgrade.references import CONVENTIONS, known_summary, reference_lines
from conformance.upgrade.report import UpgradeReport
from lstm_ref.deviations import combined

# Rows of changes that a page holds; JSON holds them all.
SHOWN = 60


def page(report: UpgradeReport, judged: Judged) -> list[Block]:
    """The whole report, with what of it a baseline expects."""
    return [*_head(report), *_kernels(report), *_facts(report), *_changes(report), *_details(report), *_judgement(report, judged)]


def verdict(report: UpgradeReport, judged: Judged) -> list[Block]:
    """What was not asked, and what is not expected, or that nothing is."""
    return [*_caveats(report), *(block for block in _judgement(report, judged) if not isinstance(block, Heading))]


def _head(report: UpgradeReport) -> Iterator[Block]:
    yield Heading(f"From {report.names[0]} to {report.names[1]}")
    yield from _caveats(report)
    yield Lines([f"{way}: {_versions(each)}" for way, each in zip(("from", "to"), report.environments, strict=True)])
    counted = [[kind.value, f"{count:,}"] for kind, count in report.counts.items()]
    yield Rows(("what became of it", "cases"), counted)


def _caveats(report: UpgradeReport) -> Iterator[Block]:
    if report.caveats:
        yield Lines(report.caveats, "bold yellow")


def _versions(environment: Mapping[str, str]) -> str:
    left_out = ("suite", "platform", "conventions", "recorded")
    return ", ".join(f"{name} {value}" for name, value in environment.items() if name not in left_out)


def _kernels(report: UpgradeReport) -> Iterator[Block]:
    """What computes the sequence, where both answered and it is another one now."""
    paths = [(each.before.path, each.after.path) for each in report.changes if each.before.path and each.after.path]
    kernels = collections.Counter((was.rpartition("; ")[2], now.rpartition("; ")[2]) for was, now in paths)
    rows = [(was, now, f"{count:,}") for (was, now), count in kernels.most_common() if was != now]
    if rows:
        yield Heading("What really ran")
        yield Rows(("from", "to", "cases"), rows)


def _facts(report: UpgradeReport) -> Iterator[Block]:
    if not report.knows_facts:
        yield Lines(["what changed of the API is not known: one of the two says nothing of its own"])
    if report.facts:
        yield Heading("API")
        folded: dict[tuple[str, str, str], list[FactChange]] = collections.defaultdict(list)
        for fact in report.facts:
            folded[fact.subject.partition(" ")[0], fact.before, fact.after].append(fact)
        rows = [("; ".join(fact.subject for fact in alike), *pair) for (_, *pair), alike in folded.items()]
        yield Rows(("", "from", "to"), [row for row in rows if "\n" not in "".join(row)])
        for subject, before, after in rows:
            if "\n" in before + after:
                yield Script(f"{subject} is another text", f"{before}\n\n{after}")
        yield from _references([address for fact in report.facts for address in fact.upstream])


def _changes(report: UpgradeReport) -> Iterator[Block]:
    """One row per behaviour and kind, with how many of its cases changed so."""
    groups: dict[tuple[str, str], list[Change]] = collections.defaultdict(list)
    for change in report.changed:
        groups[change.kind.value, change.behaviour].append(change)
    if not groups:
        return
    yield Heading("Behaviours")
    rows = [
        (kind, behaviour, f"{len(members):,}", _said(members[0].before), _said(members[0].after))
        for (kind, behaviour), members in groups.items()
    ]
    yield Rows(("kind", "behaviour", "cases", "from", "to"), rows[:SHOWN])
    if len(rows) > SHOWN:
        yield Lines([f"… and {len(rows) - SHOWN:,} more behaviours; --json FILE holds them all"])


def _said(result: Result) -> str:
    """How a side came out, in a few words."""
    word = f"{_WORDS[result.verdict]}{', as known' * bool(result.known)}"
    if result.explained_by or result.known:
        return f"{word}: {next(iter(result.explained_by), result.known)}"
    failing = next((check.check for check in result.checks if check.message), "")
    said = result.reason if len(result.reason) <= 80 else f"{result.reason[:79]}…"
    return f"{_WORDS[result.verdict]}: {said or failing}" if said or failing else _WORDS[result.verdict]


_WORDS = {
    Verdict.PASS: "right",
    Verdict.FAIL: "wrong",
    Verdict.ERROR: "crash",
    Verdict.UNRESOLVED: "not settled",
    Verdict.UNSUPPORTED: "not there",
    Verdict.KNOWN_DIFFERENCE: "wrong, as known",
    Verdict.FIXED: "right",
}


def _details(report: UpgradeReport) -> Iterator[Block]:
    for change in report.changed:
        if not change.minimal:
            continue
        alike = sum(other.like == change.case_id for other in report.changes)
        yield Heading(
            f"{change.kind.value}: {change.behaviour}" + (f", and {alike:,} cases more that change alike" if alike else "")
        )
        yield Lines([f"{name}: {said}" for name, said in _detail(change)])
        if change.script:
            backend = report.environments[1].get("backend", "")
            yield Script(f"as a script: lstm-conformance reproduce {change.minimal} --backend {backend}", change.script)
        yield from _references(change.upstream)


def _detail(change: Change) -> Iterator[tuple[str, str]]:
    yield "case", change.case_id
    yield "smallest case", change.minimal
    for name, result in (("from", change.before), ("to", change.after)):
        kernel = f"; ran as {result.path}" if result.path else ""
        known = f"; known as {result.known}: {known_summary(result.known)}" if result.known else ""
        first = next((f" ({check.check}: {check.message})" for check in result.checks if check.message), "")
        yield name, f"{_said(result)}{known}{first}{kernel}"
    if change.explained_by:
        names = change.explained_by.split("+")
        reasons = [CONVENTIONS[name] for name in names if name in CONVENTIONS]
        yield "explained by", " ".join([f"{change.explained_by}: {combined(names).summary}.", *reasons])
    if change.locus:
        yield "first difference", f"{change.locus} ({change.locus.case_id})"
    if change.apart:
        yield "apart", ", ".join(f"{name} {_sigma(worst)}" for name, worst in change.apart.items()) + " of two runs"
    if change.no_script:
        yield "no script", change.no_script


def _sigma(worst: float) -> str:
    return f"{worst:.3g} σ" if worst < 1e6 else "more than 1e6 σ"


def _references(addresses: Iterable[str]) -> Iterator[Block]:
    if said := reference_lines(addresses):
        yield Lines(said)


def _judgement(report: UpgradeReport, judged: Judged) -> Iterator[Block]:
    yield Heading("Verdict")
    if judged.unexpected and judged.has_baseline:
        said = f"{len(judged.unexpected):,} changes that the baseline does not expect"
        yield Lines([said, *_listed(judged.unexpected)], "bold red")
    elif judged.unexpected:
        said = f"{len(judged.unexpected):,} changes; once reviewed, they are recorded by --baseline FILE --write-baseline"
        yield Lines([said], "bold red")
    if judged.stale:
        yield Lines([f"{len(judged.stale):,} changes of the baseline that no longer show", *_listed(judged.stale)], "bold red")
    if judged.not_asked:
        yield Lines([f"{judged.not_asked:,} changes of the baseline are of cases that were not asked"])
    if report.not_run:
        yield Lines([f"{report.not_run:,} cases did not run: {report.stopped or 'no reason was given'}"], "bold red")
    if report.unresolved:
        cases = len({each.case_id for each in report.unresolved})
        yield Lines([f"{cases:,} cases are not settled: the suite or the machine failed; run them again"], "bold red")
    if not report.compared:
        yield Lines(["nothing was compared: neither of the two has answered any case"], "bold red")
    if judged.as_expected:
        yield Lines([f"nothing changed that is not expected, in {report.compared:,} cases ({report.seconds:.0f} s)"], "green")


def _listed(entries: Sequence[object]) -> list[str]:
    more = [f"  … and {len(entries) - SHOWN:,} more"] if len(entries) > SHOWN else []
    return [f"  {entry}" for entry in entries[:SHOWN]] + more
