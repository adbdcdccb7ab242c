"""The baseline: a file of the changes that a user has reviewed and expects, kept like a lock file."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import tomli_w

from conformance.judging.verdict import Result, Verdict
from conformance.report.documents import FORMATS, check, load, version, without_infinity
from conformance.report.files import write_text
from conformance.upgrade.change import Change, Kind
from conformance.upgrade.errors import Errors
from conformance.upgrade.facts import FactChange
from conformance.upgrade.report import UpgradeReport

FORMAT = "baseline"

_HEAD = """# Changes of an LSTM between two versions, as reviewed. Made by
#     lstm-conformance upgrade FROM TO --baseline FILE --write-baseline
# A run with --baseline FILE fails on a change that is not here, or has another cause or other errors, and on one here that no
# longer shows. Each `reason` is yours.

"""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An expected change.

    Attributes:
        before, after: names of the two implementations.
        kind: of the change.
        behaviour: the features of the case that are not the usual ones; "API" for a fact.
        case: id of the case, or the fact: `argument use_cudnn`.
        cause: the results of both sides in words: the exception, the missing feature, the facts that differ.
        explained_by: the deviation or known difference that explains the change; "" for none.
        errors: of the wrong arrays, by side and name; empty where nothing is wrong.
        reason: why the user expects it, in the user's words.
    """

    before: str
    after: str
    kind: str
    behaviour: str
    case: str
    cause: str
    explained_by: str = ""
    errors: Mapping[str, Errors] = field(default_factory=dict)
    reason: str = ""

    def __str__(self) -> str:
        """In one line."""
        explanation = f", explained by {self.explained_by}" if self.explained_by else ""
        error = f", off by {max(errors.largest for errors in self.errors.values()):.2g}" if self.errors else ""
        return f"{self.kind}: {self.behaviour} ({self.case}): {self.cause}{explanation}{error}"


@dataclass(frozen=True, kw_only=True)
class BaselineComparison:
    """A report compared with a baseline.

    Attributes:
        has_baseline: whether the user gave a baseline.
        unexpected: changes that are not in the baseline, or differ from their entry.
        stale: entries of the baseline that the run does not show, or shows with a difference.
        not_asked: number of entries whose cases did not run.
        complete: whether all cases ran and at least one was compared.
    """

    has_baseline: bool
    unexpected: tuple[Entry, ...]
    stale: tuple[Entry, ...]
    not_asked: int
    complete: bool

    @property
    def as_expected(self) -> bool:
        """Whether the run is complete and equal to the baseline."""
        return self.complete and not self.unexpected and not self.stale

    def as_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        document: dict[str, Any] = without_infinity({**asdict(self), "as_expected": self.as_expected})
        return document


def judge(report: UpgradeReport, baseline: Sequence[Entry] | None) -> BaselineComparison:
    """Compare a report with a baseline; without a baseline no change is expected."""
    expected = [entry for entry in baseline or () if (entry.before, entry.after) == report.names]
    observed = _observed_changes(report)
    entries = _entries_of_run(expected, report)
    return BaselineComparison(
        has_baseline=baseline is not None,
        unexpected=tuple(change.entry for change in observed if not any(map(change.matches, expected))),
        stale=tuple(entry for entry in entries if not any(change.matches(entry) for change in observed)),
        not_asked=len(expected) - len(entries),
        complete=not report.stopped and not report.not_run and not report.unresolved and bool(report.compared),
    )


def _entries_of_run(entries: Sequence[Entry], report: UpgradeReport) -> list[Entry]:
    """The entries whose cases ran, or whose facts are known."""
    case_ids = {change.case_id for change in report.changes}
    return [entry for entry in entries if (report.knows_facts if entry.kind == Kind.API else entry.case in case_ids)]


@dataclass(frozen=True)
class _ObservedChange:
    """A change in a run: its baseline entry, and the change of the case; None for a fact."""

    entry: Entry
    change: Change | None = None

    def matches(self, recorded: Entry) -> bool:
        """Whether it has the same case, cause and errors; where errors have no means, the explanation must be the same too."""
        entry, errors = self.entry, self.change.errors if self.change else {}
        if (entry.kind, entry.case, entry.cause) != (recorded.kind, recorded.case, recorded.cause):
            return False
        if not recorded.errors.keys() <= errors.keys():
            return False
        has_means = any(measured.errors.means for measured in errors.values())
        same = all(measured.matches(recorded.errors.get(name)) for name, measured in errors.items())
        return same and (has_means or entry.explained_by == recorded.explained_by)


def _observed_changes(report: UpgradeReport) -> list[_ObservedChange]:
    """Every change of a report, ordered by kind and case."""
    cases = [_ObservedChange(_entry(change, *report.names), change) for change in report.changed]
    facts = [_ObservedChange(_entry_of_fact(fact, *report.names)) for fact in report.facts]
    return sorted([*facts, *cases], key=lambda observed: (observed.entry.kind, observed.entry.case))


def _entry(change: Change, before: str, after: str) -> Entry:
    return Entry(
        before=before,
        after=after,
        kind=change.kind,
        behaviour=change.behaviour,
        case=change.case_id,
        cause=f"{_cause(change.before)} → {_cause(change.after)}",
        explained_by=change.explained_by or change.after.known or change.before.known,
        errors={name: measured.rounded for name, measured in change.errors.items() if measured.fails},
    )


def _entry_of_fact(fact: FactChange, before: str, after: str) -> Entry:
    cause = f"{fact.before} → {fact.after}"
    return Entry(before=before, after=after, kind=Kind.API, behaviour="API", case=fact.subject, cause=cause)


def _cause(result: Result) -> str:
    """The result of one side in words, without numbers that rounding changes: those are in the errors."""
    if result.verdict is Verdict.ERROR:
        return f"crash: {_without_run_specifics(result.reason)}"
    if result.verdict is Verdict.UNSUPPORTED:
        return f"not there: {_without_run_specifics(result.reason)}"
    if result.verdict is Verdict.FAIL:
        failures = [
            f"{check.check}: {check.message}" for check in result.checks if check.verdict is Verdict.FAIL and check.worst is None
        ]
        return ": ".join(["wrong", *filter(None, ["; ".join(failures)])])
    return "right"


# Parts of a message that the next run changes: addresses, folders, line numbers, and numbers of a framework's objects.
_RUN_SPECIFIC = (
    (r"0x[0-9a-fA-F]+", "0x…"),
    (r"(?<![\w/])(?:/[\w.+-]+)+/", "…/"),
    (r"\bline \d+", "line …"),
    (r"(?<=[A-Za-z])_\d+\b", "_…"),
)


def _without_run_specifics(message: str) -> str:
    """The parts of an exception's message that are the same in every run.

    >>> _without_run_specifics("ValueError: sequential_17 at 0x7f2a, in /tmp/x/y.py, line 3, has shape (4, 3)")
    'ValueError: sequential_… at 0x…, in …/y.py, line …, has shape (4, 3)'
    """
    for pattern, replacement in _RUN_SPECIFIC:
        message = re.sub(pattern, replacement, message)
    return message


def read_baseline(path: Path) -> list[Entry]:
    """The entries of a file.

    Raises:
        DocumentError: the file does not exist or is no baseline; the message says what is wrong.
    """
    command = FORMATS[FORMAT].replace("FILE", shlex.quote(str(path)))
    made_by = f"{command}, once this file is deleted"
    document = load(path, command, is_toml=True)
    return [_entry_from_toml(change) for change in check(document, path, FORMAT, made_by=made_by).get("change", [])]


def _entry_from_toml(change: Mapping[str, Any]) -> Entry:
    names = {key: name for name, key in _TOML_KEYS.items()}
    errors = {name: Errors(**{**values, "means": tuple(values["means"])}) for name, values in change.get("errors", {}).items()}
    return Entry(**{**{names.get(name, name): value for name, value in change.items()}, "errors": errors})


def write_baseline(report: UpgradeReport, path: Path) -> None:
    """Record the changes of a report; they replace the file's entries of the same cases.

    The entries of other cases stay, and so do the reasons of the entries whose change is the same.

    Raises:
        DocumentError: the file exists and is no baseline.
        FileWriteError: the file cannot be written.
    """
    before = read_baseline(path) if path.exists() else []
    replaced = _entries_of_run([entry for entry in before if (entry.before, entry.after) == report.names], report)
    entries = [entry for entry in before if entry not in replaced]
    for observed in _observed_changes(report):
        reason = next((entry.reason for entry in replaced if observed.matches(entry)), "")
        entries.append(replace(observed.entry, reason=reason))
    changes = [
        {_TOML_KEYS.get(name, name): value for name, value in asdict(entry).items() if name != "errors" or value}
        for entry in entries
    ]
    write_text(_HEAD + tomli_w.dumps({"format": FORMAT, "format_version": version(FORMAT), "change": changes}), path)


# The keys in a file of `before` and `after`; Python reserves the word `from`.
_TOML_KEYS = {"before": "from", "after": "to"}
