"""What a change comes down to: the smallest case that shows it, where the two part there, and a script."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from conformance.cases.case import Case
from conformance.diagnosis.reduce import reduce_case
from conformance.explaining.reproduce import reproduction
from conformance.judging.verdict import Result, Verdict
from conformance.matrix import allowed
from conformance.running.session import REDUCTION_SECONDS
from conformance.upgrade.change import Change, worst_first
from conformance.upgrade.classify import change_of
from conformance.upgrade.locate import Arrays, locate
from conformance.upgrade.side import Side
from lstm_ref import LSTMError

# Changes of different signatures that are looked into; each takes some tens of runs on both sides.
DETAILED = 6


def detailed(changes: Sequence[Change], before: Side, after: Side) -> list[Change]:
    """The changes, the first of each signature with its details, and the others with the id of that one."""
    deadline = time.perf_counter() + REDUCTION_SECONDS
    first: dict[object, Change] = {}
    for change in worst_first(changes):
        first.setdefault(change.signature, change)
    looked_into = {
        signature: _Detail(change, before, after, lambda: time.perf_counter() < deadline).found()
        for signature, change in list(first.items())[:DETAILED]
    }
    found = []
    for change in changes:
        known = looked_into.get(change.signature)
        same = known is not None and known.case_id == change.case_id
        found.append(known if same and known else replace(change, like=known.case_id) if known else change)
    return found


@dataclass(frozen=True)
class _Detail:
    """One change that is looked into."""

    change: Change
    before: Side
    after: Side
    has_time: Callable[[], bool]

    def found(self) -> Change:
        """The change with its details."""
        case = Case.from_id(self.change.case_id)
        minimal = reduce_case(case, self._still_changes, allowed)
        # The smallest case may lie at the very limit; what it hides the first one shows.
        loci = (locate(self._again(each), each, self._observe, self.after.conventions) for each in (minimal, case))
        locus = next(filter(None, loci), None) if self.change.apart else None
        script, no_script = self._script(minimal)
        return replace(self.change, minimal=minimal.id, locus=locus, script=script, no_script=no_script)

    def _still_changes(self, case: Case) -> bool:
        if not self.has_time():
            return False
        was = self.before.ask(case)
        return _like(was, self.change.before) and self._is_like(case, was)

    def _is_like(self, case: Case, was: Result) -> bool:
        now = self.after.ask(case)
        return _like(now, self.change.after) and change_of(self.before, self.after, was, now).kind is self.change.kind

    def _again(self, case: Case) -> Change:
        return change_of(self.before, self.after, self.before.ask(case), self.after.ask(case))

    def _observe(self, case: Case) -> tuple[Arrays, Arrays] | None:
        """What both return; None where one does not answer."""
        answers = []
        for side in (self.before, self.after):
            answered = side.ask(case).verdict in (Verdict.PASS, Verdict.FAIL)
            answers.append(side.arrays(case.id) if answered else None)
        one, other = answers
        return None if one is None or other is None else (one, other)

    def _script(self, case: Case) -> tuple[str, str]:
        """A script, or why there is none."""
        environment = next((each.environment for each in (self.after, self.before) if _is_keras_3(each)), None)
        if environment is None:
            return "", "scripts are made for Keras 3 only"
        try:
            return reproduction(case, environment["backend"]), ""
        except LSTMError as error:
            return "", str(error)


def _like(result: Result, target: Result) -> bool:
    """Whether a result comes out as another: as right, or wrong or failing in the same way."""
    if target.verdict in (Verdict.FAIL, Verdict.ERROR):
        return result.differs_like(target) and {*target.explained_by[:1]} <= {*result.explained_by}
    return result.verdict is target.verdict


def _is_keras_3(side: Side) -> bool:
    return side.environment.get("keras", "").startswith("3.")
