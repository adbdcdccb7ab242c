"""The HTML page of an upgrade, made from the report's JSON."""

import collections
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from conformance.judging.verdict import Verdict
from conformance.report.html.charts import drawing_of
from conformance.report.html.contents import Code, Count, Entry, Grid, Group, Mark, Page, Table
from conformance.report.html.results import brief, features_of, tally
from conformance.upgrade.change import Kind
from conformance.upgrade.wording import details_of, kernel_changes, versions_of

Change = Mapping[str, Any]

# The verdict whose colour and symbol a kind has.
_VERDICTS = {
    Kind.NOW_WRONG: Verdict.FAIL,
    Kind.CRASHES: Verdict.ERROR,
    Kind.LOST_API: Verdict.UNSUPPORTED,
    Kind.OTHERWISE_WRONG: Verdict.FAIL,
    Kind.CONVENTION: Verdict.KNOWN_DIFFERENCE,
    Kind.NOW_RIGHT: Verdict.FIXED,
    Kind.NO_LONGER_CRASHES: Verdict.FIXED,
    Kind.NEW_API: Verdict.FIXED,
    Kind.API: Verdict.KNOWN_DIFFERENCE,
    Kind.WITHIN_ROUNDING: Verdict.PASS,
    Kind.SAME_BITS: Verdict.PASS,
    Kind.CRASHES_IN_BOTH: Verdict.ERROR,
    Kind.IN_NEITHER: Verdict.UNSUPPORTED,
}


def page_of(report: Mapping[str, Any]) -> Page:
    """The page of one report."""
    before, after, summary, plan = (report[name] for name in ("from", "to", "summary", "plan"))
    changes: Sequence[Change] = report["changes"]
    counts = {kind: int(summary.get(kind.value, 0)) for kind in Kind}
    order = list(Kind)
    changed = [change for change in changes if Kind(change["kind"]).is_change]
    changed.sort(key=lambda change: order.index(Kind(change["kind"])))
    return Page(
        title=f"From {before['name']} to {after['name']}",
        outcome=_outcome(report),
        caveats=summary["caveats"],
        facts=[
            ("from", versions_of(before)),
            ("to", versions_of(after)),
            ("cases", f"{len(plan['cases']):,} of level {plan['level']}, seed {plan['seed']}"),
            ("compared", f"{summary['compared']:,}"),
            ("time", f"{summary['seconds']:,.0f} s"),
        ],
        counts=[Count(verdict=_VERDICTS[kind], text=kind.value, number=count) for kind, count in counts.items() if count],
        grids=[_grid((before["name"], after["name"]), changed)],
        tables=list(_tables(report)),
        features=features_of(change["case_id"] for change in changes),
        entries=[_entry(change, after) for change in changed if not change["like"]],
        groups=list(_groups(changes, after)),
    )


def _outcome(report: Mapping[str, Any]) -> Mark:
    """Whether every change is expected, and the run is complete."""
    summary, baseline = report["summary"], report["baseline"]
    unexpected, stale = baseline["unexpected"], baseline["stale"]
    problems = {
        f"{len(unexpected):,} changes" + " that the baseline does not expect" * baseline["has_baseline"]: unexpected,
        f"{len(stale):,} changes of the baseline no longer show": stale,
        f"{summary['not_run']:,} cases did not run: {summary['stopped'] or 'no reason was given'}": summary["not_run"],
        f"{summary['unresolved']:,} cases are not settled: the suite or the machine failed": summary["unresolved"],
        "nothing was compared": not summary["compared"],
    }
    recorded = "Recorded, not run, in part. " if any("recorded" in report[side] for side in ("from", "to")) else ""
    if any(problems.values()):
        return Mark(verdict=Verdict.FAIL, text=recorded + "; ".join(text for text, holds in problems.items() if holds))
    return Mark(verdict=Verdict.PASS, text=f"{recorded}Nothing changed that is not expected, in {summary['compared']:,} cases")


def _grid(names: Sequence[str], changed: Sequence[Change]) -> Grid:
    """The results of each behaviour that changes, on both sides."""
    groups: dict[str, list[Change]] = collections.defaultdict(list)
    for change in changed:
        groups[change["behaviour"]].append(change)
    rows = [
        (behaviour, [tally([change[side] for change in members]) for side in ("before", "after")])
        for behaviour, members in groups.items()
    ]
    return Grid(title="Behaviours that change", corner="behaviour", columns=names, rows=rows)


def _entry(change: Change, environment: Mapping[str, str]) -> Entry:
    kind = Kind(change["kind"])
    picture = change["after"].get("picture") or change["before"].get("picture")
    backend = environment.get("backend", "")
    title = f"as a script: lstm-conformance reproduce {change['minimal']} --backend {backend}"
    return Entry(
        id=change["case_id"],
        kind=kind.value,
        mark=Mark(verdict=_VERDICTS[kind], text=kind.value),
        title=change["behaviour"],
        summary=change["case_id"],
        lines=list(details_of(change)),
        drawing=drawing_of(picture) if picture else None,
        code=[Code(title=title, text=change["script"])] if change["script"] else [],
        links=change["upstream"],
    )


def _groups(changes: Sequence[Change], environment: Mapping[str, str]) -> Iterator[Group]:
    """The cases that change like another one, and the cases that do not change."""
    groups: dict[tuple[Kind, str], list[Change]] = collections.defaultdict(list)
    for change in changes:
        kind = Kind(change["kind"])
        if change["like"] or not kind.is_change:
            groups[kind, f"as {change['like']}" if change["like"] else ""].append(change)
    for (kind, title), members in groups.items():
        group = Group(kind=kind.value, mark=Mark(verdict=_VERDICTS[kind], text=kind.value), title=title)
        if kind.is_change:
            yield replace(group, entries=[_entry(change, environment) for change in members])
        else:
            yield replace(group, members=[(change["case_id"], brief(change["after"])) for change in members])


def _tables(report: Mapping[str, Any]) -> Iterator[Table]:
    facts = [(fact["subject"], fact["before"], fact["after"]) for fact in report["facts"]]
    yield Table(title="API", columns=("", "from", "to"), rows=facts)
    kernels = kernel_changes((change["before"]["path"], change["after"]["path"]) for change in report["changes"])
    yield Table(title="What really ran", columns=("from", "to", "cases"), rows=kernels, numeric=(2,))
    columns = ("kind", "behaviour", "case", "reason")
    for name, title in (
        ("unexpected", "Changes that the baseline does not expect"),
        ("stale", "Of the baseline, what no longer shows"),
    ):
        if report["baseline"]["has_baseline"]:
            rows = [[entry[column] for column in columns] for entry in report["baseline"][name]]
            yield Table(title=title, columns=columns, rows=rows)
