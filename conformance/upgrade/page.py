"""What an upgrade changes, as its JSON holds it, as a page for people."""

from __future__ import annotations

import collections
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from conformance.judging.verdict import Verdict
from conformance.report.html.charts import drawing_of, in_sigma
from conformance.report.html.contents import Code, Count, Entry, Grid, Group, Mark, Page, Table
from conformance.report.html.results import brief, features_of, tally
from conformance.upgrade.change import Kind
from lstm_ref import LSTMError
from lstm_ref.deviations import summary_of

Change = Mapping[str, Any]

# By whose colour and symbol a kind is shown.
_LOOKS = {
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


def page_of(said: Mapping[str, Any]) -> Page:
    """The page of one report."""
    before, after, summary, plan = (said[name] for name in ("from", "to", "summary", "plan"))
    changes: Sequence[Change] = said["changes"]
    counts = {kind: int(summary.get(kind.value, 0)) for kind in Kind}
    order = [kind for kind in Kind if kind.is_change]
    changed = sorted((each for each in changes if Kind(each["kind"]) in order), key=lambda each: order.index(Kind(each["kind"])))
    return Page(
        title=f"From {before['name']} to {after['name']}",
        outcome=_outcome(said),
        caveats=summary["caveats"],
        facts=[
            ("from", _versions(before)),
            ("to", _versions(after)),
            ("cases", f"{len(plan['cases']):,} of level {plan['level']}, seed {plan['seed']}"),
            ("compared", f"{summary['compared']:,}"),
            ("time", f"{summary['seconds']:,.0f} s"),
        ],
        counts=[Count(verdict=_LOOKS[kind], text=kind.value, number=count) for kind, count in counts.items() if count],
        grids=[_grid((before["name"], after["name"]), changed)],
        tables=list(_tables(said)),
        features=features_of(change["case_id"] for change in changes),
        entries=[_entry(change, after) for change in changed if not change["like"]],
        groups=list(_groups(changes, after)),
    )


def _outcome(said: Mapping[str, Any]) -> Mark:
    """Whether anything changed that is not expected."""
    summary, judged = said["summary"], said["baseline"]
    parts = {
        f"{len(judged['unexpected']):,} changes" + " that the baseline does not expect" * judged["has_baseline"]: judged[
            "unexpected"
        ],
        f"{len(judged['stale']):,} changes of the baseline no longer show": judged["stale"],
        f"{summary['not_run']:,} cases did not run: {summary['stopped'] or 'no reason was given'}": summary["not_run"],
        f"{summary['unresolved']:,} cases are not settled: the suite or the machine failed": summary["unresolved"],
        "nothing was compared": not summary["compared"],
    }
    recorded = "Recorded, not run, in part. " if any("recorded" in said[side] for side in ("from", "to")) else ""
    wrong = [part for part, holds in parts.items() if holds]
    if wrong:
        return Mark(verdict=Verdict.FAIL, text=recorded + "; ".join(wrong))
    return Mark(verdict=Verdict.PASS, text=f"{recorded}Nothing changed that is not expected, in {summary['compared']:,} cases")


def _versions(side: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in side.items() if name not in ("name", "suite", "platform", "conventions"))


def _grid(names: Sequence[str], changed: Sequence[Change]) -> Grid:
    """Behaviours that change, on both sides."""
    found: dict[str, list[Change]] = collections.defaultdict(list)
    for change in changed:
        found[change["behaviour"]].append(change)
    rows = [
        (behaviour, [tally([change[side] for change in alike]) for side in ("before", "after")])
        for behaviour, alike in found.items()
    ]
    return Grid(title="Behaviours that change", corner="behaviour", columns=names, rows=rows)


def _entry(change: Change, environment: Mapping[str, str]) -> Entry:
    kind = Kind(change["kind"])
    pictured = change["after"].get("picture") or change["before"].get("picture")
    backend = environment.get("backend", "")
    title = f"as a script: lstm-conformance reproduce {change['minimal']} --backend {backend}"
    return Entry(
        id=change["case_id"],
        kind=kind.value,
        mark=Mark(verdict=_LOOKS[kind], text=kind.value),
        title=change["behaviour"],
        summary=change["case_id"],
        lines=list(_lines(change)),
        drawing=drawing_of(pictured) if pictured else None,
        code=[Code(title=title, text=change["script"])] if change["script"] else [],
        links=change["upstream"],
    )


def _lines(change: Change) -> Iterator[tuple[str, str]]:
    yield "case", change["case_id"]
    if change["minimal"]:
        yield "smallest case", change["minimal"]
    for side, name in (("before", "from"), ("after", "to")):
        result = change[side]
        said = f": {why}" if (why := brief(result)) else ""
        yield name, f"{result['verdict']}{said}{'; ran as ' + result['path'] if result['path'] else ''}"
    if change["explained_by"]:
        yield "diagnosis", _explained(change["explained_by"])
    if locus := change["locus"]:
        gates = f"gate {locus['gates']}, " if locus["gates"] else ""
        place = f"call {locus['call']}, timestep {locus['timestep']}, row {locus['row']}, unit {locus['unit']}"
        yield "first difference", f"{place}: {gates}{locus['because']} ({locus['case_id']})"
    if change["apart"]:
        yield "apart", ", ".join(f"{name} {in_sigma(worst)}" for name, worst in change["apart"].items()) + " of two runs"
    if change["no_script"]:
        yield "no script", change["no_script"]


def _explained(names: str) -> str:
    try:
        return f"{names}: {summary_of(names)}"
    except LSTMError:
        return names


def _groups(changes: Sequence[Change], environment: Mapping[str, str]) -> Iterator[Group]:
    """Those that change as another one does, and those that do not change."""
    found: dict[tuple[Kind, str], list[Change]] = collections.defaultdict(list)
    for change in changes:
        kind = Kind(change["kind"])
        if change["like"] or not kind.is_change:
            found[kind, f"as {change['like']}" if change["like"] else ""].append(change)
    for (kind, title), alike in found.items():
        group = Group(kind=kind.value, mark=Mark(verdict=_LOOKS[kind], text=kind.value), title=title)
        if kind.is_change:
            yield replace(group, entries=[_entry(each, environment) for each in alike])
        else:
            yield replace(group, members=[(each["case_id"], brief(each["after"])) for each in alike])


def _tables(said: Mapping[str, Any]) -> Iterator[Table]:
    yield Table(
        title="API", columns=("", "from", "to"), rows=[(fact["subject"], fact["before"], fact["after"]) for fact in said["facts"]]
    )
    paths = [(change["before"]["path"], change["after"]["path"]) for change in said["changes"]]
    kernels = collections.Counter((was.rpartition("; ")[2], now.rpartition("; ")[2]) for was, now in paths if was and now)
    rows = [(was, now, f"{count:,}") for (was, now), count in kernels.most_common() if was != now]
    yield Table(title="What really ran", columns=("from", "to", "cases"), rows=rows, numeric=(2,))
    columns = ("kind", "behaviour", "case", "reason")
    for name, title in (
        ("unexpected", "Changes that the baseline does not expect"),
        ("stale", "Of the baseline, what no longer shows"),
    ):
        if said["baseline"]["has_baseline"]:
            yield Table(
                title=title, columns=columns, rows=[[each[column] for column in columns] for each in said["baseline"][name]]
            )
