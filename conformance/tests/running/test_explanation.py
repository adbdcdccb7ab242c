"""The second pass: failing cases are grouped, the simplest of each group is searched first, within a budget and a deadline."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from conformance.adapters.base import Adapter
from conformance.cases.case import Case
from conformance.judging.checks import Evidence
from conformance.judging.verdict import Result, Verdict
from conformance.matrix import surface
from conformance.running.evidence import EvidenceFolder
from conformance.running.explanation import MOST_CANDIDATES, NOT_KEPT, NOT_SEARCHED, OUT_OF_TIME, Explainer
from conformance.running.runner import run
from conformance.tests.support.doubles import Mistaken, Scaling
from lstm_ref.deviations import DEVIATIONS

RIGHT = [Case.from_id(f"u3-d2-t5-b4-seq{words}-s0") for words in ("", "-init", "-stateful", "-nobias")]
MASKED = [Case.from_id(f"u3-d2-t5-b{batch}-seq-mask_left{words}-s0") for words in ("-init", "") for batch in (6, 5, 4, 3)]
BACKWARDS = [Case.from_id("u3-d2-t5-b4-seq-back-s0")]
# Nothing explains what is wrong with a mask, and it fails first and most often.
TWO_CAUSES = Mistaken((("mask", "left", ""), ("go_backwards", True, "all_gates_ifoc")))
EXPLICABLE = Mistaken((("mask", "left", "output_tanh_missing"), ("go_backwards", True, "all_gates_ifoc")))


class ReadEvidence(dict[str, Evidence]):
    """Evidence, and the ids of the cases whose evidence was read, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.ids: list[str] = []

    def __getitem__(self, case_id: str) -> Evidence:
        """The evidence of a case."""
        self.ids.append(case_id)
        return super().__getitem__(case_id)

    def keep(self, evidence: Evidence) -> None:
        """Add evidence."""
        self[evidence.case.id] = evidence


def explained(
    cases: Sequence[Case], adapter: Adapter, evidence: ReadEvidence | None = None, pictures: int = 0, **limits: Any
) -> dict[str, Result]:
    """The results of a run by case id."""
    evidence = ReadEvidence() if evidence is None else evidence
    results = list(run(cases, adapter, keep_evidence=evidence.keep))
    return {each.case_id: each for each in Explainer(evidence=evidence, **limits).explain(results, pictures=pictures)}


def test_a_cause_that_fails_first_and_often_hides_no_other() -> None:
    """Each of the two groups has a search, although nothing explains the first."""
    results = explained([*MASKED, *BACKWARDS, *RIGHT], TWO_CAUSES, searches=2)
    assert results[BACKWARDS[0].id].explained_by == ("all_gates_ifoc",)
    assert {results[case.id].explained_by for case in MASKED} == {()}
    assert {result.not_explained for result in results.values()} == {""}


def test_two_causes_are_both_named() -> None:
    """With one search each: what is found is tried on the other cases before the next search."""
    results = explained([*MASKED, *BACKWARDS, *RIGHT], EXPLICABLE, searches=2)
    assert {results[case.id].explained_by[0] for case in MASKED} == {"output_tanh_missing"}
    assert results[BACKWARDS[0].id].explained_by == ("all_gates_ifoc",)
    assert {results[case.id].verdict for case in RIGHT} == {Verdict.PASS}


def test_what_one_group_has_shown_is_tried_on_the_others() -> None:
    """One cause may fail in groups of other checks: one search is enough."""
    without_states = [Case.from_id(f"u3-d2-t5-b4-seq-nostate-{words}s0") for words in ("mask_left-", "mask_left-init-")]
    results = explained([*without_states, *MASKED, *RIGHT], EXPLICABLE, searches=1)
    assert {results[case.id].explained_by[0] for case in (*without_states, *MASKED)} == {"output_tanh_missing"}


def test_the_simplest_case_of_each_group_is_searched_first() -> None:
    """Fewest features, then smallest, whatever the order of the run; then the next simplest, the groups in turn."""
    asked = ReadEvidence()
    explained([*MASKED, *BACKWARDS, *RIGHT], Mistaken((("mask", "left", ""), ("go_backwards", True, ""))), asked, searches=4)
    plain = sorted((case for case in MASKED if not case.initial_state), key=lambda case: case.batch)
    assert asked.ids == [plain[0].id, BACKWARDS[0].id, plain[1].id, plain[2].id]


def test_searches_are_limited() -> None:
    """A group that gets none says so; one whose simplest case was searched in vain has no note."""
    results = explained([*MASKED, *BACKWARDS, *RIGHT], TWO_CAUSES, searches=1)
    assert {results[case.id].not_explained for case in MASKED} == {""}
    assert (results[BACKWARDS[0].id].not_explained, results[BACKWARDS[0].id].verdict) == (NOT_SEARCHED, Verdict.FAIL)


def test_explanations_end_in_time() -> None:
    """With what was explained until then, here nothing; verdicts stay."""
    results = explained([*MASKED[:2], *RIGHT], EXPLICABLE, seconds=-1.0)
    assert {results[case.id].explained_by for case in MASKED[:2]} == {()}
    assert {results[case.id].not_explained for case in MASKED[:2]} == {OUT_OF_TIME}
    assert {results[case.id].verdict for case in MASKED[:2]} == {Verdict.FAIL}


def test_a_search_ends_in_time_too() -> None:
    """Its last deviations are not tried."""
    readings: Iterator[float] = iter([0.0] * 6 + [100.0] * 1000)
    results = explained(BACKWARDS, EXPLICABLE, seconds=1.0, clock=readings.__next__)
    assert results[BACKWARDS[0].id].explained_by == ()


def test_the_next_run_of_an_explainer_uses_what_the_last_has_found() -> None:
    """And the searches that are left."""
    evidence = ReadEvidence()
    explainer = Explainer(evidence=evidence, searches=1)
    runs = [explainer.explain(list(run([case], EXPLICABLE, keep_evidence=evidence.keep))) for case in MASKED[:2]]
    assert [results[0].explained_by[0] for results in runs] == ["output_tanh_missing"] * 2
    assert explainer.searches == 0


def test_a_further_case_is_explained_by_what_was_found_only() -> None:
    """It costs no search."""
    evidence = ReadEvidence()
    explainer = Explainer(evidence=evidence, found=[DEVIATIONS["output_tanh_missing"]])
    results = run([MASKED[0], *BACKWARDS, RIGHT[0]], EXPLICABLE, keep_evidence=evidence.keep)
    explanations = {result.case_id: explainer.with_found(result).explained_by for result in results}
    assert explanations == {MASKED[0].id: ("output_tanh_missing",), BACKWARDS[0].id: (), RIGHT[0].id: ()}


def test_what_explains_more_cases_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simplest case may not tell two deviations apart."""
    narrow, broad = (DEVIATIONS[name] for name in ("hard_sigmoid", "two_biases"))

    def search(candidates: Any, evidence: Evidence) -> tuple[str, ...]:
        names = [deviation.name for deviation in candidates]
        wanted = [narrow.name, broad.name] if evidence.case == MASKED[-1] else [broad.name]
        return tuple(name for name in wanted if name in names)

    monkeypatch.setattr("conformance.running.explanation.search", search)
    results = explained([*MASKED, *RIGHT], EXPLICABLE)
    assert results[MASKED[-1].id].explained_by == (broad.name, narrow.name)


def test_a_case_that_matches_everything_has_few_candidates_for_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise all other cases would have a full search each."""
    monkeypatch.setattr("conformance.running.explanation.search", lambda candidates, _: tuple(each.name for each in candidates))
    evidence = ReadEvidence()
    explainer = Explainer(evidence=evidence, searches=1)
    (result,) = explainer.explain(list(run(BACKWARDS, EXPLICABLE, keep_evidence=evidence.keep)), pictures=0)
    assert (len(explainer.found), len(result.explained_by)) == (MOST_CANDIDATES, len(DEVIATIONS))


def test_known_differences_are_not_searched() -> None:
    """Their cause is known."""
    asked = ReadEvidence()
    (result,) = run(MASKED[:1], EXPLICABLE, lambda *_: ("mask_ignored",), keep_evidence=asked.keep)
    (same,) = Explainer(evidence=asked).explain([result], pictures=0)
    assert (same.explained_by, asked.ids) == (("mask_ignored",), [])


@pytest.mark.parametrize(("searches", "explained_by"), [(1, ()), (2, ("output_tanh_missing",))])
def test_failures_with_a_known_difference_are_searched_last(searches: int, explained_by: tuple[str, ...]) -> None:
    """As `upgrade` and `history` have them: its entry may not say which deviation explains it."""
    asked = ReadEvidence()
    failing = list(run([*MASKED, *BACKWARDS], EXPLICABLE, keep_evidence=asked.keep))
    known = {case.id for case in MASKED}
    results = [replace(result, known="entry") if result.case_id in known else result for result in failing]
    explained = {result.case_id: result for result in Explainer(evidence=asked, searches=searches).explain(results, pictures=0)}
    assert {explained[case_id].explained_by[:1] for case_id in known} == {explained_by}
    assert explained[BACKWARDS[0].id].explained_by == ("all_gates_ifoc",)


def drawn(pictures: int) -> set[str]:
    """The ids of the cases that have a picture."""
    results = explained([*MASKED, *BACKWARDS, *RIGHT], EXPLICABLE, pictures=pictures)
    return {case_id for case_id, result in results.items() if result.picture}


def test_the_simplest_case_of_each_group_is_drawn_first() -> None:
    """Then the others; not more than the report takes."""
    assert drawn(2) == {MASKED[-1].id, BACKWARDS[0].id}
    assert len(drawn(1)) == 1
    assert len(drawn(len(MASKED))) == len(MASKED)
    assert drawn(99) == {case.id for case in (*MASKED, *BACKWARDS)}


def test_a_group_that_cannot_be_drawn_takes_no_picture_from_another() -> None:
    """A loss has no places; the next group is drawn in its stead."""
    undrawn = [Case.from_id(f"u3-d2-t5-b{batch}-seq-nostate-mask_left-via_evaluate-s0") for batch in range(2, 12)]
    results = explained([*undrawn, *BACKWARDS, *RIGHT], EXPLICABLE, pictures=1)
    assert {case_id for case_id, result in results.items() if result.picture} == {BACKWARDS[0].id}


# --- evidence ------------------------------------------------------------------------------------------------------------------


def test_evidence_in_files_gives_the_same_explanations(tmp_path: Path) -> None:
    """Observations are kept as they are."""
    folder, asked = EvidenceFolder(tmp_path), ReadEvidence()
    from_files = Explainer(evidence=folder).explain(list(run([*MASKED, *RIGHT], EXPLICABLE, keep_evidence=folder)))
    from_memory = Explainer(evidence=asked).explain(list(run([*MASKED, *RIGHT], EXPLICABLE, keep_evidence=asked.keep)))
    assert [(each.explained_by, each.picture) for each in from_files] == [(each.explained_by, each.picture) for each in from_memory]
    assert {path.stem for path in tmp_path.iterdir()} == {case.id for case in MASKED}


def test_a_long_id_has_evidence_too(tmp_path: Path) -> None:
    """File systems allow names of 255 bytes."""
    longest = max((case for case in surface("deep") if isinstance(case, Case)), key=lambda case: len(case.id))
    longer = Case.from_id(longest.id.replace("-ract_", "-act_hard_sigmoid-ract_"))
    assert len(longer.id) > 255
    folder = EvidenceFolder(tmp_path)
    (result,) = run([longer], Scaling(2.0), keep_evidence=folder)
    assert (result.not_explained, longer.id in folder, folder[longer.id].case) == ("", True, longer)


def test_lost_evidence_leaves_the_verdict() -> None:
    """The result says what is missing; a case that can run again does."""
    results = list(run([MASKED[0]], EXPLICABLE))
    (lost,) = Explainer(evidence={}).explain(results)
    assert (lost.verdict, lost.explained_by, lost.not_explained) == (Verdict.FAIL, (), NOT_KEPT)
    evidence = ReadEvidence()

    def run_again(cases: Sequence[Case]) -> Iterator[Result]:
        return run(cases, EXPLICABLE, keep_evidence=evidence.keep)

    (found,) = Explainer(evidence=evidence, run_again=run_again).explain(results)
    assert (found.explained_by, found.not_explained) == (("output_tanh_missing",), "")
    assert list(evidence) == [MASKED[0].id]


def test_unreadable_evidence_leaves_the_verdict(tmp_path: Path) -> None:
    """A worker may have died while it wrote it; the other cases are explained."""
    folder = EvidenceFolder(tmp_path)
    results = list(run([*MASKED, *RIGHT], EXPLICABLE, keep_evidence=folder))
    os.truncate(tmp_path / f"{MASKED[-1].id}.pickle", 10)
    after = {each.case_id: each for each in Explainer(evidence=folder).explain(results)}
    assert after[MASKED[-1].id].not_explained.startswith("no diagnosis: the suite itself failed: ")
    assert after[MASKED[-1].id].verdict is Verdict.FAIL
    assert {after[case.id].explained_by[0] for case in MASKED[:-1]} == {"output_tanh_missing"}


def test_a_disk_that_is_nearly_full_keeps_no_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left is for results and journals; the case is not run again, since it would find no room either."""
    monkeypatch.setattr("conformance.running.evidence.LEAST_FREE", 2**62)
    folder = EvidenceFolder(tmp_path)
    results = list(run(MASKED[:1], Scaling(2.0), keep_evidence=folder))
    (after,) = Explainer(evidence=folder, run_again=lambda _: pytest.fail("ran again")).explain(results)
    assert after.verdict is Verdict.FAIL
    assert after.not_explained.startswith("no diagnosis and no picture: ")
    assert "No space left" in after.not_explained
    assert not list(tmp_path.iterdir())
