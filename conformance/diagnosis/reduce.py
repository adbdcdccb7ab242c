"""From a case that differs to a smaller one that still does: the fewest features, then the smallest sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from conformance.cases.case import Case
from conformance.cases.features import FEATURES, Feature
from lstm_ref import LSTMError

SIZES = ("timesteps", "batch", "units", "input_dim")

_FEW = range(1, 7)  # the masks' patterns all differ at 6 timesteps

# One greedy pass tries each of the 30 features once, and few passes follow: no reduction comes near this.
MAX_TRIES = 400

Judge = Callable[[Case], bool]


def reduce_case(case: Case, still_differs: Judge, is_valid: Judge = lambda case: True) -> Case:  # noqa: ARG005  # every case
    """The smallest case that greedy steps reach.

    Features go back to their defaults one at a time, until none can, and sizes shrink to 1 or as near as the difference
    allows. This is done once with the features of the answer first and once with those of the execution first; the smaller
    result is returned. No case is tried twice, and at most MAX_TRIES are; a case that cannot be asked does not differ.

    Args:
        case: one that differs.
        still_differs: whether another one does; it may raise LSTMError where that is not askable.
        is_valid: whether a case is one that the matrix could hold.
    """
    tried = _Tried(still_differs=still_differs, is_valid=is_valid, known={case: True})
    semantic = tuple(feature for feature in FEATURES if feature.is_semantic)
    execution = tuple(feature for feature in FEATURES if not feature.is_semantic)
    results = [_shrunk(_plainer(case, order, tried), tried) for order in ((*execution, *semantic), (*semantic, *execution))]
    return min(results, key=_size)


@dataclass
class _Tried:
    """What is known of the cases that were tried."""

    still_differs: Judge
    is_valid: Judge
    known: dict[Case, bool] = field(default_factory=dict)

    def first(self, candidates: Iterable[Case]) -> Case | None:
        """The first candidate that differs."""
        return next((case for case in candidates if self.differs(case)), None)

    def differs(self, case: Case) -> bool:
        """Whether a case differs, asked at most once."""
        if case not in self.known:
            if len(self.known) > MAX_TRIES:
                return False
            try:
                self.known[case] = self.is_valid(case) and self.still_differs(case)
            except LSTMError:
                self.known[case] = False
        return self.known[case]


def _plainer(case: Case, order: tuple[Feature, ...], tried: _Tried) -> Case:
    """With as many features as possible at their defaults."""
    while (plainer := tried.first(_without_one(case, order))) is not None:
        case = plainer
    return case


def _without_one(case: Case, order: tuple[Feature, ...]) -> Iterator[Case]:
    """The case without one of its features, and without what only that one gives a meaning."""
    for feature in order:
        if feature.name in case.non_default_features:
            needing = {name for name, needed in _NEEDED.items() if needed == feature.name}
            defaults = {other.name: other.default for other in FEATURES if other.name in needing | {feature.name}}
            yield from _askable(case, **defaults)


# Features that say nothing unless another one departs from its default.
_NEEDED = {
    "mask_source": "mask",
    "zero_output_for_mask": "mask",
    "merge_mode": "architecture",
    "unequal": "architecture",
}


def _shrunk(case: Case, tried: _Tried) -> Case:
    """With sizes as near to 1 as possible: a few, half, or one less."""
    while (smaller := tried.first(_one_smaller(case))) is not None:
        case = smaller
    return case


def _one_smaller(case: Case) -> Iterator[Case]:
    for name in SIZES:
        size = case.config.units if name == "units" else getattr(case, name)
        for less in sorted({*_FEW, size // 2, size - 1}):
            if 0 < less < size:
                yield from _askable(case, **{name: less})


def _askable(case: Case, **changes: object) -> Iterator[Case]:
    try:
        yield case.replace(**changes)
    except LSTMError:
        return


def _size(case: Case) -> tuple[int, int, str]:
    """Fewest features, then smallest sizes; the id decides between equals."""
    return len(case.non_default_features), case.timesteps + case.batch + case.config.units + case.input_dim, case.id
