"""The page of JSON reports of `verify`: of one environment, or of several side by side."""

import collections
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from conformance.judging.pooled import describe_indistinguishable
from conformance.judging.verdict import Verdict
from conformance.report.document import ScriptOf
from conformance.report.html.charts import in_sigma
from conformance.report.html.contents import Count, Grid, Mark, Page, Table
from conformance.report.html.results import Result, case_of, entries_of, features_of, groups_without_entries, mark, tally


class Run(NamedTuple):
    """One report.

    Attributes:
        document: of the report.
        name: of its environment, unique on the page.
    """

    document: Mapping[str, Any]
    name: str

    @property
    def results(self) -> Sequence[Result]:
        """The results of the cases that ran."""
        results: Sequence[Result] = self.document["results"]
        return results

    def count(self, verdict: Verdict) -> int:
        """Number of cases with a verdict."""
        return int(self.document["summary"][verdict.value])


def page_of(reports: Sequence[Mapping[str, Any]], script_of: ScriptOf) -> Page:
    """The page. The environments of several reports are the columns of its grid."""
    runs = list(map(Run, reports, _names(reports)))
    single = len(runs) == 1
    entries, groups = [], []
    for run in runs:
        run_entries, run_groups = entries_of(run.results, run.document["environment"], script_of, "" if single else run.name)
        entries += run_entries
        groups += run_groups
    counts = {verdict: sum(run.count(verdict) for run in runs) for verdict in Verdict}
    return Page(
        title=f"Is it a Keras LSTM? {runs[0].name}" if single else f"Is it a Keras LSTM? {len(runs)} environments",
        outcome=_outcome(runs),
        caveats=[f"{'' if single else f'{run.name}: '}{line}" for run in runs for line in run.document["summary"]["caveats"]],
        facts=list(_facts(runs[0])) if single else [],
        counts=[
            Count(**vars(mark(verdict)), number=count) for verdict, count in counts.items() if count or verdict is Verdict.PASS
        ],
        grids=[_sizes(runs[0]) if single and not runs[0].document["plan"].get("surface") else _behaviours(runs)],
        tables=list(_tables(runs)),
        notes=[note for run in runs for note in _notes(run, alone=single)],
        features=features_of(result["case_id"] for run in runs for result in run.results),
        entries=entries,
        groups=[*groups, *(group for run in runs for group in groups_without_entries(run.results, "" if single else run.name))],
    )


def _names(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    """Implementation, version and backend of each report; equal names are numbered."""
    names = []
    for report in reports:
        environment = report["environment"]
        parts = [environment.get(key, "") for key in ("implementation", "keras", "backend")]
        names.append(" ".join(filter(None, parts)) or "an implementation")
    return [f"{name} ({names[: i + 1].count(name)})" if names.count(name) > 1 else name for i, name in enumerate(names)]


def _outcome(runs: Sequence[Run]) -> Mark:
    """Whether all is as expected, in one line."""
    unexpected = sum(run.count(verdict) for run in runs for verdict in Verdict if not verdict.is_expected)
    missing = sum(int(run.document["summary"]["not_run"]) for run in runs)
    incomplete = [run for run in runs if run.document["summary"]["not_run"] or run.document["summary"]["stopped"]]
    reasons = [
        (f"{run.name}: " * (len(runs) > 1)) + (run.document["summary"]["stopped"] or "no reason was given") for run in incomplete
    ]
    recorded = "Recorded, not run. " if any("recorded" in run.document["environment"] for run in runs) else ""
    if all(run.document["summary"]["as_expected"] for run in runs):
        cases = sum(len(run.results) for run in runs)
        return Mark(verdict=Verdict.PASS, text=f"{recorded}As expected: {cases:,} cases, none differs but as known")
    unresolved = sum(run.count(Verdict.UNRESOLVED) for run in runs)
    problems = [f"incomplete: {unresolved:,} cases are UNRESOLVED, by a fault of the suite or the machine"] if unresolved else []
    problems += [f"{unexpected - unresolved:,} cases are not as expected"] if unexpected > unresolved else []
    problems += [f"{missing:,} cases did not run: {'; '.join(reasons)}"] if incomplete else []
    failed = [test for run in runs for test in run.document["summary"]["pooled"] if test["verdict"] != Verdict.PASS]
    problems += [f"all cases together fail: {', '.join(_pooled_name(test) for test in failed)}"] if failed else []
    verdict = Verdict.UNRESOLVED if unresolved and len(problems) == 1 else Verdict.FAIL
    return Mark(verdict=verdict, text=recorded + ("; ".join(problems) or "nothing ran"))


def _pooled_name(test: Mapping[str, Any]) -> str:
    return f"{test['what']} of {' or '.join((test['of'], *test['aliases']))} in {test['precision']}"


def _notes(run: Run, *, alone: bool) -> Iterator[str]:
    """The facts of each of several environments, and the operations that the pooled tests cannot tell apart."""
    if not alone:
        yield f"{run.name}: {', '.join(f'{name} {value}' for name, value in _facts(run))}"
    for entry in run.document["summary"]["not_told_apart"]:
        yield ("" if alone else f"{run.name}: ") + describe_indistinguishable(entry["operations"], entry["precisions"])


def _facts(run: Run) -> Iterator[tuple[str, str]]:
    plan, summary, speed = run.document["plan"], run.document["summary"], run.document["summary"]["speed"]
    yield from run.document["environment"].items()
    chosen = f", chosen by {', '.join(plan['selection'])}" if plan["selection"] else ""
    yield "cases", f"{plan['cases']:,} of {plan['matrix']}{chosen}, seed {plan['seed']}"
    yield "limits", f"{plan['element_limit']:g} σ per element, {plan['rms_limit']:g} σ root mean square"
    passed = [check for result in run.results if result["verdict"] == Verdict.PASS for check in result["checks"]]
    worst = [float(check["worst"]) for check in passed if check["worst"] is not None]
    if worst:
        yield "margin", f"where cases pass, the worst element is {in_sigma(max(worst))} off, of {plan['element_limit']:g} σ allowed"
    yield "time", f"{summary['seconds']:,.0f} s"
    if speed:
        shares = ", ".join(f"{speed[f'{name}_share']:.0%} {words}" for name, words in _SHARES.items())
        yield (
            "speed",
            f"{speed['cases_per_second']:.3g} cases a second on {speed['workers']} worker{'s' * (speed['workers'] > 1)}: {shares}",
        )


_SHARES = {"implementation": "in the implementation", "suite": "in the suite", "loading": "to load"}


def _sizes(run: Run) -> Grid:
    """The grid of sizes, with rows of units and columns of input_dim."""
    by_size: dict[tuple[int, int], list[Result]] = collections.defaultdict(list)
    for result in run.results:
        if case := case_of(result["case_id"]):
            by_size[case.config.units, case.input_dim].append(result)
    columns = sorted({input_dim for _, input_dim in by_size})
    return Grid(
        title="Verdicts by size: units down, input_dim across",
        corner="units",
        columns=[str(input_dim) for input_dim in columns],
        rows=[
            (str(units), [tally(by_size.get((units, column), ())) for column in columns])
            for units in sorted({units for units, _ in by_size})
        ],
    )


def _behaviours(runs: Sequence[Run]) -> Grid:
    """The grid of behaviours: a column for each environment, or for one environment a row of values for each feature."""
    by_behaviour: dict[tuple[str, str], list[list[Result]]] = collections.defaultdict(lambda: [[] for _ in runs])
    for column, run in enumerate(runs):
        for result in run.results:
            for behaviour in _behaviours_of(result["case_id"]):
                by_behaviour[behaviour][column].append(result)
    title = "Verdicts by behaviour"
    if len(runs) > 1:
        rows = [
            (" = ".join(filter(None, behaviour)), [tally(results) for results in columns])
            for behaviour, columns in sorted(by_behaviour.items())
        ]
        return Grid(title=title, corner="behaviour", columns=[run.name for run in runs], rows=rows)
    features: dict[str, list[Mark | None]] = collections.defaultdict(list)
    for (feature, value), (results,) in sorted(by_behaviour.items()):
        features[feature].append(tally(results, value))
    return Grid(title=title, corner="behaviour", columns=(), rows=list(features.items()))


def _behaviours_of(case_id: str) -> list[tuple[str, str]]:
    """The features of a case that differ from their defaults, with their values."""
    case = case_of(case_id)
    if case is None:
        return [("probes", "")]
    return [(name, str(value)) for name, value in case.non_default_features.items()] or [("all defaults", "")]


def _tables(runs: Sequence[Run]) -> Iterator[Table]:
    for run in runs:
        suffix = "" if len(runs) == 1 else f" on {run.name}"
        yield _checks(run, f"Checks and their margins{suffix}")
        yield _pooled(run, f"All cases together{suffix}")
        yield _paths(run, f"What really ran{suffix}")


def _checks(run: Run, title: str) -> Table:
    rows = [
        (
            check["check"],
            *(f"{check[name]:,}" for name in ("judged", "passed", "numbers")),
            *(in_sigma(check[name]) for name in ("worst", "rms")),
        )
        for check in run.document["summary"]["checks"]
    ]
    columns = ("check", "judged", "passed", "numbers", "worst", "root mean square")
    return Table(title=title, columns=columns, rows=rows, numeric=range(1, 6))


def _pooled(run: Run, title: str) -> Table:
    """The table of the pooled tests."""
    rows: list[Sequence[str]] = []
    for test in run.document["summary"]["pooled"]:
        estimate = f"{float(test['estimate']):.3g} ± {float(test['standard_error']):.2g}"
        rows.append((_pooled_name(test), estimate, f"{float(test['allowed']):g}", test["verdict"]))
    return Table(title=title, columns=("test", "found", "allowed", "verdict"), rows=rows, numeric=(1, 2))


def _paths(run: Run, title: str) -> Table:
    """The table of inner loops, and of requested loops that did not run."""
    paths = collections.Counter((result["path"].rpartition("; ")[2], result["not_run"]) for result in run.results if result["path"])
    rows = [(kernel, f"{count:,}", not_run) for (kernel, not_run), count in paths.most_common()]
    return Table(title=title, columns=("inner loop", "cases", "asked for, did not run"), rows=rows, numeric=(1,))
