"""Words for a change, made from what its JSON holds: the terminal, Markdown and the HTML page show the same ones."""

import collections
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from conformance.judging.verdict import Verdict
from conformance.upgrade.change import FirstDifference
from conformance.upgrade.references import CONVENTIONS, known_summary
from lstm_ref import LSTMError
from lstm_ref.deviations import summary_of

_LONGEST_REASON = 80

_WORDS: Mapping[str, str] = {
    Verdict.PASS: "right",
    Verdict.FAIL: "wrong",
    Verdict.ERROR: "crash",
    Verdict.UNRESOLVED: "not settled",
    Verdict.UNSUPPORTED: "not there",
    Verdict.KNOWN_DIFFERENCE: "wrong, as known",
    Verdict.FIXED: "right",
}


def versions_of(environment: Mapping[str, str]) -> str:
    """Versions and backend of one side, in one line."""
    hidden = ("name", "suite", "platform", "conventions", "recorded")
    return ", ".join(f"{name} {value}" for name, value in environment.items() if name not in hidden)


def kernel_changes(paths: Iterable[tuple[str, str]]) -> list[tuple[str, str, str]]:
    """Kernel before, kernel after and number of cases, where another kernel computes the sequence now.

    `paths` are what ran on both sides, per case; a side that did not answer has none.
    """
    kernels = collections.Counter((was.rpartition("; ")[2], now.rpartition("; ")[2]) for was, now in paths if was and now)
    return [(was, now, f"{count:,}") for (was, now), count in kernels.most_common() if was != now]


def result_text(result: Mapping[str, Any]) -> str:
    """The result of one side, in a few words."""
    word = _WORDS[result["verdict"]]
    if result["explained_by"] or result["known"]:
        known = ", as known" * bool(result["known"])
        return f"{word}{known}: {next(iter(result['explained_by']), result['known'])}"
    reason = result["reason"]
    if len(reason) > _LONGEST_REASON:
        reason = f"{reason[: _LONGEST_REASON - 1]}…"
    reason = reason or next((check["check"] for check in result["checks"] if check["message"]), "")
    return f"{word}: {reason}" if reason else word


def details_of(change: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """All that is known of a change, each line with its name."""
    yield "case", change["case_id"]
    if change["minimal"]:
        yield "smallest case", change["minimal"]
    for name, side in (("from", "before"), ("to", "after")):
        result = change[side]
        known = f"; known as {result['known']}: {known_summary(result['known'])}" if result["known"] else ""
        message = next((f" ({check['check']}: {check['message']})" for check in result["checks"] if check["message"]), "")
        kernel = f"; ran as {result['path']}" if result["path"] else ""
        yield name, f"{result_text(result)}{known}{message}{kernel}"
    if change["explained_by"]:
        yield "explained by", _explanation(change["explained_by"])
    if change["locus"]:
        yield "first difference", f"{FirstDifference(**change['locus'])} ({change['locus']['case_id']})"
    if change["apart"]:
        yield "apart", ", ".join(f"{name} {_in_sigma(float(worst))}" for name, worst in change["apart"].items()) + " of two runs"
    if change["no_script"]:
        yield "no script", change["no_script"]


def _in_sigma(worst: float) -> str:
    return f"{worst:.3g} σ" if worst < 1e6 else "more than 1e6 σ"


def _explanation(deviations: str) -> str:
    """What the deviations do, and why one is a convention; their names alone where a report has one that is not known here."""
    reasons = [CONVENTIONS[name] for name in deviations.split("+") if name in CONVENTIONS]
    try:
        return " ".join([f"{deviations}: {summary_of(deviations)}.", *reasons])
    except LSTMError:
        return deviations
