"""The details of a change: the smallest case that shows it, the first difference in that case, and a script."""

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

# The most changes, of different signatures, that get details; each takes some tens of runs on both sides.
MOST_DETAILED = 6


def with_details(changes: Sequence[Change], before: Side, after: Side) -> list[Change]:
    """The changes; the first of each signature has details, and the others have its id in `like`."""
    deadline = time.perf_counter() + REDUCTION_SECONDS
    first: dict[object, Change] = {}
    for change in (change for change in worst_first(changes) if not change.is_probe):
        first.setdefault(change.signature, change)
    examined = {
        signature: _Examination(change, before, after, lambda: time.perf_counter() < deadline).run()
        for signature, change in list(first.items())[:MOST_DETAILED]
    }
    result = []
    for change in changes:
        detailed = None if change.is_probe else examined.get(change.signature)
        if detailed is None:
            result.append(change)
        else:
            result.append(detailed if detailed.case_id == change.case_id else replace(change, like=detailed.case_id))
    return result


@dataclass(frozen=True)
class _Examination:
    """Finds the details of one change."""

    change: Change
    before: Side
    after: Side
    has_time: Callable[[], bool]

    def run(self) -> Change:
        """The change with its details."""
        case = Case.from_id(self.change.case_id)
        minimal = reduce_case(case, self._still_changes, allowed)
        # The difference of the smallest case may be just within the limit at every timestep; then the first case shows it.
        reruns = ((each, self.before.run_case(each), self.after.run_case(each)) for each in (minimal, case))
        changes = ((each, change_of(self.before, self.after, was, now)) for each, was, now in reruns)
        places = (locate(change, each, self._observe, self.after.conventions) for each, change in changes)
        locus = next(filter(None, places), None) if self.change.apart else None
        script, no_script = self._script(minimal)
        return replace(self.change, minimal=minimal.id, locus=locus, script=script, no_script=no_script)

    def _still_changes(self, case: Case) -> bool:
        if not self.has_time():
            return False
        was = self.before.run_case(case)
        if not _alike(was, self.change.before):
            return False
        now = self.after.run_case(case)
        return _alike(now, self.change.after) and change_of(self.before, self.after, was, now).kind is self.change.kind

    def _observe(self, case: Case) -> tuple[Arrays, Arrays] | None:
        """The arrays of both sides; None where a side gives no answer."""
        answers = []
        for side in (self.before, self.after):
            answered = side.run_case(case).verdict in (Verdict.PASS, Verdict.FAIL)
            answers.append(side.arrays(case.id) if answered else None)
        before, after = answers
        return None if before is None or after is None else (before, after)

    def _script(self, case: Case) -> tuple[str, str]:
        """A script and "", or "" and why there is no script."""
        environments = (side.environment for side in (self.after, self.before))
        environment = next((known for known in environments if known.get("keras", "").startswith("3.")), None)
        if environment is None:
            return "", "scripts are made for Keras 3 only"
        try:
            return reproduction(case, environment["backend"]), ""
        except LSTMError as error:
            return "", str(error)


def _alike(result: Result, target: Result) -> bool:
    """Whether two results are the same outcome: both right, or wrong or failing in the same way."""
    if target.verdict in (Verdict.FAIL, Verdict.ERROR):
        return result.fails_like(target) and {*target.explained_by[:1]} <= {*result.explained_by}
    return result.verdict is target.verdict
