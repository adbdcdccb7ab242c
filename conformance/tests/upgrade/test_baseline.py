"""The baseline of an upgrade: what is expected, what is not, and what no longer shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.adapters.conventions import DEFAULT_CONVENTIONS
from conformance.cases.case import Case
from conformance.judging.verdict import Result, Verdict
from conformance.tests.support.upgrade_doubles import InThisProcess, version
from conformance.upgrade.baseline import Entry, judge, read_baseline, write_baseline
from conformance.upgrade.change import Change, Kind
from conformance.upgrade.errors import measure_errors
from conformance.upgrade.facts import FactChange
from conformance.upgrade.report import UpgradeReport
from conformance.upgrade.side import UnresolvedCase
from conformance.upgrade.upgrade import Upgrade
from lstm_ref import LSTMError

MASKED, PLAIN = "u3-d2-t5-b4-seq-mask_left-s0", "u3-d2-t5-b4-seq-s0"
FACT = FactChange(subject="argument use_cudnn", before="not there", after="'auto'")


def result(case_id: str, verdict: Verdict = Verdict.PASS) -> Result:
    """A bare one."""
    return Result(case_id=case_id, group="", verdict=verdict)


def change(case_id: str, kind: Kind) -> Change:
    """A bare one."""
    return Change(kind=kind, before=result(case_id), after=result(case_id))


REPORT = UpgradeReport(
    names=("keras==3.0.5", "keras==3.15.1"),
    environments=({"implementation": "one"}, {"implementation": "other"}),
    level="quick",
    seed=0,
    planned=(PLAIN, MASKED),
    changes=(change(PLAIN, Kind.SAME_BITS), change(MASKED, Kind.NOW_RIGHT)),
    facts=(FACT,),
    knows_facts=True,
    seconds=1.0,
)


@pytest.fixture
def baseline(tmp_path: Path) -> Path:
    """The report, recorded."""
    write_baseline(REPORT, tmp_path / "baseline.toml")
    return tmp_path / "baseline.toml"


def cases_of(entries: Sequence[Entry]) -> list[str]:
    """What they are of."""
    return [entry.case for entry in entries]


def test_recorded_changes_are_expected(baseline: Path) -> None:
    """A baseline says of each change what it is, of which case, from what to what; it expects just these."""
    assert judge(REPORT, read_baseline(baseline)).as_expected
    text = baseline.read_text(encoding="utf-8")
    assert 'from = "keras==3.0.5"\nto = "keras==3.15.1"\nkind = "changed: now right"\nbehaviour = "mask=left"\n' in text


def test_without_a_baseline_nothing_may_change() -> None:
    """Neither of the cases nor of the API; a run in which nothing does is as expected."""
    comparison = judge(REPORT, None)
    assert (comparison.as_expected, cases_of(comparison.unexpected)) == (False, [FACT.subject, MASKED])
    assert judge(
        replace(REPORT, changes=(change(PLAIN, Kind.WITHIN_ROUNDING), change(MASKED, Kind.SAME_BITS)), facts=()), None
    ).as_expected


@pytest.mark.parametrize(
    ("kind", "unexpected", "stale"),
    [(Kind.NOW_RIGHT, [], []), (Kind.NOW_WRONG, [MASKED], [MASKED]), (Kind.SAME_BITS, [], [MASKED])],
    ids=["as recorded", "of another kind", "gone"],
)
def test_other_change_is_unexpected_and_the_recorded_one_stale(
    kind: Kind, unexpected: list[str], stale: list[str], baseline: Path
) -> None:
    """A change that shows otherwise than recorded, or no longer."""
    comparison = judge(replace(REPORT, changes=(change(PLAIN, Kind.SAME_BITS), change(MASKED, kind))), read_baseline(baseline))
    assert (cases_of(comparison.unexpected), cases_of(comparison.stale)) == (unexpected, stale)
    assert comparison.as_expected is (kind is Kind.NOW_RIGHT)


def test_what_was_not_asked_is_not_stale(baseline: Path) -> None:
    """A run of fewer cases counts the others, and is as expected."""
    few = replace(REPORT, planned=(PLAIN,), changes=(change(PLAIN, Kind.SAME_BITS),), facts=(), knows_facts=False)
    comparison = judge(few, read_baseline(baseline))
    assert (comparison.as_expected, comparison.not_asked) == (True, 2)


def test_changes_between_others_are_left_alone(baseline: Path) -> None:
    """One file serves several upgrades: those of other names are neither expected nor stale, and stay when it is written."""
    other = replace(
        REPORT, names=("keras==3.0.5", "keras==3.14.1"), changes=(change(MASKED, Kind.NOW_WRONG), change(PLAIN, Kind.CRASHES))
    )
    assert not judge(other, read_baseline(baseline)).as_expected
    write_baseline(other, baseline)
    assert judge(REPORT, read_baseline(baseline)).as_expected
    assert judge(other, read_baseline(baseline)).as_expected


# --- what a change is: its cause and its errors -----------------------------------------------------------------------------------


def compared(before: str, after: str, *cases: str, facts: tuple[FactChange, ...] = (), **given: Any) -> UpgradeReport:
    """The report on two versions that do this to all of the cases."""
    sides = [version({}, otherwise=does, name=name) for does, name in ((before, "a"), (after, "b"))]
    asked = [Case.from_id(case) for case in cases or (MASKED, PLAIN)]
    report = Upgrade(before=sides[0], after=sides[1], cases=asked, reduces=False, **given).run()
    return replace(report, facts=facts, knows_facts=True)


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """No worker processes."""
    monkeypatch.setattr("conformance.upgrade.side.Pool", InThisProcess)


OFF = "candidate_off_by_1e-3"


@pytest.mark.parametrize(
    ("recorded", "now", "expected"),
    [
        (("", OFF), ("", OFF), True),
        (("", OFF), ("", f"{OFF}+nudged"), True),
        (("", OFF), ("nudged", OFF), True),
        ((OFF, ""), (f"{OFF}+nudged", ""), True),
        (("", OFF), ("", "candidate_off_by_1e-5"), False),
        (("", OFF), ("", "candidate_tanh_missing"), False),
        (("", "mask_ignored"), ("", "mask_inverted"), False),
        ((OFF, ""), ("output_tanh_missing", ""), False),
        ((OFF, "mask_ignored"), (OFF, "mask_inverted"), False),
        (("", "ValueError"), ("", "ValueError"), True),
        (("", "ValueError"), ("", "ValueError in other words"), False),
        (("", "ValueError"), ("", "TypeError"), False),
        (("ValueError", ""), ("TypeError", ""), False),
        (("absent", ""), ("absent for another reason", ""), False),
    ],
    ids=lambda does: " to ".join(each or "right" for each in does) if isinstance(does, tuple) else "same" if does else "other",
)
def test_change_is_expected_where_cause_and_errors_are_the_recorded_ones(
    recorded: tuple[str, str], now: tuple[str, str], tmp_path: Path, *, expected: bool
) -> None:
    """Rounding is no difference; a larger or smaller error of the same case, in another place or of another exception, is."""
    path = tmp_path / "baseline.toml"
    write_baseline(compared(*recorded), path)
    comparison = judge(compared(*now), read_baseline(path))
    assert comparison.as_expected is expected
    assert bool(comparison.unexpected) is bool(comparison.stale) is not expected


def test_recorded_change_says_its_cause_and_its_errors(tmp_path: Path) -> None:
    """As a reviewer reads them: how each side came out, what explains it, how far it is off, to the digits that rounding leaves."""
    write_baseline(compared("", "mask_ignored"), tmp_path / "b.toml")
    (entry,) = read_baseline(tmp_path / "b.toml")
    assert (entry.cause, entry.explained_by) == ("right → wrong", "mask_ignored")
    assert set(entry.errors) == {"to outputs", "to hidden", "to cell"}
    assert 0.01 < entry.errors["to outputs"].largest < 1
    assert len(repr(entry.errors["to outputs"].largest)) <= 9
    assert str(entry).endswith(
        f"({MASKED}): right → wrong, explained by mask_ignored, off by {entry.errors['to cell'].largest:.2g}"
    )


@pytest.mark.parametrize(("now", "expected"), [("'auto'", True), ("True", False)])
def test_fact_is_expected_with_its_values(now: str, tmp_path: Path, *, expected: bool) -> None:
    """Another default than the reviewed one is another change."""
    write_baseline(compared("", "", facts=(FACT,)), tmp_path / "b.toml")
    report = compared("", "", facts=(replace(FACT, after=now),))
    assert judge(report, read_baseline(tmp_path / "b.toml")).as_expected is expected


def test_errors_without_arrays_are_held_to_their_size(tmp_path: Path) -> None:
    """Dropout draws masks anew in each run: no array is kept, and an error of another order of magnitude is another one."""
    case = "u3-d2-t5-b4-seq-drop_input-eager-s0"
    report = compared("", "output_tanh_missing", case)
    write_baseline(report, tmp_path / "b.toml")
    recorded = read_baseline(tmp_path / "b.toml")
    assert [each.means for each in recorded[0].errors.values()] == [()] * len(recorded[0].errors)
    assert judge(report, recorded).as_expected
    (change,) = report.changes
    larger = [replace(check, largest=60 * check.largest) for check in change.after.checks]
    after = replace(change.after, checks=tuple(larger))
    other = replace(
        change, after=after, errors={f"to {name}": each for name, each in measure_errors(after, None, DEFAULT_CONVENTIONS).items()}
    )
    assert cases_of(judge(replace(report, changes=(other,)), recorded).unexpected) == [case]


def test_unresolved_case_is_in_no_baseline_and_makes_the_run_incomplete(baseline: Path) -> None:
    """The suite or the machine has failed: neither a change, nor unchanged."""
    unresolved = replace(REPORT, changes=REPORT.changes[:1], unresolved=(UnresolvedCase(case_id=MASKED, on="b", reason="disk"),))
    comparison = judge(unresolved, read_baseline(baseline))
    assert (comparison.complete, comparison.as_expected, comparison.unexpected, comparison.stale, comparison.not_asked) == (
        False,
        False,
        (),
        (),
        1,
    )
    assert (unresolved.not_run, unresolved.counts) == (0, {Kind.SAME_BITS: 1, Kind.API: 1})


def test_entries_that_were_not_asked_stay_when_a_baseline_is_written_again(baseline: Path) -> None:
    """With their reasons; of the cases that were asked, what shows now stands there."""
    text = baseline.read_text(encoding="utf-8")
    baseline.write_text(text.replace('reason = ""', 'reason = "reviewed"'), encoding="utf-8")
    few = replace(REPORT, planned=(PLAIN,), changes=(change(PLAIN, Kind.CRASHES),), facts=(), knows_facts=False)
    write_baseline(few, baseline)
    assert {(entry.case, entry.reason) for entry in read_baseline(baseline)} == {
        (MASKED, "reviewed"), (FACT.subject, "reviewed"), (PLAIN, ""),
    }  # fmt: skip


def test_reason_is_of_the_change_that_was_reviewed(tmp_path: Path) -> None:
    """Another error of the same case has none yet."""
    path = tmp_path / "b.toml"
    write_baseline(compared("", OFF), path)
    path.write_text(path.read_text(encoding="utf-8").replace('reason = ""', 'reason = "small"'), encoding="utf-8")
    write_baseline(compared("", "candidate_tanh_missing", MASKED), path)
    assert [(entry.case, entry.reason) for entry in read_baseline(path)] == [(PLAIN, "small"), (MASKED, "")]


def test_reasons_stay_when_a_baseline_is_written_again(baseline: Path) -> None:
    """They are the user's own; what no longer shows goes with its reason."""
    text = baseline.read_text(encoding="utf-8")
    baseline.write_text(text.replace('reason = ""', 'reason = "we do not mask"'), encoding="utf-8")
    write_baseline(replace(REPORT, facts=()), baseline)
    assert [(entry.case, entry.reason) for entry in read_baseline(baseline)] == [(MASKED, "we do not mask")]


@pytest.mark.parametrize(
    "report",
    [
        replace(REPORT, stopped="interrupted"),
        replace(REPORT, planned=(*REPORT.planned, "u1-d1-t1-b1-s0")),
        replace(REPORT, planned=(), changes=(), facts=()),
        replace(
            REPORT,
            planned=(PLAIN,),
            changes=(
                Change(kind=Kind.IN_NEITHER, before=result(PLAIN, Verdict.UNSUPPORTED), after=result(PLAIN, Verdict.UNSUPPORTED)),
            ),
            facts=(),
        ),
    ],
    ids=["interrupted", "a case did not run", "nothing was asked", "nothing was answered"],
)
def test_run_that_is_not_whole_is_not_as_expected(report: UpgradeReport, baseline: Path) -> None:
    """Whatever the baseline says: nothing ran is a failure."""
    assert not judge(report, read_baseline(baseline)).as_expected


HEAD = 'format = "baseline"\nformat_version = 1\n'
CHANGE = '[[change]]\nfrom = "a"\nto = "b"\nkind = "lost API"\nbehaviour = "API"\ncase = "argument units"\ncause = "1 → 2"\n'


def test_reason_may_be_left_out(tmp_path: Path) -> None:
    """A change that somebody wrote by hand."""
    path = tmp_path / "baseline.toml"
    path.write_text(HEAD + CHANGE, encoding="utf-8")
    assert [(entry.before, entry.case, entry.reason) for entry in read_baseline(path)] == [("a", "argument units", "")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[change]", "is not a whole TOML file"),
        ("", "is a document without a format; expected baseline"),
        ('format = "baseline"', "has no format_version; this suite reads 1"),
        (HEAD.replace("1", "2"), "has format_version 2; this suite reads 1"),
        (HEAD + "other = 1", r"\$: Additional properties are not allowed \('other' was unexpected\)"),
        (HEAD + "change = 1", r"\$.change: 1 is not of type 'array'"),
        (HEAD + '[[change]]\nfrom = "a"', r"\$.change\[0\]: '\w+' is a required property"),
        (HEAD + CHANGE.replace('"a"', "1"), r"\$.change\[0\].from: 1 is not of type 'string'"),
        (HEAD + CHANGE.replace("lost API", "odd"), r"\$.change\[0\].kind: 'odd' is not one of"),
    ],
)
def test_file_that_is_no_baseline_is_refused(text: str, message: str, tmp_path: Path) -> None:
    """The message says which change and what is wrong."""
    path = tmp_path / "baseline.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LSTMError, match=message):
        read_baseline(path)


def test_missing_baseline_says_how_to_record_one(tmp_path: Path) -> None:
    """It is the first run's case."""
    with pytest.raises(LSTMError, match="--write-baseline"):
        read_baseline(tmp_path / "none.toml")
