"""Known differences of released Keras versions: dated data with version ranges, each shown by a run.

They are stored in `known_differences.toml`. A case that differs as an entry says is a KNOWN_DIFFERENCE. A case that an entry covers
and that passes is FIXED, which fails the run until the entry's version range is closed. An exception is recognised by its type and
by words that only this fault has. A wrong result is recognised by the deviation that explains it, or by a limit of its error. A
fault of the machine or the environment (`infrastructure`) is never a difference of Keras.
"""

import itertools
import re
import tomllib
from collections import Counter
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
# Differences of earlier systems, which run in environments or are recorded. No current version has them.
EARLIER_FILE = FILE.with_name("earlier_differences.toml")
# Fields that limit the numbers of a wrong result. The last of them is the reason why there is no limit.
_LIMIT_FIELDS = ("explained_by", "computed_in", "within", "not_finite", "unheld")

_SIZES = ("units", "input_dim", "timesteps", "batch")
_CONDITIONS = {feature.name for feature in FEATURES} | {*_SIZES, "probe", "backend"}


class Kind(StrEnum):
    """The kind of a difference."""

    WRONG_RESULT = "wrong result"
    CRASH = "crash"
    DOCUMENTATION = "documentation"
    CONVENTION = "convention"
    PRECISION = "precision"


# Text that Keras adds to the message of any exception, and the start of its list of the call's arguments.
_GENERIC_WORDS = re.compile(
    r"Exception encountered( when calling)?|Unable to automatically build the model|Please build it yourself before calling|"
    r"Arguments received by|\b\w*(Error|Exception)\b"
)
_ARGUMENTS_PART = re.compile(r"\b(Call a|A)rguments received by ")
# Keras raises this in place of an exception in a model that it builds itself. It keeps the message only.
_BUILD_ERROR = "RuntimeError: Unable to automatically build the model. "
# So many letters and words make it unlikely that two faults share a phrase.
_FEWEST_LETTERS, _FEWEST_WORDS = 12, 2


@dataclass(frozen=True, kw_only=True)
class KnownError:
    """An exception of one fault.

    Attributes:
        type: name of its class.
        words: phrases of its message, literally and in this order.

    Raises:
        LSTMError: the words may belong to other faults too, or type and words belong to a fault of infrastructure.
    """

    type: str
    words: tuple[str, ...]

    def __post_init__(self) -> None:
        specific = _GENERIC_WORDS.sub(" ", " ".join(self.words))
        words = re.findall(r"[^\W\d_]{2,}", specific)
        if (
            not (self.type.isidentifier() and all(self.words))
            or len("".join(words)) < _FEWEST_LETTERS
            or len(words) < _FEWEST_WORDS
        ):
            raise LSTMError(
                f"an error needs the `type` of its exception and `words` that only this fault has, {_FEWEST_WORDS} or more of "
                f"{_FEWEST_LETTERS} letters beside what Keras says of any exception; got type {self.type!r} and words "
                f"{list(self.words)}"
            )
        fault = infrastructure_fault(f"{self.type}: {specific}") or infrastructure_fault(specific)
        if fault is not None:
            raise LSTMError(
                f"an error that says that {fault} is no difference of Keras; got type {self.type!r}, words {list(self.words)}"
            )

    def matches(self, reason: str) -> bool:
        """Whether the one-line exception of a result is this one."""
        name, _, message = reason.partition(": ")
        pattern = ".*".join(map(re.escape, self.words))
        return (name == self.type or reason.startswith(_BUILD_ERROR)) and re.search(
            pattern, _ARGUMENTS_PART.split(message)[0]
        ) is not None


@dataclass(frozen=True, kw_only=True, eq=False)
class KnownDifference:
    """One entry.

    An entry for a crash has `errors` or `ends`. An entry for wrong results has `checks`. The numbers of these checks are limited by
    at least one of `explained_by`, `computed_in`, `within` and `not_finite`, and their facts by `messages`.

    Attributes:
        id: stable and readable.
        kind: what sort of difference.
        summary: the difference, in one sentence.
        reason: its cause in Keras.
        backends: on which it was seen.
        first, last: the versions of `package` between which it was seen, both included.
        seen: the date of that run.
        when: conditions, feature, size, probe or backend → values; the entry covers a case that fulfils one of the conditions.
        errors: exceptions that Keras may raise.
        ends: the signal that ends the process, one of `infrastructure.CRASH_SIGNALS`.
        checks: names of the checks that may fail.
        explained_by: deviations; each of them turns the reference into the observed result.
        computed_in: a lower precision, in which a correct run may have the same error.
        within: the largest absolute error.
        not_finite: the arrays differ only where the result or the expected value is not finite.
        messages: check of facts, or of arrays with different shapes → phrases; the message contains one of them.
        unheld: why the error has no limit, if none of these fields limits it.
        evidence: id of a minimal case that differs.
        script: shows the difference with Keras alone, if no script can be made from the evidence.
        upstream: address of Keras' own issue, if there is one.
        package: the package whose versions are meant.
        implementation: the only implementation that differs, as an adapter names it; "" for every one that has the package.
        sometimes: why a covered case may pass; empty if every case differs. Such an entry is fixed when no case differs.
        many: number of passing cases of such an entry that exclude chance.
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
        """Whether a case with these features, on that backend and version, must differ."""
        here = backend in self.backends and self.first <= version <= self.last
        here_values = {**values, "backend": backend}
        return here and any(
            all(_condition_holds(name, here_values.get(name), allowed) for name, allowed in each.items()) for each in self.when
        )

    def matches(self, environment: Mapping[str, str]) -> bool:
        """Whether the environment has the entry's package and implementation, in any version."""
        return self.package in environment and self.implementation in ("", environment.get("implementation", ""))

    def explains(self, result: Result, environment: Mapping[str, str]) -> bool:
        """Whether a failing result differs as the entry says, and in nothing else."""
        if result.verdict is Verdict.FAIL:
            failed = [check for check in result.checks if check.verdict is not Verdict.PASS]
            return all(self.explains_check(check, result, environment) for check in failed)
        if infrastructure_fault(result.reason) is not None:
            return self.ends != "" and self.ends == crash_signal(result.reason)
        return any(error.matches(result.reason) for error in self.errors)

    def explains_check(self, check: CheckResult, result: Result, environment: Mapping[str, str]) -> bool:
        """Whether a failing check is one of the entry's checks, and fails as the entry says."""
        if check.check not in self.checks:
            return False
        if any(name in self.explained_by for explanation in result.explained_by for name in explanation.split("+")):
            return True
        if check.worst is None or check.rms is None:
            return any(phrase in check.message for phrase in self.messages.get(check.check, ()))
        factor = self.sigma_factor(result.case_id, environment)
        if check.worst <= factor * ELEMENT_LIMIT and check.rms <= factor * RMS_LIMIT:
            return True
        return check.largest <= self.within or (self.not_finite and check.not_finite) or self.unheld != ""

    def sigma_factor(self, case_id: str, environment: Mapping[str, str]) -> float:
        """The entry's unit roundoff divided by that of the case's precision; 0 if the entry names no precision."""
        if not self.computed_in or case_id.startswith("probe-"):
            return 0.0
        usual = CONVENTIONS.get(environment.get("backend", ""), DEFAULT_CONVENTIONS).compute_dtype(Case.from_id(case_id).precision)
        return UNIT_ROUNDOFF[self.computed_in] / UNIT_ROUNDOFF[usual]


def _condition_holds(name: str, value: Any, allowed: Sequence[Any]) -> bool:
    """Whether a condition holds. A condition on a probe's id may be a pattern."""
    return any(fnmatch(str(value), pattern) for pattern in allowed) if name == "probe" else value in allowed


@cache
def known_differences(file: Path = FILE) -> tuple[KnownDifference, ...]:
    """Return the entries of a file, validated.

    Raises:
        LSTMError: the file is invalid; the message names the entry and the fault.
    """
    with file.open("rb") as opened:
        try:
            entries = tomllib.load(opened).get("difference", [])
        except (ValueError, RecursionError) as error:
            raise LSTMError(f"{file.name}: {error}") from error
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise LSTMError(f"{file.name}: `difference` must be a list of tables, each under [[difference]]")
    known = tuple(_entry(number, fields) for number, fields in enumerate(entries, 1))
    repeated = {name for name, count in Counter(entry.id for entry in known).items() if count > 1}
    if repeated:
        raise LSTMError(f"{file.name}: several entries have the id {', '.join(sorted(repeated))}")
    return known


def covering_entries(
    case_id: str, environment: Mapping[str, str], known: Iterable[KnownDifference] | None = None
) -> list[KnownDifference]:
    """Return the entries that cover a case on an implementation."""
    entries = [*known_differences(), *known_differences(EARLIER_FILE)] if known is None else known
    here = [entry for entry in entries if entry.matches(environment)]
    values = condition_values(case_id) if here else {}
    return [entry for entry in here if entry.covers(values, environment.get("backend", ""), Version(environment[entry.package]))]


def classify(result: Result, environment: Mapping[str, str], known: Iterable[KnownDifference] | None = None) -> Result:
    """Return the result as KNOWN_DIFFERENCE if an entry explains it, or as FIXED if it passes and an entry says that it differs."""
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
    """Return the entries that together explain all failing checks of a case; empty if a check is left unexplained."""
    failed = [check for check in result.checks if check.verdict is Verdict.FAIL]
    explaining = [[entry for entry in covering if entry.explains_check(check, result, environment)][:1] for check in failed]
    return list(dict.fromkeys(itertools.chain.from_iterable(explaining))) if all(explaining) else []


def expected_precision(case_id: str, environment: Mapping[str, str]) -> float:
    """Return the factor, at least 1, by which entries with a lower precision enlarge σ of a case."""
    return max((1.0, *(entry.sigma_factor(case_id, environment) for entry in covering_entries(case_id, environment))))


def expected_deviations(case_id: str, environment: Mapping[str, str]) -> list[str]:
    """Return the deviations that turn the reference into an implementation with the known differences of a case.

    Each item is a deviation, or several joined by +, added to those that describe the implementation. The items are all
    combinations of one or several entries.
    """
    entries = [entry.explained_by for entry in covering_entries(case_id, environment) if entry.explained_by]
    described = environment.get(DESCRIBED_BY, "")
    chosen = itertools.product(*(("", *names) for names in dict.fromkeys(entries)))
    return ["+".join(filter(None, (described, *names))) for names in chosen if any(names)]


def mark_fixed(results: Sequence[Result], environment: Mapping[str, str]) -> list[Result]:
    """Return all results of a run. The passing cases of an entry with `sometimes` become FIXED if the difference is gone.

    A single covered case may pass by chance. So the entry's evidence must pass, or `many` of its cases, and none may differ.
    """
    shown, backend = {result.known for result in results}, environment.get("backend", "")
    entries = (entry for entry in (*known_differences(), *known_differences(EARLIER_FILE)) if entry.matches(environment))
    doubtful = [entry for entry in entries if entry.sometimes and entry.id not in shown]
    passed = (
        {result.case_id: condition_values(result.case_id) for result in results if result.verdict is Verdict.PASS}
        if doubtful
        else {}
    )
    fixed: dict[str, list[str]] = {}
    for entry in doubtful:
        version = Version(environment[entry.package])
        covered = [case_id for case_id, values in passed.items() if entry.covers(values, backend, version)]
        if entry.evidence in covered or len(covered) >= entry.many:
            for case_id in covered:
                fixed.setdefault(case_id, []).append(entry.id)
    return [_as_fixed(result, fixed.get(result.case_id, [])) for result in results]


def _as_fixed(result: Result, ids: Sequence[str]) -> Result:
    reason = f"{', '.join(ids)}: no difference any more; close the version range of this entry"
    return replace(result, verdict=Verdict.FIXED, reason=reason) if ids else result


def condition_values(case_id: str) -> dict[str, Any]:
    """Return the values for conditions: the features and sizes of a case, or the id of a probe."""
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
                "errors": tuple(KnownError(**{**error, "words": tuple(error["words"])}) for error in fields.get("errors", ())),
                "checks": tuple(fields.get("checks", ())),
                "explained_by": tuple(fields.get("explained_by", ())),
            }
        )
    except LSTMError as error:
        raise LSTMError(f"{name}: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise LSTMError(f"{name}: {type(error).__name__}: {error}") from error
    for message in _entry_errors(entry):
        raise LSTMError(f"{name}: {message}")
    return entry


def _entry_errors(entry: KnownDifference) -> Iterator[str]:
    """Yield the faults of an entry that has all fields."""
    unknown = {
        str(name)
        for condition in entry.when
        for name, values in (condition.items() if isinstance(condition, dict) else [(condition, None)])
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
    unknown_deviations = [name for name in entry.explained_by if name not in DEVIATIONS]
    if unknown_deviations:
        yield f"`explained_by` names deviations; got {', '.join(unknown_deviations)}"
    yield from _message_errors(entry)
    limits = [name for name in _LIMIT_FIELDS if getattr(entry, name)]
    if {*entry.checks} - {*entry.messages} and not limits:
        fields = ", ".join(f"`{name}`" for name in _LIMIT_FIELDS[:-1])
        yield f"the numbers of `checks` need {fields}, or why none holds them, in `unheld`"
    if entry.unheld and len(limits) > 1:
        yield f"`unheld` stands beside `{limits[0]}`, which holds it"


def _message_errors(entry: KnownDifference) -> Iterator[str]:
    unknown = [name for name in entry.messages if name not in entry.checks]
    if unknown:
        yield f"`messages` are of `checks`; got those of {', '.join(unknown)}"
    short = [
        phrase
        for phrases in entry.messages.values()
        for phrase in phrases
        if len(re.findall(r"[^\W\d_]", phrase)) < _FEWEST_LETTERS
    ]
    if short:
        yield f"a phrase of `messages` has {_FEWEST_LETTERS} letters at least; got {short[0]!r}"
