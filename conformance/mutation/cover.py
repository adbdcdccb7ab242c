"""Chooses level quick: cases and probes that together reject what level standard rejects, at a low cost.

What must be covered: every mutant of the studies, by several choices where there are several; every deviation of the registry, in a
case in which it can show; every known difference of each backend, and of earlier systems; every difference in reports of earlier
versions; the pairs of `CHANGED_TOGETHER`; every value of every feature. The greedy algorithm for set cover takes what covers most
of the rest for its cost (Chvátal 1979, A greedy heuristic for the set-covering problem).
"""

from __future__ import annotations

import collections
import heapq
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conformance.cases.case import Case
from conformance.cases.features import FEATURES
from conformance.known.known_differences import EARLIER_FILE, condition_values, known_differences
from conformance.matrix import surface
from conformance.mutation.study import Study
from conformance.running.kill_matrix import affected_cases
from lstm_ref.deviations import DEVIATIONS

# Pairs of features that versions of Keras have changed together, though neither alone.
CHANGED_TOGETHER: Mapping[str, Callable[[Case], bool]] = {
    "the second layer under a mask": lambda case: case.architecture == "layers2" and case.mask != "none",
    "stacked cells under a mask": lambda case: case.architecture == "cells2" and case.mask != "none",
    "a loss under a mask": lambda case: case.returns_loss and case.mask != "none",
    "a gradient under a mask": lambda case: case.execution.route == "gradient" and case.mask != "none",
    "a gradient of a stateful layer": lambda case: case.execution.route == "gradient" and case.config.stateful,
    "a mask with initial states": lambda case: case.initial_state and case.mask != "none",
    "an implicit mask with initial states": lambda case: case.initial_state and case.mask_source != "argument",
    "a Bidirectional with initial states": lambda case: case.architecture == "bidi" and case.initial_state,
    "a stateful Bidirectional": lambda case: case.architecture == "bidi" and case.config.stateful,
    "a stateful layer under a mask": lambda case: case.config.stateful and case.mask != "none",
    "an unrolled loop under a mask": lambda case: case.execution.unroll and case.mask != "none",
    "zeros for masked outputs backwards": lambda case: case.config.zero_output_for_mask and case.config.go_backwards,
    "TimeDistributed under a mask": lambda case: case.architecture == "td" and case.mask != "none",
    "more than 64 units": lambda case: case.config.units > 64,
    "more than 64 features": lambda case: case.input_dim > 64,
    "more than 64 rows": lambda case: case.batch > 64,
    "more than 64 timesteps": lambda case: case.timesteps > 64,
}
# Seconds that any case costs beside what was measured: its stimulus, the reference, the judgement.
LEAST_SECONDS = 0.02
_MUTANT = "mutant "
# Where the words of an exception end that are the same in every case: at the first number, name or collection.
_VARYING = re.compile(r"[\d'\"(\[{]")


@dataclass
class Cover:
    """What must be covered, and by what it can be.

    Attributes:
        seconds: id of a case or probe → cost. Only these can be chosen.
        rows: what must be covered → the ids that cover it.
    """

    seconds: Mapping[str, float]
    rows: dict[str, set[str]] = field(default_factory=lambda: collections.defaultdict(set))

    def add(self, row: str, ids: Iterable[str]) -> None:
        """Add ids that cover a row. A row that nothing covers is left out."""
        if found := self.seconds.keys() & set(ids):
            self.rows[row] |= found

    def add_study(self, study: Study) -> None:
        """Add a row for each mutant."""
        for row in study.rows:
            self.add(f"{_MUTANT}{row.id} on {study.backend}", row.rejected_by)

    def add_surface(self, cases: Sequence[Case]) -> None:
        """Add a row for each deviation that may not hide, each pair, and each value of each feature.

        A deviation is covered by a case of level features if there is one: no such case is blind to what can show in it.
        """
        features = {item.id for item in surface("features")}
        for name, deviation in DEVIATIONS.items():
            if not deviation.hides:
                affected = affected_cases(name, cases)
                proven = [case for case in affected if case.id in features]
                self.add(f"deviation {name}", (case.id for case in proven or affected))
        for name, has in CHANGED_TOGETHER.items():
            self.add(name, (case.id for case in cases if has(case)))
        for case in cases:
            for feature in FEATURES:
                self.add(f"{feature.name} {case.feature(feature)}", [case.id])

    def add_known_differences(self) -> None:
        """Add a row for each known difference, of earlier systems too, on each backend: the cases and probes that it covers."""
        values = {name: condition_values(name) for name in self.seconds}
        for entry in (*known_differences(), *known_differences(EARLIER_FILE)):
            for backend in entry.backends:
                covered = (name for name, each in values.items() if entry.covers(each, backend, entry.first))
                self.add(f"{entry.id} on {backend}", covered)

    def add_report(self, report: Mapping[str, Any]) -> None:
        """Add a row for each known difference, and for each kind of other difference, of a report of `verify --json`.

        A version has what the next one does not have, or the reverse: the rows are what changes from version to version.
        """
        environment = report["environment"]
        where = f"{environment['implementation']} {environment.get('keras', '')} on {environment.get('backend', '')}"
        for result in report["results"]:
            if result["verdict"] not in ("PASS", "UNSUPPORTED"):
                checks = ", ".join(check["check"] for check in result["checks"] if check["verdict"] != "PASS")
                exception = _VARYING.split(result["reason"])[0]
                kind = result["known"] or f"{result['explained_by'] or result['verdict']} {checks or exception}"
                self.add(f"{where}: {kind}", [result["case_id"]])

    def choose(self, times: int, given: Iterable[str] = ()) -> list[str]:
        """Return ids that cover each mutant `times` times, where it can be, and the rest once. `given` are chosen first."""
        open_rows = {row: min(times, len(ids)) if row.startswith(_MUTANT) else 1 for row, ids in self.rows.items()}
        covers: dict[str, set[str]] = collections.defaultdict(set)
        for row, ids in self.rows.items():
            for name in ids:
                covers[name].add(row)
        chosen = [name for name in given if name in self.seconds]
        for name in chosen:
            _count(covers.pop(name, set()), open_rows)
        chosen += _greedy(covers, open_rows, self.seconds)
        return chosen


def _greedy(covers: dict[str, set[str]], open_rows: dict[str, int], seconds: Mapping[str, float]) -> Iterator[str]:
    """Yield what covers most open rows for its cost, until none is open. What a choice covers only falls, so a heap stays valid."""

    def worth(name: str) -> float:
        return -sum(open_rows[row] > 0 for row in covers[name]) / (seconds[name] + LEAST_SECONDS)

    heap = [(worth(name), name) for name in sorted(covers)]
    heapq.heapify(heap)
    while heap and any(open_rows.values()):
        _, name = heapq.heappop(heap)
        now = worth(name)
        if heap and now > heap[0][0]:
            heapq.heappush(heap, (now, name))
        elif now < 0:
            yield name
            _count(covers[name], open_rows)


def _count(rows: Iterable[str], open_rows: dict[str, int]) -> None:
    for row in rows:
        open_rows[row] = max(0, open_rows[row] - 1)
