"""Differences that released Keras versions are known to have: dated data with version ranges, each shown by a run.

`known_differences.toml` holds them. A case that differs as an entry says is a KNOWN_DIFFERENCE; one that an entry covers and that
passes is FIXED, which is red until the entry's version range is closed. Nothing else is excused: an exception is known by its type
and by words that only this fault has, a wrong result by what explains its values, or by the least that they are held to. A fault
of where the case was run (`infrastructure`) is no difference of Keras, whatever an entry says.
"""

from __future__ import annotations

import itertools
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import Any

from packaging.version import Version

from conformance.adapters.conventions import DEFAULT_CONVENTIONS
from conformance.adapters.keras.backends import CONVENTIONS
from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.environments import DESCRIBED_BY
from conformance.judging.verdict import CheckResult, Result, Verdict
from conformance.reference.tolerance import ELEMENT_LIMIT, RMS_LIMIT, UNIT_ROUNDOFF
from conformance.system.infrastructure import CRASH_SIGNALS, crash_signal, infrastructure_fault
from lstm_ref import LSTMError
from lstm_ref.deviations import DEVIATIONS

FILE = Path(__file__).with_name("known_differences.toml")
# Those that no current version has: of systems that environments and recordings bring back.
EARLIER_FILE = FILE.with_name("earlier_differences.toml")
# What holds the numbers of a wrong result to what its entry describes; the last of them says why nothing does.
_LIMIT_FIELDS = ("explained_by", "computed_in", "within", "not_finite", "unheld")

_SIZES = ("units", "input_dim", "timesteps", "batch")
_CONDITIONS = {feature.name for feature in FEATURES} | {*_SIZES, "probe", "backend"}


class Kind(StrEnum):
    """What sort of difference an entry records."""

    WRONG_RESULT = "wrong result"
    CRASH = "crash"
    DOCUMENTATION = "documentation"
    CONVENTION = "convention"
    PRECISION = "precision"


# What Keras puts around the message of any exception, and what it says behind it of the call's arguments.
_GENERIC_WORDS = re.compile(
    r"Exception encountered( when calling)?|Unable to automatically build the model|Please build it yourself before calling|"
    r"Arguments received by|\b\w*(Error|Exception)\b"
)
_ARGUMENTS = re.compile(r"\b(Call a|A)rguments received by ")
# What Keras raises in place of what a model raised that it builds itself, whose message alone it keeps.
_REBUILT = "RuntimeError: Unable to automatically build the model. "
# Letters, and words of them, that no two faults are likely to share.
_LETTERS, _WORDS = 12, 2


@dataclass(frozen=True, kw_only=True)
class KnownError:
    """An exception as one fault raises it.

    Attributes:
        type: name of its class.
        words: phrases that its message holds, each as it stands and in this order.

    Raises:
        LSTMError: the words may be those of other faults too, or both are those of a fault of infrastructure.
    """

    type: str
    words: tuple[str, ...]

    def __post_init__(self) -> None:
        said = _GENERIC_WORDS.sub(" ", " ".join(self.words))
        own = re.findall(r"[^\W\d_]{2,}", said)
        if not self.type.isidentifier() or len("".join(own)) < _LETTERS or len(own) < _WORDS or not all(self.words):
            raise LSTMError(
                f"an error needs the `type` of its exception and `words` that only this fault has, {_WORDS} or more of {_LETTERS} "
                f"letters beside what Keras says of any exception; got type {self.type!r} and words {list(self.words)}"
            )
        fault = infrastructure_fault(f"{self.type}: {said}") or infrastructure_fault(said)
        if fault is not None:
            raise LSTMError(
                f"an error that says that {fault} is no difference of Keras; got type {self.type!r}, words {list(self.words)}"
            )

    def matches(self, reason: str) -> bool:
        """Whether an exception in one line, as a result keeps it, is this one."""
        name, _, message = reason.partition(": ")
        pattern = ".*".join(map(re.escape, self.words))
        return (name == self.type or reason.startswith(_REBUILT)) and re.search(pattern, _ARGUMENTS.split(message)[0]) is not None


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownDifference:
    """One entry.

    An entry of a crash has `errors` or `ends`. One of wrong results has `checks`; numbers that they compare are held by
    `explained_by`, `computed_in`, `within` or `not_finite`, any of them, and facts by `messages`.

    Attributes:
        id: stable and readable.
        kind: what sort of difference.
        summary: what is different, in one sentence.
        reason: where in Keras it comes from.
        backends: on which it was seen.
        first, last: the versions of `package` between which it was seen, both included.
        seen: the date of that run.
        when: which cases it covers: feature, size, probe or backend → values; one of several such conditions is enough.
        errors: the exceptions, any of them, where Keras raises one.
        ends: how the process ends, where Keras ends it: one of `infrastructure.ENDINGS`.
        checks: names of the checks that fail, any of them.
        explained_by: deviations, any of which turns the reference into what was observed.
        computed_in: a lower precision, in which a correct run may be as far off.
        within: the largest absolute error.
        not_finite: only where what is expected or what was got is not finite do they differ.
        messages: of checks of facts, or of arrays that have no comparable shapes: phrases, any of which their message holds.
        unheld: why the size of the error is left open, where none of these holds it.
        evidence: id of a minimal case that shows it.
        script: shows it with Keras alone, where a script made from the evidence cannot.
        upstream: address of Keras' own issue, where there is one.
        package: the package whose versions are meant.
        implementation: which alone it is seen in, as an adapter names it; "" for whatever has the package.
        sometimes: why a covered case may pass; empty where each one differs. Such an entry is fixed when no case shows it.
        many: passing cases, of such an entry, that are no chance any more.
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
    errors: tuple[KnownError, ...] = ()
    ends: str = ""
    checks: tuple[str, ...] = ()
    explained_by: tuple[str, ...] = ()
    computed_in: str = ""
    within: float = 0.0
    not_finite: bool = False
    messages: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unheld: str = ""
    evidence: str
    script: str = ""
    upstream: str = ""
    sometimes: str = ""
    many: int = 10
    package: str = "keras"
    implementation: str = ""

    def covers(self, values: Mapping[str, Any], backend: str, version: Version) -> bool:
        """Whether a case with these features, on that backend and version, must show it."""
        here = backend in self.backends and self.first <= version <= self.last
        here_values = {**values, "backend": backend}
        return here and any(
            all(_condition_holds(name, here_values.get(name), allowed) for name, allowed in each.items()) for each in self.when
        )

    def matches(self, environment: Mapping[str, str]) -> bool:
        """Whether what runs there is what the entry speaks of, in some version."""
        return self.package in environment and self.implementation in ("", environment.get("implementation", ""))

    def explains(self, result: Result, environment: Mapping[str, str]) -> bool:
        """Whether a result that is not as expected differs as the entry says, and in nothing else."""
        if result.verdict is Verdict.FAIL:
            failed = [check for check in result.checks if check.verdict is not Verdict.PASS]
            return all(self.excuses(check, result, environment) for check in failed)
        if infrastructure_fault(result.reason) is not None:
            return self.ends != "" and self.ends == crash_signal(result.reason)
        return any(error.matches(result.reason) for error in self.errors)

    def excuses(self, check: CheckResult, result: Result, environment: Mapping[str, str]) -> bool:
        """Whether a check that fails is one of the entry's, and fails in its manner."""
        if check.check not in self.checks:
            return False
        if any(name in self.explained_by for explanation in result.explained_by for name in explanation.split("+")):
            return True
        if check.worst is None or check.rms is None:
            return any(phrase in check.message for phrase in self.messages.get(check.check, ()))
        sigma_factor = self.sigma_factor(result.case_id, environment)
        if check.worst <= sigma_factor * ELEMENT_LIMIT and check.rms <= sigma_factor * RMS_LIMIT:
            return True
        return check.largest <= self.within or (self.not_finite and check.not_finite) or self.unheld != ""

    def sigma_factor(self, case_id: str, environment: Mapping[str, str]) -> float:
        """By how much the precision that the entry speaks of is coarser than the one that a case asks for; 0 where of none."""
        if not self.computed_in or case_id.startswith("probe-"):
            return 0.0
        usual = CONVENTIONS.get(environment.get("backend", ""), DEFAULT_CONVENTIONS).compute_dtype(Case.from_id(case_id).precision)
        return UNIT_ROUNDOFF[self.computed_in] / UNIT_ROUNDOFF[usual]


def _condition_holds(name: str, value: Any, allowed: Sequence[Any]) -> bool:
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
    entries = [*known_differences(), *known_differences(EARLIER_FILE)] if known is None else known
    here = [entry for entry in entries if entry.matches(environment)]
    values = condition_values(case_id) if here else {}
    return [entry for entry in here if entry.covers(values, environment.get("backend", ""), Version(environment[entry.package]))]


def classify(result: Result, environment: Mapping[str, str], known: Iterable[KnownDifference] | None = None) -> Result:
    """The result, as known where an entry says so, or as fixed where an entry says that it must differ and it does not."""
    if result.verdict in (Verdict.UNSUPPORTED, Verdict.KNOWN_DIFFERENCE, Verdict.FIXED):
        return result
    covering = covering_entries(result.case_id, environment, known)
    if result.verdict is Verdict.PASS:
        return _as_fixed(result, [entry.id for entry in covering if not entry.sometimes])
    shown = [entry for entry in covering if entry.explains(result, environment)][:1] or _combined_entries(
        result, covering, environment
    )
    if not shown:
        return result
    reason = "; ".join(f"{entry.id}: {entry.summary}" for entry in shown)
    return replace(result, verdict=Verdict.KNOWN_DIFFERENCE, reason=reason, known=shown[0].id)


def _combined_entries(result: Result, covering: Sequence[KnownDifference], environment: Mapping[str, str]) -> list[KnownDifference]:
    """The entries that a case shows at once, each of whose failing checks one of them excuses; none where one is left over."""
    failed = [check for check in result.checks if check.verdict is Verdict.FAIL]
    excusing = [[entry for entry in covering if entry.excuses(check, result, environment)][:1] for check in failed]
    return list(dict.fromkeys(entry for found in excusing for entry in found)) if all(excusing) else []


def expected_precision(case_id: str, environment: Mapping[str, str]) -> float:
    """By how much σ of a case is larger, at least 1, where it is computed as coarsely as entries say."""
    return max((1.0, *(entry.sigma_factor(case_id, environment) for entry in covering_entries(case_id, environment))))


def expected_deviations(case_id: str, environment: Mapping[str, str]) -> list[str]:
    """What turns the reference into an implementation that differs in a case as entries say: one or several of them at once.

    Each is a deviation, or several joined by +, on top of what the implementation is described by.
    """
    entries = [entry.explained_by for entry in covering_entries(case_id, environment) if entry.explained_by]
    described = environment.get(DESCRIBED_BY, "")
    chosen = itertools.product(*(("", *names) for names in dict.fromkeys(entries)))
    return ["+".join(filter(None, (described, *names))) for names in chosen if any(names)]


def mark_fixed(results: Sequence[Result], environment: Mapping[str, str]) -> list[Result]:
    """All results of a run, those as fixed that an entry with `sometimes` covers, where the run says that it no longer shows.

    A single covered case that passes may do so by chance: the entry's own evidence must pass, or `many` of its cases and no other.
    """
    shown, backend = {result.known for result in results}, environment.get("backend", "")
    entries = (entry for entry in (*known_differences(), *known_differences(EARLIER_FILE)) if entry.matches(environment))
    doubtful = [entry for entry in entries if entry.sometimes and entry.id not in shown]
    passed = (
        {result.case_id: condition_values(result.case_id) for result in results if result.verdict is Verdict.PASS}
        if doubtful
        else {}
    )
    gone: dict[str, list[str]] = {}
    for entry in doubtful:
        version = Version(environment[entry.package])
        covered = [case_id for case_id, values in passed.items() if entry.covers(values, backend, version)]
        if entry.evidence in covered or len(covered) >= entry.many:
            for case_id in covered:
                gone.setdefault(case_id, []).append(entry.id)
    return [_as_fixed(result, gone.get(result.case_id, [])) for result in results]


def _as_fixed(result: Result, ids: Sequence[str]) -> Result:
    reason = f"{', '.join(ids)}: no difference any more; close the version range of this entry"
    return replace(result, verdict=Verdict.FIXED, reason=reason) if ids else result


def condition_values(case_id: str) -> dict[str, Any]:
    """What conditions can ask of a case: its features and sizes; of a probe, its id."""
    if case_id.startswith("probe-"):
        return {"probe": case_id}
    case = Case.from_id(case_id)
    sizes = {"units": case.config.units, **{name: getattr(case, name) for name in _SIZES[1:]}}
    return sizes | {feature.name: case.feature(feature) for feature in FEATURES}


def _entry(number: int, fields: Mapping[str, Any]) -> KnownDifference:
    name = f"{FILE.name}, entry {fields.get('id', f'number {number}')}"
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
                "errors": tuple(KnownError(**{**each, "words": tuple(each["words"])}) for each in fields.get("errors", ())),
                "checks": tuple(fields.get("checks", ())),
                "explained_by": tuple(fields.get("explained_by", ())),
            }
        )
    except LSTMError as error:
        raise LSTMError(f"{name}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise LSTMError(f"{name}: {type(error).__name__}: {error}") from error
    complaint = next(_entry_errors(entry), "")
    if complaint:
        raise LSTMError(f"{name}: {complaint}")
    return entry


def _entry_errors(entry: KnownDifference) -> Iterator[str]:
    """What is wrong with an entry whose fields are there."""
    unknown = {
        str(name)
        for each in entry.when
        for name, values in (each.items() if isinstance(each, dict) else [(each, None)])
        if name not in _CONDITIONS or not isinstance(values, list)
    }
    if unknown or not entry.when:
        yield (f"`when` needs lists of values of features or sizes of a case; got {', '.join(sorted(unknown)) or 'nothing'}")
    if not (entry.errors or entry.ends or entry.checks):
        yield "a difference is an error of `errors`, `ends` the process, or fails `checks`"
    if entry.ends and entry.ends not in CRASH_SIGNALS:
        yield f"`ends` is one of {', '.join(CRASH_SIGNALS)}; got {entry.ends!r}"
    if not isinstance(entry.many, int) or entry.many < 1:
        yield f"`many` is a number of cases; got {entry.many!r}"
    if entry.computed_in and entry.computed_in not in UNIT_ROUNDOFF:
        yield f"`computed_in` is one of {', '.join(UNIT_ROUNDOFF)}; got {entry.computed_in!r}"
    strange = [name for name in entry.explained_by if name not in DEVIATIONS]
    if strange:
        yield f"`explained_by` names deviations; got {', '.join(strange)}"
    yield from _message_errors(entry)
    holds = [name for name in _LIMIT_FIELDS if getattr(entry, name)]
    if {*entry.checks} - {*entry.messages} and not holds:
        fields = ", ".join(f"`{name}`" for name in _LIMIT_FIELDS[:-1])
        yield f"the numbers of `checks` need {fields}, or why none holds them, in `unheld`"
    if entry.unheld and len(holds) > 1:
        yield f"`unheld` stands beside `{holds[0]}`, which holds it"


def _message_errors(entry: KnownDifference) -> Iterator[str]:
    strange = [name for name in entry.messages if name not in entry.checks]
    if strange:
        yield f"`messages` are of `checks`; got those of {', '.join(strange)}"
    vague = [phrase for phrases in entry.messages.values() for phrase in phrases if len(re.findall(r"[^\W\d_]", phrase)) < _LETTERS]
    if vague:
        yield f"a phrase of `messages` has {_LETTERS} letters at least; got {vague[0]!r}"
