"""Entries and groups of a page from the results in a JSON document."""

import collections
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.judging.verdict import Verdict, worst_verdict
from conformance.known.known_differences import known_differences
from conformance.report.document import ScriptOf
from conformance.report.html.charts import drawing_of, in_sigma
from conformance.report.html.contents import Code, Entry, Group, Mark, Table
from conformance.report.style import SYMBOL
from lstm_ref import LSTMError
from lstm_ref.deviations import summary_of

Result = Mapping[str, Any]

# Number of similar differences that have an entry of their own. The others are entries of a group.
MOST_SIMILAR = 3
# Verdicts of results that have no entry.
WITHOUT_ENTRY = (Verdict.PASS, Verdict.UNSUPPORTED)
_ORDER = (Verdict.UNRESOLVED, Verdict.FAIL, Verdict.ERROR, Verdict.FIXED, Verdict.KNOWN_DIFFERENCE)


@lru_cache(maxsize=10_000)
def case_of(case_id: str) -> Case | None:
    """The case of an id; None for a probe."""
    try:
        return Case.from_id(case_id)
    except LSTMError:
        return None


def features_of(case_ids: Iterable[str]) -> dict[str, str]:
    """The words of ids that stand for a feature, each with its meaning: `mask_left` → `mask: left`."""
    words: dict[str, dict[str, str]] = {feature.name: {} for feature in FEATURES}
    by_name = {feature.name: feature for feature in FEATURES}
    for case in filter(None, map(case_of, case_ids)):
        for name, value in case.non_default_features.items():
            words[name][by_name[name].word_of(value)] = f"{name.replace('_', ' ')}: {value}"
    return {word: meaning for meanings in words.values() for word, meaning in meanings.items()}


def mark(verdict: str) -> Mark:
    """The mark of a verdict."""
    return Mark(verdict=verdict, text=verdict.replace("_", " "))


def tally(results: Sequence[Result], name: str = "") -> Mark | None:
    """The worst verdict of the results, and the number of each verdict; None without results."""
    if not results:
        return None
    counts = collections.Counter(Verdict(result["verdict"]) for result in results)
    text = " ".join(f"{SYMBOL[verdict]} {counts[verdict]:,}" for verdict in Verdict if counts[verdict])
    supported = [verdict for verdict in counts if verdict is not Verdict.UNSUPPORTED]
    return Mark(verdict=worst_verdict(supported or counts), text=f"{name} {text}".strip())


def entries_of(
    results: Sequence[Result], environment: Mapping[str, str], script_of: ScriptOf, name: str = ""
) -> tuple[list[Entry], list[Group]]:
    """Entries of the first similar differences, unexpected ones before known ones, and groups of the others."""
    entries: list[Entry] = []
    groups: list[Group] = []
    for similar in _similar_differences(results):
        ordered = sorted(similar, key=lambda result: result["picture"] is None)
        entries += [entry(result, environment, script_of, name) for result in ordered[:MOST_SIMILAR]]
        if others := ordered[MOST_SIMILAR:]:
            verdict, title = others[0]["verdict"], f"as {ordered[0]['case_id']}: {brief(ordered[0])}"
            without_script = [entry(result, environment, lambda *_: None, name) for result in others]
            groups.append(Group(kind=verdict, mark=mark(verdict), title=title, entries=without_script))
    return entries, groups


def _similar_differences(results: Sequence[Result]) -> list[list[Result]]:
    """The differences, grouped by verdict and cause."""
    groups: dict[tuple[str, ...], list[Result]] = collections.defaultdict(list)
    for result in results:
        if result["verdict"] not in WITHOUT_ENTRY:
            failing = (check["check"] for check in result["checks"] if check["verdict"] != Verdict.PASS)
            cause = (
                [result["known"]]
                if result["known"]
                else result["explained_by"][:1] or [result["reason"].partition(":")[0], *failing]
            )
            groups[result["verdict"], *cause].append(result)
    return sorted(groups.values(), key=lambda group: (_ORDER.index(group[0]["verdict"]), -len(group)))


def brief(result: Result) -> str:
    """The reason for a result's verdict, in a line."""
    if result["known"]:
        return f"known difference {result['known']}"
    if result["explained_by"]:
        return f"matches the reference if {_summary(result['explained_by'][0])}"
    messages = (check["message"] for check in result["checks"] if check["message"])
    return result["reason"] or next(messages, "")


def in_words(deviation: str) -> str:
    """What the reference must do to agree with a result: `the reference if the mask is inverted: … (mask_inverted)`."""
    return f"the reference if {_summary(deviation)} ({deviation})"


def _summary(deviation: str) -> str:
    """The summary of a deviation; its name if the registry does not have it."""
    try:
        return summary_of(deviation)
    except LSTMError:
        return deviation


def entry(result: Result, environment: Mapping[str, str], script_of: ScriptOf, name: str = "") -> Entry:
    """The entry of a result. `name` is the environment on a page with several."""
    case_id = result["case_id"]
    return Entry(
        id=_entry_id(result, name),
        kind=result["verdict"],
        mark=mark(result["verdict"]),
        title=f"{case_id} on {name}" if name else case_id,
        summary=brief(result),
        lines=list(_lines(result)),
        tables=[_checks(result["checks"])] if result["checks"] else [],
        drawing=drawing_of(result["picture"]) if result["picture"] else None,
        code=list(_code(result, environment, script_of)),
        links=[known.upstream for known in known_differences() if known.id == result["known"] and known.upstream],
    )


def _entry_id(result: Result, name: str) -> str:
    """The id of a result on a page of one environment, or of several."""
    return f"{result['case_id']}@{name}" if name else str(result["case_id"])


def _lines(result: Result) -> Iterator[tuple[str, str]]:
    lines = [("reason", result["reason"])]
    lines += [(check["check"], check["message"]) for check in result["checks"]]
    lines += [("could not be explained", result["not_explained"])]
    lines += [("diagnosis", f"matches {in_words(name)}") for name in result["explained_by"][:3]]
    lines += [
        (f"known since {known.seen}", f"{known.summary}: {known.reason}")
        for known in known_differences()
        if known.id == result["known"]
    ]
    lines += [("what ran", result["path"]), ("asked for, did not run", result["not_run"])]
    lines += [("smallest case that still differs", result["minimal"])]
    return ((name, text) for name, text in lines if text)


def _checks(checks: Sequence[Mapping[str, Any]]) -> Table:
    rows = [
        (
            check["check"],
            check["verdict"],
            in_sigma(check["worst"]),
            in_sigma(check["rms"]),
            f"{check['size']:,}" if check["size"] else "",
        )
        for check in checks
    ]
    return Table(title="checks", columns=("check", "verdict", "worst", "root mean square", "numbers"), rows=rows, numeric=(2, 3, 4))


def _code(result: Result, environment: Mapping[str, str], script_of: ScriptOf) -> Iterator[Code]:
    """The command that runs the case again, and the script of the smallest case, if there is one."""
    case_id = result["minimal"] or result["case_id"]
    yield Code(title="ask it again", text=rerun_command(result["case_id"], environment))
    if script := script_of(case_id, environment):
        yield Code(title=script.title, text=script.code)


def rerun_command(case_id: str, environment: Mapping[str, str]) -> str:
    """The command that runs a case on the same implementation again."""
    implementation = environment.get("implementation", "")
    deviation = implementation.removeprefix("lstm_ref with ")
    options = (
        {"environment": environment["environment"]} if "environment" in environment else {"backend": environment.get("backend")}
    )
    options |= {"deviation": deviation if deviation != implementation else None}
    arguments = [f"--{name} {shlex.quote(value)}" for name, value in options.items() if value]
    arguments += ["--fused"] if implementation.startswith("lstm_ref, fused") else []
    return " ".join(["lstm-conformance verify --case", shlex.quote(case_id), *arguments])


def groups_without_entries(results: Sequence[Result], name: str = "") -> list[Group]:
    """Groups of the results that pass, by family, and of the unsupported ones, by reason."""
    groups: dict[tuple[str, str], list[Result]] = collections.defaultdict(list)
    for result in results:
        if result["verdict"] in WITHOUT_ENTRY:
            groups[result["verdict"], result["reason"] or result["group"]].append(result)
    prefix = f"{name}: " if name else ""
    return [
        Group(
            kind=verdict,
            mark=mark(verdict),
            title=f"{prefix}{title}{_worst_of(members)}",
            members=[(_entry_id(result, name), "") for result in members],
        )
        for (verdict, title), members in groups.items()
    ]


def _worst_of(results: Sequence[Result]) -> str:
    worst = [float(check["worst"]) for result in results for check in result["checks"] if check["worst"] is not None]
    return f", worst {in_sigma(max(worst))}" if worst else ""
