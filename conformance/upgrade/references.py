"""Known reasons of changes: deviations that were conventions of older versions, and changes in Keras' own repository."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

from packaging.version import Version

from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.judging.verdict import Result
from conformance.known.known_differences import EARLIER_FILE, KnownDifference, covering_entries, known_differences
from conformance.upgrade.change import Change, item_of


def _read(name: str) -> Mapping[str, Any]:
    return tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))


# Deviation → why it is a convention and no mistake.
CONVENTIONS: Mapping[str, str] = MappingProxyType(
    {entry["deviation"]: entry["reason"] for entry in _read("conventions.toml")["convention"]}
)


@dataclass(frozen=True, kw_only=True)
class Upstream:
    """A change in Keras' own repository.

    Attributes:
        address: of the pull request.
        summary: the change in one sentence.
        since: the first version that has it.
        backends: that it affects; empty for all.
        fact: subject of the API's fact that it changes; "" for none.
        when: feature → values of the cases that it affects; empty for none.
    """

    address: str
    summary: str
    since: Version
    backends: tuple[str, ...] = ()
    fact: str = ""
    when: Mapping[str, tuple[Any, ...]]

    def lies_between(self, before: Mapping[str, str], after: Mapping[str, str]) -> bool:
        """Whether only one of two environments of the same major version has it."""
        versions = [Version(environment.get("keras", "0")) for environment in (before, after)]
        applies = not self.backends or {before.get("backend"), after.get("backend")} <= {*self.backends}
        return (
            applies
            and {version.major for version in versions} == {self.since.major}
            and min(versions) < self.since <= max(versions)
        )

    def affects(self, case: Case) -> bool:
        """Whether it affects the result of such a case."""
        values = {feature.name: case.feature(feature) for feature in FEATURES}
        return bool(self.when) and all(values[name] in allowed for name, allowed in self.when.items())


UPSTREAM: tuple[Upstream, ...] = tuple(
    Upstream(
        address=entry["address"],
        summary=entry["summary"],
        since=Version(entry["since"]),
        backends=tuple(entry.get("backends", ())),
        fact=entry.get("fact", ""),
        when={name: tuple(values) for name, values in entry.get("when", {}).items()},
    )
    for entry in _read("upstream.toml")["upstream"]
)


def known_of(result: Result, environment: Mapping[str, str]) -> list[KnownDifference]:
    """The known differences that explain all of a result's difference."""
    return [entry for entry in covering_entries(result.case_id, environment) if entry.explains(result, environment)]


def known_summary(known: str) -> str:
    """The summary of the known difference with that id; "" where there is none."""
    entries = (*known_differences(), *known_differences(EARLIER_FILE))
    return next((entry.summary for entry in entries if entry.id == known), "")


def upstream_of(change: Change, before: Mapping[str, str], after: Mapping[str, str]) -> Change:
    """The change with its addresses in Keras' repository: of known differences, and of changes between the two versions."""
    known = [*known_of(change.before, before), *known_of(change.after, after)]
    addresses = [entry.upstream for entry in known if entry.upstream]
    case = item_of(change.case_id)
    between = [entry for entry in UPSTREAM if isinstance(case, Case) and entry.lies_between(before, after) and entry.affects(case)]
    addresses += [entry.address for entry in between]
    return replace(change, upstream=tuple(dict.fromkeys(addresses)))


def reference_lines(addresses: Iterable[str]) -> list[str]:
    """A line for each address, once, with the summary where it is known."""
    summaries = {entry.address: f" ({entry.summary}, since {entry.since})" for entry in UPSTREAM}
    return [f"upstream: {address}{summaries.get(address, '')}" for address in dict.fromkeys(addresses)]
