"""The changes that a user has looked at and expects: a file to record, to review and to keep, as a lock file is."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import tomli_w

from conformance.documents import check, version
from conformance.report.files import write_text
from conformance.upgrade.change import Kind
from conformance.upgrade.report import UpgradeReport
from lstm_ref import LSTMError

FORMAT = "baseline"

_HEAD = """# Changes of an LSTM between two versions, as reviewed. Made by
#     lstm-conformance upgrade FROM TO --baseline FILE --write-baseline
# A run with --baseline FILE fails on a change that is not here, and on one here that no longer shows. Each `reason` is yours.

"""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An expected change.

    Attributes:
        before, after: names of the two implementations.
        kind: of the change.
        behaviour: what its case departs in; "API" for a fact.
        case: id of the case, or the fact: `argument use_cudnn`.
        reason: why it is expected; the user's own words.
    """

    before: str
    after: str
    kind: str
    behaviour: str
    case: str
    reason: str = ""

    def __str__(self) -> str:
        """In one line."""
        return f"{self.kind}: {self.behaviour} ({self.case})"


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A report beside a baseline.

    Attributes:
        has_baseline: whether there is one.
        unexpected: changes that it does not hold.
        stale: changes that it holds and that no longer show.
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
        return {**asdict(self), "as_expected": self.as_expected}


def judge(report: UpgradeReport, baseline: Sequence[Entry] | None) -> Judged:
    """What of a report is not as a baseline says; without one, nothing may change."""
    expected = [entry for entry in baseline or () if (entry.before, entry.after) == report.names]
    shown = entries_of(report)
    asked = {change.case_id for change in report.changes}
    asked |= {entry.case for entry in expected if entry.kind == Kind.API and report.knows_facts}
    known = {_key(entry) for entry in expected}
    keys = {_key(entry) for entry in shown}
    return Judged(
        has_baseline=baseline is not None,
        unexpected=tuple(entry for entry in shown if _key(entry) not in known),
        stale=tuple(entry for entry in expected if entry.case in asked and _key(entry) not in keys),
        not_asked=sum(entry.case not in asked for entry in expected),
        complete=not report.stopped and not report.not_run and bool(report.compared),
    )


def entries_of(report: UpgradeReport) -> list[Entry]:
    """Every change of a report as a baseline holds it, in the order of the ids."""
    names = {"before": report.names[0], "after": report.names[1]}
    cases = [Entry(**names, kind=each.kind, behaviour=each.behaviour, case=each.case_id) for each in report.changed]
    facts = [Entry(**names, kind=Kind.API, behaviour="API", case=fact.subject) for fact in report.facts]
    return sorted([*facts, *cases], key=lambda entry: (entry.kind, entry.case))


def _key(entry: Entry) -> tuple[str, str]:
    return entry.kind, entry.case


def read_baseline(path: Path) -> list[Entry]:
    """The entries of a file.

    Raises:
        LSTMError: there is no such file, or it is none; the message says what is wrong.
    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise LSTMError(f"there is no baseline {path}; record one with: --baseline {path} --write-baseline") from error
    except (OSError, ValueError, RecursionError) as error:
        raise LSTMError(f"{path} is no baseline: {error}; name another file, or record one with --write-baseline") from error
    changes = check(said, path, FORMAT).get("change", [])
    names = {_NAMES[name]: name for name in _NAMES}
    return [Entry(**{names.get(name, name): value for name, value in change.items()}) for change in changes]


def write_baseline(report: UpgradeReport, path: Path) -> None:
    """Record the changes of a report: those of the same two names are replaced, with their reasons, and all others stay.

    Raises:
        LSTMError: the file is there and is no baseline.
        UnwrittenError: it cannot be written.
    """
    before = read_baseline(path) if path.exists() else []
    reasons = {(entry.before, entry.after, *_key(entry)): entry.reason for entry in before}
    others = [entry for entry in before if (entry.before, entry.after) != report.names]
    recorded = [replace(each, reason=reasons.get((each.before, each.after, *_key(each)), "")) for each in entries_of(report)]
    changes = [{_NAMES.get(name, name): value for name, value in asdict(entry).items()} for entry in (*others, *recorded)]
    said = {"format": FORMAT, "format_version": version(FORMAT), "change": changes}
    write_text(_HEAD + tomli_w.dumps(said), path)


# A file says `from` and `to`, which are no names of Python's.
_NAMES = {"before": "from", "after": "to"}
