"""Results, as JSON holds them, as what a page shows: entries to open, and groups of those that need no opening."""

from __future__ import annotations

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

# Differences that are alike of which each has a script and stands by itself; the others are opened in a group.
ALIKE = 3
# Those that nobody needs to open.
QUIET = (Verdict.PASS, Verdict.UNSUPPORTED)
_ORDER = (Verdict.UNRESOLVED, Verdict.FAIL, Verdict.ERROR, Verdict.FIXED, Verdict.KNOWN_DIFFERENCE)


@lru_cache(maxsize=10_000)
def case_of(case_id: str) -> Case | None:
    """The case, where the id is one: a probe's is none."""
    try:
        return Case.from_id(case_id)
    except LSTMError:
        return None


def features_of(case_ids: Iterable[str]) -> dict[str, str]:
    """The words of ids that speak of a feature, and what each says: `mask_left` → `mask left`."""
    words: dict[str, dict[str, str]] = {feature.name: {} for feature in FEATURES}
    named = {feature.name: feature for feature in FEATURES}
    for case in filter(None, map(case_of, case_ids)):
        for name, value in case.non_default_features.items():
            words[name][named[name].word_of(value)] = f"{name.replace('_', ' ')}: {value}"
    return {word: said for found in words.values() for word, said in found.items()}


def mark(verdict: str) -> Mark:
    """A verdict in its own words."""
    return Mark(verdict=verdict, text=verdict.replace("_", " "))


def tally(results: Sequence[Result], name: str = "") -> Mark | None:
    """The worst verdict of what is there, and how many there are of each; nothing where nothing ran."""
    if not results:
        return None
    counts = collections.Counter(Verdict(result["verdict"]) for result in results)
    said = " ".join(f"{SYMBOL[verdict]} {counts[verdict]:,}" for verdict in Verdict if counts[verdict])
    there = [verdict for verdict in counts if verdict is not Verdict.UNSUPPORTED]
    return Mark(verdict=worst_verdict(there or counts), text=f"{name} {said}".strip())


def differing(
    results: Sequence[Result], environment: Mapping[str, str], script_of: ScriptOf, name: str = ""
) -> tuple[list[Entry], list[Group]]:
    """What a reader opens: the first of those that are alike, what is unexpected before what is known; the others in groups."""
    entries: list[Entry] = []
    groups: list[Group] = []
    for alike in _alike(results):
        ordered = sorted(alike, key=lambda result: result["picture"] is None)
        entries += [entry(result, environment, script_of, name) for result in ordered[:ALIKE]]
        if others := ordered[ALIKE:]:
            verdict, title = others[0]["verdict"], f"as {ordered[0]['case_id']}: {brief(ordered[0])}"
            opened = [entry(each, environment, lambda *_: None, name) for each in others]
            groups.append(Group(kind=verdict, mark=mark(verdict), title=title, entries=opened))
    return entries, groups


def _alike(results: Sequence[Result]) -> list[list[Result]]:
    """Those that differ, together where they do in the same way."""
    ways: dict[tuple[str, ...], list[Result]] = collections.defaultdict(list)
    for result in results:
        if result["verdict"] not in QUIET:
            failing = (check["check"] for check in result["checks"] if check["verdict"] != Verdict.PASS)
            manner = (
                [result["known"]]
                if result["known"]
                else result["explained_by"][:1] or [result["reason"].partition(":")[0], *failing]
            )
            ways[result["verdict"], *manner].append(result)
    return sorted(ways.values(), key=lambda alike: (_ORDER.index(alike[0]["verdict"]), -len(alike)))


def brief(result: Result) -> str:
    """Why a result is not as it should be, in a line."""
    if result["known"]:
        return f"known difference {result['known']}"
    if result["explained_by"]:
        return f"matches the reference if {_summary(result['explained_by'][0])}"
    return _first(result)


def _first(result: Result) -> str:
    messages = (check["message"] for check in result["checks"] if check["message"])
    return result["reason"] or next(messages, "")


def _summary(deviation: str) -> str:
    """What a deviation does; its name alone where the registry has no such one."""
    try:
        return summary_of(deviation)
    except LSTMError:
        return deviation


def entry(result: Result, environment: Mapping[str, str], script_of: ScriptOf, name: str = "") -> Entry:
    """All that is known of one result; `name` tells the environment from others on the page."""
    case_id = result["case_id"]
    return Entry(
        id=_named(result, name),
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


def _named(result: Result, name: str) -> str:
    """The id of a case on a page of one environment, or of several."""
    return f"{result['case_id']}@{name}" if name else str(result["case_id"])


def _lines(result: Result) -> Iterator[tuple[str, str]]:
    said = [("reason", result["reason"])]
    said += [(check["check"], check["message"]) for check in result["checks"]]
    said += [("could not be explained", result["not_explained"])]
    said += [("diagnosis", f"matches the reference if {_summary(name)} ({name})") for name in result["explained_by"][:3]]
    said += [
        (f"known since {known.seen}", f"{known.summary}: {known.reason}")
        for known in known_differences()
        if known.id == result["known"]
    ]
    said += [("what ran", result["path"]), ("asked for, did not run", result["not_run"])]
    said += [("smallest case that still differs", result["minimal"])]
    return ((name, words) for name, words in said if words)


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
    """The command that asks it again, and the script of the smallest case, where there is one."""
    case_id = result["minimal"] or result["case_id"]
    yield Code(title="ask it again", text=rerun_command(result["case_id"], environment))
    if script := script_of(case_id, environment):
        yield Code(title=script.title, text=script.code)


def rerun_command(case_id: str, environment: Mapping[str, str]) -> str:
    """The command that asks a case of the same implementation."""
    implementation = environment.get("implementation", "")
    deviation = implementation.removeprefix("lstm_ref with ")
    options = (
        {"environment": environment["environment"]} if "environment" in environment else {"backend": environment.get("backend")}
    )
    options |= {"deviation": deviation if deviation != implementation else None}
    said = [f"--{name} {shlex.quote(value)}" for name, value in options.items() if value]
    said += ["--fused"] if implementation.startswith("lstm_ref, fused") else []
    return " ".join(["lstm-conformance verify --case", shlex.quote(case_id), *said])


def groups_without_entries(results: Sequence[Result], name: str = "") -> list[Group]:
    """Those that pass by family, those that are not there by reason."""
    found: dict[tuple[str, str], list[Result]] = collections.defaultdict(list)
    for result in results:
        if result["verdict"] in QUIET:
            found[result["verdict"], result["reason"] or result["group"]].append(result)
    on = f"{name}: " if name else ""
    return [
        Group(
            kind=verdict,
            mark=mark(verdict),
            title=f"{on}{title}{_worst_of(members)}",
            members=[(_named(each, name), "") for each in members],
        )
        for (verdict, title), members in found.items()
    ]


def _worst_of(results: Sequence[Result]) -> str:
    worst = [float(check["worst"]) for result in results for check in result["checks"] if check["worst"] is not None]
    return f", worst {in_sigma(max(worst))}" if worst else ""
