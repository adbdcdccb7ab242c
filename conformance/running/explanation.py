"""Explains the failing cases of a run after all cases have run.

Failing cases are grouped, and the simplest case of each group is searched first. Deviations that are found are tried on all other
cases before the next search. So neither the number of cases that fail alike nor their order hides another cause.
"""

from __future__ import annotations

import collections
import itertools
import math
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from conformance.cases.case import Case
from conformance.diagnosis.diagnosis import search
from conformance.diagnosis.groups import differing_groups
from conformance.diagnosis.picture import picture_of
from conformance.judging.attribution import suite_error_message
from conformance.judging.verdict import Picture, Result, Verdict
from conformance.running.evidence import KeptEvidence
from lstm_ref.deviations import DEVIATIONS, Deviation

# Number of full searches in a run. Each runs the reference once per deviation, on a small case within a second.
MOST_SEARCHES = 24
# Seconds after which a run explains no further case.
EXPLANATION_SECONDS = 120.0
# Number of deviations of one search that are tried on other cases. A case with large uncertainty may match nearly all.
MOST_CANDIDATES = 8
# Largest number of pictures in a report, and of cases that are tried for each until one can be drawn.
MOST_PICTURES, PICTURE_TRIES = 24, 3

NOT_KEPT = "no diagnosis: the outputs of the failing run are not kept"
NOT_SEARCHED = "no diagnosis: the searches of this run were spent on other cases that fail in other ways"
OUT_OF_TIME = "no diagnosis: the time for explanations was over"


@dataclass(kw_only=True)
class Explainer:
    """Finds the deviations that explain the failing cases of an implementation, and draws differences.

    A full search runs the reference once per deviation. The searches go to the groups of failing cases in turn.

    Attributes:
        evidence: of the failing cases.
        run_again: runs cases without evidence once more, such as those that an earlier run has finished; it keeps their evidence.
        searches: number of full searches that may still be made.
        seconds: that the explanations of one call may take.
        clock: time in seconds.
        found: deviations that have explained a case.
    """

    evidence: KeptEvidence
    run_again: Callable[[Sequence[Case]], Iterable[Result]] = lambda cases: ()  # noqa: ARG005  # nothing can run again
    searches: int = MOST_SEARCHES
    seconds: float = EXPLANATION_SECONDS
    clock: Callable[[], float] = time.monotonic
    found: list[Deviation] = field(default_factory=list)

    def explain(self, results: Sequence[Result], pictures: int = MOST_PICTURES) -> list[Result]:
        """Return the results of a run with explanations. No verdict changes.

        Args:
            results: all results of the run.
            pictures: largest number of pictures: of the simplest case of each group, then of the next ones in turn.
        """
        unexplained = (list(filter(_is_unexplained, group)) for group in differing_groups(results))
        unknown_first = sorted(filter(None, unexplained), key=lambda group: bool(group[0].known))
        explanation = _Explanation(self, unknown_first, deadline=self.clock() + self.seconds)
        explanation.run()
        explained = [explanation.applied_to(result) for result in results]
        drawn = dict(itertools.islice(self._pictures(explained, PICTURE_TRIES * pictures), pictures))
        return [replace(result, picture=drawn.get(result.case_id)) for result in explained]

    def with_found(self, result: Result) -> Result:
        """Return a result of a further case with the deviations among those that were found that explain it."""
        if not _is_unexplained(result) or result.case_id not in self.evidence:
            return result
        explanation = _Explanation(self, [[result]], deadline=math.inf)
        explanation.try_all(self.found)
        return explanation.applied_to(result)

    def _pictures(self, results: Sequence[Result], tries: int) -> Iterator[tuple[str, Picture]]:
        """Yield pictures and the ids of their cases, the groups in turn: first of the groups that are not as expected."""
        groups = [group for group in differing_groups(results) if group[0].verdict is not Verdict.ERROR]
        groups.sort(key=lambda group: group[0].verdict.is_expected)
        in_turn = filter(None, itertools.chain.from_iterable(itertools.zip_longest(*groups)))
        for result in itertools.islice(in_turn, tries):
            if (picture := self._picture(result)) is not None:
                yield result.case_id, picture

    def _picture(self, result: Result) -> Picture | None:
        """The picture of a difference; None if there is no evidence, or if it cannot be drawn."""
        try:
            return picture_of(self.evidence[result.case_id], result.explained_by)
        except Exception:  # noqa: BLE001  # a result is complete without its picture
            return None


@dataclass
class _Explanation:
    """The explanation of one run's failing cases.

    Attributes:
        explainer: whose searches are used.
        groups: of the failing results without an explanation.
        deadline: on the explainer's clock.
        names: case id → names of the deviations that explain it.
        notes: case id → why it was not explained.
        in_vain: ids of the cases that none of all deviations explains.
    """

    explainer: Explainer
    groups: Sequence[Sequence[Result]]
    deadline: float
    names: dict[str, tuple[str, ...]] = field(default_factory=dict)
    notes: dict[str, str] = field(default_factory=dict)
    in_vain: set[str] = field(default_factory=set)

    def run(self) -> None:
        """Explain as many cases as searches and time allow. A case that is not asked says so, unless one like it was."""
        self._observe_again()
        self.try_all(self.explainer.found)
        waiting = deque(deque(group) for group in self.groups)
        while waiting and self.explainer.searches and not self._is_over:
            group = waiting.popleft()
            result = next((result for result in _emptied(group) if self._is_pending(result)), None)
            if result is not None:
                self._search(result)
                waiting.append(group)
        why = OUT_OF_TIME if self._is_over else NOT_SEARCHED
        for members in self.groups:
            if not any(result.case_id in self.in_vain for result in members):
                self.notes |= {result.case_id: why for result in members if self._is_pending(result)}

    def applied_to(self, result: Result) -> Result:
        """The result with its explanation, or with the reason why there is none.

        Deviations that explain more cases of the run come first.
        """
        frequency = collections.Counter(itertools.chain.from_iterable(self.names.values()))
        names = sorted(self.names.get(result.case_id, ()), key=lambda name: -frequency[name])
        note = "; ".join(filter(None, [result.not_explained, self.notes.get(result.case_id)]))
        return replace(result, explained_by=tuple(names) or result.explained_by, not_explained=note)

    @property
    def _is_over(self) -> bool:
        return self.explainer.clock() > self.deadline

    def _is_pending(self, result: Result) -> bool:
        return result.case_id not in self.names and result.case_id not in self.notes

    def _pending(self) -> Iterator[Result]:
        return filter(self._is_pending, itertools.chain.from_iterable(self.groups))

    def _observe_again(self) -> None:
        """Run the cases without evidence again. Those that have a note are why: the evidence could not be kept."""
        missing = [result for result in self._pending() if result.case_id not in self.explainer.evidence]
        unkept = [Case.from_id(result.case_id) for result in missing if not result.not_explained]
        for _ in self.explainer.run_again(unkept) if unkept else ():
            if self._is_over:
                break
        self.notes |= {
            result.case_id: "" if result.not_explained else NOT_KEPT
            for result in missing
            if result.case_id not in self.explainer.evidence
        }

    def _search(self, result: Result) -> None:
        """Try all deviations on a case, and what is found on all other cases."""
        self.explainer.searches -= 1
        self._explain(result, DEVIATIONS.values())
        names = self.names.get(result.case_id, ())
        if not names and not self._is_over:
            self.in_vain.add(result.case_id)
        new = [DEVIATIONS[name] for name in names[:MOST_CANDIDATES] if DEVIATIONS[name] not in self.explainer.found]
        self.explainer.found += new
        self.try_all(new)

    def try_all(self, candidates: Sequence[Deviation]) -> None:
        """Try deviations on all cases that are not explained yet."""
        for result in list(self._pending()) if candidates else ():
            if not self._is_over:
                self._explain(result, candidates)

    def _explain(self, result: Result, candidates: Iterable[Deviation]) -> None:
        in_time = itertools.takewhile(lambda _: not self._is_over, candidates)
        try:
            names = search(in_time, self.explainer.evidence[result.case_id])
        except Exception as error:  # noqa: BLE001  # the verdict does not depend on its explanation
            self.notes[result.case_id] = f"no diagnosis: {suite_error_message(error)}"
            return
        if names:
            self.names[result.case_id] = names


def _is_unexplained(result: Result) -> bool:
    """Whether a deviation may explain the result. A description that does not show fails without a failing check."""
    failing = any(check.verdict is Verdict.FAIL for check in result.checks)
    return result.verdict is Verdict.FAIL and failing and not result.explained_by


def _emptied(group: deque[Result]) -> Iterator[Result]:
    """Remove results from the front of a group."""
    while group:
        yield group.popleft()
