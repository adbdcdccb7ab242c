"""Parts that the terminal and Markdown share: tables of a run, and the lines of a result."""

import collections
from collections.abc import Callable, Iterator, Sequence

from rich.text import Text

from conformance.cases.case import Case
from conformance.diagnosis.groups import differing_groups
from conformance.judging.verdict import Result, Verdict
from conformance.report.document import Rows
from conformance.report.html.results import in_words
from conformance.report.model import Report
from conformance.report.style import STYLE

_SHORT_NAMES = {Verdict.KNOWN_DIFFERENCE: "KNOWN"}
_PROBES = "probe-"


def in_sigma(value: float | None, digits: int = 1) -> str:
    """An error in σ as a short text."""
    return "" if value is None else f"{value:.{digits}f}σ" if value < 1000 else f"{value:.0e}σ"


def lines_of(result: Result) -> Iterator[str]:
    """The difference of a result that is not as expected, and its explanation."""
    if result.reason:
        yield result.reason
    yield from (f"{check.check}: {check.message}" for check in result.checks if check.verdict is not Verdict.PASS)
    if result.not_explained:
        yield f"could not be explained: {result.not_explained}"
    yield from (f"matches {in_words(name)}" for name in result.explained_by[:3])
    if result.verdict is Verdict.UNRESOLVED:
        yield "the implementation was not judged: run it again"
    elif result.minimal:
        yield f"smallest case that still differs: {result.minimal}"


def unexpected_by_group(report: Report) -> list[Result]:
    """The results that make a run red: first the simplest case of each group of similar ones, then what has no group, as probes."""
    groups = [group for group in differing_groups(report.results) if not group[0].verdict.is_expected]
    order = {result.case_id: place for place, (result, *_) in enumerate(groups)}
    others = {result.case_id for _, *similar in groups for result in similar}
    return sorted(report.unexpected, key=lambda result: (result.case_id in others, order.get(result.case_id, len(groups))))


def causes_of(results: Sequence[Result]) -> list[tuple[str, int]]:
    """The fewest deviations that explain all explained results, and the number of results that each explains."""
    counts = collections.Counter(name for result in results for name in result.explained_by)
    causes: list[str] = []
    left = [result.explained_by for result in results if result.explained_by]
    while left:
        explained = collections.Counter(name for names in left for name in names)
        causes.append(max(explained, key=lambda name: (explained[name], counts[name])))
        left = [names for names in left if causes[-1] not in names]
    return [(name, counts[name]) for name in causes]


def limits_of(report: Report) -> str:
    """The limits of the checks."""
    return f"limits {report.plan.element_limit:g}σ per element, {report.plan.rms_limit:g}σ root mean square"


def size_table(results: Sequence[Result]) -> Rows:
    """Rows of units, columns of input_dim, cells with the passed and the judged cases and the largest error in σ."""
    groups: dict[str, list[Result]] = collections.defaultdict(list)
    for result in results:
        groups[result.group].append(result)
    sizes = [tuple(part[1:] for part in group.split("-")) for group in groups]
    columns = sorted({input_dim for _, input_dim in sizes}, key=int)
    rows: list[Sequence[str | Text]] = [
        (units, *(_size_cell(groups.get(f"u{units}-d{column}", ())) for column in columns))
        for units in sorted({units for units, _ in sizes}, key=int)
    ]
    return Rows(("units", *columns), rows, numeric=range(len(columns) + 1), is_narrow=True)


def _size_cell(results: Sequence[Result]) -> Text:
    if not results:
        return Text("–")
    passed = sum(result.verdict is Verdict.PASS for result in results)
    worst = max((check.worst for result in results for check in result.checks if check.worst is not None), default=None)
    return Text(f"{passed}/{len(results)} {in_sigma(worst)}", _style(passed == len(results)))


def _style(is_passed: bool) -> str:
    return STYLE[Verdict.PASS if is_passed else Verdict.FAIL]


def check_table(report: Report) -> Rows:
    """The results of each check in all cases that it judged."""
    checks = report.by_check()
    rows: list[list[str | Text]] = [
        [
            check.check,
            f"{check.judged:,}",
            Text(f"{check.passed:,}", _style(check.passed == check.judged)),
            f"{check.numbers:,}" if check.numbers else "",
            in_sigma(check.worst),
            in_sigma(check.rms, digits=2),
            f"{check.blind:,}" if check.blind else "",
        ]
        for check in checks
    ]
    columns = ("check", "judged", "passed", "numbers", "worst", "rms", "blind")[: None if any(row[-1] for row in rows) else -1]
    return Rows(columns, [row[: len(columns)] for row in rows], numeric=range(1, len(columns)))


def feature_table(results: Sequence[Result]) -> Rows:
    """The number of each verdict by route, architecture and dtype, and of the probes."""
    features: dict[str, Callable[[Case], str]] = {
        "route": lambda case: case.execution.route,
        "architecture": lambda case: case.architecture,
        "dtype": lambda case: case.dtype,
    }
    cases = [(result, Case.from_id(result.case_id)) for result in results if not result.case_id.startswith(_PROBES)]
    groups: dict[str, list[Result]] = collections.defaultdict(list)
    for name, value_of in features.items():
        for result, case in cases:
            groups[f"{name} {value_of(case)}"].append(result)
    groups |= {"probes": probes} if (probes := [result for result in results if result.case_id.startswith(_PROBES)]) else {}
    rows: list[Sequence[str | Text]] = []
    for name, members in groups.items():
        counts = collections.Counter(result.verdict for result in members)
        cells = (Text(f"{counts[verdict]:,}" if counts[verdict] else "·", STYLE[verdict]) for verdict in Verdict)
        rows.append((name, f"{len(members):,}", *cells))
    columns = ("feature", "cases", *(_SHORT_NAMES.get(verdict, verdict.value) for verdict in Verdict))
    return Rows(columns, rows, numeric=range(1, len(columns)))


def counted_reasons(results: Sequence[Result], verdict: Verdict) -> list[tuple[str, int]]:
    """The reasons of the results with a verdict, the most frequent first."""
    return collections.Counter(result.reason for result in results if result.verdict is verdict).most_common()
