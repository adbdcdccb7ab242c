"""Differences that released Keras versions are known to have: dated data with version ranges, each shown by a run.

`known_differences.toml` holds them. A case that differs as an entry says is a KNOWN_DIFFERENCE; one that an entry covers and that
passes is FIXED, which is red until the entry's version range is closed. Nothing else is excused.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

from packaging.version import Version

from conformance.case import Case
from conformance.features import FEATURES
from conformance.verdict import Result, Verdict
from lstm_ref import LSTMError

FILE = Path(__file__).with_name("known_differences.toml")
# Those that no current version has: of systems that environments and recordings bring back.
EARLIER = FILE.with_name("earlier_differences.toml")
# Passing cases that are no chance any more.
MANY = 10

_SIZES = ("units", "input_dim", "timesteps", "batch")
_CONDITIONS = {feature.name for feature in FEATURES} | {*_SIZES, "probe", "backend"}


class Kind(StrEnum):
    """What sort of difference an entry records."""

    WRONG_RESULT = "wrong result"
    CRASH = "crash"
    DOCUMENTATION = "documentation"
    CONVENTION = "convention"
    PRECISION = "precision"


@dataclass(frozen=True, kw_only=True)
class KnownDifference:
    """One entry.

    Attributes:
        id: stable and readable.
        kind: what sort of difference.
        summary: what is different, in one sentence.
        reason: where in Keras it comes from.
        backends: on which it was seen.
        first, last: the versions of `package` between which it was seen, both included.
        seen: the date of that run.
        when: which cases it covers: feature, size, probe or backend → values; one of several such conditions is enough.
        checks: names of the checks that fail, any of them.
        within: the largest absolute error that the entry speaks of; what differs by more differs otherwise.
        error: a regular expression of the exception, where Keras raises one.
        evidence: id of a minimal case that shows it.
        script: shows it with Keras alone, where a script made from the evidence cannot.
        upstream: address of Keras' own issue, where there is one.
        package: the package whose versions are meant.
        implementation: which alone it is seen in, as an adapter names it; "" for whatever has the package.
        sometimes: why a covered case may pass; empty where each one differs. Such an entry is fixed when no case shows it.
    """

    id: str
    kind: Kind
    summary: str
    reason: str
    backends: tuple[str, ...]
    first: Version
    last: Version
    seen: str
    when: tuple[Mapping[str, Sequence[Any]], ...]
    checks: tuple[str, ...] = ()
    within: float = math.inf
    error: str = ""
    evidence: str
    script: str = ""
    upstream: str = ""
    sometimes: str = ""
    package: str = "keras"
    implementation: str = ""

    def covers(self, values: Mapping[str, Any], backend: str, version: Version) -> bool:
        """Whether a case with these features, on that backend and version, must show it."""
        here = backend in self.backends and self.first <= version <= self.last
        here_values = {**values, "backend": backend}
        return here and any(
            all(_holds(name, here_values.get(name), allowed) for name, allowed in each.items()) for each in self.when
        )

    def is_of(self, environment: Mapping[str, str]) -> bool:
        """Whether what runs there is what the entry speaks of, in some version."""
        return self.package in environment and self.implementation in ("", environment.get("implementation", ""))

    def explains(self, result: Result) -> bool:
        """Whether a result that is not as expected differs as the entry says, and in nothing else."""
        if result.verdict is Verdict.ERROR:
            return bool(self.error) and re.search(self.error, result.reason) is not None
        failed = [check for check in result.checks if check.verdict is not Verdict.PASS]
        said = all(check.check in self.checks and check.largest <= self.within for check in failed)
        return result.verdict is Verdict.FAIL and said


def _holds(name: str, value: Any, allowed: Sequence[Any]) -> bool:
    """Whether a condition holds; a probe's id may be given as a pattern."""
    return any(fnmatch(str(value), pattern) for pattern in allowed) if name == "probe" else value in allowed


@cache
def known_differences(file: Path = FILE) -> tuple[KnownDifference, ...]:
    """The entries of the file, validated.

    Raises:
        LSTMError: the file is no such file; the message says which entry and what is wrong.
    """
    with file.open("rb") as opened:
        try:
            entries = tomllib.load(opened).get("difference", [])
        except (ValueError, RecursionError) as error:
            raise LSTMError(f"{file.name}: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise LSTMError(f"{file.name}: `difference` must be a list of tables, each under [[difference]]")
    known = tuple(_entry(number, fields) for number, fields in enumerate(entries, 1))
    repeated = {one.id for one in known if [other.id for other in known].count(one.id) > 1}
    if repeated:
        raise LSTMError(f"{file.name}: several entries have the id {', '.join(sorted(repeated))}")
    return known


def covering_entries(
    case_id: str, environment: Mapping[str, str], known: Iterable[KnownDifference] | None = None
) -> list[KnownDifference]:
    """The entries that say something of a case on an implementation."""
    entries = [*known_differences(), *known_differences(EARLIER)] if known is None else known
    here = [entry for entry in entries if entry.is_of(environment)]
    values = values_of(case_id) if here else {}
    return [entry for entry in here if entry.covers(values, environment.get("backend", ""), Version(environment[entry.package]))]


def classify(result: Result, environment: Mapping[str, str], known: Iterable[KnownDifference] | None = None) -> Result:
    """The result, as known where an entry says so, or as fixed where an entry says that it must differ and it does not."""
    if result.verdict not in (Verdict.PASS, Verdict.FAIL, Verdict.ERROR):
        return result
    covering = covering_entries(result.case_id, environment, known)
    if result.verdict is Verdict.PASS:
        return _fixed(result, [entry.id for entry in covering if not entry.sometimes])
    for entry in covering:
        if entry.explains(result):
            return replace(result, verdict=Verdict.KNOWN_DIFFERENCE, reason=f"{entry.id}: {entry.summary}", known=entry.id)
    return result


def mark_fixed(results: Sequence[Result], environment: Mapping[str, str]) -> list[Result]:
    """All results of a run, those as fixed that an entry with `sometimes` covers, where the run says that it no longer shows.

    A single covered case that passes may do so by chance: the entry's own evidence must pass, or MANY of its cases and no other.
    """
    shown, backend = {result.known for result in results}, environment.get("backend", "")
    entries = (entry for entry in (*known_differences(), *known_differences(EARLIER)) if entry.is_of(environment))
    doubtful = [entry for entry in entries if entry.sometimes and entry.id not in shown]
    passed = {result.case_id: values_of(result.case_id) for result in results if result.verdict is Verdict.PASS} if doubtful else {}
    gone: dict[str, list[str]] = {}
    for entry in doubtful:
        version = Version(environment[entry.package])
        covered = [case_id for case_id, values in passed.items() if entry.covers(values, backend, version)]
        if entry.evidence in covered or len(covered) >= MANY:
            for case_id in covered:
                gone.setdefault(case_id, []).append(entry.id)
    return [_fixed(result, gone.get(result.case_id, [])) for result in results]


def _fixed(result: Result, ids: Sequence[str]) -> Result:
    reason = f"{', '.join(ids)}: no difference any more; close the version range of this entry"
    return replace(result, verdict=Verdict.FIXED, reason=reason) if ids else result


def values_of(case_id: str) -> dict[str, Any]:
    """What conditions can ask of a case: its features and sizes; of a probe, its id."""
    if case_id.startswith("probe-"):
        return {"probe": case_id}
    case = Case.from_id(case_id)
    sizes = {"units": case.config.units, **{name: getattr(case, name) for name in _SIZES[1:]}}
    return sizes | {feature.name: case.feature(feature) for feature in FEATURES}


def _entry(number: int, fields: Mapping[str, Any]) -> KnownDifference:
    name = fields.get("id", f"number {number}")
    try:
        entry = KnownDifference(
            **{
                **fields,
                "kind": Kind(fields["kind"]),
                "backends": tuple(fields["backends"]),
                "first": Version(fields["first"]),
                "last": Version(fields["last"]),
                "seen": str(fields["seen"]),
                "when": tuple(fields["when"]),
                "checks": tuple(fields.get("checks", ())),
            }
        )
    except (KeyError, TypeError, ValueError) as error:
        raise LSTMError(f"{FILE.name}, entry {name}: {type(error).__name__}: {error}") from error
    unknown = {
        str(name)
        for each in entry.when
        for name, values in (each.items() if isinstance(each, dict) else [(each, None)])
        if name not in _CONDITIONS or not isinstance(values, list)
    }
    if unknown or not entry.when:
        raise LSTMError(
            f"{FILE.name}, entry {name}: `when` needs lists of values of features or sizes of a case; "
            f"got {', '.join(sorted(unknown)) or 'nothing'}"
        )
    if not entry.error and not entry.checks:
        raise LSTMError(f"{FILE.name}, entry {name}: a difference is an `error`, or fails `checks`")
    return entry
