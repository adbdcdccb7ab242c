"""An upgrade: the same cases on two implementations, and what becomes of each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from conformance.adapters.base import AdapterStartError
from conformance.cases.case import Case
from conformance.matrix import CaseOrProbe, supported_cases
from conformance.probes import PROBES
from conformance.report.document import Lines, Rows
from conformance.running.journal import JournalError
from conformance.running.pool import Pool
from conformance.running.progress import Progress
from conformance.tests.support.doubles import Dying, NotInstalled
from conformance.tests.support.upgrade_doubles import InThisProcess, interrupting, version
from conformance.upgrade.baseline import judge
from conformance.upgrade.change import Change, Kind
from conformance.upgrade.report import UpgradeReport
from conformance.upgrade.side import Implementation, interleave
from conformance.upgrade.text import page
from conformance.upgrade.upgrade import Upgrade

MASKED = "u3-d2-t5-b4-seq-mask_left-s{}"
PLAIN = "u3-d2-t5-b4-seq-s{}"
LATE = "u3-d2-t5-b4-seq-mask_left-init-s{}"
DROPPED = "u3-d2-t5-b4-seq-drop_input-eager-s{}"

# Case, what it does before and after, and what that is; the seed tells the cases apart.
CHANGES: Mapping[str, tuple[str, str, str, Kind]] = {
    "the same": (PLAIN, "", "", Kind.SAME_BITS),
    "one rounding off": (PLAIN, "", "nudged", Kind.WITHIN_ROUNDING),
    "masks of its own": (DROPPED, "", "", Kind.WITHIN_ROUNDING),
    "wrong in the same way": (MASKED, "mask_ignored", "mask_ignored", Kind.SAME_BITS),
    "wrong in the same way, one rounding off": (MASKED, "mask_ignored", "mask_ignored+nudged", Kind.WITHIN_ROUNDING),
    "mended": (MASKED, "mask_ignored", "", Kind.NOW_RIGHT),
    "broken": (MASKED, "", "mask_ignored", Kind.NOW_WRONG),
    "broken by 1e-5 in one gate": (PLAIN, "", "candidate_off_by_1e-5", Kind.NOW_WRONG),
    "broken otherwise": (MASKED, "mask_ignored", "mask_inverted", Kind.OTHERWISE_WRONG),
    "another default of the gates": (PLAIN, "hard_sigmoid_keras2", "", Kind.CONVENTION),
    "another order of states": (PLAIN, "", "states_exchanged", Kind.CONVENTION),
    "another first masked output": (LATE, "", "initial_hidden_emitted", Kind.CONVENTION),
    "from one convention to another": (PLAIN, "hard_sigmoid_keras2", "states_exchanged", Kind.CONVENTION),
    "from a mistake to a convention": (MASKED, "mask_ignored", "hard_sigmoid_keras2", Kind.OTHERWISE_WRONG),
    "raises": (PLAIN, "", "ValueError", Kind.CRASHES),
    "wrong, then raises": (MASKED, "mask_ignored", "ValueError", Kind.CRASHES),
    "raises no longer": (PLAIN, "ValueError", "", Kind.NO_LONGER_CRASHES),
    "raises as before": (PLAIN, "ValueError", "ValueError", Kind.CRASHES_IN_BOTH),
    "raises something else": (PLAIN, "ValueError", "TypeError", Kind.OTHERWISE_WRONG),
    "new": (PLAIN, "absent", "", Kind.NEW_API),
    "new, and raises": (PLAIN, "absent", "ValueError", Kind.NEW_API),
    "lost": (PLAIN, "", "absent", Kind.LOST_API),
    "in neither": (PLAIN, "absent", "absent", Kind.IN_NEITHER),
}
CASES = {name: Case.from_id(pattern.format(seed)) for seed, (name, (pattern, *_)) in enumerate(CHANGES.items())}


def upgraded(before: Implementation, after: Implementation, *cases: str | CaseOrProbe, **given: Any) -> UpgradeReport:
    """The report on some cases."""
    asked = [Case.from_id(case) if isinstance(case, str) else case for case in cases]
    return Upgrade(before=before, after=after, cases=asked, **given).run()


@pytest.fixture(scope="module", autouse=True)
def in_this_process() -> Iterator[None]:
    """No worker processes, but where a test says so."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("conformance.upgrade.side.Pool", InThisProcess)
        yield


@pytest.fixture(scope="module")
def all_changes() -> dict[str, Change]:
    """Every change, by its name above, from one run."""
    before, after = (version({CASES[name].id: change[side] for name, change in CHANGES.items()}) for side in (1, 2))
    report = upgraded(before, after, *CASES.values(), reduces=False)
    by_id = {change.case_id: change for change in report.changes}
    return {name: by_id[case.id] for name, case in CASES.items()}


@pytest.mark.xdist_group("upgrade")
@pytest.mark.parametrize("name", CHANGES)
def test_change_has_its_kind(name: str, all_changes: Mapping[str, Change]) -> None:
    """What became of the answer, of the API, or of the exception; a subtle mistake is no rounding."""
    assert all_changes[name].kind is CHANGES[name][-1]


@pytest.mark.xdist_group("upgrade")
def test_change_says_how_far_apart_both_are(all_changes: Mapping[str, Change]) -> None:
    """Outputs, h and c apart, in σ; nothing where one of the two has given no answer."""
    assert all_changes["the same"].apart == {"outputs": 0.0, "hidden": 0.0, "cell": 0.0}
    assert 0 < all_changes["one rounding off"].apart["cell"] < 8 < all_changes["broken by 1e-5 in one gate"].apart["cell"]
    assert all_changes["raises"].apart == {}


@pytest.mark.xdist_group("upgrade")
@pytest.mark.parametrize(
    ("before", "after", "kind"),
    [
        ("", "", Kind.WITHIN_ROUNDING),
        ("", "wrong", Kind.NOW_WRONG),
        ("wrong", "", Kind.NOW_RIGHT),
        ("wrong", "wrong", Kind.WITHIN_ROUNDING),
        ("", "ValueError", Kind.CRASHES),
        ("absent", "", Kind.NEW_API),
        ("absent", "absent", Kind.IN_NEITHER),
    ],
)
def test_probe_changes_as_a_case_does(before: str, after: str, kind: Kind) -> None:
    """It is named by what it asserts, and there is no smaller form of it to look for, nor a script."""
    probe = PROBES[0]
    report = upgraded(version({probe.id: before}), version({probe.id: after}), probe, PLAIN.format(0))
    change, case = report.changes
    assert case.kind is Kind.SAME_BITS
    assert (change.kind, change.behaviour, change.minimal, change.script) == (kind, probe.asserts, "", "")
    comparison = judge(report, None)
    assert len(comparison.unexpected) == kind.is_change
    assert (probe.asserts in str(page(report, comparison))) == kind.is_change


def test_change_names_its_behaviour(all_changes: Mapping[str, Change]) -> None:
    """The features that its case departs in, and not those of every case."""
    assert [all_changes[name].behaviour for name in ("the same", "broken", "another first masked output")] == [
        "plain", "mask=left", "mask=left, initial_state=True",
    ]  # fmt: skip


def test_right_by_two_conventions_is_a_changed_convention() -> None:
    """Each side is right by what its backend does where Keras promises nothing."""
    case = LATE.format(0)
    before = version(environment={"backend": "torch"})
    after = version({case: "initial_hidden_emitted"}, environment={"backend": "numpy"})
    report = upgraded(before, after, case, reduces=False)
    assert [change.kind for change in report.changes] == [Kind.CONVENTION]


def test_first_of_each_change_is_looked_into() -> None:
    """The smallest case, the first timestep and the gates; the others that change alike name that one."""
    deviation, cases = "hard_sigmoid_keras2", [PLAIN.format(0), PLAIN.format(1), MASKED.format(0)]
    report = upgraded(version(), version({}, otherwise=deviation), *cases)
    first, *others = report.changes
    assert (first.minimal, first.explained_by) == ("u1-d1-t1-b1-s0", deviation)
    assert first.locus is not None
    assert (first.locus.timestep, first.locus.gates) == (1, "i, f and o")
    assert first.no_script == "scripts are made for Keras 3 only"
    assert [other.like for other in others] == [first.case_id] * 2


@pytest.mark.parametrize(
    ("case", "does", "gates", "because"),
    [
        (PLAIN, "candidate_off_by_1e-3", "c", "by the deviation candidate_off_by_1e-3"),
        (PLAIN, "candidate_off_by_1e-3+candidate_tanh_missing", "", "no gate alone explains c within"),
        ("u3-d2-t5-b4-seq-back-s{}", "candidate_off_by_1e-3+candidate_tanh_missing", "", "no gate alone"),
        (MASKED, "mask_ignored_by_hidden", "", "no gate: all four are the same"),
    ],
    ids=["by the deviation", "by the states", "read backwards, made smaller", "no gate's"],
)
def test_gate_is_named_where_it_can_be_known(case: str, does: str, gates: str, because: str) -> None:
    """By the deviation that explains the change, else by the states of the first timestep that differs."""
    (change,) = upgraded(version(), version({}, otherwise=does), case.format(0)).changes
    assert change.kind is Kind.NOW_WRONG
    assert change.locus is not None
    assert change.locus.gates == gates
    assert change.locus.because.startswith(because)


@pytest.mark.parametrize("case", ["u3-d2-t5-b4-seq-nostate-via_fit-s0", DROPPED.format(0)], ids=["a loss", "drawn masks"])
def test_first_difference_is_not_sought_where_it_cannot_be_seen(case: str) -> None:
    """A loss has no timesteps, and masks that are drawn anew make two runs differ everywhere."""
    (change,) = upgraded(version(), version({}, otherwise="output_tanh_missing"), case).changes
    assert (change.kind, bool(change.minimal), change.locus) == (Kind.NOW_WRONG, True, None)


def test_details_end_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the smallest case so far, here the case itself."""
    monkeypatch.setattr("conformance.upgrade.details.REDUCTION_SECONDS", -1.0)
    (change,) = upgraded(version(), version({}, otherwise="hard_sigmoid_keras2"), PLAIN.format(0)).changes
    assert change.minimal == PLAIN.format(0)


@pytest.mark.parametrize(
    ("case", "script"), [(PLAIN.format(0), "layer = keras.layers.LSTM(1"), (DROPPED.format(0), "")], ids=["expressible", "not"]
)
def test_change_of_keras_3_has_a_script(case: str, script: str) -> None:
    """Which needs Keras only, or the reason why there is none."""
    environment = {"keras": "3.15.1", "backend": "tensorflow"}
    (change,) = upgraded(version(), version({}, otherwise="ValueError", environment=environment), case).changes
    assert script in change.script
    assert bool(change.no_script) is not bool(change.script)


def test_another_kernel_is_reported() -> None:
    """Also where it changes nothing."""
    report = upgraded(version(), version(environment={"kernel": "fused kernel"}), PLAIN.format(0), MASKED.format(0))
    blocks = page(report, judge(report, None))
    assert Rows(("from", "to", "cases"), [("loop", "fused kernel", "2")]) in blocks


@pytest.mark.parametrize("lacking", [0, 1], ids=["before", "after"])
def test_states_are_not_asked_for_where_one_side_lacks_them(lacking: int) -> None:
    """Both are asked without return_state, and the report counts such cases."""
    facts = [{"arguments": {"units": "required", "return_state": "False"}}, {"arguments": {"units": "required"}}]
    before, after = (version(facts=facts[side == lacking]) for side in (0, 1))
    report = upgraded(before, after, PLAIN.format(0), PLAIN.format(0).replace("seq", "seq-nostate"))
    assert report.planned == ("u3-d2-t5-b4-seq-nostate-s0",)
    assert [fact.subject for fact in report.facts] == ["argument return_state"]


def test_states_are_asked_for_where_nothing_is_known() -> None:
    """An implementation that says nothing of its API is taken to have them."""
    case = Case.from_id(PLAIN.format(0))
    assert supported_cases([case], [{}, {}]) == ([case], ())


def test_worker_processes_run_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """One each, as for real; one that dies of a case is that case's crash."""
    monkeypatch.setattr("conformance.upgrade.side.Pool", Pool)
    case = PLAIN.format(0)
    dying = Implementation(name="dying", make_adapter=partial(Dying, case))
    report = upgraded(version(), dying, case, PLAIN.format(1), reduces=False)
    assert [change.kind for change in report.changes] == [Kind.CRASHES, Kind.SAME_BITS]
    assert report.environments[1]["implementation"] == "dying"


def test_implementation_that_cannot_start_ends_the_run() -> None:
    """There is nothing to compare with."""
    with pytest.raises(AdapterStartError, match="pip install framework"):
        upgraded(version(), Implementation(name="absent", make_adapter=NotInstalled), PLAIN.format(0))


def test_interrupted_run_keeps_what_finished_and_is_gone_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The report says so and has what both sides have run; what the folder holds is not run again."""
    cases = [PLAIN.format(0), MASKED.format(0)]
    with monkeypatch.context() as patched:
        patched.setattr(Progress, "finished", interrupting(after=3))
        first = upgraded(version(), version(), *cases, keep=tmp_path)
    assert (first.stopped, len(first.changes), first.not_run) == ("interrupted", 1, 1)
    again = upgraded(version(), version(), *cases, keep=tmp_path)
    assert (again.stopped, again.not_run) == ("", 0)
    seconds = {change.case_id: change.after.seconds for change in (*first.changes, *again.changes)}
    assert [seconds[change.case_id] for change in first.changes] == [change.after.seconds for change in first.changes]
    with pytest.raises(JournalError, match=f"it has other cases; name another folder, or delete {tmp_path} to start anew"):
        upgraded(version(), version(), cases[0], keep=tmp_path)


def test_results_of_files_that_have_changed_are_not_kept(tmp_path: Path) -> None:
    """The same version, edited: what the folder has is of other code."""
    files, kept = tmp_path / "site-packages", tmp_path / "kept"
    files.mkdir()
    (files / "lstm.py").write_text("forget = 1\n")
    cases = [PLAIN.format(0)]
    for _ in range(2):
        assert upgraded(version(), version(files=files), *cases, keep=kept).not_run == 0
    (files / "lstm.py").write_text("forget = 2\n")
    with pytest.raises(JournalError, match=r"is the journal of another run: implementation_files \w{16} there, "):
        upgraded(version(), version(files=files), *cases, keep=kept)


def test_unresolved_case_is_compared_with_nothing() -> None:
    """What the suite or the machine has failed is counted and named, is no change and not unchanged, and the run is not whole."""
    cases = [PLAIN.format(0), MASKED.format(0)]
    report = upgraded(version(), version({cases[0]: "full disk"}, name="later"), *cases)
    assert [change.case_id for change in report.changes] == cases[1:]
    assert [(each.case_id, each.on) for each in report.unresolved] == [(cases[0], "later")]
    assert report.caveats[0].startswith("not settled on later, so not compared: 1 case: ")
    comparison = judge(report, None)
    assert (comparison.complete, comparison.as_expected, comparison.unexpected, report.not_run) == (False, False, (), 0)
    caveats = page(report, comparison)[1]
    assert isinstance(caveats, Lines)
    assert caveats.lines == report.caveats


def test_what_is_there_in_neither_says_why_first() -> None:
    """Each reason with its count, where both say the same, and where not."""
    cases = [PLAIN.format(seed) for seed in range(3)]
    before, after = (
        {case: f"absent{why}" for case, why in zip(cases, whys, strict=True)} for whys in (("", "", ""), ("", "", " yet"))
    )
    assert upgraded(version(before), version(after), *cases).caveats == [
        "there in neither, so not compared: 2 cases: there is no such thing",
        "there in neither, so not compared: 1 case: there is no such thing; then: there is no such thing yet",
    ]


def test_items_come_in_turn() -> None:
    """From each iterator one, as long as it has any."""
    assert "".join(interleave([iter("ace"), iter("b"), iter("df")])) == "abdcfe"
