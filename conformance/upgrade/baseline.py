"""The changes that a user has looked at and expects: a file to record, to review and to keep, as a lock file is."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import tomli_w

from conformance.judging.verdict import Result, Verdict
from conformance.report.documents import FORMATS, check, version, without_infinity
from conformance.report.files import write_text
from conformance.system.refusals import could_not_be
from conformance.upgrade.change import Change, Kind
from conformance.upgrade.errors import Errors
from conformance.upgrade.facts import FactChange
from conformance.upgrade.report import UpgradeReport
from lstm_ref import LSTMError

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
        behaviour: what its case departs in; "API" for a fact.
        case: id of the case, or the fact: `argument use_cudnn`.
        cause: how each side came out, in words: what it raised, what it lacks, which facts are other ones.
        explained_by: the deviation or known difference that explains it; "" for none.
        errors: of what is wrong on a side, by that side and what they are of; empty where nothing is.
        reason: why it is expected; the user's own words.
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
        explained = f", explained by {self.explained_by}" if self.explained_by else ""
        off = f", off by {max(each.largest for each in self.errors.values()):.2g}" if self.errors else ""
        return f"{self.kind}: {self.behaviour} ({self.case}): {self.cause}{explained}{off}"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A report beside a baseline.

    Attributes:
        has_baseline: whether there is one.
        unexpected: changes that it does not hold, or not as they are.
        stale: changes that it holds and that no longer show, or not as they were.
        not_asked: how many it holds of cases that were not asked.
        complete: whether the run was whole, and compared anything.
    """

    has_baseline: bool
    unexpected: tuple[Entry, ...]
    stale: tuple[Entry, ...]
    not_asked: int
    complete: bool

    @property
    def as_expected(self) -> bool:
        """Whether the run is as it should be."""
        return self.complete and not self.unexpected and not self.stale

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        said: dict[str, Any] = without_infinity({**asdict(self), "as_expected": self.as_expected})
        return said


def judge(report: UpgradeReport, baseline: Sequence[Entry] | None) -> Judged:
    """What of a report is not as a baseline says; without one, nothing may change."""
    expected = [entry for entry in baseline or () if (entry.before, entry.after) == report.names]
    shown = [*_shown(report)]
    asked = _of_asked(expected, report)
    return Judged(
        has_baseline=baseline is not None,
        unexpected=tuple(each.entry for each in shown if not any(map(each.is_as, expected))),
        stale=tuple(entry for entry in asked if not any(each.is_as(entry) for each in shown)),
        not_asked=len(expected) - len(asked),
        complete=not report.stopped and not report.not_run and not report.unresolved and bool(report.compared),
    )


def _of_asked(entries: Sequence[Entry], report: UpgradeReport) -> list[Entry]:
    """Those of cases, and of facts, that the run has asked."""
    asked = {change.case_id for change in report.changes}
    return [entry for entry in entries if (report.knows_facts if entry.kind == Kind.API else entry.case in asked)]


@dataclass(frozen=True)
class _Shown:
    """A change that a run shows, as a baseline holds it, beside the change itself; None for a fact."""

    entry: Entry
    change: Change | None = None

    def is_as(self, recorded: Entry) -> bool:
        """Whether it is the recorded one: of the same case and cause, and as wrong; a name explains what no errors tell apart."""
        entry, errors = self.entry, self.change.errors if self.change else {}
        if (entry.kind, entry.case, entry.cause) != (recorded.kind, recorded.case, recorded.cause):
            return False
        if not recorded.errors.keys() <= errors.keys():
            return False
        told_apart = any(each.errors.means for each in errors.values())
        same = all(each.is_as(recorded.errors.get(name)) for name, each in errors.items())
        return same and (told_apart or entry.explained_by == recorded.explained_by)


def _shown(report: UpgradeReport) -> list[_Shown]:
    """Every change of a report, in the order of the ids."""
    cases = [_Shown(_entry(change, *report.names), change) for change in report.changed]
    facts = [_Shown(_entry_of_fact(fact, *report.names)) for fact in report.facts]
    return sorted([*facts, *cases], key=lambda shown: (shown.entry.kind, shown.entry.case))


def _entry(change: Change, before: str, after: str) -> Entry:
    return Entry(
        before=before,
        after=after,
        kind=change.kind,
        behaviour=change.behaviour,
        case=change.case_id,
        cause=f"{_cause(change.before)} → {_cause(change.after)}",
        explained_by=change.explained_by or change.after.known or change.before.known,
        errors={name: each.written for name, each in change.errors.items() if each.fails},
    )


def _entry_of_fact(fact: FactChange, before: str, after: str) -> Entry:
    cause = f"{fact.before} → {fact.after}"
    return Entry(before=before, after=after, kind=Kind.API, behaviour="API", case=fact.subject, cause=cause)


def _cause(result: Result) -> str:
    """How a side came out, without numbers that rounding changes: those are the errors."""
    if result.verdict is Verdict.ERROR:
        return f"crash: {_stable(result.reason)}"
    if result.verdict is Verdict.UNSUPPORTED:
        return f"not there: {_stable(result.reason)}"
    if result.verdict is Verdict.FAIL:
        facts = [f"{each.check}: {each.message}" for each in result.checks if each.verdict is Verdict.FAIL and each.worst is None]
        return ": ".join(["wrong", *filter(None, ["; ".join(facts)])])
    return "right"


# What an exception's words have that is not of it: addresses, folders, lines, and numbers that frameworks give to their objects.
_PASSING = (
    (r"0x[0-9a-fA-F]+", "0x…"),
    (r"(?<![\w/])(?:/[\w.+-]+)+/", "…/"),
    (r"\bline \d+", "line …"),
    (r"(?<=[A-Za-z])_\d+\b", "_…"),
)


def _stable(words: str) -> str:
    """An exception's words as the next run raises them, too.

    >>> _stable("ValueError: sequential_17 at 0x7f2a, in /tmp/x/y.py, line 3, has shape (4, 3)")
    'ValueError: sequential_… at 0x…, in …/y.py, line …, has shape (4, 3)'
    """
    for pattern, instead in _PASSING:
        words = re.sub(pattern, instead, words)
    return words


def read_baseline(path: Path) -> list[Entry]:
    """The entries of a file.

    Raises:
        LSTMError: there is no such file, or it is none; the message says what is wrong.
    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        made_by = FORMATS[FORMAT].replace("FILE", shlex.quote(str(path)))
        raise LSTMError(f"there is no baseline {path}; name another file, or record one with: {made_by}") from error
    except OSError as error:
        raise LSTMError(could_not_be("read", path, error)) from error
    except (ValueError, RecursionError) as error:
        why = " ".join(str(error).split())
        raise LSTMError(f"{path} is no baseline: {why}; name another file, or record one with: {FORMATS[FORMAT]}") from error
    made_by = f"{FORMATS[FORMAT].replace('FILE', shlex.quote(str(path)))}, once this file is deleted"
    return [_read(change) for change in check(said, path, FORMAT, made_by=made_by).get("change", [])]


def _read(change: Mapping[str, Any]) -> Entry:
    names = {_NAMES[name]: name for name in _NAMES}
    errors = {name: Errors(**{**each, "means": tuple(each["means"])}) for name, each in change.get("errors", {}).items()}
    return Entry(**{**{names.get(name, name): value for name, value in change.items()}, "errors": errors})


def write_baseline(report: UpgradeReport, path: Path) -> None:
    """Record the changes of a report in place of what is there of its cases: the reasons of the same changes stay.

    So does all that was not asked.

    Raises:
        LSTMError: the file is there and is no baseline.
        FileWriteError: it cannot be written.
    """
    before = read_baseline(path) if path.exists() else []
    of_these = _of_asked([entry for entry in before if (entry.before, entry.after) == report.names], report)
    kept = [entry for entry in before if entry not in of_these]
    recorded = [
        replace(each.entry, reason=next((entry.reason for entry in of_these if each.is_as(entry)), "")) for each in _shown(report)
    ]
    changes = [
        {_NAMES.get(name, name): value for name, value in asdict(entry).items() if name != "errors" or value}
        for entry in (*kept, *recorded)
    ]
    said = {"format": FORMAT, "format_version": version(FORMAT), "change": changes}
    write_text(_HEAD + tomli_w.dumps(said), path)


# A file says `from` and `to`, which are no names of Python's.
_NAMES = {"before": "from", "after": "to"}
