"""What each entry of the files excuses: its own difference, and no other in its place, nor a fault of where the case was run."""

from __future__ import annotations

from typing import Any

import pytest

from conformance.adapters.keras.backends import CONVENTIONS
from conformance.cases.case import Case
from conformance.diagnosis.diagnosticians import diagnostician
from conformance.judging.verdict import CheckResult, Result, Verdict
from conformance.known.known_differences import (
    EARLIER_FILE,
    KnownDifference,
    KnownError,
    classify,
    condition_values,
    expected_precision,
    known_differences,
)
from conformance.reference.adapter import ReferenceAdapter
from conformance.running.runner import run
from conformance.system.infrastructure import Fault, crash_signal, infrastructure_fault
from conformance.tests.support.infrastructure_reasons import REASONS

ENTRIES = (*known_differences(), *known_differences(EARLIER_FILE))
FAULTS = {reason: fault for fault, reasons in REASONS.items() for reason in reasons}
CRASHES = [entry for entry in ENTRIES if entry.errors]
WRONG = [entry for entry in ENTRIES if entry.checks]
HELD = [entry for entry in WRONG if not entry.unheld]
each_entry = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.id)
each_error = pytest.mark.parametrize(
    ("entry", "error"),
    [pytest.param(entry, error, id=f"{entry.id}-{number}") for entry in CRASHES for number, error in enumerate(entry.errors, 1)],
)

FRAME = (
    "Exception encountered when calling LSTM.call(). {}. Arguments received by LSTM.call(): • sequences=shape(4, 5, 2) • mask=None"
)
# What other faults of the same types say.
OTHER_WORDS = "the gates could not be computed, for a reason that no entry describes"
TYPES = sorted({error.type for entry in CRASHES for error in entry.errors} | {"ZeroDivisionError", "KeyError"})


def environment_of(entry: KnownDifference) -> dict[str, str]:
    """One in which the entry is known and its evidence covered."""
    values = condition_values(entry.evidence)
    backend = next(name for name in entry.backends if entry.covers(values, name, entry.last))
    return {entry.package: str(entry.last), "backend": backend, "implementation": entry.implementation or "keras.layers.LSTM"}


def said(error: KnownError) -> str:
    """What an exception of Keras says around its own words."""
    return FRAME.format(" (4, 5) ".join(error.words))


def raised(entry: KnownDifference, reason: str) -> Result:
    """The entry's evidence, which has raised this."""
    return classify(Result(case_id=entry.evidence, group="", verdict=Verdict.ERROR, reason=reason), environment_of(entry), [entry])


def failed(entry: KnownDifference, *checks: CheckResult, explained_by: tuple[str, ...] = ()) -> Result:
    """The entry's evidence, which fails these checks."""
    result = Result(case_id=entry.evidence, group="", verdict=Verdict.FAIL, checks=checks, explained_by=explained_by)
    return classify(result, environment_of(entry), [entry])


# --- exceptions


@each_error
def test_its_own_error_is_known(entry: KnownDifference, error: KnownError) -> None:
    """As Keras raises it, with what it says around any exception."""
    assert raised(entry, f"{error.type}: {said(error)}").known == entry.id


@each_error
def test_the_same_words_of_another_type_are_red(entry: KnownDifference, error: KnownError) -> None:
    """Unless the entry names that type with those words too."""
    others = [name for name in TYPES if not any(each.matches(f"{name}: {said(error)}") for each in entry.errors)]
    assert [raised(entry, f"{name}: {said(error)}").verdict for name in others] == [Verdict.ERROR] * len(others)
    assert len(others) >= len(TYPES) - len(entry.errors)


@each_error
def test_other_words_of_the_same_type_are_red(entry: KnownDifference, error: KnownError) -> None:
    """None at all, those of another fault, and its own where they are said of the arguments only."""
    reasons = [f"{error.type}: {OTHER_WORDS}", f"{error.type}: {FRAME.format(OTHER_WORDS)}", f"{error.type}: ", error.type]
    reasons.append(f"{error.type}: {FRAME.format(OTHER_WORDS)} • name={error.words[0]}")
    assert [raised(entry, reason).verdict for reason in reasons] == [Verdict.ERROR] * len(reasons)


@each_error
def test_a_part_of_the_words_is_red(entry: KnownDifference, error: KnownError) -> None:
    """Its last word is needed as its first is."""
    words = " ".join(error.words).split()
    parts = [" ".join(words[1:]), " ".join(words[:-1])]
    covered = [part for part in parts if not any(each.matches(f"{error.type}: {part}") for each in entry.errors)]
    assert covered == parts


@each_entry
def test_every_fault_of_infrastructure_is_red(entry: KnownDifference) -> None:
    """Whatever the entry says; but the end of a process, where the entry says that this very end is Keras'."""
    excused = {reason for reason in FAULTS if entry.ends and entry.ends == crash_signal(reason)}
    expected = {reason: Verdict.KNOWN_DIFFERENCE if reason in excused else Verdict.ERROR for reason in FAULTS}
    assert {reason: raised(entry, reason).verdict for reason in FAULTS} == expected
    assert {FAULTS[reason] for reason in excused} <= {Fault.PROCESS}


@each_error
def test_every_fault_of_infrastructure_that_says_its_words_is_red(entry: KnownDifference, error: KnownError) -> None:
    """What else its message holds is no excuse."""
    worded = {f"{reasons[-1]} {said(error)}": fault for fault, reasons in REASONS.items()}
    assert {reason: infrastructure_fault(reason) for reason in worded} == worded
    assert {raised(entry, reason).verdict for reason in worded} == {Verdict.ERROR}


@each_entry
def test_an_entry_of_wrong_results_excuses_no_exception(entry: KnownDifference) -> None:
    """Unless it names that one."""
    named = {error.type for error in entry.errors}
    reasons = [f"{name}: {OTHER_WORDS}" for name in TYPES if name not in named]
    assert [raised(entry, reason).verdict for reason in reasons] == [Verdict.ERROR] * len(reasons)


# --- wrong results

FAR_OFF: dict[str, Any] = {"worst": float("inf"), "rms": float("inf"), "size": 6, "largest": float("inf")}


@pytest.mark.parametrize("entry", HELD, ids=lambda entry: entry.id)
def test_numbers_that_nothing_explains_are_red(entry: KnownDifference) -> None:
    """In the very checks that the entry names: far off where they are finite, and no deviation turns the reference into them."""
    off = [failed(entry, CheckResult(check=name, verdict=Verdict.FAIL, **FAR_OFF)) for name in entry.checks]
    assert [result.verdict for result in off] == [Verdict.FAIL] * len(off)


@pytest.mark.parametrize("entry", WRONG, ids=lambda entry: entry.id)
def test_other_facts_are_red(entry: KnownDifference) -> None:
    """A check of facts, and of arrays that cannot be compared, is held by what it says."""
    off = [failed(entry, CheckResult(check=name, verdict=Verdict.FAIL, message=OTHER_WORDS)) for name in entry.checks]
    assert [result.verdict for result in off] == [Verdict.FAIL] * len(off)


@pytest.mark.parametrize("entry", WRONG, ids=lambda entry: entry.id)
def test_another_check_is_red(entry: KnownDifference) -> None:
    """Whatever explains it."""
    off = CheckResult(check="parameter_count", verdict=Verdict.FAIL, message=OTHER_WORDS)
    assert failed(entry, off, explained_by=entry.explained_by).verdict is Verdict.FAIL


# Where an entry of a lower precision covers the evidence too, a mistake may lie within that precision.
EXPLAINED = [
    entry for entry in known_differences() if entry.explained_by and expected_precision(entry.evidence, environment_of(entry)) == 1
]


def deviating(entry: KnownDifference, deviation: str) -> Result:
    """The evidence as an implementation shows it that deviates so, under the name of the entry's system."""
    environment = environment_of(entry)
    adapter = ReferenceAdapter(deviation, CONVENTIONS[environment["backend"]])
    (shown,) = run([Case.from_id(entry.evidence)], adapter, diagnostician(environment).explain)
    return classify(shown, environment)


@pytest.mark.parametrize("entry", EXPLAINED, ids=lambda entry: entry.id)
def test_an_implementation_that_deviates_as_the_entry_says_is_known(entry: KnownDifference) -> None:
    """The reference with that mistake, in the place of Keras."""
    shown = deviating(entry, entry.explained_by[0])
    assert (shown.verdict, shown.known) == (Verdict.KNOWN_DIFFERENCE, entry.id)


@pytest.mark.parametrize("other", ["all_gates_ifoc", "bias_gates_ofci"])
@pytest.mark.parametrize("entry", EXPLAINED, ids=lambda entry: entry.id)
def test_an_implementation_that_deviates_otherwise_is_red(entry: KnownDifference, other: str) -> None:
    """On the same case, in the same checks: another mistake on top of the entry's."""
    shown = deviating(entry, f"{entry.explained_by[0]}+{other}")
    assert (shown.verdict, shown.known) == (Verdict.FAIL, "")


@pytest.mark.parametrize("other", ["all_gates_ifoc", "bias_gates_ofci"])
@pytest.mark.parametrize("entry", EXPLAINED, ids=lambda entry: entry.id)
def test_another_mistake_alone_is_not_known(entry: KnownDifference, other: str) -> None:
    """It is red, or does not show where the entry's own difference does not either."""
    assert deviating(entry, other).known == ""
